//! What a crash leaves behind, and its removal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::Utc;

use crate::layout::{self, ResultKeys};
use crate::object::folder::{Lock, claim};
use crate::stac::Item;
use crate::{Entry, Store, StoreError};

/// No writer works this long on one result. Where nothing tells whether a writer lives, only older things go.
const SURELY_DEAD: Duration = Duration::from_hours(24);

/// Removes all that dead writers left, and nothing of those at work. Returns what was removed.
///
/// In a folder, that is at once: locks tell who is at work there. A bucket has nothing of the kind, so what lies there
/// must be a day old.
///
/// # Errors
/// Anything the store says.
pub fn sweep(store: &Store) -> Result<Vec<String>, StoreError> {
    let age = match store.local_root() {
        Some(_) => Duration::ZERO,
        None => SURELY_DEAD,
    };
    sweep_temporary(store, age)
}

/// Removes what crashed writers left and what is older than `age`: half-written files of a folder (`name#1`, which no
/// listing shows), unfinished uploads to a bucket, and tiles that no item refers to. Folders in which somebody is writing
/// are left as they are. Returns what was removed.
///
/// A server that does not list unfinished uploads is left alone too; its own rule for incomplete multipart uploads
/// removes them.
///
/// # Errors
/// [`StoreError::InvalidDocument`] for an item that does not parse; anything the store says.
pub fn sweep_temporary(store: &Store, age: Duration) -> Result<Vec<String>, StoreError> {
    let mut removed = Vec::new();
    if let Some(root) = store.local_root() {
        for path in half_written(root, age).map_err(|source| StoreError::from_file(root, source))? {
            removed.push(
                path.strip_prefix(root)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    removed.append(&mut store.abort_unfinished(Utc::now() - age)?);
    removed.append(&mut unreferenced_tiles(store, age)?);
    Ok(removed)
}

/// Removes the half-written files below a folder, and returns their paths.
fn half_written(folder: &Path, age: Duration) -> io::Result<Vec<PathBuf>> {
    let (mut removed, mut files) = (Vec::new(), Vec::new());
    for entry in unless_gone(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            removed.append(&mut half_written(&entry.path(), age)?);
        } else if kind.is_file() && is_staging_name(&entry.file_name().to_string_lossy()) {
            files.push(entry.path());
        }
    }
    if files.is_empty() {
        return Ok(removed);
    }
    let lock = claim(folder);
    let Some(age) = age_under(&lock, age) else {
        return Ok(removed);
    };
    let old = SystemTime::now()
        .checked_sub(age)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    for path in files {
        // Its writer may have finished it before the lock was ours.
        let Some(meta) = unless_gone(fs::metadata(&path))? else {
            continue;
        };
        if meta.modified()? <= old && unless_gone(fs::remove_file(&path))?.is_some() {
            removed.push(path);
        }
    }
    Ok(removed)
}

/// How old something has to be to go, given what the lock of its folder says; `None` if it must stay.
fn age_under(lock: &Lock, age: Duration) -> Option<Duration> {
    match lock {
        Lock::Held(_) => Some(age),
        Lock::Busy => None,
        Lock::Unsupported => Some(age.max(SURELY_DEAD)),
    }
}

fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder backend writes `name` as `name#1`, `name#2` and so on, and renames it when it is whole.
fn is_staging_name(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

/// Removes the tiles that no item refers to, and returns their keys.
fn unreferenced_tiles(store: &Store, age: Duration) -> Result<Vec<String>, StoreError> {
    let mut removed = Vec::new();
    for (folder, entries) in by_folder(store.list(layout::layers_folder())?) {
        if !entries.iter().any(|entry| layout::is_tiles(&entry.key)) {
            continue;
        }
        let (_lock, age, entries) = match store.local_root() {
            // What is listed and read under the lock has no writer who has yet to put the item.
            Some(root) => {
                let lock = claim(&root.join(&folder));
                let Some(age) = age_under(&lock, age) else {
                    continue;
                };
                (Some(lock), age, store.list(&folder)?)
            }
            None => (None, age, entries),
        };
        let old = Utc::now() - age;
        let mut tiles: BTreeSet<String> = entries
            .iter()
            .filter(|entry| layout::is_tiles(&entry.key) && entry.modified <= old)
            .map(|entry| entry.key.clone())
            .collect();
        if tiles.is_empty() {
            continue;
        }
        for entry in &entries {
            for key in referred_tiles(store, entry)? {
                tiles.remove(&key);
            }
        }
        for key in tiles {
            store.delete(&key)?;
            removed.push(key);
        }
    }
    Ok(removed)
}

/// Items refer to files of their own folder only.
fn by_folder(entries: Vec<Entry>) -> BTreeMap<String, Vec<Entry>> {
    let mut folders: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let folder = entry.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry(folder.to_owned()).or_default().push(entry);
    }
    folders
}

fn referred_tiles(store: &Store, entry: &Entry) -> Result<Vec<String>, StoreError> {
    let Some(keys) = ResultKeys::from_item(&entry.key) else {
        return Ok(Vec::new());
    };
    let Some(bytes) = store.get(&entry.key)? else {
        return Ok(Vec::new());
    };
    let item: Item =
        serde_json::from_slice(&bytes).map_err(|source| StoreError::InvalidDocument {
            key: entry.key.clone(),
            kind: "STAC Item",
            source,
        })?;
    Ok(item
        .assets
        .values()
        .filter_map(|asset| keys.referred(&asset.href))
        .collect())
}
