//! From a table of samples to a model and its card.
//!
//! XGBoost trains the model through its C library, behind the cargo feature `train`; the README of
//! this crate says what must be installed to link with it. Everything else works without:
//!
//! - [`Table`], [`folds`]: samples, and how they are dealt for cross-validation, neighbours together.
//! - [`evaluate`]: every figure with its interval, and whether one model beats another.
//! - [`importance`], [`applicability`]: what a model uses, and where it may be used.
//! - [`report`], [`Card`]: all of this for readers.
//!
//! The cross-validation predicts with `geocrop-model`, the evaluator that makes the maps, so that
//! its scores are those of the program and not of another one.

mod about;
pub mod applicability;
#[cfg(feature = "train")]
mod boost;
#[cfg(feature = "train")]
mod calibrate;
mod card;
#[cfg(feature = "train")]
mod derive;
mod error;
pub mod evaluate;
pub mod folds;
mod held_out;
mod import;
pub mod importance;
mod join;
mod judgement;
#[cfg(test)]
mod metrics;
mod options;
mod plan;
mod promotion;
pub mod report;
#[cfg(feature = "train")]
mod search;
#[cfg(feature = "train")]
mod split;
mod table;
#[cfg(feature = "train")]
mod train;

pub use about::{About, AboutData};
pub use card::{
    Card, ClassRows, CrossValidation, DataCard, DatasetCard, ModelCard, Part, RepeatFigures,
    Statement, TrainingCard,
};
pub use error::TrainingError;
pub use held_out::HeldOut;
pub use import::{Imported, import};
pub use join::{JoinError, Joined, join};
pub use judgement::{Champion, Comparisons, Incomparable, Judgement};
pub use options::{SplitBy, TrainOptions};
pub use plan::{CalibrationMethod, ClassWeights, Kind, MemberPlan, Plan};
pub use promotion::reasons_against;
pub use table::{ReadOptions, Source, Table};
#[cfg(feature = "train")]
pub use train::{Progress, Trained, train};
