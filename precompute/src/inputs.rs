//! What goes into a task, frozen when it is planned.
//!
//! A catalog that answers differently, or not at all, while the task runs does not matter any
//! more: hrefs, offsets and fingerprints are kept here, go into the task's hash and are written
//! into the item.

use std::collections::BTreeMap;

use geocrop_source::{Ancillary, Kind, LABEL, Query, Scene, Source};
use serde::{Deserialize, Serialize};

use crate::post::PolygonFile;
use crate::recipe::{DEVIATIONS, Period, Recipe, Season};
use crate::{Progress, TaskError};

/// Everything that a task reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// Scenes by season, in the recipe's order.
    pub(crate) seasons: Vec<SeasonInputs>,
    /// Rasters that hold for the whole period.
    pub(crate) rasters: BTreeMap<String, Ancillary>,
    /// The polygon files of the recipe's masks, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) polygons: Vec<PolygonFile>,
}

/// What one season's composite is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SeasonInputs {
    pub(crate) season: Season,
    pub(crate) scenes: Vec<Scene>,
    pub(crate) rasters: BTreeMap<String, Ancillary>,
}

impl Inputs {
    /// Searches the source for all that a recipe needs over a box of longitudes and latitudes.
    ///
    /// `search` answers for the source, which lets it remember answers and cut them to a part of the box.
    pub(crate) fn find(
        recipe: &Recipe,
        source: &Source,
        bbox: [f64; 4],
        period: Period,
        progress: &Progress,
        mut search: impl FnMut(&Query) -> Result<Vec<Scene>, TaskError>,
    ) -> Result<Self, TaskError> {
        refuse_unsuitable(recipe, source)?;
        let (bands, optional_bands) = wanted(recipe, source);
        let mut seasons = Vec::new();
        for season in &recipe.seasons {
            progress.check()?;
            let (start, end) = season.interval(period);
            let scenes = search(&Query {
                bbox,
                start,
                end,
                bands: bands.clone(),
                optional_bands: optional_bands.clone(),
                limit: None,
            })?;
            refuse_missing_bands(&scenes, &bands)?;
            seasons.push(SeasonInputs {
                season: season.clone(),
                scenes,
                rasters: rasters(recipe, source, season, period)?,
            });
        }
        let days = |s: &Season| s.days(period);
        let first = recipe.seasons.iter().map(|s| days(s).0).min();
        let last = recipe.seasons.iter().map(|s| days(s).1).max();
        let mut rasters = BTreeMap::new();
        for (name, _) in recipe.rasters.iter().filter(|(_, r)| !r.seasonal) {
            let (first, last) = first.zip(last).expect("a recipe has a season");
            rasters.insert(name.clone(), source.ancillary(name, first, last)?);
        }
        Ok(Inputs {
            seasons,
            rasters,
            polygons: Vec::new(),
        })
    }
}

fn refuse_unsuitable(recipe: &Recipe, source: &Source) -> Result<(), TaskError> {
    let description = source.description();
    if recipe.accepts(description.kind) {
        return Ok(());
    }
    Err(TaskError::UnsuitableSource {
        recipe: recipe.name.clone(),
        source_name: description.title.clone(),
        kind: description.kind.name(),
    })
}

/// Bands to ask for: those that must be there, and those that may.
fn wanted(recipe: &Recipe, source: &Source) -> (Vec<String>, Vec<String>) {
    match source.description().kind {
        Kind::Scenes => recipe.wanted_bands(),
        // A composite was masked when it was made; its deviations come ready too.
        Kind::Composites => {
            let mut bands = recipe.bands.clone();
            if recipe.composite.mads {
                bands.extend(DEVIATIONS.map(str::to_owned));
            }
            (bands, vec![OBSERVATIONS_BAND.to_owned()])
        }
        // Either is enough, and which it is shows when the files are opened.
        Kind::Labels => {
            let legend = recipe.output.legend();
            let classes = legend.into_iter().flat_map(geocrop_model::Legend::iter);
            let names = classes.map(|class| class.name.clone());
            let label = std::iter::once(LABEL.to_owned());
            (Vec::new(), label.chain(names).collect())
        }
    }
}

/// The band of a ready composite that counts its clear observations.
pub(crate) const OBSERVATIONS_BAND: &str = "count";

fn refuse_missing_bands(scenes: &[Scene], bands: &[String]) -> Result<(), TaskError> {
    for scene in scenes {
        if let Some(band) = bands.iter().find(|b| !scene.bands.contains_key(*b)) {
            return Err(TaskError::MissingBand {
                scene: scene.id.clone(),
                band: band.clone(),
                found: scene.bands.keys().cloned().collect::<Vec<_>>().join(", "),
            });
        }
    }
    Ok(())
}

fn rasters(
    recipe: &Recipe,
    source: &Source,
    season: &Season,
    period: Period,
) -> Result<BTreeMap<String, Ancillary>, TaskError> {
    let (first, last) = season.days(period);
    let mut found = BTreeMap::new();
    for (name, _) in recipe.rasters.iter().filter(|(_, r)| r.seasonal) {
        found.insert(name.clone(), source.ancillary(name, first, last)?);
    }
    Ok(found)
}
