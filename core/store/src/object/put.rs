//! Writing objects in one piece, in any case or only over what was expected.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use object_store::client::HttpErrorKind;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, ObjectStore, PutMode, PutOptions, PutPayload, PutResult, UpdateVersion,
};

use super::folder::{self, Lock};
use super::retry::{http_kind, status, was_lost};
use super::{Place, Store, parse_key};
use crate::error::Operation;
use crate::{ContentType, StoreError};

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
        self.put_whole(&path, &PutPayload::from(bytes), content_type)
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
                self.put_if_in_folder(root, key, &path, &payload, content_type, etag)
            }
            Place::Bucket(bucket) if bucket.refuses_conditions.load(Ordering::Relaxed) => self
                .put_whole(&path, &payload, content_type)
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
        payload: &PutPayload,
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
        self.put_whole(path, payload, content_type)
            .map(|_| true)
            .map_err(|error| self.failed(Operation::Write, key, error))
    }

    pub(super) fn put_whole(
        &self,
        path: &Key,
        payload: &PutPayload,
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
    pub(super) fn attributes(&self, content_type: ContentType) -> Attributes {
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
