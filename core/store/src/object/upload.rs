//! Writing files: whole or not at all, and as they were sent.
//!
//! Against damage on the way, a server checks the SHA-256 that each request is signed with, and the
//! `x-amz-checksum-sha256` header where it knows it. Against a server that checks nothing, the tag it gives the object
//! is compared: nearly everywhere it is the MD5 of the bytes, or of the MD5s of the parts. Where it is neither, the
//! object is read back once, and if it proves right, that server's tags are not asked again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, PutResult};

use super::retry::{status, was_lost};
use super::sent::{Parts, Sent, Source};
use super::{PART_SIZE, Place, Store, parse_key};
use crate::error::Operation;
use crate::{ContentHash, ContentType, StoreError};

/// How often an upload is begun anew when it arrives damaged or its end is lost.
const UPLOADS: usize = 3;

/// Why an upload did not succeed.
enum Failure {
    /// It is worth beginning anew.
    Again(StoreError),
    Final(StoreError),
}

impl Store {
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
        let tagged = matches!(self.place, Place::Bucket(_));
        let mut parts = Parts::open(key, source, tagged).map_err(Failure::Final)?;
        let first = parts.next().map_err(Failure::Final)?;
        let content_type = ContentType::of_key(key);
        let put = if first.len() < PART_SIZE {
            parts.expect(expected).map_err(Failure::Final)?;
            self.put_whole(path, &PutPayload::from(first), content_type)
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
            .and_then(|()| parts.expect(expected).map_err(Failure::Final));
        let failed = match sent {
            Ok(()) => {
                let (done, kept) = self.wait(async move { (upload.complete().await, upload) });
                upload = kept;
                match done {
                    Ok(put) => return Ok(put),
                    Err(error) => {
                        let again = was_lost(&error) || knows_none(&error);
                        self.failure(again, key, error)
                    }
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
                .map_err(|error| self.failure(was_lost(&error), key, error))?;
            part = parts.next().map_err(Failure::Final)?;
        }
        Ok(())
    }

    fn failure(&self, again: bool, key: &str, error: object_store::Error) -> Failure {
        let error = self.failed(Operation::Write, key, error);
        if again {
            Failure::Again(error)
        } else {
            Failure::Final(error)
        }
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
}

/// Whether the server knows of no such upload, in the ways that servers say it. When that comes at its end, an earlier
/// try may have ended it, and only the answer was lost.
fn knows_none(error: &object_store::Error) -> bool {
    matches!(status(error), Some(400 | 403 | 404))
}
