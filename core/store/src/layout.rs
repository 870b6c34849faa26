//! The store's layout as types. Key strings are made here and nowhere else, from names that were checked before, so
//! that no input can climb out of its folder.
//!
//! ```text
//! catalog.json
//! layers/<recipe>/collection.json
//! layers/<recipe>/<period>/<area>.json              the STAC item: the commit point
//! layers/<recipe>/<period>/<area>.tif               the map
//! layers/<recipe>/<period>/<area>-confidence.tif
//! layers/<recipe>/<period>/<area>-applicability.tif
//! layers/<recipe>/<period>/<area>-observations.tif
//! layers/<recipe>/<period>/<area>.<hash>.pmtiles    a new name for new bytes
//! layers/<recipe>/<period>/<area>.stats.json
//! layers/<recipe>/<period>/<area>.estimate.json     areas from points that were drawn at random, where there are any
//! layers/<recipe>/<period>/<area>.lock.json         what it was made of: enough to make it again
//! layers/<recipe>/<period>/<area>.vrt               of a large area: its tiles as one raster
//! jobs/<tenant>/<job>/<the same files>
//! datasets/<name>/dataset.json                      a data set of samples: the commit point
//! datasets/<name>/<batch>/{samples.geojson,batch.json}   or table.txt; one that replaces another has a folder inside
//! plans/<recipe>/<period>/<area>.json               the lock of a task that is planned and not done; private
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, StoreError};

const LAYERS: &str = "layers";
const JOBS: &str = "jobs";
const PLANS: &str = "plans";
const DATASETS: &str = "datasets";
const DATASET: &str = "dataset.json";
const COLLECTION: &str = "collection.json";
const CATALOG: &str = "catalog.json";

/// What [`ResultKeys`] appends to an area's name; a name that ended so could meet another area's file.
const SUFFIXES: [&str; 3] = ["-confidence", "-applicability", "-observations"];

/// The name of a recipe, an area, a tenant or a job: one path segment of lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The longest name, in characters.
    pub const MAX_LENGTH: usize = 63;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let lower = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let well_formed = text.len() <= Self::MAX_LENGTH
            && text.as_bytes().first().is_some_and(|&c| lower(c))
            && text.bytes().all(|c| lower(c) || c == b'-');
        if well_formed && !SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            return Ok(Self(text.to_owned()));
        }
        Err(StoreError::InvalidName {
            kind: "name",
            value: text.to_owned(),
            expected: "1 to 63 of a-z, 0-9 and -, a letter or digit first, and not ending in -confidence, -applicability or -observations",
        })
    }
}

/// The period of a layer: `2024`, `2024-03`, `2024-03-15`, or two of one kind, `2023-11_2024-04` (both inclusive).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(String);

impl Period {
    /// The period as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Period {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let good = match text.split_once('_') {
            None => is_date(text),
            // Dates of one length compare as text.
            Some((start, end)) => {
                is_date(start) && is_date(end) && start.len() == end.len() && start <= end
            }
        };
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(StoreError::InvalidName {
            kind: "period",
            value: text.to_owned(),
            expected: "a year (2024), month (2024-03) or day (2024-03-15), or first and last of them (2023-11_2024-04)",
        })
    }
}

/// Whether the text is a year, a month or a day of the calendar.
fn is_date(text: &str) -> bool {
    const DAY: usize = "2024-03-15".len();
    if !text.bytes().all(|c| c.is_ascii_digit() || c == b'-') {
        return false;
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        DAY => text.to_owned(),
        _ => return false,
    };
    // The parser takes `2024-3-015` too; only the canonical form may become a folder.
    chrono::NaiveDate::parse_from_str(&day, "%Y-%m-%d").is_ok_and(|date| date.to_string() == day)
}

macro_rules! string_conversions {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = StoreError;

            fn try_from(text: String) -> Result<Self, StoreError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

string_conversions!(Slug);
string_conversions!(Period);

/// The keys of one result: an area of a layer, or a job's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultKeys {
    base: String,
    area: String,
    recipe: Option<Slug>,
}

/// The result of a layer (recipe and period) for an area.
pub fn layer(recipe: &Slug, period: &Period, area: &Slug) -> ResultKeys {
    ResultKeys {
        base: format!("{LAYERS}/{recipe}/{period}"),
        area: area.to_string(),
        recipe: Some(recipe.clone()),
    }
}

