//! Dynamic World from scenes: the network itself, on the made landscape. Needs its weights from beside the checkout.

use std::path::Path;
use std::sync::Arc;

use geocrop_precompute::{
    Engine, EngineOptions, ModelStore, Progress, Recipe, Target, Task, TaskError, check_model,
};
use geocrop_raster::{
    Aoi, AoiLimits, Bounds, Crs, Grid, Projection, RasterReader, Resampling, Window, histogram,
    write_plain,
};
use geocrop_source::Source;
use geocrop_store::{ContentHash, Store};
use ndarray::Array2;
use serde_json::json;

use crate::support::{Bench, landscape, project, recipe, shared, task};

const BANDS: [&str; 9] = [
    "blue",
    "green",
    "red",
    "red_edge_1",
    "red_edge_2",
    "red_edge_3",
    "nir",
    "swir_1",
    "swir_2",
];

/// Whether the weights are there; says so if they are not.
fn has_network() -> bool {
    let there = shared().is_some_and(|dir| dir.join("data/dynamicworld/forward").is_dir());
    if !there {
        eprintln!("skipped: no dynamicworld/forward in the shared data");
    }
    there
}

#[test]
fn scenes_become_the_same_layer_as_labels_with_the_networks_name_in_it() {
    if !has_network() {
        return;
    }
    let bench = Bench::new();
    let published = bench.make(&task(landscape(), "dynamic-world"));
    assert_eq!(published.item_key, "layers/dynamic-world/2024/valley.json");
    let item = bench.item(&published.item_key);
    let facts = &item.properties.extra;
    assert_eq!(facts["geocrop:model"]["name"], "dynamic-world");
    assert_eq!(facts["geocrop:model"]["version"], "v1");
    assert_eq!(
        facts["geocrop:model"]["sha256"],
        "c4a38299f2c0a741682cbe48810d55afdc832ff451e3d3708082751fe655fcb1"
    );
    let notes = facts["geocrop:notes"].as_array().unwrap();
    let told = |note: &serde_json::Value| note.as_str().unwrap().contains("Level-1C");
    assert!(notes.iter().any(told), "{notes:?}");

    let statistics = &published.statistics;
    assert!(statistics.observed_ha > 0.95 * statistics.area_ha);
    assert!(statistics.doubtful.is_some());
    let found = histogram(&bench.file("layers/dynamic-world/2024/valley.tif"), 1).unwrap();
    assert_eq!(found[9..255].iter().sum::<u64>(), 0);
    // Snow in Mashonaland would mean that something is upside down.
    assert_eq!(found[8], 0);
}

/// Scenes on the map's own grid, so that what is read does not depend on where it is cut: two days, and on each of them
/// two tiles side by side.
fn scenes_on_the_grid(dir: &Path, grid: &Grid) -> Arc<Source> {
    let half = |first: usize, last: usize| {
        grid.sub(Window {
            x: first,
            y: 0,
            width: last - first,
            height: grid.height,
        })
    };
    let middle = grid.width / 2 + 7;
    for (day, date) in ["20240115", "20240705"].iter().enumerate() {
        for (tile, first, last) in [("a", 0, middle + 9), ("b", middle, grid.width)] {
            let part = half(first, last);
            let shape = (part.height, part.width);
            for (band, name) in BANDS.iter().enumerate() {
                let plane = Array2::from_shape_fn(shape, |(y, x)| {
                    let (x, y) = ((x + first) as f32, y as f32);
                    let wave = ((x + 3.0 * day as f32) / 9.0).sin() * (y / 7.0).cos();
                    let grain = ((x * 12.9 + y * 78.2 + band as f32).sin() * 437.5).fract();
                    (1200.0 + 160.0 * band as f32 + 700.0 * wave + 90.0 * grain) as u16
                });
                let path = dir.join(format!("{tile}_{date}_{name}.tif"));
                write_plain(&path, &part, &plane, Some(0.0), Some((1e-4, 0.0))).unwrap();
            }
            // A cloud, and otherwise plants.
            let scl = Array2::from_shape_fn(shape, |(y, x)| {
                let cloud = day == 0 && (20..40).contains(&y) && (50..90).contains(&(x + first));
                if cloud { 9_u8 } else { 4 }
            });
            let path = dir.join(format!("{tile}_{date}_scl.tif"));
            write_plain(&path, &part, &scl, Some(0.0), None).unwrap();
        }
    }
    let bands: Vec<String> = BANDS
        .iter()
        .chain(&["scl"])
        .map(|name| format!("{name} = [\"{name}\"]\n"))
        .collect();
    let text = format!(
        "name = \"tiles\"\ntitle = \"Tiles\"\nattribution = \"\"\nlicence = \"\"\nurl = \".\"\npattern = \"{{tile}}_{{date}}_{{band}}.tif\"\n[bands]\n{}",
        bands.concat()
    );
    let file = dir.join("source.toml");
    std::fs::write(&file, text).unwrap();
    Arc::new(Source::open(&file.display().to_string(), None).unwrap())
}

