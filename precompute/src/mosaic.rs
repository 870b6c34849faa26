//! A large area's tiles, shown as one layer: map tiles over all of them, a virtual raster for desktop programs, the sum
//! of their statistics, and an item.

use std::path::{Path, PathBuf};

use geocrop_raster::{Grid, write_mosaic_pmtiles, write_vrt};
use geocrop_store::publish::{self, Staged};
use geocrop_store::stac::{self, Asset, Item};
use geocrop_store::{ContentHash, ContentType, ResultKeys};
use serde_json::{Value, json};

use crate::describe::{describe_map, describe_tiles, identify};
use crate::engine::{Engine, hash_of, size, tile_spec};
use crate::estimate::{Spent, cpu_seconds};
use crate::files::close_files;
use crate::output::MapTiles;
use crate::plan;
use crate::progress::Stage;
use crate::scratch::Scratch;
use crate::statistics::Statistics;
use crate::task::{Outcome, Published, Target, Task};
use crate::{ALGORITHM_VERSION, Progress, TaskError};

/// A tile that is done.
struct Part {
    keys: ResultKeys,
    item: Item,
}

impl Part {
    fn fact(&self, name: &str) -> Option<&Value> {
        self.item.properties.extra.get(name)
    }
}

impl Engine {
    /// Shows the tiles of a large area as one layer, once all of them are there. `whole` is the task that
    /// [`Engine::split`] cut.
    ///
    /// Shards need no coordinator for it: whoever finishes last finds all tiles there, and does it.
    ///
    /// # Errors
    /// As [`Engine::run`]: nothing is published then.
    pub fn mosaic(&self, whole: &Task, progress: &Progress) -> Result<Outcome, TaskError> {
        progress.begin(Stage::Plan, 1);
        let tasks = self.split(whole)?;
        let mut parts = Vec::new();
        for task in &tasks {
            let keys = task.keys()?;
            let item = self.store().get(&keys.item())?;
            if let Some(item) = item.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
                parts.push(Part { keys, item });
            }
        }
        if parts.len() < tasks.len() {
            return Ok(Outcome::Incomplete {
                missing: tasks.len() - parts.len(),
            });
        }
        let keys = whole.keys()?;
        let hash = hash(&parts);
        let there: Option<Item> = self
            .store()
            .get(&keys.item())?
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = there.as_ref().and_then(|item| {
            let extra = &item.properties.extra;
            extra.get("geocrop:recipe_hash")?.as_str()
        });
        if known == Some(&hash) {
            return Ok(Outcome::Unchanged {
                item_key: keys.item(),
            });
        }
        let result = self.assemble(whole, &keys, &parts, &hash, progress);
        close_files();
        result
    }

    fn assemble(
        &self,
        whole: &Task,
        keys: &ResultKeys,
        parts: &[Part],
        hash: &str,
        progress: &Progress,
    ) -> Result<Outcome, TaskError> {
        let begun = cpu_seconds();
        let scratch = Scratch::new(&self.options().scratch)?;
        let maps = parts
            .iter()
            .map(|part| self.local(part, scratch.path()))
            .collect::<Result<Vec<_>, _>>()?;
        let vrt = scratch.path().join(format!("{}.vrt", keys.area()));
        write_vrt(&vrt, &maps)?;
        let drawn = draw(&maps, whole, scratch.path(), progress)?;

        let statistics = self.sum(whole, parts)?;
        let mut text = serde_json::to_vec_pretty(&statistics).expect("statistics are plain data");
        text.push(b'\n');
        let tiles_key = keys.tiles(&hash_of(&drawn.path)?);
        let staged = [
            Staged::file("map", keys.mosaic(), &vrt),
            Staged::file("tiles", tiles_key.clone(), &drawn.path),
            Staged::bytes("statistics", keys.statistics(), text),
        ];
        let item = item(
            whole,
            keys,
            parts,
            hash,
            &plan::grid(whole)?,
            &tiles_key,
            &drawn,
        );
        progress.check()?;
        progress.begin(Stage::Publish, 1);
        publish::publish(self.store(), keys, &staged, item)?;
        self.refresh(&whole.recipe)?;
        progress.advance();
        let spent = Spent {
            map_seconds: 0.0,
            finish_seconds: cpu_seconds() - begun,
            bytes: staged.iter().map(size).sum(),
        };
        Ok(Outcome::Done(Box::new(Published {
            item_key: keys.item(),
            statistics,
            notes: notes(parts),
            spent: spent.cost(),
        })))
    }

    /// A tile's map as a local file, under the name that it has in the store.
    fn local(&self, part: &Part, scratch: &Path) -> Result<PathBuf, TaskError> {
        let key = part.keys.map();
        let path = scratch.join(key.rsplit('/').next().unwrap_or(&key));
        let cannot = |source| TaskError::Scratch {
            path: path.display().to_string(),
            source,
        };
        if let Some(root) = self.store().local_root() {
            std::os::unix::fs::symlink(root.join(&key), &path).map_err(cannot)?;
        } else {
            self.store().download(&key, &path)?;
        }
        Ok(path)
    }

    fn sum(&self, whole: &Task, parts: &[Part]) -> Result<Statistics, TaskError> {
        let mut all = Vec::with_capacity(parts.len());
        for part in parts {
            let bytes = self.store().get(&part.keys.statistics())?;
            let statistics = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            all.push(statistics.ok_or_else(|| TaskError::NoItem {
                key: part.keys.statistics(),
                store: self.store().url().to_owned(),
            })?);
        }
        Ok(Statistics::sum(&whole.area(), &all))
    }
}

