//! One block of pixels, from scenes to codes: read → mask → composite → features → classify.
//!
//! Blocks are taken one after another and every step inside is spread over all threads. So memory
//! is that of one block whatever the number of threads: nested parallel blocks would let a waiting
//! thread begin another block and hold both.

use std::collections::BTreeMap;

use geocrop_composite::{Geomad, GeomadOptions, Observations, geomad};
use geocrop_model::FeatureSet;
use geocrop_model::dynamic_world::Network;
use geocrop_raster::{Grid, Resampling, Window};
use ndarray::Array2;
use rayon::prelude::*;

use crate::classify::{Model, classify};
use crate::files::with_reader;
use crate::prepare::{Acquisition, PreparedScene, PreparedSeason, RasterLayer};
use crate::recipe::{DEVIATIONS, NODATA, Output, Recipe, index_code, picture_code, season_feature};
use crate::stack::{MISSING, Stack, encode, encode_stored};
use crate::{Progress, TaskError};

/// What all blocks of a task have in common.
pub(crate) struct Renderer<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) grid: &'a Grid,
    pub(crate) seasons: &'a [PreparedSeason],
    pub(crate) rasters: &'a BTreeMap<String, RasterLayer>,
    pub(crate) model: Option<&'a Model>,
    pub(crate) network: Option<&'a Network>,
    pub(crate) progress: &'a Progress,
}

