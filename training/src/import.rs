//! A model that was trained elsewhere, judged on samples that it did not learn from.

use geocrop_model::Ensemble;

use crate::card::{Card, CrossValidation};
use crate::evaluate::{Evaluation, Predictions, Resampling, evaluate};
use crate::importance::{self, Importance, permutation_importance};
use crate::report::Report;
use crate::{About, Table, TrainingError};

/// How far a prediction may be from XGBoost's.
const PARITY: f32 = 1e-5;

/// How often each feature is shuffled, and by which seed.
const SHUFFLES: usize = 3;
const SEED: u64 = 0;

/// A model that was taken in, with its card and what its report shows.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The model's file, as it was.
    pub model_json: Vec<u8>,
    /// Its card; the figures are those of the samples that it was judged by.
    pub card: Card,
    /// Every figure and curve of these samples.
    pub evaluation: Evaluation,
    /// What it loses of these samples without each of its features.
    pub importance: Vec<Importance>,
}

impl Imported {
    /// What goes into a model's folder, the model last.
    ///
    /// # Panics
    /// Never: figures and texts are JSON.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let card = serde_json::to_vec_pretty(&self.card).expect("figures and texts are JSON");
        let report = Report::of(&self.card, &self.evaluation, &self.importance);
        let text = serde_json::to_vec_pretty(&report).expect("figures and texts are JSON");
        vec![
            ("card.json", card),
            ("report.html", report.html().into_bytes()),
            ("report.json", text),
            ("model.json", self.model_json.clone()),
        ]
    }
}

/// Takes in the file of a model. `expected` are the predictions that the program which trained it makes for the rows of
/// `held_out`: `[rows]`, or `[rows, classes]`.
///
/// # Errors
/// When the file is no model, its features are not in the table, or it does not predict here what is expected.
///
/// # Panics
/// Never: shuffled rows have the shape that the rows have.
pub fn import(
    bytes: &[u8],
    held_out: &Table,
    expected: &[f32],
    about: &About,
) -> Result<Imported, TrainingError> {
    let model = Ensemble::from_slice(bytes)?;
    if !model.is_probability() || model.class_count() != held_out.classes() {
        return Err(TrainingError::CannotImport {
            reason: format!(
                "it tells {} classes apart{}, the table has {}",
                model.class_count(),
                if model.is_probability() {
                    ""
                } else {
                    " without probabilities"
                },
                held_out.classes()
            ),
        });
    }
    if model.feature_names().is_empty() {
        return Err(TrainingError::CannotImport {
            reason: "its features have no names, so nothing says which column is which; set them before it is saved \
                     (`booster.feature_names`)"
                .to_owned(),
        });
    }
    let values = held_out.in_order(model.feature_names())?;
    let mut scores = vec![0.0; held_out.rows * model.outputs()];
    model.predict_rows_parallel(&values, &mut scores)?;
    if expected.len() != scores.len() {
        return Err(TrainingError::CannotImport {
            reason: format!(
                "{} predictions are given, {} rows need {}",
                expected.len(),
                held_out.rows,
                scores.len()
            ),
        });
    }
    let apart = |(found, expected): (&f32, &f32)| (found - expected).abs();
    let worst = scores.iter().zip(expected).map(apart).fold(0.0, f32::max);
    // Not a number is not close.
    if worst.is_nan() || worst > PARITY {
        return Err(TrainingError::CannotImport {
            reason: format!(
                "it predicts up to {worst} from what is given, expected within {PARITY}: were the rows in this order, and missing values NaN?"
            ),
        });
    }
    let truth = held_out.labels.clone();
    let mut predictions = match model.outputs() {
        1 => Predictions::binary(truth, &scores),
        classes => Predictions::new(truth, scores, classes),
    };
    predictions.groups.clone_from(&held_out.groups);
    let samples = importance::HeldOut {
        features: model.feature_names(),
        values: &values,
        labels: &held_out.labels,
        classes: held_out.classes(),
    };
    let predict = |values: &[f32]| {
        let mut scores = vec![0.0; held_out.rows * model.outputs()];
        model
            .predict_rows(values, &mut scores)
            .expect("the rows and the scores have the model's shape");
        scores
    };
    let importance = permutation_importance(samples, &predict, SHUFFLES, SEED)?;
    let evaluation = evaluate(&predictions, Resampling::default())?;
    let scores = CrossValidation::once(
        format!(
            "judged on the {} samples of {}, which it did not learn from; the same within {PARITY} as where it was trained",
            held_out.rows, held_out.source.name
        ),
        evaluation.clone(),
    );
    let card = Card::imported(held_out, about, scores, (bytes, &model));
    Ok(Imported {
        model_json: bytes.to_vec(),
        card,
        evaluation,
        importance,
    })
}
