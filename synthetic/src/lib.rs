//! A made-up but believable Zimbabwean landscape, as satellite scenes with a known truth.
//!
//! With no network and no sample data the whole program can still be shown and tested: this crate writes a static
//! STAC 1.1 catalog with one Cloud Optimized GeoTIFF per band, stored as Sentinel-2 Level-2A scenes are (UTM, 10 m and
//! 20 m bands, scene classification, the reflectance offset of newer processing baselines on half of the dates, swath
//! edges, clouds, shadows), so that the very same code path is used as for real scenes. Beside them lie what real
//! projects lack, the truth, and what cropland models need: slope and monthly rain.
//!
//! Everything is labelled as synthetic. The same parameters give the same bytes, whatever the number of threads.
//!
//! What is where is drawn in `terrain`, what grows when in `seasons`, what things look like in `land`, clouds in
//! `sky`; `scene` puts these together. `labels` has the land's history, as label exports of other years.

mod ancillary;
mod catalog;
mod class;
mod error;
mod frame;
mod labels;
mod land;
mod noise;
mod scene;
mod seasons;
mod shapes;
mod sky;
mod terrain;
mod write;

use serde::Serialize;

pub use class::LandClass;
pub use error::SyntheticError;
pub use write::Written;

/// What a landscape is made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Landscape {
    /// All that is random follows from it.
    pub seed: u64,
    /// The areas, at most two degrees apart.
    pub areas: Vec<SyntheticArea>,
    /// The year of the scenes.
    pub year: i32,
    /// Scenes per area, spread over the year: 1 to 73 (one every five days).
    pub dates: usize,
    /// Years of which label exports are written, six dates each: as a classifier of single scenes would have labelled
    /// the land of that year. Fields were cleared, the town grew and dams rose and fell until the year of the scenes.
    pub label_years: Vec<i32>,
}

/// One area of a landscape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyntheticArea {
    /// Its name in file names and addresses: lower-case letters, digits, hyphens.
    pub slug: String,
    /// Its name on pages; it should say that the area is synthetic.
    pub name: String,
    /// What kind of land it is.
    pub kind: AreaKind,
    /// Longitude of the centre in degrees.
    pub lon: f64,
    /// Latitude of the centre in degrees.
    pub lat: f64,
    /// Edge of the area in pixels of 10 m on the EPSG:6933 grid: 16 to 1024.
    pub pixels: usize,
}

/// What kind of land an area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AreaKind {
    /// Large farms in a valley: rain-fed fields, centre pivots, a dam, woodland on the hills.
    Commercial,
    /// Communal land: small fields, homesteads, kopjes, miombo, a small dam, a town.
    Communal,
}

impl AreaKind {
    /// A name to show and to store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Commercial => "commercial",
            Self::Communal => "communal",
        }
    }
}

impl Landscape {
    /// One small area in a valley, `valley`, of `pixels` x `pixels` and with so many dates of 2024: for trials.
    pub fn valley(pixels: usize, dates: usize) -> Self {
        Self {
            seed: 7,
            areas: vec![SyntheticArea {
                slug: "valley".to_owned(),
                name: "Valley (synthetic)".to_owned(),
                kind: AreaKind::Commercial,
                lon: 31.0,
                lat: -17.4,
                pixels,
            }],
            year: 2024,
            dates,
            label_years: Vec::new(),
        }
    }

    /// The landscape of the demonstration: two areas of 512 x 512 pixels, 24 dates of 2024, labels of 2015 to 2025. They
    /// lie in two UTM zones.
    pub fn demo() -> Self {
        let area = |slug: &str, name: &str, kind, lon, lat| SyntheticArea {
            slug: slug.to_owned(),
            name: name.to_owned(),
            kind,
            lon,
            lat,
            pixels: 512,
        };
        Self {
            seed: 2024,
            areas: vec![
                area(
                    "mazowe-synthetic",
                    "Mazowe valley (synthetic)",
                    AreaKind::Commercial,
                    30.95,
                    -17.45,
                ),
                area(
                    "makonde-synthetic",
                    "Makonde communal land (synthetic)",
                    AreaKind::Communal,
                    29.93,
                    -17.28,
                ),
            ],
            year: 2024,
            dates: 24,
            label_years: (2015..=2025).collect(),
        }
    }
}
