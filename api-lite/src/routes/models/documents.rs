//! What is told of models: the list, which is ours, and status and metadata in TensorFlow Serving's form.

use std::collections::BTreeMap;

use geocrop_model::instances::{
    DEFAULT_SIGNATURE, IMAGES_INPUT, NAMED_SIGNATURE, ROWS_INPUT, Takes,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::models::{ModelInfo, ModelSignature};

/// The models of this server.
#[derive(Serialize, ToSchema)]
pub(crate) struct Models {
    /// One entry for each version, by name, the latest version first.
    models: Vec<ModelEntry>,
}

/// A version of a model.
#[derive(Serialize, ToSchema)]
struct ModelEntry {
    /// The model's name.
    #[schema(example = "cropland-southeast-africa")]
    name: String,
    /// The version.
    #[schema(example = "1")]
    version: String,
    /// Names for this version; `production` is the one that serves.
    labels: Vec<String>,
    /// `trees` (rows of features) or `network` (images).
    #[schema(example = "trees")]
    kind: String,
    /// Whether it can be used.
    available: bool,
    /// Why not, where it cannot; else `null`.
    #[schema(required = true)]
    reason: Option<String>,
    /// Where to POST instances.
    #[schema(example = "/v1/models/cropland-southeast-africa/versions/1:predict")]
    predict: String,
}

impl Models {
    pub(super) fn of(models: &[ModelInfo]) -> Self {
        let entry = |info: &ModelInfo| ModelEntry {
            name: info.name.clone(),
            version: info.version.clone(),
            labels: info.labels.clone(),
            kind: info.kind.clone(),
            available: info.unavailable.is_none(),
            reason: info.unavailable.clone(),
            predict: format!("/v1/models/{}/versions/{}:predict", info.name, info.version),
        };
        Self {
            models: models.iter().map(entry).collect(),
        }
    }
}

/// The state of versions, as TensorFlow Serving tells it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Statuses {
    /// The latest first.
    model_version_status: Vec<VersionStatus>,
}

/// The state of a version.
#[derive(Serialize, ToSchema)]
struct VersionStatus {
    /// The version.
    #[schema(example = "1")]
    version: String,
    /// `AVAILABLE`, or `END` for a model that cannot be used here.
    #[schema(example = "AVAILABLE")]
    state: &'static str,
    /// Whether something is wrong.
    status: StatusDetail,
}

/// Whether something is wrong with a version.
#[derive(Serialize, ToSchema)]
struct StatusDetail {
    /// `OK`, or `UNAVAILABLE`.
    #[schema(example = "OK")]
    error_code: &'static str,
    /// What is wrong; empty if nothing is.
    error_message: String,
}

impl Statuses {
    pub(super) fn of(versions: &[ModelInfo]) -> Self {
        let status = |info: &ModelInfo| match &info.unavailable {
            None => VersionStatus {
                version: info.version.clone(),
                state: "AVAILABLE",
                status: StatusDetail {
                    error_code: "OK",
                    error_message: String::new(),
                },
            },
            Some(reason) => VersionStatus {
                version: info.version.clone(),
                state: "END",
                status: StatusDetail {
                    error_code: "UNAVAILABLE",
                    error_message: reason.clone(),
                },
            },
        };
        Self {
            model_version_status: versions.iter().map(status).collect(),
        }
    }
}

/// What a model takes and gives, as TensorFlow Serving tells it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Metadata {
    /// Which model this is.
    model_spec: ModelSpec,
    /// `signature_def` as TensorFlow has it, and `geocrop`: `features` or `bands` in their order, `classes`, `sha256`.
    metadata: Value,
}

/// Which model this is.
#[derive(Serialize, ToSchema)]
struct ModelSpec {
    /// Its name.
    name: String,
    /// Always empty: all signatures are told.
    signature_name: &'static str,
    /// The version.
    version: String,
}

impl Metadata {
    pub(super) fn of(info: &ModelInfo, signature: &ModelSignature) -> Self {
        let tensor = |shape: &[i64]| {
            let dims: Vec<Value> = shape
                .iter()
                .map(|size| json!({ "size": size.to_string(), "name": "" }))
                .collect();
            json!({
                "dtype": "DT_FLOAT",
                "tensor_shape": { "dim": dims, "unknown_rank": false },
                "name": "",
            })
        };
        let names = signature.takes.names();
        let (width, outputs) = (names.len() as i64, signature.outputs as i64);
        let signature_def = |inputs: Value, output: &[i64]| {
            json!({
                "inputs": inputs,
                "outputs": { &signature.output: tensor(output) },
                "method_name": "tensorflow/serving/predict",
            })
        };
        let mut signatures = BTreeMap::new();
        let order = match &signature.takes {
            Takes::Row(features) => {
                let output: &[i64] = if outputs == 1 { &[-1] } else { &[-1, outputs] };
                let whole = json!({ ROWS_INPUT: tensor(&[-1, width]) });
                signatures.insert(DEFAULT_SIGNATURE, signature_def(whole, output));
                let each: BTreeMap<&String, Value> =
                    features.iter().map(|name| (name, tensor(&[-1]))).collect();
                signatures.insert(NAMED_SIGNATURE, signature_def(json!(each), output));
                "features"
            }
            Takes::Image(_) => {
                let whole = json!({ IMAGES_INPUT: tensor(&[-1, -1, -1, width]) });
                let output = [-1, -1, -1, outputs];
                signatures.insert(DEFAULT_SIGNATURE, signature_def(whole, &output));
                "bands"
            }
        };
        Self {
            model_spec: ModelSpec {
                name: info.name.clone(),
                signature_name: "",
                version: info.version.clone(),
            },
            metadata: json!({
                "signature_def": {
                    "signature_def": signatures,
                    "@type": "type.googleapis.com/tensorflow.serving.SignatureDefMap",
                },
                "geocrop": {
                    order: names,
                    "classes": signature.classes,
                    "outputs": signature.outputs,
                    "sha256": signature.sha256,
                    "labels": info.labels,
                },
            }),
        }
    }
}
