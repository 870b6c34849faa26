//! Whole tasks over a made landscape: from a catalog of scenes to a published layer.

use std::sync::Arc;

use crate::support::{Bench, aoi, copy_of_landscape, files, landscape, project, source, task};
use geocrop_precompute::{Outcome, Progress, Published, Recipe, Task, TaskError, publish_models};
use geocrop_raster::{Aoi, AoiLimits, RasterReader, Resampling, histogram};
use geocrop_store::ContentType;
use geocrop_store::stac::Collection;

#[test]
fn a_cropland_map_agrees_with_the_made_truth_and_describes_itself() {
    let bench = Bench::new();
    let map = bench.make(&task(landscape(), "cropland-southeast-africa"));
    assert_eq!(
        map.item_key,
        "layers/cropland-southeast-africa/2024/valley.json"
    );

    let statistics = &map.statistics;
    let reference = statistics.reference.as_ref().unwrap();
    assert!(reference.accuracy > 0.6, "{}", reference.accuracy);
    let sum: f64 = statistics.classes.iter().map(|c| c.hectares).sum();
    assert!((sum - statistics.observed_ha).abs() < 0.05);
    assert!(statistics.observed_ha <= statistics.area_ha);
    // 96 x 96 pixels of 10 m are 92.16 ha.
    assert!(
        (statistics.area_ha - 92.16).abs() < 2.0,
        "{}",
        statistics.area_ha
    );

    let item = bench.item(&map.item_key);
    let facts = &item.properties.extra;
    assert_eq!(facts["geocrop:synthetic"], true);
    assert_eq!(facts["geocrop:model"]["name"], "cropland-southeast-africa");
    let scenes = facts["geocrop:scenes"].as_array().unwrap();
    assert_eq!(scenes.len(), 8);
    let offsets: Vec<f64> = scenes
        .iter()
        .map(|s| s["offset"]["value"].as_f64().unwrap())
        .collect();
    assert!(
        offsets.contains(&0.0) && offsets.contains(&-0.1),
        "{offsets:?}"
    );
    assert!(scenes.iter().all(|s| s["notes"].is_null()), "{scenes:?}");
    for (name, asset) in &item.assets {
        let folder = bench.file("layers/cropland-southeast-africa/2024");
        assert!(folder.join(&asset.href).exists(), "{name}: {}", asset.href);
        assert!(asset.extra.contains_key("file:checksum"), "{name}");
    }
    let classes = histogram(
        &bench.file("layers/cropland-southeast-africa/2024/valley.tif"),
        1,
    )
    .unwrap();
    assert_eq!(
        classes[0] + classes[1],
        statistics.classes.iter().map(|c| c.pixels).sum::<u64>()
    );

    let (_, scratch) = bench.files();
    assert_eq!(scratch, Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_same_task_is_not_done_twice_and_one_new_scene_makes_it_again() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    let first = task(dir.path(), "ndvi");
    let made = bench.make(&first);
    let again = bench.engine.run(&first, &Progress::new()).unwrap();
    assert!(matches!(again, Outcome::Unchanged { item_key } if item_key == made.item_key));

    // A scene is delivered anew: same content, later time.
    let band = files(&dir.path().join("scenes"))
        .into_iter()
        .find(|f| f.ends_with("B04.tif"))
        .unwrap();
    let content = std::fs::read(&band).unwrap();
    std::fs::remove_file(&band).unwrap();
    std::fs::write(&band, content).unwrap();
    let outcome = bench
        .engine
        .run(&task(dir.path(), "ndvi"), &Progress::new())
        .unwrap();
    assert!(matches!(outcome, Outcome::Done(_)));
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let (one, other) = (Bench::new(), Bench::new());
    let task = task(landscape(), "ndvi");
    one.make(&task);
    other.make(&task);
    let names = |bench: &Bench| -> Vec<_> {
        let all = files(bench.store.path());
        all.iter()
            .map(|f| f.strip_prefix(bench.store.path()).unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&one), names(&other));
    for name in names(&one) {
        let read = |bench: &Bench| std::fs::read(bench.store.path().join(&name)).unwrap();
        assert!(read(&one) == read(&other), "{} differs", name.display());
    }
}

#[test]
fn small_blocks_give_the_same_map_as_large_ones() {
    // Blocks of 64 px cut the 96 px area in four; the mask's morphology must not show the cuts.
    same_in_small_and_large_blocks(&task(landscape(), "ndvi"));
}

#[test]
fn cuts_on_those_of_the_files_and_edges_of_scenes_change_nothing() {
    // On the scenes' own grid numbers are read as they are stored, and cuts lie where the files have theirs; half of the
    // area lies beyond the scenes.
    let folder = tempfile::tempdir().unwrap();
    let ring = [
        (30.998, -17.402),
        (31.010, -17.402),
        (31.010, -17.392),
        (30.998, -17.392),
    ];
    let ring: Vec<[f64; 2]> = ring
        .iter()
        .chain(&ring[..1])
        .map(|&(x, y)| [x, y])
        .collect();
    let area = serde_json::json!({
        "type": "Feature",
        "properties": { "name": "Edge", "slug": "valley" },
        "geometry": { "type": "Polygon", "coordinates": [ring] },
    });
    let path = folder.path().join("edge.geojson");
    std::fs::write(&path, area.to_string()).unwrap();
    let text = std::fs::read_to_string(project().join("recipes/ndvi.toml")).unwrap();
    let text = text.replace("EPSG:6933", "EPSG:32736");
    let task = Task {
        recipe: Arc::new(Recipe::parse(&text, "utm.toml").unwrap()),
        aoi: Aoi::read(&path, &AoiLimits::default()).unwrap(),
        ..task(landscape(), "ndvi")
    };
    let map = same_in_small_and_large_blocks(&task);
    let seen = map.statistics.observed_ha / map.statistics.area_ha;
    assert!((0.1..0.9).contains(&seen), "{seen} of the area was seen");
}

/// Makes a map in blocks of 64 pixels and in one, which must be the same.
fn same_in_small_and_large_blocks(task: &Task) -> Published {
    let (small, large) = (Bench::with_memory(1), Bench::with_memory(2048));
    let plan = |bench: &Bench| {
        let mut planner = bench.engine.planner();
        planner.plan(task, &Progress::new()).unwrap()
    };
    assert_eq!(plan(&small).block_size, 64);
    assert!(plan(&small).blocks >= 4);
    assert_eq!(plan(&large).blocks, 1);
    let key = "layers/ndvi/2024/valley.tif";
    small.make(task);
    let map = large.make(task);
    assert_eq!(
        std::fs::read(small.file(key)).unwrap(),
        std::fs::read(large.file(key)).unwrap()
    );
    map
}

#[test]
fn a_picture_has_three_bands_and_no_classes() {
    let bench = Bench::new();
    let map = bench.make(&task(landscape(), "true-colour"));
    let path = bench.file("layers/true-colour/2024/valley.tif");
    let info = RasterReader::new()
        .info(&path.display().to_string())
        .unwrap();
    assert_eq!(info.bands.len(), 3);
    assert_eq!(info.crs.to_string(), "EPSG:6933");
    assert!(map.statistics.classes.is_empty());
    let item = bench.item(&map.item_key);
    assert!(!item.assets.contains_key("confidence"));
}

#[test]
fn greenness_is_the_index_of_the_composite() {
    let bench = Bench::new();
    bench.make(&task(landscape(), "ndvi"));
    let path = bench
        .file("layers/ndvi/2024/valley.tif")
        .display()
        .to_string();
    let mut reader = RasterReader::new();
    let info = reader.info(&path).unwrap();
    let (scale, offset) = (info.bands[0].scale.unwrap(), info.bands[0].offset.unwrap());
    let codes = reader
        .read(&path, 1, None, &info.grid().unwrap(), Resampling::Nearest)
        .unwrap();
    let values: Vec<f64> = codes
        .iter()
        .filter(|c| !c.is_nan())
        .map(|c| f64::from(*c) * scale + offset)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert!(
        (0.15..0.75).contains(&mean),
        "a farmed valley is neither bare nor jungle: {mean}"
    );
}

#[test]
fn collection_and_catalog_list_what_is_there() {
    let bench = Bench::new();
    bench.make(&task(landscape(), "ndvi"));
    bench.make(&task(landscape(), "true-colour"));
    let read = |key: &str| std::fs::read(bench.file(key)).unwrap();
    let collection: Collection =
        serde_json::from_slice(&read("layers/ndvi/collection.json")).unwrap();
    let items: Vec<_> = collection
        .links
        .iter()
        .filter(|l| l.rel == "item")
        .collect();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].href, "./2024/valley.json");
    let catalog: serde_json::Value = serde_json::from_slice(&read("catalog.json")).unwrap();
    let children = catalog["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|l| l["rel"] == "child");
    assert_eq!(children.count(), 2);
}

