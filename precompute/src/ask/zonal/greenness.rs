//! Mean NDVI by date: each scene under each zone, as far as the recipe's mask leaves it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use geocrop_raster::Grid;
use geocrop_source::{Kind, Query};
use rayon::prelude::*;

use super::frame::{Covered, Frame};
use super::{Greenness, ZonalError, Zone};
use crate::block::{BlockGrid, Renderer};
use crate::inputs::SeasonInputs;
use crate::prepare::{self, Acquisition, PreparedSeason};
use crate::{Progress, TaskError};

/// The bands of the index.
const RED: &str = "red";
const NIR: &str = "nir";
/// Sums are of whole numbers of this, so that no order of adding matters.
const UNIT: f64 = 1e-7;

/// One day and platform.
pub(super) struct Date {
    pub(super) date: String,
    pub(super) platform: Option<String>,
}

/// What a date shows of a zone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Some scene reaches the zone.
    pub(super) there: bool,
    pub(super) clear: u64,
    sum: i64,
    /// Pixels of the zone on the recipe's grid.
    pub(super) pixels: u64,
}

impl Seen {
    pub(super) fn mean(&self) -> Option<f64> {
        (self.clear > 0).then(|| self.sum as f64 * UNIT / self.clear as f64)
    }

    fn add(&mut self, other: Self) {
        self.there |= other.there;
        self.clear += other.clear;
        self.sum += other.sum;
        self.pixels += other.pixels;
    }
}

/// All scenes of the period, opened.
pub(super) struct Scenes<'a> {
    asked: &'a Greenness,
    season: [PreparedSeason; 1],
    pub(super) frame: Frame,
}

impl<'a> Scenes<'a> {
    pub(super) fn open(
        asked: &'a Greenness,
        zones: &[Zone],
        size: usize,
        progress: &Progress,
    ) -> Result<Self, TaskError> {
        let recipe = &asked.recipe;
        let source = asked.source.description();
        if source.kind != Kind::Scenes {
            return Err(ZonalError::NotScenes {
                source_name: source.title.clone(),
                kind: source.kind.name(),
            }
            .into());
        }
        let wanted = [RED.to_owned(), NIR.to_owned()];
        if !wanted.iter().all(|band| recipe.bands.contains(band)) {
            return Err(ZonalError::NoRedAndNir {
                recipe: recipe.name.clone(),
            }
            .into());
        }
        let frame = Frame::new(
            zones,
            recipe.crs,
            |bounds| Ok(Grid::covering(recipe.crs, recipe.resolution, bounds)?),
            size,
        )?;
        let (mut bands, mut optional) = (wanted.to_vec(), Vec::new());
        if let Some(mask) = &recipe.mask {
            let list = if mask.required {
                &mut bands
            } else {
                &mut optional
            };
            list.push(mask.band.clone());
        }
        let (mut scenes, mut known) = (Vec::new(), BTreeSet::new());
        for season in &recipe.seasons {
            progress.check()?;
            let (start, end) = season.interval(asked.period);
            let found = asked.source.scenes(&Query {
                bbox: frame.grid.lonlat_bounds()?,
                start,
                end,
                bands: bands.clone(),
                optional_bands: optional.clone(),
                limit: None,
            })?;
            // Seasons may overlap.
            scenes.extend(
                found
                    .into_iter()
                    .filter(|scene| known.insert(scene.id.clone())),
            );
        }
        for scene in &mut scenes {
            scene
                .bands
                .retain(|name, _| bands.contains(name) || optional.contains(name));
            if let Some(band) = wanted.iter().find(|band| !scene.bands.contains_key(*band)) {
                return Err(TaskError::MissingBand {
                    scene: scene.id.clone(),
                    band: band.clone(),
                    found: scene.bands.keys().cloned().collect::<Vec<_>>().join(", "),
                });
            }
        }
        if scenes.is_empty() {
            let days = recipe.seasons.iter().map(|s| s.days(asked.period));
            let first = days.clone().map(|d| d.0).min();
            let last = days.map(|d| d.1).max();
            return Err(TaskError::NoScenes {
                area: "the zones".to_owned(),
                start: first.map_or_else(String::new, |d| d.to_string()),
                end: last.map_or_else(String::new, |d| d.to_string()),
                source_name: source.title.clone(),
            });
        }
        let inputs = SeasonInputs {
            season: recipe.seasons[0].clone(),
            scenes,
            rasters: BTreeMap::new(),
        };
        let season = prepare::season(recipe, &inputs, source, &frame.grid)?;
        Ok(Self {
            asked,
            season: [season],
            frame,
        })
    }

