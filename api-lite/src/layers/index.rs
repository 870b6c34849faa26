//! The published layers, from the store's items.
//!
//! An item is read again only when the store has another one under its name; one listing tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use geocrop_raster::{Aoi, AoiLimits};
use geocrop_store::stac::{Asset, Collection, Item};
use geocrop_store::{
    ContentHash, ContentType, Period, ResultKeys, Slug, Store, StoreError, layout,
};
use serde_json::Value;

/// All layers, by recipe and period.
#[derive(Default)]
pub(crate) struct Index {
    layers: BTreeMap<(Slug, Period), Arc<Layer>>,
    /// What was read, by key, with what tells its bytes from others.
    areas: BTreeMap<String, (String, Option<Arc<Area>>)>,
    collections: BTreeMap<String, (String, Described)>,
}

/// A recipe's maps of one period.
pub(crate) struct Layer {
    pub(crate) recipe: Slug,
    pub(crate) period: Period,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) attribution: Option<String>,
    pub(crate) synthetic: bool,
    /// The legend, in its own order.
    pub(crate) classes: Vec<Class>,
    /// By name.
    pub(crate) areas: Vec<Arc<Area>>,
    /// West, south, east, north in degrees.
    pub(crate) bounds: [f64; 4],
    /// Another one whenever any of the maps has other bytes.
    pub(crate) version: String,
}

/// What a recipe's collection says.
#[derive(Debug, Clone, Default)]
struct Described {
    title: Option<String>,
    description: String,
}

/// A published map of an area.
pub(crate) struct Area {
    recipe: Slug,
    period: Period,
    pub(crate) item_key: String,
    pub(crate) name: String,
    pub(crate) title: String,
    /// West, south, east, north in degrees.
    pub(crate) bounds: [f64; 4],
    /// The item's geometry, where it can be made out.
    pub(crate) aoi: Option<Aoi>,
    pub(crate) map: MapFile,
    pub(crate) confidence: Option<MapFile>,
    pub(crate) applicability: Option<MapFile>,
    pub(crate) classes: Vec<Class>,
    recipe_title: Option<String>,
    attribution: Option<String>,
    synthetic: bool,
    /// Zoom levels for tiles of 256 px.
    zooms: Option<(u8, u8)>,
}

/// A file of an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MapFile {
    pub(crate) key: String,
    /// The checksum of its bytes, or what else tells them from others.
    pub(crate) version: String,
}

/// A class of the legend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) value: u8,
    /// The last value that means the same: of an index, a class is a range.
    pub(crate) last: u8,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) color: Option<String>,
}

impl Index {
    /// Reads what has changed in the store since `old`.
    pub(crate) fn read(store: &Store, old: Option<&Self>) -> Result<Self, StoreError> {
        let mut index = Self::default();
        for entry in store.list(layout::layers_folder())? {
            let tag = entry
                .etag
                .unwrap_or_else(|| format!("{} {}", entry.size, entry.modified));
            if let Some(keys) = ResultKeys::from_item(&entry.key) {
                let known = old.and_then(|old| old.areas.get(&entry.key));
                let area = match known {
                    Some((seen, area)) if *seen == tag => area.clone(),
                    _ => Area::read(store, &entry.key, &keys)?.map(Arc::new),
                };
                index.areas.insert(entry.key, (tag, area));
            } else if layout::recipe_of_collection(&entry.key).is_some() {
                let known = old.and_then(|old| old.collections.get(&entry.key));
                let described = match known {
                    Some((seen, described)) if *seen == tag => described.clone(),
                    _ => Described::read(store, &entry.key)?,
                };
                index.collections.insert(entry.key, (tag, described));
            }
        }
        let mut layers: BTreeMap<(Slug, Period), Vec<Arc<Area>>> = BTreeMap::new();
        for area in index.areas.values().filter_map(|(_, area)| area.as_ref()) {
            let name = (area.recipe.clone(), area.period.clone());
            layers.entry(name).or_default().push(Arc::clone(area));
        }
        index.layers = layers
            .into_iter()
            .map(|((recipe, period), areas)| {
                let described = index.collections.get(&layout::collection(&recipe));
                let described = described.map(|(_, described)| described.clone());
                let layer = Layer::of(recipe.clone(), period.clone(), areas, described);
                ((recipe, period), Arc::new(layer))
            })
            .collect();
        Ok(index)
    }

    /// By recipe and period.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.layers.values()
    }

    pub(crate) fn layer(&self, recipe: &Slug, period: &Period) -> Option<Arc<Layer>> {
        self.layers.get(&(recipe.clone(), period.clone())).cloned()
    }
}

impl Layer {
    fn of(
        recipe: Slug,
        period: Period,
        areas: Vec<Arc<Area>>,
        described: Option<Described>,
    ) -> Self {
        let first = &areas[0];
        let bounds = areas.iter().map(|area| area.bounds).reduce(|a, b| {
            [
                a[0].min(b[0]),
                a[1].min(b[1]),
                a[2].max(b[2]),
                a[3].max(b[3]),
            ]
        });
        let files = areas.iter().flat_map(|area| {
            let beside = [area.confidence.as_ref(), area.applicability.as_ref()];
            [Some(&area.map)].into_iter().chain(beside)
        });
        let versions: Vec<&str> = files.flatten().map(|file| file.version.as_str()).collect();
        let version = ContentHash::of_bytes(versions.join(" ").as_bytes()).short();
        let described = described.unwrap_or_default();
        let title = described
            .title
            .or_else(|| first.recipe_title.clone())
            .unwrap_or_else(|| recipe.to_string());
        Self {
            title: format!("{title}, {period}"),
            description: described.description,
            attribution: first.attribution.clone(),
            synthetic: areas.iter().any(|area| area.synthetic),
            classes: first.classes.clone(),
            bounds: bounds.unwrap_or_default(),
            version,
            recipe,
            period,
            areas,
        }
    }

