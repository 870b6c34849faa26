//! The estimators: shares of a map with standard errors, from counts of points.

use serde::{Deserialize, Serialize};

use crate::AreaError;

/// The deviate of a 95 % interval, as in Olofsson et al. 2014.
const Z: f64 = 1.96;

/// A figure of the whole map and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
}

impl Estimate {
    /// Half of the width of the 95 % interval.
    pub fn half_width(&self) -> f64 {
        Z * self.se
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            se: self.se * factor,
        }
    }
}

/// The labelled points of a stratum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StratumCounts {
    /// Its name.
    pub name: String,
    /// Its pixels on the map.
    pub pixels: u64,
    /// Points by class on the map and in the reference, `[map][reference]`.
    pub counts: Vec<Vec<u32>>,
}

/// Shares of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// The share of the map that is right.
    pub overall: Estimate,
    /// Each class.
    pub classes: Vec<OfClass>,
    /// Shares of the area, `[map][reference]`.
    pub matrix: Vec<Vec<f64>>,
}

/// Shares of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OfClass {
    /// Its share of the map's area by the reference.
    pub share: Estimate,
    /// Its user's accuracy.
    pub users: Option<Estimate>,
    /// Its producer's accuracy.
    pub producers: Option<Estimate>,
}

/// The estimators of Olofsson et al. 2014 (equations 1 to 11) for strata that are the map classes.
/// `matrix` has for each class its pixels on the map and how many of its points are of each
/// reference class.
///
/// They are [`stehman`]'s for these strata, without the factor for finite populations, which the
/// paper leaves out: maps have far more pixels than points.
///
/// # Errors
/// When a class has fewer than two points.
pub fn olofsson(classes: &[String], matrix: &[(u64, Vec<u32>)]) -> Result<Shares, AreaError> {
    let stratum = |(class, (pixels, row)): (usize, &(u64, Vec<u32>))| {
        let mut counts = vec![vec![0; row.len()]; row.len()];
        counts[class].clone_from(row);
        StratumCounts {
            name: classes[class].clone(),
            pixels: *pixels,
            counts,
        }
    };
    let strata: Vec<StratumCounts> = matrix.iter().enumerate().map(stratum).collect();
    Sample::new(&strata, false)?.shares()
}

/// The estimators of Stehman 2014 (equations 2, 3, 25, 27 and 28): everything is a mean, or a ratio
/// of means, of indicators over the strata, whatever the strata are.
///
/// # Errors
/// When a stratum has fewer than two points.
pub fn stehman(strata: &[StratumCounts]) -> Result<Shares, AreaError> {
    Sample::new(strata, true)?.shares()
}

struct Sample<'s> {
    strata: &'s [StratumCounts],
    classes: usize,
    /// Whether a stratum of which all pixels were checked has no error.
    finite: bool,
}

impl<'s> Sample<'s> {
    fn new(strata: &'s [StratumCounts], finite: bool) -> Result<Self, AreaError> {
        for stratum in strata {
            let found = stratum.counts.iter().flatten().sum();
            if found < 2 {
                return Err(AreaError::TooFewPoints {
                    stratum: stratum.name.clone(),
                    found,
                });
            }
        }
        Ok(Self {
            strata,
            classes: strata.first().map_or(0, |stratum| stratum.counts.len()),
            finite,
        })
    }

