//! Whether a challenger is better than the champion, worse, or the same but for noise.

use serde::{Deserialize, Serialize};

use super::bootstrap::{self, Resampling, Units};
use super::figures::{Column, Prepared};
use super::{EvaluateError, Figure, Predictions, interval};

/// Two models on the same held-out samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many samples both predicted.
    pub samples: usize,
    /// How many groups were drawn for the bootstrap; none if single samples were.
    pub groups: Option<usize>,
    /// How the bootstrap was run.
    pub resampling: Resampling,
    /// Each figure of both.
    pub differences: Vec<Difference>,
    /// Worse if any deciding figure is worse beyond noise; else better if any is better; else
    /// within noise.
    pub verdict: Verdict,
    /// Whether some deciding figure is better with an interval that is wide enough for all of them together to be wrong once
    /// in twenty (Bonferroni). One of several 95 % intervals misses 0 more often than that.
    #[serde(default)]
    pub clearly_better: bool,
}

/// One figure of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its name: `accuracy`, `balanced_accuracy`, `f1`, `auc`, `brier`, `calibration_error`.
    pub figure: String,
    /// The model in use.
    pub champion: f64,
    /// The model that would replace it.
    pub challenger: f64,
    /// Challenger minus champion, with its 95 % interval.
    pub difference: Figure,
    /// What that means for the challenger; lower is better for `brier` and `calibration_error`.
    pub verdict: Verdict,
    /// Whether it counts for the verdict of the whole. The calibration error does not: it is mostly
    /// noise where it is small, and the Brier score contains it.
    pub decides: bool,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of the difference lies on the good side of 0.
    Better,
    /// It lies on the bad side.
    Worse,
    /// It contains 0.
    WithinNoise,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::WithinNoise => "within noise",
        })
    }
}

const FIGURES: [(&str, Column, f64, bool); 6] = [
    ("accuracy", Column::Accuracy, 1.0, true),
    ("balanced_accuracy", Column::BalancedAccuracy, 1.0, true),
    ("f1", Column::F1, 1.0, true),
    ("auc", Column::Auc, 1.0, true),
    ("brier", Column::Brier, -1.0, true),
    ("calibration_error", Column::CalibrationError, -1.0, false),
];

/// Compares two models by the paired bootstrap: every replicate draws the same samples for both, so
/// that what is hard for both cancels out. Weights and groups must be the same too.
///
/// # Errors
/// When either predictions are not what [`Predictions`] says, or they are not of the same samples.
pub fn compare(
    champion: &Predictions,
    challenger: &Predictions,
    resampling: Resampling,
) -> Result<Comparison, EvaluateError> {
    champion.check()?;
    challenger.check()?;
    for (what, same) in [
        ("classes", champion.classes == challenger.classes),
        ("true classes", champion.truth == challenger.truth),
        ("weights", champion.weights == challenger.weights),
        ("groups", champion.groups == challenger.groups),
    ] {
        if !same {
            return Err(EvaluateError::NotPaired { what });
        }
    }
    let units = Units::of(champion)?;
    let weights = champion.all_weights();
    let (old, new) = (Prepared::new(champion), Prepared::new(challenger));
    let both = |weights: &[f64]| -> Vec<f64> {
        let (old, new) = (old.figures(weights), new.figures(weights));
        let columns = FIGURES.map(|(_, column, ..)| column.index(champion.classes));
        columns.iter().map(|at| new[*at] - old[*at]).collect()
    };
    let replicates = bootstrap::replicates(&units, resampling, &weights, both);
    let values = both(&weights);
    let (old, new) = (old.figures(&weights), new.figures(&weights));

    let mut clearly_better = false;
    let deciding = FIGURES.iter().filter(|(.., decides)| *decides).count() as f64;
    let differences: Vec<Difference> = FIGURES
        .iter()
        .enumerate()
        .filter(|(place, _)| values[*place].is_finite())
        .map(|(place, (figure, column, good, decides))| {
            let at = column.index(champion.classes);
            let drawn = || replicates.iter().map(|row| row[place]);
            let difference = interval::percentile(values[place], drawn());
            let wide = interval::percentile_of(values[place], drawn(), 0.05 / deciding);
            clearly_better |= *decides && verdict(wide, *good) == Verdict::Better;
            Difference {
                figure: (*figure).to_owned(),
                champion: old[at],
                challenger: new[at],
                difference,
                verdict: verdict(difference, *good),
                decides: *decides,
            }
        })
        .collect();
    let any = |verdict| {
        differences
            .iter()
            .any(|difference| difference.decides && difference.verdict == verdict)
    };
    let verdict = if any(Verdict::Worse) {
        Verdict::Worse
    } else if any(Verdict::Better) {
        Verdict::Better
    } else {
        Verdict::WithinNoise
    };
    Ok(Comparison {
        samples: champion.truth.len(),
        groups: units.groups(),
        resampling,
        differences,
        verdict,
        clearly_better,
    })
}

/// `good` is the sign of an improvement.
fn verdict(difference: Figure, good: f64) -> Verdict {
    let (low, high) = (difference.low * good, difference.high * good);
    if low.min(high) > 0.0 {
        Verdict::Better
    } else if low.max(high) < 0.0 {
        Verdict::Worse
    } else {
        Verdict::WithinNoise
    }
}
