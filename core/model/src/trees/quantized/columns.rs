//! Feature values as bytes.
//!
//! What a split asks of a value is on which side of a threshold it lies. Of all thresholds that a
//! model has for a feature, it is therefore enough to know how many are at or below the value: its
//! bin. XGBoost's `hist` method makes at most 255 thresholds for a feature, so the bin fits a byte.
//! A feature with more has several columns, each for a run of at most 255 thresholds. A value beyond
//! the run is in the first or the last bin, and that side is right for every split of the run.
//!
//! A missing value goes left at some splits of a feature and right at others. As there is a column
//! for each of the two, it is simply in the first bin of one and in the last of the other.

use super::machine::{Machine, to_lanes};
use super::{Bytes, CHUNK};
use crate::trees::forest::{Forest, Node};

/// Thresholds in one column. With 255, bins are 0 to 255.
const MOST_THRESHOLDS: usize = 255;

/// More columns than this do not stay in the second-level cache.
const MOST_COLUMNS: usize = 1024;

/// Bins as signed bytes, the only ones that AVX2 compares: bin 0 is the least of them.
const FIRST_BIN: i8 = i8::MIN;
const LAST_BIN: i8 = i8::MAX;

/// Thresholds are searched in two steps: 16 pivots, then the 16 thresholds up to a pivot.
pub(super) const FAN: usize = 16;

/// A sorted list of thresholds to search. What is not a threshold is NaN, which is never at or
/// below a value.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Thresholds {
    /// The last threshold of each row of `rows`.
    pub(super) pivots: [f32; FAN],
    pub(super) rows: [[f32; FAN]; FAN],
}

impl Thresholds {
    fn new(sorted: &[f32]) -> Self {
        let mut rows = [[f32::NAN; FAN]; FAN];
        for (to, threshold) in rows.as_flattened_mut().iter_mut().zip(sorted) {
            *to = *threshold;
        }
        let mut pivots = rows.map(|row| row[FAN - 1]);
        // No value is beyond the last row, also not if it should be full.
        pivots[FAN - 1] = f32::NAN;
        Self { pivots, rows }
    }
}

/// A run of a feature's thresholds, and the columns of its bins.
#[derive(Debug, Clone)]
struct Run {
    feature: u32,
    thresholds: Thresholds,
    /// The column in which missing values are in the first bin, if any split wants it.
    missing_left: Option<u16>,
    missing_right: Option<u16>,
}

/// The split `value < threshold` among bins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) column: u16,
    pub(super) below: i8,
}

/// From values to bins.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    count: usize,
    /// The thresholds of each feature, sorted, without repetition.
    thresholds: Vec<Vec<f32>>,
    /// Where the runs of each feature start in `runs`.
    starts: Vec<usize>,
    runs: Vec<Run>,
}

impl Columns {
    /// `None` if there are too many thresholds.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        // Only splits that a path leads to: what XGBoost pruned is a leaf in the forest.
        let splits = || {
            let nodes = forest.trees.iter().flat_map(|tree| &tree.nodes);
            nodes.filter_map(|node| match *node {
                Node::Split {
                    feature,
                    threshold,
                    missing_left,
                    ..
                } => Some((feature, threshold, missing_left)),
                Node::Leaf(_) => None,
            })
        };
        let mut thresholds = vec![Vec::new(); forest.features];
        for (feature, threshold, _) in splits() {
            thresholds[feature as usize].push(threshold);
        }
        let mut columns = Self {
            count: 0,
            thresholds,
            starts: Vec::with_capacity(forest.features),
            runs: Vec::new(),
        };
        for (feature, thresholds) in columns.thresholds.iter_mut().enumerate() {
            // -0 and 0 are one threshold, as comparisons see it.
            thresholds.sort_by(f32::total_cmp);
            thresholds.dedup();
            columns.starts.push(columns.runs.len());
            for run in thresholds.chunks(MOST_THRESHOLDS) {
                columns.runs.push(Run {
                    feature: feature as u32,
                    thresholds: Thresholds::new(run),
                    missing_left: None,
                    missing_right: None,
                });
            }
            if columns.runs.len() > MOST_COLUMNS {
                return None;
            }
        }
        for (feature, threshold, left) in splits() {
            let (run, _) = columns.find(feature, threshold);
            let run = &mut columns.runs[run];
            let column = if left {
                &mut run.missing_left
            } else {
                &mut run.missing_right
            };
            if column.is_none() {
                *column = Some(columns.count as u16);
                columns.count += 1;
            }
        }
        (columns.count <= MOST_COLUMNS).then_some(columns)
    }

    /// How many columns there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The run of a threshold and its position there.
    fn find(&self, feature: u32, threshold: f32) -> (usize, usize) {
        let feature = feature as usize;
        let at = self.thresholds[feature].partition_point(|other| *other < threshold);
        (
            self.starts[feature] + at / MOST_THRESHOLDS,
            at % MOST_THRESHOLDS,
        )
    }

    /// Where a split of the forest finds its answer.
    ///
    /// # Panics
    ///
    /// If the forest has no such split.
    pub(super) fn place(&self, feature: u32, threshold: f32, missing_left: bool) -> Place {
        let (run, at) = self.find(feature, threshold);
        let run = &self.runs[run];
        let column = if missing_left {
            run.missing_left
        } else {
            run.missing_right
        };
        Place {
            column: column.expect("every split of the forest has been given a column"),
            below: (i32::from(FIRST_BIN) + 1 + at as i32) as i8,
        }
    }

    /// How many features a row has.
    pub(super) fn features(&self) -> usize {
        self.thresholds.len()
    }

    /// Puts the bins of one chunk of rows into the columns. `values` gives the values of a feature,
    /// and `stride` is the distance from a column to the next in `bins`.
    #[inline(always)]
    pub(super) fn fill<'v, M: Machine>(
        &self,
        values: impl Fn(usize) -> &'v [f32; CHUNK],
        bins: &mut [Bytes],
        stride: usize,
    ) {
        for run in &self.runs {
            let values = values(run.feature as usize);
            let mut found = [0; CHUNK];
            M::search(&run.thresholds, values, &mut found);
            let missing = values.iter().fold(false, |any, value| any | value.is_nan());
            for (column, bin) in [(run.missing_left, FIRST_BIN), (run.missing_right, LAST_BIN)] {
                let Some(column) = column else { continue };
                if missing {
                    for (found, value) in found.iter_mut().zip(values) {
                        *found = if value.is_nan() { bin } else { *found };
                    }
                }
                to_lanes(&found, &mut bins[usize::from(column) * stride]);
            }
        }
    }
}
