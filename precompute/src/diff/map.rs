//! A map to be compared: an item of a store, an item's file, or a plain `GeoTIFF` of classes.

use std::path::{Path, PathBuf};

use geocrop_raster::{Categories, histogram};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ResultKeys, Store};
use tempfile::TempDir;

use super::legend::Legend;
use super::{Class, DiffError};
use crate::recipe::NODATA;

/// A map, found and ready to be read.
#[derive(Debug)]
pub struct Map {
    /// What it was asked for by.
    pub(super) name: String,
    /// Path of its raster on this machine.
    pub(super) raster: String,
    pub(super) legend: Legend,
    /// The raster's copy, when the store is no folder; removed with the map.
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
            let (legend, href) = of_item(&name, &text)?;
            let folder = path.parent().unwrap_or(Path::new(""));
            return Ok(Self {
                raster: folder.join(href).display().to_string(),
                name,
                legend,
                _copy: None,
            });
        }
        Ok(Self {
            legend: of_raster(path)?,
            raster: name.clone(),
            name,
            _copy: None,
        })
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
        let (legend, href) = of_item(&keys.item(), &text)?;
        let key = keys.referred(&href).ok_or_else(|| DiffError::Item {
            name: keys.item(),
            reason: format!("its map {href} is not one of its own files"),
        })?;
        let (raster, copy) = local(store, &key)?;
        Ok(Self {
            name: keys.item().trim_end_matches(".json").to_owned(),
            raster: raster.display().to_string(),
            legend,
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

/// The path of an object: in the store's own folder, or of a copy.
fn local(store: &Store, key: &str) -> Result<(PathBuf, Option<TempDir>), DiffError> {
    if let Some(root) = store.local_root() {
        return Ok((root.join(key), None));
    }
    let folder = tempfile::Builder::new()
        .prefix("geocrop-diff-")
        .tempdir()
        .map_err(|source| DiffError::Scratch {
            path: std::env::temp_dir().display().to_string(),
            source,
        })?;
    let file = folder.path().join("map.tif");
    store.download(key, &file)?;
    Ok((file, Some(folder)))
}

/// The legend of an item, and where its map lies relative to it.
fn of_item(name: &str, text: &[u8]) -> Result<(Legend, String), DiffError> {
    let refuse = |reason: String| DiffError::Item {
        name: name.to_owned(),
        reason,
    };
    let item: Item = serde_json::from_slice(text)
        .map_err(|error| refuse(format!("it is not a STAC item ({error})")))?;
    let map = item
        .assets
        .get("map")
        .ok_or_else(|| refuse("the item has no asset 'map'".into()))?;
    let kind = item.properties.extra.get("geocrop:kind");
    let steps = kind.and_then(|kind| kind.as_str()) == Some("index");
    let mut classes = classes(map)
        .filter(|classes| !classes.is_empty())
        .ok_or_else(|| {
            refuse(
                "its map has no classes (classification:classes): a picture cannot be compared"
                    .into(),
            )
        })?;
    classes.sort_by_key(|class| class.value);
    Ok((Legend::Item { classes, steps }, map.href.clone()))
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
