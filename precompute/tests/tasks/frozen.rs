//! Inputs that are frozen when a task is planned: interrupted runs, catalogs that are gone, maps made again.

use std::path::Path;

use crate::support::{Bench, copy_of_landscape, files, landscape, task};
use geocrop_precompute::{Engine, Outcome, Progress, TaskError};
use geocrop_store::Store;

const ITEM: &str = "layers/ndvi/2024/valley.json";
const PLAN: &str = "plans/ndvi/2024/valley.json";

/// Takes the catalog away and leaves the scenes' rasters.
fn lose_catalog(dir: &Path) {
    for file in files(dir) {
        if file.extension().is_some_and(|e| e == "json") {
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn a_planned_task_runs_although_its_catalog_is_gone_in_between() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    let task = task(dir.path(), "ndvi");
    let plan = bench
        .engine
        .planner()
        .freeze(&task, &Progress::new())
        .unwrap();
    assert!(bench.file(PLAN).exists());
    lose_catalog(dir.path());
    let map = bench.make(&task);
    assert_eq!(map.item_key, ITEM);
    let hash = &bench.item(ITEM).properties.extra["geocrop:recipe_hash"];
    assert_eq!(hash.as_str(), Some(plan.hash.as_str()));
    assert!(
        !bench.file(PLAN).exists(),
        "the plan stays after the map is made"
    );
}

#[test]
fn a_map_stays_up_to_date_while_the_catalog_does_not_answer() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    let task = task(dir.path(), "ndvi");
    bench.make(&task);
    lose_catalog(dir.path());
    let again = bench.engine.run(&task, &Progress::new()).unwrap();
    assert!(matches!(again, Outcome::Unchanged { .. }), "{again:?}");
    // Another map of the same place was never planned: its inputs are unknown.
    let other = crate::support::task(dir.path(), "true-colour");
    let error = bench.engine.run(&other, &Progress::new()).unwrap_err();
    assert!(matches!(error, TaskError::Source(_)), "{error}");
}

#[test]
fn frozen_inputs_leave_a_new_scene_out_until_they_are_searched_again() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    bench.make(&task(dir.path(), "ndvi"));
    let band = files(&dir.path().join("scenes"))
        .into_iter()
        .find(|f| f.ends_with("B04.tif"))
        .unwrap();
    let content = std::fs::read(&band).unwrap();
    std::fs::remove_file(&band).unwrap();
    std::fs::write(&band, content).unwrap();
    let frozen = Engine::new(
        Store::open(&bench.store.path().display().to_string()).unwrap(),
        geocrop_precompute::EngineOptions {
            frozen: true,
            ..bench.engine.options().clone()
        },
    );
    let task = task(dir.path(), "ndvi");
    let same = frozen.run(&task, &Progress::new()).unwrap();
    assert!(matches!(same, Outcome::Unchanged { .. }), "{same:?}");
    let new = bench.engine.run(&task, &Progress::new()).unwrap();
    assert!(matches!(new, Outcome::Done(_)), "{new:?}");
}

#[test]
fn a_scene_that_disappears_fails_the_task_and_is_searched_anew_next_time() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    let task = task(dir.path(), "ndvi");
    bench
        .engine
        .planner()
        .freeze(&task, &Progress::new())
        .unwrap();
    let bands: Vec<_> = files(&dir.path().join("scenes"))
        .into_iter()
        .filter(|f| f.ends_with("B08.tif"))
        .collect();
    let kept: Vec<_> = bands.iter().map(|b| std::fs::read(b).unwrap()).collect();
    for band in &bands {
        std::fs::remove_file(band).unwrap();
    }
    let error = bench.engine.run(&task, &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("B08.tif"), "{error}");
    assert_eq!(bench.files(), (vec![], vec![]));
    for (band, content) in bands.iter().zip(kept) {
        std::fs::write(band, content).unwrap();
    }
    bench.make(&task);
}

#[test]
fn a_map_is_made_again_byte_for_byte_from_its_lock() {
    let bench = Bench::new();
    let made = bench.make(&task(landscape(), "cropland-southeast-africa"));
    let again = bench
        .engine
        .reproduce(&made.item_key, &Progress::new())
        .unwrap();
    assert_eq!(again.difference, None);
    assert_eq!(again.changed, Vec::<String>::new());
    assert_eq!(
        again.same,
        [
            "map",
            "confidence",
            "applicability",
            "observations",
            "statistics",
            "tiles",
            "item"
        ]
    );
    let (_, scratch) = bench.files();
    assert!(scratch.is_empty(), "{scratch:?}");
}

#[test]
fn a_changed_scene_is_named_beside_the_first_pixel_that_differs() {
    let dir = copy_of_landscape();
    let bench = Bench::new();
    bench.make(&task(dir.path(), "ndvi"));
    // Red and infrared change places in every scene: greenness turns around.
    for red in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("B04.tif"))
    {
        let infrared = red.with_file_name("B08.tif");
        let (a, b) = (
            std::fs::read(red).unwrap(),
            std::fs::read(&infrared).unwrap(),
        );
        std::fs::write(red, b).unwrap();
        std::fs::write(infrared, a).unwrap();
    }
    let again = bench.engine.reproduce(ITEM, &Progress::new()).unwrap();
    let difference = again.difference.unwrap();
    assert_eq!(difference.file, "map");
    assert!(
        difference.place.starts_with("band 1, row "),
        "{}",
        difference.place
    );
    assert!(
        difference.place.contains("published"),
        "{}",
        difference.place
    );
    assert!(
        again
            .changed
            .iter()
            .any(|c| c.contains("B04.tif") && c.contains("bytes")),
        "{:?}",
        again.changed
    );
}

#[test]
fn there_is_nothing_to_reproduce_where_there_is_no_map() {
    let bench = Bench::new();
    for key in ["layers/ndvi/2024/nowhere.json", "../etc/passwd", ""] {
        let error = bench.engine.reproduce(key, &Progress::new()).unwrap_err();
        assert!(matches!(error, TaskError::NoItem { .. }), "{key}: {error}");
    }
}
