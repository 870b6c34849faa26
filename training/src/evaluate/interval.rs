//! A figure and the range that it may well have had.

use serde::{Deserialize, Serialize};

/// The normal deviate of a two-sided 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How the interval was made.
    pub interval: IntervalKind,
}

/// How an interval was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalKind {
    /// Wilson's score interval of a proportion.
    Wilson,
    /// Percentiles of the bootstrap.
    Bootstrap,
}

/// Wilson's interval of `hits` in `trials`, both counts; `trials` above 0.
pub(super) fn wilson(hits: f64, trials: f64) -> Figure {
    let share = hits / trials;
    let squared = Z95 * Z95;
    let denominator = 1.0 + squared / trials;
    let centre = (share + squared / (2.0 * trials)) / denominator;
    let spread = share * (1.0 - share) / trials + squared / (4.0 * trials * trials);
    let half = Z95 * spread.sqrt() / denominator;
    Figure {
        value: share,
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
        interval: IntervalKind::Wilson,
    }
}

/// A figure between the 2.5 and the 97.5 percentile of its replicates. Replicates in which it is
/// not defined (a class was not drawn) are left out.
pub(super) fn percentile(value: f64, replicates: impl Iterator<Item = f64>) -> Figure {
    percentile_of(value, replicates, 0.05)
}

/// The same with another share of replicates outside of the interval.
pub(super) fn percentile_of(
    value: f64,
    replicates: impl Iterator<Item = f64>,
    outside: f64,
) -> Figure {
    let mut sorted: Vec<f64> = replicates.filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| -> f64 {
        let Some(last) = sorted.len().checked_sub(1) else {
            return value;
        };
        let place = share * last as f64;
        let (below, above) = (
            sorted[place.floor() as usize],
            sorted[place.ceil() as usize],
        );
        below + (above - below) * place.fract()
    };
    Figure {
        value,
        low: at(outside / 2.0),
        high: at(1.0 - outside / 2.0),
        interval: IntervalKind::Bootstrap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 5e-5, "{found} {expected}");
    }

    #[test]
    fn wilsons_interval_has_the_published_values() {
        // Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in
        // Medicine 17, 1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
        for (hits, trials, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let figure = wilson(hits, trials);
            close(figure.low, low);
            close(figure.high, high);
        }
    }

    #[test]
    fn percentiles_leave_out_what_is_not_defined() {
        let replicates = (0..=1000).map(f64::from).chain([f64::NAN]);
        let figure = percentile(500.0, replicates);
        close(figure.low, 25.0);
        close(figure.high, 975.0);
    }
}
