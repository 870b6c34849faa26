//! How far from its training samples a model may be used: what [`Applicability`] needs to know.
//!
//! After Meyer and Pebesma, "Predicting into unknown space? Estimating the area of applicability of
//! spatial prediction models" (Methods in Ecology and Evolution 12, 2021).

use geocrop_model::applicability::{Applicability, ApplicabilityError, Stored};
use rayon::prelude::*;

use geocrop_model::random::SplitMix64;

/// Rows between which the mean distance is taken; half a million pairs fix it to a thousandth.
const ROWS_FOR_MEAN: usize = 1000;

/// Why an applicability cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// Columns that differ in length.
    #[error("found {found} {what}, expected {expected}")]
    Lengths {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Everything is in one fold.
    #[error(
        "all samples are in one fold, expected at least 2: the threshold comes from the distances between folds"
    )]
    OneFold,
    /// All samples look the same.
    #[error(
        "the samples do not differ in any feature that counts, so that there is no distance between them"
    )]
    NoSpread,
    /// What was fitted is not usable.
    #[error(transparent)]
    Unusable(#[from] ApplicabilityError),
}

/// A training table, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'s> {
    /// Row-major `[rows, features]`; NaN where a value is missing, which is taken for the mean.
    pub values: &'s [f32],
    /// The fold of each row in the cross-validation, `[rows]`.
    pub fold: &'s [usize],
    /// What each feature counts, `[features]`: the mean fall of the AUC from
    /// [`crate::importance`]. Below 0 counts as 0; all 0 as equal.
    pub weights: &'s [f64],
}

/// Chooses the prototypes and computes the threshold.
///
/// Up to `prototypes` samples are kept, at most [`Applicability::MAX_PROTOTYPES`]: all of them if
/// they are no more, else those that the farthest-first traversal picks (Gonzalez, "Clustering to
/// minimize the maximum intercluster distance", Theoretical Computer Science 38, 1985). It keeps
/// the fringe of the samples, where applicability is decided, and every sample left out is within
/// twice the least possible distance of one that is kept. The index can only be overestimated by
/// this, and as the threshold is computed with the same prototypes, it moves along.
///
/// The threshold is the largest index of a sample, to its nearest prototype of *another* fold, that
/// is not an outlier: at most the upper quartile plus one and a half times the distance between the
/// quartiles. With folds of blocks of land it therefore says how far the spatial cross-validation
/// reached.
///
/// # Errors
/// When the columns do not fit, everything is in one fold, or the samples do not differ.
pub fn fit(samples: Samples<'_>, prototypes: usize, seed: u64) -> Result<Applicability, FitError> {
    let features = samples.weights.len();
    let rows = samples.fold.len();
    if samples.values.len() != rows * features {
        return Err(FitError::Lengths {
            what: "values",
            found: samples.values.len(),
            expected: rows * features,
        });
    }
    if samples.fold.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(FitError::OneFold);
    }
    let (centre, scale) = scaling(samples.values, samples.weights);
    let scaled = Scaled::new(samples.values, &centre, &scale);
    let mut random = SplitMix64::new(seed);
    let mean_distance = scaled.mean_distance(rows, &mut random);
    if mean_distance <= 0.0 {
        return Err(FitError::NoSpread);
    }
    let kept = scaled.farthest_first(rows, prototypes.clamp(2, Applicability::MAX_PROTOTYPES));
    let mut indices: Vec<f64> = (0..rows)
        .into_par_iter()
        .filter_map(|row| {
            let others = kept
                .iter()
                .filter(|other| samples.fold[**other] != samples.fold[row]);
            let nearest = others.map(|other| scaled.squared(row, *other));
            nearest
                .min_by(f32::total_cmp)
                .map(|squared| f64::from(squared).sqrt() / mean_distance)
        })
        .collect();
    indices.sort_by(f64::total_cmp);
    let threshold = upper_whisker(&indices);
    if threshold <= 0.0 {
        return Err(FitError::NoSpread);
    }
    let prototypes = kept.iter().flat_map(|row| scaled.row(*row));
    Ok(Applicability::try_from(Stored {
        prototypes: prototypes.copied().collect(),
        centre,
        scale,
        mean_distance,
        threshold,
    })?)
}

