//! `geocrop area`: how large the classes of a map really are, from points that are drawn, labelled and counted.

mod draw;
mod estimate;
mod propose;
mod strata;

use anyhow::{Context as _, Result, bail};
use geocrop_assessment::MapClass;
use geocrop_precompute::Statistics;
use geocrop_precompute::diff::Map;
use geocrop_store::publish::map_hash;
use geocrop_store::stac::Item;
use geocrop_store::{ResultKeys, Store};

use super::reproduce::item_key;
use crate::args::Area;
use crate::config::{Config, Usage};

pub(crate) fn run(command: &Area, config: Config) -> Result<()> {
    match command {
        Area::Propose(args) => propose::run(args, config),
        Area::Draw(args) => draw::run(args, config),
        Area::Estimate(args) => estimate::run(args, config),
    }
}

/// A published map of classes.
struct Layer {
    store: Store,
    keys: ResultKeys,
    /// Its item's key without the ending.
    name: String,
    sha256: String,
    /// The classes of its legend by value, with their pixels, as its statistics have them.
    classes: Vec<MapClass>,
}

impl Layer {
    fn open(name: &str, config: &Config) -> Result<Self> {
        let key = item_key(name);
        let keys = ResultKeys::from_item(&key).ok_or_else(|| {
            Usage(format!(
                "'{name}' names no map: give recipe/period/area, such as cropland-southeast-africa/2024/mazowe-valley"
            ))
        })?;
        let store = Store::open(config.get("store"))?;
        let sha256 = map_hash(&store, &keys)?.to_string();
        let item: Item = document(&store, &key)?;
        let kind = item.properties.extra.get("geocrop:kind");
        if kind.and_then(|kind| kind.as_str()) != Some("classes") {
            bail!(
                "{key} is no map of classes: only of classes can people say at a point what is right"
            );
        }
        let mut statistics: Statistics = document(&store, &keys.statistics())?;
        // As the map's legend is sorted.
        statistics.classes.sort_by_key(|class| class.value);
        let classes = statistics.classes.into_iter().map(|class| MapClass {
            name: class.name,
            pixels: class.pixels,
        });
        Ok(Self {
            name: key.trim_end_matches(".json").to_owned(),
            classes: classes.collect(),
            store,
            keys,
            sha256,
        })
    }

    /// Its pixels' file, ready to be read.
    fn map(&self) -> Result<Map> {
        Ok(Map::from_store(&self.store, &self.name)?)
    }
}

fn document<T: serde::de::DeserializeOwned>(store: &Store, key: &str) -> Result<T> {
    let bytes = store
        .get(key)?
        .with_context(|| format!("{} has no {key}", store.url()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{key} cannot be read"))
}
