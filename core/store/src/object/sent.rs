//! What is uploaded, part by part, and what can be said of it on the way.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use md5::{Digest, Md5};

use super::PART_SIZE;
use crate::checksum::{Hasher, hex};
use crate::{ContentHash, StoreError};

/// What is to be uploaded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    /// A local file.
    File(&'a Path),
    /// Bytes in memory.
    Bytes(&'a [u8]),
}

impl<'a> Source<'a> {
    fn open(self) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        })
    }

    fn failed(self, error: io::Error) -> StoreError {
        match self {
            Self::File(path) => StoreError::from_file(path, error),
            Self::Bytes(_) => unreachable!("memory is read without errors"),
        }
    }
}

/// A source, part by part, and what can be said of the parts so far.
pub(super) struct Parts<'a> {
    /// What to call the source in an error.
    name: String,
    source: Source<'a>,
    reader: Box<dyn Read + 'a>,
    pub(super) sent: Sent,
}

impl<'a> Parts<'a> {
    /// With `tagged`, a server's tag can be compared afterwards.
    pub(super) fn open(key: &str, source: Source<'a>, tagged: bool) -> Result<Self, StoreError> {
        let name = match source {
            Source::File(path) => path.display().to_string(),
            Source::Bytes(_) => key.to_owned(),
        };
        match source.open() {
            Ok(reader) => Ok(Self {
                name,
                source,
                reader,
                sent: Sent {
                    tagged,
                    ..Sent::default()
                },
            }),
            Err(error) => Err(source.failed(error)),
        }
    }

    /// A file may change between being measured and being sent.
    pub(super) fn expect(&self, expected: Option<&ContentHash>) -> Result<(), StoreError> {
        match expected {
            Some(expected) if self.sent.hash() != *expected => Err(StoreError::Changed {
                key: self.name.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The next part: full but for the last one, empty after it.
    pub(super) fn next(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut part = Vec::new();
        self.reader
            .by_ref()
            .take(PART_SIZE as u64)
            .read_to_end(&mut part)
            .map_err(|error| self.source.failed(error))?;
        self.sent.add(&part);
        Ok(part)
    }
}

/// What can be said of bytes that were sent in parts.
#[derive(Default)]
pub(super) struct Sent {
    hasher: Hasher,
    /// The MD5 of each part, which only a bucket's tag is compared with.
    tagged: bool,
    parts: Vec<[u8; 16]>,
}

impl Sent {
    fn add(&mut self, part: &[u8]) {
        self.hasher.update(part);
        // The end of a source that fills its last part is no part; an empty source is one.
        if self.tagged && (!part.is_empty() || self.parts.is_empty()) {
            self.parts.push(Md5::digest(part).into());
        }
    }

    pub(super) fn hash(&self) -> ContentHash {
        self.hasher.clone().finish()
    }

    /// Whether a server's tag proves that it holds these bytes: their MD5, or the MD5 of the parts' and their number.
    pub(super) fn has_tag(&self, etag: Option<&str>) -> bool {
        let Some(etag) = etag else { return false };
        let etag = etag.trim_matches('"');
        match (etag.split_once('-'), self.parts.as_slice()) {
            (None, [only]) => etag == hex(only),
            (Some((digest, count)), parts) => {
                count.parse() == Ok(parts.len()) && digest == hex(&Md5::digest(parts.concat()))
            }
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_proves_the_bytes_if_it_is_their_md5_or_that_of_the_parts() {
        let mut sent = Sent {
            tagged: true,
            ..Sent::default()
        };
        sent.add(b"abc");
        // RFC 1321, appendix A.5.
        assert!(sent.has_tag(Some("\"900150983cd24fb0d6963f7d28e17f72\"")));
        assert!(!sent.has_tag(Some("900150983cd24fb0d6963f7d28e17f73")));
        assert!(!sent.has_tag(None));
        sent.add(b"");
        assert!(sent.has_tag(Some("900150983cd24fb0d6963f7d28e17f72")));

        sent.add(b"message digest");
        let parts = [
            Md5::digest(b"abc").to_vec(),
            Md5::digest(b"message digest").to_vec(),
        ]
        .concat();
        let whole = hex(&Md5::digest(parts));
        assert!(sent.has_tag(Some(&format!("{whole}-2"))));
        assert!(!sent.has_tag(Some(&format!("{whole}-3"))));
        assert!(!sent.has_tag(Some(&whole)));
    }
}
