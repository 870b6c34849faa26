//! Drawing samples again, or whole groups of them.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{EvaluateError, Predictions};
use geocrop_model::random::SplitMix64;

/// How a bootstrap is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling {
    /// How often samples are drawn; a thousand give the ends of an interval to about a tenth of
    /// its width.
    pub replicates: usize,
    /// The seed of the drawing.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            replicates: 1000,
            seed: 1,
        }
    }
}

/// What is drawn as one.
pub(super) enum Units {
    /// Each sample by itself.
    Samples,
    /// The group of each sample, numbered without gaps.
    Groups { of: Vec<u32>, count: usize },
}

impl Units {
    pub(super) fn of(predictions: &Predictions) -> Result<Self, EvaluateError> {
        let Some(groups) = &predictions.groups else {
            return Ok(Self::Samples);
        };
        let mut numbers = BTreeMap::new();
        let of = groups
            .iter()
            .map(|group| {
                let next = numbers.len() as u32;
                *numbers.entry(*group).or_insert(next)
            })
            .collect();
        match numbers.len() {
            0 | 1 => Err(EvaluateError::OneGroup),
            count => Ok(Self::Groups { of, count }),
        }
    }

    pub(super) fn groups(&self) -> Option<usize> {
        match self {
            Self::Samples => None,
            Self::Groups { count, .. } => Some(*count),
        }
    }

    /// Weights times how often each unit was drawn.
    fn draw(&self, weights: &[f64], mut random: SplitMix64) -> Vec<f64> {
        let count = self.groups().unwrap_or(weights.len());
        let mut drawn = vec![0.0; count];
        for _ in 0..count {
            drawn[random.below(count)] += 1.0;
        }
        match self {
            Self::Samples => drawn.iter().zip(weights).map(|(d, w)| d * w).collect(),
            Self::Groups { of, .. } => of
                .iter()
                .zip(weights)
                .map(|(group, weight)| drawn[*group as usize] * weight)
                .collect(),
        }
    }
}

/// The figures of every replicate, in order.
pub(super) fn replicates(
    units: &Units,
    resampling: Resampling,
    weights: &[f64],
    figures: impl Fn(&[f64]) -> Vec<f64> + Sync,
) -> Vec<Vec<f64>> {
    (0..resampling.replicates)
        .into_par_iter()
        .map(|replicate| {
            let random = SplitMix64::stream(resampling.seed, replicate);
            figures(&units.draw(weights, random))
        })
        .collect()
}