    fn acquisitions(&self) -> &[Acquisition] {
        match &self.season[0] {
            PreparedSeason::Scenes { acquisitions, .. } => acquisitions,
            // A source of scenes gives scenes.
            _ => &[],
        }
    }

    /// The days that were looked at.
    pub(super) fn dates(&self) -> Vec<Date> {
        let date = |acquisition: &Acquisition| {
            let scene = &acquisition.scenes[0].scene;
            Date {
                date: scene.datetime.date_naive().to_string(),
                platform: scene.platform.clone(),
            }
        };
        self.acquisitions().iter().map(date).collect()
    }

    /// For each zone, what each date shows of it.
    pub(super) fn means(
        &self,
        zones: usize,
        progress: &Progress,
    ) -> Result<Vec<Vec<Seen>>, TaskError> {
        let rasters = BTreeMap::new();
        let renderer = Renderer {
            recipe: &self.asked.recipe,
            grid: &self.frame.grid,
            seasons: &self.season,
            rasters: &rasters,
            model: None,
            network: None,
            progress,
            room: Mutex::default(),
        };
        let acquisitions = self.acquisitions();
        let mut all = vec![vec![Seen::default(); acquisitions.len()]; zones];
        for cell in &self.frame.cells {
            progress.check()?;
            let covered = self.frame.covered(cell);
            let mut block = BlockGrid {
                grid: self.frame.grid.sub(cell.window),
                inside: vec![false; cell.window.width * cell.window.height],
            };
            for pixel in covered.iter().flat_map(Covered::pixels) {
                block.inside[pixel] = true;
            }
            if !covered.is_empty() {
                let found = acquisitions
                    .par_iter()
                    .map(|acquisition| self.seen(&renderer, acquisition, &block, &covered))
                    .collect::<Result<Vec<_>, _>>()?;
                for (date, zones) in found.into_iter().enumerate() {
                    for (covered, seen) in covered.iter().zip(zones) {
                        all[covered.zone][date].add(seen);
                    }
                }
            }
            progress.advance();
        }
        Ok(all)
    }

    /// What one day shows of the zones in a cell.
    fn seen(
        &self,
        renderer: &Renderer<'_>,
        acquisition: &Acquisition,
        block: &BlockGrid,
        covered: &[Covered],
    ) -> Result<Vec<Seen>, TaskError> {
        renderer.progress.check()?;
        let mut index = vec![f32::NAN; block.pixels()];
        for scene in &acquisition.scenes {
            if !scene.bounds.intersects(&block.grid.bounds()) {
                continue;
            }
            let Some(usable) = renderer.usable(scene, block)? else {
                continue;
            };
            let red = renderer.read_band(scene, RED, block)?;
            let nir = renderer.read_band(scene, NIR, block)?;
            for (pixel, index) in index.iter_mut().enumerate() {
                // Of scenes that overlap, the first clear one.
                if usable[pixel] && index.is_nan() {
                    *index = ndvi(red[pixel], nir[pixel]);
                }
            }
        }
        let zone = |covered: &Covered| {
            let bounds = &self.frame.bounds[covered.zone];
            let mut seen = Seen {
                there: acquisition
                    .scenes
                    .iter()
                    .any(|s| s.bounds.intersects(bounds)),
                pixels: covered.count(),
                ..Seen::default()
            };
            for value in covered
                .pixels()
                .map(|pixel| index[pixel])
                .filter(|v| !v.is_nan())
            {
                seen.clear += 1;
                seen.sum += (f64::from(value) / UNIT).round() as i64;
            }
            seen
        };
        Ok(covered.iter().map(zone).collect())
    }
}

/// The normalised difference vegetation index. Surfaces darker than nothing, which an atmospheric correction leaves in
/// shadows, have none.
fn ndvi(red: f32, nir: f32) -> f32 {
    let sum = nir + red;
    if sum > 0.0 {
        ((nir - red) / sum).clamp(-1.0, 1.0)
    } else {
        f32::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_a_share_or_nothing() {
        assert!((ndvi(0.1, 0.3) - 0.5).abs() < 1e-6);
        assert!((ndvi(-0.1, 0.3) - 1.0).abs() < f32::EPSILON);
        for (red, nir) in [(0.0, 0.0), (-0.1, 0.05), (f32::NAN, 0.3), (0.1, f32::NAN)] {
            assert!(ndvi(red, nir).is_nan(), "{red} {nir}");
        }
    }
}
