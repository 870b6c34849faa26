//! What points say of another map than the one that they were drawn from.

use crate::labels::class_named;
use crate::{AreaError, Design, Labelled, MapClass, Unit};

/// How many pixels of a hundred another map may have more or fewer than the one that the points stand for: clouds come and go
/// at its edges.
const PERCENT: u64 = 1;

/// A map of the same land, made again or by other means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnotherMap {
    /// Its name.
    pub map: String,
    /// Its sha256.
    pub map_sha256: String,
    /// Its classes, in the order of their numbers.
    pub classes: Vec<MapClass>,
    /// Its class at each labelled point, in their order; none where it has none.
    pub at: Vec<Option<usize>>,
}

impl AnotherMap {
    /// The sample as one of this map. Its points are as random as they were, and were labelled blind to this map as well;
    /// but their strata are those of the map they were drawn from, so that [`crate::stehman`] is what estimates.
    ///
    /// A map whose model learnt from these labels is not to be judged by them: nothing here can see that.
    ///
    /// # Errors
    /// When the map does not cover the land that the points were drawn from, or has no class for some of the labels.
    ///
    /// # Panics
    /// When there are not as many classes at points as points.
    pub fn sample(
        &self,
        design: &Design,
        labelled: &Labelled,
    ) -> Result<(Design, Labelled), AreaError> {
        assert_eq!(self.at.len(), labelled.units.len(), "a class at each point");
        let found: u64 = self.classes.iter().map(|class| class.pixels).sum();
        let drawn: u64 = design.strata.iter().map(|stratum| stratum.pixels).sum();
        let missing = self.at.iter().filter(|class| class.is_none()).count();
        if missing > 0 || found.abs_diff(drawn) * 100 > drawn * PERCENT {
            return Err(AreaError::OtherLand {
                map: self.map.clone(),
                pixels: found,
                drawn,
                missing,
                points: self.at.len(),
            });
        }
        let mut units = Vec::with_capacity(labelled.units.len());
        for (unit, map) in labelled.units.iter().zip(self.at.iter().flatten()) {
            let name = &design.classes[unit.reference].name;
            let reference =
                class_named(&self.classes, name).ok_or_else(|| AreaError::OtherClasses {
                    map: self.map.clone(),
                    found: names(&self.classes),
                    labels: names(&design.classes),
                })?;
            units.push(Unit {
                map: *map,
                reference,
                ..*unit
            });
        }
        let of = design.strata_of.as_ref().unwrap_or(&design.map);
        let design = Design {
            map: self.map.clone(),
            map_sha256: self.map_sha256.clone(),
            classes: self.classes.clone(),
            strata_of: Some(of.clone()),
            ..design.clone()
        };
        let labelled = Labelled {
            units,
            unlabelled: labelled.unlabelled,
        };
        Ok((design, labelled))
    }
}

fn names(classes: &[MapClass]) -> String {
    let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Candidate, Estimator, Plan, draw, estimate};

    fn class(name: &str, pixels: u64) -> MapClass {
        MapClass {
            name: name.to_owned(),
            pixels,
        }
    }

    /// Points of 3,000 pixels of which every third is a crop, each with its number and its true label.
    fn sample() -> (Design, Labelled, Vec<u64>) {
        let plan = Plan {
            map: "cropland/2020".to_owned(),
            map_sha256: "5e1f".to_owned(),
            classes: vec!["other".to_owned(), "crop".to_owned()],
            strata: vec![("other".to_owned(), 80), ("crop".to_owned(), 40)],
            strata_of: None,
            pixel_area_m2: 10_000.0,
            seed: 6,
        };
        let pixels = (0..3000).map(|pixel: u64| {
            let class = usize::from(pixel.is_multiple_of(3));
            Ok::<_, AreaError>(Candidate {
                stratum: class,
                class,
                pixel,
            })
        });
        let (design, points) = draw(&plan, pixels).unwrap();
        let unit = |candidate: Candidate| Unit {
            stratum: candidate.stratum,
            map: candidate.class,
            reference: usize::from(candidate.pixel.is_multiple_of(2)),
        };
        let numbers = points.iter().map(|point| point.candidate.pixel).collect();
        let labelled = Labelled {
            units: points.iter().map(|point| unit(point.candidate)).collect(),
            unlabelled: 0,
        };
        (design, labelled, numbers)
    }

    /// A map that is right everywhere, with its classes the other way round.
    fn right(numbers: &[u64]) -> AnotherMap {
        AnotherMap {
            map: "cropland/2021".to_owned(),
            map_sha256: "77".to_owned(),
            classes: vec![class("Crop", 1500), class("other", 1500)],
            at: numbers.iter().map(|n| Some((n % 2) as usize)).collect(),
        }
    }

    #[test]
    fn a_map_made_again_is_judged_by_the_points_of_the_first_one() {
        let (design, labelled, numbers) = sample();
        let first = estimate(&design, &labelled).unwrap();
        let (design, labelled) = right(&numbers).sample(&design, &labelled).unwrap();
        assert_eq!(design.strata_of.as_deref(), Some("cropland/2020"));
        let found = estimate(&design, &labelled).unwrap();
        assert_eq!(found.map, "cropland/2021");
        assert_eq!(found.estimator, Estimator::Stehman2014);
        assert!((found.overall_accuracy.value - 1.0).abs() < 1e-12);
        assert!(first.overall_accuracy.value < 0.7);
        // What is true on the ground does not depend on the map that is judged.
        let (crop, before) = (&found.classes[0], &first.classes[1]);
        assert!((crop.area_ha.value - before.area_ha.value).abs() < 1e-9);
        assert!((crop.mapped_ha - 1500.0).abs() < 1e-9);
    }

    #[test]
    fn a_map_of_other_land_or_other_classes_is_refused() {
        let (design, labelled, numbers) = sample();
        let refused =
            |other: &AnotherMap| other.sample(&design, &labelled).unwrap_err().to_string();
        let mut other = right(&numbers);
        other.at[7] = None;
        let error = refused(&other);
        assert!(error.contains("no class at 1 of 120 points"), "{error}");
        let mut other = right(&numbers);
        other.classes[0].pixels = 1531;
        assert!(
            refused(&other).contains("3031 pixels"),
            "{}",
            refused(&other)
        );
        other.classes[0].pixels = 1530;
        other.sample(&design, &labelled).unwrap();
        other.classes[0].name = "maize".to_owned();
        let error = refused(&other);
        assert!(error.contains("the classes maize, other"), "{error}");
    }
}
