//! Making probabilities true: of the pixels that are given 70 %, 70 % shall be fields.

use serde::{Deserialize, Serialize};

/// A correction of predicted probabilities, fitted on samples that the members had not seen. One part for the probability
/// of class 1 of two; else one for each class, and the corrected ones are brought to a sum of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// A line through the log-odds: Platt, "Probabilistic outputs for support vector machines" (1999).
    Platt {
        /// One for each output.
        lines: Vec<Line>,
    },
    /// A rising curve: Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability estimates"
    /// (KDD 2002).
    Isotonic {
        /// One for each output.
        curves: Vec<Curve>,
    },
}

/// New log-odds are `slope` times the old ones plus `intercept`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Above 0: order stays.
    pub slope: f64,
    /// What is added.
    pub intercept: f64,
}

/// Straight from knot to knot, level before the first and after the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Predicted probabilities, rising.
    pub from: Vec<f32>,
    /// What they become, not falling.
    pub to: Vec<f32>,
}

/// Why a calibration is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Too many or too few parts.
    #[error("its calibration has {found} parts, expected {expected}: one for each output")]
    Parts {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A line that falls, or is none.
    #[error(
        "the line {part} of its calibration has slope {slope} and intercept {intercept}, expected finite numbers and a slope above 0"
    )]
    Line {
        /// The line's place.
        part: usize,
        /// Its slope.
        slope: f64,
        /// Its intercept.
        intercept: f64,
    },
    /// A curve that falls, or is none.
    #[error(
        "the curve {part} of its calibration has {from} and {to} knots, expected as many of both, at least one, between 0 and 1, rising on the left and not falling on the right"
    )]
    Curve {
        /// The curve's place.
        part: usize,
        /// Its knots on the left.
        from: usize,
        /// Its knots on the right.
        to: usize,
    },
}

impl Calibration {
    /// Checks that this can correct so many outputs.
    pub(super) fn check(&self, outputs: usize) -> Result<(), CalibrationError> {
        let parts = match self {
            Self::Platt { lines } => lines.len(),
            Self::Isotonic { curves } => curves.len(),
        };
        if parts != outputs {
            return Err(CalibrationError::Parts {
                found: parts,
                expected: outputs,
            });
        }
        match self {
            Self::Platt { lines } => lines.iter().enumerate().try_for_each(|(part, line)| {
                let Line { slope, intercept } = *line;
                let sound = slope.is_finite() && slope > 0.0 && intercept.is_finite();
                sound.then_some(()).ok_or(CalibrationError::Line {
                    part,
                    slope,
                    intercept,
                })
            }),
            Self::Isotonic { curves } => curves.iter().enumerate().try_for_each(|(part, curve)| {
                let (from, to) = (curve.from.len(), curve.to.len());
                let wrong = CalibrationError::Curve { part, from, to };
                curve.is_sound().then_some(()).ok_or(wrong)
            }),
        }
    }

    /// Corrects the probabilities of one row.
    pub fn apply(&self, row: &mut [f32]) {
        match self {
            Self::Platt { lines } => {
                for (value, line) in row.iter_mut().zip(lines) {
                    *value = line.at(*value);
                }
            }
            Self::Isotonic { curves } => {
                for (value, curve) in row.iter_mut().zip(curves) {
                    *value = curve.at(*value);
                }
            }
        }
        let classes = row.len();
        if classes > 1 {
            let sum: f32 = row.iter().sum();
            for value in row {
                // Every class may have been corrected to nothing.
                *value = if sum > 0.0 {
                    *value / sum
                } else {
                    1.0 / classes as f32
                };
            }
        }
    }
}

impl Line {
    fn at(self, probability: f32) -> f32 {
        // Nothing is certain: the log-odds of 0 and 1 are infinite.
        let p = f64::from(probability).clamp(1e-9, 1.0 - 1e-9);
        let odds = self.slope * (p / (1.0 - p)).ln() + self.intercept;
        (1.0 / (1.0 + (-odds).exp())) as f32
    }
}

