//! The published maps of a layer that lie under zones.

use geocrop_store::stac::Item;
use geocrop_store::{Store, layout};
use tempfile::TempDir;

use super::Zone;
use crate::TaskError;
use crate::recipe::{Period, Recipe};

/// Maps on this machine: the store's own files, or copies that go with this.
#[derive(Debug)]
pub struct Published {
    /// Paths, sorted by the name of their area.
    pub rasters: Vec<String>,
    _copies: Option<TempDir>,
}

/// Finds the maps of a layer whose area touches one of the zones. None is no error: there is nothing to count then.
///
/// # Errors
/// Of the store, and of the disk where maps are copied to it.
pub fn published(
    store: &Store,
    recipe: &Recipe,
    period: Period,
    zones: &[Zone],
) -> Result<Published, TaskError> {
    let boxes: Vec<[f64; 4]> = zones.iter().map(|zone| zone.aoi.lonlat_bounds()).collect();
    let folder = format!("{}/{period}", layout::recipe_folder(&recipe.name.parse()?));
    let mut keys = Vec::new();
    for entry in store.list(&folder)? {
        if !layout::is_item(&entry.key) {
            continue;
        }
        let item: Option<Item> = store
            .get(&entry.key)?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(item) = item else { continue };
        // What shows tiles as one has no pixels of its own.
        if item.properties.extra.contains_key("geocrop:tiles") {
            continue;
        }
        let touches = |[west, south, east, north]: &[f64; 4]| {
            // An item of another program may have heights, or no box at all: it is read then, and found elsewhere.
            let [w, s, e, n] = item.bbox[..] else {
                return true;
            };
            *west <= e && w <= *east && *south <= n && s <= *north
        };
        if boxes.iter().any(touches)
            && let Some(base) = entry.key.strip_suffix(".json")
        {
            keys.push(format!("{base}.tif"));
        }
    }
    keys.sort();
    if let Some(root) = store.local_root() {
        let path = |key: &String| root.join(key).display().to_string();
        return Ok(Published {
            rasters: keys.iter().map(path).collect(),
            _copies: None,
        });
    }
    let scratch = |source| TaskError::Scratch {
        path: std::env::temp_dir().display().to_string(),
        source,
    };
    let folder = tempfile::Builder::new()
        .prefix("geocrop-zonal-")
        .tempdir()
        .map_err(scratch)?;
    let mut rasters = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let file = folder.path().join(format!("{number}.tif"));
        store.download(key, &file)?;
        rasters.push(file.display().to_string());
    }
    Ok(Published {
        rasters,
        _copies: Some(folder),
    })
}
