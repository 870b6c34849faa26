//! Why predictions cannot be judged.

/// What is wrong with predictions.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// There is nothing to judge.
    #[error("there are no predictions; hold samples out of the training and predict them")]
    Empty,
    /// Fewer than two classes.
    #[error("there are {found} classes, expected at least 2")]
    Classes {
        /// How many.
        found: usize,
    },
    /// Columns that differ in length.
    #[error("found {found} {what}, expected {expected} for {samples} samples")]
    Lengths {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
        /// How many samples there are.
        samples: usize,
    },
    /// A class that the probabilities do not know.
    #[error(
        "sample {row} is of class {found}, but there are probabilities of classes 0 to {highest} only"
    )]
    Truth {
        /// Which sample, from 0.
        row: usize,
        /// Its class.
        found: u32,
        /// The highest class.
        highest: usize,
    },
    /// Numbers that are not probabilities.
    #[error(
        "the probabilities of sample {row} are {found:?}, expected numbers from 0 to 1 with the sum 1; \
         margins or votes must be turned into probabilities first"
    )]
    Probabilities {
        /// Which sample, from 0.
        row: usize,
        /// What stands there.
        found: Vec<f32>,
    },
    /// A weight that is no weight.
    #[error("the weight of sample {row} is {found}, expected a finite number above 0")]
    Weight {
        /// Which sample, from 0.
        row: usize,
        /// What stands there.
        found: f64,
    },
    /// Groups cannot be drawn.
    #[error(
        "all samples are in one group, so that nothing can be said about the spread between groups; \
         give smaller groups or none"
    )]
    OneGroup,
    /// Two models did not predict the same samples.
    #[error(
        "the two models did not predict the same samples: their {what} differ; compare them on one held-out set"
    )]
    NotPaired {
        /// What differs.
        what: &'static str,
    },
}
