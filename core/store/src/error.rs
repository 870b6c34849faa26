//! What can go wrong with the store, in the words of a caller.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::object::{http_kind, status};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The object is not there.
    #[error("{key}: not in the store; check the name, or make it first (`geocrop precompute run`)")]
    NotFound {
        /// The key that was asked for.
        key: String,
    },
    /// The bucket is not there.
    #[error(
        "{store}: the server has no such bucket; make it, or check the address and S3_ENDPOINT"
    )]
    NoBucket {
        /// The store's address.
        store: String,
    },
    /// The store refuses: permissions of the folder, credentials or policy of the bucket.
    #[error(
        "{store}: no permission to {operation} {key}; check who owns the folder, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy: {source}"
    )]
    Denied {
        /// What was tried.
        operation: Operation,
        /// The store's address.
        store: String,
        /// The key in question.
        key: String,
        /// What the backend said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No space is left.
    #[error(
        "{store}: the disk or the quota is full, writing {key}; nothing was published; free some space and run again: {source}"
    )]
    Full {
        /// The store's address, or `this machine` for a local file.
        store: String,
        /// The key that was being written.
        key: String,
        /// What the backend said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file where a folder should be, or a folder where a file should be.
    #[error(
        "{store}: something else is in the way of {key}, a file where a folder should be or a folder where a file should be; move it away and run again: {source}"
    )]
    InTheWay {
        /// The store's address.
        store: String,
        /// The key that was being written.
        key: String,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server did not answer, or not properly, although it was asked again and again.
    #[error(
        "{store}: could not {operation} {key}, and trying again did not help; check the network, the server and S3_ENDPOINT, then run again, what is finished is kept: {source}"
    )]
    Unreachable {
        /// What was tried.
        operation: Operation,
        /// The store's address.
        store: String,
        /// The key in question.
        key: String,
        /// What happened the last time, and how many tries there were.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The bytes are not those that they should be.
    #[error(
        "{store}: {key} is damaged: its SHA-256 is {found}, expected {expected}; publish it again, and check the server's disk if it happens again"
    )]
    Damaged {
        /// The store's address.
        store: String,
        /// The key in question.
        key: String,
        /// The checksum of what was sent, or of what the item says.
        expected: String,
        /// The checksum of what is stored.
        found: String,
    },
    /// The object changed between two reads of it.
    #[error("{key}: replaced by another writer while it was read; run again")]
    Changed {
        /// The key in question.
        key: String,
    },
    /// A key that no store takes.
    #[error("{key:?} is not a key: {reason}")]
    InvalidKey {
        /// The key as given.
        key: String,
        /// Why it is refused.
        reason: String,
    },
    /// An address that names no store.
    #[error(
        "{url:?} is not the address of a store: {reason}; expected a folder, file:///folder or s3://bucket/prefix"
    )]
    InvalidUrl {
        /// The address as given.
        url: String,
        /// Why it is refused.
        reason: String,
    },
    /// A name that would not be one folder or file of the layout.
    #[error("{value:?} is not a {kind}: {expected}")]
    InvalidName {
        /// `name` or `period`.
        kind: &'static str,
        /// The text as given.
        value: String,
        /// What a good one looks like.
        expected: &'static str,
    },
    /// A document that is not what its key promises.
    #[error("{key}: not a valid {kind}: {source}; remove it and publish again")]
    InvalidDocument {
        /// The key it was read from.
        key: String,
        /// `STAC Item` or `STAC Collection`.
        kind: &'static str,
        /// Where parsing stopped.
        source: serde_json::Error,
    },
    /// A file was staged for an asset that the item does not have.
    #[error(
        "item {item}: no asset {asset:?} for the file {key}; add the asset to the item or leave the file out"
    )]
    UnknownAsset {
        /// The item's key.
        item: String,
        /// The asset named by the file.
        asset: String,
        /// Where the file should go.
        key: String,
    },
    /// A local file could not be read or written.
    #[error("{}: {source}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other writers never let a document come to rest.
    #[error(
        "{key}: other writers changed the layer {attempts} times while it was indexed; refresh again when they are done"
    )]
    Unsettled {
        /// The collection or catalog.
        key: String,
        /// How often it was rewritten.
        attempts: usize,
    },
    /// Anything else: the network, the backend.
    #[error("{key}: {source}")]
    Other {
        /// The key in question, or the address when there is none.
        key: String,
        /// What the backend said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What was asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reading an object, or what is known of it.
    Read,
    /// Writing an object.
    Write,
    /// Listing objects, or uploads that nobody finished.
    List,
    /// Removing an object.
    Remove,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Remove => "remove",
        })
    }
}

