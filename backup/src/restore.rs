//! From a backup to a service again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use geocrop_database::{Database, DbError};

use crate::manifest::{DATABASE, FileEntry, Manifest};
use crate::staging::{OPEN, Staging};
use crate::{BackupError, Problem, Watch, files, keep};

/// Compares every file of a backup with its manifest.
///
/// # Errors
/// [`BackupError::NoManifest`], [`BackupError::InvalidManifest`], [`BackupError::Newer`]; [`BackupError::Damaged`] with all
/// files that are not as they were; [`BackupError::Stopped`].
pub fn check(folder: &Path, watch: Watch) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    let total = manifest.bytes().max(1) as f64;
    let (mut done, mut problems) = (0, Vec::new());
    for file in &manifest.files {
        problems.extend(files::difference(folder, file).map(|found| Problem {
            path: file.path.clone(),
            found,
        }));
        done += file.size;
        if !watch(done as f64 / total) {
            return Err(BackupError::Stopped);
        }
    }
    if problems.is_empty() {
        return Ok(manifest);
    }
    Err(damaged(folder, problems))
}

/// Restores a backup to a folder that is not there or empty: `to/geocrop.toml`, `to/state`, `to/store`.
///
/// All files are checked before anything is written, and again as they are copied. The database is opened and brought up
/// to date before the folder gets its name, so one of a newer program is found in time.
///
/// # Errors
/// As [`check`]; [`BackupError::InTheWay`], [`BackupError::Busy`], [`BackupError::Full`], [`BackupError::Unusable`],
/// [`BackupError::File`].
pub fn restore(folder: &Path, to: &Path, watch: Watch) -> Result<Manifest, BackupError> {
    let (parent, name) = target(to)?;
    let manifest = check(folder, &|share| watch(share / 2.0))?;
    let staging = Staging::begin(&parent, &format!(".{name}.restoring"), OPEN)?;
    let total = manifest.bytes().max(1) as f64;
    let mut done = 0;
    for file in &manifest.files {
        bring(folder, file, staging.path())?;
        done += file.size;
        if !watch(0.5 + done as f64 / total / 2.0) {
            return Err(BackupError::Stopped);
        }
    }
    open(&staging.path().join(DATABASE)).map_err(|source| BackupError::Unusable {
        program: manifest.program.clone(),
        source,
    })?;
    staging.publish(to)?;
    Ok(manifest)
}

/// The folder above the target, and the target's name.
fn target(to: &Path) -> Result<(PathBuf, String), BackupError> {
    match fs::read_dir(to) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(BackupError::InTheWay {
                    path: to.to_owned(),
                });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(BackupError::InTheWay {
                path: to.to_owned(),
            });
        }
        Err(error) => return Err(BackupError::file("read", to, error)),
    }
    let name = to.file_name().ok_or_else(|| BackupError::InTheWay {
        path: to.to_owned(),
    })?;
    let parent = match to.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((parent, name.to_string_lossy().into_owned()))
}

fn bring(folder: &Path, file: &FileEntry, root: &Path) -> Result<(), BackupError> {
    let from = folder.join(&file.path);
    let copied = files::copy(&from, root, &file.path)
        .map_err(|error| BackupError::file("copy", &from, error))?;
    if copied.sha256 == file.sha256 {
        return Ok(());
    }
    let found = "other bytes when it was copied".to_owned();
    let path = file.path.clone();
    Err(damaged(folder, vec![Problem { path, found }]))
}

fn damaged(folder: &Path, problems: Vec<Problem>) -> BackupError {
    let beside = folder.canonicalize().ok();
    let beside = beside.as_deref().and_then(Path::parent);
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let others = beside.and_then(|beside| keep::backups(beside).ok());
    BackupError::Damaged {
        folder: folder.to_owned(),
        problems,
        others: others
            .unwrap_or_default()
            .iter()
            .rev()
            .filter_map(|path| name(path))
            .filter(|other| Some(other) != name(folder).as_ref())
            .collect(),
    }
}

/// Opens the database as the program does, which brings its tables up to date.
fn open(path: &Path) -> Result<(), DbError> {
    let failed = |source| DbError::File {
        path: path.to_owned(),
        source,
    };
    let path_in_full = path.canonicalize().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let address = format!("sqlite://{}", path_in_full.display());
        Database::open(&address).await?.close().await;
        Ok(())
    })
}
