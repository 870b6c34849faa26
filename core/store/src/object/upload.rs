//! Writing objects: whole or not at all, as they were sent, and only over what was expected.
//!
//! Against damage on the way, a server checks the SHA-256 that each request is signed with, and the
//! `x-amz-checksum-sha256` header where it knows it. Against a server that checks nothing, the tag it gives the object
//! is compared: nearly everywhere it is the MD5 of the bytes, or of the MD5s of the parts. Where it is neither, the
//! object is read back once, and if it proves right, that server's tags are not asked again.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use md5::{Digest, Md5};
use object_store::client::HttpErrorKind;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, UpdateVersion,
};

use super::folder::{self, Lock};
use super::retry::{http_kind, status, was_lost};
use super::{PART_SIZE, Place, Store, parse_key};
use crate::checksum::Hasher;
use crate::error::Operation;
use crate::{ContentHash, ContentType, StoreError};

/// How often an upload is begun anew when it arrives damaged or its end is lost.
const UPLOADS: usize = 3;

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

/// Why an upload did not succeed.
enum Failure {
    /// It is worth beginning anew.
    Again(StoreError),
    Final(StoreError),
}

impl Store {
    /// Writes an object, replacing what was there. Atomic.
    pub fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: ContentType,
    ) -> Result<(), StoreError> {
        let path = parse_key(key)?;
        let _at_work = self.at_work(key)?;
        self.put_whole(&path, PutPayload::from(bytes), content_type)
            .map(|_| ())
            .map_err(|error| self.failed(Operation::Write, key, error))
    }

    /// Writes an object only if what is there still has the tag `etag`; with `None`, only if nothing is there. Returns
    /// whether it was written. Atomic.
    ///
    /// A server that does not know conditional writes writes in any case. Some do so without a word; so whoever must not
    /// overwrite has to look again afterwards.
    pub fn put_if(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: ContentType,
        etag: Option<&str>,
    ) -> Result<bool, StoreError> {
        let path = parse_key(key)?;
        let payload = PutPayload::from(bytes);
        match &self.place {
            Place::Folder(root) => {
                self.put_if_in_folder(root, key, &path, payload, content_type, etag)
            }
            Place::Bucket(bucket) if bucket.refuses_conditions.load(Ordering::Relaxed) => self
                .put_whole(&path, payload, content_type)
                .map(|_| true)
                .map_err(|error| self.failed(Operation::Write, key, error)),
            Place::Bucket(_) | Place::Memory => {
                self.put_if_on_server(key, &path, &payload, content_type, etag)
            }
        }
    }

    /// Nobody else replaces documents in a folder while its lock is held.
    fn put_if_in_folder(
        &self,
        root: &Path,
        key: &str,
        path: &Key,
        payload: PutPayload,
        content_type: ContentType,
        etag: Option<&str>,
    ) -> Result<bool, StoreError> {
        let folder = folder_of(root, key);
        let _alone = folder::decide_in(&folder).map_err(|e| self.obstructed(key, e))?;
        let there = self.head(key)?.map(|entry| entry.etag);
        let unchanged = match (&there, etag) {
            (None, None) => true,
            (Some(there), Some(etag)) => there.as_deref() == Some(etag),
            _ => false,
        };
        if !unchanged {
            return Ok(false);
        }
        self.put_whole(path, payload, content_type)
            .map(|_| true)
            .map_err(|error| self.failed(Operation::Write, key, error))
    }

    fn put_if_on_server(
        &self,
        key: &str,
        path: &Key,
        payload: &PutPayload,
        content_type: ContentType,
        etag: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mode = etag.map_or(PutMode::Create, |etag| {
            PutMode::Update(UpdateVersion {
                e_tag: Some(etag.to_owned()),
                version: None,
            })
        });
        let options = PutOptions {
            mode,
            attributes: self.attributes(content_type),
            ..PutOptions::default()
        };
        let mut pauses = self.patience.pauses();
        loop {
            let backend = Arc::clone(&self.once);
            let (path, payload, options) = (path.clone(), payload.clone(), options.clone());
            let done = self.wait(async move { backend.put_opts(&path, payload, options).await });
            match done {
                Ok(_) => return Ok(true),
                // It may be our own write that is in the way, if the answer to an earlier try was lost. The caller looks
                // at what is there, and finds what it wanted.
                Err(
                    object_store::Error::Precondition { .. }
                    | object_store::Error::AlreadyExists { .. }
                    | object_store::Error::NotModified { .. },
                ) => return Ok(false),
                Err(error) if is_refusal(&error) => break,
                Err(error) => match pauses.next() {
                    Some(pause) if is_passing(&error) => thread::sleep(pause),
                    _ => return Err(self.failed(Operation::Write, key, error)),
                },
            }
        }
        if let Place::Bucket(bucket) = &self.place {
            bucket.refuses_conditions.store(true, Ordering::Relaxed);
        }
        self.put_whole(path, payload.clone(), content_type)
            .map(|_| true)
            .map_err(|error| self.failed(Operation::Write, key, error))
    }

    fn put_whole(
        &self,
        path: &Key,
        payload: PutPayload,
        content_type: ContentType,
    ) -> object_store::Result<PutResult> {
        self.attempt(|| {
            let backend = Arc::clone(&self.backend);
            let (path, payload) = (path.clone(), payload.clone());
            let options = PutOptions {
                attributes: self.attributes(content_type),
                ..PutOptions::default()
            };
            async move { backend.put_opts(&path, payload, options).await }
        })
    }

    /// Copies a local file into the store, in parts when it is large. Atomic; the type follows from the key.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it arrives otherwise than it was sent, again and again.
    pub fn put_file(&self, key: &str, file: &Path) -> Result<(), StoreError> {
        self.upload(key, Source::File(file), None)
    }

    /// Uploads `source`, and makes it visible only if its bytes are those that are expected.
    pub(crate) fn upload(
        &self,
        key: &str,
        source: Source<'_>,
        expected: Option<&ContentHash>,
    ) -> Result<(), StoreError> {
        let path = parse_key(key)?;
        let _at_work = self.at_work(key)?;
        for _ in 1..UPLOADS {
            match self.upload_once(key, &path, source, expected) {
                Err(Failure::Again(_)) => {}
                Err(Failure::Final(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        self.upload_once(key, &path, source, expected)
            .map_err(|(Failure::Again(error) | Failure::Final(error))| error)
    }

    fn upload_once(
        &self,
        key: &str,
        path: &Key,
        source: Source<'_>,
        expected: Option<&ContentHash>,
    ) -> Result<(), Failure> {
        let mut parts = Parts::open(key, source).map_err(Failure::Final)?;
        let first = parts.next().map_err(Failure::Final)?;
        let content_type = ContentType::of_key(key);
        let put = if first.len() < PART_SIZE {
            parts.sent.expect(&parts.name, expected)?;
            self.put_whole(path, PutPayload::from(first), content_type)
                .map_err(|error| Failure::Final(self.failed(Operation::Write, key, error)))?
        } else {
            self.upload_parts(key, path, first, &mut parts, expected)?
        };
        self.check(key, &parts.sent, put.e_tag.as_deref())
    }

    fn upload_parts(
        &self,
        key: &str,
        path: &Key,
        first: Vec<u8>,
        parts: &mut Parts<'_>,
        expected: Option<&ContentHash>,
    ) -> Result<PutResult, Failure> {
        let mut upload = self
            .attempt(|| {
                let (backend, path) = (Arc::clone(&self.backend), path.clone());
                let options = PutMultipartOptions {
                    attributes: self.attributes(ContentType::of_key(key)),
                    ..PutMultipartOptions::default()
                };
                async move { backend.put_multipart_opts(&path, options).await }
            })
            .map_err(|error| Failure::Final(self.failed(Operation::Write, key, error)))?;
        let sent = self
            .send_parts(&mut *upload, key, first, parts)
            .and_then(|()| parts.sent.expect(&parts.name, expected));
        let failed = match sent {
            Ok(()) => {
                let (done, kept) = self.wait(async move { (upload.complete().await, upload) });
                upload = kept;
                match done {
                    Ok(put) => return Ok(put),
                    // The answer to a first try may have been lost, and the server knows no such upload any more.
                    Err(error) => Failure::Again(self.failed(Operation::Write, key, error)),
                }
            }
            Err(failure) => failure,
        };
        let longest = self.patience.request;
        self.wait(async move {
            // Best effort: the first error is the one to tell, and what stays unfinished is swept.
            let _ = tokio::time::timeout(longest, upload.abort()).await;
        });
        Err(failed)
    }

    fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        key: &str,
        first: Vec<u8>,
        parts: &mut Parts<'_>,
    ) -> Result<(), Failure> {
        let mut part = first;
        while !part.is_empty() {
            self.wait(upload.put_part(PutPayload::from(part)))
                .map_err(|error| {
                    let again = was_lost(&error);
                    let error = self.failed(Operation::Write, key, error);
                    if again {
                        Failure::Again(error)
                    } else {
                        Failure::Final(error)
                    }
                })?;
            part = parts.next().map_err(Failure::Final)?;
        }
        Ok(())
    }

    /// Whether a bucket holds what was sent. A folder's file cannot be otherwise: what its disk does is the disk's.
    fn check(&self, key: &str, sent: &Sent, etag: Option<&str>) -> Result<(), Failure> {
        let Place::Bucket(bucket) = &self.place else {
            return Ok(());
        };
        if bucket.has_other_tags.load(Ordering::Relaxed) || sent.has_tag(etag) {
            return Ok(());
        }
        let expected = sent.hash();
        let (_, found) = self.hash(key).map_err(Failure::Final)?;
        if found == expected {
            bucket.has_other_tags.store(true, Ordering::Relaxed);
            return Ok(());
        }
        Err(Failure::Again(StoreError::Damaged {
            key: key.to_owned(),
            store: self.url.clone(),
            expected: expected.to_string(),
            found: found.to_string(),
        }))
    }

    /// Says that this process writes where `key` goes, for as long as the lock is kept. Only folders need that.
    pub(crate) fn at_work(&self, key: &str) -> Result<Option<Lock>, StoreError> {
        match &self.place {
            Place::Folder(root) => folder::write_in(&folder_of(root, key))
                .map(Some)
                .map_err(|source| self.obstructed(key, source)),
            Place::Bucket(_) | Place::Memory => Ok(None),
        }
    }

    fn obstructed(&self, key: &str, source: io::Error) -> StoreError {
        StoreError::from_folder(Operation::Write, &self.url, key, source)
    }

    /// A folder has no place for media types; the server tells them from the key there.
    fn attributes(&self, content_type: ContentType) -> Attributes {
        let mut attributes = Attributes::new();
        if self.local_root().is_none() {
            attributes.insert(Attribute::ContentType, content_type.as_str().into());
        }
        attributes
    }
}

/// The directory that an object of a folder lies in.
fn folder_of(root: &Path, key: &str) -> PathBuf {
    match key.rsplit_once('/') {
        None => root.to_owned(),
        Some((folder, _)) => root.join(folder),
    }
}

/// Whether the server does not do conditional writes.
fn is_refusal(error: &object_store::Error) -> bool {
    const NOT_IMPLEMENTED: u16 = 501;
    matches!(
        error,
        object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }
    ) || status(error) == Some(NOT_IMPLEMENTED)
}

/// Whether the failure may be over soon.
fn is_passing(error: &object_store::Error) -> bool {
    was_lost(error)
        || http_kind(error) == Some(HttpErrorKind::Connect)
        || matches!(status(error), Some(408 | 409 | 429 | 500..))
}

/// A source, part by part, and what can be said of the parts so far.
struct Parts<'a> {
    /// What to call the source in an error.
    name: String,
    source: Source<'a>,
    reader: Box<dyn Read + 'a>,
    sent: Sent,
}

