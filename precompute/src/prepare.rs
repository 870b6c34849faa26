//! Opens what the plan found: fills in what the catalog left open, and notices what does not fit.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use geocrop_model::Unit;
use geocrop_raster::{Bounds, Grid, Resampling};
use geocrop_source::{Ancillary, Description, Kind, Scene};
use rayon::prelude::*;

use crate::TaskError;
use crate::files::with_reader;
use crate::inputs::SeasonInputs;
use crate::labels;
use crate::lattice::FileBlocks;
use crate::recipe::{Output, Raster, Recipe, Season};
use crate::sanity::Sanity;

/// A band's file with all that is needed to turn its values into reflectance.
pub(crate) struct PreparedBand {
    pub(crate) href: String,
    pub(crate) band: usize,
    /// The stored value that is no data, where the catalog names one; else the file's own tag holds.
    pub(crate) nodata: Option<f64>,
    /// More such values, which the recipe names.
    pub(crate) missing: Vec<f64>,
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    /// How the file is cut, if its pixels are the grid's.
    pub(crate) blocks: Option<FileBlocks>,
}

/// A scene whose files were looked at.
pub(crate) struct PreparedScene {
    pub(crate) scene: Scene,
    pub(crate) bands: BTreeMap<String, PreparedBand>,
    /// Extent in the grid's coordinate system.
    pub(crate) bounds: Bounds,
    pub(crate) sanity: Sanity,
    /// What was noticed about it.
    pub(crate) notes: Vec<String>,
}

/// The scenes of one day: neighbours on the ground, or the overlap of two tiles. One observation.
pub(crate) struct Acquisition {
    pub(crate) scenes: Vec<PreparedScene>,
}

/// One season, ready to be read.
pub(crate) enum PreparedSeason {
    /// Scenes that become a composite here.
    Scenes {
        season: Season,
        acquisitions: Vec<Acquisition>,
        rasters: BTreeMap<String, RasterLayer>,
    },
    /// Tiles of a composite that the source has made.
    Composites {
        season: Season,
        tiles: Vec<PreparedScene>,
        rasters: BTreeMap<String, RasterLayer>,
    },
    /// Days that have their classes already.
    Labels {
        season: Season,
        days: Vec<Acquisition>,
    },
}

impl PreparedSeason {
    pub(crate) fn season(&self) -> &Season {
        match self {
            Self::Scenes { season, .. }
            | Self::Composites { season, .. }
            | Self::Labels { season, .. } => season,
        }
    }

    pub(crate) fn rasters(&self) -> impl Iterator<Item = (&String, &RasterLayer)> {
        let rasters = match self {
            Self::Scenes { rasters, .. } | Self::Composites { rasters, .. } => Some(rasters),
            Self::Labels { .. } => None,
        };
        rasters.into_iter().flatten()
    }

    pub(crate) fn scenes(&self) -> Vec<&PreparedScene> {
        match self {
            Self::Scenes {
                acquisitions: days, ..
            }
            | Self::Labels { days, .. } => days.iter().flat_map(|day| &day.scenes).collect(),
            Self::Composites { tiles, .. } => tiles.iter().collect(),
        }
    }
}

/// Opens one season's scenes.
pub(crate) fn season(
    recipe: &Recipe,
    inputs: &SeasonInputs,
    source: &Description,
    grid: &Grid,
) -> Result<PreparedSeason, TaskError> {
    if let (Output::Labels(map), Kind::Labels) = (&recipe.output, source.kind) {
        return labels::season(recipe, &map.legend, inputs, source, grid);
    }
    let composites = source.kind == Kind::Composites;
    let rasters = layers(recipe, &inputs.rasters)?;
    let season = inputs.season.clone();
    let scenes = inputs
        .scenes
        .par_iter()
        .map(|scene| prepare(recipe, scene, grid, composites))
        .collect::<Result<Vec<_>, _>>()?;
    if composites {
        return Ok(PreparedSeason::Composites {
            season,
            tiles: scenes,
            rasters,
        });
    }
    let mut days: BTreeMap<(NaiveDate, String), Vec<PreparedScene>> = BTreeMap::new();
    for scene in scenes {
        let day = scene.scene.datetime.date_naive();
        let platform = scene.scene.platform.clone().unwrap_or_default();
        days.entry((day, platform)).or_default().push(scene);
    }
    Ok(PreparedSeason::Scenes {
        season,
        acquisitions: days
            .into_values()
            .map(|scenes| Acquisition { scenes })
            .collect(),
        rasters,
    })
}

