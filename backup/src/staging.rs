//! A folder that becomes visible whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::BackupError;

/// The mode of a folder that only its owner can look into.
pub(crate) const PRIVATE: u32 = 0o700;

/// The mode of any other folder.
pub(crate) const OPEN: u32 = 0o777;

/// A folder in the making. It is removed again unless it is published; one that a crash left is taken over.
#[derive(Debug)]
pub(crate) struct Staging {
    path: PathBuf,
    /// Locked: the kernel gives it free when its holder dies.
    _lock: File,
    published: bool,
}

impl Staging {
    /// Begins `parent/name` with this mode, less the process' mask, and the folders above it if need be.
    pub(crate) fn begin(parent: &Path, name: &str, mode: u32) -> Result<Self, BackupError> {
        let path = parent.join(name);
        let failed = |error| BackupError::file("write", &path, error);
        fs::create_dir_all(parent).map_err(failed)?;
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(&path)
            .map_err(failed)?;
        let lock = File::open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(BackupError::Busy { path }),
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        empty(&path).map_err(failed)?;
        Ok(Self {
            path,
            _lock: lock,
            published: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, in the same folder; what stands there must be an empty folder if it is anything.
    pub(crate) fn publish(mut self, to: &Path) -> Result<(), BackupError> {
        let failed = |error| BackupError::file("write", to, error);
        sync_folders(&self.path).map_err(failed)?;
        fs::rename(&self.path, to).map_err(failed)?;
        self.published = true;
        match to.parent() {
            Some(parent) if parent != Path::new("") => sync(parent).map_err(failed),
            _ => sync(Path::new(".")).map_err(failed),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // Nothing more can be done about what cannot be removed; the next try begins with it.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a folder that only its owner can look into, if it is not there.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE).create(path)
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cannot_work_on_the_same_and_what_a_crash_left_is_taken_over() {
        let parent = tempfile::tempdir().unwrap();
        let first = Staging::begin(parent.path(), ".unfinished", PRIVATE).unwrap();
        let error = Staging::begin(parent.path(), ".unfinished", PRIVATE).unwrap_err();
        assert!(matches!(error, BackupError::Busy { .. }), "{error}");
        drop(first);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);

        let left = parent.path().join(".unfinished/state");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("half"), "x").unwrap();
        let next = Staging::begin(parent.path(), ".unfinished", PRIVATE).unwrap();
        assert_eq!(fs::read_dir(next.path()).unwrap().count(), 0);
        next.publish(&parent.path().join("whole")).unwrap();
        assert!(parent.path().join("whole").is_dir());
        assert!(!parent.path().join(".unfinished").exists());
    }
}