/// The result of a job. `area` names the files.
pub fn job(tenant: &Slug, job: &Slug, area: &Slug) -> ResultKeys {
    ResultKeys {
        base: job_folder(tenant, job),
        area: area.to_string(),
        recipe: None,
    }
}

/// The folder of a job's results, to remove them by.
pub fn job_folder(tenant: &Slug, job: &Slug) -> String {
    format!("{JOBS}/{tenant}/{job}")
}

/// The STAC collection of a recipe.
pub fn collection(recipe: &Slug) -> String {
    format!("{}/{COLLECTION}", recipe_folder(recipe))
}

/// The folder of a recipe's layers.
pub fn recipe_folder(recipe: &Slug) -> String {
    format!("{LAYERS}/{recipe}")
}

/// The folder of all layers.
pub fn layers_folder() -> &'static str {
    LAYERS
}

/// The root of the STAC catalog.
pub fn catalog() -> &'static str {
    CATALOG
}

/// The folder of all data sets.
pub fn datasets_folder() -> &'static str {
    DATASETS
}

/// The document of a data set.
pub fn dataset(name: &Slug) -> String {
    format!("{DATASETS}/{name}/{DATASET}")
}

/// The folder of a data set's batch. `version` tells the content of a batch from the one that it replaces.
pub fn dataset_batch(name: &Slug, batch: &Slug, version: Option<&str>) -> String {
    let inside = version.map_or_else(String::new, |version| format!("/{version}"));
    format!("{DATASETS}/{name}/{batch}{inside}")
}

/// The data set whose document a key is.
pub fn name_of_dataset(key: &str) -> Option<Slug> {
    let name = key
        .strip_prefix(DATASETS)?
        .strip_prefix('/')?
        .strip_suffix(DATASET)?
        .strip_suffix('/')?;
    name.parse().ok()
}

/// Whether a key is that of an item: `layers/<recipe>/<period>/<area>.json` or `jobs/<tenant>/<job>/<area>.json`.
pub fn is_item(key: &str) -> bool {
    ResultKeys::from_item(key).is_some()
}

/// Whether everybody may read a key: the catalog, the layers, models and data sets, not jobs, and nothing whose name
/// starts with a dot. What the layout does not have is not public, so that a stray file does not become so.
pub fn is_public(key: &str) -> bool {
    let top = key.split('/').next().unwrap_or(key);
    let open = key == CATALOG || (matches!(top, LAYERS | "models" | DATASETS) && key != top);
    open && !key
        .split('/')
        .any(|segment| segment.is_empty() || segment.starts_with('.'))
}

/// The recipe whose collection a key is.
pub fn recipe_of_collection(key: &str) -> Option<Slug> {
    let recipe = key
        .strip_prefix(LAYERS)?
        .strip_prefix('/')?
        .strip_suffix(COLLECTION)?
        .strip_suffix('/')?;
    recipe.parse().ok()
}

impl ResultKeys {
    /// Finds back the keys of a result from its item's.
    pub fn from_item(key: &str) -> Option<Self> {
        let mut segments = key.split('/');
        let (top, first, second, name) = (
            segments.next()?,
            segments.next()?,
            segments.next()?,
            segments.next()?,
        );
        if segments.next().is_some() {
            return None;
        }
        let area = name.strip_suffix(".json")?.parse().ok()?;
        let first = first.parse().ok()?;
        match top {
            LAYERS => Some(layer(&first, &second.parse().ok()?, &area)),
            JOBS => Some(job(&first, &second.parse().ok()?, &area)),
            _ => None,
        }
    }

    /// The keys of another area's result in the same folder.
    #[must_use]
    pub fn beside(&self, area: &Slug) -> Self {
        Self {
            area: area.to_string(),
            ..self.clone()
        }
    }

    /// The area's name.
    pub fn area(&self) -> &str {
        &self.area
    }

    /// The recipe, when this is a layer's result.
    pub fn recipe(&self) -> Option<&Slug> {
        self.recipe.as_ref()
    }

    /// The STAC item: the commit point.
    pub fn item(&self) -> String {
        self.key(".json")
    }

    /// The map: classes or values.
    pub fn map(&self) -> String {
        self.key(".tif")
    }

    /// How sure the map is, pixel by pixel.
    pub fn confidence(&self) -> String {
        self.key("-confidence.tif")
    }

