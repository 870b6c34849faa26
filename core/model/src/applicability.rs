//! Where a model may be used: how far a pixel is from everything that the model learnt from.
//!
//! The dissimilarity index of Meyer and Pebesma, "Predicting into unknown space? Estimating the area
//! of applicability of spatial prediction models" (Methods in Ecology and Evolution 12, 2021): the
//! distance to the nearest training sample, in features that are standardised and weighted by
//! their importance, over the mean distance between training samples. Beyond a threshold, which
//! comes from the distances between the folds of the cross-validation, the scores of that
//! cross-validation say nothing.
//!
//! Training samples are represented by at most [`Applicability::MAX_PROTOTYPES`] of them, so that a
//! model file stays small and a map is made in bearable time. The training crate chooses them.

use serde::{Deserialize, Serialize};

/// Pixels that are computed side by side, in vector registers.
const LANES: usize = 16;
/// Features after which it is checked whether a prototype can still be the nearest.
const STRIDE: usize = 4;

/// Why an applicability cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplicabilityError {
    /// Parts of it do not fit each other.
    #[error(
        "the applicability of the model has {found} {what}, expected {expected}; train the model again"
    )]
    Shape {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: String,
    },
    /// A number that makes no sense.
    #[error(
        "the applicability of the model has {what} {found}, expected {expected}; train the model again"
    )]
    Value {
        /// What it is.
        what: &'static str,
        /// Its value.
        found: f64,
        /// What it could be.
        expected: &'static str,
    },
}

/// How far from the training samples a model may be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Applicability {
    stored: Stored,
    /// Features that count, the heaviest first, so that distances grow early.
    order: Vec<usize>,
    /// The prototypes in that order, `[prototypes, order]`.
    rows: Vec<f32>,
    /// For each prototype all of them with their distances from it, the nearest (itself) first.
    neighbours: Vec<Vec<(u16, f32)>>,
}

/// What lies in a model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// What stands for a missing value and is taken off each feature: its mean, `[features]`.
    pub centre: Vec<f32>,
    /// What each feature is multiplied with then: its weight over its standard deviation,
    /// `[features]`; 0 for one that does not count.
    pub scale: Vec<f32>,
    /// Training samples after both steps, row-major `[prototypes, features]`.
    pub prototypes: Vec<f32>,
    /// The mean distance between training samples, above 0.
    pub mean_distance: f64,
    /// The index beyond which the model is not to be trusted, above 0.
    pub threshold: f64,
}

impl Applicability {
    /// The most prototypes that are taken.
    pub const MAX_PROTOTYPES: usize = 1000;

    /// The index beyond which a pixel is outside the area of applicability.
    pub fn threshold(&self) -> f64 {
        self.stored.threshold
    }

    /// How many features a pixel has.
    pub fn features(&self) -> usize {
        self.stored.centre.len()
    }

    /// How many training samples stand for all.
    pub fn prototypes(&self) -> usize {
        self.stored.prototypes.len() / self.features()
    }

    /// The dissimilarity index of each pixel: 0 on a training sample, NaN where every feature that
    /// counts is missing. `planes` holds the features in the order of the model, each as long as
    /// `out`; a missing value is taken for the mean. Compare with [`Self::threshold`].
    ///
    /// # Panics
    /// If there are other planes than features, or one is shorter than `out`.
    pub fn dissimilarity(&self, planes: &[&[f32]], out: &mut [f32]) {
        assert_eq!(planes.len(), self.features(), "one plane for each feature");
        let mut pixels = vec![[0.0_f32; LANES]; self.order.len()];
        let per_distance = (1.0 / self.stored.mean_distance) as f32;
        // Neighbours look alike: what was nearest to the last pixels gives a good first bound.
        let mut last = 0;
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            let start = block * LANES;
            let mut known = [false; LANES];
            for (lanes, feature) in pixels.iter_mut().zip(&self.order) {
                let (centre, scale) = (self.stored.centre[*feature], self.stored.scale[*feature]);
                let plane = &planes[*feature][start..start + out.len()];
                for ((lane, known), value) in lanes.iter_mut().zip(&mut known).zip(plane) {
                    let there = value.is_finite();
                    *known |= there;
                    *lane = if there { (value - centre) * scale } else { 0.0 };
                }
            }
            let (nearest, squared) = self.nearest(&pixels, last);
            last = nearest;
            for ((out, squared), known) in out.iter_mut().zip(squared).zip(known) {
                *out = if known {
                    squared.sqrt() * per_distance
                } else {
                    f32::NAN
                };
            }
        }
    }

    /// The squared distance of each lane to its nearest prototype, and the prototype that is nearest
    /// to the first lane.
    ///
    /// The search goes from `first` to its neighbours and ends where the triangle inequality says
    /// that all others are too far: a prototype `p` is at least as far from a pixel as it is from
    /// `first`, less the distance of the pixel from `first` (Orchard, "A fast nearest-neighbor
    /// search algorithm", ICASSP 1991).
    fn nearest(&self, pixels: &[[f32; LANES]], first: usize) -> (usize, [f32; LANES]) {
        // Room for the rounding of single precision.
        const SLACK: f32 = 1.0 + 1e-4;
        let width = self.order.len();
        let mut best = first;
        let mut least = [f32::INFINITY; LANES];
        let mut from_first = None;
        let mut reach = f32::INFINITY;
        for (at, apart) in &self.neighbours[first] {
            if *apart > reach {
                break;
            }
            let at = usize::from(*at);
            let before = least[0];
            if !closer(&self.rows[at * width..(at + 1) * width], pixels, &mut least) {
                continue;
            }
            if least[0] < before {
                best = at;
            }
            // Only `first` itself, or a copy of it, has been visited when this is made.
            let from_first = from_first.get_or_insert_with(|| least.map(f32::sqrt));
            let reaches = from_first.iter().zip(&least);
            reach = reaches
                .map(|(from_first, least)| (from_first + least.sqrt()) * SLACK)
                .fold(0.0, f32::max);
        }
        (best, least)
    }
}

