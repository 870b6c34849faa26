//! The first directory of a little-endian TIFF or `BigTIFF`.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Real directories have some twenty tags.
const MOST_TAGS: u64 = 1000;
/// Blocks of the largest image that is worth a fast way: 200,000 x 200,000 pixels in blocks of 256.
const MOST_NUMBERS: u64 = 1 << 20;

/// Tags and where their numbers are.
pub(super) struct Directory {
    entries: Vec<u8>,
    big: bool,
}

impl Directory {
    pub(super) fn read(file: &File) -> Option<Self> {
        let mut head = [0; 16];
        file.read_exact_at(&mut head, 0).ok()?;
        let big = match head[..4] {
            [b'I', b'I', 42, 0] => false,
            [b'I', b'I', 43, 0] => true,
            _ => return None,
        };
        let (at, count_size) = if big {
            (number(&head[8..16]), 8)
        } else {
            (number(&head[4..8]), 2)
        };
        let mut count = [0; 8];
        file.read_exact_at(&mut count[..count_size], at).ok()?;
        let count = Some(number(&count)).filter(|count| *count < MOST_TAGS)? as usize;
        let mut directory = Self {
            entries: Vec::new(),
            big,
        };
        directory.entries.resize(count * directory.entry(), 0);
        let first = at.checked_add(count_size as u64)?;
        file.read_exact_at(&mut directory.entries, first).ok()?;
        Some(directory)
    }

    /// Bytes of an entry.
    fn entry(&self) -> usize {
        if self.big { 20 } else { 12 }
    }

    /// The whole numbers under a tag; `None` where there is no such tag, or something else under it.
    pub(super) fn numbers(&self, file: &File, tag: u16) -> Option<Vec<u64>> {
        let tag = tag.to_le_bytes();
        let entry = self
            .entries
            .chunks_exact(self.entry())
            .find(|entry| entry.starts_with(&tag))?;
        let size = match number(&entry[2..4]) {
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return None,
        };
        let (length, value) = entry[4..].split_at((self.entry() - 4) / 2);
        let length = Some(number(length)).filter(|length| *length <= MOST_NUMBERS)? as usize;
        let mut bytes = vec![0; length * size];
        match value.get(..bytes.len()) {
            Some(value) => bytes.copy_from_slice(value),
            None => file.read_exact_at(&mut bytes, number(value)).ok()?,
        }
        Some(bytes.chunks_exact(size).map(number).collect())
    }

    /// The only number under a tag.
    pub(super) fn single(&self, file: &File, tag: u16) -> Option<u64> {
        match self.numbers(file, tag)?[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether the tag is there at all.
    pub(super) fn has(&self, tag: u16) -> bool {
        let tag = tag.to_le_bytes();
        let mut entries = self.entries.chunks_exact(self.entry());
        entries.any(|entry| entry.starts_with(&tag))
    }
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    all[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(all)
}