/// The mean of each feature, and its weight over its standard deviation: 0 where it has none.
fn scaling(values: &[f32], weights: &[f64]) -> (Vec<f32>, Vec<f32>) {
    let features = weights.len();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    let one = |(feature, weight): (usize, &f64)| {
        let column = || {
            let values = values.iter().skip(feature).step_by(features);
            values
                .filter(|value| value.is_finite())
                .map(|value| f64::from(*value))
        };
        let count = column().count() as f64;
        if count == 0.0 {
            return (0.0, 0.0);
        }
        let mean = column().sum::<f64>() / count;
        let variance = column().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let weight = if heaviest > 0.0 {
            weight.max(0.0) / heaviest
        } else {
            1.0
        };
        // A constant has some rounding for a spread.
        let spread = variance.sqrt();
        let counts = spread > 1e-9 * mean.abs().max(1e-30);
        let scale = if counts { weight / spread } else { 0.0 };
        (mean as f32, scale as f32)
    };
    weights.iter().enumerate().map(one).unzip()
}

/// The table in units in which distances mean something.
struct Scaled {
    values: Vec<f32>,
    features: usize,
}

impl Scaled {
    fn new(values: &[f32], centre: &[f32], scale: &[f32]) -> Self {
        let features = centre.len();
        let one = |(at, value): (usize, &f32)| {
            let feature = at % features;
            if value.is_finite() {
                (value - centre[feature]) * scale[feature]
            } else {
                0.0
            }
        };
        Self {
            values: values.iter().enumerate().map(one).collect(),
            features,
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.features..(row + 1) * self.features]
    }

    fn squared(&self, a: usize, b: usize) -> f32 {
        let pairs = self.row(a).iter().zip(self.row(b));
        pairs.map(|(a, b)| (a - b) * (a - b)).sum()
    }

    /// The mean over all pairs of some rows.
    fn mean_distance(&self, rows: usize, random: &mut SplitMix64) -> f64 {
        let mut chosen: Vec<usize> = (0..rows).collect();
        random.shuffle(&mut chosen);
        chosen.truncate(ROWS_FOR_MEAN);
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (place, a) in chosen.iter().enumerate() {
            for b in &chosen[..place] {
                sum += f64::from(self.squared(*a, *b)).sqrt();
                pairs += 1.0;
            }
        }
        sum / pairs
    }

    /// Rows, each as far as possible from those before it, beginning with the one nearest to the
    /// centre; fewer where the rest are copies.
    fn farthest_first(&self, rows: usize, most: usize) -> Vec<usize> {
        if rows <= most {
            return (0..rows).collect();
        }
        let from_centre = |row: usize| -> f32 { self.row(row).iter().map(|v| v * v).sum() };
        let mut next = (0..rows)
            .min_by(|a, b| from_centre(*a).total_cmp(&from_centre(*b)))
            .unwrap_or(0);
        let mut nearest = vec![f32::INFINITY; rows];
        let mut kept = Vec::with_capacity(most);
        while kept.len() < most {
            kept.push(next);
            nearest
                .par_iter_mut()
                .enumerate()
                .with_min_len(512)
                .for_each(|(row, nearest)| *nearest = nearest.min(self.squared(row, next)));
            let farthest = nearest.iter().enumerate();
            let Some((row, distance)) = farthest.max_by(|a, b| a.1.total_cmp(b.1)) else {
                break;
            };
            if *distance == 0.0 {
                break;
            }
            next = row;
        }
        kept
    }
}

