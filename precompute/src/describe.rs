//! The STAC item of a result, and the collection of a recipe's layers.

use chrono::{DateTime, Utc};
use geocrop_raster::{Grid, TileReport};
use geocrop_source::Description;
use geocrop_store::stac::{self, Asset, Collection, Item};
use geocrop_store::{ContentType, ResultKeys};
use serde_json::{Value, json};

use crate::labels::{EVIDENCE, OBSERVATION_BANDS};
use crate::models::ModelIdentity;
use crate::output::Files;
use crate::post::{PolygonFile, Report};
use crate::prepare::PreparedSeason;
use crate::recipe::{Method, Output, Recipe};
use crate::statistics::{MapClass, classes};
use crate::task::{Target, Task};

/// Everything that an item tells.
pub(crate) struct Facts<'a> {
    pub(crate) task: &'a Task,
    pub(crate) grid: &'a Grid,
    /// Pixels that were rendered, with the margin that filters look at.
    pub(crate) rendered_pixels: usize,
    pub(crate) seasons: &'a [PreparedSeason],
    pub(crate) model: Option<&'a ModelIdentity>,
    pub(crate) hash: &'a str,
    pub(crate) files: &'a Files,
    /// What post-processing did.
    pub(crate) post: &'a Report,
    /// The polygon files of the recipe's masks.
    pub(crate) polygons: &'a [PolygonFile],
    /// What a person should know about the result.
    pub(crate) notes: Vec<String>,
}

