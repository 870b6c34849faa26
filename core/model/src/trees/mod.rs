//! Gradient boosted trees and random forests as XGBoost saves them, evaluated without XGBoost.
//!
//! Models that XGBoost 1.7 to 3.x saved as JSON or UBJSON are read. Predictions are XGBoost's: the
//! same comparisons in float32, the same sums in the same order, the same transforms, so that
//! probabilities agree within 1e-6 and classes are identical. What this cannot evaluate
//! (categorical splits, linear boosters, vector leaves, other objectives) is an error when the
//! model is read.
//!
//! Nearly all models have trees of at most eight levels. These become bytes and are evaluated for
//! many rows at a time (`quantized`); other models, and single rows, walk down the trees
//! (`blocked`). Both give what the plain walk (`reference`) gives, to the last bit.
//!
//! All trees count, as with XGBoost's `Booster.predict`: a `best_iteration` left by early stopping
//! is not used.

mod blocked;
mod document;
mod error;
mod forest;
pub(crate) mod json;
mod load;
mod objective;
mod quantized;
mod reference;
mod shape;
mod table;
mod ubjson;

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

pub use error::ModelError;
pub use objective::Objective;
pub use ubjson::UbjsonError;

use blocked::{BLOCK, Blocked};
use forest::Forest;
use quantized::{Quantized, Room};
pub(crate) use shape::Shape;
use table::Table;

/// Rows that one thread takes at a time.
const TASK: usize = 4 * quantized::BLOCK;

/// Fewer rows than this walk down the trees: bins pay for many rows only.
const FEW: usize = 16;

/// A model: sums of decision trees and what the sums mean.
#[derive(Debug, Clone)]
pub struct TreeEnsemble {
    feature_names: Vec<String>,
    objective: Objective,
    forest: Forest,
    blocked: Blocked,
    /// None for a model that it does not suit.
    quantized: Option<Quantized>,
}

