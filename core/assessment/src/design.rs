//! How points are drawn: a simple random sample of the pixels of each stratum.

use serde::{Deserialize, Serialize};

use crate::AreaError;
use geocrop_model::random::SplitMix64;

/// What is known about how points were drawn; `design.json` beside the sheet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// How points got into the sample.
    pub selection: Selection,
    /// The map that is checked.
    pub map: String,
    /// The sha256 of this map, so that its estimates are not taken for those of one made later under the same name.
    pub map_sha256: String,
    /// The classes of the map, in the order of their numbers.
    pub classes: Vec<MapClass>,
    /// The strata, in the order of their numbers.
    pub strata: Vec<Stratum>,
    /// The other map whose classes the strata are; none where they are those of the map itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strata_of: Option<String>,
    /// The area of a pixel in square metres; the map must be on an equal-area grid.
    pub pixel_area_m2: f64,
    /// The seed that drew the points.
    pub seed: u64,
}

/// How points got into a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// A simple random sample of the pixels of each stratum.
    StratifiedRandom,
    /// People chose them.
    Purposive,
}

/// A class of the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapClass {
    /// Its name.
    pub name: String,
    /// Its pixels on the map.
    pub pixels: u64,
}

/// A part of the map from which points were drawn: often a class of the map, but it may be anything
/// that is known for every pixel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stratum {
    /// Its name.
    pub name: String,
    /// Its pixels on the map.
    pub pixels: u64,
    /// The points that were drawn from it.
    pub points: u32,
}

/// What is to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The map that is checked.
    pub map: String,
    /// Its sha256.
    pub map_sha256: String,
    /// Names of its classes.
    pub classes: Vec<String>,
    /// Name of each stratum and how many points to draw from it.
    pub strata: Vec<(String, u32)>,
    /// The other map whose classes they are, if they are not the map's own.
    pub strata_of: Option<String>,
    /// The area of a pixel in square metres.
    pub pixel_area_m2: f64,
    /// The seed.
    pub seed: u64,
}

/// A pixel of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The number of its stratum.
    pub stratum: usize,
    /// The number of its class on the map.
    pub class: usize,
    /// What tells it from all others, and where it lies.
    pub pixel: u64,
}

/// A pixel that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its name on the sheet, which says nothing about its stratum.
    pub id: String,
    /// The pixel.
    pub candidate: Candidate,
}

impl Design {
    /// Reads `design.json`. `sample` names the points in messages; `text` is none where there is no
    /// such file.
    ///
    /// # Errors
    /// When nothing is known about how the points were drawn, or they were not drawn at random.
    pub fn read(sample: &str, text: Option<&str>) -> Result<Self, AreaError> {
        let Some(text) = text else {
            return Err(AreaError::NoDesign {
                sample: sample.to_owned(),
            });
        };
        let design: Self = serde_json::from_str(text)?;
        design.check()?;
        Ok(design)
    }

    pub(crate) fn check(&self) -> Result<(), AreaError> {
        if self.selection == Selection::Purposive {
            return Err(AreaError::Purposive);
        }
        pixel_area(self.pixel_area_m2)?;
        for stratum in &self.strata {
            fits(&stratum.name, stratum.pixels, stratum.points)?;
        }
        Ok(())
    }

    /// Hectares of a pixel.
    pub(crate) fn pixel_ha(&self) -> f64 {
        self.pixel_area_m2 / 10_000.0
    }

    /// Whether the strata are the classes of the map, in the same order.
    pub(crate) fn strata_are_classes(&self) -> bool {
        let strata = self.strata.iter().map(|stratum| &stratum.name);
        // Two maps of a recipe have classes of the same names.
        self.strata_of.is_none() && strata.eq(self.classes.iter().map(|class| &class.name))
    }
}

fn pixel_area(square_metres: f64) -> Result<(), AreaError> {
    if square_metres.is_finite() && square_metres > 0.0 {
        return Ok(());
    }
    Err(AreaError::Value {
        what: "the area of a pixel".to_owned(),
        found: square_metres.to_string(),
        expected: "square metres above 0, 100 for a pixel of 10 m",
    })
}

fn fits(stratum: &str, pixels: u64, points: u32) -> Result<(), AreaError> {
    if points < 2 {
        return Err(AreaError::Value {
            what: format!("the number of points in stratum `{stratum}`"),
            found: points.to_string(),
            expected: "at least 2, without which there is no standard error",
        });
    }
    if pixels < u64::from(points) {
        return Err(AreaError::SmallStratum {
            stratum: stratum.to_owned(),
            pixels,
            points,
        });
    }
    Ok(())
}