impl Facts<'_> {
    fn recipe(&self) -> &Recipe {
        &self.task.recipe
    }

    fn source(&self) -> &Description {
        self.task.source.description()
    }

    /// What is mapped: the area, or the rectangle of its part in a tile.
    fn outline(&self) -> (Value, [f64; 4]) {
        let aoi = &self.task.aoi;
        match (&self.task.target, self.grid.lonlat_bounds()) {
            (Target::Tile(_), Ok(bbox)) => (rectangle(bbox), bbox),
            (_, Ok(bbox)) if !self.recipe().post.clip => (rectangle(bbox), bbox),
            _ => (aoi.to_geojson_geometry(), aoi.lonlat_bounds()),
        }
    }

    /// The item, with its assets named but their checksums still to come.
    pub(crate) fn item(&self, keys: &ResultKeys, tiles_key: Option<&str>) -> Item {
        let mut item = identify(self.task, keys, self.grid, self.hash, self.outline());
        let extra = &mut item.properties.extra;
        let mut put = |name: &str, value: Value| extra.insert(name.to_owned(), value);
        put("proj:shape", json!([self.grid.height, self.grid.width]));
        put("proj:transform", json!(transform(self.grid)));
        put("processing:lineage", json!(self.lineage()));
        if let Target::Tile(tile) = &self.task.target {
            put("geocrop:tile", json!(tile.name));
            put("geocrop:part_of", json!(self.task.aoi.slug));
        }
        put("geocrop:scenes", self.scenes());
        if let Some(mask) = &self.recipe().mask {
            put(
                "geocrop:mask",
                json!({ "band": mask.band, "recipe": mask.recipe }),
            );
        }
        if let Some(model) = self.model {
            put("geocrop:model", json!(model));
        }
        if let Some(steps) = self.post.to_json(&self.recipe().post, self.polygons) {
            put("geocrop:post", steps);
        }
        if let Output::Labels(_) = &self.recipe().output {
            let composite = &self.recipe().composite;
            put(
                "geocrop:composite",
                json!({ "method": composite.method, "thin": composite.thin }),
            );
        }
        if !self.notes.is_empty() {
            put("geocrop:notes", json!(self.notes));
        }
        self.assets(&mut item, keys, tiles_key);
        item
    }

    fn lineage(&self) -> String {
        let mut sentences = vec![format!("Imagery: {}.", self.source().title)];
        for season in self.seasons {
            let (first, last) = season.season().days(self.task.period);
            let what = match season {
                PreparedSeason::Scenes { acquisitions, .. } => format!(
                    "{} of {} days with scenes",
                    statistic(self.recipe()),
                    acquisitions.len()
                ),
                PreparedSeason::Composites { tiles, .. } => {
                    format!("composite made by the source, {} tiles", tiles.len())
                }
                PreparedSeason::Labels { days, .. } => {
                    format!("{} of {} days", statistic(self.recipe()), days.len())
                }
            };
            let name = &season.season().name;
            sentences.push(format!("Season {name} ({first} to {last}): {what}."));
        }
        if let Some(model) = self.model {
            sentences.push(format!(
                "Classified by {} version {}.",
                model.name, model.version
            ));
        }
        sentences.extend(self.post.sentences(&self.recipe().post));
        sentences.join(" ")
    }

    /// The lock of the map: every scene, its files and the offset that was applied.
    fn scenes(&self) -> Value {
        let pixels = self.rendered_pixels.max(1) as f64;
        let scene = |season: &PreparedSeason| {
            season
                .scenes()
                .into_iter()
                .map(|prepared| {
                    let scene = &prepared.scene;
                    let clear = prepared.sanity.clear() as f64;
                    let mut notes = prepared.notes.clone();
                    notes.extend(prepared.sanity.doubt(scene.offset.value));
                    let mut value = json!({
                        "id": scene.id,
                        "item": scene.item_href,
                        "datetime": stac::timestamp(scene.datetime),
                        "season": season.season().name,
                        "offset": scene.offset,
                        "clear_percent": (1000.0 * clear / pixels).round() / 10.0,
                        "files": scene.bands.iter().map(|(name, band)| (name.clone(), json!({
                            "href": band.href,
                            "fingerprint": band.fingerprint,
                        }))).collect::<serde_json::Map<_, _>>(),
                    });
                    if let Some(share) = prepared.sanity.negative_share() {
                        value["negative_over_vegetation"] = json!((share * 1e4).round() / 1e4);
                    }
                    if !notes.is_empty() {
                        value["notes"] = json!(notes);
                    }
                    value
                })
                .collect::<Vec<_>>()
        };
        self.seasons.iter().flat_map(scene).collect()
    }

    fn assets(&self, item: &mut Item, keys: &ResultKeys, tiles_key: Option<&str>) {
        let asset = |key: &str, title: &str, roles: &[&str]| {
            let href = keys
                .href(key)
                .expect("the keys of a result are in its folder");
            let mut asset = Asset::new(&href, ContentType::of_key(key));
            asset.title = Some(title.to_owned());
            asset.roles = roles.iter().map(|r| (*r).to_owned()).collect();
            asset
        };
        let mut map = asset(&keys.map(), &self.recipe().title, &["data"]);
        describe_map(item, &mut map, self.recipe());
        item.assets.insert("map".into(), map);
        if self.files.confidence.is_some() {
            let mut confidence = asset(
                &keys.confidence(),
                "Confidence, percent",
                &["data", "quality"],
            );
            confidence.extra.insert("data_type".into(), json!("uint8"));
            confidence.extra.insert("nodata".into(), json!(255));
            confidence.extra.insert("unit".into(), json!("%"));
            item.assets.insert("confidence".into(), confidence);
        }
        if self.files.applicability.is_some() {
            let mut applicability = asset(
                &keys.applicability(),
                "Dissimilarity from the model's samples, percent of the limit",
                &["data", "quality"],
            );
            let mut put = |name: &str, value: Value| applicability.extra.insert(name.into(), value);
            put("data_type", json!("uint8"));
            put("nodata", json!(255));
            put("unit", json!("%"));
            item.assets.insert("applicability".into(), applicability);
        }
        let mut observations = asset(
            &keys.observations(),
            "Clear observations",
            &["data", "quality"],
        );
        observations
            .extra
            .insert("data_type".into(), json!("uint8"));
        observations.extra.insert("nodata".into(), json!(255));
        if let Output::Labels(_) = &self.recipe().output {
            item.add_extension(stac::CLASSIFICATION);
            observations
                .extra
                .insert("bands".into(), observation_bands());
        }
        item.assets.insert("observations".into(), observations);
        if let (Some(key), Some(drawn)) = (tiles_key, &self.files.tiles) {
            let mut tiles = asset(key, "Map tiles", &["tiles", "visual"]);
            describe_tiles(&mut tiles, &drawn.report);
            item.assets.insert("tiles".into(), tiles);
        }
        item.assets.insert(
            "lock".into(),
            asset(&keys.lock(), "What the map is made of", &["metadata"]),
        );
        item.assets.insert(
            "statistics".into(),
            asset(&keys.statistics(), "Hectares per class", &["metadata"]),
        );
    }
}

/// An item with all that follows from the task alone.
pub(crate) fn identify(
    task: &Task,
    keys: &ResultKeys,
    grid: &Grid,
    hash: &str,
    (geometry, bbox): (Value, [f64; 4]),
) -> Item {
    let (recipe, source) = (&*task.recipe, task.source.description());
    let (start, end) = interval(task);
    let id = format!("{}-{}-{}", recipe.name, task.period, task.area());
    let mut item = Item::new(&id, geometry, bbox, start, end);
    item.collection = keys.recipe().map(ToString::to_string);
    item.properties.title = Some(format!(
        "{}, {}, {}",
        task.area_name(),
        recipe.title,
        task.period
    ));
    item.properties.description = Some(recipe.description.clone());
    for schema in [stac::PROJECTION, stac::PROCESSING, stac::FILE] {
        item.add_extension(schema);
    }
    let extra = &mut item.properties.extra;
    let mut put = |name: &str, value: Value| extra.insert(name.to_owned(), value);
    put("proj:code", json!(grid.crs.to_string()));
    put(
        "processing:software",
        json!({ "geocrop": env!("CARGO_PKG_VERSION") }),
    );
    put("geocrop:area", json!(task.area()));
    put("geocrop:area_name", json!(task.area_name()));
    put("geocrop:area_kind", json!(task.aoi.kind));
    put("geocrop:area_approximate", json!(task.aoi.approximate));
    put("geocrop:period", json!(task.period));
    put("geocrop:recipe", json!(recipe.name));
    put("geocrop:recipe_title", json!(recipe.title));
    put("geocrop:recipe_hash", json!(hash));
    put("geocrop:kind", json!(recipe.output.kind()));
    put("geocrop:synthetic", json!(source.synthetic));
    put("geocrop:source", json!(source.title));
    put("geocrop:attribution", json!(source.attribution));
    item
}

