//! What a backup says of itself.

use std::fs;
use std::io;
use std::path::{Component, Path};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::BackupError;

/// The format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const CONFIG: &str = "geocrop.toml";
pub(crate) const DATABASE: &str = "state/geocrop.sqlite";
pub(crate) const KEYS: &str = "state/keys";
pub(crate) const STORE: &str = "store";

/// A backup's table of contents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The version of that program.
    pub program: String,
    /// The moment at which the database stood as it is in the backup.
    pub created: DateTime<Utc>,
    /// Whether the signing keys are in it.
    pub keys: bool,
    /// Every file but the manifest, by path.
    pub files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the manifest, with `/` between the folders.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// When the service had last written it.
    pub modified: DateTime<Utc>,
}

/// Whether nobody but the owner may read it: the configuration may hold passwords, the database holds their hashes.
pub(crate) fn is_secret(path: &str) -> bool {
    path == CONFIG || path.starts_with("state/")
}

/// What a manifest of any format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
    program: String,
}

impl Manifest {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Reads the manifest of a backup.
    pub(crate) fn read(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoManifest {
                    folder: folder.to_owned(),
                });
            }
            Err(error) => return Err(BackupError::file("read", &path, error)),
        };
        let invalid = |reason: String| BackupError::InvalidManifest {
            path: path.clone(),
            reason,
        };
        let head: Head = serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        if head.format > FORMAT {
            return Err(BackupError::Newer {
                folder: folder.to_owned(),
                program: head.program,
                format: head.format,
            });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        // A path from outside must not lead out of the folder that is restored.
        if let Some(file) = manifest.files.iter().find(|file| !is_ours(&file.path)) {
            return Err(invalid(format!("{:?} is no path of a backup", file.path)));
        }
        if !manifest.files.iter().any(|file| file.path == DATABASE) {
            return Err(invalid(format!("it names no {DATABASE}")));
        }
        Ok(manifest)
    }
}

fn is_ours(path: &str) -> bool {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let inside = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
    };
    plain && (path == CONFIG || path == DATABASE || inside(KEYS) || inside(STORE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Manifest, BackupError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        Manifest::read(folder.path())
    }

    fn with_path(path: &str) -> String {
        let file = |path: &str| {
            format!(
                r#"{{"path": "{path}", "size": 1, "sha256": "00", "modified": "2026-11-22T02:10:04Z"}}"#
            )
        };
        format!(
            r#"{{"format": 1, "program": "0.1.0", "created": "2026-11-22T02:10:04Z", "keys": true, "files": [{}, {}]}}"#,
            file(DATABASE),
            file(path)
        )
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "store/catalog.json",
            "state/keys/20261122T091530-1f3a.pem",
            "geocrop.toml",
        ] {
            assert!(written(&with_path(path)).is_ok(), "{path}");
        }
        for path in [
            "../outside",
            "/etc/passwd",
            "store/../../outside",
            "store/",
            "store",
            "storehouse/x",
            "other/file",
            "state/other",
            "",
        ] {
            let error = written(&with_path(path)).unwrap_err();
            assert!(
                matches!(error, BackupError::InvalidManifest { .. }),
                "{path}: {error}"
            );
        }
    }

    #[test]
    fn a_later_format_names_the_program_even_if_the_rest_is_unknown() {
        let error = written(r#"{"format": 2, "program": "3.1.4", "parts": {}}"#).unwrap_err();
        assert!(matches!(error, BackupError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("geocrop 3.1.4"), "{error}");
    }

    #[test]
    fn a_manifest_without_the_database_is_damaged() {
        let text = with_path("store/catalog.json").replace("geocrop.sqlite", "keys/a.pem");
        let error = written(&text).unwrap_err();
        assert!(error.to_string().contains(DATABASE), "{error}");
    }
}
