//! Statistics of zones: for each feature of a `FeatureCollection` the hectares of each class of a map, and the mean NDVI
//! of each date.
//!
//! Zones are laid on the map's grid and cut into cells. Each cell is read once, whatever lies over it, and a zone takes
//! the pixels whose centres it holds, as every map of GeoCrop does. Memory is that of the cells in work.

mod classes;
pub(crate) mod frame;
mod greenness;
mod published;
mod report;
mod zones;

use std::sync::Arc;

use geocrop_raster::AoiError;
use geocrop_source::Source;

pub use published::{Published, published};
pub use report::{ZonalReport, ZoneClass, ZoneDate, ZoneMap, ZoneReport};
pub use zones::{Zone, ZoneLimits, parse};

use crate::files::close_files;
use crate::plan::cache_mb;
use crate::progress::Stage;
use crate::recipe::{NODATA, Output, Period, Recipe};
use crate::statistics::{self, MapClass};
use crate::{Progress, TaskError};
use classes::{Counts, Ground};
use greenness::{Date, Scenes, Seen};

/// What is asked. A map that does not cover a zone counts as unmapped there: make one first, by a task, and name its
/// file here.
#[derive(Debug, Clone)]
pub struct ZonalInputs {
    /// From [`parse`].
    pub zones: Vec<Zone>,
    /// The map whose classes are counted, if any.
    pub map: Option<ZonalMap>,
    /// The scenes whose NDVI is averaged, if any.
    pub greenness: Option<Greenness>,
    /// Memory to stay within, in MB.
    pub memory_mb: usize,
}

/// A map of classes, or of the steps of an index.
#[derive(Debug, Clone)]
pub struct ZonalMap {
    /// Its legend.
    pub recipe: Arc<Recipe>,
    /// The period it shows, for the report.
    pub period: Period,
    /// Its files, of one grid: paths or addresses. Where they overlap the first one that has a class decides.
    pub rasters: Vec<String>,
}

/// Where NDVI comes from.
#[derive(Debug, Clone)]
pub struct Greenness {
    /// Its grid, mask, seasons and resampling are used; it needs the bands `red` and `nir`.
    pub recipe: Arc<Recipe>,
    /// The period whose seasons are looked at.
    pub period: Period,
    /// The scenes.
    pub source: Arc<Source>,
}

/// What is wrong with zones, or with what is asked of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZonalError {
    /// Not JSON.
    #[error("the zones are not JSON: {reason}")]
    NotJson {
        /// What the parser said.
        reason: String,
    },
    /// None.
    #[error("there is no zone: expected a FeatureCollection with at least one polygon")]
    NoZone,
    /// One of them.
    #[error("zone {number}: {source}")]
    Zone {
        /// From 1.
        number: usize,
        /// What is wrong with it.
        source: AoiError,
    },
    /// Too many of something.
    #[error("the zones have {found} {what}, at most {limit} are taken: ask for them in parts")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Found.
        found: usize,
        /// Allowed.
        limit: usize,
    },
    /// Too large together.
    #[error(
        "the zones cover {area_km2:.1} km2 together, at most {limit:.1} km2 are taken: ask for them in parts"
    )]
    TooLarge {
        /// Found.
        area_km2: f64,
        /// Allowed.
        limit: f64,
    },
    /// Neither classes nor NDVI.
    #[error("nothing is asked of the zones: give a map, or scenes, or both")]
    NothingAsked,
    /// A turned raster.
    #[error("{raster} is not a north-up map of square pixels")]
    NotNorthUp {
        /// Path or address.
        raster: String,
    },
    /// Maps that do not belong together.
    #[error("{a} and {b} do not lie on one grid: count them one by one")]
    OtherGrid {
        /// Path or address.
        a: String,
        /// Path or address.
        b: String,
    },
    /// A picture.
    #[error("the recipe {recipe} makes pictures, which have no classes to count")]
    NoClasses {
        /// The recipe.
        recipe: String,
    },
    /// No index without its bands.
    #[error(
        "NDVI needs the bands red and nir, which the recipe {recipe} does not read: name a recipe that does, such as ndvi"
    )]
    NoRedAndNir {
        /// The recipe.
        recipe: String,
    },
    /// Composites and labels have no dates.
    #[error("NDVI by date needs scenes, and {source_name} holds {kind}: name a source of scenes")]
    NotScenes {
        /// The source.
        source_name: String,
        /// What it holds.
        kind: &'static str,
    },
}

/// Makes the statistics.
///
/// # Errors
/// [`TaskError::Zonal`], or what reading the map and the scenes can fail with.
pub fn run(inputs: &ZonalInputs, progress: &Progress) -> Result<ZonalReport, TaskError> {
    let report = work(inputs, progress);
    close_files();
    report
}

