//! Reads the files that deploy `GeoCrop`. The checks are this crate's tests; nothing of it is in the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The documents of a YAML text.
///
/// # Errors
/// What is wrong and where.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| error.to_string())
}

/// What `kubectl kustomize` makes of a folder, below the project's.
///
/// # Errors
/// What kubectl said; that there is no kubectl.
pub fn rendered(folder: &str) -> Result<Vec<Value>, String> {
    let output = Command::new("kubectl")
        .arg("kustomize")
        .arg(root().join(folder))
        .output()
        .map_err(|error| format!("kubectl does not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    documents(&String::from_utf8_lossy(&output.stdout))
}