/// The codes of one block.
pub(crate) struct Block {
    /// One plane per band of the map.
    pub(crate) map: Vec<Array2<u8>>,
    /// Percent, where the map comes from a model.
    pub(crate) confidence: Option<Array2<u8>>,
    /// Clear observations, 254 at most.
    pub(crate) observations: Array2<u8>,
    /// Codes of [`Evidence`](crate::labels::Evidence), in a map of labels.
    pub(crate) evidence: Option<Array2<u8>>,
    /// Pixels with at least one clear observation, season by season.
    pub(crate) observed: Vec<usize>,
}

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
        let mut features: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        let mut counts = vec![0_u16; block.pixels()];
        let mut complete = block.inside.clone();
        let mut observed = Vec::with_capacity(self.seasons.len());
        for season in self.seasons {
            let composite = self.composite(season, &block)?;
            let mut seen = 0;
            for (pixel, count) in composite.count.iter().enumerate() {
                counts[pixel] = counts[pixel].saturating_add(*count);
                seen += usize::from(*count > 0 && block.inside[pixel]);
                complete[pixel] &= *count > 0;
            }
            observed.push(seen);
            self.season_features(season, &composite, &block, &mut features)?;
        }
        self.year_features(&block, &mut features)?;

        let plane = |codes: Vec<u8>| {
            Array2::from_shape_vec((window.height, window.width), codes)
                .expect("one code for each pixel of the block")
        };
        let (map, confidence) = self.codes(&features, &complete);
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
            map: map.into_iter().map(plane).collect(),
            confidence: confidence.map(plane),
            observations: plane(observations),
            evidence: None,
            observed,
        })
    }

    /// The composite of one season: the geomedian of its scenes, or one that comes ready.
    fn composite(
        &self,
        season: &PreparedSeason,
        block: &BlockGrid,
    ) -> Result<Composite, TaskError> {
        match season {
            PreparedSeason::Scenes { acquisitions, .. } => self.geomad(acquisitions, block),
            PreparedSeason::Composites { tiles, .. } => self.ready_composites(tiles, block),
            PreparedSeason::Labels { .. } => {
                unreachable!("labels are prepared for maps of labels only")
            }
        }
    }

    fn geomad(
        &self,
        acquisitions: &[Acquisition],
        block: &BlockGrid,
    ) -> Result<Composite, TaskError> {
        let bands = self.recipe.bands.len();
        let pixels = block.pixels();
        let mut stack = Stack::empty(acquisitions.len(), bands, pixels);
        stack
            .codes
            .par_chunks_mut((bands * pixels).max(1))
            .zip(acquisitions)
            .try_for_each(|(planes, acquisition)| {
                self.read_acquisition(acquisition, block, planes)
            })?;
        Ok(composite(stack.geomad(&self.geomad_options())))
    }

    fn geomad_options(&self) -> GeomadOptions {
        GeomadOptions {
            eps: self.recipe.composite.eps,
            max_iterations: self.recipe.composite.max_iterations,
            mads: self.recipe.composite.mads,
        }
    }

    /// The geomedian of observations, `[date][band][pixel]`.
    fn reduce(&self, values: &[f32], dates: usize, pixels: usize) -> Composite {
        let result = geomad(
            &Observations {
                values,
                dates,
                bands: self.recipe.bands.len(),
                pixels,
            },
            &self.geomad_options(),
        );
        composite(result)
    }

    /// Fills `planes` (`[band][pixel]`, codes) with one day's scenes: the first clear one wins.
    fn read_acquisition(
        &self,
        acquisition: &Acquisition,
        block: &BlockGrid,
        planes: &mut [u16],
    ) -> Result<(), TaskError> {
        let mut first = true;
        for scene in &acquisition.scenes {
            if !scene.bounds.intersects(&block.grid.bounds()) {
                continue;
            }
            let Some(usable) = self.usable(scene, block)? else {
                continue;
            };
            if first {
                self.read_scene(scene, block, usable, planes)?;
                first = false;
            } else {
                let mut more = vec![MISSING; planes.len()];
                self.read_scene(scene, block, usable, &mut more)?;
                for (code, more) in planes.iter_mut().zip(more) {
                    // All bands of a pixel are there, or none: no spectrum is made of two scenes.
                    *code = if *code == MISSING { more } else { *code };
                }
            }
        }
        Ok(())
    }

    /// Reads the bands of a scene as codes, `[band][pixel]`. A pixel that is not usable, or lacks a band, is missing in all.
    fn read_scene(
        &self,
        scene: &PreparedScene,
        block: &BlockGrid,
        mut usable: Vec<bool>,
        planes: &mut [u16],
    ) -> Result<(), TaskError> {
        let pixels = block.pixels();
        for (band, plane) in self.recipe.bands.iter().zip(planes.chunks_mut(pixels)) {
            self.progress.check()?;
            self.read_codes(scene, band, block, plane)?;
            for (usable, code) in usable.iter_mut().zip(plane) {
                *usable &= *code != MISSING;
            }
        }
        for plane in planes.chunks_mut(pixels) {
            for (code, usable) in plane.iter_mut().zip(&usable) {
                *code = if *usable { *code } else { MISSING };
            }
        }
        scene.sanity.look(&self.recipe.bands, planes, pixels);
        Ok(())
    }

    /// One band as codes.
    fn read_codes(
        &self,
        scene: &PreparedScene,
        band: &str,
        block: &BlockGrid,
        codes: &mut [u16],
    ) -> Result<(), TaskError> {
        let file = &scene.bands[band];
        let stored =
            with_reader(|reader| reader.read_stored(&file.href, file.band, &block.grid, codes))?;
        if let Some(stored) = stored {
            let mut missing: Vec<u16> = file
                .nodata
                .or(stored.nodata)
                .into_iter()
                .filter_map(whole)
                .collect();
            missing.extend(file.missing.iter().copied().filter_map(whole));
            encode_stored(codes, file.scale, file.offset, &missing);
            return Ok(());
        }
        let values = self.read_band(scene, band, block)?;
        for (code, value) in codes.iter_mut().zip(values) {
            *code = encode(value);
        }
        Ok(())
    }

    /// Which pixels the mask leaves, or `None` when it leaves none.
    pub(crate) fn usable(
        &self,
        scene: &PreparedScene,
        block: &BlockGrid,
    ) -> Result<Option<Vec<bool>>, TaskError> {
        let mask = self.recipe.mask.as_ref();
        let Some((mask, band)) = mask.and_then(|m| Some((m, scene.scene.bands.get(&m.band)?)))
        else {
            return Ok(Some(block.inside.clone()));
        };
        let halo = mask.recipe.halo();
        let padded = block.grid.padded(halo);
        let classes = with_reader(|reader| {
            reader.read(
                &band.href,
                band.band,
                band.nodata,
                &padded,
                Resampling::Nearest,
            )
        })?;
        // Outside the scene there is nothing: class 0, no data.
        let classes: Vec<u8> = classes
            .iter()
            .map(|c| if c.is_nan() { 0 } else { *c as u8 })
            .collect();
        let mut masked = vec![false; classes.len()];
        mask.recipe
            .apply(&classes, padded.width, padded.height, &mut masked);
        let mut usable = block.inside.clone();
        for (row, line) in usable.chunks_mut(block.grid.width).enumerate() {
            let start = (row + halo) * padded.width + halo;
            for (pixel, bad) in line.iter_mut().zip(&masked[start..]) {
                *pixel &= !bad;
            }
        }
        Ok(usable.contains(&true).then_some(usable))
    }

    /// One band in reflectance, or a probability; NaN where there is none.
    pub(crate) fn read_band(
        &self,
        scene: &PreparedScene,
        band: &str,
        block: &BlockGrid,
    ) -> Result<Vec<f32>, TaskError> {
        self.read_band_on(scene, band, &block.grid)
    }

    pub(crate) fn read_band_on(
        &self,
        scene: &PreparedScene,
        band: &str,
        grid: &Grid,
    ) -> Result<Vec<f32>, TaskError> {
        let file = &scene.bands[band];
        let stored = with_reader(|reader| {
            reader.read_without(
                &file.href,
                file.band,
                file.nodata,
                &file.missing,
                grid,
                self.recipe.band_resampling,
            )
        })?;
        let mut values = stored.into_raw_vec_and_offset().0;
        for value in &mut values {
            *value = *value * file.scale + file.offset;
        }
        Ok(values)
    }

    /// The season's composite from those that the source has: one, or the geomedian of several (two
    /// half-years make a year). Deviations are never made of so few.
    fn ready_composites(
        &self,
        tiles: &[PreparedScene],
        block: &BlockGrid,
    ) -> Result<Composite, TaskError> {
        let mut periods: BTreeMap<_, Vec<&PreparedScene>> = BTreeMap::new();
        for tile in tiles {
            periods.entry(tile.scene.start).or_default().push(tile);
        }
        if periods.len() > 1 && self.recipe.composite.mads {
            return Err(TaskError::SeveralComposites {
                recipe: self.recipe.name.clone(),
                found: periods.len(),
            });
        }
        let mut composites = periods
            .values()
            .map(|tiles| self.ready_composite(tiles, block))
            .collect::<Result<Vec<_>, _>>()?;
        if composites.len() == 1 {
            return Ok(composites.remove(0));
        }
        let values = composites
            .iter()
            .flat_map(|c| &c.bands)
            .copied()
            .collect::<Vec<_>>();
        let mut composite = self.reduce(&values, composites.len(), block.pixels());
        // Clear observations are those of the scenes, not the number of composites.
        for (pixel, count) in composite.count.iter_mut().enumerate() {
            *count = composites.iter().map(|c| c.count[pixel]).sum();
        }
        Ok(composite)
    }

    /// A composite that the source has ready, from the tiles that touch the block.
    fn ready_composite(
        &self,
        tiles: &[&PreparedScene],
        block: &BlockGrid,
    ) -> Result<Composite, TaskError> {
        let pixels = block.pixels();
        let bands = self.recipe.bands.len();
        let mut composite = Composite {
            bands: vec![f32::NAN; bands * pixels],
            deviations: [(); 3].map(|()| vec![f32::NAN; pixels]),
            count: vec![0; pixels],
        };
        for tile in tiles
            .iter()
            .filter(|t| t.bounds.intersects(&block.grid.bounds()))
        {
            for (band, plane) in self
                .recipe
                .bands
                .iter()
                .zip(composite.bands.chunks_mut(pixels))
            {
                fill(plane, &self.read_band(tile, band, block)?);
            }
            if self.recipe.composite.mads {
                for (name, plane) in DEVIATIONS.iter().zip(&mut composite.deviations) {
                    fill(plane, &self.read_band(tile, name, block)?);
                }
            }
            let counted = tile.bands.contains_key(crate::inputs::OBSERVATIONS_BAND);
            let counts = if counted {
                Some(self.read_band(tile, crate::inputs::OBSERVATIONS_BAND, block)?)
            } else {
                None
            };
            for pixel in 0..pixels {
                let there = (0..bands).all(|b| !composite.bands[b * pixels + pixel].is_nan());
                if there && composite.count[pixel] == 0 {
                    // A tile without a count still says that something was seen.
                    composite.count[pixel] =
                        counts.as_ref().map_or(1, |c| c[pixel].max(1.0) as u16);
                }
            }
        }
        Ok(composite)
    }

    fn season_features(
        &self,
        season: &PreparedSeason,
        composite: &Composite,
        block: &BlockGrid,
        features: &mut BTreeMap<String, Vec<f32>>,
    ) -> Result<(), TaskError> {
        let mut rasters = BTreeMap::new();
        for (name, layer) in season.rasters() {
            rasters.insert(name.as_str(), layer.read(&block.grid)?);
        }
        let pixels = block.pixels();
        let plane = |name: &str| -> &[f32] {
            if let Some(band) = self.recipe.bands.iter().position(|b| b == name) {
                &composite.bands[band * pixels..(band + 1) * pixels]
            } else if let Some(deviation) = DEVIATIONS.iter().position(|d| *d == name) {
                &composite.deviations[deviation]
            } else {
                &rasters[name]
            }
        };
        let set = &self.recipe.season_features;
        for (name, values) in evaluate(set, pixels, &plane) {
            features.insert(season_feature(&name, season.season()), values);
        }
        Ok(())
    }

    fn year_features(
        &self,
        block: &BlockGrid,
        features: &mut BTreeMap<String, Vec<f32>>,
    ) -> Result<(), TaskError> {
        let Some(set) = &self.recipe.year_features else {
            return Ok(());
        };
        let mut rasters = BTreeMap::new();
        for (name, layer) in self.rasters {
            rasters.insert(name.as_str(), layer.read(&block.grid)?);
        }
        let plane = |name: &str| -> &[f32] {
            rasters
                .get(name)
                .or_else(|| features.get(name))
                .expect("names were checked when the recipe was read")
        };
        let made = evaluate(set, block.pixels(), &plane);
        features.extend(made);
        Ok(())
    }

    /// The map's planes, and the confidence where there is a model.
    fn codes(
        &self,
        features: &BTreeMap<String, Vec<f32>>,
        complete: &[bool],
    ) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
        match &self.recipe.output {
            Output::Classes(classes) => {
                let model = self
                    .model
                    .expect("a recipe with classes has its model loaded");
                let (map, confidence) = classify(model, classes, features, complete);
                (vec![map], Some(confidence))
            }
            Output::Index {
                feature, low, high, ..
            } => {
                let code = |(v, ok): (&f32, &bool)| {
                    if *ok {
                        index_code(*v, *low, *high)
                    } else {
                        NODATA
                    }
                };
                (
                    vec![features[feature].iter().zip(complete).map(code).collect()],
                    None,
                )
            }
            Output::Picture {
                features: names,
                low,
                high,
                gamma,
            } => {
                let code = |(v, ok): (&f32, &bool)| {
                    if *ok {
                        picture_code(*v, *low, *high, *gamma)
                    } else {
                        0
                    }
                };
                let plane = |name: &String| features[name].iter().zip(complete).map(code).collect();
                (names.iter().map(plane).collect(), None)
            }
            Output::Labels(_) => unreachable!("maps of labels have no features"),
        }
    }
}

