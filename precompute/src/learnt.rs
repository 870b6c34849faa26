//! What is kept of a model's samples: it says where the model may be used, and whether imagery has changed since.

use geocrop_model::applicability::Applicability;
use geocrop_model::drift::{Counts, Population};
use geocrop_raster::Window;
use serde::de::DeserializeOwned;

use crate::TaskError;
use crate::recipe::NODATA;

/// Where a model may be used, `models/<name>/<version>/applicability.json`.
pub(crate) const APPLICABILITY: &str = "applicability.json";

/// How the features of its samples were spread, `models/<name>/<version>/population.json`.
pub(crate) const POPULATION: &str = "population.json";

/// Code of the layer at the limit of a model's area of applicability: what is above is outside of it.
pub(crate) const LIMIT: u8 = 100;

/// The highest code: so far outside, or farther.
const MOST: f32 = 254.0;

/// One pixel of so many in each direction is counted: shares of features need no more.
const STEP: usize = 4;

/// What is kept of a model's samples, in the order of the model's features.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    pub(crate) applicability: Option<Applicability>,
    pub(crate) population: Option<Population>,
}

impl Learnt {
    /// Reads the files beside a model that are there, and checks that they are of its `features`.
    pub(crate) fn parse(
        model: &str,
        applicability: Option<&[u8]>,
        population: Option<&[u8]>,
        features: &[String],
    ) -> Result<Self, TaskError> {
        let learnt = Self {
            applicability: parse(model, APPLICABILITY, applicability)?,
            population: parse(model, POPULATION, population)?,
        };
        let unfit = |file: &str, reason: String| TaskError::BesideModel {
            file: format!("{model}/{file}"),
            reason,
        };
        if let Some(known) = &learnt.applicability
            && known.features() != features.len()
        {
            let (found, expected) = (known.features(), features.len());
            let reason = format!("it has {found} features, the model {expected}");
            return Err(unfit(APPLICABILITY, reason));
        }
        if let Some(known) = &learnt.population
            && !known.features().eq(features.iter().map(String::as_str))
        {
            let reason = "its features are not those of the model".to_owned();
            return Err(unfit(POPULATION, reason));
        }
        Ok(learnt)
    }

    /// Writes codes of applicability where pixels are `complete`: percent of the dissimilarity up to which the model may be
    /// used. `planes` has the model's features.
    pub(crate) fn applicability(&self, planes: &[&[f32]], complete: &[bool], codes: &mut [u8]) {
        let Some(known) = &self.applicability else {
            return;
        };
        let mut dissimilarity = vec![0.0; complete.len()];
        known.dissimilarity(planes, &mut dissimilarity);
        let per_limit = f32::from(LIMIT) / known.threshold() as f32;
        for ((code, index), complete) in codes.iter_mut().zip(dissimilarity).zip(complete) {
            // What has no feature at all is not like anything.
            let percent = if index.is_nan() {
                MOST
            } else {
                index * per_limit
            };
            *code = if *complete { rounded(percent) } else { NODATA };
        }
    }

    /// Counts the features of some `pixels` of a window, those on a lattice that does not depend on how the map is cut into
    /// windows.
    pub(crate) fn count(
        &self,
        planes: &[&[f32]],
        complete: &[bool],
        (window, first): (Window, usize),
    ) -> Option<Counts> {
        let known = self.population.as_ref()?;
        let mut counts = known.counts();
        for (pixel, complete) in complete.iter().enumerate() {
            let (x, y) = (
                (first + pixel) % window.width,
                (first + pixel) / window.width,
            );
            let on_lattice = (window.x + x) % STEP == 0 && (window.y + y) % STEP == 0;
            if *complete && on_lattice {
                for (place, plane) in planes.iter().enumerate() {
                    known.count(place, plane[pixel], &mut counts);
                }
            }
        }
        Some(counts)
    }
}