fn plane(bench: &Bench, file: &str, band: usize, grid: &Grid) -> Array2<f32> {
    let path = bench.file(&format!("layers/dynamic-world/2024/{file}"));
    RasterReader::new()
        .read(
            &path.display().to_string(),
            band,
            Some(-1.0),
            grid,
            Resampling::Nearest,
        )
        .unwrap()
}

#[test]
fn blocks_and_areas_cut_anywhere_have_the_very_classes_of_the_whole() {
    if !has_network() {
        return;
    }
    let grid = Grid {
        crs: Crs::EQUAL_AREA,
        x0: 2_980_010.0,
        y0: -2_209_000.0,
        resolution: 10.0,
        width: 342,
        height: 70,
    };
    let dir = tempfile::tempdir().unwrap();
    let whole = Task {
        recipe: recipe("dynamic-world"),
        aoi: around(&grid, "whole"),
        period: "2024".parse().unwrap(),
        source: scenes_on_the_grid(dir.path(), &grid),
        target: Target::Layer,
    };
    let (small, large) = (Bench::with_memory(128), Bench::with_memory(2048));
    let blocks = |bench: &Bench| {
        bench
            .engine
            .planner()
            .plan(&whole, &Progress::new())
            .unwrap()
            .blocks
    };
    assert!(blocks(&large) == 1 && blocks(&small) > 1);
    large.make(&whole);
    small.make(&whole);
    for file in [
        "whole.tif",
        "whole-confidence.tif",
        "whole-observations.tif",
    ] {
        let read = |bench: &Bench| {
            let path = bench.file(&format!("layers/dynamic-world/2024/{file}"));
            std::fs::read(path).unwrap()
        };
        assert!(read(&small) == read(&large), "{file}");
    }
    let counts = plane(&large, "whole-observations.tif", 1, &grid);
    assert!(counts.iter().any(|n| (*n - 1.0).abs() < 0.1));
    let classes = plane(&large, "whole.tif", 1, &grid);
    assert!(
        classes
            .iter()
            .any(|class| (*class - classes[[0, 0]]).abs() > 0.5)
    );

    // It begins at another parity of rows and columns.
    let part = grid.sub(Window {
        x: 151,
        y: 13,
        width: 60,
        height: 40,
    });
    let bench = Bench::new();
    bench.make(&Task {
        aoi: around(&part, "part"),
        ..whole.clone()
    });
    for file in [".tif", "-confidence.tif"] {
        assert_eq!(
            plane(&bench, &format!("part{file}"), 1, &part),
            plane(&large, &format!("whole{file}"), 1, &part)
        );
    }
}