/// The largest value that a box plot does not show as an outlier; `sorted` is not empty.
fn upper_whisker(sorted: &[f64]) -> f64 {
    let quantile = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, above) = (
            sorted[place.floor() as usize],
            sorted[place.ceil() as usize],
        );
        below + (above - below) * place.fract()
    };
    let (lower, upper) = (quantile(0.25), quantile(0.75));
    let fence = upper + 1.5 * (upper - lower);
    sorted
        .iter()
        .rfind(|value| **value <= fence)
        .copied()
        .unwrap_or(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(random: &mut SplitMix64) -> f32 {
        random.below(1 << 20) as f32 / (1 << 20) as f32
    }

    /// Rows of three features from 0 to 1, 0 to 1000 and a constant.
    fn table(rows: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let mut random = SplitMix64::new(seed);
        let values = (0..rows)
            .flat_map(|_| [unit(&mut random), 1000.0 * unit(&mut random), 7.0])
            .collect();
        (values, (0..rows).map(|row| row % 5).collect())
    }

    /// The share of rows outside the area of applicability.
    fn outside(applicability: &Applicability, values: &[f32]) -> f64 {
        let planes: Vec<Vec<f32>> = (0..3)
            .map(|feature| values.iter().skip(feature).step_by(3).copied().collect())
            .collect();
        let views: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; values.len() / 3];
        applicability.dissimilarity(&views, &mut out);
        let far = out
            .iter()
            .filter(|index| f64::from(**index) > applicability.threshold());
        far.count() as f64 / out.len() as f64
    }

    fn fitted(rows: usize, prototypes: usize, weights: &[f64]) -> Applicability {
        let (values, fold) = table(rows, 1);
        let samples = Samples {
            values: &values,
            fold: &fold,
            weights,
        };
        fit(samples, prototypes, 1).unwrap()
    }

    #[test]
    fn new_pixels_of_the_same_land_are_inside_and_others_outside() {
        let applicability = fitted(600, 1000, &[0.1, 0.1, 0.1]);
        assert_eq!(applicability.prototypes(), 600);
        let (same, _) = table(500, 2);
        assert!(outside(&applicability, &same) < 0.1);
        let other: Vec<f32> = same
            .chunks(3)
            .flat_map(|row| [row[0] + 2.0, row[1], row[2]])
            .collect();
        assert!((outside(&applicability, &other) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_feature_that_the_model_does_not_use_does_not_keep_it_from_being_applied() {
        let (same, _) = table(500, 2);
        let moved: Vec<f32> = same
            .chunks(3)
            .flat_map(|row| [row[0], row[1] + 5000.0, 99.0])
            .collect();
        let used = fitted(600, 1000, &[0.1, 0.1, 0.1]);
        assert!((outside(&used, &moved) - 1.0).abs() < 1e-9);
        let unused = fitted(600, 1000, &[0.1, -0.001, 0.0]);
        assert!(outside(&unused, &moved) < 0.1);
    }

    #[test]
    fn few_prototypes_find_the_same_area() {
        let few = fitted(4000, 150, &[0.1, 0.1, 0.0]);
        assert_eq!(few.prototypes(), 150);
        let (same, _) = table(1000, 2);
        assert!(outside(&few, &same) < 0.05, "{}", outside(&few, &same));
        let other: Vec<f32> = same
            .chunks(3)
            .flat_map(|row| [row[0] + 1.6, row[1], row[2]])
            .collect();
        assert!(outside(&few, &other) > 0.95);
    }

    #[test]
    fn the_threshold_is_the_upper_whisker_of_the_distances_between_folds() {
        // Rows at 0, 1, 2, ... 8 and one far away, in two folds: each has a neighbour 1 away in the
        // other fold, but for the last, which is an outlier.
        let values: Vec<f32> = (0..9_u8).map(f32::from).chain([100.0]).collect();
        let fold: Vec<usize> = (0..10).map(|row| row % 2).collect();
        let samples = Samples {
            values: &values,
            fold: &fold,
            weights: &[1.0],
        };
        let applicability = fit(samples, 1000, 1).unwrap();
        // The mean over the 45 pairs: 120 between the first nine, 864 to the last.
        let expected = 1.0 / ((120.0 + 864.0) / 45.0);
        let found = applicability.threshold();
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }

    #[test]
    fn missing_values_are_taken_for_the_mean() {
        let (mut values, fold) = table(300, 1);
        for row in 0..300 {
            if row % 7 == 0 {
                values[row * 3] = f32::NAN;
            }
        }
        let samples = Samples {
            values: &values,
            fold: &fold,
            weights: &[1.0, 1.0, 1.0],
        };
        let applicability = fit(samples, 1000, 1).unwrap();
        assert!(outside(&applicability, &[f32::NAN, 500.0, 7.0]) < 0.5);
    }

    #[test]
    fn samples_that_say_nothing_are_refused() {
        let try_fit = |values: &[f32], fold: &[usize]| {
            let samples = Samples {
                values,
                fold,
                weights: &[1.0],
            };
            fit(samples, 10, 1).unwrap_err()
        };
        assert_eq!(try_fit(&[1.0; 4], &[0, 1, 0, 1]), FitError::NoSpread);
        assert_eq!(try_fit(&[1.0, 2.0], &[1, 1]), FitError::OneFold);
        let error = try_fit(&[1.0, 2.0, 3.0], &[0, 1]).to_string();
        assert!(error.contains("found 3 values, expected 2"), "{error}");
    }
}
