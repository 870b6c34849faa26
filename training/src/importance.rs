//! How much a model needs each feature: what it loses when the feature's values are shuffled.
//!
//! Breiman, "Random forests" (Machine Learning 45, 2001), and, for any model, Fisher, Rudin and
//! Dominici, "All models are wrong, but many are useful" (JMLR 20, 2019). Features that say the same
//! share their importance: each of two copies may look useless, because the other one is left.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::evaluate::{EvaluateError, Predictions, accuracy_and_auc};
use geocrop_model::random::SplitMix64;

/// What a model loses without a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// By how much the area under the ROC curve falls.
    pub auc: Loss,
    /// By how much the accuracy falls.
    pub accuracy: Loss,
}

/// A fall of a figure over several shufflings; below 0 where shuffling happened to help.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
}

/// Held-out samples.
#[derive(Debug, Clone, Copy)]
pub struct HeldOut<'s> {
    /// Names of the features.
    pub features: &'s [String],
    /// Row-major `[rows, features]`.
    pub values: &'s [f32],
    /// The class of each row.
    pub labels: &'s [u32],
    /// How many classes there are.
    pub classes: usize,
}

/// Shuffles one feature after the other, `repeats` times each, and predicts again. The result has the
/// order of the features.
///
/// `predict` gets all rows in their order, `[rows, features]`, and returns the probability of class
/// 1 of two, `[rows]`, or of every class, `[rows, classes]`. The rows must be held out: on rows that
/// the model learnt from, features that it merely memorised look important. After
/// cross-validation, `predict` can use for each row the model that did not see it, because the rows
/// keep their places.
///
/// # Errors
/// When there are no rows, or what `predict` returns are not probabilities.
pub fn permutation_importance(
    samples: HeldOut<'_>,
    predict: &(dyn Fn(&[f32]) -> Vec<f32> + Sync),
    repeats: usize,
    seed: u64,
) -> Result<Vec<Importance>, EvaluateError> {
    let whole = samples.judge(predict(samples.values))?;
    let one = |feature: usize| -> Result<Importance, EvaluateError> {
        let mut random = SplitMix64::stream(seed, feature);
        let mut values = samples.values.to_vec();
        let mut losses = Vec::with_capacity(repeats);
        for _ in 0..repeats {
            samples.shuffle(feature, &mut values, &mut random);
            let (accuracy, auc) = samples.judge(predict(&values))?;
            losses.push((whole.0 - accuracy, whole.1 - auc));
        }
        Ok(Importance {
            feature: samples.features[feature].clone(),
            accuracy: Loss::over(losses.iter().map(|loss| loss.0)),
            auc: Loss::over(losses.iter().map(|loss| loss.1)),
        })
    };
    (0..samples.features.len())
        .into_par_iter()
        .map(one)
        .collect()
}

impl HeldOut<'_> {
    /// Accuracy, and area under the curve: 0.5 where there is only one class.
    fn judge(&self, predicted: Vec<f32>) -> Result<(f64, f64), EvaluateError> {
        let truth = self.labels.to_vec();
        let predictions = if self.classes == 2 && predicted.len() == truth.len() {
            Predictions::binary(truth, &predicted)
        } else {
            Predictions::new(truth, predicted, self.classes)
        };
        let (accuracy, auc) = accuracy_and_auc(&predictions)?;
        Ok((accuracy, auc.unwrap_or(0.5)))
    }

    fn shuffle(&self, feature: usize, values: &mut [f32], random: &mut SplitMix64) {
        let width = self.features.len();
        for last in (1..self.labels.len()).rev() {
            let pick = random.below(last + 1);
            values.swap(last * width + feature, pick * width + feature);
        }
    }
}

impl Loss {
    fn over(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            sd: (squares / (count - 1.0).max(1.0)).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 1 where the first feature is above a half; the third repeats the first.
    fn samples() -> (Vec<String>, Vec<f32>, Vec<u32>) {
        let mut random = SplitMix64::new(6);
        let mut unit = || random.below(1 << 20) as f32 / (1 << 20) as f32;
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..400 {
            let [used, noise] = [unit(), unit()];
            values.extend([used, noise, used]);
            labels.push(u32::from(used > 0.5));
        }
        (
            ["used", "noise", "copy"].map(str::to_owned).to_vec(),
            values,
            labels,
        )
    }

    #[test]
    fn what_a_model_uses_is_important_and_what_it_ignores_is_not() {
        let (features, values, labels) = samples();
        let held_out = HeldOut {
            features: &features,
            values: &values,
            labels: &labels,
            classes: 2,
        };
        let model = |rows: &[f32]| rows.chunks(3).map(|row| row[0]).collect();
        let found = permutation_importance(held_out, &model, 5, 1).unwrap();
        assert_eq!(found[0].feature, "used");
        // A perfect model is left with a coin.
        assert!((found[0].auc.mean - 0.5).abs() < 0.06, "{:?}", found[0]);
        assert!((found[0].accuracy.mean - 0.5).abs() < 0.06);
        assert!(found[0].auc.sd > 0.0);
        for ignored in &found[1..] {
            assert_eq!((ignored.auc.mean, ignored.accuracy.mean), (0.0, 0.0));
        }
        assert_eq!(
            permutation_importance(held_out, &model, 5, 1).unwrap(),
            found
        );
    }

    #[test]
    fn rows_keep_their_places_so_that_each_can_have_its_own_model() {
        let (features, values, labels) = samples();
        let held_out = HeldOut {
            features: &features,
            values: &values,
            labels: &labels,
            classes: 2,
        };
        // Even rows are judged by the first feature, odd ones by its copy.
        let model = |rows: &[f32]| {
            let rows = rows.chunks(3).enumerate();
            rows.map(|(row, values)| values[row % 2 * 2]).collect()
        };
        let found = permutation_importance(held_out, &model, 5, 1).unwrap();
        for half in [&found[0], &found[2]] {
            assert!((half.accuracy.mean - 0.25).abs() < 0.06, "{half:?}");
        }
    }

    #[test]
    fn a_predictor_that_returns_no_probabilities_is_named() {
        let (features, values, labels) = samples();
        let held_out = HeldOut {
            features: &features,
            values: &values,
            labels: &labels,
            classes: 2,
        };
        let margins = |rows: &[f32]| rows.chunks(3).map(|row| row[0] * 8.0).collect();
        let error = permutation_importance(held_out, &margins, 1, 1).unwrap_err();
        assert!(error.to_string().contains("margins"), "{error}");
    }
}
