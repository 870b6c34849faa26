//! Features of labelled places: what a model learns from, made by the code that makes the maps.
//!
//! A point takes the pixel that holds it, an area every pixel whose centre it holds, on the very grid of the recipe's
//! maps. From there on it is the maps' own way: the same scenes are found, read, masked and made into composites and
//! features by [`Renderer`]. Blocks are read only where there are places, and each once.
//!
//! What cannot be seen is left out and told, never filled in: a place outside the imagery, or without a clear observation
//! in one of the seasons.

mod parts;
mod result;

use std::sync::{Arc, Mutex};

use chrono::{Datelike as _, NaiveDate};
use geo::MultiPolygon;
use geocrop_raster::Crs;
use geocrop_source::{Query, Source};

pub use result::{Extracted, LeftOut, Missed};

use crate::block::{BlockGrid, Renderer};
use crate::files::close_files;
use crate::inputs::Inputs;
use crate::lock::{Basis, Lock};
use crate::plan;
use crate::prepare::{self, PreparedSeason};
use crate::progress::Stage;
use crate::recipe::{Output, Period, Recipe};
use crate::{Progress, Target, Task, TaskError};
use parts::{Cell, Part, Wanted};
use result::{Row, degrees_of};

/// The most rows of a result: with the features of a large recipe some 600 MB.
pub const MOST_ROWS: usize = 4_000_000;

/// A labelled place.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it is called, for whoever is told about it.
    pub name: String,
    /// Its class.
    pub class: u8,
    /// What belongs together. The pixels of an area do in any case.
    pub group: Option<String>,
    /// What each of its rows counts when a model is trained; 1 where nothing is said.
    pub weight: Option<f32>,
    /// The period of which the imagery is taken.
    pub period: Period,
    /// Where it is.
    pub place: PlotPlace,
}

/// Where a plot is, in degrees.
#[derive(Debug, Clone, PartialEq)]
pub enum PlotPlace {
    /// At a point.
    Point {
        /// Longitude.
        lon: f64,
        /// Latitude.
        lat: f64,
    },
    /// All over valid polygons.
    Area(MultiPolygon<f64>),
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct ExtractInputs {
    /// Its features are made.
    pub recipe: Arc<Recipe>,
    /// The imagery.
    pub source: Arc<Source>,
    /// The places.
    pub plots: Vec<Plot>,
    /// Memory to stay within, in MB; the result comes on top.
    pub memory_mb: usize,
}

/// Why there are no features.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// Labels are made of scenes, without features.
    #[error(
        "the recipe {recipe} makes labels with a network and has no features to extract: name one with [features], such as \
         cropland-southeast-africa"
    )]
    NoFeatures {
        /// The recipe.
        recipe: String,
    },
    /// Areas are too large, or too many.
    #[error(
        "the samples have more than {limit} pixels: extract them batch by batch or year by year, or draw smaller polygons"
    )]
    TooMany {
        /// Allowed.
        limit: usize,
    },
    /// Nothing is left.
    #[error(
        "none of the {plots} samples could be seen: {outside} lie outside the imagery of {source_name}, {unclear} have no \
         clear observation in some season, {small} hold no pixel's centre. Check the period, the source and the \
         coordinates"
    )]
    Nothing {
        /// How many there are.
        plots: usize,
        /// Of these, outside.
        outside: usize,
        /// Of these, under cloud.
        unclear: usize,
        /// Of these, too small.
        small: usize,
        /// The source.
        source_name: String,
    },
}

/// The period in whose imagery a label of a time is looked for, from its first and last day: the one that has the middle
/// of that time in one of its seasons, else the year of the middle. A whole year is itself.
pub fn period_of(recipe: &Recipe, first: NaiveDate, last: NaiveDate) -> Result<Period, String> {
    let middle = first + (last - first) / 2;
    let year = |year: i32| year.to_string().parse::<Period>();
    let own = year(middle.year())?;
    let whole_year = first.ordinal() == 1 && (last - first).num_days() >= 364;
    if whole_year {
        return Ok(own);
    }
    let holds = |period: &Period| {
        let mut seasons = recipe.seasons.iter().map(|season| season.days(*period));
        seasons.any(|(from, to)| (from..=to).contains(&middle))
    };
    let next = year(middle.year() + 1).ok();
    let found = [Some(own), next].into_iter().flatten().find(holds);
    Ok(found.unwrap_or(own))
}

