//! The store's STAC catalog, read for the pages: which areas are mapped, by which layers, and how.
//!
//! Only what pages show is read; what a newer program adds to items is passed over.

use std::collections::BTreeMap;

use geocrop_store::{ContentType, Store};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::SiteError;

/// Everything the store holds, in the order of the pages.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Areas by their name in addresses.
    pub(crate) areas: BTreeMap<String, Area>,
}

/// A mapped area with all of its layers.
#[derive(Debug)]
pub(crate) struct Area {
    /// Name for people.
    pub(crate) name: String,
    /// What sort of area it is: "district", "synthetic sample".
    pub(crate) kind: String,
    /// Its layers: maps of classes first, then indices, then pictures; the newest period first.
    pub(crate) layers: Vec<Layer>,
}

/// A published item with its statistics.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Key of the item in the store.
    pub(crate) key: String,
    /// The recipe's title, from its collection.
    pub(crate) recipe_title: String,
    /// West, south, east, north in degrees.
    pub(crate) bbox: [f64; 4],
    /// The item's properties.
    pub(crate) properties: Properties,
    /// The item's assets by role name: `map`, `tiles`, `statistics`.
    pub(crate) assets: BTreeMap<String, Asset>,
    /// Hectares per class.
    pub(crate) stats: Stats,
}

#[derive(Debug, Deserialize)]
struct Links {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Debug, Deserialize)]
struct Item {
    bbox: Vec<f64>,
    properties: Properties,
    #[serde(default)]
    assets: BTreeMap<String, Asset>,
}

/// The part of an item's properties that pages show.
#[derive(Debug, Deserialize)]
pub(crate) struct Properties {
    #[serde(default)]
    pub(crate) start_datetime: Option<String>,
    #[serde(default)]
    pub(crate) end_datetime: Option<String>,
    #[serde(rename = "geocrop:area")]
    pub(crate) area: String,
    #[serde(rename = "geocrop:area_name")]
    pub(crate) area_name: String,
    /// The large area that this one is a tile of: shown with it, and not by itself.
    #[serde(default, rename = "geocrop:part_of")]
    pub(crate) part_of: Option<String>,
    #[serde(default, rename = "geocrop:area_kind")]
    pub(crate) area_kind: Option<String>,
    #[serde(rename = "geocrop:period")]
    pub(crate) period: String,
    #[serde(rename = "geocrop:recipe")]
    pub(crate) recipe: String,
    #[serde(rename = "geocrop:recipe_hash")]
    pub(crate) recipe_hash: String,
    #[serde(rename = "geocrop:kind")]
    pub(crate) kind: Kind,
    #[serde(default, rename = "geocrop:synthetic")]
    pub(crate) synthetic: bool,
    #[serde(default, rename = "geocrop:notes")]
    pub(crate) notes: Vec<String>,
    #[serde(default, rename = "geocrop:attribution")]
    pub(crate) attribution: Option<String>,
    #[serde(default, rename = "geocrop:model")]
    pub(crate) model: Option<Model>,
    #[serde(default, rename = "geocrop:scenes")]
    pub(crate) scenes: Vec<Scene>,
    #[serde(default, rename = "processing:software")]
    pub(crate) software: BTreeMap<String, Value>,
    #[serde(default, rename = "proj:code")]
    pub(crate) crs: Option<String>,
    #[serde(default, rename = "proj:shape")]
    pub(crate) shape: Option<[u64; 2]>,
    #[serde(default, rename = "proj:transform")]
    pub(crate) transform: Option<Vec<f64>>,
}

/// What the pixels of a map are; also the order of layers on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One class per pixel.
    Classes,
    /// A measured index in steps, such as NDVI.
    Index,
    /// A picture in three colours.
    Rgb,
}

/// The model that decided the classes.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
}

/// One acquisition that went into the map.
#[derive(Debug, Deserialize)]
pub(crate) struct Scene {
    pub(crate) id: String,
    pub(crate) datetime: Option<String>,
    #[serde(default)]
    pub(crate) offset: Option<Offset>,
    #[serde(default)]
    pub(crate) clear_percent: Option<f64>,
}

/// What was added to the scene's digital numbers, and why.
#[derive(Debug, Deserialize)]
pub(crate) struct Offset {
    pub(crate) value: f64,
    pub(crate) reason: String,
}