    /// Where the model of the map may be used, pixel by pixel.
    pub fn applicability(&self) -> String {
        self.key("-applicability.tif")
    }

    /// From how many clear observations each pixel was made.
    pub fn observations(&self) -> String {
        self.key("-observations.tif")
    }

    /// The tiles with these bytes: new bytes have a new name, so that a reader never meets two mixed.
    pub fn tiles(&self, hash: &ContentHash) -> String {
        self.key(&format!(".{}.pmtiles", hash.short()))
    }

    /// Hectares per class.
    pub fn statistics(&self) -> String {
        self.key(".stats.json")
    }

    /// Areas of the classes, estimated from points that were drawn from the map and labelled. The item does not refer to
    /// it: it comes later, and says itself which map it is for.
    pub fn estimate(&self) -> String {
        self.key(".estimate.json")
    }

    /// What the map was made of.
    pub fn lock(&self) -> String {
        self.key(".lock.json")
    }

    /// The tiles of a large area as one raster.
    pub fn mosaic(&self) -> String {
        self.key(".vrt")
    }

    /// The lock of the task while it is planned and not done; `None` for a job, whose inputs are searched when it runs.
    pub fn plan(&self) -> Option<String> {
        let layer = self.base.strip_prefix(LAYERS)?;
        Some(format!("{PLANS}{layer}/{}.json", self.area))
    }

    /// The key of a file of this result by its bare name; `None` for a name that the layout does not have.
    pub fn file(&self, name: &str) -> Option<String> {
        let suffix = name.strip_prefix(self.area.as_str())?;
        let known = match suffix {
            ".json" | ".tif" | "-confidence.tif" | "-applicability.tif" | "-observations.tif"
            | ".stats.json" | ".estimate.json" | ".lock.json" | ".vrt" => true,
            _ => is_tiles_suffix(suffix),
        };
        known.then(|| self.key(suffix))
    }

    /// A file of this result as its item refers to it: `./mazowe.tif`. `None` for any other key.
    pub fn href(&self, key: &str) -> Option<String> {
        let name = key.strip_prefix(self.base.as_str())?.strip_prefix('/')?;
        self.file(name).map(|_| format!("./{name}"))
    }

    /// What an item's reference stands for, if it is a file of this result: the reverse of [`ResultKeys::href`].
    pub fn referred(&self, href: &str) -> Option<String> {
        self.file(href.strip_prefix("./").unwrap_or(href))
    }

    fn key(&self, suffix: &str) -> String {
        format!("{}/{}{suffix}", self.base, self.area)
    }
}

/// Whether a key is that of tiles, which no one needs once no item refers to them.
pub(crate) fn is_tiles(key: &str) -> bool {
    key.rsplit('/')
        .next()
        .and_then(|name| name.find('.').map(|dot| &name[dot..]))
        .is_some_and(is_tiles_suffix)
}

