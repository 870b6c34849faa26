//! What a model knows of its samples, beside the map that it makes; and which maps another version makes again.

use geocrop_model::drift::Drift;
use geocrop_precompute::{Progress, Statistics, publish_models};
use geocrop_raster::histogram;
use serde_json::json;

use crate::support::{Bench, landscape, project, recipe, task};

const MODEL: &str = "cropland-southeast-africa";
const LAYER: &str = "layers/cropland-southeast-africa/2024/valley";

#[test]
fn a_map_says_where_its_model_extrapolates_and_which_features_differ_from_its_samples() {
    let bench = Bench::new();
    let map = bench.make(&task(landscape(), MODEL));
    let statistics = &map.statistics;

    let counts = histogram(&bench.file(&format!("{LAYER}-applicability.tif")), 1).unwrap();
    let mapped: u64 = statistics.classes.iter().map(|class| class.pixels).sum();
    assert_eq!(counts[..255].iter().sum::<u64>(), mapped);
    let outside: u64 = counts[101..255].iter().sum();
    assert!(outside > 0 && outside < mapped, "{outside} of {mapped}");
    // A pixel is a hundredth of a hectare.
    let hectares = statistics.outside_ha.unwrap();
    assert!(
        (hectares - outside as f64 / 100.0).abs() < 0.01,
        "{hectares} {outside}"
    );

    let features = &statistics.features;
    assert_eq!(features.len(), recipe(MODEL).feature_names().len());
    let counted: u64 = features[0].found.iter().sum();
    assert!(
        features
            .iter()
            .all(|of| of.found.iter().sum::<u64>() == counted)
    );
    assert!(
        counted * 14 < mapped && counted * 18 > mapped,
        "{counted} of {mapped}"
    );
    for of in features {
        let drift = Drift::from(of);
        assert!((drift.index - of.drift).abs() < 1e-9, "{drift:?}");
    }
    // A drawn valley of one square kilometre has one rain, the samples those of four countries.
    let rain = features.iter().find(|of| of.feature == "rain_S1").unwrap();
    assert!(rain.drift > 0.25, "{rain:?}");

    let item = bench.item(&map.item_key);
    let asset = &item.assets["applicability"];
    assert_eq!(asset.href, "./valley-applicability.tif");
    assert_eq!(asset.extra["nodata"], json!(255));
    let published: Statistics =
        serde_json::from_slice(&std::fs::read(bench.file(&format!("{LAYER}.stats.json"))).unwrap())
            .unwrap();
    assert_eq!(&published, statistics);
    let again = bench
        .engine
        .reproduce(&map.item_key, &Progress::new())
        .unwrap();
    assert_eq!(again.difference, None);
    assert!(
        again.same.contains(&"applicability".to_owned()),
        "{again:?}"
    );
}

#[test]
fn neither_blocks_nor_tiles_change_what_is_said_of_the_features() {
    let task = task(landscape(), MODEL);
    let whole = Bench::new().make(&task).statistics;
    let small = Bench::with_memory(90).make(&task).statistics;
    assert_eq!(small.features, whole.features);
    assert_eq!(small.outside_ha, whole.outside_ha);
}

#[test]
fn another_version_in_production_makes_exactly_the_maps_of_its_recipes_again() {
    let bench = Bench::new();
    publish_models(bench.engine.store(), &project().join("models")).unwrap();
    let (classes, index) = (task(landscape(), MODEL), task(landscape(), "ndvi"));
    let first = bench.make(&classes);
    bench.make(&index);
    let stale = || {
        let mut planner = bench.engine.planner();
        [&classes, &index].map(|task| !planner.plan(task, &Progress::new()).unwrap().up_to_date)
    };
    let version =
        || bench.item(&first.item_key).properties.extra["geocrop:model"]["version"].clone();
    assert_eq!(stale(), [false, false]);
    assert_eq!(version(), "2");

    let alias = format!("models/{MODEL}/production");
    std::fs::write(bench.file(&alias), "1\n").unwrap();
    assert_eq!(stale(), [true, false]);
    bench.make(&classes);
    assert_eq!(stale(), [false, false]);
    assert_eq!(version(), "1");

    std::fs::write(bench.file(&alias), "2\n").unwrap();
    assert_eq!(stale(), [true, false]);
}

#[test]
fn a_damaged_file_beside_the_model_is_named_and_nothing_is_published() {
    let bench = Bench::new();
    publish_models(bench.engine.store(), &project().join("models")).unwrap();
    let file = bench.file(&format!("models/{MODEL}/2/applicability.json"));
    std::fs::write(file, "{}").unwrap();
    let error = bench
        .engine
        .run(&task(landscape(), MODEL), &Progress::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2/applicability.json") && error.contains("train the model again"),
        "{error}"
    );
    assert!(!bench.file(&format!("{LAYER}.json")).exists());
}

#[test]
fn all_tasks_of_a_planner_are_planned_with_one_version_of_a_model() {
    let bench = Bench::new();
    publish_models(bench.engine.store(), &project().join("models")).unwrap();
    let task = task(landscape(), MODEL);
    let mut planner = bench.engine.planner();
    let mut hash = || planner.plan(&task, &Progress::new()).unwrap().hash;
    let first = hash();
    std::fs::write(bench.file(&format!("models/{MODEL}/production")), "1\n").unwrap();
    assert_eq!(hash(), first);
    let mut next = bench.engine.planner();
    assert_ne!(next.plan(&task, &Progress::new()).unwrap().hash, first);
}