fn composite(result: Geomad) -> Composite {
    Composite {
        bands: result.median,
        deviations: [result.emad, result.smad, result.bcmad],
        count: result.count,
    }
}

/// A number that a file of 16 bits can hold.
fn whole(number: f64) -> Option<u16> {
    (number.fract() == 0.0 && (0.0..=65_535.0).contains(&number)).then_some(number as u16)
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

/// One season reduced to one image.
struct Composite {
    /// `[band][pixel]`, reflectance.
    bands: Vec<f32>,
    /// `[pixel]` each, in the order of [`DEVIATIONS`].
    deviations: [Vec<f32>; 3],
    /// Clear observations, `[pixel]`.
    count: Vec<u16>,
}

/// Puts values where there are none yet.
fn fill(plane: &mut [f32], values: &[f32]) {
    for (old, new) in plane.iter_mut().zip(values) {
        if old.is_nan() {
            *old = *new;
        }
    }
}

fn evaluate<'a>(
    set: &FeatureSet,
    pixels: usize,
    plane: &(dyn Fn(&str) -> &'a [f32] + Sync),
) -> Vec<(String, Vec<f32>)> {
    let mut values = Vec::new();
    set.evaluate(pixels, plane, &mut values);
    set.names().iter().cloned().zip(values).collect()
}
