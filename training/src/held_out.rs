//! What a model's cross-validation predicted, kept beside the model so that a later one can be compared with it.

use serde::{Deserialize, Serialize};

use crate::evaluate::{Comparison, EvaluateError, Predictions, Resampling, compare};

/// Predictions of samples by models that had not seen them, as `held-out.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// sha256 of the table.
    pub data_sha256: String,
    /// How many classes there are.
    pub classes: usize,
    /// The class of each sample.
    pub truth: Vec<u32>,
    /// The probability of each class, or of class 1 of two; row-major.
    pub probabilities: Vec<f32>,
    /// The fold in which each sample was held out.
    pub fold: Option<Vec<usize>>,
    /// What samples belong together by.
    pub groups: Option<Vec<u64>>,
}

impl HeldOut {
    /// What was predicted of a table.
    pub fn new(data_sha256: &str, predictions: &Predictions) -> Self {
        let probabilities = &predictions.probabilities;
        Self {
            data_sha256: data_sha256.to_owned(),
            classes: predictions.classes,
            truth: predictions.truth.clone(),
            probabilities: match predictions.classes {
                2 => probabilities.iter().skip(1).step_by(2).copied().collect(),
                _ => probabilities.clone(),
            },
            fold: predictions.fold.clone(),
            groups: predictions.groups.clone(),
        }
    }

    /// As it is judged.
    pub fn predictions(&self) -> Predictions {
        let truth = self.truth.clone();
        let mut predictions = match self.classes {
            2 => Predictions::binary(truth, &self.probabilities),
            classes => Predictions::new(truth, self.probabilities.clone(), classes),
        };
        predictions.fold.clone_from(&self.fold);
        predictions.groups.clone_from(&self.groups);
        predictions
    }

    /// A challenger against this champion, on the samples of one table.
    ///
    /// # Errors
    /// When they are of different samples, or are no predictions.
    pub fn compare(&self, challenger: &Self) -> Result<Comparison, EvaluateError> {
        let (mut champion, mut challenger) = (self.predictions(), challenger.predictions());
        // They may have been split differently; the samples are the same.
        if champion.groups != challenger.groups {
            (champion.groups, challenger.groups) = (None, None);
        }
        compare(&champion, &challenger, Resampling::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Verdict;

    #[test]
    fn predictions_come_back_as_they_were_kept() {
        let mut two = Predictions::binary(vec![0, 1, 1], &[0.25, 0.5, 1.0]);
        two.fold = Some(vec![0, 1, 0]);
        let three = Predictions::new(vec![2, 0], vec![0.5, 0.25, 0.25, 1.0, 0.0, 0.0], 3);
        for predictions in [two, three] {
            let kept = HeldOut::new("sha", &predictions);
            let text = serde_json::to_string(&kept).unwrap();
            let back: HeldOut = serde_json::from_str(&text).unwrap();
            assert_eq!(back.predictions(), predictions);
        }
    }

    #[test]
    fn a_challenger_that_guesses_is_worse_and_other_samples_are_refused() {
        let truth: Vec<u32> = (0..200).map(|row| row % 2).collect();
        let sure: Vec<f32> = truth
            .iter()
            .map(|label| 0.1 + 0.8 * *label as f32)
            .collect();
        let champion = HeldOut::new("sha", &Predictions::binary(truth.clone(), &sure));
        let guess: Vec<f32> = (0..200)
            .map(|row| (row * 37 % 100) as f32 / 100.0)
            .collect();
        let challenger = HeldOut::new("sha", &Predictions::binary(truth, &guess));
        assert_eq!(
            champion.compare(&challenger).unwrap().verdict,
            Verdict::Worse
        );
        assert_eq!(
            challenger.compare(&champion).unwrap().verdict,
            Verdict::Better
        );
        let others = HeldOut::new("sha", &Predictions::binary(vec![0, 1], &[0.1, 0.9]));
        assert!(champion.compare(&others).is_err());
    }
}
