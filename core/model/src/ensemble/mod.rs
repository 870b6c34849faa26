//! Tree models that vote, as one model: what `geocrop train` makes, and what maps are made with.
//!
//! An ensemble takes the features of a table or a recipe, adds the features that it derives from them, lets each member
//! predict probabilities from its own choice of these, averages them by weight (soft voting) and corrects the average
//! with a [`Calibration`]. All of it is in one file ([`EnsembleFile`]), whose members are models as XGBoost saves them.
//!
//! A model that XGBoost saved is an ensemble as well: of one member that predicts as if it were alone, to the last bit.

mod calibration;
mod error;
mod file;

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

pub use calibration::{Calibration, CalibrationError, Curve, Line};
pub use error::EnsembleError;
pub use file::{Derived, EnsembleFile, MemberFile};

use crate::features::FeatureSet;
use crate::trees::{ModelError, Objective, Shape, TreeEnsemble};

/// Rows that are turned, derived from and voted on at a time: their planes stay in a core's cache.
const BLOCK: usize = 2048;

/// Tree models that vote.
#[derive(Debug, Clone)]
pub struct Ensemble {
    /// What a row holds; empty if nobody said.
    features: Vec<String>,
    /// What is computed from a row before anybody votes.
    derived: Option<FeatureSet>,
    /// Never empty. All predict the same number of probabilities, unless there is one alone.
    members: Vec<Member>,
    calibration: Option<Calibration>,
}

#[derive(Debug, Clone)]
struct Member {
    trees: TreeEnsemble,
    /// For each of its features, the place among the row's features followed by the derived ones.
    columns: Vec<usize>,
    /// The weights of all members add up to 1.
    weight: f32,
}

/// A model that XGBoost saved, as it is.
impl From<TreeEnsemble> for Ensemble {
    fn from(trees: TreeEnsemble) -> Self {
        Self {
            features: trees.feature_names().to_vec(),
            derived: None,
            members: vec![Member {
                columns: (0..trees.num_features()).collect(),
                trees,
                weight: 1.0,
            }],
            calibration: None,
        }
    }
}

