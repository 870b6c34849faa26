//! Makes a published map again from its lock, and says whether it became the same.

use std::path::{Path, PathBuf};

use geocrop_raster::{RasterReader, Resampling};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ContentType, ResultKeys, Store};
use serde::Serialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::files::close_files;
use crate::lock::Lock;
use crate::scratch::Scratch;
use crate::task::Task;
use crate::{ALGORITHM_VERSION, Progress, TaskError};

/// How a map compares with itself, made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reproduction {
    /// Key of the item.
    pub item: String,
    /// Files that became the same, byte for byte.
    pub same: Vec<String>,
    /// The first one that did not.
    pub difference: Option<Difference>,
    /// What went in and is not what it was: files, the model, the program.
    pub changed: Vec<String>,
}

/// Where two files begin to differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file.
    pub file: String,
    /// The first pixel, property or byte that differs, and how.
    pub place: String,
}

/// The files in the order in which they are made: the first difference is the one nearest to the cause.
const FILES: [&str; 6] = [
    "map",
    "confidence",
    "applicability",
    "observations",
    "statistics",
    "tiles",
];

impl Engine {
    /// Makes a published map again, from the files that it was made of, and compares. Nothing is published.
    ///
    /// # Errors
    /// When there is no such map, it has no lock, or it cannot be made at all, as when a scene is gone.
    pub fn reproduce(
        &self,
        item_key: &str,
        progress: &Progress,
    ) -> Result<Reproduction, TaskError> {
        let unknown = || TaskError::NoItem {
            key: item_key.to_owned(),
            store: self.store().url().to_owned(),
        };
        let keys = ResultKeys::from_item(item_key).ok_or_else(unknown)?;
        let bytes = self.store().get(item_key)?.ok_or_else(unknown)?;
        let published: Item = serde_json::from_slice(&bytes).map_err(|_| unknown())?;
        let lock = self
            .store()
            .get(&keys.lock())?
            .and_then(|bytes| Lock::parse(&bytes))
            .ok_or_else(|| TaskError::Lock {
                reason: format!("{} is missing or cannot be read", keys.lock()),
            })?;
        let task = lock.task()?;
        let scratch = Scratch::new(&self.options().scratch)?;
        let store = Store::open(&scratch.path().join("store").display().to_string())?;
        let (changed, planned) = {
            let mut planner = self.planner();
            let planned = planner.locked(&task, keys.clone(), &lock, progress)?;
            (changes(&task, &lock, &planned.lock), planned)
        };
        let again = Engine::new(store, self.options().clone());
        let made = again.make(&task, &planned, progress);
        close_files();
        made?;

        let remade = again.store().get(&planned.keys.item())?.unwrap_or_default();
        let remade: Item = serde_json::from_slice(&remade).map_err(|_| unknown())?;
        let comparison = Comparison {
            keys: &keys,
            published: self.store(),
            remade: again.store(),
            scratch: scratch.path(),
        };
        let mut same = Vec::new();
        let mut difference = None;
        for name in FILES {
            let (Some(old), Some(new)) = (published.assets.get(name), remade.assets.get(name))
            else {
                continue;
            };
            match comparison.file(name, old, new)? {
                None => same.push(name.to_owned()),
                Some(found) => {
                    difference = Some(found);
                    break;
                }
            }
        }
        if difference.is_none() {
            let item = again.store().get(&planned.keys.item())?;
            match first_difference(&bytes, item.as_deref()) {
                None => same.push("item".to_owned()),
                Some(place) => {
                    difference = Some(Difference {
                        file: "item".to_owned(),
                        place,
                    });
                }
            }
        }
        Ok(Reproduction {
            item: item_key.to_owned(),
            same,
            difference,
            changed,
        })
    }
}

/// What is not as it was when the lock was made.
fn changes(task: &Task, then: &Lock, now: &Lock) -> Vec<String> {
    let mut changed = Vec::new();
    if then.algorithm != ALGORITHM_VERSION {
        changed.push(format!(
            "the algorithm: version {} then, {ALGORITHM_VERSION} now",
            then.algorithm
        ));
    }
    if then.program != now.program {
        changed.push(format!(
            "the program: {} then, {} now",
            then.program, now.program
        ));
    }
    if let (Some(then), Some(now)) = (&then.model, &now.model)
        && then != now
    {
        changed.push(format!(
            "the model {}: version {} ({}) then, {} ({}) now",
            then.name, then.version, then.sha256, now.version, now.sha256
        ));
    }
    for scene in then.inputs.seasons.iter().flat_map(|s| &s.scenes) {
        let mut seen = scene.clone();
        task.source.fingerprint(&mut seen);
        for (name, band) in &scene.bands {
            let new = &seen.bands[name].fingerprint;
            if *new != band.fingerprint {
                changed.push(format!(
                    "{} ({name} of {}): {} then, {} now",
                    band.href,
                    scene.id,
                    words(&band.fingerprint),
                    words(new)
                ));
            }
        }
    }
    changed
}

fn words(fingerprint: &geocrop_source::Fingerprint) -> String {
    let mut parts = Vec::new();
    if let Some(size) = fingerprint.size {
        parts.push(format!("{size} bytes"));
    }
    if let Some(modified) = &fingerprint.modified {
        parts.push(format!("changed {modified}"));
    }
    if let Some(etag) = &fingerprint.etag {
        parts.push(format!("etag {etag}"));
    }
    if parts.is_empty() {
        return "not to be found".to_owned();
    }
    parts.join(", ")
}

