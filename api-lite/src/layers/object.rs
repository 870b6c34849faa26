//! A file of a store that is no folder, read in ranges.

use std::io;
use std::sync::OnceLock;

use geocrop_raster::RangeReader;
use geocrop_store::{Store, StoreError};

/// The header of a COG with its lists of blocks is read in one request.
const HEAD: u64 = 64 << 10;

/// One object, always with the same bytes: when it is replaced, reading fails.
pub(super) struct ObjectReader {
    store: Store,
    key: String,
    size: u64,
    etag: Option<String>,
    head: OnceLock<Vec<u8>>,
}

impl ObjectReader {
    /// Finds the object.
    pub(super) fn open(store: &Store, key: &str) -> Result<Self, StoreError> {
        let entry = store.head(key)?.ok_or_else(|| StoreError::NotFound {
            key: key.to_owned(),
        })?;
        Ok(Self {
            store: store.clone(),
            key: key.to_owned(),
            size: entry.size,
            etag: entry.etag,
            head: OnceLock::new(),
        })
    }

    fn get(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        self.store
            .get_range(&self.key, start..end, self.etag.as_deref())
            .map_err(io::Error::other)
    }

    fn head(&self) -> io::Result<&[u8]> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let head = self.get(0, HEAD.min(self.size))?;
        Ok(self.head.get_or_init(|| head))
    }
}

impl RangeReader for ObjectReader {
    fn fill(&self, place: u64, bytes: &mut [u8]) -> io::Result<()> {
        let end = place.checked_add(bytes.len() as u64);
        let end = end.filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        if end <= HEAD {
            bytes.copy_from_slice(
                self.head()?
                    .get(place as usize..end as usize)
                    .ok_or(io::ErrorKind::UnexpectedEof)?,
            );
            return Ok(());
        }
        let read = self.get(place, end)?;
        if read.len() != bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.copy_from_slice(&read);
        Ok(())
    }
}
