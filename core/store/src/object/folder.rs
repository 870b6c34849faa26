//! Who is at work in a folder: locks on directories.
//!
//! A folder has no server that could say whether a half-written file still has a writer, or that could compare before
//! it replaces. The kernel can: each writer holds a shared lock on the directory that it writes into, and whoever has to
//! decide something there (replace a document only if it is unchanged, sweep what the dead left) takes the exclusive
//! one. The lock is on the directory itself, so nothing is left behind, and the kernel releases it when its holder dies,
//! be it by `kill -9`. Containers of one machine see each other's locks. A file system without them, as some network
//! mounts are, costs nothing but certainty: documents are still checked after they are written, and sweeping waits a
//! day.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long another holder is waited for. One that is stopped, not dead, must not stop everybody.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// What came of asking for a lock.
#[derive(Debug)]
pub(crate) enum Lock {
    /// Held until this is dropped.
    Held(#[expect(dead_code, reason = "held, not read")] File),
    /// Somebody else has it.
    Busy,
    /// This file system has no locks.
    Unsupported,
}

#[derive(Clone, Copy)]
enum Kind {
    Shared,
    Exclusive,
}

/// Says that this process writes into `folder`, which is made if need be.
pub(crate) fn write_in(folder: &Path) -> io::Result<Lock> {
    make(folder)?;
    Ok(wait(folder, Kind::Shared))
}

/// Keeps others from writing into `folder` and from deciding there, waiting for those at work. [`Lock::Busy`] if they
/// do not end.
pub(crate) fn decide_in(folder: &Path) -> io::Result<Lock> {
    make(folder)?;
    Ok(wait(folder, Kind::Exclusive))
}

/// As [`decide_in`], but waits for nobody and makes nothing.
pub(crate) fn claim(folder: &Path) -> Lock {
    try_lock(folder, Kind::Exclusive)
}

fn wait(folder: &Path, kind: Kind) -> Lock {
    let begun = Instant::now();
    loop {
        match try_lock(folder, kind) {
            Lock::Busy if begun.elapsed() < LONGEST_WAIT => thread::sleep(POLL),
            lock => return lock,
        }
    }
}

fn try_lock(folder: &Path, kind: Kind) -> Lock {
    let Ok(directory) = File::open(folder) else {
        return Lock::Unsupported;
    };
    let locked = match kind {
        Kind::Shared => directory.try_lock_shared(),
        Kind::Exclusive => directory.try_lock(),
    };
    match locked {
        // The directory may have been removed, being empty, and made anew since it was opened.
        Ok(()) if is_at(&directory, folder) => Lock::Held(directory),
        Ok(()) | Err(TryLockError::WouldBlock) => Lock::Busy,
        Err(TryLockError::Error(_)) => Lock::Unsupported,
    }
}

fn is_at(directory: &File, folder: &Path) -> bool {
    let same = || {
        let (held, there) = (directory.metadata()?, fs::metadata(folder)?);
        io::Result::Ok(held.ino() == there.ino() && held.dev() == there.dev())
    };
    // One that is gone altogether is made again by its writer; the lock is of no use to anybody else.
    same().unwrap_or(true)
}

/// Makes a folder and those above it, each on the disk before this returns.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return fs::create_dir(folder);
    };
    make(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_share_a_folder_and_whoever_decides_has_it_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("layers/ndvi");
        let first = write_in(&folder).unwrap();
        let second = write_in(&folder).unwrap();
        assert!(matches!((&first, &second), (Lock::Held(_), Lock::Held(_))));
        assert!(matches!(claim(&folder), Lock::Busy));
        drop((first, second));

        let alone = claim(&folder);
        assert!(matches!(alone, Lock::Held(_)));
        assert!(matches!(try_lock(&folder, Kind::Shared), Lock::Busy));
        drop(alone);
        assert!(matches!(write_in(&folder).unwrap(), Lock::Held(_)));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("layers"), "").unwrap();
        assert!(write_in(&root.path().join("layers/ndvi")).is_err());
    }
}
