//! What can go wrong with the database.

use std::io;
use std::path::PathBuf;

/// A failure of the database, or a refusal by its rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// An address that names no database.
    #[error(
        "{url:?} is not the address of a database; expected sqlite://path/to/file, sqlite::memory: or postgres://user:password@host:5432/name"
    )]
    InvalidUrl {
        /// The address as given, without a password.
        url: String,
    },
    /// The file or its folder cannot be made or opened.
    #[error("{}: cannot open the database: {source}; check the folder and who owns it", path.display())]
    File {
        /// The database's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The tables cannot be brought up to date.
    #[error(
        "the database cannot be brought up to date: {0}; it may come from a newer version of the program, or its user may not change tables (give the owner's address too)"
    )]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A user of this name is there already.
    #[error(
        "there is a user {name:?} already; choose another name, or set a new password for this one"
    )]
    UserExists {
        /// The name.
        name: String,
    },
    /// A name that no user may have.
    #[error("{name:?} is not a user name; expected 1 to 64 visible characters without spaces")]
    InvalidUserName {
        /// The name as given.
        name: String,
    },
    /// There is no such user.
    #[error("there is no user {user:?}; make one with `geocrop user add`")]
    NoSuchUser {
        /// The id or name asked for.
        user: String,
    },
    /// The user has no job left.
    #[error(
        "all {limit} jobs of this account are used ({used}); jobs that failed here do not count"
    )]
    Quota {
        /// Jobs that the account may make.
        limit: u32,
        /// Jobs that it has made and that count.
        used: u32,
    },
    /// An idempotency key came back with another request.
    #[error("the idempotency key was used before, for another request")]
    OtherRequest,
    /// A row that this program did not write.
    #[error("the database holds something unexpected: {reason}")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// The database does not answer; it may soon.
    #[error("the database does not answer: {0}")]
    Unavailable(sqlx::Error),
    /// Anything else that the database says.
    #[error("the database failed: {0}")]
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            // Connection exceptions, a server that shuts down or starts, too many connections; a locked file of SQLite.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                code.starts_with("08")
                    || matches!(&*code, "57P01" | "57P02" | "57P03" | "53300" | "5" | "517")
            }),
            _ => false,
        };
        if away {
            Self::Unavailable(error)
        } else {
            Self::Sql(error)
        }
    }
}

impl DbError {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "map_err hands errors over by value"
    )]
    pub(crate) fn corrupt(reason: impl ToString) -> Self {
        Self::Corrupt {
            reason: reason.to_string(),
        }
    }
}