/// Equal tiles, equal mosaic.
fn hash(parts: &[Part]) -> String {
    let tiles: Vec<_> = parts
        .iter()
        .map(|part| (part.keys.area(), part.fact("geocrop:recipe_hash")))
        .collect();
    let everything = json!({ "algorithm": ALGORITHM_VERSION, "tiles": tiles });
    ContentHash::of_bytes(everything.to_string().as_bytes()).to_string()
}

fn draw(
    maps: &[PathBuf],
    whole: &Task,
    scratch: &Path,
    progress: &Progress,
) -> Result<MapTiles, TaskError> {
    let path = scratch.join("tiles.pmtiles");
    progress.begin(Stage::Tiles, 0);
    let went_on = |done: usize, total: usize| {
        if done == 0 {
            progress.begin(Stage::Tiles, total);
        }
        progress.reach(done);
        !progress.is_cancelled()
    };
    let report = write_mosaic_pmtiles(maps, &path, &tile_spec(whole), &went_on);
    progress.check()?;
    Ok(MapTiles {
        path,
        report: report?,
    })
}

/// What the tiles' items say to people, each remark once.
fn notes(parts: &[Part]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for part in parts {
        let said = part.fact("geocrop:notes").and_then(Value::as_array);
        for note in said.into_iter().flatten().filter_map(Value::as_str) {
            if !notes.iter().any(|n| n == note) {
                notes.push(note.to_owned());
            }
        }
    }
    notes
}

fn item(
    whole: &Task,
    keys: &ResultKeys,
    parts: &[Part],
    hash: &str,
    grid: &Grid,
    tiles_key: &str,
    drawn: &MapTiles,
) -> Item {
    debug_assert_eq!(whole.target, Target::Layer);
    let mut item = identify(
        whole,
        keys,
        grid,
        hash,
        (whole.aoi.to_geojson_geometry(), whole.aoi.lonlat_bounds()),
    );
    let extra = &mut item.properties.extra;
    extra.insert(
        "geocrop:tiles".into(),
        parts.iter().map(|part| json!(part.keys.area())).collect(),
    );
    extra.insert(
        "processing:lineage".into(),
        json!(format!(
            "{} tiles, each an item of its own, shown as one.",
            parts.len()
        )),
    );
    let shared = |name: &str| parts.first().and_then(|p| p.fact(name)).cloned();
    for (name, value) in [
        ("geocrop:model", shared("geocrop:model")),
        ("geocrop:composite", shared("geocrop:composite")),
        ("geocrop:notes", Some(json!(notes(parts)))),
    ] {
        if let Some(value) = value.filter(|v| *v != json!([])) {
            extra.insert(name.to_owned(), value);
        }
    }
    let asset = |key: &str, title: &str, roles: &[&str]| {
        let href = keys
            .href(key)
            .expect("the keys of a result are in its folder");
        let mut asset = Asset::new(&href, ContentType::of_key(key));
        asset.title = Some(title.to_owned());
        asset.roles = roles.iter().map(|r| (*r).to_owned()).collect();
        asset
    };
    let mut map = asset(
        &keys.mosaic(),
        "The tiles as one raster (GDAL VRT)",
        &["data"],
    );
    describe_map(&mut item, &mut map, &whole.recipe);
    item.assets.insert("map".into(), map);
    let mut tiles = asset(tiles_key, "Map tiles", &["tiles", "visual"]);
    describe_tiles(&mut tiles, &drawn.report);
    item.assets.insert("tiles".into(), tiles);
    item.assets.insert(
        "statistics".into(),
        asset(&keys.statistics(), "Hectares per class", &["metadata"]),
    );
    item.add_extension(stac::FILE);
    item
}