impl TreeEnsemble {
    /// Reads a model from the bytes of a file, JSON or UBJSON.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ModelError> {
        load::from_slice(bytes)
    }

    /// Reads a model from a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| ModelError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_slice(&bytes)
    }

    /// The names of the features in the order in which they are expected; empty if the model was
    /// trained without names.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// How many features a row has.
    pub fn num_features(&self) -> usize {
        self.forest.features
    }

    /// How many trees are added up, over all classes.
    pub fn num_trees(&self) -> usize {
        self.forest.trees.len()
    }

    /// How many values are predicted for a row: the number of classes for `multi:softprob`, else 1.
    pub fn outputs(&self) -> usize {
        if self.objective == Objective::MultiSoftprob {
            self.forest.base.len()
        } else {
            1
        }
    }

    /// What the model was trained for.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// How many classes the model tells apart; 0 for a regression.
    pub fn class_count(&self) -> usize {
        if self.objective.is_binary() {
            2
        } else if self.objective.is_multiclass() {
            self.forest.base.len()
        } else {
            0
        }
    }

    /// The class that the prediction of one row ([`Self::outputs`] values) stands for: the first
    /// of the likeliest, and class 1 of two only if it is likelier than class 0. `None` for a
    /// regression and for a prediction of the wrong length.
    pub fn class_of(&self, prediction: &[f32]) -> Option<usize> {
        if prediction.len() != self.outputs() {
            return None;
        }
        match self.objective {
            Objective::BinaryLogistic => Some(usize::from(prediction[0] > 0.5)),
            Objective::BinaryLogitRaw => Some(usize::from(prediction[0] > 0.0)),
            Objective::BinaryHinge | Objective::MultiSoftmax => Some(prediction[0] as usize),
            Objective::MultiSoftprob => Some(objective::largest(prediction)),
            Objective::SquaredError | Objective::RegLogistic | Objective::Poisson => None,
        }
    }

    /// Predicts rows on this thread. `rows` is row-major `[n, features]`, NaN where a value is
    /// missing; `out` is row-major `[n, outputs]`.
    pub fn predict_rows(&self, rows: &[f32], out: &mut [f32]) -> Result<(), ModelError> {
        self.shape().check_rows(rows, out)?;
        self.predict(&self.table(rows), 0..out.len() / self.outputs(), out);
        Ok(())
    }

    /// [`Self::predict_rows`] on all threads of the current rayon pool, with the same result.
    pub fn predict_rows_parallel(&self, rows: &[f32], out: &mut [f32]) -> Result<(), ModelError> {
        self.shape().check_rows(rows, out)?;
        self.predict_parallel(&self.table(rows), out);
        Ok(())
    }

    /// Predicts pixels on this thread. `planes` has one slice of n values for each feature, NaN
    /// where a value is missing; `out` is row-major `[n, outputs]`.
    pub fn predict_planes(&self, planes: &[&[f32]], out: &mut [f32]) -> Result<(), ModelError> {
        self.shape().check_planes(planes, out)?;
        self.predict(&Table::Planes(planes), 0..out.len() / self.outputs(), out);
        Ok(())
    }

    /// [`Self::predict_planes`] on all threads of the current rayon pool, with the same result.
    pub fn predict_planes_parallel(
        &self,
        planes: &[&[f32]],
        out: &mut [f32],
    ) -> Result<(), ModelError> {
        self.shape().check_planes(planes, out)?;
        self.predict_parallel(&Table::Planes(planes), out);
        Ok(())
    }

    /// Predicts rows by the plain walk that defines what is right: slow, for tests.
    pub fn predict_rows_reference(&self, rows: &[f32], out: &mut [f32]) -> Result<(), ModelError> {
        self.shape().check_rows(rows, out)?;
        let mut margins = vec![0.0; self.forest.base.len()];
        let rows = rows.chunks_exact(self.num_features());
        for (row, out) in rows.zip(out.chunks_exact_mut(self.outputs())) {
            reference::margins(&self.forest, row, &mut margins);
            self.objective.transform(&margins, out);
        }
        Ok(())
    }

    fn table<'v>(&self, rows: &'v [f32]) -> Table<'v> {
        Table::Rows {
            values: rows,
            features: self.num_features(),
        }
    }

    /// Predicts some rows of the table.
    fn predict(&self, table: &Table, rows: Range<usize>, out: &mut [f32]) {
        let mut margins = vec![0.0; self.forest.base.len()];
        let mut rows = rows;
        let mut out = out;
        if let Some(quantized) = &self.quantized
            && rows.len() >= FEW
        {
            let mut room = Room::new(quantized);
            while rows.len() >= FEW {
                let block = rows.start..rows.end.min(rows.start + quantized::BLOCK);
                let (now, later) = out.split_at_mut(block.len() * self.outputs());
                quantized.block(table, block.clone(), &mut room);
                for (row, out) in now.chunks_exact_mut(self.outputs()).enumerate() {
                    room.margins(row, &mut margins);
                    self.objective.transform(&margins, out);
                }
                (rows.start, out) = (block.end, later);
            }
        }
        self.walk(table, rows, out);
    }

    /// Predicts some rows of the table by walking down the trees.
    fn walk(&self, table: &Table, mut rows: Range<usize>, out: &mut [f32]) {
        let width = self.forest.base.len();
        let mut margins = vec![0.0; BLOCK.min(rows.len()) * width];
        let mut gathered = Vec::new();
        for out in out.chunks_mut(BLOCK * self.outputs()) {
            let count = out.len() / self.outputs();
            let margins = &mut margins[..count * width];
            let block = rows.start..rows.start + count;
            rows.start = block.end;
            self.blocked
                .margins(table.rows(block, &mut gathered), margins);
            for (margins, out) in margins
                .chunks_exact(width)
                .zip(out.chunks_exact_mut(self.outputs()))
            {
                self.objective.transform(margins, out);
            }
        }
    }

    /// [`Self::predict`] for all rows on all threads.
    fn predict_parallel(&self, table: &Table, out: &mut [f32]) {
        out.par_chunks_mut(TASK * self.outputs())
            .enumerate()
            .for_each(|(task, out)| {
                let first = task * TASK;
                self.predict(table, first..first + out.len() / self.outputs(), out);
            });
    }

    fn shape(&self) -> Shape {
        Shape {
            features: self.num_features(),
            outputs: self.outputs(),
        }
    }
}