/// Makes the features.
///
/// # Errors
/// [`TaskError::Extract`], or what finding and reading imagery can fail with.
pub fn extract(inputs: &ExtractInputs, progress: &Progress) -> Result<Extracted, TaskError> {
    let result = work(inputs, progress);
    close_files();
    result
}

fn work(inputs: &ExtractInputs, progress: &Progress) -> Result<Extracted, TaskError> {
    let recipe = &inputs.recipe;
    if matches!(recipe.output, Output::Labels(_)) {
        return Err(ExtractError::NoFeatures {
            recipe: recipe.name.clone(),
        }
        .into());
    }
    progress.begin(Stage::Plan, 1);
    let mut result = Extracted::new(inputs);
    let (parts, nowhere) = parts::parts(recipe, &inputs.plots)?;
    for plot in nowhere {
        result.miss(plot, Missed::Outside);
    }
    progress.begin(Stage::Map, inputs.plots.len());
    for part in &parts {
        progress.check()?;
        Extraction { inputs, progress }.part(part, &mut result)?;
        for _ in &part.plots {
            progress.advance();
        }
    }
    result.finish(inputs)
}

struct Extraction<'a> {
    inputs: &'a ExtractInputs,
    progress: &'a Progress,
}

impl Extraction<'_> {
    /// Places of one period that lie near each other.
    fn part(&self, part: &Part, result: &mut Extracted) -> Result<(), TaskError> {
        let (recipe, source) = (&*self.inputs.recipe, &*self.inputs.source);
        let bbox = part.grid.lonlat_bounds()?;
        // Where a season has no scene, nothing else is looked for: rain of those years may be missing as well.
        let search = |query: &Query| match source.scenes(query)? {
            none if none.is_empty() => Err(TaskError::NoScenes {
                area: "the samples".to_owned(),
                start: query.start.date_naive().to_string(),
                end: query.end.date_naive().to_string(),
                source_name: source.description().title.clone(),
            }),
            scenes => Ok(scenes),
        };
        let inputs = match Inputs::find(recipe, source, bbox, part.period, self.progress, search) {
            Err(TaskError::NoScenes { .. }) => {
                for wanted in &part.plots {
                    result.miss(wanted.plot, Missed::Outside);
                }
                return Ok(());
            }
            found => found?,
        };
        let seasons = inputs
            .seasons
            .iter()
            .map(|season| prepare::season(recipe, season, source.description(), &part.grid))
            .collect::<Result<Vec<PreparedSeason>, _>>()?;
        let rasters = prepare::layers(recipe, &inputs.rasters)?;
        let renderer = Renderer {
            recipe,
            grid: &part.grid,
            seasons: &seasons,
            rasters: &rasters,
            model: None,
            network: None,
            progress: self.progress,
            room: Mutex::default(),
        };
        let dates = inputs.seasons.iter().map(|s| s.scenes.len()).max();
        let size = plan::block_size(recipe, dates.unwrap_or(0), self.inputs.memory_mb);
        let mut found = vec![(0, 0); part.plots.len()];
        for cell in part.cells(size) {
            self.progress.check()?;
            self.cell(part, &cell, &renderer, &mut found, result)?;
        }
        for (wanted, (pixels, rows)) in part.plots.iter().zip(found) {
            match (pixels, rows) {
                (0, _) => result.miss(wanted.plot, Missed::Small),
                (_, 0) if in_imagery(wanted, &seasons) => result.miss(wanted.plot, Missed::Unclear),
                (_, 0) => result.miss(wanted.plot, Missed::Outside),
                (pixels, rows) => result.unclear_pixels += pixels - rows,
            }
        }
        result.keep(&self.lock(part, inputs)?);
        Ok(())
    }

    /// The places of one block. `found` counts the pixels of each place and those that became rows.
    fn cell(
        &self,
        part: &Part,
        cell: &Cell,
        renderer: &Renderer<'_>,
        found: &mut [(usize, usize)],
        result: &mut Extracted,
    ) -> Result<(), TaskError> {
        let window = cell.window;
        let covered = part.covered(cell);
        let mut block = BlockGrid {
            grid: part.grid.sub(window),
            inside: vec![false; window.width * window.height],
        };
        for (place, pixels) in &covered {
            found[*place].0 += pixels.len();
            for pixel in pixels {
                block.inside[*pixel] = true;
            }
        }
        if !block.inside.contains(&true) {
            return Ok(());
        }
        let composed = renderer.compose(&block)?;
        let rasters = renderer.year_rasters(&block)?;
        let (all, mut made) = (0..block.pixels(), Vec::new());
        let names = result.features.clone();
        renderer.with_features(&composed.features, &rasters, all, &mut made, |feature| {
            let planes: Vec<&[f32]> = names.iter().map(|name| feature(name)).collect();
            for (place, pixels) in &covered {
                let wanted = &part.plots[*place];
                for pixel in pixels.iter().filter(|pixel| composed.complete[**pixel]) {
                    found[*place].1 += 1;
                    let at = (
                        window.y + pixel / window.width,
                        window.x + pixel % window.width,
                    );
                    let row = Row {
                        plot: wanted.plot,
                        at,
                        lonlat: match self.inputs.plots[wanted.plot].place {
                            PlotPlace::Point { lon, lat } => [lon, lat],
                            PlotPlace::Area(_) => degrees_of(&part.grid, &part.back, at)?,
                        },
                    };
                    result.push(row, planes.iter().map(|plane| plane[*pixel]))?;
                }
            }
            Ok(())
        })
    }

    /// What the features of a part were made of, as a map has it beside it.
    fn lock(&self, part: &Part, inputs: Inputs) -> Result<Lock, TaskError> {
        let task = Task {
            recipe: Arc::clone(&self.inputs.recipe),
            aoi: part.area()?,
            period: part.period,
            source: Arc::clone(&self.inputs.source),
            target: Target::Layer,
        };
        Ok(Lock::new(&task, None, Basis::of(&task, None), inputs))
    }
}

