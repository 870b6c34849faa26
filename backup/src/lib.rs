//! Backups of a service that runs from one machine's folders: `SQLite`, a folder as the store, the signing keys.
//!
//! A backup is a folder that looks as the service's own does, with a manifest of every file's SHA-256:
//!
//! ```text
//! <out>/20261122T021004Z/manifest.json
//! <out>/20261122T021004Z/geocrop.toml
//! <out>/20261122T021004Z/state/geocrop.sqlite
//! <out>/20261122T021004Z/state/keys/*.pem
//! <out>/20261122T021004Z/store/...
//! ```
//!
//! - [`create`]: takes one while the service runs; files of the store that did not change share their bytes with the
//!   backup before;
//! - [`keep`]: removes the oldest;
//! - [`check`] and [`restore`]: every file is compared with the manifest before anything is written.
//!
//! Services on `PostgreSQL` and S3 are not backed up here: those servers have means of their own.

mod create;
mod database;
mod error;
mod files;
mod keep;
mod manifest;
mod restore;
mod staging;

pub use create::{Created, Service, create};
pub use error::{BackupError, Problem};
pub use keep::keep;
pub use manifest::{FORMAT, FileEntry, Manifest};
pub use restore::{check, restore};

/// Told how far the work is, from 0 to 1; answers whether to go on.
pub type Watch<'a> = &'a dyn Fn(f64) -> bool;
