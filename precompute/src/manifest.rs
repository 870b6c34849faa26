//! `model.json` of a network: a manifest of files that lie among the data sets, and none of its weights.

use std::path::{Component, Path};

use geocrop_model::dynamic_world::{self, BANDS};
use serde::{Deserialize, Serialize};

use crate::TaskError;

/// The format that is read.
const FORMAT: u32 = 1;

/// The network that can be evaluated; docs/decisions/0008-dynamic-world-network.md.
const ARCHITECTURE: &str = "dynamic-world-forward";

/// The file with the weights, as TensorFlow calls it.
pub(crate) const WEIGHTS: &str = "variables/variables.data-00000-of-00001";

/// What a version of a network is: which files it is made of, what it takes and what it tells apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkManifest {
    /// The version of this format, which also tells the file from that of trees.
    geocrop_network: u32,
    /// The evaluator that it needs.
    pub architecture: String,
    /// The data set that has its files: `geocrop data pull NAME` fetches them.
    pub data_set: String,
    /// Their folder among the data sets.
    pub folder: String,
    /// The files that are read.
    pub files: Vec<NetworkFile>,
    /// What it takes.
    pub inputs: NetworkInputs,
    /// The names of its classes; a class has its place in this list as value.
    pub classes: Vec<String>,
}

/// A file of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFile {
    /// Inside the manifest's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

/// What a network takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkInputs {
    /// The bands in their order.
    pub bands: Vec<String>,
    /// What a value of them means, in words.
    pub unit: String,
    /// Metres of a pixel.
    pub resolution: u32,
}

impl NetworkManifest {
    /// Whether a file says that it is one.
    pub fn is_one(bytes: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Marked {
            #[serde(rename = "geocrop_network")]
            _format: u32,
        }
        serde_json::from_slice::<Marked>(bytes).is_ok()
    }

    /// Reads the manifest of `model` (`name/version`, for messages).
    ///
    /// # Errors
    /// [`TaskError::Manifest`] when it is none, or one of a network that this program does not evaluate.
    pub fn from_slice(bytes: &[u8], model: &str) -> Result<Self, TaskError> {
        let wrong = |reason: String| TaskError::Manifest {
            model: model.to_owned(),
            reason,
        };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        match manifest.fault() {
            Some(reason) => Err(wrong(reason)),
            None => Ok(manifest),
        }
    }

    /// The file with the weights: its checksum stands for the network's in the record of a map.
    pub(crate) fn weights(&self) -> Option<&NetworkFile> {
        self.files.iter().find(|file| file.path == WEIGHTS)
    }

    fn fault(&self) -> Option<String> {
        let inside = |path: &str| {
            let mut parts = Path::new(path).components();
            !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        let outside = std::iter::once(&self.folder)
            .chain(self.files.iter().map(|file| &file.path))
            .find(|path| !inside(path));
        let legend = dynamic_world::legend();
        let classes: Vec<&str> = legend.iter().map(|class| class.name.as_str()).collect();
        if self.geocrop_network != FORMAT {
            return Some(format!(
                "its format is {}, expected {FORMAT}; a newer program may read it",
                self.geocrop_network
            ));
        }
        if self.architecture != ARCHITECTURE {
            return Some(format!(
                "its architecture is {}, and {ARCHITECTURE} is the one that can be evaluated",
                self.architecture
            ));
        }
        if let Some(path) = outside {
            return Some(format!("the path '{path}' leads out of the data sets"));
        }
        if self.weights().is_none() {
            return Some(format!("its files have no {WEIGHTS}"));
        }
        if self.inputs.bands != BANDS {
            return Some(format!(
                "its bands are {}, expected {}",
                self.inputs.bands.join(", "),
                BANDS.join(", ")
            ));
        }
        if self.classes != classes {
            return Some(format!(
                "its classes are {}, expected {}",
                self.classes.join(", "),
                classes.join(", ")
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/dynamic-world");
        let version = std::fs::read_to_string(folder.join("production")).unwrap();
        std::fs::read_to_string(folder.join(version.trim()).join("model.json")).unwrap()
    }

    #[test]
    fn the_committed_manifest_is_read_and_trees_are_no_manifest() {
        let text = committed();
        assert!(NetworkManifest::is_one(text.as_bytes()));
        let manifest = NetworkManifest::from_slice(text.as_bytes(), "dynamic-world/v1").unwrap();
        assert_eq!(manifest.data_set, "dynamic-world");
        assert!(!NetworkManifest::is_one(b"{\"version\":[1,7,4]}"));
    }

    #[test]
    fn the_committed_manifest_has_the_data_sets_files() {
        let manifest = NetworkManifest::from_slice(committed().as_bytes(), "dynamic-world/v1");
        let manifest = manifest.unwrap();
        let listed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets.toml");
        let listed: toml::Table = std::fs::read_to_string(listed).unwrap().parse().unwrap();
        let files = listed[&manifest.data_set]["files"].as_array().unwrap();
        for file in &manifest.files {
            let path = format!("{}/{}", manifest.folder, file.path);
            let there = files
                .iter()
                .find(|there| there["path"].as_str() == Some(&path));
            let there = there.unwrap_or_else(|| panic!("{path} is in no data set"));
            assert_eq!(there["sha256"].as_str(), Some(file.sha256.as_str()));
            assert_eq!(there["bytes"].as_integer(), Some(file.bytes as i64));
        }
    }

    #[test]
    fn what_cannot_be_evaluated_is_told_apart() {
        let text = committed();
        for (from, to, words) in [
            (
                "\"geocrop_network\": 1",
                "\"geocrop_network\": 2",
                "format is 2",
            ),
            ("dynamic-world-forward", "unet", "architecture is unet"),
            ("dynamicworld/forward", "../elsewhere", "leads out of"),
            (
                "variables.data-00000-of-00001",
                "other",
                "have no variables/",
            ),
            (
                "\"blue\", \"green\"",
                "\"green\", \"blue\"",
                "its bands are green",
            ),
            (
                "\"water\", \"trees\"",
                "\"trees\", \"water\"",
                "its classes are trees",
            ),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = NetworkManifest::from_slice(changed.as_bytes(), "dw/v2").unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains(words) && message.contains("dw/v2"),
                "{message}"
            );
        }
    }
}
