//! What a season shows of a block: scenes read, masked and stacked, or composites that come ready.

use std::collections::BTreeMap;
use std::mem::take;
use std::ops::Range;

use geocrop_composite::{Geomad, GeomadOptions, Observations, geomad};
use geocrop_raster::{Grid, Resampling, Window};
use rayon::prelude::*;

use crate::TaskError;
use crate::block::{BlockGrid, Renderer};
use crate::files::with_reader;
use crate::prepare::{Acquisition, PreparedScene, PreparedSeason};
use crate::recipe::DEVIATIONS;
use crate::stack::{MISSING, Stack, encode, encode_stored};

/// One season of a block.
pub(crate) enum Seen {
    /// Every clear observation.
    Scenes(Stack),
    /// A composite that the source has made.
    Ready(Composite),
}

/// One season reduced to one image.
pub(crate) struct Composite {
    /// `[band][pixel]`, reflectance.
    pub(crate) bands: Vec<f32>,
    /// `[pixel]` each, in the order of [`DEVIATIONS`]; empty if they were not asked for.
    pub(crate) deviations: [Vec<f32>; 3],
    /// Clear observations, `[pixel]`.
    pub(crate) count: Vec<u16>,
}

impl Seen {
    /// The composite of some of the pixels, made on this thread.
    pub(crate) fn composite(&self, range: Range<usize>, options: &GeomadOptions) -> Composite {
        match self {
            Self::Scenes(stack) => stack.geomad(options, range).into(),
            Self::Ready(whole) => {
                let pixels = whole.count.len().max(1);
                let bands = whole.bands.chunks(pixels);
                Composite {
                    bands: bands.flat_map(|b| &b[range.clone()]).copied().collect(),
                    deviations: whole
                        .deviations
                        .each_ref()
                        .map(|d| d.get(range.clone()).unwrap_or_default().to_vec()),
                    count: whole.count[range.clone()].to_vec(),
                }
            }
        }
    }
}

impl From<Geomad> for Composite {
    fn from(result: Geomad) -> Self {
        Self {
            bands: result.median,
            deviations: [result.emad, result.smad, result.bcmad],
            count: result.count,
        }
    }
}

impl Renderer<'_> {
    /// Reads what a season shows of a block.
    pub(crate) fn observe(
        &self,
        season: &PreparedSeason,
        block: &BlockGrid,
    ) -> Result<Seen, TaskError> {
        match season {
            PreparedSeason::Scenes { acquisitions, .. } => {
                self.stack(acquisitions, block).map(Seen::Scenes)
            }
            PreparedSeason::Composites { tiles, .. } => {
                self.ready_composites(tiles, block).map(Seen::Ready)
            }
            PreparedSeason::Labels { .. } => {
                unreachable!("labels are prepared for maps of labels only")
            }
        }
    }

    fn stack(&self, acquisitions: &[Acquisition], block: &BlockGrid) -> Result<Stack, TaskError> {
        let bands = self.recipe.bands.len();
        let pixels = block.pixels();
        let room = self
            .room
            .lock()
            .map_or_else(|_| Vec::new(), |mut room| take(&mut *room));
        let mut stack = Stack::in_room(room, acquisitions.len(), bands, pixels);
        stack
            .codes
            .par_chunks_mut((bands * pixels).max(1))
            .zip(acquisitions)
            .try_for_each(|(planes, acquisition)| {
                self.read_acquisition(acquisition, block, planes)
            })?;
        Ok(stack)
    }

    pub(crate) fn geomad_options(&self) -> GeomadOptions {
        GeomadOptions {
            eps: self.recipe.composite.eps,
            max_iterations: self.recipe.composite.max_iterations,
            mads: self.recipe.composite.mads,
        }
    }

    /// The geomedian of observations, `[date][band][pixel]`.
    fn reduce(&self, values: &[f32], dates: usize, pixels: usize) -> Composite {
        let observations = Observations {
            values,
            dates,
            bands: self.recipe.bands.len(),
            pixels,
        };
        geomad(&observations, &self.geomad_options()).into()
    }

    /// Gives the memory of a season back, for the next one.
    pub(crate) fn reuse(&self, seen: Seen) {
        if let (Seen::Scenes(stack), Ok(mut room)) = (seen, self.room.lock()) {
            *room = stack.codes;
        }
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
        if first {
            // What another season or block has left here.
            planes.fill(MISSING);
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
        let bands = self.recipe.bands.par_iter();
        bands
            .zip(planes.par_chunks_mut(pixels))
            .try_for_each(|(band, plane)| {
                self.progress.check()?;
                self.read_codes(scene, band, block, plane)
            })?;
        for plane in planes.chunks(pixels) {
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
            forget_outside(codes, block.grid.width, stored.known);
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
}

/// Makes missing what a file does not cover.
fn forget_outside(codes: &mut [u16], width: usize, known: Window) {
    for (row, line) in codes.chunks_exact_mut(width).enumerate() {
        if (known.y..known.y + known.height).contains(&row) {
            line[..known.x].fill(MISSING);
            line[known.x + known.width..].fill(MISSING);
        } else {
            line.fill(MISSING);
        }
    }
}

/// A number that a file of 16 bits can hold.
fn whole(number: f64) -> Option<u16> {
    (number.fract() == 0.0 && (0.0..=65_535.0).contains(&number)).then_some(number as u16)
}

/// Puts values where there are none yet.
fn fill(plane: &mut [f32], values: &[f32]) {
    for (old, new) in plane.iter_mut().zip(values) {
        if old.is_nan() {
            *old = *new;
        }
    }
}