    /// `recipe/period`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.recipe, self.period)
    }

    /// The zoom levels of all areas that say so, for tiles of 256 px.
    pub(crate) fn zooms(&self) -> (u8, u8) {
        let known = self.areas.iter().filter_map(|area| area.zooms);
        known
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or((0, 14))
    }
}

impl Described {
    /// A collection that cannot be read describes nothing.
    fn read(store: &Store, key: &str) -> Result<Self, StoreError> {
        let bytes = store.get(key)?.unwrap_or_default();
        let collection: Option<Collection> = serde_json::from_slice(&bytes).ok();
        Ok(collection.map_or_else(Self::default, |collection| Self {
            title: collection.title,
            description: collection.description,
        }))
    }
}

impl Area {
    /// `None` for an item that is gone, cannot be read, or has no map of classes in one file.
    fn read(store: &Store, key: &str, keys: &ResultKeys) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = store.get(key)? else {
            return Ok(None);
        };
        let item = match serde_json::from_slice::<Item>(&bytes) {
            Ok(item) => item,
            Err(error) => {
                tracing::warn!(key, %error, "this item is not shown as a layer: it cannot be read");
                return Ok(None);
            }
        };
        Ok(Self::of(&item, key, keys))
    }

    fn of(item: &Item, key: &str, keys: &ResultKeys) -> Option<Self> {
        let text = |name: &str| item.properties.extra.get(name)?.as_str().map(str::to_owned);
        let kind = text("geocrop:kind");
        if kind.as_deref() == Some("rgb") {
            return None;
        }
        let period = key.split('/').nth(2)?.parse().ok()?;
        let map = item.assets.get("map")?;
        let geometry = item.geometry.to_string();
        let limits = AoiLimits {
            max_bytes: usize::MAX,
            max_vertices: usize::MAX,
            max_area_km2: None,
        };
        let beside = |name: &str| {
            let asset = item.assets.get(name);
            asset.and_then(|asset| MapFile::of(asset, keys))
        };
        Some(Self {
            recipe: keys.recipe()?.clone(),
            period,
            item_key: key.to_owned(),
            name: keys.area().to_owned(),
            title: text("geocrop:area_name").unwrap_or_else(|| keys.area().to_owned()),
            bounds: item.bbox.as_slice().try_into().ok()?,
            aoi: Aoi::parse(&geometry, keys.area(), &limits).ok(),
            map: MapFile::of(map, keys)?,
            confidence: beside("confidence"),
            applicability: beside("applicability"),
            classes: classes(map, kind.as_deref() == Some("index")),
            recipe_title: text("geocrop:recipe_title"),
            attribution: text("geocrop:attribution").filter(|text| !text.is_empty()),
            synthetic: item.properties.extra.get("geocrop:synthetic") == Some(&Value::Bool(true)),
            zooms: item.assets.get("tiles").and_then(zooms),
        })
    }

    /// Whether the area may have something of a box of degrees.
    pub(crate) fn touches(&self, [west, south, east, north]: [f64; 4]) -> bool {
        let [own_west, own_south, own_east, own_north] = self.bounds;
        own_west < east && west < own_east && own_south < north && south < own_north
    }
}

impl MapFile {
    /// `None` for what is no single file: a large area's map is its tiles, which are areas of their own.
    fn of(asset: &Asset, keys: &ResultKeys) -> Option<Self> {
        let key = keys.referred(&asset.href)?;
        let version = asset.extra.get("file:checksum")?.as_str()?.to_owned();
        (ContentType::of_key(&key) == ContentType::Cog).then_some(Self { key, version })
    }
}

/// The legend of a map. A class of an index ends where the next one begins.
fn classes(map: &Asset, ranges: bool) -> Vec<Class> {
    let list = map.extra.get("classification:classes");
    let list = list
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut classes: Vec<Class> = list
        .iter()
        .filter_map(|class| {
            let value = class["value"].as_u64()?.try_into().ok()?;
            let name = class["name"].as_str().unwrap_or_default().to_owned();
            Some(Class {
                value,
                last: value,
                title: class["title"].as_str().unwrap_or(&name).to_owned(),
                name,
                color: class["color_hint"]
                    .as_str()
                    .map(|color| format!("#{}", color.to_lowercase())),
            })
        })
        .collect();
    if ranges {
        let starts: Vec<u8> = classes.iter().map(|class| class.value).collect();
        for class in &mut classes {
            let next = starts.iter().filter(|start| **start > class.value).min();
            class.last = next.map_or(u8::MAX - 1, |next| next - 1);
        }
    }
    classes
}

/// The archive's tiles have 512 px: one level more for tiles of 256.
fn zooms(tiles: &Asset) -> Option<(u8, u8)> {
    let zoom = |name: &str| u8::try_from(tiles.extra.get(name)?.as_u64()?).ok();
    Some((zoom("geocrop:min_zoom")?, zoom("geocrop:max_zoom")? + 1))
}
