//! A model that another server evaluates, over TensorFlow Serving's REST interface.
//!
//! What the server tells of its model (version, inputs) is asked once, when a task is planned, and becomes part of the
//! task's identity; predictions are then asked of that very version, so that a map is not made of two. Rows go out in
//! batches, missing values as `NaN`, and only pixels that will be mapped. A server that is busy or away is asked again
//! a few times; one that answers something else than predictions ends the task.

mod ask;
mod metadata;

use std::fmt::Write as _;

use geocrop_model::instances::{InstancesError, parse_predictions};
use geocrop_store::ContentHash;

use crate::classify::{Model, Scorer};
use crate::learnt::Learnt;
use crate::models::ModelIdentity;
use crate::recipe::{ClassModel, Recipe, RemoteModel};
use crate::{Progress, TaskError};
use ask::Asker;
use metadata::Metadata;

/// Why a remote model gave no predictions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// Nobody answers.
    #[error(
        "the model server {url} did not answer after {attempts} attempts ({reason}): is it running, and can this machine reach it? A slow one may need a longer `timeout` or fewer `rows` in the recipe's [model.remote]"
    )]
    Away {
        /// What was asked.
        url: String,
        /// How often.
        attempts: u32,
        /// What went wrong the last time.
        reason: String,
    },
    /// Something else than success.
    #[error(
        "the model server {url} answered {status}: {words}. Check the name and version in the recipe's [model.remote] url, and the server's log"
    )]
    Refused {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: u16,
        /// What it says, shortened.
        words: String,
    },
    /// Predictions of the wrong number or form.
    #[error(
        "the model server {url} answered, but not with the predictions that were asked for: {reason}. Does the url in the recipe's [model.remote] name the right model?"
    )]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The model's inputs are not the recipe's features.
    #[error("the model at {url} does not take the features of the recipe {recipe}: {reason}")]
    Features {
        /// The model.
        url: String,
        /// The recipe.
        recipe: String,
        /// What does not fit.
        reason: String,
    },
    /// The environment lacks the token.
    #[error(
        "the recipe's [model.remote] wants the token for {url} in the environment variable {variable}, which is not set"
    )]
    NoToken {
        /// The model.
        url: String,
        /// The variable.
        variable: String,
    },
    /// The client cannot be made.
    #[error("cannot ask {url}: {reason}")]
    Client {
        /// The model.
        url: String,
        /// Why.
        reason: String,
    },
}

/// A server that was found, and what it tells of its model.
#[derive(Debug)]
pub(crate) struct RemoteServer {
    asker: Asker,
    /// Where predictions are asked for.
    predict: String,
    metadata: Metadata,
    identity: ModelIdentity,
    rows: usize,
}

/// How a row is written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RowForm {
    /// A list of numbers, the model's only input.
    List,
    /// An object with an input for each feature.
    Named,
}

/// Asks a server which model it has.
pub(crate) fn find(
    classes: &ClassModel,
    remote: &RemoteModel,
    progress: &Progress,
) -> Result<RemoteServer, TaskError> {
    let asker = Asker::new(remote)?;
    let metadata = Metadata::of(&asker, &remote.url, progress)?;
    let told = format!("{}\n{}", remote.url, metadata.text);
    let pinned = remote.url.contains("/versions/") || metadata.version.is_empty();
    let base = match remote.url.split_once("/labels/") {
        Some((base, _)) => base,
        None => &remote.url,
    };
    let predict = if pinned {
        format!("{}:predict", remote.url)
    } else {
        format!("{base}/versions/{}:predict", metadata.version)
    };
    let version = if metadata.version.is_empty() {
        "unknown"
    } else {
        &metadata.version
    };
    Ok(RemoteServer {
        identity: ModelIdentity {
            name: classes.model.clone(),
            version: version.to_owned(),
            sha256: ContentHash::of_bytes(told.as_bytes()).to_string(),
            learnt_sha256: None,
            url: Some(remote.url.clone()),
        },
        asker,
        predict,
        metadata,
        rows: remote.rows,
    })
}

