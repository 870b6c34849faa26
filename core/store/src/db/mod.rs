//! Users, quotas, the queue of jobs, and the history of the service's own parts, in SQLite.
//!
//! One file, no server. Writes that read first begin `IMMEDIATE`, so that a quota is checked and used in one step. Every
//! row belongs to a tenant, and every question about jobs names one.

mod error;
mod jobs;
mod status;
mod users;

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use error::DbError;
pub use jobs::{Claim, Job, JobStatus, MAX_ATTEMPTS, NewJob};
pub use status::{Check, PartState};
pub use users::{Quota, Role, User};

/// How long a write waits for another one to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: SqlitePool,
}

impl Database {
    /// Opens `sqlite://path` (made if it is not there, readable by its owner only) or `sqlite::memory:`, and brings its
    /// tables up to date.
    ///
    /// # Errors
    /// [`DbError::InvalidUrl`], [`DbError::File`], or [`DbError::Migrate`] for a database of a newer version.
    pub async fn open(url: &str) -> Result<Self, DbError> {
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .ok_or_else(|| DbError::InvalidUrl {
                url: url.to_owned(),
            })?;
        let in_memory = matches!(path, ":memory:" | "memory" | "memory:");
        let options = SqliteConnectOptions::new()
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = if in_memory {
            // Each connection to memory would be a database of its own, and end with the connection.
            SqlitePoolOptions::new()
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_with(options.in_memory(true))
                .await?
        } else if path.is_empty() {
            return Err(DbError::InvalidUrl {
                url: url.to_owned(),
            });
        } else {
            make_private_file(Path::new(path))?;
            SqlitePoolOptions::new()
                .max_connections(4)
                .connect_with(
                    options
                        .filename(path)
                        .journal_mode(SqliteJournalMode::Wal)
                        .synchronous(SqliteSynchronous::Full),
                )
                .await?
        };
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes all connections and folds the log into the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The file holds password hashes. SQLite gives its log and index files the permissions of the database.
fn make_private_file(path: &Path) -> Result<(), DbError> {
    let failed = |source| DbError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(|_| ())
        .map_err(failed)
}

/// A random UUID (version 4), which is also a [`Slug`](crate::Slug).
fn new_id() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        write!(id, "{byte:02x}").expect("writing to a string cannot fail");
    }
    id
}

fn moment(milliseconds: i64) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_millis(milliseconds).ok_or_else(|| DbError::Corrupt {
        reason: format!("the time {milliseconds} is out of range"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_4_uuid_and_a_slug() {
        let id = new_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(id.parse::<crate::Slug>().is_ok());
        assert_ne!(id, new_id());
    }
}
