//! Reading objects in pieces, into files, and against their checksums.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use object_store::{GetOptions, GetRange, ObjectStore};

use super::{Entry, PART_SIZE, Store, parse_key};
use crate::checksum::Hasher;
use crate::error::Operation;
use crate::{ContentHash, StoreError};

impl Store {
    /// Reads the bytes `range` (not empty) of an object, cut at its end. With `etag`, only if the object still is that one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Changed`] when the tag is another.
    pub fn get_range(
        &self,
        key: &str,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<Vec<u8>, StoreError> {
        let path = parse_key(key)?;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: etag.map(str::to_owned),
            ..GetOptions::default()
        };
        let (bytes, found) = self
            .attempt(|| {
                let (backend, path, options) =
                    (Arc::clone(&self.backend), path.clone(), options.clone());
                async move {
                    let object = backend.get_opts(&path, options).await?;
                    let tag = object.meta.e_tag.clone();
                    Ok((object.bytes().await?, tag))
                }
            })
            .map_err(|error| self.failed(Operation::Read, key, error))?;
        // Not every server keeps the condition.
        match (etag, found) {
            (Some(etag), Some(found)) if etag.trim_matches('"') != found.trim_matches('"') => {
                Err(StoreError::Changed {
                    key: key.to_owned(),
                })
            }
            _ => Ok(bytes.to_vec()),
        }
    }

    /// Copies an object into a local file, making its folder. The file appears whole or not at all. With the checksum
    /// that is expected, only if the bytes have it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the object is not there; [`StoreError::Damaged`] when it is not what was expected.
    pub fn download_checked(
        &self,
        key: &str,
        file: &Path,
        expected: Option<&ContentHash>,
    ) -> Result<(), StoreError> {
        let entry = self.entry(key)?;
        let local = |source| StoreError::from_file(file, source);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(local)?;
        }
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let partial = file.with_file_name(name);
        let copied = self
            .copy_to(&entry, &partial, expected)
            .and_then(|()| std::fs::rename(&partial, file).map_err(local));
        if copied.is_err() {
            // Best effort: the first error is the one to tell.
            let _ = std::fs::remove_file(&partial);
        }
        copied
    }

    /// As [`Store::download_checked`], for an object of which no checksum is known.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the object is not there.
    pub fn download(&self, key: &str, file: &Path) -> Result<(), StoreError> {
        self.download_checked(key, file, None)
    }

    /// Reads an object through and returns its size and checksum.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the object is not there; [`StoreError::Changed`] when it is replaced meanwhile.
    pub fn hash(&self, key: &str) -> Result<(u64, ContentHash), StoreError> {
        let entry = self.entry(key)?;
        let mut hasher = Hasher::default();
        self.read_through(&entry, |part| {
            hasher.update(part);
            Ok(())
        })?;
        Ok((entry.size, hasher.finish()))
    }

    fn entry(&self, key: &str) -> Result<Entry, StoreError> {
        self.head(key)?.ok_or_else(|| StoreError::NotFound {
            key: key.to_owned(),
        })
    }

    fn copy_to(
        &self,
        entry: &Entry,
        file: &Path,
        expected: Option<&ContentHash>,
    ) -> Result<(), StoreError> {
        let local = |source| StoreError::from_file(file, source);
        let mut writer = File::create(file).map_err(local)?;
        let mut hasher = expected.map(|_| Hasher::default());
        self.read_through(entry, |part| {
            if let Some(hasher) = &mut hasher {
                hasher.update(part);
            }
            writer.write_all(part).map_err(local)
        })?;
        match (expected, hasher.map(Hasher::finish)) {
            (Some(expected), Some(found)) if *expected != found => Err(StoreError::Damaged {
                key: entry.key.clone(),
                store: self.url.clone(),
                expected: expected.to_string(),
                found: found.to_string(),
            }),
            _ => Ok(()),
        }
    }

    /// Hands over an object part by part, all of one version.
    fn read_through(
        &self,
        entry: &Entry,
        mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut offset = 0;
        while offset < entry.size {
            let end = entry.size.min(offset + PART_SIZE as u64);
            take(&self.get_range(&entry.key, offset..end, entry.etag.as_deref())?)?;
            offset = end;
        }
        Ok(())
    }
}
