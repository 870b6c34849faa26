//! Why an ensemble cannot be used.

use super::CalibrationError;
use crate::features::FeatureError;
use crate::trees::ModelError;

/// Why an ensemble is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// A model of trees that is none, alone or as a member.
    #[error(transparent)]
    Trees(#[from] ModelError),
    /// A member that is no model.
    #[error("the member `{member}` of the ensemble: {source}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it.
        source: ModelError,
    },
    /// The JSON is broken, cut short or has no such shape.
    #[error("the ensemble is broken or cut short: {0}; train it again")]
    Json(#[from] serde_json::Error),
    /// A later format.
    #[error(
        "the ensemble has format {found}, this program reads format {known}; use the program that made it, or a later one"
    )]
    Version {
        /// What the file says.
        found: u32,
        /// What is read.
        known: u32,
    },
    /// A derived feature that cannot be computed.
    #[error("a derived feature of the ensemble: {0}")]
    Derived(#[from] FeatureError),
    /// The parts contradict each other.
    #[error("the ensemble is damaged: {what} is {found}, expected {expected}; train it again")]
    Inconsistent {
        /// Which property.
        what: String,
        /// Its value.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A calibration that is none.
    #[error("the ensemble is damaged: {0}; train it again")]
    Calibration(#[from] CalibrationError),
}