fn is_tiles_suffix(suffix: &str) -> bool {
    suffix
        .strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(".pmtiles"))
        .is_some_and(|hash| {
            hash.len() == 16 && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(text: &str) -> Slug {
        text.parse().unwrap()
    }

    #[test]
    fn names_that_could_leave_their_folder_or_meet_another_file_are_refused() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "../a",
            "-a",
            "A",
            "a.b",
            "a b",
            "a\\b",
            "é",
            "a\0",
            "a#1",
            "mazowe-confidence",
            "mazowe-applicability",
            "mazowe-observations",
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(64).parse::<Slug>().is_err());
        assert!("a".repeat(63).parse::<Slug>().is_ok());
        assert!(
            "0b1c2d3e-0000-4000-8000-000000000000"
                .parse::<Slug>()
                .is_ok()
        );
    }

    #[test]
    fn periods_are_dates_of_the_calendar_in_order() {
        for good in [
            "2024",
            "2024-03",
            "2024-02-29",
            "2023-11_2024-04",
            "2020_2020",
        ] {
            assert!(good.parse::<Period>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "24",
            "2024-13",
            "2023-02-29",
            "2024-3",
            "2024-04_2023-11",
            "2023_2024-04",
            "2024_",
            "2024/..",
            "..",
            "2024-03-015",
            "+024",
            "2024_2025_2026",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_keys_of_a_layer_are_those_of_the_contract() {
        let keys = layer(
            &slug("cropland"),
            &"2023-11_2024-04".parse().unwrap(),
            &slug("mazowe"),
        );
        let base = "layers/cropland/2023-11_2024-04";
        assert_eq!(keys.item(), format!("{base}/mazowe.json"));
        assert_eq!(keys.map(), format!("{base}/mazowe.tif"));
        assert_eq!(keys.confidence(), format!("{base}/mazowe-confidence.tif"));
        assert_eq!(
            keys.observations(),
            format!("{base}/mazowe-observations.tif")
        );
        assert_eq!(keys.statistics(), format!("{base}/mazowe.stats.json"));
        assert_eq!(keys.estimate(), format!("{base}/mazowe.estimate.json"));
        assert_eq!(
            keys.beside(&slug("gokwe")).map(),
            format!("{base}/gokwe.tif")
        );
        assert_eq!(
            keys.tiles(&ContentHash::of_bytes(b"abc")),
            format!("{base}/mazowe.ba7816bf8f01cfea.pmtiles")
        );
        assert_eq!(
            collection(&slug("cropland")),
            "layers/cropland/collection.json"
        );
        assert_eq!(keys.href(&keys.map()).unwrap(), "./mazowe.tif");
        assert_eq!(keys.referred("./mazowe.tif"), Some(keys.map()));
        assert_eq!(keys.referred("../mazowe.tif"), None);
        assert_eq!(ResultKeys::from_item(&keys.item()), Some(keys));
        let job = job(&slug("public"), &slug("0b1c"), &slug("field"));
        assert_eq!(job.map(), "jobs/public/0b1c/field.tif");
        assert_eq!(ResultKeys::from_item(&job.item()), Some(job));
    }

    #[test]
    fn the_keys_of_a_data_set_lie_in_its_folder() {
        let (name, batch) = (slug("cropland"), slug("survey-2021"));
        assert_eq!(dataset(&name), "datasets/cropland/dataset.json");
        let folder = "datasets/cropland/survey-2021";
        assert_eq!(dataset_batch(&name, &batch, None), folder);
        assert_eq!(
            dataset_batch(&name, &batch, Some("0a1b")),
            format!("{folder}/0a1b")
        );
        assert_eq!(name_of_dataset(&dataset(&name)), Some(name));
        assert_eq!(
            name_of_dataset("datasets/cropland/survey-2021/dataset.json"),
            None
        );
    }

    #[test]
    fn only_file_names_of_the_layout_are_keys_of_a_result() {
        let keys = job(&slug("public"), &slug("0b1c"), &slug("field"));
        for good in [
            "field.json",
            "field.tif",
            "field-confidence.tif",
            "field.0123456789abcdef.pmtiles",
        ] {
            assert_eq!(keys.file(good).unwrap(), format!("jobs/public/0b1c/{good}"));
        }
        for bad in [
            "",
            "other.tif",
            "field.tif#1",
            "../field.tif",
            "field/../x.tif",
            "field.0123.pmtiles",
            "field.0123456789ABCDEF.pmtiles",
            "field.json.bak",
        ] {
            assert_eq!(keys.file(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_what_the_layout_publishes_is_public() {
        for public in [
            "catalog.json",
            "layers/ndvi/2024/mazowe.tif",
            "models/cropland/1/card.json",
        ] {
            assert!(is_public(public), "{public}");
        }
        for private in [
            "",
            "jobs/public/0b1c/field.tif",
            "layers",
            "layers/.hidden",
            ".git/config",
            "geocrop.sqlite",
            "layers/../jobs/x",
            "/catalog.json",
            "layers//x",
            "Jobs/x",
            "catalog.json/x",
        ] {
            assert!(!is_public(private), "{private}");
        }
    }

    #[test]
    fn collections_and_statistics_are_not_items() {
        assert!(is_item("layers/ndvi/2024/mazowe.json"));
        assert!(!is_item("layers/ndvi/2024/mazowe.stats.json"));
        assert!(!is_item("layers/ndvi/2024/mazowe.estimate.json"));
        assert!(!is_item("layers/ndvi/collection.json"));
        assert!(!is_item("catalog.json"));
        assert_eq!(
            recipe_of_collection("layers/ndvi/collection.json"),
            Some(slug("ndvi"))
        );
        assert_eq!(
            recipe_of_collection("layers/ndvi/2024/collection.json"),
            None
        );
    }
}
