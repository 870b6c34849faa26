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

/// Values of a feature that were counted in the bins of a [`Population`], beside the training table's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureCounts {
    /// The feature.
    pub feature: String,
    /// The population stability index; 0 is no change.
    pub drift: f64,
    /// How many training values lie in each bin; the last number counts missing ones.
    pub learnt: Vec<u64>,
    /// How many new values do.
    pub found: Vec<u64>,
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
    /// Above 0.25: not spread as among the samples.
    Large,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Moderate => "moderate: look at it",
            Self::Large => "large: not spread as among the samples",
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
                counts: counted(&ends, column_of(values, features.len(), column)),
                ends,
            }
        };
        Ok(Self {
            features: features.iter().enumerate().map(spread).collect(),
        })
    }

    /// The features, in their order.
    pub fn features(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(|spread| spread.feature.as_str())
    }

    /// No value counted yet.
    pub fn counts(&self) -> Counts {
        let bins = self.features.iter().map(|spread| spread.counts.len());
        Counts(bins.map(|bins| vec![0; bins]).collect())
    }

    /// Counts a value of the feature at `place`; NaN is a missing one.
    ///
    /// # Panics
    /// If there is no such feature, or the counts are of another population.
    pub fn count(&self, place: usize, value: f32, counts: &mut Counts) {
        let bins = &mut counts.0[place];
        bins[bin(&self.features[place].ends, value)] += 1;
    }

    /// Nothing counted yet beside the training table, to add to.
    pub fn nothing(&self) -> Vec<FeatureCounts> {
        let features = self.features.iter();
        features
            .map(|spread| FeatureCounts {
                feature: spread.feature.clone(),
                drift: 0.0,
                learnt: spread.counts.clone(),
                found: vec![0; spread.counts.len()],
            })
            .collect()
    }

    /// Counted values beside the training table's, feature by feature.
    ///
    /// # Errors
    /// When fewer than 100 rows were counted.
    pub fn compare(&self, counts: Counts) -> Result<Vec<FeatureCounts>, DriftError> {
        let counted = counts.0.first().map_or(0, |bins| bins.iter().sum::<u64>());
        enough(usize::try_from(counted).unwrap_or(usize::MAX))?;
        let pairs = self.features.iter().zip(counts.0);
        Ok(pairs
            .map(|(spread, found)| FeatureCounts {
                feature: spread.feature.clone(),
                drift: index(&spread.counts, &found),
                learnt: spread.counts.clone(),
                found,
            })
            .collect())
    }

    /// How much each feature has changed in new rows of the same features.
    ///
    /// # Errors
    /// When the values do not make rows, or there are fewer than 100.
    pub fn drift(&self, values: &[f32]) -> Result<Vec<Drift>, DriftError> {
        let width = self.features.len();
        rows(width, values)?;
        let mut counts = self.counts();
        for row in values.chunks(width) {
            for (place, value) in row.iter().enumerate() {
                self.count(place, *value, &mut counts);
            }
        }
        Ok(self.compare(counts)?.iter().map(Drift::from).collect())
    }
}

/// How many values of each feature lie in each bin of a [`Population`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts(Vec<Vec<u64>>);

impl Counts {
    /// Adds what was counted elsewhere in the bins of the same population.
    pub fn add(&mut self, other: &Self) {
        for (bins, more) in self.0.iter_mut().zip(&other.0) {
            add(bins, more);
        }
    }
}

impl FeatureCounts {
    /// Adds what was counted elsewhere of the same feature; whether it was counted in the same bins. If not, nothing is
    /// added.
    pub fn add(&mut self, other: &Self) -> bool {
        let same = self.feature == other.feature && self.learnt == other.learnt;
        if same {
            add(&mut self.found, &other.found);
            self.drift = index(&self.learnt, &self.found);
        }
        same
    }
}

impl From<&FeatureCounts> for Drift {
    fn from(counts: &FeatureCounts) -> Self {
        let index = index(&counts.learnt, &counts.found);
        Self {
            feature: counts.feature.clone(),
            index,
            change: Change::of(index),
            missing_before: missing(&counts.learnt),
            missing_now: missing(&counts.found),
        }
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
    enough(values.len() / features)
}

fn enough(found: usize) -> Result<(), DriftError> {
    let least = BINS * LEAST_PER_BIN;
    if found < least {
        return Err(DriftError::TooFewRows { found, least });
    }
    Ok(())
}

fn add(bins: &mut [u64], more: &[u64]) {
    for (bin, more) in bins.iter_mut().zip(more) {
        *bin += more;
    }
}

/// The bin of a value; missing values have the last.
fn bin(ends: &[f32], value: f32) -> usize {
    if value.is_nan() {
        ends.len() + 1
    } else {
        ends.partition_point(|end| *end < value)
    }
}

/// The population stability index of two rows of counts.
fn index(before: &[u64], now: &[u64]) -> f64 {
    let (before, now) = (shares(before), shares(now));
    let pairs = before.iter().zip(&now);
    pairs
        .map(|(before, now)| (now - before) * (now / before).ln())
        .sum()
}

fn column_of(values: &[f32], width: usize, column: usize) -> impl Iterator<Item = f32> {
    values.iter().skip(column).step_by(width).copied()
}

fn counted(ends: &[f32], values: impl Iterator<Item = f32>) -> Vec<u64> {
    let mut counts = vec![0; ends.len() + 2];
    for value in values {
        counts[bin(ends, value)] += 1;
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

    /// Numbers from 0 to 1 that look random (splitmix64).
    fn random(mut state: u64) -> impl FnMut() -> f32 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 44) as f32 / (1 << 20) as f32
        }
    }

    /// A feature spread evenly from `from` to `from + 1`, one that is 0 for half of the rows, and one
    /// of which a share is missing.
    fn table(rows: usize, from: f32, missing: usize, seed: u64) -> Vec<f32> {
        let mut unit = random(seed);
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
    fn parts_that_are_counted_apart_add_up_to_the_whole() {
        let population = population();
        let values = table(1000, 0.2, 10, 5);
        let count = |values: &[f32]| {
            let mut counts = population.counts();
            for row in values.chunks(3) {
                for (place, value) in row.iter().enumerate() {
                    population.count(place, *value, &mut counts);
                }
            }
            counts
        };
        let (one, other) = values.split_at(900);
        let mut sum = count(one);
        sum.add(&count(other));
        assert_eq!(sum, count(&values));

        let whole = population.compare(count(&values)).unwrap();
        let mut parts = population.compare(count(one)).unwrap();
        for (part, more) in parts
            .iter_mut()
            .zip(population.compare(count(other)).unwrap())
        {
            assert!(part.add(&more));
        }
        assert_eq!(parts, whole);
        let drifts: Vec<Drift> = whole.iter().map(Drift::from).collect();
        assert_eq!(drifts, population.drift(&values).unwrap());

        let (first, second) = parts.split_at_mut(1);
        assert!(!first[0].add(&second[0]), "another feature has other bins");
        assert_eq!(first[0], whole[0]);
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
