//! Models that answer requests: where they come from, which are loaded, and how requests become batches.
//!
//! This crate knows no model. A [`ModelCatalog`] tells which there are and loads them; the shelf keeps those in use, each
//! with a queue and a thread of its own.

mod batch;
mod counters;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use geocrop_model::instances::{Examples, Takes};

pub(crate) use batch::Busy;
pub(crate) use counters::{Counters, ModelMetrics};
pub(crate) use shelf::{Shelf, Which};

/// Tells which models there are, and loads them.
///
/// Both functions may take a while; they are called on threads that may wait.
pub trait ModelCatalog: Send + Sync + 'static {
    /// Every version of every model, those that cannot be loaded among them.
    ///
    /// # Errors
    /// When the place where models lie cannot be read.
    fn list(&self) -> Result<Vec<ModelInfo>, ModelFailure>;

    /// Loads a version that was listed.
    ///
    /// # Errors
    /// When it is gone, damaged, or not on this machine.
    fn load(&self, name: &str, version: &str) -> Result<Arc<dyn ServedModel>, ModelFailure>;
}

/// A catalog without a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModels;

impl ModelCatalog for NoModels {
    fn list(&self) -> Result<Vec<ModelInfo>, ModelFailure> {
        Ok(Vec::new())
    }

    fn load(&self, name: &str, version: &str) -> Result<Arc<dyn ServedModel>, ModelFailure> {
        Err(ModelFailure::server(format!(
            "there is no model {name}/{version}"
        )))
    }
}

/// One version of a model, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The model's name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Names for this version: `production` for the one that serves.
    pub labels: Vec<String>,
    /// What sort of model it is: `trees`, `network`.
    pub kind: String,
    /// Why it cannot be used here, if it cannot.
    pub unavailable: Option<String>,
}

/// A loaded model. It is called from one thread at a time.
pub trait ServedModel: Send + Sync + 'static {
    /// What it takes and gives.
    fn signature(&self) -> &ModelSignature;

    /// Predicts examples of the shape that the signature takes: for each row, or for each pixel of each image, as many
    /// numbers as the signature's `outputs`. The prediction of an example does not depend on the others.
    ///
    /// # Errors
    /// When these examples cannot be predicted.
    fn predict(&self, examples: &Examples) -> Result<Vec<f32>, ModelFailure>;
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSignature {
    /// Its input.
    pub takes: Takes,
    /// The name of its output: `probabilities`, or `predictions` where they are none.
    pub output: String,
    /// Numbers for each row or pixel. One number for two classes is the probability of the second.
    pub outputs: usize,
    /// The classes in the order of the outputs, where the model tells classes apart and somebody named them.
    pub classes: Vec<String>,
    /// Checksum of the model's file.
    pub sha256: String,
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFailure {
    /// What was wrong, and what to do.
    pub message: String,
    /// Whether another request may fare better with the same model: this one was wrong.
    pub of_the_request: bool,
}

impl ModelFailure {
    /// The model or its files failed.
    pub fn server(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            of_the_request: false,
        }
    }

    /// What was asked cannot be answered.
    pub fn request(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            of_the_request: true,
        }
    }
}

/// How requests become batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batching {
    /// Rows (or pixels) that one batch gathers. A larger request goes alone.
    pub cells: usize,
    /// How long the first request of a batch waits for others.
    pub linger: Duration,
    /// Rows (or pixels) that may wait for a model; beyond, requests are refused. A larger request is taken when none
    /// waits.
    pub waiting: usize,
}

impl Default for Batching {
    /// 4096 rows or 2 ms; half a million may wait.
    fn default() -> Self {
        Self {
            cells: 4096,
            linger: Duration::from_millis(2),
            waiting: 1 << 19,
        }
    }
}