impl Curve {
    fn is_sound(&self) -> bool {
        let inside = |values: &[f32]| values.iter().all(|v| (0.0..=1.0).contains(v));
        !self.from.is_empty()
            && self.from.len() == self.to.len()
            && inside(&self.from)
            && inside(&self.to)
            && self.from.windows(2).all(|pair| pair[0] < pair[1])
            && self.to.windows(2).all(|pair| pair[0] <= pair[1])
    }

    fn at(&self, probability: f32) -> f32 {
        let right = self.from.partition_point(|knot| *knot <= probability);
        if right == 0 {
            return self.to[0];
        }
        let left = right - 1;
        let Some(end) = self.from.get(right) else {
            return self.to[left];
        };
        let share = (probability - self.from[left]) / (end - self.from[left]);
        self.to[left] + share * (self.to[right] - self.to[left])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(from: &[f32], to: &[f32]) -> Curve {
        Curve {
            from: from.to_vec(),
            to: to.to_vec(),
        }
    }

    #[test]
    fn a_curve_is_straight_between_its_knots_and_level_outside() {
        let curve = curve(&[0.2, 0.4, 0.8], &[0.1, 0.3, 0.9]);
        for (p, expected) in [
            (0.0, 0.1),
            (0.2, 0.1),
            (0.3, 0.2),
            (0.4, 0.3),
            (0.6, 0.6),
            (1.0, 0.9),
        ] {
            assert!(
                (curve.at(p) - expected).abs() < 1e-6,
                "{p}: {}",
                curve.at(p)
            );
        }
    }

    #[test]
    fn a_line_of_slope_one_through_zero_changes_nothing() {
        let line = Line {
            slope: 1.0,
            intercept: 0.0,
        };
        for p in [0.001, 0.2, 0.5, 0.9] {
            assert!((line.at(p) - p).abs() < 1e-6);
        }
        // Log-odds of 0.5 are 0: the intercept alone is left, and 1 / (1 + e^-1) = 0.7310586.
        let line = Line {
            slope: 3.0,
            intercept: 1.0,
        };
        assert!((line.at(0.5) - 0.731_058_6).abs() < 1e-6);
        assert!(line.at(0.0) >= 0.0 && line.at(1.0) <= 1.0);
    }

    #[test]
    fn corrected_classes_add_up_to_one_even_if_all_were_corrected_to_nothing() {
        let half = Calibration::Isotonic {
            curves: vec![
                curve(&[0.0, 1.0], &[0.0, 0.5]),
                curve(&[0.0, 1.0], &[0.0, 1.0]),
            ],
        };
        let mut row = [0.5, 0.5];
        half.apply(&mut row);
        assert!((row[0] - 1.0 / 3.0).abs() < 1e-6 && (row[1] - 2.0 / 3.0).abs() < 1e-6);
        let nothing = Calibration::Isotonic {
            curves: vec![curve(&[0.5], &[0.0]); 2],
        };
        nothing.apply(&mut row);
        assert!(row.iter().all(|p| (p - 0.5).abs() < 1e-6), "{row:?}");
    }

    #[test]
    fn what_falls_or_does_not_fit_is_refused() {
        let lines = |slope| Calibration::Platt {
            lines: vec![Line {
                slope,
                intercept: 0.0,
            }],
        };
        assert_eq!(lines(1.0).check(1), Ok(()));
        assert!(matches!(
            lines(1.0).check(3),
            Err(CalibrationError::Parts { .. })
        ));
        assert!(matches!(
            lines(-1.0).check(1),
            Err(CalibrationError::Line { .. })
        ));
        assert!(lines(f64::NAN).check(1).is_err());
        for bad in [
            curve(&[], &[]),
            curve(&[0.1], &[0.1, 0.2]),
            curve(&[0.2, 0.2], &[0.1, 0.2]),
            curve(&[0.1, 0.2], &[0.3, 0.2]),
            curve(&[0.1, 1.2], &[0.1, 0.2]),
            curve(&[f32::NAN], &[0.1]),
        ] {
            let curves = Calibration::Isotonic { curves: vec![bad] };
            assert!(curves.check(1).is_err(), "{curves:?}");
        }
    }
}
