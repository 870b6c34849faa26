//! One block of pixels, from scenes to codes: observe → composite → features → classify.
//!
//! Blocks are taken one after another and every step inside is spread over all threads. So memory
//! is that of one block whatever the number of threads: nested parallel blocks would let a waiting
//! thread begin another block and hold both. What follows the reading goes strip by strip: of a
//! block's pixels only observations and features are held all at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use geocrop_model::FeatureSet;
use geocrop_model::drift::Counts;
use geocrop_model::dynamic_world::Network;
use geocrop_raster::{Grid, Window};
use ndarray::Array2;
use rayon::prelude::*;

use crate::classify::{Model, Strip, classify};
use crate::observe::Seen;
use crate::prepare::{PreparedSeason, RasterLayer};
use crate::recipe::{DEVIATIONS, NODATA, Output, Recipe, index_code, picture_code, season_feature};
use crate::{Progress, TaskError};

/// Pixels that one thread takes from observations to features, and from features to codes, at a time: their values stay
/// in the processor's caches.
const STRIP: usize = 4096;

/// What all blocks of a task have in common.
pub(crate) struct Renderer<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) grid: &'a Grid,
    pub(crate) seasons: &'a [PreparedSeason],
    pub(crate) rasters: &'a BTreeMap<String, RasterLayer>,
    pub(crate) model: Option<&'a Model>,
    pub(crate) network: Option<&'a Network>,
    pub(crate) progress: &'a Progress,
    /// Memory that the observations of one block and season leave to those of the next.
    pub(crate) room: Mutex<Vec<u16>>,
}

/// The codes of one block.
pub(crate) struct Block {
    /// One plane per band of the map.
    pub(crate) map: Vec<Array2<u8>>,
    /// Percent, where the map comes from a model.
    pub(crate) confidence: Option<Array2<u8>>,
    /// Percent of the dissimilarity up to which the model may be used, where that is known.
    pub(crate) applicability: Option<Array2<u8>>,
    /// Clear observations, 254 at most.
    pub(crate) observations: Array2<u8>,
    /// Codes of [`Evidence`](crate::labels::Evidence), in a map of labels.
    pub(crate) evidence: Option<Array2<u8>>,
    /// Pixels with at least one clear observation, season by season.
    pub(crate) observed: Vec<usize>,
    /// How often the model's features have which values, where those of its samples are known.
    pub(crate) counts: Option<Counts>,
}

/// Features of a block by name, `[pixel]`.
pub(crate) type Features = BTreeMap<String, Vec<f32>>;

