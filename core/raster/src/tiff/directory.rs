//! The directories of a little-endian TIFF or `BigTIFF`.

use crate::range::RangeReader;

/// Real directories have some twenty tags.
const MOST_TAGS: u64 = 1000;
/// An image and its reduced versions, each half the size of the one before, are never more than 32.
const MOST_DIRECTORIES: usize = 64;
/// Blocks of the largest image that is worth a fast way: 200,000 x 200,000 pixels in blocks of 256.
const MOST_NUMBERS: u64 = 1 << 20;

/// Tags and where their numbers are.
pub(super) struct Directory {
    entries: Vec<u8>,
    big: bool,
    /// Where the next directory is; zero after the last one.
    next: u64,
}

impl Directory {
    /// The first directory.
    pub(super) fn read(file: &dyn RangeReader) -> Option<Self> {
        let mut head = [0; 16];
        file.fill(0, &mut head).ok()?;
        match head[..4] {
            [b'I', b'I', 42, 0] => Self::read_at(file, number(&head[4..8]), false),
            [b'I', b'I', 43, 0] => Self::read_at(file, number(&head[8..16]), true),
            _ => None,
        }
    }

    /// All directories, the first one first; `None` where one of them is not there or there are absurdly many.
    pub(super) fn read_all(file: &dyn RangeReader) -> Option<Vec<Self>> {
        let mut all = vec![Self::read(file)?];
        while let Some(last) = all.last()
            && last.next != 0
        {
            if all.len() == MOST_DIRECTORIES {
                return None;
            }
            let next = Self::read_at(file, last.next, last.big)?;
            all.push(next);
        }
        Some(all)
    }

    fn read_at(file: &dyn RangeReader, at: u64, big: bool) -> Option<Self> {
        let (count_size, next_size) = if big { (8, 8) } else { (2, 4) };
        let mut count = [0; 8];
        file.fill(at, &mut count[..count_size]).ok()?;
        let count = Some(number(&count)).filter(|count| *count < MOST_TAGS)? as usize;
        let mut directory = Self {
            entries: Vec::new(),
            big,
            next: 0,
        };
        let length = count * directory.entry();
        directory.entries.resize(length, 0);
        let first = at.checked_add(count_size as u64)?;
        file.fill(first, &mut directory.entries).ok()?;
        let mut next = [0; 8];
        let place = first.checked_add(length as u64)?;
        file.fill(place, &mut next[..next_size]).ok()?;
        directory.next = number(&next);
        Some(directory)
    }

    /// Bytes of an entry.
    fn entry(&self) -> usize {
        if self.big { 20 } else { 12 }
    }

    /// The whole numbers under a tag; `None` where there is no such tag, or something else under it.
    pub(super) fn numbers(&self, file: &dyn RangeReader, tag: u16) -> Option<Vec<u64>> {
        let (kind, bytes) = self.values(file, tag)?;
        let size = match kind {
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return None,
        };
        Some(bytes.chunks_exact(size).map(number).collect())
    }

    /// The floating-point numbers under a tag.
    pub(super) fn doubles(&self, file: &dyn RangeReader, tag: u16) -> Option<Vec<f64>> {
        let (kind, bytes) = self.values(file, tag)?;
        let doubles = bytes.as_chunks().0.iter();
        (kind == 12).then(|| doubles.map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    /// The text under a tag, without the zero that ends it.
    pub(super) fn text(&self, file: &dyn RangeReader, tag: u16) -> Option<String> {
        let (kind, bytes) = self.values(file, tag)?;
        let text = String::from_utf8(bytes).ok()?;
        (kind == 2).then(|| text.trim_end_matches('\0').trim().to_owned())
    }

    /// The kind of what is under a tag, and its bytes.
    fn values(&self, file: &dyn RangeReader, tag: u16) -> Option<(u64, Vec<u8>)> {
        let tag = tag.to_le_bytes();
        let entry = self
            .entries
            .chunks_exact(self.entry())
            .find(|entry| entry.starts_with(&tag))?;
        let kind = number(&entry[2..4]);
        let size = match kind {
            2 => 1,
            3 => 2,
            4 => 4,
            12 | 16 => 8,
            _ => return None,
        };
        let (length, value) = entry[4..].split_at((self.entry() - 4) / 2);
        let length = Some(number(length)).filter(|length| *length <= MOST_NUMBERS)? as usize;
        let mut bytes = vec![0; length * size];
        match value.get(..bytes.len()) {
            Some(value) => bytes.copy_from_slice(value),
            None => file.fill(number(value), &mut bytes).ok()?,
        }
        Some((kind, bytes))
    }

    /// The only number under a tag.
    pub(super) fn single(&self, file: &dyn RangeReader, tag: u16) -> Option<u64> {
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
