//! The models that the API serves: those of the store, the project's folder and the data sets.

use std::sync::Arc;

use geocrop_api::{ModelCatalog, ModelFailure, ModelInfo, ModelSignature, ServedModel};
use geocrop_model::dynamic_world::NetworkError;
use geocrop_model::instances::Examples;
use geocrop_precompute::{Engine, KnownModel, LoadedModel, ModelStore, Recipe, TaskError};

/// The models that an engine uses.
pub(crate) struct StoredModels(ModelStore);

impl StoredModels {
    /// Recipes name the classes of their models.
    pub(crate) fn new<'r>(engine: &Engine, recipes: impl IntoIterator<Item = &'r Recipe>) -> Self {
        Self(ModelStore::new(engine, recipes))
    }
}

/// A fault of the request is the client's to mend; all else is in the log.
fn failure(error: &TaskError) -> ModelFailure {
    match error {
        TaskError::WrongExamples { .. } | TaskError::Network(NetworkError::Small { .. }) => {
            ModelFailure::request(error.to_string())
        }
        _ => ModelFailure::server(error.to_string()),
    }
}

impl ModelCatalog for StoredModels {
    fn list(&self) -> Result<Vec<ModelInfo>, ModelFailure> {
        let info = |known: KnownModel| ModelInfo {
            name: known.name,
            version: known.version,
            labels: known
                .production
                .then(|| "production".to_owned())
                .into_iter()
                .collect(),
            kind: if known.network { "network" } else { "trees" }.to_owned(),
            unavailable: known.missing,
        };
        let known = self.0.list().map_err(|error| failure(&error))?;
        Ok(known.into_iter().map(info).collect())
    }

    fn load(&self, name: &str, version: &str) -> Result<Arc<dyn ServedModel>, ModelFailure> {
        let model = self
            .0
            .load(name, version)
            .map_err(|error| failure(&error))?;
        let output = if model.is_probability() {
            "probabilities"
        } else {
            "predictions"
        };
        Ok(Arc::new(Served {
            signature: ModelSignature {
                takes: model.takes(),
                output: output.to_owned(),
                outputs: model.outputs(),
                classes: model.classes().to_vec(),
                sha256: model.sha256.clone(),
            },
            model,
        }))
    }
}

struct Served {
    signature: ModelSignature,
    model: LoadedModel,
}

impl ServedModel for Served {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure> {
        self.model
            .predict(examples)
            .map_err(|error| failure(&error))
    }
}
