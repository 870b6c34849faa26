//! Areas that were estimated from labelled points, as far as they are of the maps that are shown.

use std::collections::BTreeMap;

use geocrop_assessment::Record;
use geocrop_store::publish::map_hash;
use geocrop_store::{ResultKeys, Store};

use crate::catalog::{Catalog, Layer};
use crate::error::SiteError;
use crate::stored::Stored;

/// What lies beside the layers.
#[derive(Debug, Default)]
pub(crate) struct Estimates {
    /// By the item's key.
    pub(crate) of_layer: BTreeMap<String, Record>,
    /// How many are of maps that were made again since, and therefore say nothing of the ones that are there.
    pub(crate) outdated: usize,
}

/// Reads the estimates of the catalog's layers. Where there is none, nothing is asked of the store.
pub(crate) fn read(
    store: &Store,
    stored: &Stored,
    catalog: &Catalog,
) -> Result<Estimates, SiteError> {
    let mut estimates = Estimates::default();
    for layer in catalog.areas.values().flat_map(|area| &area.layers) {
        let Some((keys, key)) = place(layer).filter(|(_, key)| stored.size(key).is_some()) else {
            continue;
        };
        let wrong = |problem: String| SiteError::Store {
            path: key.clone(),
            problem,
        };
        let bytes = store.get(&key).map_err(|e| wrong(e.to_string()))?;
        let Some(bytes) = bytes else { continue };
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        let shown = map_hash(store, &keys).map_err(|e| wrong(e.to_string()))?;
        if record.estimate.map_sha256 == shown.to_string() {
            estimates.of_layer.insert(layer.key.clone(), record);
        } else {
            estimates.outdated += 1;
        }
    }
    Ok(estimates)
}

/// The key of a layer's estimate, if it has one.
pub(crate) fn key(layer: &Layer) -> Option<String> {
    place(layer).map(|(_, key)| key)
}

fn place(layer: &Layer) -> Option<(ResultKeys, String)> {
    let keys = ResultKeys::from_item(&layer.key)?;
    let key = keys.estimate();
    Some((keys, key))
}