#[test]
fn a_task_that_is_cancelled_publishes_nothing_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let progress = Progress::new();
    progress.cancel();
    let error = bench
        .engine
        .run(&task(landscape(), "ndvi"), &progress)
        .unwrap_err();
    assert!(matches!(error, TaskError::Cancelled), "{error}");
    assert_eq!(bench.files(), (vec![], vec![]));
}

#[test]
fn an_area_that_is_all_cloud_is_an_error_that_names_the_season() {
    let dir = copy_of_landscape();
    for file in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("SCL.tif"))
    {
        rewrite(file, |_| 9.0);
    }
    let bench = Bench::new();
    let error = bench
        .engine
        .run(&task(dir.path(), "ndvi"), &Progress::new())
        .unwrap_err();
    assert!(
        matches!(error, TaskError::NoClearObservation { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("all 8 scenes"), "{error}");
    assert_eq!(bench.files(), (vec![], vec![]));
}

#[test]
fn a_truncated_scene_fails_the_task_with_its_name_and_publishes_nothing() {
    let dir = copy_of_landscape();
    // All of them: one alone might be under cloud, and then it is never read.
    for band in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("B08.tif"))
    {
        let content = std::fs::read(band).unwrap();
        std::fs::write(band, &content[..content.len() / 2]).unwrap();
    }
    let bench = Bench::new();
    let task = task(dir.path(), "ndvi");
    let error = bench.engine.run(&task, &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("B08.tif"), "{error}");
    assert_eq!(bench.files(), (vec![], vec![]));
}

