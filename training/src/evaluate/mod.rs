//! How good held-out predictions are, and how sure that is.
//!
//! [`evaluate()`] turns [`Predictions`] into an [`Evaluation`]: confusion matrix, accuracies of the
//! producer and the user, F1, area under the ROC curve, Brier score, calibration, each with a
//! 95 % interval. [`compare()`] says whether one model is better than another on the same samples.
//!
//! Intervals come from the percentile bootstrap (Efron and Tibshirani, An Introduction to the
//! Bootstrap, 1993). Where samples come in groups (polygons, blocks of land), whole groups are
//! drawn, because the samples of a group are not independent of one another. Proportions of
//! independent samples of equal weight have Wilson's interval instead ("Probable inference, the law
//! of succession, and statistical inference", JASA 22, 1927), which holds for few samples as well.
//!
//! These are figures about the *samples*. They say how a map does in an area only if the samples
//! were drawn from it by a probability design: [`crate::area`] is for those.

mod bootstrap;
mod compare;
mod curves;
mod error;
mod figures;
mod interval;
mod predictions;

use serde::{Deserialize, Serialize};

pub use bootstrap::Resampling;
pub use compare::{Comparison, Difference, Verdict, compare};
pub use curves::{RocCurve, ScoreBin};
pub use error::EvaluateError;
pub use interval::{Figure, IntervalKind};
pub use predictions::Predictions;

use bootstrap::Units;
use figures::{BINS, Column, Prepared};
use interval::wilson;

/// How good predictions of samples are that the model had not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many samples.
    pub samples: usize,
    /// Whether samples counted by weights instead of one each.
    pub weighted: bool,
    /// How many groups were drawn for the bootstrap; none if single samples were.
    pub groups: Option<usize>,
    /// How the bootstrap was run.
    pub resampling: Resampling,
    /// Weights of the samples, which are counts where none were given; rows are the truth, columns
    /// the prediction.
    pub confusion: Vec<Vec<f64>>,
    /// The share of right predictions.
    pub accuracy: Figure,
    /// The mean of the producer's accuracies of the classes that occur.
    pub balanced_accuracy: Figure,
    /// F1 of class 1 of two, or the mean over the classes that occur or are predicted.
    pub f1: Figure,
    /// Area under the ROC curve of class 1 of two, or the mean over classes of each against the
    /// rest; none if only one class occurs.
    pub auc: Option<Figure>,
    /// Brier score, lower is better. Two classes: the mean of (p - y)² for the probability p of
    /// class 1, 0 to 1. More classes: the sum of this over classes, 0 to 2.
    pub brier: Figure,
    /// Expected calibration error, lower is better: the mean distance between what was predicted
    /// and what was found over the bins of [`Evaluation::reliability`], weighted by their samples.
    /// It is never negative, so that few samples make it look worse than it is.
    pub calibration_error: Figure,
    /// What each class was.
    pub classes: Vec<ClassEvaluation>,
    /// Predicted against found. Two classes: the probability of class 1. More: the probability of
    /// the predicted class, and how often it was right (Guo et al., "On calibration of modern
    /// neural networks", ICML 2017).
    pub reliability: Vec<ReliabilityBin>,
    /// ROC curves: of class 1 of two, or of each class against the rest.
    pub roc: Vec<RocCurve>,
    /// How the probability of class 1 of two (or of the predicted class) is spread.
    pub scores: Vec<ScoreBin>,
    /// The figures of each fold by itself, if folds were given.
    pub folds: Vec<FoldEvaluation>,
}

/// How well one class was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassEvaluation {
    /// The class.
    pub class: u32,
    /// How many samples are of it.
    pub samples: usize,
    /// Of what was called this class, the share that is; none if nothing was. Also precision.
    pub users_accuracy: Option<Figure>,
    /// Of what is this class, the share that was called so; none if nothing is. Also recall.
    pub producers_accuracy: Option<Figure>,
    /// The harmonic mean of both; none if the class neither occurs nor is predicted.
    pub f1: Option<Figure>,
    /// Area under the ROC curve of this class against the rest; none if there is no rest or no
    /// class.
    pub auc: Option<Figure>,
}

/// The samples whose predicted probability lies in a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower end of the range; bins are 0.1 wide.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// How many samples.
    pub samples: usize,
    /// The mean predicted probability.
    pub predicted: f64,
    /// The share that came true.
    pub found: Figure,
}

/// One fold by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldEvaluation {
    /// Its number.
    pub fold: usize,
    /// How many samples it has.
    pub samples: usize,
    /// As in [`Evaluation`].
    pub accuracy: f64,
    /// As in [`Evaluation`].
    pub balanced_accuracy: f64,
    /// As in [`Evaluation`].
    pub f1: f64,
    /// As in [`Evaluation`].
    pub auc: Option<f64>,
    /// As in [`Evaluation`].
    pub brier: f64,
    /// As in [`Evaluation`].
    pub calibration_error: f64,
}