fn around(grid: &Grid, slug: &str) -> Aoi {
    let bounds = grid.bounds();
    let inside = Bounds {
        min_x: bounds.min_x + 1.0,
        min_y: bounds.min_y + 1.0,
        max_x: bounds.max_x - 1.0,
        max_y: bounds.max_y - 1.0,
    };
    let there = Projection::new(Crs::EQUAL_AREA, Crs::LON_LAT)
        .unwrap()
        .bounds(inside)
        .unwrap();
    let (w, s, e, n) = (there.min_x, there.min_y, there.max_x, there.max_y);
    let polygon =
        json!({"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]});
    Aoi::parse(&polygon.to_string(), slug, &AoiLimits::default()).unwrap()
}

#[test]
fn without_the_weights_scenes_are_refused_with_the_command_that_fetches_them() {
    let (store, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::new(
        Store::open(&store.path().display().to_string()).unwrap(),
        EngineOptions {
            models: Some(project().join("models")),
            datasets: Some(scratch.path().to_owned()),
            scratch: scratch.path().to_owned(),
            ..EngineOptions::default()
        },
    );
    let error = engine
        .run(&task(landscape(), "dynamic-world"), &Progress::new())
        .unwrap_err();
    assert!(matches!(error, TaskError::NoNetwork { .. }));
    assert!(
        error
            .to_string()
            .contains("geocrop data pull dynamic-world"),
        "{error}"
    );
}

/// A bench without models of a folder, whose store has the committed manifest as `version` with `file` in the place of
/// the weights, and whose data sets have `weights`; the index is empty.
fn registered(version: &str, file: &[u8], weights: &[u8]) -> (Bench, tempfile::TempDir) {
    let datasets = tempfile::tempdir().unwrap();
    let variables = datasets.path().join("dynamicworld/forward/variables");
    std::fs::create_dir_all(&variables).unwrap();
    std::fs::write(variables.join("variables.data-00000-of-00001"), weights).unwrap();
    std::fs::write(variables.join("variables.index"), b"").unwrap();

    let committed = project().join("models/dynamic-world/v1/model.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(committed).unwrap()).unwrap();
    for (place, bytes) in [(0, file), (1, &b""[..])] {
        manifest["files"][place]["bytes"] = json!(bytes.len());
        manifest["files"][place]["sha256"] = json!(ContentHash::of_bytes(bytes).to_string());
    }
    let bench = Bench::with(|options| {
        options.models = None;
        options.datasets = Some(datasets.path().to_owned());
    });
    let models = bench.file("models/dynamic-world");
    std::fs::create_dir_all(models.join(version)).unwrap();
    std::fs::write(
        models.join(version).join("model.json"),
        manifest.to_string(),
    )
    .unwrap();
    std::fs::write(models.join("production"), format!("{version}\n")).unwrap();
    (bench, datasets)
}

#[test]
fn weights_that_are_not_the_manifests_are_refused_with_both_checksums() {
    let (bench, _datasets) = registered("v1", b"what was published", b"what lies there");
    let error = bench
        .engine
        .run(&task(landscape(), "dynamic-world"), &Progress::new())
        .unwrap_err();
    assert!(matches!(error, TaskError::WrongWeights { .. }), "{error}");
    let message = error.to_string();
    for words in [
        "dynamic-world/v1",
        "variables.data-00000-of-00001",
        &ContentHash::of_bytes(b"what was published").to_string(),
        &ContentHash::of_bytes(b"what lies there").to_string(),
        "geocrop data pull dynamic-world",
    ] {
        assert!(message.contains(words), "{words} in: {message}");
    }
}

#[test]
fn the_version_of_a_network_is_the_one_that_the_store_says_serves() {
    let (bench, _datasets) = registered("v9", b"weights", b"weights");
    let known = ModelStore::new(&bench.engine, []).list().unwrap();
    assert_eq!(known.len(), 1, "{known:?}");
    assert!(known[0].network && known[0].production && known[0].missing.is_none());
    assert_eq!(known[0].version, "v9");
    // The files are the manifest's, so they are read; that they are no weights is found only then.
    let error = ModelStore::new(&bench.engine, [])
        .load("dynamic-world", "production")
        .unwrap_err();
    assert!(matches!(error, TaskError::Network(_)), "{error}");
    let error = ModelStore::new(&bench.engine, [])
        .load("dynamic-world", "v1")
        .unwrap_err();
    assert!(matches!(error, TaskError::NoModel { .. }), "{error}");
}

#[test]
fn a_network_without_a_manifest_is_no_model_and_one_is_no_model_of_trees() {
    let bench = Bench::with(|options| options.models = None);
    let error = bench
        .engine
        .run(&task(landscape(), "dynamic-world"), &Progress::new())
        .unwrap_err();
    assert!(matches!(error, TaskError::NoModel { .. }), "{error}");

    let file = "recipes/cropland-southeast-africa.toml";
    let text = std::fs::read_to_string(project().join(file)).unwrap();
    let changed = text.replace(
        "name = \"cropland-southeast-africa\"\nversion",
        "name = \"dynamic-world\"\nversion",
    );
    assert_ne!(changed, text);
    let recipe = Recipe::parse(&changed, "changed.toml").unwrap();
    let models = project().join("models");
    let error = check_model(bench.engine.store(), Some(&models), &recipe).unwrap_err();
    assert!(matches!(error, TaskError::IsNetwork { .. }), "{error}");
}

#[test]
fn a_recipe_of_labels_says_what_does_not_go_together() {
    let text = std::fs::read_to_string(project().join("recipes/dynamic-world.toml")).unwrap();
    let refused = |from: &str, to: &str, words: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{from}");
        let message = Recipe::parse(&changed, "changed.toml")
            .map(Arc::new)
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{words} in: {message}");
        assert!(message.starts_with("changed.toml:"), "{message}");
    };
    refused(
        "method = \"mode\"",
        "method = \"geomedian\"",
        "no geomedian",
    );
    refused("thin = 4", "mads = true", "labels have none");
    refused("\"swir_2\"]", "\"swir_2\", \"nir_2\"]", "swir_2, nir_2");
    refused("value = 8", "value = 9", "9 snow_and_ice");
    refused(
        "[network]\nname = \"dynamic-world\"",
        "[network]\nname = \"prithvi\"",
        "there is dynamic-world",
    );
    refused(
        "[network]",
        "[features.season]\nred = \"red\"\n\n[network]",
        "has no [features]",
    );
    refused(
        "[composite]",
        "[[season]]\nname = \"Z\"\nstart = \"01-01\"\nend = \"02-01\"\n\n[composite]",
        "exactly one [[season]]",
    );
    refused(
        "[network]\nname = \"dynamic-world\"",
        "",
        "name the [network]",
    );
}
