//! Which backups there are, and how many of them stay.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::BackupError;
use crate::manifest::MANIFEST;
use crate::staging::{PRIVATE, Staging};

const NAME: &str = "%Y%m%dT%H%M%SZ";

/// The folder in which a backup is made, and in which one is removed.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// The name of a backup of this moment.
pub(crate) fn name(moment: DateTime<Utc>) -> String {
    moment.format(NAME).to_string()
}

/// The backups in a folder, oldest first. Whatever else lies there is none.
pub(crate) fn backups(out: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let failed = |error| BackupError::file("read", out, error);
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let named = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| NaiveDateTime::parse_from_str(name, NAME).is_ok());
        if named && path.join(MANIFEST).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the oldest backups of a folder until `count` are left, and returns those that went.
///
/// # Errors
/// [`BackupError::Busy`] while another process backs up into the same folder; [`BackupError::File`].
pub fn keep(out: &Path, count: usize) -> Result<Vec<PathBuf>, BackupError> {
    let mut all = backups(out)?;
    let surplus = all.len().saturating_sub(count);
    all.truncate(surplus);
    for backup in &all {
        // Under another name first: half a backup must not look like one. Leaving the scope removes it.
        let grave = Staging::begin(out, UNFINISHED, PRIVATE)?;
        fs::rename(backup, grave.path().join("removed"))
            .map_err(|error| BackupError::file("remove", backup, error))?;
    }
    Ok(all)
}
