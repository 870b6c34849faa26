//! The evaluator for the usual models: values become bins once for each block of rows, and trees
//! are worked out for 32 rows at a time by comparing and selecting bytes.
//!
//! The idea of evaluating all of a tree's splits without branches is that of `QuickScorer` (Lucchese
//! et al., SIGIR 2015), and that of bytes for many rows that of `RapidScorer` (Ye et al., KDD 2018).
//! Where these mark the leaves that a row cannot reach, this selects upwards from the leaves, which
//! takes one comparison and one selection for each split.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the function for a machine is not compiled for it"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod columns;
mod machine;
mod program;
mod shape;

#[cfg(test)]
mod tests;

use std::ops::Range;

use columns::Columns;
use machine::{Machine, Portable, ROWS, Rows, TreeLeaves};
use program::{Program, SLOTS, Split, Step};
use shape::{Leaves, MOST_EXITS, MOST_SPLITS, Shape, with_shape};

use super::forest::Forest;
use super::table::Table;

/// Rows whose bytes are worked on in one go: two vectors of AVX2, a cache line.
const CHUNK: usize = 64;

/// Chunks in a block. The more rows, the less weighs the jump to the code of each piece; the columns
/// of a few dozen features are then still in or near the first-level cache.
const CHUNKS: usize = 16;

/// A byte for each row of a chunk.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bytes([Rows; CHUNK / ROWS]);

impl Bytes {
    const ZERO: Self = Self([[0; ROWS]; CHUNK / ROWS]);
}

/// Rows taken through all trees before the next.
pub(super) const BLOCK: usize = CHUNKS * CHUNK;

/// A forest laid out for evaluation.
#[derive(Debug, Clone)]
pub(super) struct Quantized {
    columns: Columns,
    program: Program,
    base: Vec<f32>,
    avx2: bool,
}

/// Room to work in, for one thread.
#[derive(Debug)]
pub(super) struct Room {
    /// The values of one chunk: `CHUNK` of each feature.
    values: Vec<[f32; CHUNK]>,
    bins: Vec<Bytes>,
    slots: Vec<Bytes>,
    /// `CHUNKS` for each margin.
    sums: Vec<[f32; CHUNK]>,
}

impl Quantized {
    /// `None` if the forest is none of the usual ones: too deep, or with too many thresholds.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        let columns = Columns::new(forest)?;
        Some(Self {
            program: Program::new(forest, &columns)?,
            columns,
            base: forest.base.clone(),
            #[cfg(target_arch = "x86_64")]
            avx2: avx2::here(),
            #[cfg(not(target_arch = "x86_64"))]
            avx2: false,
        })
    }
}

impl Room {
    pub(super) fn new(quantized: &Quantized) -> Self {
        // A forest of mere leaves has no column, but pieces without splits still look at one.
        let columns = quantized.columns.count().max(1);
        Self {
            values: vec![[0.0; CHUNK]; quantized.columns.features()],
            bins: vec![Bytes::ZERO; columns * CHUNKS],
            slots: vec![Bytes::ZERO; SLOTS * CHUNKS],
            sums: vec![[0.0; CHUNK]; quantized.base.len() * CHUNKS],
        }
    }

    /// The margins of a row of the block.
    pub(super) fn margins(&self, row: usize, out: &mut [f32]) {
        let sums = self.sums[row / CHUNK..].iter().step_by(CHUNKS);
        for (to, sums) in out.iter_mut().zip(sums) {
            *to = sums[row % CHUNK];
        }
    }
}

impl Quantized {
    /// Works out the margins of at most [`BLOCK`] rows of the table, and leaves them in the room.
    pub(super) fn block(&self, table: &Table, rows: Range<usize>, room: &mut Room) {
        #[cfg(target_arch = "x86_64")]
        if self.avx2 {
            return avx2::block(self, table, rows, room);
        }
        self.block_on::<Portable>(table, rows, room);
    }

