//! The two things that are worth writing for a machine, and how to do them on any.

use super::columns::{FAN, Thresholds};
use super::program::TABLE;
use super::{Bytes, CHUNK};

/// Trees with more leaves than this many tables hold are looked up leaf by leaf.
pub(super) const MOST_TABLES: usize = 4;

/// The leaves of one tree: as values, and as tables of their bytes if they are few enough.
#[derive(Clone, Copy)]
pub(super) struct TreeLeaves<'p> {
    pub(super) values: &'p [f32],
    pub(super) tables: &'p [[u8; TABLE]],
}

/// Rows whose bytes make a vector.
pub(super) const ROWS: usize = 32;

/// A byte for each of these rows.
pub(super) type Rows = [i8; ROWS];

/// Whatever the machine, the result is the same to the last bit.
pub(super) trait Machine {
    /// A byte for each row. For choices, each is 0 or -1.
    type Vector: Copy;

    fn load(bytes: &Rows) -> Self::Vector;
    fn store(vector: Self::Vector, bytes: &mut Rows);
    fn splat(byte: i8) -> Self::Vector;
    fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;

    /// -1 where `bins` is less than `below`.
    fn below(bins: Self::Vector, below: Self::Vector) -> Self::Vector;

    /// `yes` where `choice` is -1, `no` where it is 0.
    fn select(choice: Self::Vector, yes: Self::Vector, no: Self::Vector) -> Self::Vector;

    /// Finds the bin of each value: the first bin and as many more as there are thresholds at or
    /// below it.
    fn search(thresholds: &Thresholds, values: &[f32; CHUNK], bins: &mut [i8; CHUNK]);

    /// Adds to each row's sum the leaf that it has reached; `leaf` is in lanes.
    fn add_leaves(leaves: TreeLeaves, leaf: &[Bytes], sums: &mut [[f32; CHUNK]]);
}

/// Plain Rust.
pub(super) struct Portable;

/// One operation on all bytes.
#[inline(always)]
fn each(operation: impl Fn(usize) -> i8) -> Rows {
    let mut result = [0; ROWS];
    for (row, to) in result.iter_mut().enumerate() {
        *to = operation(row);
    }
    result
}

impl Machine for Portable {
    type Vector = Rows;

    #[inline(always)]
    fn load(bytes: &Rows) -> Rows {
        *bytes
    }

    #[inline(always)]
    fn store(vector: Rows, bytes: &mut Rows) {
        *bytes = vector;
    }

    #[inline(always)]
    fn splat(byte: i8) -> Rows {
        [byte; ROWS]
    }

    #[inline(always)]
    fn add(a: Rows, b: Rows) -> Rows {
        each(|row| a[row].wrapping_add(b[row]))
    }

    #[inline(always)]
    fn below(bins: Rows, below: Rows) -> Rows {
        each(|row| -i8::from(bins[row] < below[row]))
    }

    #[inline(always)]
    fn select(choice: Rows, yes: Rows, no: Rows) -> Rows {
        each(|row| (choice[row] & yes[row]) | (!choice[row] & no[row]))
    }

    #[inline(always)]
    fn search(thresholds: &Thresholds, values: &[f32; CHUNK], bins: &mut [i8; CHUNK]) {
        for (bin, value) in bins.iter_mut().zip(values) {
            let row = count(&thresholds.pivots, *value);
            let found = row * FAN as i32 + count(&thresholds.rows[row as usize], *value);
            *bin = (i32::from(i8::MIN) + found) as i8;
        }
    }

    #[inline(always)]
    fn add_leaves(leaves: TreeLeaves, leaf: &[Bytes], sums: &mut [[f32; CHUNK]]) {
        for (leaf, sums) in leaf.iter().zip(sums) {
            let leaf = leaf.0.as_flattened();
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum += leaves.values[usize::from(leaf[lane(row)] as u8)];
            }
        }
    }
}

#[inline(always)]
fn count(sorted: &[f32; FAN], value: f32) -> i32 {
    sorted.iter().map(|bound| i32::from(*bound <= value)).sum()
}

/// Where a row of a chunk stands among the bytes: of 32 rows, every eight make four bytes in each
/// half. Looking up the bytes of leaves and interleaving them then gives sums in the rows' order.
#[inline(always)]
fn lane(row: usize) -> usize {
    let (group, vector, half, element) = (row & !31, row / 8 % 4, row / 4 % 2, row % 4);
    group + half * 16 + vector * 4 + element
}

/// Puts bytes in the order of the rows into lanes.
#[inline(always)]
pub(super) fn to_lanes(bytes: &[i8; CHUNK], lanes: &mut Bytes) {
    let lanes = lanes.0.as_flattened_mut();
    for (index, four) in bytes.as_chunks::<4>().0.iter().enumerate() {
        let at = lane(index * 4);
        lanes[at..at + 4].copy_from_slice(four);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_hold_every_row_once() {
        let mut seen = [false; CHUNK];
        for row in 0..CHUNK {
            assert!(!std::mem::replace(&mut seen[lane(row)], true));
        }
        let rows = std::array::from_fn(|row| row as i8);
        let mut lanes = Bytes::ZERO;
        to_lanes(&rows, &mut lanes);
        let lanes = lanes.0.as_flattened();
        assert!((0..CHUNK).all(|row| lanes[lane(row)] == rows[row]));
    }
}
