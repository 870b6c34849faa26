//! Whether new imagery looks like what a model learnt from.
//!
//! The population stability index compares the shares of values in bins: the sum of
//! (new - old) ln(new / old), over the deciles of the training table and the share of missing
//! values. Below 0.1 nothing has changed much, above 0.25 very much has: N. Siddiqi, Credit Risk
//! Scorecards (Wiley, 2006), where the index comes from.

use serde::{Deserialize, Serialize};

/// Bins of equally many training values.
const BINS: usize = 10;
/// Fewer values than this in a bin make an index that is mostly noise.
const LEAST_PER_BIN: usize = 10;
/// Where a change begins, and where it is large.
const CHANGED: f64 = 0.1;
const LARGE: f64 = 0.25;

/// How the features of a training table were spread; small enough to lie beside a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    features: Vec<Spread>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spread {
    feature: String,
    /// Upper ends of all bins but the last, rising; values up to an end belong to its bin.
    ends: Vec<f32>,
    /// How many training values lie in each bin; the last number counts missing ones.
    counts: Vec<u64>,
}

/// How much one feature has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The feature.
    pub feature: String,
    /// The population stability index; 0 is no change.
    pub index: f64,
    /// What that means.
    pub change: Change,
    /// The share of the training values that is missing.
    pub missing_before: f64,
    /// The share of the new values that is missing.
    pub missing_now: f64,
}

/// What an index means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Below 0.1.
    Stable,
    /// 0.1 to 0.25: look at it.
    Moderate,
    /// Above 0.25: the model is used on what it does not know.
    Large,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Moderate => "moderate: look at it",
            Self::Large => "large: the model is used on what it does not know",
        })
    }
}

/// Why populations cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// The values do not make rows of the features.
    #[error(
        "found {found} values, expected rows of {features} features; give every feature of the model in its order"
    )]
    Width {
        /// How many values.
        found: usize,
        /// How many features.
        features: usize,
    },
    /// Too few for shares.
    #[error(
        "found {found} rows, expected at least {least}: shares of fewer change by chance alone; take more pixels"
    )]
    TooFewRows {
        /// How many.
        found: usize,
        /// How many are needed.
        least: usize,
    },
}

impl Population {
    /// Looks at a training table: row-major `[rows, features]`, NaN where a value is missing.
    ///
    /// # Errors
    /// When the values do not make rows, or there are fewer than 100.
    pub fn of(features: &[String], values: &[f32]) -> Result<Self, DriftError> {
        rows(features.len(), values)?;
        let spread = |(column, feature): (usize, &String)| {
            let mut sorted: Vec<f32> = column_of(values, features.len(), column)
                .filter(|value| !value.is_nan())
                .collect();
            sorted.sort_by(f32::total_cmp);
            let mut ends: Vec<f32> = (1..BINS)
                .filter_map(|bin| sorted.get(sorted.len() * bin / BINS).copied())
                .collect();
            // A value that fills several bins, like a slope of 0, has one.
            ends.dedup();
            Spread {
                feature: feature.clone(),
                counts: count(&ends, column_of(values, features.len(), column)),
                ends,
            }
        };
        Ok(Self {
            features: features.iter().enumerate().map(spread).collect(),
        })
    }

    /// How much each feature has changed in new rows of the same features.
    ///
    /// # Errors
    /// When the values do not make rows, or there are fewer than 100.
    pub fn drift(&self, values: &[f32]) -> Result<Vec<Drift>, DriftError> {
        let width = self.features.len();
        rows(width, values)?;
        let one = |(column, spread): (usize, &Spread)| {
            let now = count(&spread.ends, column_of(values, width, column));
            let (missing_before, missing_now) = (missing(&spread.counts), missing(&now));
            let (before, now) = (shares(&spread.counts), shares(&now));
            let index = before
                .iter()
                .zip(&now)
                .map(|(before, now)| (now - before) * (now / before).ln())
                .sum();
            Drift {
                feature: spread.feature.clone(),
                index,
                change: Change::of(index),
                missing_before,
                missing_now,
            }
        };
        Ok(self.features.iter().enumerate().map(one).collect())
    }
}

impl Change {
    fn of(index: f64) -> Self {
        if index < CHANGED {
            Self::Stable
        } else if index <= LARGE {
            Self::Moderate
        } else {
            Self::Large
        }
    }
}

fn rows(features: usize, values: &[f32]) -> Result<(), DriftError> {
    if features == 0 || !values.len().is_multiple_of(features) {
        return Err(DriftError::Width {
            found: values.len(),
            features,
        });
    }
    let (found, least) = (values.len() / features, BINS * LEAST_PER_BIN);
    if found < least {
        return Err(DriftError::TooFewRows { found, least });
    }
    Ok(())
}

