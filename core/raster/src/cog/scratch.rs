//! Packed tiles on disk until the file can be laid out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a packed tile lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    offset: u64,
    pub(crate) length: u32,
}

/// Tiles in the order in which they came, which is not the order of the file.
pub(crate) struct Scratch {
    file: File,
    end: AtomicU64,
}

impl Scratch {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        Ok(Self {
            file,
            end: AtomicU64::new(0),
        })
    }

    /// Appends a tile; from any thread.
    pub(crate) fn append(&self, tile: &[u8]) -> io::Result<Packed> {
        let length = u32::try_from(tile.len()).map_err(io::Error::other)?;
        let offset = self.end.fetch_add(length.into(), Ordering::Relaxed);
        self.file.write_all_at(tile, offset)?;
        Ok(Packed { offset, length })
    }

    /// Reads a tile into a buffer, which it resizes.
    pub(crate) fn read(&self, tile: Packed, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(tile.length as usize, 0);
        self.file.read_exact_at(buffer, tile.offset)
    }
}