fn work(inputs: &ZonalInputs, progress: &Progress) -> Result<ZonalReport, TaskError> {
    progress.begin(Stage::Plan, 1);
    let zones = &inputs.zones;
    if zones.is_empty() {
        return Err(ZonalError::NoZone.into());
    }
    let (recipe, period) = match (&inputs.map, &inputs.greenness) {
        (Some(map), _) => (&map.recipe, map.period),
        (None, Some(greenness)) => (&greenness.recipe, greenness.period),
        (None, None) => return Err(ZonalError::NothingAsked.into()),
    };
    let size = cell_size(inputs.memory_mb);
    let map = inputs
        .map
        .as_ref()
        .map(|map| {
            if matches!(map.recipe.output, Output::Picture { .. }) {
                let recipe = map.recipe.name.clone();
                return Err(TaskError::from(ZonalError::NoClasses { recipe }));
            }
            let ground = Ground::open(&map.rasters)?;
            let frame = ground.frame(zones, size)?;
            Ok((map, ground, frame))
        })
        .transpose()?;
    let scenes = inputs
        .greenness
        .as_ref()
        .map(|asked| Scenes::open(asked, zones, size, progress))
        .transpose()?;
    let cells = map.as_ref().map_or(0, |(_, _, frame)| frame.cells.len());
    let seen = scenes.as_ref().map_or(0, |scenes| scenes.frame.cells.len());
    progress.begin(Stage::Map, cells + seen);

    let mut notes = Vec::new();
    let mut reports: Vec<ZoneReport> = zones
        .iter()
        .map(|zone| ZoneReport {
            zone: zone.clone(),
            area_ha: round(zone.aoi.area_km2() * 100.0, 4),
            map: None,
            ndvi: None,
        })
        .collect();
    if let Some((map, ground, frame)) = map {
        let counts = ground.count(&frame, zones.len(), progress)?;
        let hectares = frame.grid.pixel_area_m2()? / 10_000.0;
        let classes = statistics::classes(&map.recipe.output);
        for (report, counts) in reports.iter_mut().zip(&counts) {
            report.map = Some(zone_map(&classes, counts, hectares));
        }
        let small = counts.iter().filter(|c| c.pixels == 0).count();
        if small > 0 {
            notes.push(format!(
                "{small} zone(s) hold no pixel's centre: they are smaller than a pixel of the map"
            ));
        }
        let bare = counts
            .iter()
            .filter(|c| c.pixels > 0 && c.codes[usize::from(NODATA)] == c.pixels)
            .count();
        if bare > 0 {
            notes.push(format!(
                "{bare} zone(s) lie where the map has no class at all"
            ));
        }
    }
    if let Some(scenes) = scenes {
        let dates = scenes.dates();
        let means = scenes.means(zones.len(), progress)?;
        for (report, seen) in reports.iter_mut().zip(means) {
            report.ndvi = Some(zone_dates(&dates, &seen));
        }
    }
    Ok(ZonalReport {
        recipe: recipe.name.clone(),
        period: period.to_string(),
        zones: reports,
        notes,
    })
}

/// The side of the cells that keeps a job within a budget of memory: each thread holds a few planes of one.
fn cell_size(memory_mb: usize) -> usize {
    const FIXED_MB: usize = 85;
    const BYTES: usize = 32;
    let budget = memory_mb
        .saturating_sub(FIXED_MB + cache_mb(memory_mb))
        .max(1)
        * 1024
        * 1024;
    let side = ((budget / (BYTES * rayon::current_num_threads())) as f64).sqrt() as usize;
    (side / 64 * 64).clamp(64, 512)
}

fn zone_map(classes: &[MapClass], counts: &Counts, hectares: f64) -> ZoneMap {
    let pixels_of = |class: &MapClass| -> u64 {
        counts.codes[usize::from(class.first)..=usize::from(class.last)]
            .iter()
            .sum()
    };
    let mapped: u64 = classes.iter().map(pixels_of).sum();
    let class = |class: &MapClass| {
        let pixels = pixels_of(class);
        ZoneClass {
            value: class.first,
            name: class.name.clone(),
            title: class.title.clone(),
            pixels,
            hectares: round(pixels as f64 * hectares, 4),
            percent: round(100.0 * pixels as f64 / mapped.max(1) as f64, 2),
        }
    };
    ZoneMap {
        pixels: counts.pixels,
        mapped_ha: round(mapped as f64 * hectares, 4),
        unmapped_ha: round((counts.pixels - mapped) as f64 * hectares, 4),
        classes: classes.iter().map(class).collect(),
    }
}

fn zone_dates(dates: &[Date], seen: &[Seen]) -> Vec<ZoneDate> {
    let there = dates.iter().zip(seen).filter(|(_, seen)| seen.there);
    there
        .map(|(date, seen)| ZoneDate {
            date: date.date.clone(),
            platform: date.platform.clone(),
            mean: seen.mean().map(|mean| round(mean, 6)),
            clear: seen.clear,
            share: round(seen.clear as f64 / seen.pixels.max(1) as f64, 4),
        })
        .collect()
}

fn round(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}