/// Draws the points in one pass over all pixels of the map, and counts these on the way. Every set of
/// pixels of a stratum is equally likely (reservoir sampling: Vitter, "Random sampling with a
/// reservoir", ACM Transactions on Mathematical Software 11, 1985, algorithm R). The points come
/// in random order, so that neither order nor id gives their strata away. The same pixels in the
/// same order and the same seed give the same points. Memory is that of the points, not of the map.
///
/// # Errors
/// The first error of `candidates`; when a stratum has fewer pixels than points, or a pixel is of no
/// stratum or class of the plan.
pub fn draw<E: From<AreaError>>(
    plan: &Plan,
    candidates: impl IntoIterator<Item = Result<Candidate, E>>,
) -> Result<(Design, Vec<Point>), E> {
    pixel_area(plan.pixel_area_m2)?;
    let mut random = SplitMix64::new(plan.seed);
    let mut pixels = vec![0_u64; plan.strata.len()];
    let mut of_class = vec![0_u64; plan.classes.len()];
    let mut drawn: Vec<Vec<Candidate>> = vec![Vec::new(); plan.strata.len()];
    for candidate in candidates {
        let candidate = candidate?;
        let unknown = |what, found, known| AreaError::UnknownCandidate {
            pixel: candidate.pixel,
            what,
            found,
            known,
        };
        let stratum = candidate.stratum;
        let Some((_, points)) = plan.strata.get(stratum) else {
            return Err(unknown("stratum", stratum, plan.strata.len()).into());
        };
        let Some(class) = of_class.get_mut(candidate.class) else {
            return Err(unknown("class", candidate.class, plan.classes.len()).into());
        };
        *class += 1;
        pixels[stratum] += 1;
        let reservoir = &mut drawn[stratum];
        if reservoir.len() < *points as usize {
            reservoir.push(candidate);
        } else {
            let place = random.below(pixels[stratum] as usize);
            if let Some(kept) = reservoir.get_mut(place) {
                *kept = candidate;
            }
        }
    }
    let mut strata = Vec::with_capacity(pixels.len());
    for ((name, points), pixels) in plan.strata.iter().zip(pixels) {
        fits(name, pixels, *points)?;
        strata.push(Stratum {
            name: name.clone(),
            pixels,
            points: *points,
        });
    }
    let mut all = drawn.concat();
    random.shuffle(&mut all);
    let width = all.len().to_string().len();
    let points = all.into_iter().zip(1..);
    let points = points.map(|(candidate, number)| Point {
        id: format!("p{number:0width$}"),
        candidate,
    });
    let classes = plan.classes.iter().zip(of_class);
    let design = Design {
        selection: Selection::StratifiedRandom,
        map: plan.map.clone(),
        map_sha256: plan.map_sha256.clone(),
        classes: classes
            .map(|(name, pixels)| MapClass {
                name: name.clone(),
                pixels,
            })
            .collect(),
        strata,
        strata_of: plan.strata_of.clone(),
        pixel_area_m2: plan.pixel_area_m2,
        seed: plan.seed,
    };
    Ok((design, points.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(points: u32, seed: u64) -> Plan {
        Plan {
            map: "cropland/2020".to_owned(),
            map_sha256: "5e1f".to_owned(),
            classes: vec!["other".to_owned(), "crop".to_owned()],
            strata: vec![("other".to_owned(), points), ("crop".to_owned(), points)],
            strata_of: None,
            pixel_area_m2: 100.0,
            seed,
        }
    }

    /// Two thirds of class 0.
    fn pixels(count: u64) -> impl Iterator<Item = Result<Candidate, AreaError>> {
        (0..count).map(|pixel| {
            let class = usize::from(pixel % 3 == 0);
            Ok(Candidate {
                stratum: class,
                class,
                pixel,
            })
        })
    }

    #[test]
    fn every_pixel_of_a_stratum_is_as_likely_as_any_other() {
        let mut counts = [0_u32; 60];
        for seed in 0..3000 {
            for point in draw(&plan(5, seed), pixels(60)).unwrap().1 {
                counts[point.candidate.pixel as usize] += 1;
            }
        }
        for (pixel, count) in counts.into_iter().enumerate() {
            // 5 of 20 pixels of class 1, 5 of 40 of class 0.
            let expected: u32 = if pixel % 3 == 0 { 750 } else { 375 };
            let bound = 4.0 * f64::from(expected).sqrt();
            assert!(
                f64::from(count.abs_diff(expected)) < bound,
                "pixel {pixel}: {count}"
            );
        }
    }

    #[test]
    fn a_draw_counts_the_map_and_can_be_repeated() {
        let (design, points) = draw(&plan(4, 8), pixels(300)).unwrap();
        assert_eq!(design.strata[0].pixels, 200);
        assert_eq!(design.classes[1].pixels, 100);
        assert_eq!(points.len(), 8);
        assert_eq!(points[0].id, "p1");
        assert_eq!(draw(&plan(4, 8), pixels(300)).unwrap().1, points);
        assert_ne!(draw(&plan(4, 9), pixels(300)).unwrap().1, points);

        let text = serde_json::to_string(&design).unwrap();
        assert_eq!(Design::read("points", Some(&text)).unwrap(), design);
    }

    #[test]
    fn the_order_of_points_does_not_give_strata_away() {
        let (_, points) = draw(&plan(50, 1), pixels(3000)).unwrap();
        let first = points[..50].iter();
        let of_crop = first.filter(|point| point.candidate.class == 1).count();
        // 25 expected, standard deviation 2.5.
        assert!((14..=36).contains(&of_crop), "{of_crop}");
    }

    #[test]
    fn points_without_a_probability_design_are_refused_with_the_reason() {
        let error = Design::read("training.csv", None).unwrap_err().to_string();
        assert!(
            error.contains("training.csv") && error.contains("drawn at random"),
            "{error}"
        );
        let (mut design, _) = draw(&plan(4, 8), pixels(300)).unwrap();
        design.selection = Selection::Purposive;
        let text = serde_json::to_string(&design).unwrap();
        let error = Design::read("points", Some(&text)).unwrap_err();
        assert!(matches!(error, AreaError::Purposive), "{error}");
    }

    #[test]
    fn a_plan_that_does_not_fit_the_map_is_refused() {
        let error = draw(&plan(30, 1), pixels(60)).unwrap_err().to_string();
        assert!(error.contains("`crop` has 20 pixels, fewer"), "{error}");
        let stray = Candidate {
            stratum: 2,
            class: 0,
            pixel: 77,
        };
        let error = draw(&plan(2, 1), pixels(60).chain([Ok(stray)])).unwrap_err();
        assert!(
            error.to_string().contains("pixel 77 is of stratum 2"),
            "{error}"
        );
        let error = draw(&plan(1, 1), pixels(60)).unwrap_err().to_string();
        assert!(error.contains("at least 2"), "{error}");
    }
}