impl Ensemble {
    /// Reads a model from the bytes of a file: an [`EnsembleFile`], or what XGBoost saves as JSON or UBJSON.
    ///
    /// # Errors
    /// When the bytes are neither, or contradict themselves.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, EnsembleError> {
        if EnsembleFile::is_one(bytes) {
            return file::read(bytes);
        }
        Ok(TreeEnsemble::from_slice(bytes)?.into())
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// As [`Self::from_slice`], and when the file cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, EnsembleError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| ModelError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_slice(&bytes)
    }

    /// The names of the features that a row holds, in their order; empty if the model was trained without names.
    pub fn feature_names(&self) -> &[String] {
        &self.features
    }

    /// How many features a row holds.
    pub fn num_features(&self) -> usize {
        if self.derived.is_none() && self.features.is_empty() {
            return self.first().num_features();
        }
        self.features.len()
    }

    /// How many models vote.
    pub fn num_members(&self) -> usize {
        self.members.len()
    }

    /// How many trees there are, over all members.
    pub fn num_trees(&self) -> usize {
        self.members.iter().map(|m| m.trees.num_trees()).sum()
    }

    /// How many values are predicted for a row: the number of classes where there are more than two, else 1.
    pub fn outputs(&self) -> usize {
        self.first().outputs()
    }

    /// How many classes are told apart; 0 for a regression.
    pub fn class_count(&self) -> usize {
        self.first().class_count()
    }

    /// Whether probabilities are predicted.
    pub fn is_probability(&self) -> bool {
        is_probability(self.first().objective())
    }

    /// What makes the probabilities true, if anything does.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// The class that the prediction of one row ([`Self::outputs`] values) stands for, as [`TreeEnsemble::class_of`].
    pub fn class_of(&self, prediction: &[f32]) -> Option<usize> {
        self.first().class_of(prediction)
    }

    fn first(&self) -> &TreeEnsemble {
        &self.members[0].trees
    }

    /// The one model that there is, if nothing happens before and after it.
    fn alone(&self) -> Option<&TreeEnsemble> {
        let one = self.members.len() == 1 && self.derived.is_none() && self.calibration.is_none();
        let [member] = &self.members[..] else {
            return None;
        };
        let as_is = member.columns.iter().copied().eq(0..self.num_features());
        (one && as_is).then_some(&member.trees)
    }

    /// Predicts rows on this thread. `rows` is row-major `[n, features]`, NaN where a value is missing; `out` is row-major
    /// `[n, outputs]`.
    ///
    /// # Errors
    /// When a length does not fit.
    pub fn predict_rows(&self, rows: &[f32], out: &mut [f32]) -> Result<(), ModelError> {
        if let Some(trees) = self.alone() {
            return trees.predict_rows(rows, out);
        }
        self.shape().check_rows(rows, out)?;
        self.vote_on_rows(rows, out);
        Ok(())
    }

    /// [`Self::predict_rows`] on all threads of the current rayon pool, with the same result.
    ///
    /// # Errors
    /// As [`Self::predict_rows`].
    pub fn predict_rows_parallel(&self, rows: &[f32], out: &mut [f32]) -> Result<(), ModelError> {
        if let Some(trees) = self.alone() {
            return trees.predict_rows_parallel(rows, out);
        }
        self.shape().check_rows(rows, out)?;
        let parts = rows.par_chunks(BLOCK * self.num_features());
        parts
            .zip(out.par_chunks_mut(BLOCK * self.outputs()))
            .for_each(|(rows, out)| self.vote_on_rows(rows, out));
        Ok(())
    }

    /// Predicts pixels on this thread. `planes` has one slice of n values for each feature, NaN where a value is missing;
    /// `out` is row-major `[n, outputs]`.
    ///
    /// # Errors
    /// As [`Self::predict_rows`].
    pub fn predict_planes(&self, planes: &[&[f32]], out: &mut [f32]) -> Result<(), ModelError> {
        if let Some(trees) = self.alone() {
            return trees.predict_planes(planes, out);
        }
        self.shape().check_planes(planes, out)?;
        let mut room = Room::default();
        for (block, out) in blocks(planes[0].len()).zip(out.chunks_mut(BLOCK * self.outputs())) {
            let planes: Vec<&[f32]> = planes.iter().map(|plane| &plane[block.clone()]).collect();
            self.vote(&planes, &mut room, out);
        }
        Ok(())
    }

    /// [`Self::predict_rows`] once the lengths are known to fit.
    fn vote_on_rows(&self, rows: &[f32], out: &mut [f32]) {
        let features = self.num_features();
        let mut room = Room::default();
        let mut planes = vec![Vec::new(); features];
        let parts = rows.chunks(BLOCK * features);
        for (rows, out) in parts.zip(out.chunks_mut(BLOCK * self.outputs())) {
            for (feature, plane) in planes.iter_mut().enumerate() {
                plane.clear();
                plane.extend(rows.iter().skip(feature).step_by(features));
            }
            let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
            self.vote(&planes, &mut room, out);
        }
    }

    /// One block: derives, lets each member predict, averages, calibrates.
    fn vote(&self, planes: &[&[f32]], room: &mut Room, out: &mut [f32]) {
        let rows = out.len() / self.outputs();
        let mut all = planes.to_vec();
        if let Some(derived) = &self.derived {
            let plane = |name: &str| {
                let place = self.features.iter().position(|feature| feature == name);
                planes[place.expect("derived features were checked against the row's")]
            };
            derived.evaluate(rows, &plane, &mut room.derived);
            all.extend(room.derived.iter().map(Vec::as_slice));
        }
        out.fill(0.0);
        room.votes.resize(out.len(), 0.0);
        for member in &self.members {
            let own: Vec<&[f32]> = member.columns.iter().map(|column| all[*column]).collect();
            member
                .trees
                .predict_planes(&own, &mut room.votes)
                .expect("the planes and the votes have the member's shape");
            for (sum, vote) in out.iter_mut().zip(&room.votes) {
                *sum += member.weight * vote;
            }
        }
        if let Some(calibration) = &self.calibration {
            for row in out.chunks_exact_mut(self.outputs()) {
                calibration.apply(row);
            }
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            features: self.num_features(),
            outputs: self.outputs(),
        }
    }
}

/// What a thread keeps from block to block.
#[derive(Default)]
struct Room {
    derived: Vec<Vec<f32>>,
    votes: Vec<f32>,
}

fn blocks(pixels: usize) -> impl Iterator<Item = Range<usize>> {
    (0..pixels)
        .step_by(BLOCK)
        .map(move |start| start..pixels.min(start + BLOCK))
}

fn is_probability(objective: Objective) -> bool {
    matches!(
        objective,
        Objective::BinaryLogistic | Objective::MultiSoftprob
    )
}