/// A file that belongs to the item.
#[derive(Debug, Deserialize)]
pub(crate) struct Asset {
    /// Relative to the item.
    pub(crate) href: String,
    #[serde(default, rename = "geocrop:min_zoom")]
    pub(crate) min_zoom: Option<u8>,
    #[serde(default, rename = "geocrop:max_zoom")]
    pub(crate) max_zoom: Option<u8>,
    #[serde(default, rename = "geocrop:tile_size")]
    pub(crate) tile_size: Option<u16>,
    #[serde(default, rename = "classification:classes")]
    pub(crate) classes: Vec<Class>,
}

/// A class of the map's legend.
#[derive(Debug, Deserialize)]
pub(crate) struct Class {
    pub(crate) value: i64,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// `RRGGBB`
    #[serde(default)]
    pub(crate) color_hint: Option<String>,
}

/// The statistics file beside the map.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Stats {
    #[serde(default)]
    pub(crate) area_ha: Option<f64>,
    #[serde(default)]
    pub(crate) observed_ha: Option<f64>,
    #[serde(default)]
    pub(crate) classes: Vec<ClassArea>,
    #[serde(default)]
    pub(crate) observations: Option<Observations>,
    #[serde(default)]
    pub(crate) confidence_mean: Option<f64>,
    /// Hectares where the model extrapolates.
    #[serde(default)]
    pub(crate) outside_ha: Option<f64>,
    #[serde(default)]
    pub(crate) features: Vec<FeatureCounts>,
    #[serde(default)]
    pub(crate) doubtful: Option<Doubtful>,
    #[serde(default)]
    pub(crate) reference: Option<Reference>,
}

/// A feature of a model, here and among its samples.
#[derive(Debug, Deserialize)]
pub(crate) struct FeatureCounts {
    pub(crate) feature: String,
    /// The population stability index.
    pub(crate) drift: f64,
}

/// Hectares of a map of labels that rest on little.
#[derive(Debug, Deserialize)]
pub(crate) struct Doubtful {
    pub(crate) thin_ha: f64,
    pub(crate) tie_ha: f64,
}

/// The area of one class.
#[derive(Debug, Deserialize)]
pub(crate) struct ClassArea {
    pub(crate) value: i64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) color: Option<String>,
    pub(crate) pixels: u64,
    pub(crate) hectares: f64,
    pub(crate) percent: f64,
}

/// Clear observations per pixel.
#[derive(Debug, Deserialize)]
pub(crate) struct Observations {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

/// How the map compares with a known truth.
#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    pub(crate) kind: String,
    pub(crate) pixels: u64,
    pub(crate) accuracy: f64,
    #[serde(default)]
    pub(crate) kappa: Option<f64>,
    /// Rows are the truth, columns the map.
    #[serde(default)]
    pub(crate) confusion: Vec<Vec<u64>>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) per_class: Vec<ClassAccuracy>,
}

/// How one class compares with the truth, each 0 to 1; absent where the class does not occur.
#[derive(Debug, Deserialize)]
pub(crate) struct ClassAccuracy {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) users_accuracy: Option<f64>,
    #[serde(default)]
    pub(crate) producers_accuracy: Option<f64>,
    #[serde(default)]
    pub(crate) f1: Option<f64>,
}

impl Layer {
    /// The key of an asset in the store.
    pub(crate) fn asset_key(&self, name: &str) -> Option<String> {
        self.assets
            .get(name)
            .map(|asset| join(&self.key, &asset.href))
    }

    /// A name that is unique in the site and fit for addresses: `ndvi-2021`.
    pub(crate) fn anchor(&self) -> String {
        format!("{}-{}", self.properties.recipe, self.properties.period)
    }
}

/// Whether a key is that of a raster, and not of a virtual one.
pub(crate) fn is_cog(key: &str) -> bool {
    ContentType::of_key(key) == ContentType::Cog
}