impl RemoteServer {
    pub(crate) fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Checks that the model takes what the recipe makes and tells its classes apart, as far as the server says so, and
    /// then by asking for one row.
    pub(crate) fn load(
        self: &std::sync::Arc<Self>,
        recipe: &Recipe,
        classes: &ClassModel,
        progress: &Progress,
    ) -> Result<Model, TaskError> {
        let made = recipe.feature_names();
        let (features, form) = self.metadata.inputs(&made).map_err(|reason| {
            TaskError::from(RemoteError::Features {
                url: self.predict.clone(),
                recipe: recipe.name.clone(),
                reason,
            })
        })?;
        let mut scorer = RemoteScorer {
            server: std::sync::Arc::clone(self),
            form,
            features: features.clone(),
            outputs: classes.values.len(),
        };
        // Servers do not all say how many numbers they give for a row: one row tells.
        let answer = scorer.ask(&vec![0.0; features.len()], progress)?;
        let found = width(&answer).unwrap_or(scorer.outputs);
        // One probability may stand for two classes.
        if found != scorer.outputs && (found, scorer.outputs) != (1, 2) {
            return Err(RemoteError::Answer {
                url: self.predict.clone(),
                reason: format!(
                    "it gives {found} numbers for a row, and the recipe lists {} classes in model.values",
                    scorer.outputs
                ),
            }
            .into());
        }
        scorer.outputs = found;
        scorer.read(&answer, 1)?;
        Ok(Model {
            scorer: Scorer::Remote(scorer),
            features,
            learnt: Learnt::default(),
        })
    }
}

/// A remote model that fits a recipe.
#[derive(Debug)]
pub(crate) struct RemoteScorer {
    server: std::sync::Arc<RemoteServer>,
    form: RowForm,
    features: Vec<String>,
    outputs: usize,
}

impl RemoteScorer {
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Predicts rows, `[row][feature]`, in batches.
    pub(crate) fn predict(&self, rows: &[f32], progress: &Progress) -> Result<Vec<f32>, TaskError> {
        let width = self.features.len();
        let mut out = Vec::with_capacity(rows.len() / width * self.outputs);
        for batch in rows.chunks(width * self.server.rows) {
            let answer = self.ask(batch, progress)?;
            out.extend(self.read(&answer, batch.len() / width)?);
        }
        Ok(out)
    }

    fn ask(&self, rows: &[f32], progress: &Progress) -> Result<Vec<u8>, TaskError> {
        let server = &self.server;
        server
            .asker
            .post(&server.predict, &self.body(rows), progress)
    }

    /// The predictions for so many rows in an answer.
    fn read(&self, answer: &[u8], count: usize) -> Result<Vec<f32>, TaskError> {
        parse_predictions(answer, count, self.outputs).map_err(|error| {
            let reason = match error {
                InstancesError::Syntax(words) => format!("no JSON ({words})"),
                error => error.to_string(),
            };
            RemoteError::Answer {
                url: self.server.predict.clone(),
                reason,
            }
            .into()
        })
    }

    /// The request; numbers in the fewest digits that read back as the same float32.
    fn body(&self, rows: &[f32]) -> String {
        let mut text = String::with_capacity(32 + rows.len() * 12);
        text.push_str("{\"instances\":[");
        for (number, row) in rows.chunks(self.features.len()).enumerate() {
            if number > 0 {
                text.push(',');
            }
            let (open, close) = match self.form {
                RowForm::List => ('[', ']'),
                RowForm::Named => ('{', '}'),
            };
            text.push(open);
            for (column, value) in row.iter().enumerate() {
                if column > 0 {
                    text.push(',');
                }
                if self.form == RowForm::Named {
                    // Names of features are letters, digits and underscores.
                    let _ = write!(text, "\"{}\":", self.features[column]);
                }
                if value.is_finite() {
                    let _ = write!(text, "{value:?}");
                } else {
                    text.push_str("NaN");
                }
            }
            text.push(close);
        }
        text.push_str("]}");
        text
    }
}

/// How many numbers an answer has for its first row, if it has any.
fn width(answer: &[u8]) -> Option<usize> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let mut first = answer.get("predictions")?.get(0)?;
    if let Some(named) = first.as_object() {
        first = named.values().next()?;
    }
    match first {
        serde_json::Value::Array(numbers) => Some(numbers.len()),
        serde_json::Value::Number(_) => Some(1),
        _ => None,
    }
}