/// Lowers each lane to its squared distance from a prototype. Gives up as soon as no lane can get
/// lower: distances only grow from feature to feature. Whether any lane got lower.
fn closer(prototype: &[f32], pixels: &[[f32; LANES]], least: &mut [f32; LANES]) -> bool {
    let mut sums = [0.0_f32; LANES];
    for (prototype, pixels) in prototype.chunks(STRIDE).zip(pixels.chunks(STRIDE)) {
        for (prototype, lanes) in prototype.iter().zip(pixels) {
            for (sum, lane) in sums.iter_mut().zip(lanes) {
                let apart = lane - prototype;
                *sum += apart * apart;
            }
        }
        let mut any = false;
        for (sum, least) in sums.iter().zip(&*least) {
            any |= sum < least;
        }
        if !any {
            return false;
        }
    }
    for (sum, least) in sums.iter().zip(least) {
        *least = least.min(*sum);
    }
    true
}

fn neighbours(rows: &[f32], width: usize) -> Vec<Vec<(u16, f32)>> {
    let of = |row: &[f32]| {
        let distance = |other: &[f32]| -> f32 {
            let pairs = row.iter().zip(other);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
        };
        let mut all: Vec<(u16, f32)> = (0..).zip(rows.chunks(width).map(distance)).collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all
    };
    rows.chunks(width).map(of).collect()
}

impl TryFrom<Stored> for Applicability {
    type Error = ApplicabilityError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        check(&stored)?;
        let features = stored.centre.len();
        let mut order: Vec<usize> = (0..features)
            .filter(|feature| stored.scale[*feature] > 0.0)
            .collect();
        // Prototypes are weighted and scaled: the widest feature adds most to a distance.
        let spread = |feature: usize| -> f32 {
            let values = stored.prototypes.iter().skip(feature).step_by(features);
            values.map(|value| value * value).sum()
        };
        order.sort_by(|a, b| spread(*b).total_cmp(&spread(*a)));
        let rows: Vec<f32> = stored
            .prototypes
            .chunks(features)
            .flat_map(|row| order.iter().map(|feature| row[*feature]))
            .collect();
        Ok(Self {
            stored,
            neighbours: neighbours(&rows, order.len()),
            order,
            rows,
        })
    }
}

impl From<Applicability> for Stored {
    fn from(applicability: Applicability) -> Self {
        applicability.stored
    }
}

