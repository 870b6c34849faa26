//! What is predicted: rows of features, or planes of one feature each.

use std::ops::Range;

/// Values of n rows, NaN where one is missing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table<'v> {
    /// Row-major `[n, features]`.
    Rows { values: &'v [f32], features: usize },
    /// n values of each feature.
    Planes(&'v [&'v [f32]]),
}

impl Table<'_> {
    /// Some rows, one after the other; `room` is for gathering them.
    pub(super) fn rows<'r>(&'r self, range: Range<usize>, room: &'r mut Vec<f32>) -> &'r [f32] {
        match *self {
            Self::Rows { values, features } => {
                &values[range.start * features..range.end * features]
            }
            Self::Planes(planes) => {
                room.clear();
                for row in range {
                    room.extend(planes.iter().map(|plane| plane[row]));
                }
                room
            }
        }
    }

    /// Gathers at most N rows by feature; behind the last of them, columns stay as they are.
    pub(super) fn columns<const N: usize>(&self, rows: Range<usize>, columns: &mut [[f32; N]]) {
        match *self {
            Self::Rows { values, features } => {
                let values = &values[rows.start * features..rows.end * features];
                for (feature, column) in columns.iter_mut().enumerate() {
                    let values = values[feature..].iter().step_by(features);
                    for (to, value) in column.iter_mut().zip(values) {
                        *to = *value;
                    }
                }
            }
            Self::Planes(planes) => {
                for (plane, column) in planes.iter().zip(columns) {
                    column[..rows.len()].copy_from_slice(&plane[rows.clone()]);
                }
            }
        }
    }
}
