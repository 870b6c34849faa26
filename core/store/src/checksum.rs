//! SHA-256 of contents: names of tiles and the `file:checksum` of STAC.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The multihash prefix of SHA-256: code 0x12, length 0x20.
const MULTIHASH_SHA2_256: &str = "1220";

/// The SHA-256 of some bytes. Displays as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes bytes in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes a file, reading it in pieces.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// The first 16 hex digits: enough for a file name that never meets another.
    pub fn short(&self) -> String {
        self.to_string()[..16].to_owned()
    }

    /// As the STAC file extension writes it: a multihash in hex.
    pub fn multihash(&self) -> String {
        format!("{MULTIHASH_SHA2_256}{self}")
    }

    /// Reads what [`ContentHash::multihash`] writes; `None` for anything else, another algorithm's hash included.
    pub fn from_multihash(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(MULTIHASH_SHA2_256)?;
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() || !digits.bytes().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

/// Hashes bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_standard_and_a_file_hashes_like_its_bytes() {
        // FIPS 180-2, example B.1: the message "abc".
        let abc = ContentHash::of_bytes(b"abc");
        assert_eq!(
            abc.multihash(),
            "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(abc.short(), "ba7816bf8f01cfea");
        assert_eq!(ContentHash::from_multihash(&abc.multihash()), Some(abc));
        assert_eq!(ContentHash::from_multihash(&abc.to_string()), None);
        let sha1 = "1114a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(ContentHash::from_multihash(sha1), None);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(ContentHash::of_file(&path).unwrap(), abc);
    }
}