fn check(stored: &Stored) -> Result<(), ApplicabilityError> {
    let shape = |what, found, expected: String| {
        Err(ApplicabilityError::Shape {
            what,
            found,
            expected,
        })
    };
    let features = stored.centre.len();
    if features == 0 {
        return shape("features", 0, "at least 1".to_owned());
    }
    if stored.scale.len() != features {
        return shape("scales", stored.scale.len(), features.to_string());
    }
    let values = stored.prototypes.len();
    let prototypes = values / features;
    let whole = values.is_multiple_of(features);
    if !whole || !(1..=Applicability::MAX_PROTOTYPES).contains(&prototypes) {
        let most = Applicability::MAX_PROTOTYPES;
        return shape(
            "prototype values",
            values,
            format!("1 to {most} rows of {features}"),
        );
    }
    let numbers = [&stored.centre, &stored.scale, &stored.prototypes];
    if let Some(found) = numbers.into_iter().flatten().find(|n| !n.is_finite()) {
        return Err(ApplicabilityError::Value {
            what: "the number",
            found: f64::from(*found),
            expected: "finite numbers",
        });
    }
    if !stored.scale.iter().any(|scale| *scale > 0.0) {
        return Err(ApplicabilityError::Value {
            what: "as highest scale",
            found: f64::from(stored.scale.iter().copied().fold(f32::MIN, f32::max)),
            expected: "a number above 0, without which no feature counts",
        });
    }
    for (what, found) in [
        ("the mean distance", stored.mean_distance),
        ("the threshold", stored.threshold),
    ] {
        if !(found.is_finite() && found > 0.0) {
            return Err(ApplicabilityError::Value {
                what,
                found,
                expected: "a finite number above 0",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four features, of which the third does not count; 50 prototypes, some of them copies.
    fn stored() -> Stored {
        let value = |at: usize| (at * 7919 % 1009) as f32 / 100.0 - 5.0;
        Stored {
            centre: vec![10.0, -2.0, 0.0, 0.5],
            scale: vec![0.5, 2.0, 0.0, 1.0],
            prototypes: (0..160).chain(0..40).map(value).collect(),
            mean_distance: 2.5,
            threshold: 0.4,
        }
    }

    fn planes(pixels: usize) -> Vec<Vec<f32>> {
        let value = |feature: usize, pixel: usize| {
            if (pixel * 31 + feature * 17).is_multiple_of(13) {
                f32::NAN
            } else {
                ((pixel * 131 + feature * 37) % 257) as f32 / 20.0
            }
        };
        (0..4)
            .map(|feature| (0..pixels).map(|pixel| value(feature, pixel)).collect())
            .collect()
    }

    /// The definition, pixel by pixel.
    fn by_definition(stored: &Stored, planes: &[Vec<f32>], pixel: usize) -> f64 {
        let squared = |row: &[f32]| -> f64 {
            (0..4)
                .filter(|feature| stored.scale[*feature] > 0.0)
                .map(|feature| {
                    let value = planes[feature][pixel];
                    let there = if value.is_nan() {
                        0.0
                    } else {
                        (value - stored.centre[feature]) * stored.scale[feature]
                    };
                    f64::from(there - row[feature]).powi(2)
                })
                .sum()
        };
        let nearest = stored
            .prototypes
            .chunks(4)
            .map(squared)
            .fold(f64::INFINITY, f64::min);
        nearest.sqrt() / stored.mean_distance
    }

    #[test]
    fn the_index_is_the_distance_to_the_nearest_prototype_for_any_number_of_pixels() {
        let stored = stored();
        let applicability = Applicability::try_from(stored.clone()).unwrap();
        assert_eq!(
            (applicability.features(), applicability.prototypes()),
            (4, 50)
        );
        for pixels in [1, 15, 16, 17, 200] {
            let planes = planes(pixels);
            let views: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
            let mut out = vec![0.0; pixels];
            applicability.dissimilarity(&views, &mut out);
            for (pixel, found) in out.into_iter().enumerate() {
                let expected = by_definition(&stored, &planes, pixel);
                assert!(
                    (f64::from(found) - expected).abs() < 1e-5,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_training_sample_is_at_home_and_nothing_is_known_where_nothing_was_seen() {
        let stored = stored();
        let applicability = Applicability::try_from(stored.clone()).unwrap();
        let back = |feature: usize| {
            let scaled = stored.prototypes[4 * 7 + feature];
            if stored.scale[feature] > 0.0 {
                scaled / stored.scale[feature] + stored.centre[feature]
            } else {
                1e9
            }
        };
        let planes: Vec<[f32; 2]> = (0..4)
            .map(|feature| {
                let missing = if feature == 2 { 1.0 } else { f32::NAN };
                [back(feature), missing]
            })
            .collect();
        let views: Vec<&[f32]> = planes.iter().map(<[f32; 2]>::as_slice).collect();
        let mut out = [1.0; 2];
        applicability.dissimilarity(&views, &mut out);
        assert!(out[0] < 1e-5, "{out:?}");
        assert!(out[1].is_nan(), "{out:?}");
    }

    #[test]
    fn what_is_written_into_a_model_file_is_read_again() {
        let applicability = Applicability::try_from(stored()).unwrap();
        let text = serde_json::to_string(&applicability).unwrap();
        assert_eq!(
            serde_json::from_str::<Applicability>(&text).unwrap(),
            applicability
        );
    }

    #[test]
    fn damaged_numbers_are_refused() {
        let refused = |change: fn(&mut Stored), about: &str| {
            let mut damaged = stored();
            change(&mut damaged);
            let error = Applicability::try_from(damaged).unwrap_err().to_string();
            assert!(error.contains(about), "{error}");
        };
        refused(|s| s.centre.clear(), "0 features");
        refused(|s| s.scale.truncate(3), "3 scales, expected 4");
        refused(|s| s.prototypes.truncate(7), "7 prototype values");
        refused(|s| s.prototypes.clear(), "0 prototype values");
        refused(|s| s.prototypes[3] = f32::NAN, "NaN");
        refused(|s| s.scale = vec![0.0; 4], "no feature counts");
        refused(|s| s.mean_distance = 0.0, "the mean distance 0");
        refused(|s| s.threshold = f64::NAN, "the threshold NaN");
    }
}