struct Comparison<'a> {
    keys: &'a ResultKeys,
    published: &'a Store,
    remade: &'a Store,
    scratch: &'a Path,
}

impl Comparison<'_> {
    fn file(&self, name: &str, old: &Asset, new: &Asset) -> Result<Option<Difference>, TaskError> {
        let differs = |place: String| {
            Ok(Some(Difference {
                file: name.to_owned(),
                place,
            }))
        };
        let read = |store: &Store, asset: &Asset| -> Result<Option<Vec<u8>>, TaskError> {
            match self.keys.referred(&asset.href) {
                Some(key) => Ok(store.get(&key)?),
                None => Ok(None),
            }
        };
        let Some(before) = read(self.published, old)? else {
            return differs(format!("{} is gone from the store", old.href));
        };
        let Some(after) = read(self.remade, new)? else {
            return differs(format!("{} was not made", new.href));
        };
        if before == after {
            return Ok(None);
        }
        if ContentType::of_key(&old.href) == ContentType::Cog
            && let Some(place) = self.first_pixel(&before, &after)?
        {
            return differs(place);
        }
        if name == "statistics"
            && let Some(place) = first_difference(&before, Some(&after))
        {
            return differs(place);
        }
        let at = before.iter().zip(&after).position(|(a, b)| a != b);
        differs(format!(
            "byte {} ({} bytes published, {} made)",
            at.unwrap_or(before.len().min(after.len())),
            before.len(),
            after.len()
        ))
    }

    /// The first pixel that differs, or `None` when the pixels are all the same and something else is not.
    fn first_pixel(&self, before: &[u8], after: &[u8]) -> Result<Option<String>, TaskError> {
        let place = |name: &str, bytes: &[u8]| -> Result<PathBuf, TaskError> {
            let path = self.scratch.join(name);
            std::fs::write(&path, bytes).map_err(|source| TaskError::Scratch {
                path: path.display().to_string(),
                source,
            })?;
            Ok(path)
        };
        let before = place("published.tif", before)?.display().to_string();
        let after = place("remade.tif", after)?.display().to_string();
        let mut reader = RasterReader::new();
        let (one, other) = (reader.info(&before)?, reader.info(&after)?);
        let (Some(grid), Some(new)) = (one.grid(), other.grid()) else {
            return Ok(None);
        };
        if grid != new || one.bands.len() != other.bands.len() {
            return Ok(Some(format!(
                "{} x {} pixels in {} bands published, {} x {} in {} made",
                grid.width,
                grid.height,
                one.bands.len(),
                new.width,
                new.height,
                other.bands.len()
            )));
        }
        let mut first = None;
        let mut count = 0_usize;
        for band in 1..=one.bands.len() {
            for window in grid.blocks(512) {
                let part = grid.sub(window);
                // NaN stands for nodata: no value of a map is negative.
                let mut values = |file: &str| -> Result<_, TaskError> {
                    Ok(reader
                        .read(file, band, None, &part, Resampling::Nearest)?
                        .mapv(|v| if v.is_nan() { -1.0 } else { v }))
                };
                let (a, b) = (values(&before)?, values(&after)?);
                for (((row, column), a), b) in a.indexed_iter().zip(&b) {
                    if (a - b).abs() > 0.0 {
                        count += 1;
                        first.get_or_insert((
                            band,
                            window.y + row,
                            window.x + column,
                            shown(*a),
                            shown(*b),
                        ));
                    }
                }
            }
        }
        Ok(first.map(|(band, row, column, a, b)| {
            format!(
                "band {band}, row {row}, column {column}: {a} published, {b} made; {count} of {} values differ",
                grid.width * grid.height * one.bands.len()
            )
        }))
    }
}

fn shown(value: f32) -> String {
    if value < 0.0 {
        "nodata".to_owned()
    } else {
        value.to_string()
    }
}

/// The first property in which two JSON documents differ.
fn first_difference(before: &[u8], after: Option<&[u8]>) -> Option<String> {
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    let after = after.unwrap_or_default();
    if before == after {
        return None;
    }
    let mut path = String::new();
    descend(&parse(before), &parse(after), &mut path).or(Some("only its formatting".to_owned()))
}

fn descend(a: &Value, b: &Value, path: &mut String) -> Option<String> {
    if a == b {
        return None;
    }
    let length = path.len();
    match (a, b) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                *path += "/";
                *path += key;
                let found = descend(
                    one.get(key).unwrap_or(&Value::Null),
                    other.get(key).unwrap_or(&Value::Null),
                    path,
                );
                if found.is_some() {
                    return found;
                }
                path.truncate(length);
            }
            None
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (a, b)) in one.iter().zip(other).enumerate() {
                *path += "/";
                *path += &index.to_string();
                if let Some(found) = descend(a, b, path) {
                    return Some(found);
                }
                path.truncate(length);
            }
            None
        }
        _ => Some(format!("{path}: {} published, {} made", short(a), short(b))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_property_that_differs_is_named_with_both_values() {
        let a = br#"{"a": 1, "b": {"c": [1, 2, {"d": "x"}]}}"#;
        let b = br#"{"a": 1, "b": {"c": [1, 2, {"d": "y"}]}}"#;
        let said = first_difference(a, Some(b)).unwrap();
        assert_eq!(said, r#"/b/c/2/d: "x" published, "y" made"#);
        assert_eq!(first_difference(a, Some(a)), None);
        let fewer = first_difference(a, Some(br#"{"a": 1}"#)).unwrap();
        assert!(
            fewer.starts_with("/b:") && fewer.ends_with("null made"),
            "{fewer}"
        );
    }
}
