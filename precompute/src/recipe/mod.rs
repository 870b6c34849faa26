//! Recipes: one TOML file says how a map is made.
//!
//! A recipe says *what* is needed (bands, a mask, seasons, features, a model); where imagery and
//! other rasters are found is the source's business. Everything that can be checked without
//! imagery is checked when the recipe is read, and an error names the file and the line.

mod error;
mod file;
mod output;
mod period;
mod post;

use std::collections::BTreeMap;
use std::path::Path;

use geocrop_composite::MaskRecipe;
use geocrop_model::{Definition, FeatureSet, Symbols, Unit};
use geocrop_raster::{Crs, Resampling};
use geocrop_source::Kind;
use serde::Serialize;

pub use error::RecipeError;
pub use output::{ClassModel, INDEX_STEPS, LabelMap, Output, RampStep, RemoteModel};
pub(crate) use output::{NODATA, index_code, picture_code};
pub use period::{MonthDay, Period, Season};
pub use post::{Connectivity, LARGEST_UNIT, MappingUnit, MaskPlace, Post, PostMask, WIDEST_WINDOW};

/// How a map is made, checked and ready to run.
#[derive(Debug)]
pub struct Recipe {
    /// Slug; the layer's folder in the store.
    pub name: String,
    /// For people.
    pub title: String,
    /// One or two sentences for people.
    pub description: String,
    /// Where the map means something, if it does not everywhere.
    pub zone: Option<Zone>,
    /// Coordinate system of the map.
    pub crs: Crs,
    /// Pixel size in the units of `crs`.
    pub resolution: f64,
    /// Spectral bands that are read, in order.
    pub bands: Vec<String>,
    /// How bands are resampled onto the grid.
    pub band_resampling: Resampling,
    /// Stored values that are no data although the metadata do not say so.
    pub invalid: Vec<f64>,
    /// Which pixels are not to be trusted.
    pub mask: Option<Mask>,
    /// The composites of a period.
    pub seasons: Vec<Season>,
    /// How the dates of a season become one.
    pub composite: Composite,
    /// Other rasters that features use.
    pub rasters: BTreeMap<String, Raster>,
    /// Features made once per season, with the season's suffix.
    pub season_features: FeatureSet,
    /// Features made once.
    pub year_features: Option<FeatureSet>,
    /// What the features become.
    pub output: Output,
    /// What is done to the map after it was made.
    pub post: Post,
    /// What its paths are relative to.
    pub folder: std::path::PathBuf,
    /// The canonical form of the file's content, for hashing: formatting and comments do not count.
    pub canonical: serde_json::Value,
}

/// A region that a model was made for.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Identifier, as the samples have it.
    pub name: String,
    /// For people.
    pub title: String,
    /// West, south, east, north in degrees; approximate.
    pub bounds: [f64; 4],
}

impl Zone {
    /// Whether a box of longitudes and latitudes lies wholly inside the zone's bounds.
    pub fn contains(&self, [west, south, east, north]: [f64; 4]) -> bool {
        let [w, s, e, n] = self.bounds;
        west >= w && south >= s && east <= e && north <= n
    }
}

/// A band of classes that says which pixels to leave out.
#[derive(Debug, Clone)]
pub struct Mask {
    /// The band's name.
    pub band: String,
    /// Whether a source without this band is refused.
    pub required: bool,
    /// Classes, opening and dilation.
    pub recipe: MaskRecipe,
}

/// How the dates of a season become one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// The statistic.
    pub method: Method,
    /// Of the geomedian: length of the last step of the iteration, in reflectance.
    #[serde(default = "Composite::default_eps")]
    pub eps: f32,
    /// Of the geomedian: most steps of the iteration.
    #[serde(default = "Composite::default_iterations")]
    pub max_iterations: u32,
    /// Whether the three median absolute deviations from the geomedian are made.
    #[serde(default)]
    pub mads: bool,
    /// Of labels: fewer observations than this are thin evidence.
    #[serde(default)]
    pub thin: u16,
}

impl Composite {
    fn default_eps() -> f32 {
        1e-5
    }
    fn default_iterations() -> u32 {
        1000
    }
}

/// The statistic of a composite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The geometric median over all bands together.
    Geomedian,
    /// Of labels: the class that most dates have.
    Mode,
    /// Of labels: the class with the highest mean probability.
    MeanProbability,
}

/// A raster beside the imagery.
#[derive(Debug, Clone)]
pub struct Raster {
    /// The unit that the features expect; a source's other unit is converted or refused.
    pub unit: Unit,
    /// How it is brought onto the grid.
    pub resampling: Resampling,
    /// Whether it has one value per season (a sum of months) or one for all.
    pub seasonal: bool,
}