fn prepare(
    recipe: &Recipe,
    scene: &Scene,
    grid: &Grid,
    composite: bool,
) -> Result<PreparedScene, TaskError> {
    let mut bands = BTreeMap::new();
    let mut notes = Vec::new();
    let mut bounds: Option<Bounds> = None;
    for (name, band) in &scene.bands {
        let is_mask = recipe.mask.as_ref().is_some_and(|m| m.band == *name);
        if is_mask {
            continue;
        }
        let info = with_reader(|reader| reader.info(&band.href))?;
        if let Some(epsg) = scene.epsg.filter(|epsg| *epsg != info.crs.epsg()) {
            let note = format!(
                "the item says EPSG:{epsg}, the files are in {}: the files are believed",
                info.crs
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let extent = info.bounds_in(grid.crs)?;
        bounds = Some(bounds.map_or(extent, |b| b.union(&extent)));
        let tags = info.bands.get(band.band.saturating_sub(1));
        let reflectance = recipe.bands.contains(name);
        bands.insert(
            name.clone(),
            PreparedBand {
                href: band.href.clone(),
                band: band.band,
                nodata: band.nodata,
                missing: if reflectance && !composite {
                    recipe.invalid.clone()
                } else {
                    Vec::new()
                },
                scale: band.scale.or(tags.and_then(|t| t.scale)).unwrap_or(1.0) as f32,
                offset: band.offset.or(tags.and_then(|t| t.offset)).unwrap_or(0.0) as f32,
                blocks: FileBlocks::on(grid, &info),
            },
        );
    }
    Ok(PreparedScene {
        bounds: bounds.unwrap_or(grid.bounds()),
        scene: scene.clone(),
        bands,
        sanity: Sanity::default(),
        notes,
    })
}

/// A raster beside the imagery, ready to be read in the recipe's unit.
pub(crate) struct RasterLayer {
    /// Files whose values are added up; empty for a constant.
    hrefs: Vec<String>,
    /// Added to the sum of the files.
    constant: f32,
    scale: f32,
    offset: f32,
    resampling: Resampling,
    convert: fn(f32) -> f32,
}

impl RasterLayer {
    /// The layer on a grid, `[pixel]`.
    pub(crate) fn read(&self, grid: &Grid) -> Result<Vec<f32>, TaskError> {
        let mut sum = vec![self.constant; grid.width * grid.height];
        for href in &self.hrefs {
            let plane = with_reader(|reader| reader.read(href, 1, None, grid, self.resampling))?;
            for (total, value) in sum.iter_mut().zip(&plane) {
                *total += value * self.scale + self.offset;
            }
        }
        for value in &mut sum {
            *value = (self.convert)(*value);
        }
        Ok(sum)
    }
}

/// Makes the layers of a set of rasters.
pub(crate) fn layers(
    recipe: &Recipe,
    found: &BTreeMap<String, Ancillary>,
) -> Result<BTreeMap<String, RasterLayer>, TaskError> {
    found
        .iter()
        .map(|(name, ancillary)| {
            let wanted = &recipe.rasters[name];
            Ok((name.clone(), layer(name, ancillary, wanted)?))
        })
        .collect()
}

fn layer(name: &str, ancillary: &Ancillary, wanted: &Raster) -> Result<RasterLayer, TaskError> {
    let found: Unit = ancillary.unit.parse().map_err(|e| TaskError::UnknownUnit {
        name: name.to_owned(),
        reason: format!("{e}"),
    })?;
    let convert = conversion(found, wanted.unit).ok_or_else(|| TaskError::Unit {
        name: name.to_owned(),
        found: found.to_string(),
        expected: wanted.unit.to_string(),
    })?;
    Ok(RasterLayer {
        hrefs: ancillary.hrefs.clone(),
        constant: ancillary.constant as f32,
        scale: ancillary.scale as f32,
        offset: ancillary.offset as f32,
        resampling: wanted.resampling,
        convert,
    })
}

/// How a value in one unit becomes one in another.
pub(crate) fn conversion(from: Unit, to: Unit) -> Option<fn(f32) -> f32> {
    match (from, to) {
        (a, b) if a == b => Some(|v| v),
        (Unit::Degree, Unit::Percent) => Some(|v| v.to_radians().tan() * 100.0),
        (Unit::Percent, Unit::Degree) => Some(|v| (v / 100.0).atan().to_degrees()),
        (Unit::Metre, Unit::Millimetre) => Some(|v| v * 1000.0),
        (Unit::Millimetre, Unit::Metre) => Some(|v| v / 1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_of_forty_five_degrees_is_a_hundred_percent() {
        let there = conversion(Unit::Degree, Unit::Percent).unwrap();
        let back = conversion(Unit::Percent, Unit::Degree).unwrap();
        assert!((there(45.0) - 100.0).abs() < 1e-3);
        assert!((back(there(3.0)) - 3.0).abs() < 1e-4);
        assert!(conversion(Unit::Millimetre, Unit::Degree).is_none());
    }
}
