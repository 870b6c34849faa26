//! A map to be compared: an item of a store, an item's file, or a plain `GeoTIFF` of classes. The map of a large area lies
//! in several files, one for each tile.

use std::path::Path;

use geocrop_raster::{Categories, histogram};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ResultKeys, Store};
use serde_json::Value;
use tempfile::TempDir;

use super::legend::Legend;
use super::{Class, DiffError};
use crate::recipe::NODATA;

/// A map, found and ready to be read.
#[derive(Debug)]
pub struct Map {
    /// What it was asked for by.
    pub(super) name: String,
    /// Paths of its rasters on this machine: one, or those of its tiles.
    pub(super) rasters: Vec<String>,
    pub(super) legend: Legend,
    /// The rasters' copies, when the store is no folder; removed with the map.
    _copy: Option<TempDir>,
}

impl Map {
    /// A map from a file: the JSON of an item, whose map lies beside it, or a `GeoTIFF` of `uint8` classes.
    ///
    /// # Errors
    /// When the file cannot be read, or is neither.
    pub fn from_file(path: &Path) -> Result<Self, DiffError> {
        let name = path.display().to_string();
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("json"))
        {
            let text = std::fs::read(path).map_err(|error| DiffError::NoMap {
                name: name.clone(),
                looked: error.to_string(),
            })?;
            let item = of_item(&name, &text)?;
            let folder = path.parent().unwrap_or(Path::new(""));
            let file = |href: &String| folder.join(href).display().to_string();
            return Ok(Self {
                rasters: item.hrefs.iter().map(file).collect(),
                name,
                legend: item.legend,
                _copy: None,
            });
        }
        Ok(Self {
            legend: of_raster(path)?,
            rasters: vec![name.clone()],
            name,
            _copy: None,
        })
    }

    /// What it was asked for by, or its item's key without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A map of a store by its item's key: `layers/ndvi/2024/mazowe.json`, with or without `.json`, and without
    /// `layers/` too.
    ///
    /// # Errors
    /// When the store has no such item, or the item no map of classes.
    pub fn from_store(store: &Store, name: &str) -> Result<Self, DiffError> {
        let no_map = |looked: String| DiffError::NoMap {
            name: name.to_owned(),
            looked,
        };
        let keys = keys(name).ok_or_else(|| no_map("it is neither a file nor a key".into()))?;
        let text = store
            .get(&keys.item())?
            .ok_or_else(|| no_map(format!("{} has no {}", store.url(), keys.item())))?;
        let item = of_item(&keys.item(), &text)?;
        let folder = keys.item();
        let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        let files: Vec<String> = item
            .hrefs
            .iter()
            .map(|href| format!("{folder}/{}", href.trim_start_matches("./")))
            .collect();
        let (rasters, copy) = local(store, &files)?;
        Ok(Self {
            name: keys.item().trim_end_matches(".json").to_owned(),
            rasters,
            legend: item.legend,
            _copy: copy,
        })
    }
}

/// The keys of a result by its item's key as people write it.
fn keys(name: &str) -> Option<ResultKeys> {
    let name = name.trim_matches('/').trim_end_matches(".json");
    ResultKeys::from_item(&format!("{name}.json"))
        .or_else(|| ResultKeys::from_item(&format!("layers/{name}.json")))
}

/// The paths of objects: in the store's own folder, or of copies.
fn local(store: &Store, keys: &[String]) -> Result<(Vec<String>, Option<TempDir>), DiffError> {
    if let Some(root) = store.local_root() {
        let path = |key: &String| root.join(key).display().to_string();
        return Ok((keys.iter().map(path).collect(), None));
    }
    let folder = tempfile::Builder::new()
        .prefix("geocrop-diff-")
        .tempdir()
        .map_err(|source| DiffError::Scratch {
            path: std::env::temp_dir().display().to_string(),
            source,
        })?;
    let mut paths = Vec::with_capacity(keys.len());
    for (number, key) in keys.iter().enumerate() {
        let file = folder.path().join(format!("{number}.tif"));
        store.download(key, &file)?;
        paths.push(file.display().to_string());
    }
    Ok((paths, Some(folder)))
}