fn column_of(values: &[f32], width: usize, column: usize) -> impl Iterator<Item = f32> {
    values.iter().skip(column).step_by(width).copied()
}

fn count(ends: &[f32], values: impl Iterator<Item = f32>) -> Vec<u64> {
    let mut counts = vec![0; ends.len() + 2];
    let missing = counts.len() - 1;
    for value in values {
        let bin = if value.is_nan() {
            missing
        } else {
            ends.partition_point(|end| *end < value)
        };
        counts[bin] += 1;
    }
    counts
}

/// The share of the missing values, which are counted last.
fn missing(counts: &[u64]) -> f64 {
    let all: u64 = counts.iter().sum();
    counts.last().map_or(0.0, |last| *last as f64 / all as f64)
}

/// Shares, with half a value added to each bin: an empty bin would make the index infinite.
fn shares(counts: &[u64]) -> Vec<f64> {
    let all: f64 = counts.iter().map(|count| *count as f64 + 0.5).sum();
    counts
        .iter()
        .map(|count| (*count as f64 + 0.5) / all)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    /// A feature spread evenly from `from` to `from + 1`, one that is 0 for half of the rows, and one
    /// of which a share is missing.
    fn table(rows: usize, from: f32, missing: usize, seed: u64) -> Vec<f32> {
        let mut random = SplitMix64::new(seed);
        let mut unit = || random.below(1 << 20) as f32 / (1 << 20) as f32;
        (0..rows)
            .flat_map(|row| {
                let slope = (unit() - 0.5).max(0.0);
                let gap = if row % 100 < missing {
                    f32::NAN
                } else {
                    unit()
                };
                [from + unit(), slope, gap]
            })
            .collect()
    }

    fn population() -> Population {
        let features = ["nir", "slope", "rain"].map(str::to_owned);
        Population::of(&features, &table(5000, 0.0, 2, 1)).unwrap()
    }

    #[test]
    fn the_same_landscape_is_stable() {
        for drift in population().drift(&table(3000, 0.0, 2, 2)).unwrap() {
            assert_eq!(drift.change, Change::Stable, "{drift:?}");
            assert!(drift.index >= 0.0);
        }
    }

    #[test]
    fn a_shift_is_found_in_the_feature_that_shifted_and_as_large_as_the_formula_says() {
        let drifts = population().drift(&table(5000, 0.3, 2, 3)).unwrap();
        // The lowest three deciles are empty and the highest holds 0.1 + 0.3.
        assert_eq!(drifts[0].change, Change::Large);
        assert_eq!(drifts[1].change, Change::Stable);
        let full = 0.3 * (0.4_f64 / 0.1).ln();
        assert!(drifts[0].index > full, "{:?}", drifts[0]);

        // Shares of 0.1 that become 0.2 and 0 (half a value of 1000 after smoothing).
        let before = shares(&[100; 10]);
        let now = shares(&[200, 0, 100, 100, 100, 100, 100, 100, 100, 100]);
        let index: f64 = before
            .iter()
            .zip(&now)
            .map(|(b, n)| (n - b) * (n / b).ln())
            .sum();
        assert!(
            (index - (0.1 * 2_f64.ln() + 0.0995 * 201_f64.ln())).abs() < 5e-3,
            "{index}"
        );
    }

    #[test]
    fn values_that_begin_to_be_missing_are_a_change() {
        let drifts = population().drift(&table(2000, 0.0, 30, 4)).unwrap();
        assert_eq!(drifts[2].change, Change::Large);
        assert!((drifts[2].missing_before - 0.02).abs() < 1e-9);
        assert!((drifts[2].missing_now - 0.3).abs() < 1e-9);
    }

    #[test]
    fn a_feature_that_is_constant_or_missing_everywhere_is_compared_too() {
        let features = ["flat", "gone"].map(str::to_owned);
        let rows = |flat| [flat, f32::NAN].repeat(200);
        let population = Population::of(&features, &rows(1.0)).unwrap();
        let same = population.drift(&rows(1.0)).unwrap();
        assert!(same.iter().all(|drift| drift.change == Change::Stable));
        let other = population.drift(&rows(2.0)).unwrap();
        assert_eq!(other[0].change, Change::Large);
    }

    #[test]
    fn too_few_rows_and_rows_of_another_width_are_refused() {
        let error = population().drift(&[0.5; 30]).unwrap_err().to_string();
        assert!(
            error.contains("found 10 rows, expected at least 100"),
            "{error}"
        );
        let error = population().drift(&[0.5; 301]).unwrap_err().to_string();
        assert!(error.contains("rows of 3 features"), "{error}");
    }
}
