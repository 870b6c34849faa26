//! Finds the network that a recipe names: its manifest among the models, its files among the data sets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geocrop_model::dynamic_world::Network;
use geocrop_store::{ContentHash, Store};

use crate::TaskError;
use crate::manifest::NetworkManifest;
use crate::models::{self, ModelFile, ModelIdentity, PRODUCTION};
use crate::recipe::LabelMap;
use crate::remote::RemoteServer;

/// The name of the network that recipes know.
pub(crate) const NAME: &str = "dynamic-world";

/// A network that is there, before its weights are read.
pub(crate) struct NetworkFiles {
    /// With the checksum of the file with the weights.
    identity: ModelIdentity,
    folder: PathBuf,
}

/// What a task classifies with: found, not read. Many tasks may share it.
#[derive(Clone)]
pub(crate) enum Trained {
    Trees(Arc<ModelFile>),
    Network(Arc<NetworkFiles>),
    Remote(Arc<RemoteServer>),
}

impl Trained {
    pub(crate) fn identity(&self) -> &ModelIdentity {
        match self {
            Self::Trees(file) => &file.identity,
            Self::Network(files) => &files.identity,
            Self::Remote(server) => server.identity(),
        }
    }
}

/// Where networks are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) store: &'a Store,
    /// Models that the store does not have.
    pub(crate) models: Option<&'a Path>,
    pub(crate) datasets: Option<&'a Path>,
}

/// Looks for the version of a recipe's network that serves, and checks that its files are those of the manifest.
pub(crate) fn find(places: Places<'_>, wanted: &LabelMap) -> Result<NetworkFiles, TaskError> {
    named(places, &wanted.network, PRODUCTION)
}

/// As [`find`], by name and version.
pub(crate) fn named(
    places: Places<'_>,
    name: &str,
    version: &str,
) -> Result<NetworkFiles, TaskError> {
    let file = models::find_named(places.store, places.models, name, version)?;
    let model = file.identity.label();
    let manifest = NetworkManifest::from_slice(file.bytes(), &model)?;
    let missing = |looked: String| TaskError::NoNetwork {
        name: name.to_owned(),
        data_set: manifest.data_set.clone(),
        looked,
    };
    let folder = places
        .datasets
        .ok_or_else(|| missing("no folder of data sets is known".to_owned()))?
        .join(&manifest.folder);
    for part in &manifest.files {
        let path = folder.join(&part.path);
        let found = match ContentHash::of_file(&path) {
            Ok(hash) => hash.to_string(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(missing(format!("{} is not there", path.display())));
            }
            Err(source) => {
                return Err(TaskError::Scratch {
                    path: path.display().to_string(),
                    source,
                });
            }
        };
        if found != part.sha256 {
            return Err(TaskError::WrongWeights {
                model,
                path: path.display().to_string(),
                found,
                expected: part.sha256.clone(),
                data_set: manifest.data_set.clone(),
            });
        }
    }
    // A map's record names the weights, not the manifest: what is said about them does not make another map.
    let weights = manifest.weights().map(|file| file.sha256.clone());
    Ok(NetworkFiles {
        identity: ModelIdentity {
            sha256: weights.unwrap_or_else(|| file.identity.sha256.clone()),
            ..file.identity
        },
        folder,
    })
}

/// Why a version of a network cannot be loaded, as far as a look at the sizes of its files tells.
pub(crate) fn missing(places: Places<'_>, name: &str, version: &str) -> Option<String> {
    let look = || -> Result<bool, TaskError> {
        let file = models::find_named(places.store, places.models, name, version)?;
        let manifest = NetworkManifest::from_slice(file.bytes(), &file.identity.label())?;
        let Some(datasets) = places.datasets else {
            return Ok(false);
        };
        let folder = datasets.join(&manifest.folder);
        let whole = manifest.files.iter().all(|file| {
            std::fs::metadata(folder.join(&file.path)).is_ok_and(|meta| meta.len() == file.bytes)
        });
        Ok(whole)
    };
    match look() {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "its weights are not on this machine; 'geocrop data pull {name}' fetches them"
        )),
        Err(error) => Some(error.to_string()),
    }
}

impl NetworkFiles {
    pub(crate) fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Reads the weights.
    pub(crate) fn load(&self) -> Result<Network, TaskError> {
        Ok(Network::load(&self.folder)?)
    }
}