    fn shares(&self) -> Result<Shares, AreaError> {
        let all = |_: usize, _: usize| true;
        let nothing = || AreaError::Value {
            what: "the number of strata".to_owned(),
            found: self.strata.len().to_string(),
            expected: "at least 1",
        };
        let share = |of: &dyn Fn(usize, usize) -> bool| self.ratio(of, &all).ok_or_else(nothing);
        let mut classes = Vec::with_capacity(self.classes);
        for class in 0..self.classes {
            let right = |map, reference| map == class && reference == class;
            classes.push(OfClass {
                share: share(&|_, reference| reference == class)?,
                users: self.ratio(&right, &|map, _| map == class),
                producers: self.ratio(&right, &|_, reference| reference == class),
            });
        }
        let mut matrix = vec![vec![0.0; self.classes]; self.classes];
        for (i, row) in matrix.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = share(&|map, reference| map == i && reference == j)?.value;
            }
        }
        Ok(Shares {
            overall: share(&|map, reference| map == reference)?,
            classes,
            matrix,
        })
    }

    /// The pixels with `y` over the pixels with `x`, where `y` implies `x`; none if no point has
    /// `x`. Both say of a pixel's class on the map and in the reference whether it counts.
    fn ratio(
        &self,
        y: &dyn Fn(usize, usize) -> bool,
        x: &dyn Fn(usize, usize) -> bool,
    ) -> Option<Estimate> {
        let (mut pixels_y, mut pixels_x) = (0.0, 0.0);
        let mut means = Vec::with_capacity(self.strata.len());
        for stratum in self.strata {
            let (mut n, mut with_y, mut with_x) = (0.0, 0.0, 0.0);
            for (map, row) in stratum.counts.iter().enumerate() {
                for (reference, count) in row.iter().enumerate() {
                    let count = f64::from(*count);
                    n += count;
                    with_y += count * f64::from(y(map, reference));
                    with_x += count * f64::from(x(map, reference));
                }
            }
            let pixels = stratum.pixels as f64;
            let (y, x) = (with_y / n, with_x / n);
            pixels_y += pixels * y;
            pixels_x += pixels * x;
            means.push((pixels, n, y, x));
        }
        if pixels_x == 0.0 {
            return None;
        }
        let value = pixels_y / pixels_x;
        let variance: f64 = means
            .into_iter()
            .map(|(pixels, n, y, x)| {
                // Of indicators: the variance is p (1 - p) n / (n - 1), and because y implies x their
                // product is y.
                let unbiased = n / (n - 1.0);
                let (var_y, var_x) = (y * (1.0 - y) * unbiased, x * (1.0 - x) * unbiased);
                let covariance = y * (1.0 - x) * unbiased;
                let of_ratio = var_y + value * value * var_x - 2.0 * value * covariance;
                let left = if self.finite { 1.0 - n / pixels } else { 1.0 };
                pixels * pixels * left * of_ratio / n
            })
            .sum();
        Some(Estimate {
            value,
            // Rounding may leave less than nothing where there is no spread.
            se: variance.max(0.0).sqrt() / pixels_x,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} {expected}");
    }

    /// Table 8 of Olofsson et al. 2014: pixels of 30 m and points of each class.
    fn paper() -> Shares {
        let names = [
            "deforestation",
            "forest gain",
            "stable forest",
            "stable non-forest",
        ];
        olofsson(
            &names.map(str::to_owned),
            &[
                (200_000, vec![66, 0, 5, 4]),
                (150_000, vec![0, 55, 8, 12]),
                (3_200_000, vec![1, 0, 153, 11]),
                (6_450_000, vec![2, 1, 9, 313]),
            ],
        )
        .unwrap()
    }

    #[test]
    fn areas_are_those_of_the_worked_example_of_olofsson_2014() {
        // Section 5.2, hectares and half-widths of the 95 % intervals. 10,000,000 pixels of 0.09 ha.
        let published = [
            (21_158.0, 6_158.0),
            (11_686.0, 3_756.0),
            (285_770.0, 15_510.0),
            (581_386.0, 16_282.0),
        ];
        for (class, (area, half_width)) in paper().classes.iter().zip(published) {
            let found = class.share.times(900_000.0);
            near(found.value, area, 0.5);
            near(found.half_width(), half_width, 0.6);
        }
    }

    #[test]
    fn accuracies_are_those_of_the_worked_example_of_olofsson_2014() {
        let shares = paper();
        near(shares.overall.value, 0.95, 0.005);
        near(shares.overall.half_width(), 0.02, 0.005);
        let users = [(0.88, 0.07), (0.73, 0.10), (0.93, 0.04), (0.96, 0.02)];
        for (class, (value, half_width)) in shares.classes.iter().zip(users) {
            near(class.users.unwrap().value, value, 0.005);
            near(class.users.unwrap().half_width(), half_width, 0.005);
        }
        // The paper prints 0.23 and 0.01 as half-widths of the second and the fourth, where its own
        // equation 7 gives 0.25 and 0.02.
        let producers = [(0.75, 0.21), (0.85, 0.25), (0.93, 0.03), (0.96, 0.02)];
        for (class, (value, half_width)) in shares.classes.iter().zip(producers) {
            near(class.producers.unwrap().value, value, 0.005);
            near(class.producers.unwrap().half_width(), half_width, 0.005);
        }
    }

    /// Table 2 of Stehman 2014: 40 points in four strata, which are not the map classes.
    fn strata() -> Vec<StratumCounts> {
        let counts = [
            [[5, 1, 1, 0], [1, 1, 1, 0], [0; 4], [0; 4]],
            [[1, 0, 0, 0], [2, 7, 0, 0], [0; 4], [0; 4]],
            [[0; 4], [1, 1, 2, 0], [0, 1, 3, 2], [0; 4]],
            [[0; 4], [0; 4], [0; 4], [0, 1, 2, 7]],
        ];
        let strata = ["1", "2", "3", "4"].into_iter().zip(counts);
        strata
            .zip([40_000, 30_000, 20_000, 10_000])
            .map(|((name, counts), pixels)| StratumCounts {
                name: name.to_owned(),
                pixels,
                counts: counts.map(|row| row.to_vec()).to_vec(),
            })
            .collect()
    }

    #[test]
    fn the_worked_example_of_stehman_2014() {
        // Pages 4932 to 4936.
        let shares = stehman(&strata()).unwrap();
        near(shares.classes[0].share.value, 0.35, 1e-9);
        near(shares.classes[0].share.se, 0.082, 5e-4);
        near(shares.classes[2].share.value, 0.20, 1e-9);
        near(shares.classes[2].share.se, 0.064, 5e-4);
        near(shares.overall.value, 0.63, 1e-9);
        near(shares.overall.se, 0.085, 5e-4);
        let users = shares.classes[1].users.unwrap();
        near(users.value, 0.574, 5e-4);
        near(users.se, 0.125, 5e-4);
        let producers = shares.classes[1].producers.unwrap();
        near(producers.value, 0.794, 5e-4);
        // The paper prints 0.114: it takes the spread of class B in stratum 4 as 0, where its own
        // table 3 has 0.1. With 0.1 it is this.
        near(producers.se, 0.117, 5e-4);
        near(shares.matrix[1][2], 0.08, 1e-9);
    }

    #[test]
    fn shares_add_up_to_the_whole_map() {
        for shares in [paper(), stehman(&strata()).unwrap()] {
            near(shares.matrix.iter().flatten().sum(), 1.0, 1e-12);
            near(
                shares.classes.iter().map(|class| class.share.value).sum(),
                1.0,
                1e-12,
            );
            let diagonal = (0..4).map(|class| shares.matrix[class][class]).sum();
            near(shares.overall.value, diagonal, 1e-12);
        }
    }

    #[test]
    fn a_class_that_no_point_has_is_said_to_be_unknown() {
        let names = ["a", "b"].map(str::to_owned);
        let shares = olofsson(&names, &[(100, vec![5, 0]), (100, vec![5, 0])]).unwrap();
        assert_eq!(shares.classes[1].producers, None);
        near(shares.classes[1].share.value, 0.0, 0.0);
        let error = olofsson(&names, &[(100, vec![5, 0]), (100, vec![1, 0])]).unwrap_err();
        assert!(
            error.to_string().contains("`b` has 1 labelled points"),
            "{error}"
        );
    }
}
