//! What is judged: the truth and what a model that had not seen it said.

use super::EvaluateError;

/// How far from 1 the probabilities of a sample may sum up: they are single precision.
const SUM_TOLERANCE: f32 = 1e-3;

/// Predictions of samples that the predicting model had not seen, `n` of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The class of each sample, `[n]`.
    pub truth: Vec<u32>,
    /// The probability of each class, row-major `[n, classes]`; each row sums up to 1.
    pub probabilities: Vec<f32>,
    /// How many classes there are, at least 2.
    pub classes: usize,
    /// What each sample counts, `[n]`, above 0; none if all count the same.
    pub weights: Option<Vec<f64>>,
    /// The fold in which each sample was held out, `[n]`.
    pub fold: Option<Vec<usize>>,
    /// Polygon or block of each sample, `[n]`; none if samples are independent.
    pub groups: Option<Vec<u64>>,
}

impl Predictions {
    /// Independent samples of several classes.
    pub fn new(truth: Vec<u32>, probabilities: Vec<f32>, classes: usize) -> Self {
        Self {
            truth,
            probabilities,
            classes,
            weights: None,
            fold: None,
            groups: None,
        }
    }

    /// Independent samples of two classes, from the probability of class 1.
    pub fn binary(truth: Vec<u32>, of_one: &[f32]) -> Self {
        let probabilities = of_one.iter().flat_map(|p| [1.0 - p, *p]).collect();
        Self::new(truth, probabilities, 2)
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.probabilities[row * self.classes..(row + 1) * self.classes]
    }

    pub(super) fn all_weights(&self) -> Vec<f64> {
        self.weights
            .clone()
            .unwrap_or_else(|| vec![1.0; self.truth.len()])
    }

    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        let samples = self.truth.len();
        if samples == 0 {
            return Err(EvaluateError::Empty);
        }
        if self.classes < 2 {
            return Err(EvaluateError::Classes {
                found: self.classes,
            });
        }
        let lengths = [
            (
                "probabilities",
                Some(self.probabilities.len()),
                samples * self.classes,
            ),
            ("weights", self.weights.as_ref().map(Vec::len), samples),
            ("fold numbers", self.fold.as_ref().map(Vec::len), samples),
            ("group numbers", self.groups.as_ref().map(Vec::len), samples),
        ];
        for (what, found, expected) in lengths {
            if let Some(found) = found.filter(|found| *found != expected) {
                return Err(EvaluateError::Lengths {
                    what,
                    found,
                    expected,
                    samples,
                });
            }
        }
        for (row, truth) in self.truth.iter().enumerate() {
            if *truth as usize >= self.classes {
                return Err(EvaluateError::Truth {
                    row,
                    found: *truth,
                    highest: self.classes - 1,
                });
            }
            let found = self.row(row);
            let sum: f32 = found.iter().sum();
            let good = found.iter().all(|p| (0.0..=1.0).contains(p));
            if !good || (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(EvaluateError::Probabilities {
                    row,
                    found: found.to_vec(),
                });
            }
        }
        let weights = self.weights.iter().flatten().enumerate();
        match weights
            .into_iter()
            .find(|(_, weight)| !(weight.is_finite() && **weight > 0.0))
        {
            Some((row, found)) => Err(EvaluateError::Weight { row, found: *found }),
            None => Ok(()),
        }
    }
}
