//! A folder, an S3 bucket or memory behind one small blocking interface.
//!
//! The pipeline is CPU work on plain threads, so its store is blocking. The network code underneath is asynchronous
//! and runs on a runtime of its own: [`Store`] may be used from rayon threads, from `spawn_blocking` of another
//! runtime and even (though it blocks) from inside an asynchronous task.
//!
//! Writes are atomic: an object is visible whole or not at all, and a folder's files are on the disk when `put`
//! returns. Whatever a server may do without (conditional writes, checksums in headers, listing unfinished uploads) is
//! used where it is there and never relied on; versions, tags and policies are not used at all.

mod bucket;
mod download;
pub(crate) mod folder;
mod put;
mod retry;
mod sent;
mod unfinished;
mod upload;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Handle, Runtime};

use self::bucket::Bucket;
pub use self::bucket::{Credentials, S3Settings};
pub use self::retry::Patience;
pub(crate) use self::retry::{http_kind, status};
pub(crate) use self::sent::Source;
use crate::StoreError;
use crate::error::Operation;

/// Files up to this size are sent in one piece, larger ones in parts of this size. S3 wants parts of at least 5 MiB.
const PART_SIZE: usize = 8 << 20;

/// What a listing says about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The object's key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// The backend's tag for these bytes. A new tag for new bytes.
    pub etag: Option<String>,
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The whole of it.
    pub bytes: Vec<u8>,
    /// The backend's tag for these bytes.
    pub etag: Option<String>,
}

/// A place for objects. Cheap to clone; clones share the place.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Arc<dyn ObjectStore>,
    /// The same, but it tries only once: for writes that are not the same when they are done twice.
    once: Arc<dyn ObjectStore>,
    runtime: Handle,
    url: String,
    place: Place,
    patience: Patience,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Bucket(Arc<Bucket>),
    Memory,
}