#[test]
fn an_item_without_a_needed_band_names_scene_and_band() {
    let dir = copy_of_landscape();
    let item = files(&dir.path().join("scenes"))
        .into_iter()
        .find(|f| f.ends_with("item.json"))
        .unwrap();
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&item).unwrap()).unwrap();
    json["assets"].as_object_mut().unwrap().remove("B08");
    std::fs::write(&item, json.to_string()).unwrap();
    let bench = Bench::new();
    let error = bench
        .engine
        .run(&task(dir.path(), "ndvi"), &Progress::new())
        .unwrap_err();
    let message = error.to_string();
    assert!(message.contains("nir"), "{message}");
    assert_eq!(bench.files(), (vec![], vec![]));
}

#[test]
fn a_period_without_scenes_says_where_and_when_was_looked() {
    let mut task = task(landscape(), "ndvi");
    task.period = "2019".parse().unwrap();
    let bench = Bench::new();
    let error = bench
        .engine
        .run(&task, &Progress::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2019-01-01") && error.contains("Valley"),
        "{error}"
    );
}

#[test]
fn an_offset_taken_away_twice_is_noted_in_the_item() {
    let dir = copy_of_landscape();
    // The items say that values are shifted by 1000; here they are not any more.
    for file in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("item.json"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        if text.contains("05.10") || text.contains("-0.1") {
            let folder = file.parent().unwrap();
            for band in ["B02", "B03", "B04", "B08"] {
                rewrite(&folder.join(format!("{band}.tif")), |v| {
                    if v > 1.0 { (v - 1000.0).max(2.0) } else { v }
                });
            }
        }
    }
    let bench = Bench::new();
    let map = bench.make(&task(dir.path(), "cropland-southeast-africa"));
    let item = bench.item(&map.item_key);
    let scenes = item.properties.extra["geocrop:scenes"].as_array().unwrap();
    let doubted = scenes
        .iter()
        .filter(|s| s["notes"].to_string().contains("negative"))
        .count();
    assert!(doubted > 0, "{scenes:?}");
}

#[test]
fn a_coordinate_system_that_the_item_gets_wrong_is_noted_and_the_files_are_believed() {
    let dir = copy_of_landscape();
    let right = Bench::new();
    right.make(&task(dir.path(), "ndvi"));
    for file in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("item.json"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("EPSG:32736"), "{text}");
        std::fs::write(file, text.replace("EPSG:32736", "EPSG:32735")).unwrap();
    }
    let bench = Bench::new();
    let map = bench.make(&task(dir.path(), "ndvi"));
    let item = bench.item(&map.item_key);
    let scenes = item.properties.extra["geocrop:scenes"].to_string();
    assert!(
        scenes.contains("the item says EPSG:32735, the files are in EPSG:32736"),
        "{scenes}"
    );
    let key = "layers/ndvi/2024/valley.tif";
    assert!(std::fs::read(right.file(key)).unwrap() == std::fs::read(bench.file(key)).unwrap());
}

#[test]
fn models_of_a_folder_are_published_once_and_the_stores_choice_of_version_stays() {
    let bench = Bench::new();
    let store = bench.engine.store();
    let production = "models/cropland-southeast-africa/production";
    store
        .put(production, b"7".to_vec(), ContentType::Text)
        .unwrap();
    publish_models(store, &project().join("models")).unwrap();
    assert!(
        store
            .exists("models/cropland-southeast-africa/1/model.json")
            .unwrap()
    );
    assert!(
        store
            .exists("models/cropland-southeast-africa/1/card.json")
            .unwrap()
    );
    assert_eq!(store.get(production).unwrap().unwrap(), b"7");
    let error = bench.engine.run(
        &task(landscape(), "cropland-southeast-africa"),
        &Progress::new(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("cropland-southeast-africa/production"),
        "{error}"
    );
}

#[test]
fn the_areas_slug_is_the_name_of_its_files() {
    assert_eq!(aoi(landscape()).slug, "valley");
    assert_eq!(source(landscape()).description().name, "synthetic");
    assert!(
        project()
            .join("models/cropland-southeast-africa/production")
            .exists()
    );
}

/// Writes a one-band file anew with every value changed.
pub(crate) fn rewrite(path: &std::path::Path, change: impl Fn(f32) -> f32) {
    let location = path.display().to_string();
    let mut reader = RasterReader::new();
    let info = reader.info(&location).unwrap();
    let grid = info.grid().unwrap();
    let values = reader
        .read(&location, 1, Some(-1.0), &grid, Resampling::Nearest)
        .unwrap();
    let values = values.mapv(|v| change(v) as u16);
    drop(reader);
    geocrop_raster::write_plain(path, &grid, &values, info.bands[0].nodata, None).unwrap();
}