/// Reads the catalog, every collection, every item and its statistics. A store without a catalog is empty.
pub(crate) fn read(store: &Store) -> Result<Catalog, SiteError> {
    let mut catalog = Catalog::default();
    let Some(root) = get::<Links>(store, "catalog.json")? else {
        return Ok(catalog);
    };
    for collection_key in targets(&root, "catalog.json", "child") {
        let collection: Links = require(store, &collection_key)?;
        for item_key in targets(&collection, &collection_key, "item") {
            let layer = layer(store, item_key, collection.title.as_deref())?;
            if layer.properties.part_of.is_some() {
                continue;
            }
            let area = catalog
                .areas
                .entry(layer.properties.area.clone())
                .or_insert_with(|| Area {
                    name: layer.properties.area_name.clone(),
                    kind: layer.properties.area_kind.clone().unwrap_or_default(),
                    layers: Vec::new(),
                });
            area.layers.push(layer);
        }
    }
    for area in catalog.areas.values_mut() {
        area.layers.sort_by(|a, b| {
            let (a, b) = (&a.properties, &b.properties);
            (a.kind, &a.recipe)
                .cmp(&(b.kind, &b.recipe))
                .then_with(|| b.period.cmp(&a.period))
        });
    }
    Ok(catalog)
}

fn layer(store: &Store, key: String, recipe_title: Option<&str>) -> Result<Layer, SiteError> {
    let item: Item = require(store, &key)?;
    // STAC allows six numbers, with heights between.
    let bbox = match *item.bbox.as_slice() {
        [w, s, e, n] | [w, s, _, e, n, _] => [w, s, e, n],
        _ => {
            return Err(SiteError::Store {
                path: key,
                problem: format!(
                    "bbox has {} numbers where 4 or 6 were expected",
                    item.bbox.len()
                ),
            });
        }
    };
    let stats = match item.assets.get("statistics") {
        Some(asset) => require(store, &join(&key, &asset.href))?,
        None => Stats::default(),
    };
    Ok(Layer {
        recipe_title: recipe_title.unwrap_or(&item.properties.recipe).to_owned(),
        bbox,
        properties: item.properties,
        assets: item.assets,
        stats,
        key,
    })
}

fn targets(document: &Links, key: &str, rel: &str) -> Vec<String> {
    document
        .links
        .iter()
        .filter(|link| link.rel == rel)
        .map(|link| join(key, &link.href))
        .collect()
}

fn require<T: DeserializeOwned>(store: &Store, key: &str) -> Result<T, SiteError> {
    get(store, key)?.ok_or_else(|| SiteError::Store {
        path: key.to_owned(),
        problem: "it is not there, though the catalog names it".to_owned(),
    })
}

/// The JSON document under `key`, if there is one.
pub(crate) fn get<T: DeserializeOwned>(store: &Store, key: &str) -> Result<Option<T>, SiteError> {
    let wrong = |problem: String| SiteError::Store {
        path: key.to_owned(),
        problem,
    };
    store
        .get(key)
        .map_err(|e| wrong(e.to_string()))?
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string())))
        .transpose()
}

/// The key that `href` means in the document at `base`.
fn join(base: &str, href: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in href.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hrefs_are_relative_to_their_document() {
        assert_eq!(
            join("layers/ndvi/2021/mazowe.json", "./mazowe.tif"),
            "layers/ndvi/2021/mazowe.tif"
        );
        assert_eq!(
            join("layers/ndvi/2021/mazowe.json", "../collection.json"),
            "layers/ndvi/collection.json"
        );
        assert_eq!(join("catalog.json", "layers/x.json"), "layers/x.json");
    }

    #[test]
    fn an_empty_store_is_an_empty_catalog() {
        let store = Store::open("memory://").unwrap();
        assert!(read(&store).unwrap().areas.is_empty());
    }

    #[test]
    fn a_missing_item_is_named() {
        let store = Store::open("memory://").unwrap();
        let put = |key: &str, text: &str| {
            store
                .put(
                    key,
                    text.as_bytes().to_vec(),
                    geocrop_store::ContentType::Json,
                )
                .unwrap();
        };
        put(
            "catalog.json",
            r#"{"links":[{"rel":"child","href":"./layers/a/collection.json"}]}"#,
        );
        put(
            "layers/a/collection.json",
            r#"{"links":[{"rel":"item","href":"./2021/b.json"}]}"#,
        );
        let message = read(&store).unwrap_err().to_string();
        assert!(message.contains("layers/a/2021/b.json"), "{message}");
    }
}
