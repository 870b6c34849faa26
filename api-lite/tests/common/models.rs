//! Models for tests: a real one of trees, and made ones that add, wait and fail.

use std::sync::{Arc, Condvar, Mutex};

use geocrop_api::{ModelCatalog, ModelFailure, ModelInfo, ModelSignature, ServedModel};
use geocrop_model::TreeEnsemble;
use geocrop_model::instances::{Examples, Takes};

/// A gate that a test opens.
#[derive(Default)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    bell: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.bell.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.bell.wait_while(open, |open| !*open).unwrap());
    }
}

pub(crate) struct TestModels {
    pub(crate) gate: Arc<Gate>,
    /// Whether the models that wait and fail are left out.
    pub(crate) sound: bool,
}

/// The project's own model.
pub(crate) fn cropland() -> TreeEnsemble {
    TreeEnsemble::load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../models/cropland-southeast-africa/1/model.json"
    ))
    .unwrap()
}

type Predict = dyn Fn(&Examples) -> Result<Vec<f32>, ModelFailure> + Send + Sync;

struct Made {
    signature: ModelSignature,
    predict: Box<Predict>,
}

impl ServedModel for Made {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure> {
        (self.predict)(examples)
    }
}

fn made(
    takes: Takes,
    outputs: usize,
    predict: impl Fn(&Examples) -> Result<Vec<f32>, ModelFailure> + Send + Sync + 'static,
) -> Arc<dyn ServedModel> {
    Arc::new(Made {
        signature: ModelSignature {
            takes,
            output: "probabilities".into(),
            outputs,
            classes: vec!["other".into(), "crop".into()],
            sha256: "12ab".into(),
        },
        predict: Box::new(predict),
    })
}

impl ModelCatalog for TestModels {
    fn list(&self) -> Result<Vec<ModelInfo>, ModelFailure> {
        let info = |name: &str, version: &str, labels: &[&str]| ModelInfo {
            name: name.into(),
            version: version.into(),
            labels: labels.iter().map(ToString::to_string).collect(),
            kind: "trees".into(),
            unavailable: (version == "away").then(|| "its weights were not pulled".into()),
        };
        let mut models = vec![
            info("cropland", "1", &["production"]),
            info("cropland", "2", &[]),
            info("cropland", "away", &[]),
            // The one that the test of the API's description asks for.
            info("name", "version", &["production", "label"]),
            info("image", "1", &[]),
            info("slow", "1", &[]),
            info("broken", "1", &[]),
        ];
        models.retain(|model| {
            !self.sound
                || (!matches!(model.name.as_str(), "slow" | "broken") && model.version != "away")
        });
        Ok(models)
    }

    fn load(&self, name: &str, _: &str) -> Result<Arc<dyn ServedModel>, ModelFailure> {
        let row = |names: &[&str]| Takes::Row(names.iter().map(ToString::to_string).collect());
        Ok(match name {
            "cropland" => {
                let model = cropland();
                let takes = Takes::Row(model.feature_names().to_vec());
                made(takes, 1, move |examples| {
                    let mut out = vec![0.0; examples.count];
                    model.predict_rows(&examples.values, &mut out).unwrap();
                    Ok(out)
                })
            }
            "name" => made(row(&["a", "b"]), 2, |examples| {
                if examples.values.contains(&13.0) {
                    return Err(ModelFailure::request("thirteen is refused"));
                }
                Ok(examples.values.iter().map(|v| v * 2.0).collect())
            }),
            "image" => made(
                Takes::Image(vec!["red".into(), "nir".into()]),
                2,
                |examples| Ok(examples.values.clone()),
            ),
            "slow" => {
                let gate = Arc::clone(&self.gate);
                made(row(&["x"]), 1, move |examples| {
                    gate.pass();
                    Ok(examples.values.clone())
                })
            }
            _ => return Err(ModelFailure::server("the file /secret/path is damaged")),
        })
    }
}
