//! What can go wrong with a backup, in the words of whoever needs it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use geocrop_database::DbError;
use geocrop_store::StoreError;

/// A backup that could not be taken, or one that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no service in these folders.
    #[error(
        "{}: there is no {what} here, so there is nothing to back up; check the settings with `geocrop doctor`, and run this in the service's folder",
        path.display()
    )]
    NothingThere {
        /// `database` or `store`.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// The backups would become a part of what is backed up.
    #[error(
        "{}: the backups would lie in {}, which is backed up; choose a folder outside of it, best on another disk",
        out.display(), folder.display()
    )]
    Inside {
        /// Where the backups were to go.
        out: PathBuf,
        /// The folder of the service.
        folder: PathBuf,
    },
    /// Another process works here.
    #[error("{}: another backup or restore is at work here; wait until it has ended", path.display())]
    Busy {
        /// The folder in which it writes.
        path: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// `read`, `write`, `remove`...
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No space is left.
    #[error(
        "{}: the disk is full; what was begun is removed again and nothing else was changed; free some space, keep fewer backups (--keep), or choose another disk",
        path.display()
    )]
    Full {
        /// The file that was being written.
        path: PathBuf,
    },
    /// The database cannot be copied.
    #[error(
        "{}: the database cannot be copied: {source}; if it is damaged, restore the last good backup", path.display()
    )]
    Copy {
        /// The database's file.
        path: PathBuf,
        /// What `SQLite` said.
        source: sqlx::Error,
    },
    /// The copy of the database is not sound.
    #[error(
        "{}: the database is damaged: {found}; no backup was taken of it; restore the last good one", path.display()
    )]
    Unsound {
        /// The database's file.
        path: PathBuf,
        /// What `PRAGMA quick_check` said.
        found: String,
    },
    /// The store cannot be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder that is no backup.
    #[error(
        "{}: this is no backup, because it has no manifest.json; give the folder of one backup, such as backups/20261122T021004Z",
        folder.display()
    )]
    NoManifest {
        /// The folder as given.
        folder: PathBuf,
    },
    /// A manifest that cannot be read.
    #[error(
        "{}: the manifest is damaged: {reason}; fetch the backup again from where a copy of it is kept, or restore an earlier one",
        path.display()
    )]
    InvalidManifest {
        /// The manifest.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A backup in a format that this program does not know.
    #[error(
        "{}: this backup has format {format}, made by geocrop {program}; this is geocrop {} and knows formats up to {}: restore it with that version or a newer one",
        folder.display(), env!("CARGO_PKG_VERSION"), crate::FORMAT
    )]
    Newer {
        /// The backup.
        folder: PathBuf,
        /// The program that made it.
        program: String,
        /// Its format.
        format: u32,
    },
    /// Files of a backup are not as they were written.
    #[error(
        "{}: {} of this backup are damaged or missing: {}; nothing was restored. Fetch the backup again from where a copy of it is kept, or restore an earlier one{}",
        folder.display(), counted(problems), listed(problems), named(others)
    )]
    Damaged {
        /// The backup.
        folder: PathBuf,
        /// Each file that is not as it was.
        problems: Vec<Problem>,
        /// Other backups beside it, newest first.
        others: Vec<String>,
    },
    /// Something is where the service is to be restored.
    #[error(
        "{}: there is something here already, and a restore writes over nothing; give a folder that is not there or is empty, and change places afterwards",
        path.display()
    )]
    InTheWay {
        /// The folder as given.
        path: PathBuf,
    },
    /// The database of the backup cannot be used by this program.
    #[error("the database of the backup, made by geocrop {program}, cannot be used: {source}; nothing was restored; this is geocrop {}", env!("CARGO_PKG_VERSION"))]
    Unusable {
        /// The program that made the backup.
        program: String,
        /// What the database's module said.
        source: DbError,
    },
    /// Somebody asked to stop.
    #[error("stopped; what was begun is removed again")]
    Stopped,
}

impl BackupError {
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            return Self::Full { path };
        }
        Self::File {
            doing,
            path,
            source,
        }
    }
}

/// A file of a backup that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its path in the backup.
    pub path: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.found)
    }
}

/// Problems that a message lists.
const LISTED: usize = 5;

fn counted(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

fn listed(problems: &[Problem]) -> String {
    let mut text = problems
        .iter()
        .take(LISTED)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if problems.len() > LISTED {
        text += ", ...";
    }
    text
}

fn named(others: &[String]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let text = others.join(", ");
    format!(" (check first, as they may share files: {text})")
}