impl StoreError {
    /// Gives a backend's error its meaning for the caller.
    pub(crate) fn from_backend(
        operation: Operation,
        store: &str,
        key: &str,
        error: object_store::Error,
    ) -> Self {
        const INSUFFICIENT_STORAGE: u16 = 507;
        let said = error.to_string();
        let (store, key) = (store.to_owned(), key.to_owned());
        // Servers tell a full quota with all kinds of statuses, a refusal's among them.
        let full = ["QuotaExceeded", "StorageFull", "InsufficientStorage"]
            .iter()
            .any(|code| said.contains(code));
        let status = status(&error);
        if full || status == Some(INSUFFICIENT_STORAGE) {
            let source = error.into();
            return Self::Full { store, key, source };
        }
        if said.contains("NoSuchBucket") {
            return Self::NoBucket { store };
        }
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { key },
            // Listings keep their status in the message.
            error if matches!(status, Some(401 | 403)) => Self::Denied {
                operation,
                store,
                key,
                source: error.into(),
            },
            object_store::Error::Precondition { .. } => Self::Changed { key },
            object_store::Error::InvalidPath { source } => Self::InvalidKey {
                key,
                reason: source.to_string(),
            },
            error if http_kind(&error).is_some() || matches!(status, Some(408 | 429 | 500..)) => {
                Self::Unreachable {
                    operation,
                    store,
                    key,
                    source: error.into(),
                }
            }
            error => Self::from_io_kind(io_kind(&error), operation, store, key, error.into()),
        }
    }

    /// Gives the system's error about a folder of the store its meaning for the caller.
    pub(crate) fn from_folder(
        operation: Operation,
        store: &str,
        key: &str,
        source: io::Error,
    ) -> Self {
        let kind = Some(source.kind());
        Self::from_io_kind(
            kind,
            operation,
            store.to_owned(),
            key.to_owned(),
            source.into(),
        )
    }

    fn from_io_kind(
        kind: Option<io::ErrorKind>,
        operation: Operation,
        store: String,
        key: String,
        source: Box<dyn Error + Send + Sync>,
    ) -> Self {
        match kind {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Self::Full { store, key, source }
            }
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                Self::Denied {
                    operation,
                    store,
                    key,
                    source,
                }
            }
            Some(
                io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::AlreadyExists,
            ) => Self::InTheWay { store, key, source },
            _ => Self::Other { key, source },
        }
    }

    /// Gives the error of a local file its meaning for the caller.
    pub(crate) fn from_file(path: &Path, source: io::Error) -> Self {
        let (store, key) = ("this machine".to_owned(), path.display().to_string());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full {
                store,
                key,
                source: source.into(),
            },
            _ => Self::LocalFile {
                path: path.to_owned(),
                source,
            },
        }
    }
}

/// The kind of the system's error at the root of a chain, if the system is to blame.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_system(code: i32) -> StoreError {
        let source = io::Error::from_raw_os_error(code);
        StoreError::from_backend(
            Operation::Write,
            "file:///maps",
            "a/b.tif",
            object_store::Error::Generic {
                store: "folder",
                source: source.into(),
            },
        )
    }

    #[test]
    fn a_full_disk_and_a_full_quota_are_told_apart_from_a_refusal() {
        const ENOSPC: i32 = 28;
        const EDQUOT: i32 = 122;
        const EACCES: i32 = 13;
        const EROFS: i32 = 30;
        const EIO: i32 = 5;
        const ENOTDIR: i32 = 20;
        assert!(matches!(from_system(ENOSPC), StoreError::Full { .. }));
        assert!(matches!(from_system(EDQUOT), StoreError::Full { .. }));
        assert!(matches!(from_system(EACCES), StoreError::Denied { .. }));
        assert!(matches!(from_system(EROFS), StoreError::Denied { .. }));
        assert!(matches!(from_system(ENOTDIR), StoreError::InTheWay { .. }));
        assert!(matches!(from_system(EIO), StoreError::Other { .. }));
    }

    #[test]
    fn the_message_of_a_full_disk_names_the_object_and_the_way_out() {
        let message = from_system(28).to_string();
        assert!(
            message.contains("file:///maps")
                && message.contains("a/b.tif")
                && message.contains("free some space"),
            "{message}"
        );
    }
}
