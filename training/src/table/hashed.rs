//! The checksum of a file, taken while it is read.

use std::io::{Read, Result as IoResult};

use sha2::{Digest as _, Sha256};

/// A file whose checksum is taken while it is read.
pub(super) struct Hashed<R> {
    input: R,
    hash: Sha256,
}

impl<R: Read> Hashed<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            hash: Sha256::new(),
        }
    }

    /// Of all that was read, in hexadecimal digits.
    pub(super) fn sha256(self) -> String {
        format!("{:x}", self.hash.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
