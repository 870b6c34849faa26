//! Finds the network that a recipe names, among the data sets on this machine.

use std::path::{Path, PathBuf};

use geocrop_model::dynamic_world::Network;
use geocrop_store::ContentHash;
use serde::Serialize;

use crate::TaskError;
use crate::recipe::LabelMap;

/// Where the data set `dynamic-world` has the network, as TensorFlow saved it.
const SAVED_MODEL: &str = "dynamicworld/forward";

/// Its weights: all that is read of it but their index.
const WEIGHTS: &str = "variables/variables.data-00000-of-00001";

/// Which network made a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkIdentity {
    pub(crate) name: String,
    /// Of the file with the weights.
    pub(crate) sha256: String,
}

/// A network that is there, before its weights are read.
#[derive(Debug)]
pub(crate) struct NetworkFiles {
    pub(crate) identity: NetworkIdentity,
    folder: PathBuf,
}

/// Looks for the network of a recipe below the folder of data sets.
pub(crate) fn find(datasets: Option<&Path>, wanted: &LabelMap) -> Result<NetworkFiles, TaskError> {
    let missing = |looked: String| TaskError::NoNetwork {
        name: wanted.network.clone(),
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
        identity: NetworkIdentity {
            name: wanted.network.clone(),
            sha256,
        },
        folder,
    })
}

impl NetworkFiles {
    /// Reads the weights.
    pub(crate) fn load(&self) -> Result<Network, TaskError> {
        Ok(Network::load(&self.folder)?)
    }
}