/// Never at the limit what is beyond it.
fn rounded(percent: f32) -> u8 {
    let limit = f32::from(LIMIT);
    let percent = if percent > limit {
        percent.max(limit + 1.0)
    } else {
        percent
    };
    percent.round().min(MOST) as u8
}

fn parse<T: DeserializeOwned>(
    model: &str,
    file: &str,
    bytes: Option<&[u8]>,
) -> Result<Option<T>, TaskError> {
    let read = bytes.map(serde_json::from_slice).transpose();
    read.map_err(|error| TaskError::BesideModel {
        file: format!("{model}/{file}"),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use geocrop_model::applicability::Stored;

    /// One feature around 0; up to 2 away from a sample the model may be used.
    fn learnt() -> Learnt {
        let stored = Stored {
            centre: vec![0.0],
            scale: vec![1.0],
            prototypes: vec![0.0, 1.0],
            mean_distance: 1.0,
            threshold: 2.0,
        };
        let values: Vec<f32> = (0..200).map(|k| k as f32 / 200.0).collect();
        Learnt {
            applicability: Some(stored.try_into().unwrap()),
            population: Some(Population::of(&["a".to_owned()], &values).unwrap()),
        }
    }

    #[test]
    fn a_hundred_is_the_limit_and_what_is_beyond_is_always_above_it() {
        let plane = [0.5, 3.0, 3.001, 9.0, f32::NAN, 0.5];
        let complete = [true, true, true, true, true, false];
        let mut codes = [7; 6];
        learnt().applicability(&[&plane], &complete, &mut codes);
        assert_eq!(codes, [25, 100, 101, 254, 254, 255]);
    }

    #[test]
    fn the_same_pixels_are_counted_however_the_map_is_cut() {
        let learnt = learnt();
        let plane: Vec<f32> = (0..30 * 20)
            .map(|k| (k * 37 % 101) as f32 / 101.0)
            .collect();
        let window = |x, width| Window {
            x,
            y: 2,
            width,
            height: 20,
        };
        let whole = learnt
            .count(&[&plane], &[true; 600], (window(5, 30), 0))
            .unwrap();
        let cut = |from: usize, width: usize| {
            let rows = plane.chunks(30);
            let part: Vec<f32> = rows
                .flat_map(|row| &row[from..from + width])
                .copied()
                .collect();
            let (above, below) = part.split_at(width * 7);
            let place = window(5 + from, width);
            let complete = vec![true; part.len()];
            let mut counts = learnt
                .count(&[above], &complete[..above.len()], (place, 0))
                .unwrap();
            let rest = (place, above.len());
            counts.add(
                &learnt
                    .count(&[below], &complete[..below.len()], rest)
                    .unwrap(),
            );
            counts
        };
        let mut parts = cut(0, 13);
        parts.add(&cut(13, 17));
        assert_eq!(parts, whole);
        let none = learnt.count(&[&plane], &[false; 600], (window(5, 30), 0));
        assert_eq!(none.unwrap(), learnt.population.unwrap().counts());
    }

    #[test]
    fn files_of_another_model_are_refused_by_name() {
        let learnt = learnt();
        let applicability = serde_json::to_vec(&learnt.applicability).unwrap();
        let population = serde_json::to_vec(&learnt.population).unwrap();
        let of = |a: &[u8], p: &[u8], features: &[&str]| {
            let features: Vec<String> = features.iter().map(|f| (*f).to_owned()).collect();
            Learnt::parse("crops/3", Some(a), Some(p), &features)
        };
        assert!(of(&applicability, &population, &["a"]).is_ok());
        for (a, p, features, about) in [
            (
                &applicability,
                &population,
                &["a", "b"][..],
                "applicability.json",
            ),
            (&applicability, &population, &["b"], "population.json"),
            (&b"{".to_vec(), &population, &["a"], "applicability.json"),
        ] {
            let error = of(a, p, features).unwrap_err().to_string();
            assert!(
                error.contains("crops/3/") && error.contains(about),
                "{error}"
            );
        }
    }
}