impl Store {
    /// Opens a store by its address:
    ///
    /// - a folder, as a plain path or `file:///path`; made if it is not there;
    /// - `s3://bucket/prefix` on any S3 server, with path-style requests. Credentials come from `AWS_ACCESS_KEY_ID` and
    ///   `AWS_SECRET_ACCESS_KEY` (or whatever else the AWS variables name), the server from `S3_ENDPOINT` and
    ///   `S3_REGION`. `S3_CHECKSUMS=off` is for a server that does not bear checksums in headers, and
    ///   `AWS_CONDITIONAL_PUT=disabled` for one that fails at conditional writes rather than refusing them;
    /// - `memory://`, which starts empty and ends with the last clone.
    ///
    /// # Errors
    /// [`StoreError::InvalidUrl`] for an address of none of these kinds; [`StoreError::LocalFile`] or
    /// [`StoreError::Full`] when the folder cannot be made. The bucket is not contacted yet.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, &S3Settings::from_env())
    }

    /// As [`Store::open`], but a bucket's server is reached as `settings` say rather than as the environment does.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(url: &str, settings: &S3Settings) -> Result<Self, StoreError> {
        let invalid = |reason: &str| StoreError::InvalidUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        match url.split_once("://") {
            None if url.is_empty() => Err(invalid("it is empty")),
            None => Self::open_folder(Path::new(url)),
            Some(("file", _)) => {
                let parsed = url::Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
                let path = parsed
                    .to_file_path()
                    .map_err(|()| invalid("a file address needs an absolute path"))?;
                Self::open_folder(&path)
            }
            Some(("s3", rest)) => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(invalid("the bucket is missing"));
                }
                Self::open_bucket(url, bucket, prefix, settings)
            }
            Some(("memory", _)) => {
                let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
                Self::over(Arc::clone(&memory), memory, url.to_owned(), Place::Memory)
            }
            Some((scheme, _)) => Err(invalid(&format!("{scheme}:// is not supported"))),
        }
    }

    fn open_folder(path: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|source| StoreError::from_file(path, source))?;
        let folder = path
            .canonicalize()
            .map_err(|source| StoreError::from_file(path, source))?;
        let backend = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| StoreError::Other {
                key: folder.to_string_lossy().into_owned(),
                source: error.into(),
            })?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        let url = url::Url::from_directory_path(&folder).map_or_else(
            |()| folder.to_string_lossy().into_owned(),
            |url| url.as_str().trim_end_matches('/').to_owned(),
        );
        let backend: Arc<dyn ObjectStore> = Arc::new(backend);
        Self::over(Arc::clone(&backend), backend, url, Place::Folder(folder))
    }

    fn open_bucket(
        url: &str,
        bucket: &str,
        prefix: &str,
        settings: &S3Settings,
    ) -> Result<Self, StoreError> {
        let prefix = prefix_key(prefix)?;
        let bucket =
            Bucket::open(settings, bucket, prefix).map_err(|error| StoreError::InvalidUrl {
                url: url.to_owned(),
                reason: error.to_string(),
            })?;
        let patience = bucket.patience.clone();
        let (backend, once) = (bucket.through(&bucket.client), bucket.through(&bucket.once));
        let place = Place::Bucket(Arc::new(bucket));
        let store = Self::over(backend, once, url.trim_end_matches('/').to_owned(), place)?;
        Ok(Self { patience, ..store })
    }

    fn over(
        backend: Arc<dyn ObjectStore>,
        once: Arc<dyn ObjectStore>,
        url: String,
        place: Place,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            backend,
            once,
            runtime: runtime()?,
            url,
            place,
            patience: Patience::default(),
        })
    }

    /// Puts a layer between the store and its backend, such as those of `object_store` that throttle or limit, or a
    /// test's that fails.
    #[must_use]
    pub fn layered(self, layer: impl Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) -> Self {
        Self {
            backend: layer(self.backend),
            once: layer(self.once),
            ..self
        }
    }

    /// The address; a folder's is absolute.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, when the store is one.
    pub fn local_root(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder),
            Place::Bucket(_) | Place::Memory => None,
        }
    }

    /// Reads an object; `None` when it is not there.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.get_tagged(key)?.map(|read| read.bytes))
    }

    /// Reads an object and its tag; `None` when it is not there.
    pub fn get_tagged(&self, key: &str) -> Result<Option<Tagged>, StoreError> {
        let path = parse_key(key)?;
        let read = self.attempt(|| {
            let (backend, path) = (Arc::clone(&self.backend), path.clone());
            async move {
                let object = backend.get(&path).await?;
                let etag = object.meta.e_tag.clone();
                let bytes = object.bytes().await?.to_vec();
                Ok(Tagged { bytes, etag })
            }
        });
        self.absent_is_none(read, Operation::Read, key)
    }

    /// What there is to know about an object without reading it; `None` when it is not there.
    pub fn head(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let path = parse_key(key)?;
        let meta = self.attempt(|| {
            let (backend, path) = (Arc::clone(&self.backend), path.clone());
            async move { backend.head(&path).await }
        });
        self.absent_is_none(meta.map(Entry::from), Operation::Read, key)
    }

    /// Whether the object is there.
    pub fn exists(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.head(key)?.is_some())
    }

    /// The object's size in bytes.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not there.
    pub fn size(&self, key: &str) -> Result<u64, StoreError> {
        self.head(key)?
            .map(|entry| entry.size)
            .ok_or_else(|| StoreError::NotFound {
                key: key.to_owned(),
            })
    }

    /// Every object below a folder of keys (whole path segments: `layers/ndvi` does not list `layers/ndvi-8`), sorted
    /// by key. The empty prefix lists everything. A prefix with nothing below it lists nothing.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let path = prefix_key(prefix)?;
        let metas: Vec<ObjectMeta> = self
            .attempt(|| {
                let (backend, path) = (Arc::clone(&self.backend), path.clone());
                async move { backend.list(path.as_ref()).try_collect().await }
            })
            .map_err(|error| {
                let what = if prefix.is_empty() {
                    "all objects"
                } else {
                    prefix
                };
                self.failed(Operation::List, what, error)
            })?;
        let mut entries: Vec<Entry> = metas.into_iter().map(Entry::from).collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// Removes an object. One that is not there is no error: S3 does not tell the two apart.
    pub fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = parse_key(key)?;
        let deleted = self.attempt(|| {
            let (backend, path) = (Arc::clone(&self.backend), path.clone());
            async move { backend.delete(&path).await }
        });
        self.absent_is_none(deleted, Operation::Remove, key)
            .map(|_| ())
    }

    /// Removes every object below a folder of keys and returns how many there were. Refuses the empty prefix.
    pub fn delete_prefix(&self, prefix: &str) -> Result<usize, StoreError> {
        parse_key(prefix)?;
        let entries = self.list(prefix)?;
        for entry in &entries {
            self.delete(&entry.key)?;
        }
        Ok(entries.len())
    }

    /// Gives a backend's error its meaning for the caller.
    fn failed(&self, operation: Operation, key: &str, error: object_store::Error) -> StoreError {
        StoreError::from_backend(operation, &self.url, key, error)
    }

    fn absent_is_none<T>(
        &self,
        result: object_store::Result<T>,
        operation: Operation,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        match result.map_err(|error| self.failed(operation, key, error)) {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs a future on the store's runtime and waits. Not `block_on`, which panics on another runtime's threads.
    fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver
            .recv()
            .expect("the store's runtime lives as long as the process")
    }
}

/// The runtime of all stores. Shared and never dropped: dropping one inside another runtime panics.
fn runtime() -> Result<Handle, StoreError> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("geocrop-store")
                .enable_all()
                .build()
        })
        .as_ref()
        .map(|runtime| runtime.handle().clone())
        .map_err(|error| StoreError::Other {
            key: "starting the store's threads".to_owned(),
            source: error.to_string().into(),
        })
}

fn parse_key(key: &str) -> Result<Key, StoreError> {
    let invalid = |reason: String| StoreError::InvalidKey {
        key: key.to_owned(),
        reason,
    };
    if key.starts_with('/') || key.ends_with('/') {
        return Err(invalid("it starts or ends with a slash".to_owned()));
    }
    if key.contains('\\') {
        return Err(invalid("it has a backslash".to_owned()));
    }
    match Key::parse(key) {
        Ok(path) if path.is_root() => Err(invalid("it is empty".to_owned())),
        Ok(path) => Ok(path),
        Err(error) => Err(invalid(error.to_string())),
    }
}

fn prefix_key(prefix: &str) -> Result<Option<Key>, StoreError> {
    match prefix.trim_end_matches('/') {
        "" => Ok(None),
        prefix => parse_key(prefix).map(Some),
    }
}

impl From<ObjectMeta> for Entry {
    fn from(meta: ObjectMeta) -> Self {
        Self {
            key: meta.location.to_string(),
            size: meta.size,
            modified: meta.last_modified,
            etag: meta.e_tag,
        }
    }
}
