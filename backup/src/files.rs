//! Copying files so that they last, and comparing them with what was said of them.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use geocrop_store::ContentHash;

use crate::manifest::{FileEntry, is_secret};
use crate::staging::private_folder;

/// Copies a file to `root`/`path` and describes the copy. It is on the disk when this returns.
pub(crate) fn copy(from: &Path, root: &Path, path: &str) -> io::Result<FileEntry> {
    let modified = fs::metadata(from)?.modified()?;
    let to = place(root, path)?;
    fs::copy(from, &to)?;
    settle(&to, path, modified)
}

/// Describes a file that is written at `root`/`path`, and sees that it stays.
pub(crate) fn settle(file: &Path, path: &str, modified: SystemTime) -> io::Result<FileEntry> {
    if is_secret(path) {
        fs::set_permissions(file, Permissions::from_mode(0o600))?;
    }
    let handle = OpenOptions::new().append(true).open(file)?;
    handle.set_modified(modified)?;
    handle.sync_all()?;
    Ok(FileEntry {
        path: path.to_owned(),
        size: handle.metadata()?.len(),
        sha256: ContentHash::of_file(file)?.to_string(),
        modified: modified.into(),
    })
}

/// The path in `root`, with its folders made.
pub(crate) fn place(root: &Path, path: &str) -> io::Result<std::path::PathBuf> {
    let to = root.join(path);
    if let Some(folder) = to.parent() {
        if is_secret(path) {
            private_folder(folder)?;
        } else {
            fs::create_dir_all(folder)?;
        }
    }
    Ok(to)
}

/// Writes a new file, on the disk when this returns.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    File::open(path)?.sync_all()
}

/// What is wrong with a file of a backup, if anything.
pub(crate) fn difference(root: &Path, expected: &FileEntry) -> Option<String> {
    let path = root.join(&expected.path);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some("missing".to_owned()),
        Err(error) => return Some(error.to_string()),
    };
    if !metadata.is_file() {
        return Some("not a file".to_owned());
    }
    if metadata.len() != expected.size {
        return Some(format!(
            "{} bytes in place of {}",
            metadata.len(),
            expected.size
        ));
    }
    match ContentHash::of_file(&path) {
        Ok(hash) if hash.to_string() == expected.sha256 => None,
        Ok(_) => Some("other bytes".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