fn interval(task: &Task) -> (DateTime<Utc>, DateTime<Utc>) {
    let seasons = &task.recipe.seasons;
    let intervals: Vec<_> = seasons.iter().map(|s| s.interval(task.period)).collect();
    let start = intervals.iter().map(|i| i.0).min();
    let end = intervals.iter().map(|i| i.1).max();
    start.zip(end).expect("a recipe has a season")
}

/// What the values of a map mean.
pub(crate) fn describe_map(item: &mut Item, map: &mut Asset, recipe: &Recipe) {
    let mut put = |name: &str, value: Value| map.extra.insert(name.to_owned(), value);
    put("data_type", json!("uint8"));
    put("nodata", json!(recipe.output.nodata()));
    let list = classes(&recipe.output);
    if !list.is_empty() {
        item.add_extension(stac::CLASSIFICATION);
        put("classification:classes", classification(&list));
    }
    if let Output::Index { low, high, .. } = &recipe.output {
        item.add_extension(stac::RASTER);
        let step = f64::from(high - low) / f64::from(crate::recipe::INDEX_STEPS);
        put("raster:scale", json!(step));
        put("raster:offset", json!(f64::from(*low)));
    }
}

/// What a map needs to know of tiles before it reads them.
pub(crate) fn describe_tiles(tiles: &mut Asset, report: &TileReport) {
    for (name, value) in [
        ("geocrop:min_zoom", json!(report.min_zoom)),
        ("geocrop:max_zoom", json!(report.max_zoom)),
        ("geocrop:tile_size", json!(geocrop_raster::TILE_SIZE)),
    ] {
        tiles.extra.insert(name.to_owned(), value);
    }
}

/// A box of degrees as a GeoJSON polygon.
fn rectangle([west, south, east, north]: [f64; 4]) -> Value {
    json!({
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    })
}

/// `proj:transform` has the six numbers of the affine transformation in row-major order.
fn transform(grid: &Grid) -> [f64; 6] {
    [
        grid.resolution,
        0.0,
        grid.x0,
        0.0,
        -grid.resolution,
        grid.y0,
    ]
}

/// What makes one class of many dates.
fn statistic(recipe: &Recipe) -> &'static str {
    match recipe.composite.method {
        Method::Geomedian => "geometric median",
        Method::Mode => "most frequent class",
        Method::MeanProbability => "class with the highest mean probability",
    }
}

/// The two bands of a label map's observations.
fn observation_bands() -> Value {
    let [count, evidence] = OBSERVATION_BANDS;
    let codes: Vec<Value> = EVIDENCE
        .iter()
        .map(|(code, name, meaning)| {
            json!({ "value": *code as u8, "name": name, "description": meaning })
        })
        .collect();
    json!([
        { "name": count, "description": "Observations of the period; 254 stands for that or more" },
        { "name": evidence, "description": "What the class rests on", "classification:classes": codes },
    ])
}

fn classification(classes: &[MapClass]) -> Value {
    classes
        .iter()
        .map(|class| {
            json!({
                "value": class.first,
                "name": class.name,
                "title": class.title,
                "description": class.description,
                "color_hint": class.color.trim_start_matches('#').to_uppercase(),
            })
        })
        .collect()
}

/// The collection of a recipe's layers, as a function of its items alone.
pub(crate) fn collection(recipe: &Recipe, items: &[Item]) -> Collection {
    let mut collection = Collection::new(&recipe.name, &recipe.description, items);
    collection.title = Some(recipe.title.clone());
    collection.keywords = vec!["land cover".into(), recipe.name.clone()];
    let list = classes(&recipe.output);
    let mut map = json!({
        "title": recipe.title,
        "type": ContentType::Cog.as_str(),
        "roles": ["data"],
        "nodata": recipe.output.nodata(),
    });
    if !list.is_empty() {
        collection.add_extension(stac::CLASSIFICATION);
        map["classification:classes"] = classification(&list);
    }
    collection.item_assets.insert("map".into(), map);
    let mut periods: Vec<&Value> = items
        .iter()
        .filter_map(|item| item.properties.extra.get("geocrop:period"))
        .collect();
    periods.sort_by_key(ToString::to_string);
    periods.dedup();
    collection
        .summaries
        .insert("geocrop:period".into(), json!(periods));
    collection
        .extra
        .insert("geocrop:kind".into(), json!(recipe.output.kind()));
    if let Some(zone) = &recipe.zone {
        collection.extra.insert("geocrop:zone".into(), json!(zone));
    }
    collection
}
