//! How many points to check, and where.

use serde::{Deserialize, Serialize};

use crate::AreaError;

/// What is expected of a stratum before any point is labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Its pixels on the map.
    pub pixels: u64,
    /// The share of it that the map probably gets right, above 0 and below 1; from cross-validation
    /// or an earlier map.
    pub users_accuracy: f64,
}

/// How points are shared out among strata: the ways that section 5.1 of Olofsson et al. 2014
/// discusses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// The same for all: good for the user's accuracy of rare classes, poor for areas.
    Equal,
    /// By area: good for areas and overall accuracy, few points in rare classes.
    Proportional,
    /// By area times expected spread: the least standard error of the overall accuracy (Cochran,
    /// Sampling Techniques, 1977, section 5.5).
    Neyman,
    /// This many for every stratum that would get fewer by area, the rest by area: the paper's
    /// recommendation, with 50 to 100 points.
    RareFirst(u32),
}

/// How many points each stratum gets and what may be expected of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Points of each stratum.
    pub points: Vec<u32>,
    /// Their sum.
    pub total: u32,
    /// The standard error of the overall accuracy to expect.
    pub overall_se: f64,
    /// The standard error of any class's area, as a share of the map, to expect at the most: as if whatever is
    /// wrong in a stratum were of this one class.
    pub area_se: f64,
    /// The standard error of each stratum's user's accuracy to expect.
    pub users_se: Vec<f64>,
}

/// How many points give the overall accuracy a standard error of `target_se`: equation 13 of
/// Olofsson et al. 2014, for a map that has far more pixels than points.
///
/// # Errors
/// When a stratum is empty, an accuracy not between 0 and 1, or the target not between 0 and 0.5.
pub fn sample_size(strata: &[Expected], target_se: f64) -> Result<u32, AreaError> {
    check(strata)?;
    if !(target_se > 0.0 && target_se < 0.5) {
        return Err(AreaError::Value {
            what: "the target standard error".to_owned(),
            found: target_se.to_string(),
            expected: "above 0 and below 0.5, like 0.01",
        });
    }
    let sum: f64 = weights(strata)
        .iter()
        .zip(strata)
        .map(|(weight, stratum)| weight * spread(stratum))
        .sum();
    Ok((sum / target_se).powi(2).ceil() as u32)
}

/// Shares `total` points out among the strata. Every stratum gets at least two, without which it has
/// no standard error, and at most its pixels; the sum may therefore differ from `total`.
///
/// # Errors
/// As [`sample_size`]; also when a stratum has fewer than two pixels.
pub fn propose(
    strata: &[Expected],
    total: u32,
    allocation: Allocation,
) -> Result<Proposal, AreaError> {
    check(strata)?;
    let weights = weights(strata);
    let shares: Vec<f64> = match allocation {
        Allocation::Equal => vec![1.0; strata.len()],
        Allocation::Proportional => weights.clone(),
        Allocation::Neyman => weights
            .iter()
            .zip(strata)
            .map(|(weight, stratum)| weight * spread(stratum))
            .collect(),
        Allocation::RareFirst(least) => rare_first(&weights, total, least),
    };
    let points: Vec<u32> = apportion(&shares, total)
        .into_iter()
        .zip(strata)
        .map(|(points, stratum)| {
            let pixels = u32::try_from(stratum.pixels).unwrap_or(u32::MAX);
            points.max(2).min(pixels)
        })
        .collect();
    // As equations 5 and 6 will estimate them, with the expected accuracies in place of the found.
    let variance: Vec<f64> = points
        .iter()
        .zip(strata)
        .map(|(points, stratum)| spread(stratum).powi(2) / (f64::from(*points) - 1.0))
        .collect();
    // A class has the share `users_accuracy` of its own stratum, and at most the rest of another: the
    // spread of that is largest at one half.
    let of_class: Vec<f64> = points
        .iter()
        .zip(strata)
        .map(|(points, stratum)| {
            let share = stratum.users_accuracy.max(0.5);
            share * (1.0 - share) / (f64::from(*points) - 1.0)
        })
        .collect();
    Ok(Proposal {
        total: points.iter().sum(),
        points,
        overall_se: se_of_whole(&weights, &variance),
        area_se: se_of_whole(&weights, &of_class),
        users_se: variance.into_iter().map(f64::sqrt).collect(),
    })
}