    /// [`Self::block`] on one kind of machine. Inlined, so that all of it is compiled for that
    /// machine.
    #[inline(always)]
    fn block_on<M: Machine>(&self, table: &Table, rows: Range<usize>, room: &mut Room) {
        let chunks = rows.len().div_ceil(CHUNK);
        for chunk in 0..chunks {
            let start = rows.start + chunk * CHUNK;
            let rows = start..rows.end.min(start + CHUNK);
            let bins = &mut room.bins[chunk..];
            if let (Table::Planes(planes), CHUNK) = (table, rows.len()) {
                let values = |feature: usize| {
                    let values = planes[feature][rows.clone()].as_array();
                    values.expect("a chunk has as many rows")
                };
                self.columns.fill::<M>(values, bins, CHUNKS);
            } else {
                table.columns(rows, &mut room.values);
                let values = |feature: usize| &room.values[feature];
                self.columns.fill::<M>(values, bins, CHUNKS);
            }
        }
        for (sums, base) in room.sums.chunks_exact_mut(CHUNKS).zip(&self.base) {
            sums.as_flattened_mut().fill(*base);
        }
        let Program {
            parts,
            steps,
            splits,
            leaves,
            tables,
        } = &self.program;
        let (mut steps, mut splits) = (steps.as_slice(), splits.as_slice());
        let (mut leaves, mut tables) = (leaves.as_slice(), tables.as_slice());
        for part in parts {
            for step in steps.split_off(..part.steps).unwrap_or_default() {
                splits = with_shape!(step.shape, M, find(*step, splits, chunks, room));
            }
            let sums = &mut room.sums[part.group * CHUNKS..][..chunks];
            let leaves = TreeLeaves {
                values: leaves.split_off(..part.leaves).unwrap_or_default(),
                tables: tables.split_off(..part.tables).unwrap_or_default(),
            };
            M::add_leaves(leaves, &room.slots[..chunks], sums);
        }
    }
}

/// Takes one step for all chunks of the block; returns the splits that are left.
#[inline(always)]
fn find<'p, M: Machine, S: Shape>(
    step: Step,
    splits: &'p [Split],
    chunks: usize,
    room: &mut Room,
) -> &'p [Split] {
    let (now, later) = splits.split_at(S::SPLITS);
    let mut columns = [&room.bins[..chunks]; MOST_SPLITS];
    let mut below = [M::splat(0); MOST_SPLITS];
    for index in 0..S::SPLITS {
        let Split { column, below: bin } = now[index];
        columns[index] = &room.bins[usize::from(column) * CHUNKS..][..chunks];
        below[index] = M::splat(bin);
    }
    let (before, after) = room
        .slots
        .split_at_mut((usize::from(step.out) + 1) * CHUNKS);
    let out = &mut before[usize::from(step.out) * CHUNKS..][..chunks];
    if step.leaves {
        for chunk in 0..chunks {
            for half in 0..CHUNK / ROWS {
                let mut bins = [&columns[0][0].0[0]; MOST_SPLITS];
                for index in 0..S::SPLITS {
                    bins[index] = &columns[index][chunk].0[half];
                }
                let found = S::find::<M, _>(&bins, &below, Leaves(step.first as i8), 0, 0);
                M::store(found, &mut out[chunk].0[half]);
            }
        }
    } else {
        let mut slots = [&after[..chunks]; MOST_EXITS];
        for index in 0..S::EXITS {
            slots[index] = &after[index * CHUNKS..][..chunks];
        }
        for chunk in 0..chunks {
            for half in 0..CHUNK / ROWS {
                let mut bins = [&columns[0][0].0[0]; MOST_SPLITS];
                for index in 0..S::SPLITS {
                    bins[index] = &columns[index][chunk].0[half];
                }
                let mut exits = [&slots[0][0].0[0]; MOST_EXITS];
                for index in 0..S::EXITS {
                    exits[index] = &slots[index][chunk].0[half];
                }
                let found = S::find::<M, _>(&bins, &below, &exits, 0, 0);
                M::store(found, &mut out[chunk].0[half]);
            }
        }
    }
    later
}
