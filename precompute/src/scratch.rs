//! The folder in which a task makes its files, and the sweeping of those that a killed process left behind.
//!
//! A folder's owner holds a lock on a file in it for as long as it lives, however it ends. A folder whose lock can be
//! had belongs to nobody any more.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::TaskError;

const PREFIX: &str = "geocrop-task-";
const OWNER: &str = "owner";

/// A working folder; it goes away with its owner.
pub(crate) struct Scratch {
    // Dropped in this order on every system: the lock's file is closed before its folder goes.
    _owner: File,
    folder: TempDir,
}

impl Scratch {
    /// Makes a folder within `parent`, and removes those of processes that were killed.
    pub(crate) fn new(parent: &Path) -> Result<Self, TaskError> {
        sweep(parent);
        let cannot = |path: &Path, source| TaskError::Scratch {
            path: path.display().to_string(),
            source,
        };
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .map_err(|e| cannot(parent, e))?;
        let path = folder.path().join(OWNER);
        let owner = File::create(&path).map_err(|e| cannot(&path, e))?;
        owner.lock().map_err(|e| cannot(&path, e))?;
        Ok(Self {
            _owner: owner,
            folder,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that nobody owns. Best effort: what cannot be removed now is tried again by the next task.
pub(crate) fn sweep(parent: &Path) -> Vec<PathBuf> {
    let mut gone = Vec::new();
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let folder = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let owner = OpenOptions::new().write(true).open(folder.join(OWNER));
        let abandoned = match owner {
            Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
            // A folder without its file is being made right now, or was killed in that moment: an hour tells.
            Err(_) => entry
                .metadata()
                .and_then(|m| m.modified())
                .is_ok_and(|t| t.elapsed().is_ok_and(|age| age.as_secs() > 3600)),
        };
        if abandoned && std::fs::remove_dir_all(&folder).is_ok() {
            gone.push(folder);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_whose_owner_is_gone_is_swept_and_a_living_one_stays() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::new(parent.path()).unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(OWNER), b"").unwrap();
        std::fs::write(left.join("blocks.tif"), b"half a map").unwrap();
        let other = parent.path().join("somebody-elses");
        std::fs::create_dir(&other).unwrap();
        assert_eq!(sweep(parent.path()), std::slice::from_ref(&left));
        assert!(living.path().exists() && other.exists() && !left.exists());
        drop(living);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
