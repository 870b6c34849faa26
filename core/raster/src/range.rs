//! Where the bytes of a file come from, when a few of them are wanted here and there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A file that is read in ranges: on this machine, or behind a network. Shared by threads.
pub trait RangeReader: Send + Sync {
    /// Fills `bytes` with what the file has from `place` on.
    ///
    /// # Errors
    /// When the file ends before, is another one by now, or cannot be read.
    fn fill(&self, place: u64, bytes: &mut [u8]) -> io::Result<()>;
}

impl RangeReader for File {
    fn fill(&self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(bytes, place)
    }
}
