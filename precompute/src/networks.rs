//! Finds the network that a recipe names, among the data sets on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geocrop_model::dynamic_world::Network;
use geocrop_store::ContentHash;

use crate::TaskError;
use crate::models::{ModelFile, ModelIdentity};
use crate::recipe::LabelMap;
use crate::remote::RemoteServer;

/// The name of the network that is known.
pub(crate) const NAME: &str = "dynamic-world";

/// Where the data set `dynamic-world` has the network, as TensorFlow saved it.
const SAVED_MODEL: &str = "dynamicworld/forward";

/// Its weights: all that is read of it but their index.
const WEIGHTS: &str = "variables/variables.data-00000-of-00001";

/// The version of Dynamic World that the published network makes.
pub(crate) const VERSION: &str = "v1";

/// A network that is there, before its weights are read.
pub(crate) struct NetworkFiles {
    /// With the checksum of the file with the weights.
    identity: ModelIdentity,
    folder: PathBuf,
}

/// What a task classifies with: found, not read.
pub(crate) enum Trained {
    Trees(ModelFile),
    Network(NetworkFiles),
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

/// Looks for the network of a recipe below the folder of data sets.
pub(crate) fn find(datasets: Option<&Path>, wanted: &LabelMap) -> Result<NetworkFiles, TaskError> {
    named(datasets, &wanted.network)
}

/// Whether the network can be read, as far as one look tells.
pub(crate) fn is_there(datasets: Option<&Path>) -> bool {
    datasets.is_some_and(|folder| folder.join(SAVED_MODEL).join(WEIGHTS).is_file())
}

/// As [`find`], by name.
pub(crate) fn named(datasets: Option<&Path>, name: &str) -> Result<NetworkFiles, TaskError> {
    let missing = |looked: String| TaskError::NoNetwork {
        name: name.to_owned(),
        looked,
    };
    let folder = datasets
        .ok_or_else(|| missing("no folder of data sets is known".to_owned()))?
        .join(SAVED_MODEL);
    let weights = folder.join(WEIGHTS);
    let sha256 = match ContentHash::of_file(&weights) {
        Ok(hash) => hash.to_string(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(missing(format!("{} is not there", weights.display())));
        }
        Err(source) => {
            return Err(TaskError::Scratch {
                path: weights.display().to_string(),
                source,
            });
        }
    };
    Ok(NetworkFiles {
        identity: ModelIdentity {
            name: name.to_owned(),
            version: VERSION.to_owned(),
            sha256,
            url: None,
        },
        folder,
    })
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