/// Names of the composite's deviations, usable in features when `composite.mads` is on.
pub const DEVIATIONS: [&str; 3] = ["emad", "smad", "bcmad"];

impl Recipe {
    /// Reads a recipe from a file.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = std::fs::read_to_string(path).map_err(|source| RecipeError::Read {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse_in(&text, &path.display().to_string(), folder)
    }

    /// Reads every `*.toml` of a folder, sorted by name.
    pub fn read_dir(dir: &Path) -> Result<Vec<Self>, RecipeError> {
        let unreadable = |source| RecipeError::Read {
            path: dir.to_owned(),
            source,
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|p| Self::read(p)).collect()
    }

    /// Reads a recipe from text; `origin` names it in errors, and paths are relative to the current folder.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RecipeError> {
        Self::parse_in(text, origin, Path::new(""))
    }

    /// As [`parse`](Self::parse), with paths relative to `folder`.
    pub fn parse_in(text: &str, origin: &str, folder: &Path) -> Result<Self, RecipeError> {
        file::parse(text, origin, folder)
    }

    /// The names of the model's features, as they come out of the recipe.
    pub fn feature_names(&self) -> Vec<String> {
        feature_names(
            &self.seasons,
            &self.season_features,
            self.year_features.as_ref(),
        )
    }

    /// Whether maps of this recipe can be made from a source of this kind.
    pub fn accepts(&self, kind: Kind) -> bool {
        match (&self.output, kind) {
            (_, Kind::Scenes) => true,
            (Output::Labels(_), kind) => kind == Kind::Labels,
            (_, kind) => kind == Kind::Composites,
        }
    }

    /// The network that classifies scenes, in a recipe of labels.
    pub fn network(&self) -> Option<&str> {
        match &self.output {
            Output::Labels(labels) => Some(&labels.network),
            _ => None,
        }
    }

    /// Bands to ask the source for, the mask's among them.
    pub fn wanted_bands(&self) -> (Vec<String>, Vec<String>) {
        let mut required = self.bands.clone();
        let mut optional = Vec::new();
        if let Some(mask) = &self.mask {
            if mask.required {
                required.push(mask.band.clone());
            } else {
                optional.push(mask.band.clone());
            }
        }
        (required, optional)
    }

    /// Pixels of surroundings that a block needs for its mask to be that of the whole image.
    pub fn halo(&self) -> usize {
        self.mask.as_ref().map_or(0, |m| m.recipe.halo())
    }
}

/// Season features with their season's suffix, season by season, then the features made once.
fn feature_names(
    seasons: &[Season],
    season_features: &FeatureSet,
    year_features: Option<&FeatureSet>,
) -> Vec<String> {
    let seasonal = seasons.iter().flat_map(|season| {
        let names = season_features.names().iter();
        names.map(move |name| season_feature(name, season))
    });
    let once = year_features
        .into_iter()
        .flat_map(|set| set.names().to_vec());
    seasonal.chain(once).collect()
}

/// `red` in season `S1` is `red_S1`.
pub(crate) fn season_feature(name: &str, season: &Season) -> String {
    format!("{name}_{}", season.name)
}

/// Names and units that season features may use.
fn season_symbols(bands: &[String], mads: bool, rasters: &BTreeMap<String, Raster>) -> Symbols {
    let mut symbols = Symbols::new();
    for band in bands {
        symbols.insert(band, Unit::One);
    }
    if mads {
        for name in DEVIATIONS {
            symbols.insert(name, Unit::One);
        }
    }
    for (name, raster) in rasters.iter().filter(|(_, r)| r.seasonal) {
        symbols.insert(name, raster.unit);
    }
    symbols
}

/// Names and units that features of the whole period may use: other rasters and the season features.
fn year_symbols(
    seasons: &[Season],
    season_features: &FeatureSet,
    rasters: &BTreeMap<String, Raster>,
) -> Symbols {
    let mut symbols = Symbols::new();
    for (name, raster) in rasters.iter().filter(|(_, r)| !r.seasonal) {
        symbols.insert(name, raster.unit);
    }
    for season in seasons {
        for (name, unit) in season_features.names().iter().zip(season_features.units()) {
            symbols.insert(season_feature(name, season), *unit);
        }
    }
    symbols
}

fn definitions(features: &[file::Feature]) -> Vec<Definition<'_>> {
    features
        .iter()
        .map(|f| Definition {
            name: &f.name,
            expression: &f.expression,
            line: f.line,
        })
        .collect()
}
