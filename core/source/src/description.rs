//! `sources/*.toml`: a source as its keeper describes it.

mod file;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::SourceError;

/// The usual names of Sentinel-2's bands, for sources that do not name theirs: asset keys first, because the common
/// name `rededge` stands for three bands.
const SENTINEL_2: [(&str, &[&str]); 12] = [
    ("coastal", &["B01", "coastal"]),
    ("blue", &["B02", "blue"]),
    ("green", &["B03", "green"]),
    ("red", &["B04", "red"]),
    ("red_edge_1", &["B05", "rededge1", "rededge071"]),
    ("red_edge_2", &["B06", "rededge2", "rededge075"]),
    ("red_edge_3", &["B07", "rededge3", "rededge078"]),
    ("nir", &["B08", "nir"]),
    ("nir_2", &["B8A", "nir08"]),
    ("swir_1", &["B11", "swir16"]),
    ("swir_2", &["B12", "swir22"]),
    ("scl", &["SCL", "scl", "SCL_20m"]),
];

/// The bands of a Dynamic World export, as Earth Engine names them: the label, and the probability of each class.
const DYNAMIC_WORLD: [&str; 10] = [
    LABEL,
    "water",
    "trees",
    "grass",
    "flooded_vegetation",
    "crops",
    "shrub_and_scrub",
    "built",
    "bare",
    "snow_and_ice",
];

/// The band of class values in a source of [`Kind::Labels`]. Of a file whose name says nothing about its bands it
/// stands for the file itself: which of its bands is what, only its own descriptions tell.
pub const LABEL: &str = "label";

/// What a source holds.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Acquisitions, or monthly mosaics that are treated like them: to be masked and composited.
    #[default]
    Scenes,
    /// Ready-made seasonal composites (`GeoMAD`): used as they are.
    Composites,
    /// Classified acquisitions, such as exports of Dynamic World: one value a pixel, or a probability for each class.
    Labels,
}

impl Kind {
    /// The word for it in descriptions and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scenes => "scenes",
            Self::Composites => "composites",
            Self::Labels => "labels",
        }
    }
}

/// How the scenes are found.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum Api {
    /// `/search` of a STAC API.
    Stac,
    /// The links of a static STAC catalogue, or an item collection in one file.
    Static,
    /// File names under a folder, such as `{date}_{band}.tif`.
    Folder {
        /// The names, relative to the folder: `{date}` (20210501 or 2021-05-01), `{band}`, `{tile}`, `{year}`, `{any}`,
        /// `*` for anything or nothing, `**/` for any folders or none. Labels need no `{band}`.
        pattern: String,
    },
}

/// How `/search` is asked.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Parameters in the address.
    Get,
    /// A JSON body.
    Post,
}

/// What a source holds, where, and under which terms.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct Description {
    /// Short name: letters, digits, `-`, `_`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Whether the imagery is made up: marked as such wherever it is shown.
    pub synthetic: bool,
    /// The words that must stand beside every picture made of it.
    pub attribution: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Scenes, ready-made composites, or labels.
    pub kind: Kind,
    /// The catalogue, API or folder; a relative one is beside the description, or in the datasets' folder when
    /// [`Description::dataset`] is named.
    pub url: String,
    /// How scenes are found.
    pub api: Api,
    /// Only these collections; empty for all.
    pub collections: Vec<String>,
    /// A band's name in recipes, and what it may be called here: asset keys, band names, common names.
    pub bands: BTreeMap<String, Vec<String>>,
    /// How a band's numbers are meant where neither item nor asset says so.
    pub encodings: BTreeMap<String, Encoding>,
    /// Rasters beside the scenes, by name: slope, rain.
    pub rasters: BTreeMap<String, AncillaryDescription>,
    /// What is truly there, by recipe: only made landscapes know.
    pub truth: BTreeMap<String, Truth>,
    /// A remark that pages show.
    pub note: Option<String>,
    /// West, south, east, north in degrees: where the source has data.
    pub bbox: Option<[f64; 4]>,
    /// The dataset of `datasets.toml` that holds the files.
    pub dataset: Option<String>,
    /// Items a page of `/search`.
    pub page_size: u32,
    /// How `/search` is asked; `None` tries POST, then GET.
    pub method: Option<Method>,
    /// Where the objects of public S3 buckets are read over HTTPS without an account, such as
    /// `https://{bucket}.s3.af-south-1.amazonaws.com/{key}`.
    pub s3_url: Option<String>,
}