impl Renderer<'_> {
    /// Makes one block. `coverage` says which of its pixels belong to the area; the rest is nodata.
    pub(crate) fn render(
        &self,
        window: Window,
        coverage: &Array2<bool>,
    ) -> Result<Block, TaskError> {
        let block = BlockGrid {
            grid: self.grid.sub(window),
            inside: coverage.iter().copied().collect(),
        };
        if let Output::Labels(labels) = &self.recipe.output {
            return self.render_labels(labels, window, &block);
        }
        let Composed {
            features,
            counts,
            complete,
            observed,
        } = self.compose(&block)?;
        let plane = |codes: Vec<u8>| {
            Array2::from_shape_vec((window.height, window.width), codes)
                .expect("one code for each pixel of the block")
        };
        let codes = self.codes(window, &features, &self.year_rasters(&block)?, &complete)?;
        let observations = counts
            .iter()
            .zip(&block.inside)
            .map(|(count, inside)| {
                if *inside {
                    (*count).min(254) as u8
                } else {
                    NODATA
                }
            })
            .collect();
        Ok(Block {
            map: codes.map.into_iter().map(plane).collect(),
            confidence: codes.confidence.map(plane),
            applicability: codes.applicability.map(plane),
            observations: plane(observations),
            evidence: None,
            observed,
            counts: codes.counts,
        })
    }

    /// Reads what all seasons show of a block, and makes their features.
    pub(crate) fn compose(&self, block: &BlockGrid) -> Result<Composed, TaskError> {
        let mut composed = Composed {
            features: Features::new(),
            counts: vec![0; block.pixels()],
            complete: block.inside.clone(),
            observed: Vec::with_capacity(self.seasons.len()),
        };
        for season in self.seasons {
            let seen = self.observe(season, block)?;
            let count = self.season_features(season, &seen, block, &mut composed.features)?;
            self.reuse(seen);
            let mut pixels = 0;
            for (pixel, count) in count.into_iter().enumerate() {
                let total = &mut composed.counts[pixel];
                *total = total.saturating_add(count);
                pixels += usize::from(count > 0 && block.inside[pixel]);
                composed.complete[pixel] &= count > 0;
            }
            composed.observed.push(pixels);
        }
        Ok(composed)
    }

    /// Adds the features of a season; returns its clear observations, `[pixel]`.
    fn season_features(
        &self,
        season: &PreparedSeason,
        seen: &Seen,
        block: &BlockGrid,
        features: &mut Features,
    ) -> Result<Vec<u16>, TaskError> {
        let rasters = read(season.rasters(), block)?;
        let set = &self.recipe.season_features;
        let options = self.geomad_options();
        let pixels = block.pixels();
        let mut counts = vec![0; pixels];
        let mut planes = vec![vec![0.0; pixels]; set.names().len()];
        strips(&mut planes)
            .into_par_iter()
            .zip(counts.par_chunks_mut(STRIP))
            .enumerate()
            .for_each_init(Vec::new, |made, (number, (out, counts))| {
                let range = strip(number, counts.len());
                let composite = seen.composite(range.clone(), &options);
                let plane = |name: &str| -> &[f32] {
                    if let Some(band) = self.recipe.bands.iter().position(|b| b == name) {
                        &composite.bands[band * range.len()..(band + 1) * range.len()]
                    } else if let Some(deviation) = DEVIATIONS.iter().position(|d| *d == name) {
                        &composite.deviations[deviation]
                    } else {
                        &rasters[name][range.clone()]
                    }
                };
                set.evaluate(range.len(), &plane, made);
                for (out, made) in out.into_iter().zip(made) {
                    out.copy_from_slice(made);
                }
                counts.copy_from_slice(&composite.count);
            });
        let named = set.names().iter().zip(planes);
        features.extend(named.map(|(name, plane)| (season_feature(name, season.season()), plane)));
        Ok(counts)
    }

    /// Whether the map says where its model may be used.
    pub(crate) fn has_applicability(&self) -> bool {
        self.model
            .is_some_and(|model| model.learnt.applicability.is_some())
    }

    /// The map's planes, and what goes with them where there is a model. `complete` pixels were seen in every season.
    fn codes(
        &self,
        window: Window,
        features: &Features,
        rasters: &BTreeMap<&str, Vec<f32>>,
        complete: &[bool],
    ) -> Result<Codes, TaskError> {
        let output = &self.recipe.output;
        let unknown = || vec![NODATA; complete.len()];
        let mut codes = Codes {
            map: vec![vec![output.nodata(); complete.len()]; output.bands()],
            confidence: output.has_confidence().then(unknown),
            applicability: self.has_applicability().then(unknown),
            counts: None,
        };
        let work: Vec<Strip<'_>> = {
            let mut confidence = pieces(&mut codes.confidence);
            let mut applicability = pieces(&mut codes.applicability);
            let maps = strips(&mut codes.map).into_iter();
            maps.zip(complete.chunks(STRIP))
                .enumerate()
                .map(|(number, (map, complete))| Strip {
                    window,
                    first: number * STRIP,
                    complete,
                    map,
                    confidence: confidence.next(),
                    applicability: applicability.next(),
                })
                .collect()
        };
        let counts = Mutex::new(None);
        work.into_par_iter()
            .try_for_each_init(Vec::new, |made, strip| {
                let range = strip.first..strip.first + strip.complete.len();
                let counted = self.with_features(features, rasters, range, made, |feature| {
                    self.encode(feature, strip)
                })?;
                add(
                    &mut counts.lock().unwrap_or_else(PoisonError::into_inner),
                    counted,
                );
                Ok::<_, TaskError>(())
            })?;
        codes.counts = counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(codes)
    }

    /// Layers that the features made once are made of, by name.
    pub(crate) fn year_rasters(
        &self,
        block: &BlockGrid,
    ) -> Result<BTreeMap<&str, Vec<f32>>, TaskError> {
        match &self.recipe.year_features {
            Some(_) => read(self.rasters.iter(), block),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Makes the features of a strip that are made once, and hands all of its features over, by name. `made` is memory.
    pub(crate) fn with_features<T>(
        &self,
        features: &Features,
        rasters: &BTreeMap<&str, Vec<f32>>,
        range: Range<usize>,
        made: &mut Vec<Vec<f32>>,
        work: impl for<'f> FnOnce(&dyn Fn(&str) -> &'f [f32]) -> T,
    ) -> T {
        let known = |name: &str| {
            let whole = rasters.get(name).or_else(|| features.get(name));
            whole.map(|plane| &plane[range.clone()])
        };
        if let Some(set) = &self.recipe.year_features {
            let plane =
                |name: &str| known(name).expect("names were checked when the recipe was read");
            set.evaluate(range.len(), &plane, made);
        }
        let made = &*made;
        let year = self.recipe.year_features.as_ref().map(FeatureSet::names);
        work(&|name: &str| {
            let year = year.and_then(|names| names.iter().position(|n| n == name));
            match year {
                Some(place) => &made[place],
                None => &features[name][range.clone()],
            }
        })
    }

    /// Writes the codes of a strip; what is not complete stays nodata. Returns what was counted on the way.
    fn encode<'f>(
        &self,
        feature: &dyn Fn(&str) -> &'f [f32],
        mut strip: Strip<'_>,
    ) -> Result<Option<Counts>, TaskError> {
        let complete = strip.complete;
        let fill = |plane: &mut [u8], name: &str, code: &dyn Fn(f32) -> u8| {
            for ((to, value), complete) in plane.iter_mut().zip(feature(name)).zip(complete) {
                if *complete {
                    *to = code(*value);
                }
            }
        };
        match &self.recipe.output {
            Output::Classes(classes) => {
                let model = self
                    .model
                    .expect("a recipe with classes has its model loaded");
                return classify(model, classes, feature, strip, self.progress);
            }
            Output::Index {
                feature: name,
                low,
                high,
                ..
            } => fill(strip.map[0], name, &|value| index_code(value, *low, *high)),
            Output::Picture {
                features: names,
                low,
                high,
                gamma,
            } => {
                for (plane, name) in strip.map.iter_mut().zip(names) {
                    fill(plane, name, &|value| {
                        picture_code(value, *low, *high, *gamma)
                    });
                }
            }
            Output::Labels(_) => unreachable!("maps of labels have no features"),
        }
        Ok(None)
    }
}