/// The standard error of a mean over strata with these weights and variances of their own means.
fn se_of_whole(weights: &[f64], variances: &[f64]) -> f64 {
    let parts = weights.iter().zip(variances);
    let sum: f64 = parts
        .map(|(weight, variance)| weight * weight * variance)
        .sum();
    sum.sqrt()
}

/// Shares out as few points as this allocation needs for a standard error of the overall accuracy of at most
/// `target_se`. [`sample_size`] is for Neyman's allocation; others need more.
///
/// # Errors
/// As [`sample_size`] and [`propose`]; also when all pixels of the map would not be enough.
pub fn propose_for_error(
    strata: &[Expected],
    target_se: f64,
    allocation: Allocation,
) -> Result<Proposal, AreaError> {
    let mut total = sample_size(strata, target_se)?;
    loop {
        let proposal = propose(strata, total, allocation)?;
        if proposal.overall_se <= target_se {
            return Ok(proposal);
        }
        let pixels: u64 = strata.iter().map(|stratum| stratum.pixels).sum();
        if u64::from(total) >= pixels {
            return Err(AreaError::Value {
                what: "the target standard error".to_owned(),
                found: target_se.to_string(),
                expected: "more than what all pixels of the map would give; ask for a larger one",
            });
        }
        total = total.saturating_add(1 + total / 200);
    }
}

/// Shares for which every stratum that area alone would give fewer than `least` points gets `least`.
fn rare_first(weights: &[f64], total: u32, least: u32) -> Vec<f64> {
    let (total, least) = (f64::from(total), f64::from(least));
    let mut rare = vec![false; weights.len()];
    loop {
        let count = rare.iter().filter(|rare| **rare).count() as f64;
        let left = (total - count * least).max(0.0);
        let area: f64 = weights
            .iter()
            .zip(&rare)
            .filter(|(_, rare)| !**rare)
            .map(|(weight, _)| weight)
            .sum();
        let shares: Vec<f64> = weights
            .iter()
            .zip(&rare)
            .map(|(weight, rare)| if *rare { least } else { left * weight / area })
            .collect();
        // What a rare stratum takes may make another one fall short.
        let short = shares.iter().position(|share| *share < least);
        match short {
            Some(stratum) => rare[stratum] = true,
            None => return shares,
        }
    }
}

/// Whole numbers in proportion to `shares` with the sum `total`: the largest remainders round up.
fn apportion(shares: &[f64], total: u32) -> Vec<u32> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares
        .iter()
        .map(|share| share / sum * f64::from(total))
        .collect();
    let mut points: Vec<u32> = exact.iter().map(|exact| exact.floor() as u32).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let missing = total.saturating_sub(points.iter().sum());
    for stratum in order.into_iter().take(missing as usize) {
        points[stratum] += 1;
    }
    points
}

fn weights(strata: &[Expected]) -> Vec<f64> {
    let all: u64 = strata.iter().map(|stratum| stratum.pixels).sum();
    strata
        .iter()
        .map(|stratum| stratum.pixels as f64 / all as f64)
        .collect()
}

/// The standard deviation of right and wrong in a stratum.
fn spread(stratum: &Expected) -> f64 {
    (stratum.users_accuracy * (1.0 - stratum.users_accuracy)).sqrt()
}

