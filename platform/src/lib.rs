//! Reads the files that deploy `GeoCrop`. The checks are this crate's tests; nothing of it is in the program.

mod commands;
mod pods;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub use commands::{geocrop_words, is_script, lines, wrong_in};
pub use pods::{Pod, list, mib, pods, text};
pub use tools::{Running, checker, geocrop, program, said, status_of};

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

/// A JSON file of the project.
///
/// # Errors
/// That it cannot be read, or is no JSON.
pub fn json(path: &str) -> Result<Value, String> {
    let text = std::fs::read_to_string(root().join(path)).map_err(|e| format!("{path}: {e}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

/// The files below a folder of the project, by path from the project's folder, in order.
///
/// # Errors
/// What the system said.
pub fn files(folder: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(root().join(&folder)).map_err(|e| format!("{folder}: {e}"))?;
        for entry in entries {
            let entry = entry.map_err(|error| error.to_string())?;
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files of manifests: `k8s`, and what trains (`training/active`).
///
/// # Errors
/// As [`files`].
pub fn manifests() -> Result<Vec<String>, String> {
    let mut found = files("k8s")?;
    found.extend(files("training/active")?);
    Ok(found)
}
