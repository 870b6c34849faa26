//! Files that are whole or not there, and locks that end with the process that holds them.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::TrackingError;

/// Shapes an error of the system.
pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrackingError {
    move |source| TrackingError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Writes through a file in `aside`, a folder of the same disk that nobody reads, and moves it into place.
pub(crate) fn write_whole(aside: &Path, path: &Path, bytes: &[u8]) -> Result<(), TrackingError> {
    place(aside, path, |file| file.write_all(bytes))
}

/// Copies a file in the same way.
pub(crate) fn copy_whole(aside: &Path, path: &Path, from: &Path) -> Result<(), TrackingError> {
    let mut source = File::open(from).map_err(failed("read", from))?;
    place(aside, path, |file| io::copy(&mut source, file).map(|_| ()))
}

fn place(
    aside: &Path,
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), TrackingError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed("make the folder", parent))?;
    }
    fs::create_dir_all(aside).map_err(failed("make the folder", aside))?;
    let unfinished = aside.join(format!("{:016x}", rand::random::<u64>()));
    let written = File::create_new(&unfinished).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| {
            // The first failure is the one to tell.
            let _ = fs::remove_file(&unfinished);
            failed("write", path)(error)
        })
}

/// Reads text, or `None` where there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, TrackingError> {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|error| damaged(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Reads JSON, or `None` where there is no file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TrackingError> {
    read(path)?
        .map(|text| serde_json::from_str(&text).map_err(|error| damaged(path, &error)))
        .transpose()
}

/// Writes JSON for people to read as well.
pub(crate) fn write_json(
    aside: &Path,
    path: &Path,
    value: &impl Serialize,
) -> Result<(), TrackingError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| damaged(path, &error))?;
    write_whole(aside, path, format!("{text}\n").as_bytes())
}

pub(crate) fn damaged(path: &Path, reason: &dyn std::fmt::Display) -> TrackingError {
    TrackingError::Damaged {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// Locks a file for this process alone, or `None` where another has it. The system unlocks it when a process dies.
pub(crate) fn lock(path: &Path) -> Result<Option<File>, TrackingError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}

/// Whether a process holds the lock. A file that is not there is held by nobody.
pub(crate) fn is_locked(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The files below a folder, as paths with `/`, in order. A folder that is not there has none.
pub(crate) fn below(folder: &Path) -> Result<Vec<String>, TrackingError> {
    let mut found = Vec::new();
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = waiting.pop() {
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed("list", &path)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed("list", &path))?;
            let kind = entry.file_type().map_err(failed("list", &entry.path()))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(damaged(&entry.path(), &"its name is no Unicode text"));
            };
            let name = format!("{prefix}{name}");
            // A link could lead out of the folder.
            if kind.is_dir() {
                waiting.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}