/// Adds what was counted somewhere else, if anything was.
pub(crate) fn add(counts: &mut Option<Counts>, more: Option<Counts>) {
    match (counts, more) {
        (Some(counts), Some(more)) => counts.add(&more),
        (counts @ None, more) => *counts = more,
        (Some(_), None) => {}
    }
}

/// A block's features, and where they are whole.
pub(crate) struct Composed {
    /// The seasons' features.
    pub(crate) features: Features,
    /// Clear observations of all seasons together, `[pixel]`.
    counts: Vec<u16>,
    /// Pixels of the area that were seen in every season.
    pub(crate) complete: Vec<bool>,
    /// Pixels with at least one clear observation, season by season.
    observed: Vec<usize>,
}

/// The codes that a block's features become.
struct Codes {
    map: Vec<Vec<u8>>,
    confidence: Option<Vec<u8>>,
    applicability: Option<Vec<u8>>,
    counts: Option<Counts>,
}

/// Cuts planes of `[pixel]` into strips: for each strip its part of every plane.
fn strips<T>(planes: &mut [Vec<T>]) -> Vec<Vec<&mut [T]>> {
    let count = planes
        .first()
        .map_or(0, |plane| plane.len().div_ceil(STRIP));
    let mut parts: Vec<_> = planes
        .iter_mut()
        .map(|plane| plane.chunks_mut(STRIP))
        .collect();
    (0..count)
        .map(|_| parts.iter_mut().filter_map(Iterator::next).collect())
        .collect()
}

/// The strips of a plane, if it is there.
fn pieces(plane: &mut Option<Vec<u8>>) -> impl Iterator<Item = &mut [u8]> {
    plane.iter_mut().flat_map(|plane| plane.chunks_mut(STRIP))
}

/// The pixels of a strip.
fn strip(number: usize, length: usize) -> Range<usize> {
    number * STRIP..number * STRIP + length
}

/// Layers beside the imagery on a block, by name.
fn read<'r>(
    layers: impl Iterator<Item = (&'r String, &'r RasterLayer)>,
    block: &BlockGrid,
) -> Result<BTreeMap<&'r str, Vec<f32>>, TaskError> {
    layers
        .map(|(name, layer)| Ok((name.as_str(), layer.read(&block.grid)?)))
        .collect()
}

/// Part of the grid, and which of its pixels belong to the area.
pub(crate) struct BlockGrid {
    pub(crate) grid: Grid,
    pub(crate) inside: Vec<bool>,
}

impl BlockGrid {
    pub(crate) fn pixels(&self) -> usize {
        self.inside.len()
    }
}
