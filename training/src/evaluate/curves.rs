//! What a report draws: ROC curves and how scores are spread.

use serde::{Deserialize, Serialize};

use super::Predictions;
use super::figures::{Prepared, bin_of};

/// Steps along a curve; more cannot be seen.
const STEPS: f64 = 200.0;
/// Bars of the histogram of scores.
const BARS: usize = 20;

/// How many of a class are found, against how many others are taken for it, as the threshold falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RocCurve {
    /// The class.
    pub class: u32,
    /// `[share of the others, share of the class]` from `[0, 0]` to `[1, 1]`, at most a few hundred
    /// points.
    pub points: Vec<[f64; 2]>,
}

/// How many samples have a score in a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreBin {
    /// Two classes: the samples of class 1; more: those that were predicted right.
    pub hits: usize,
    /// The others.
    pub misses: usize,
}

pub(super) fn roc(
    predictions: &Predictions,
    prepared: &Prepared<'_>,
    weights: &[f64],
) -> Vec<RocCurve> {
    let first = usize::from(predictions.classes == 2);
    (first..predictions.classes)
        .filter_map(|class| {
            let points = points(predictions, prepared, weights, class)?;
            Some(RocCurve {
                class: class as u32,
                points,
            })
        })
        .collect()
}

fn points(
    predictions: &Predictions,
    prepared: &Prepared<'_>,
    weights: &[f64],
    class: usize,
) -> Option<Vec<[f64; 2]>> {
    let is = |row: usize| usize::from(predictions.truth[row] as usize == class);
    let mut totals = [0.0; 2];
    for (row, weight) in weights.iter().enumerate() {
        totals[is(row)] += weight;
    }
    if totals.contains(&0.0) {
        return None;
    }
    let order = prepared.order(class);
    let mut sums = [0.0; 2];
    let mut points = vec![[0.0, 0.0]];
    let mut last = [0.0, 0.0];
    for at in (0..order.rows.len()).rev() {
        let row = order.rows[at] as usize;
        sums[is(row)] += weights[row];
        // A point stands where all samples of one probability are in.
        if at == 0 || order.ends[at - 1] {
            let point = [sums[0] / totals[0], sums[1] / totals[1]];
            let far = |axis: usize| (point[axis] - last[axis]) * STEPS >= 1.0;
            if at == 0 || far(0) || far(1) {
                points.push(point);
                last = point;
            }
        }
    }
    Some(points)
}

pub(super) fn scores(predictions: &Predictions, prepared: &Prepared<'_>) -> Vec<ScoreBin> {
    let mut bars = vec![ScoreBin { hits: 0, misses: 0 }; BARS];
    for (row, score) in prepared.score.iter().enumerate() {
        let truth = predictions.truth[row];
        let hit = if predictions.classes == 2 {
            truth == 1
        } else {
            truth == prepared.predicted[row]
        };
        let bar = &mut bars[bin_of(*score, BARS)];
        if hit {
            bar.hits += 1;
        } else {
            bar.misses += 1;
        }
    }
    bars
}