fn check(strata: &[Expected]) -> Result<(), AreaError> {
    if strata.is_empty() {
        return Err(AreaError::Value {
            what: "the number of strata".to_owned(),
            found: "0".to_owned(),
            expected: "at least 1",
        });
    }
    for stratum in strata {
        let name = &stratum.name;
        if stratum.pixels < 2 {
            return Err(AreaError::Value {
                what: format!("the number of pixels of stratum `{name}`"),
                found: stratum.pixels.to_string(),
                expected: "at least 2; leave out strata that are not on the map",
            });
        }
        if !(stratum.users_accuracy > 0.0 && stratum.users_accuracy < 1.0) {
            return Err(AreaError::Value {
                what: format!("the expected accuracy of stratum `{name}`"),
                found: stratum.users_accuracy.to_string(),
                expected: "above 0 and below 1",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 5 of Olofsson et al. 2014.
    fn paper() -> Vec<Expected> {
        [
            ("deforestation", 200_000, 0.7),
            ("forest gain", 150_000, 0.6),
            ("stable forest", 3_200_000, 0.9),
            ("stable non-forest", 6_450_000, 0.95),
        ]
        .map(|(name, pixels, users_accuracy)| Expected {
            name: name.to_owned(),
            pixels,
            users_accuracy,
        })
        .to_vec()
    }

    #[test]
    fn the_papers_example_needs_641_points() {
        assert_eq!(sample_size(&paper(), 0.01).unwrap(), 641);
    }

    #[test]
    fn points_are_shared_out_as_in_the_papers_example() {
        let points = |allocation| propose(&paper(), 641, allocation).unwrap().points;
        // Table 5 has 160 for each, which is one point short of 641.
        assert_eq!(points(Allocation::Equal), [161, 160, 160, 160]);
        assert_eq!(points(Allocation::Proportional), [13, 10, 205, 413]);
        // The paper's words are 100 for each class of change, the rest by area, which is this; its
        // table says 149 and 292.
        assert_eq!(points(Allocation::RareFirst(100)), [100, 100, 146, 295]);
    }

    #[test]
    fn neymans_allocation_has_the_least_standard_error_and_meets_the_target() {
        let se = |allocation| propose(&paper(), 641, allocation).unwrap().overall_se;
        let least = se(Allocation::Neyman);
        for other in [
            Allocation::Equal,
            Allocation::Proportional,
            Allocation::RareFirst(100),
        ] {
            assert!(least < se(other), "{other:?}");
        }
        assert!((least - 0.01).abs() < 2e-4, "{least}");
    }

    #[test]
    fn an_allocation_for_rare_classes_needs_more_points_for_the_same_error() {
        let rare = propose_for_error(&paper(), 0.01, Allocation::RareFirst(100)).unwrap();
        assert!(rare.overall_se <= 0.01, "{}", rare.overall_se);
        assert!((642..800).contains(&rare.total), "{}", rare.total);
        // Every class is expected to be right more often than not.
        assert!((rare.area_se - rare.overall_se).abs() < 1e-12);
        let mut strata = paper();
        strata[1].users_accuracy = 0.2;
        let poor = propose(&strata, 641, Allocation::Equal).unwrap();
        assert!(poor.area_se > poor.overall_se);
        for stratum in &mut strata {
            stratum.pixels = 50;
        }
        let error = propose_for_error(&strata, 0.001, Allocation::Proportional).unwrap_err();
        assert!(error.to_string().contains("all pixels"), "{error}");
    }

    #[test]
    fn a_rare_class_gets_enough_points_for_its_accuracy() {
        let by_area = propose(&paper(), 641, Allocation::Proportional).unwrap();
        let rare_first = propose(&paper(), 641, Allocation::RareFirst(75)).unwrap();
        assert!(by_area.users_se[1] > 0.16, "{:?}", by_area.users_se);
        assert!(rare_first.users_se[1] < 0.06, "{:?}", rare_first.users_se);
        assert_eq!(rare_first.total, 641);
    }

    #[test]
    fn every_stratum_gets_two_points_and_none_more_than_it_has_pixels() {
        let mut strata = paper();
        strata[0].pixels = 3;
        let by_area = propose(&strata, 50, Allocation::Proportional).unwrap();
        assert_eq!(by_area.points[0], 2);
        let equal = propose(&strata, 400, Allocation::Equal).unwrap();
        assert_eq!(equal.points, [3, 100, 100, 100]);
        // More for the rare than there is: all get the same.
        let poor = propose(&paper(), 40, Allocation::RareFirst(50)).unwrap();
        assert_eq!(poor.points, [10, 10, 10, 10]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let error = sample_size(&paper(), 0.0).unwrap_err().to_string();
        assert!(error.contains("target standard error is 0"), "{error}");
        let mut strata = paper();
        strata[2].users_accuracy = 1.0;
        let error = propose(&strata, 100, Allocation::Equal).unwrap_err();
        assert!(
            error.to_string().contains("`stable forest` is 1"),
            "{error}"
        );
        assert!(propose(&[], 100, Allocation::Equal).is_err());
    }
}