/// Computes every figure with its interval. The same predictions and resampling give the same
/// evaluation on every machine, however many threads there are.
///
/// # Errors
/// When the predictions are not what [`Predictions`] says, or there is only one group.
pub fn evaluate(
    predictions: &Predictions,
    resampling: Resampling,
) -> Result<Evaluation, EvaluateError> {
    predictions.check()?;
    let units = Units::of(predictions)?;
    let prepared = Prepared::new(predictions);
    let weights = predictions.all_weights();
    let values = prepared.figures(&weights);
    let replicates = bootstrap::replicates(&units, resampling, &weights, |weights| {
        prepared.figures(weights)
    });
    let build = Build {
        predictions,
        prepared: &prepared,
        values: &values,
        replicates: &replicates,
        // A share has Wilson's interval where every sample counts once and stands for itself.
        binomial: predictions.weights.is_none() && predictions.groups.is_none(),
    };
    Ok(Evaluation {
        samples: predictions.truth.len(),
        weighted: predictions.weights.is_some(),
        groups: units.groups(),
        resampling,
        confusion: prepared.confusion(&weights),
        accuracy: build.accuracy(),
        balanced_accuracy: build.figure(Column::BalancedAccuracy),
        f1: build.figure(Column::F1),
        auc: build.defined(Column::Auc),
        brier: build.figure(Column::Brier),
        calibration_error: build.centred(Column::CalibrationError),
        classes: (0..predictions.classes)
            .map(|class| build.class(class))
            .collect(),
        reliability: (0..BINS).filter_map(|bin| build.bin(bin)).collect(),
        roc: curves::roc(predictions, &prepared, &weights),
        scores: curves::scores(predictions, &prepared),
        folds: build.folds(&weights),
    })
}

/// The share of right predictions, and the area under the ROC curve as in [`Evaluation`].
pub(crate) fn accuracy_and_auc(
    predictions: &Predictions,
) -> Result<(f64, Option<f64>), EvaluateError> {
    predictions.check()?;
    let values = Prepared::new(predictions).figures(&predictions.all_weights());
    let value = |column: Column| values[column.index(predictions.classes)];
    let auc = Some(value(Column::Auc)).filter(|auc| auc.is_finite());
    Ok((value(Column::Accuracy), auc))
}

/// What the parts of an evaluation are made from.
struct Build<'p> {
    predictions: &'p Predictions,
    prepared: &'p Prepared<'p>,
    values: &'p [f64],
    replicates: &'p [Vec<f64>],
    binomial: bool,
}

impl Build<'_> {
    fn at(&self, column: Column) -> usize {
        column.index(self.predictions.classes)
    }

    fn figure(&self, column: Column) -> Figure {
        let at = self.at(column);
        interval::percentile(self.values[at], self.replicates.iter().map(|row| row[at]))
    }

    /// For a figure that noise can only raise: the replicates lie above it by the noise that
    /// drawing adds, and their interval would often miss the figure itself. It is moved by the mean
    /// difference.
    fn centred(&self, column: Column) -> Figure {
        let at = self.at(column);
        let value = self.values[at];
        let mean =
            self.replicates.iter().map(|row| row[at]).sum::<f64>() / self.replicates.len() as f64;
        let moved = self
            .replicates
            .iter()
            .map(|row| (row[at] - mean + value).max(0.0));
        interval::percentile(value, moved)
    }

    fn defined(&self, column: Column) -> Option<Figure> {
        let figure = self.figure(column);
        figure.value.is_finite().then_some(figure)
    }

    /// A share of `of` samples.
    fn share(&self, column: Column, of: usize) -> Option<Figure> {
        if self.binomial && of > 0 {
            let value = self.values[self.at(column)];
            return Some(wilson((value * of as f64).round(), of as f64));
        }
        self.defined(column)
    }

    fn accuracy(&self) -> Figure {
        let all = self.predictions.truth.len();
        self.share(Column::Accuracy, all)
            .unwrap_or_else(|| self.figure(Column::Accuracy))
    }

    fn class(&self, class: usize) -> ClassEvaluation {
        let count = |labels: &[u32]| {
            labels
                .iter()
                .filter(|label| **label as usize == class)
                .count()
        };
        let occurs = count(&self.predictions.truth);
        ClassEvaluation {
            class: class as u32,
            samples: occurs,
            users_accuracy: self.share(Column::User(class), count(&self.prepared.predicted)),
            producers_accuracy: self.share(Column::Producer(class), occurs),
            f1: self.defined(Column::ClassF1(class)),
            auc: self.defined(Column::ClassAuc(class)),
        }
    }

    fn bin(&self, bin: usize) -> Option<ReliabilityBin> {
        let samples = self
            .prepared
            .bin
            .iter()
            .filter(|of| usize::from(**of) == bin)
            .count();
        Some(ReliabilityBin {
            from: bin as f64 / BINS as f64,
            to: (bin + 1) as f64 / BINS as f64,
            samples,
            predicted: self.values[self.at(Column::BinPredicted(bin))],
            found: self
                .share(Column::BinFound(bin), samples)
                .filter(|_| samples > 0)?,
        })
    }

    fn folds(&self, weights: &[f64]) -> Vec<FoldEvaluation> {
        let Some(fold) = &self.predictions.fold else {
            return Vec::new();
        };
        let highest = fold.iter().max().map_or(0, |fold| fold + 1);
        let one = |number: usize| {
            let inside = |(weight, of): (&f64, &usize)| if *of == number { *weight } else { 0.0 };
            let values = self
                .prepared
                .figures(&weights.iter().zip(fold).map(inside).collect::<Vec<_>>());
            let value = |column| values[self.at(column)];
            let samples = fold.iter().filter(|of| **of == number).count();
            (samples > 0).then(|| FoldEvaluation {
                fold: number,
                samples,
                accuracy: value(Column::Accuracy),
                balanced_accuracy: value(Column::BalancedAccuracy),
                f1: value(Column::F1),
                auc: Some(value(Column::Auc)).filter(|auc| auc.is_finite()),
                brier: value(Column::Brier),
                calibration_error: value(Column::CalibrationError),
            })
        };
        (0..highest).filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests;