/// What an item says of its map.
struct Described {
    legend: Legend,
    /// Where its rasters lie, relative to it.
    hrefs: Vec<String>,
}

fn of_item(name: &str, text: &[u8]) -> Result<Described, DiffError> {
    let refuse = |reason: &str| DiffError::Item {
        name: name.to_owned(),
        reason: reason.to_owned(),
    };
    let item: Item = serde_json::from_slice(text)
        .map_err(|error| refuse(&format!("it is not a STAC item ({error})")))?;
    let map = item
        .assets
        .get("map")
        .ok_or_else(|| refuse("the item has no asset 'map'"))?;
    let extra = &item.properties.extra;
    let steps = extra.get("geocrop:kind").and_then(Value::as_str) == Some("index");
    let mut classes = classes(map)
        .filter(|classes| !classes.is_empty())
        .ok_or_else(|| {
            refuse("its map has no classes (classification:classes): a picture cannot be compared, and nothing in it counted")
        })?;
    classes.sort_by_key(|class| class.value);
    // The map of a large area is a virtual raster over the maps of its tiles, which lie beside it.
    let tiles = extra.get("geocrop:tiles").and_then(Value::as_array);
    let hrefs = match tiles {
        Some(tiles) => {
            let names = tiles.iter().filter_map(Value::as_str);
            names.map(|area| format!("./{area}.tif")).collect()
        }
        None => vec![map.href.clone()],
    };
    let inside = |href: &String| {
        let file = href.trim_start_matches("./");
        !file.is_empty() && !file.contains('/')
    };
    if !hrefs.iter().all(inside) {
        return Err(refuse("its map is not one of the files beside it"));
    }
    Ok(Described {
        legend: Legend::Item { classes, steps },
        hrefs,
    })
}

fn classes(map: &Asset) -> Option<Vec<Class>> {
    let list = map.extra.get("classification:classes")?.as_array()?;
    list.iter()
        .map(|class| {
            let text = |key: &str| class.get(key).and_then(|v| v.as_str());
            let name = text("name")?.to_owned();
            Some(Class {
                value: u8::try_from(class.get("value")?.as_u64()?).ok()?,
                title: text("title").unwrap_or(&name).to_owned(),
                name,
                color: text("color_hint").and_then(rgb).unwrap_or_default(),
            })
        })
        .collect()
}

/// The colour of six hexadecimal digits.
fn rgb(hint: &str) -> Option<[u8; 3]> {
    let color: geocrop_model::Rgb = format!("#{hint}").parse().ok()?;
    Some(color.0)
}

/// The legend of a plain file: the values that occur, with what the file says of them.
fn of_raster(path: &Path) -> Result<Legend, DiffError> {
    let categories = Categories::read(path)?;
    let info = geocrop_raster::RasterReader::new().info(&path.display().to_string())?;
    let nodata = info.bands.first().and_then(|band| band.nodata);
    let occurs = histogram(path, 1)?;
    let values = (0..NODATA)
        .filter(|value| occurs[usize::from(*value)] > 0 && nodata != Some(f64::from(*value)))
        .collect();
    Ok(Legend::File {
        values,
        names: categories.names.into_iter().collect(),
        colors: categories.colors.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_written_short() {
        for name in [
            "layers/ndvi/2024/mazowe.json",
            "layers/ndvi/2024/mazowe",
            "ndvi/2024/mazowe",
            "/ndvi/2024/mazowe.json",
        ] {
            assert_eq!(keys(name).unwrap().item(), "layers/ndvi/2024/mazowe.json");
        }
        assert_eq!(
            keys("jobs/public/0b1c/field").unwrap().item(),
            "jobs/public/0b1c/field.json"
        );
        for name in ["", "ndvi", "ndvi/2024", "../ndvi/2024/mazowe", "a/b/c/d/e"] {
            assert!(keys(name).is_none(), "{name}");
        }
    }
}