/// How a band's numbers are meant: `value = number * scale + offset`.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    /// Multiplier.
    pub scale: Option<f64>,
    /// Added after scaling.
    pub offset: Option<f64>,
    /// The number that means no data.
    pub nodata: Option<f64>,
}

/// A raster beside the scenes.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
pub struct AncillaryDescription {
    /// Where its values are.
    pub input: AncillaryInput,
    /// Unit of the value after scaling.
    pub unit: String,
    /// Multiplier of the stored numbers.
    pub scale: f64,
    /// Added after scaling.
    pub offset: f64,
    /// The dataset of `datasets.toml` that holds it, when it is not the source's own.
    pub dataset: Option<String>,
}

/// Where the values of a raster beside the scenes are.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum AncillaryInput {
    /// One raster for all times.
    Single {
        /// Path or address.
        href: String,
    },
    /// One raster a month, to be summed over the season.
    Monthly {
        /// Path or address with `{year}` and `{month}`; without `{year}` it is a climatology.
        pattern: String,
    },
    /// A CSV table with one value a month for the whole source, to be summed over the season.
    Table {
        /// Path or address.
        href: String,
        /// The column with the month, `YYYY-MM`.
        time: String,
        /// The column with the value.
        value: String,
        /// Whether the months stand for those of any year; several of one name are averaged.
        climatology: bool,
    },
    /// The same value everywhere and always.
    Constant {
        /// The value.
        value: f64,
    },
}

/// The true map of a made landscape.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Truth {
    /// Path or address of a raster of classes, with `{area}` for the area's name.
    pub href: String,
    /// Value of that raster (as text, `"6"`) and the value of the recipe's legend that it means.
    pub values: BTreeMap<String, u8>,
}

impl Description {
    /// Reads a description. `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, SourceError> {
        let at = |span: Range<usize>, message: String| {
            let (line, column) = line_and_column(text, span.start);
            SourceError::Description {
                file: file.to_owned(),
                line,
                column,
                message,
            }
        };
        let written: file::Written = toml::from_str(text).map_err(|error| {
            at(
                error.span().unwrap_or_default(),
                error.message().trim().replace('\n', "; "),
            )
        })?;
        written
            .checked()
            .map_err(|(span, message)| at(span, message))
    }

    /// What is known of a source of which only the location is given.
    pub(crate) fn bare(name: &str, url: &str, api: Api) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            synthetic: false,
            attribution: String::new(),
            licence: String::new(),
            kind: Kind::Scenes,
            url: url.to_owned(),
            api,
            collections: Vec::new(),
            bands: usual_bands(Kind::Scenes),
            encodings: BTreeMap::new(),
            rasters: BTreeMap::new(),
            truth: BTreeMap::new(),
            note: None,
            bbox: None,
            dataset: None,
            page_size: DEFAULT_PAGE_SIZE,
            method: None,
            s3_url: None,
        }
    }

    /// The datasets that this source needs on this machine, each once, the scenes' first.
    pub fn datasets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let rasters = self.rasters.values().map(|raster| &raster.dataset);
        for name in std::iter::once(&self.dataset).chain(rasters).flatten() {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

/// How a location is read when nothing but itself tells: `*.json` is a static catalogue, any other address an API.
pub(crate) fn inferred_api(url: &str) -> Api {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let is_json = path.to_ascii_lowercase().ends_with(".json");
    if !is_json && (url.starts_with("http://") || url.starts_with("https://")) {
        Api::Stac
    } else {
        Api::Static
    }
}

fn usual_bands(kind: Kind) -> BTreeMap<String, Vec<String>> {
    if kind == Kind::Labels {
        let itself = |name: &str| (name.to_owned(), vec![name.to_owned()]);
        return DYNAMIC_WORLD.into_iter().map(itself).collect();
    }
    SENTINEL_2
        .iter()
        .map(|(name, candidates)| {
            let candidates = candidates.iter().map(|&c| c.to_owned()).collect();
            ((*name).to_owned(), candidates)
        })
        .collect()
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// Items a page of `/search`, when the description does not say.
const DEFAULT_PAGE_SIZE: u32 = 100;
