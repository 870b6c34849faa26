//! Dealing samples into folds for cross-validation.
//!
//! [`stratified`] deals single samples. It is honest only where samples are independent: pixels of
//! one field, or of neighbouring fields, look alike, and a model that has seen one knows the other.
//! [`grouped`] keeps the samples of a polygon together, [`spatial`] those of a block of land.

mod blocks;
mod grouped;

pub use blocks::{Spatial, spatial};
pub use grouped::grouped;

use crate::TrainingError;
use geocrop_model::random::SplitMix64;

/// What to say beside scores of samples without coordinates.
pub const NO_COORDINATES: &str = "The samples carry no coordinates, so they could only be split at \
    random. Where samples lie close together, neighbours fall on both sides of a split and the \
    scores are optimistic.";

/// The fold of each sample, 0 to `folds` - 1. Every fold gets the same share of each class, give or
/// take one sample, and the same seed deals the same folds on every machine.
pub fn stratified(labels: &[u32], folds: usize, seed: u64) -> Result<Vec<usize>, TrainingError> {
    check(folds)?;
    let mut random = SplitMix64::new(seed);
    let mut fold = vec![0; labels.len()];
    // Dealing goes on from class to class, so that the folds differ by one sample at most.
    let mut dealt = 0;
    let highest = labels.iter().max().copied().unwrap_or(0);
    for class in 0..=highest {
        let mut rows: Vec<usize> = (0..labels.len())
            .filter(|row| labels[*row] == class)
            .collect();
        if rows.len() < folds {
            return Err(TrainingError::TooFewSamples {
                class,
                found: rows.len(),
                folds,
            });
        }
        random.shuffle(&mut rows);
        for row in rows {
            fold[row] = dealt % folds;
            dealt += 1;
        }
    }
    Ok(fold)
}

fn check(folds: usize) -> Result<(), TrainingError> {
    if folds >= 2 {
        return Ok(());
    }
    Err(TrainingError::Option {
        option: "folds",
        found: folds.to_string(),
        expected: "at least 2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_gets_its_share_of_each_class() {
        let labels: Vec<u32> = (0..103).map(|row| u32::from(row % 4 == 0)).collect();
        let fold = stratified(&labels, 5, 1).unwrap();
        for class in [0, 1] {
            let of_class = labels.iter().filter(|label| **label == class).count();
            for k in 0..5 {
                let rows = fold.iter().zip(&labels);
                let found = rows
                    .filter(|(fold, label)| **fold == k && **label == class)
                    .count();
                assert!(
                    found.abs_diff(of_class / 5) <= 1,
                    "class {class}, fold {k}: {found}"
                );
            }
        }
        let sizes: Vec<usize> = (0..5)
            .map(|k| fold.iter().filter(|f| **f == k).count())
            .collect();
        assert_eq!(
            sizes.iter().max().unwrap() - sizes.iter().min().unwrap(),
            1,
            "{sizes:?}"
        );
    }

    #[test]
    fn a_seed_always_deals_the_same_folds_and_another_seed_others() {
        let labels: Vec<u32> = (0..40).map(|row| row % 2).collect();
        let deal = |seed| stratified(&labels, 4, seed).unwrap();
        assert_eq!(deal(7), deal(7));
        assert_ne!(deal(7), deal(8));
    }

    #[test]
    fn too_few_samples_of_a_class_are_an_error_that_names_it() {
        let error = stratified(&[0, 0, 0, 1, 1], 3, 1).unwrap_err().to_string();
        assert!(
            error.starts_with("class 1 has 2 samples, fewer than the 3 folds"),
            "{error}"
        );
        assert!(stratified(&[0, 1], 1, 1).is_err());
    }
}
