//! Labelled samples: read from what people have, checked, and kept in the store by version.
//!
//! - [`read`]: a [`Batch`] out of CSV, GeoJSON or `GeoPackage`, or a ready-made [`FeatureTable`]; whatever is wrong is named
//!   by row and column ([`Problems`]), whatever is odd is told ([`Checks`]).
//! - [`add`] puts batches into a [`Dataset`] of a store; the version of each is the hash of its samples, so that the same
//!   samples are the same batch in any format and order.
//!
//! What becomes of samples, features from imagery and models from features, is the business of `geocrop-precompute` and
//! `geocrop-training`.

mod add;
mod batch;
mod checks;
mod columns;
mod dataset;
mod error;
mod problems;
mod read;
mod rows;
mod sample;
mod shape;
mod table;

pub use add::{AddOptions, Added, NewBatch, add};
pub use batch::{Batch, check_together};
pub use checks::{Checks, Pairs};
pub use columns::ColumnNames;
pub use dataset::{BatchDocument, BatchEntry, BatchKind, Dataset, Provenance, SourceFile, short};
pub use error::SamplesError;
pub use problems::{MOST_NAMED, Problem, Problems, RowUnit};
pub use read::{Input, read};
pub use rows::{Expected, MOST_CORNERS, MOST_SAMPLES, MOST_TEXT, ReadOptions};
pub use sample::{Sample, days};
pub use shape::{Area, Place, Shape};
pub use table::FeatureTable;