impl<'a> Parts<'a> {
    fn open(key: &str, source: Source<'a>) -> Result<Self, StoreError> {
        let name = match source {
            Source::File(path) => path.display().to_string(),
            Source::Bytes(_) => key.to_owned(),
        };
        match source.open() {
            Ok(reader) => Ok(Self {
                name,
                source,
                reader,
                sent: Sent::default(),
            }),
            Err(error) => Err(source.failed(error)),
        }
    }

    /// The next part: full but for the last one, empty after it.
    fn next(&mut self) -> Result<Vec<u8>, StoreError> {
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
struct Sent {
    hasher: Hasher,
    parts: Vec<[u8; 16]>,
}

impl Sent {
    fn add(&mut self, part: &[u8]) {
        self.hasher.update(part);
        // The end of a source that fills its last part is no part; an empty source is one.
        if !part.is_empty() || self.parts.is_empty() {
            self.parts.push(Md5::digest(part).into());
        }
    }

    fn hash(&self) -> ContentHash {
        self.hasher.clone().finish()
    }

    /// A file may change between being measured and being sent.
    fn expect(&self, name: &str, expected: Option<&ContentHash>) -> Result<(), Failure> {
        match expected {
            Some(expected) if self.hash() != *expected => {
                Err(Failure::Final(StoreError::Changed {
                    key: name.to_owned(),
                }))
            }
            _ => Ok(()),
        }
    }

    /// Whether a server's tag proves that it holds these bytes: their MD5, or the MD5 of the parts' and their number.
    fn has_tag(&self, etag: Option<&str>) -> bool {
        let Some(etag) = etag else { return false };
        let etag = etag.trim_matches('"');
        let hex = |digest: [u8; 16]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
        match (etag.split_once('-'), self.parts.as_slice()) {
            (None, [only]) => etag == hex(*only),
            (Some((digest, count)), parts) => {
                count.parse() == Ok(parts.len()) && digest == hex(Md5::digest(parts.concat()).into())
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
        let mut sent = Sent::default();
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
        let whole: String = Md5::digest(parts).iter().map(|b| format!("{b:02x}")).collect();
        assert!(sent.has_tag(Some(&format!("{whole}-2"))));
        assert!(!sent.has_tag(Some(&format!("{whole}-3"))));
        assert!(!sent.has_tag(Some(&whole)));
    }
}
