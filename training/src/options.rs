//! How a model is trained and tested.

use crate::{About, Plan, TrainingError};

/// How a model is trained and tested.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// What is trained.
    pub plan: Plan,
    /// Random settings that are tried for the boosted trees of the plan before it is followed; 0 for none.
    pub search: usize,
    /// How samples are split for the cross-validation.
    pub split: SplitBy,
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// How often the cross-validation is done, each time with other folds, at least once.
    pub repeats: usize,
    /// Seed of the folds and of the samples that rounds and trees see.
    pub seed: u64,
    /// What the card says beyond numbers; known tables bring their own.
    pub about: Option<About>,
}

/// How samples are split for the cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum SplitBy {
    /// By groups if there are any, else by blocks of land if it is known where samples lie, else at random.
    #[default]
    Best,
    /// At random.
    Samples,
    /// A group is never on both sides.
    Groups,
    /// A block of land is never on both sides; its width in km, or as it suits the samples.
    Blocks(Option<f64>),
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            search: 0,
            split: SplitBy::Best,
            folds: 5,
            repeats: 1,
            seed: 1,
            about: None,
        }
    }
}

impl TrainOptions {
    /// Checks every option against its range.
    ///
    /// # Errors
    /// The first that is out of it.
    pub fn check(&self) -> Result<(), TrainingError> {
        let wrong = |option, found: String, expected| {
            Err(TrainingError::Option {
                option,
                found,
                expected,
            })
        };
        self.plan.check()?;
        if self.folds < 2 {
            return wrong("folds", self.folds.to_string(), "at least 2");
        }
        if self.repeats == 0 {
            return wrong("repeats", self.repeats.to_string(), "at least 1");
        }
        // XGBoost's seed is a signed 32-bit number, and members count on from it.
        if self.seed > 1_000_000_000 {
            return wrong("seed", self.seed.to_string(), "at most 1000000000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_out_of_range_is_named() {
        let good = TrainOptions::default();
        assert!(good.check().is_ok());
        let with = |change: fn(&mut TrainOptions)| {
            let mut options = good.clone();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        for (error, expected) in [
            (with(|o| o.folds = 1), "`folds` is 1"),
            (with(|o| o.repeats = 0), "`repeats` is 0"),
            (with(|o| o.seed = u64::MAX), "`seed` is"),
            (with(|o| o.plan.members.clear()), "`member` is 0"),
        ] {
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