/// Whether some scene of each season reaches a place.
fn in_imagery(wanted: &Wanted, seasons: &[PreparedSeason]) -> bool {
    seasons.iter().all(|season| {
        let mut scenes = season.scenes().into_iter();
        scenes.any(|scene| scene.bounds.intersects(&wanted.bounds))
    })
}

/// Degrees.
const LON_LAT: Crs = Crs::LON_LAT;

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(start: &str, end: &str) -> Recipe {
        let text = include_str!("../../../recipes/ndvi.toml");
        let mut recipe = Recipe::parse(text, "ndvi.toml").unwrap();
        recipe.seasons = vec![
            serde_json::from_value(serde_json::json!({ "name": "S", "start": start, "end": end }))
                .unwrap(),
        ];
        recipe
    }

    #[test]
    fn a_label_belongs_to_the_period_whose_season_holds_it() {
        let period = |recipe: &Recipe, first: &str, last: &str| {
            let day = |text: &str| text.parse::<NaiveDate>().unwrap();
            period_of(recipe, day(first), day(last))
                .unwrap()
                .to_string()
        };
        let season = recipe("11-01", "04-30");
        assert_eq!(period(&season, "2023-12-10", "2023-12-10"), "2024");
        assert_eq!(period(&season, "2024-02-01", "2024-02-29"), "2024");
        assert_eq!(period(&season, "2023-01-01", "2023-12-31"), "2023");
        assert_eq!(period(&season, "2023-07-01", "2023-07-01"), "2023");
        assert_eq!(
            period(&recipe("01-01", "12-31"), "2023-12-10", "2023-12-10"),
            "2023"
        );
    }
}
