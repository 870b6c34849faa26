//! Post-processing in whole tasks: what the table `[post]` of a recipe does to a published map.

use std::path::Path;
use std::sync::Arc;

use geocrop_precompute::diff::{Map, diff};
use geocrop_precompute::{Outcome, Progress, Recipe, Task, TaskError};
use geocrop_raster::{Aoi, AoiLimits, Grid, RasterReader, Resampling, histogram};
use ndarray::{Array2, s};

use crate::support::{Bench, landscape, project, task};

const KEY: &str = "layers/cropland-southeast-africa/2024/valley.tif";

/// The cropland recipe with a table of its own; polygons are looked for in `folder`.
fn with_post(folder: &Path, post: &str) -> Task {
    let file = project().join("recipes/cropland-southeast-africa.toml");
    let shipped = std::fs::read_to_string(file).unwrap();
    let (head, legend) = shipped.split_once("[[legend]]").unwrap();
    let head = head.split("[post]").next().unwrap();
    let text = format!("{head}\n{post}\n[[legend]]{legend}");
    Task {
        recipe: Arc::new(Recipe::parse_in(&text, "test.toml", folder).unwrap()),
        ..task(landscape(), "cropland-southeast-africa")
    }
}

/// The codes of a published map on its own grid; 255 is nodata.
fn codes(bench: &Bench, key: &str) -> (Grid, Array2<u8>) {
    let path = bench.file(key).display().to_string();
    let mut reader = RasterReader::new();
    let grid = reader.info(&path).unwrap().grid().unwrap();
    let values = reader
        .read(&path, 1, None, &grid, Resampling::Nearest)
        .unwrap();
    let codes = values.mapv(|v| if v.is_nan() { 255 } else { v as u8 });
    (grid, codes)
}

fn made(task: &Task) -> (Grid, Array2<u8>) {
    let bench = Bench::new();
    bench.make(task);
    codes(&bench, KEY)
}

/// A polygon around the middle of the area, a share of its width and height.
fn middle(share: f64) -> String {
    let [west, south, east, north] = task(landscape(), "ndvi").aoi.lonlat_bounds();
    let (x, y) = (f64::midpoint(west, east), f64::midpoint(south, north));
    let (dx, dy) = ((east - west) * share / 2.0, (north - south) * share / 2.0);
    let ring = [
        (-1.0, -1.0),
        (1.0, -1.0),
        (1.0, 1.0),
        (-1.0, 1.0),
        (-1.0, -1.0),
    ]
    .map(|(i, j)| format!("[{},{}]", x + i * dx, y + j * dy))
    .join(",");
    format!(r#"{{"type":"Polygon","coordinates":[[{ring}]]}}"#)
}

#[test]
fn filters_give_one_map_whatever_the_blocks_and_say_what_they_did() {
    let post = "[post]\nmajority = 3\nminimum_mapping_unit_ha = 0.2";
    let task = with_post(Path::new(""), post);
    let (small, large) = (Bench::new(), Bench::with_memory(2048));
    let map = small.make(&task);
    large.make(&task);
    assert!(std::fs::read(small.file(KEY)).unwrap() == std::fs::read(large.file(KEY)).unwrap());

    let (_, plain) = made(&with_post(Path::new(""), ""));
    let (_, filtered) = codes(&small, KEY);
    let changed = plain.iter().zip(&filtered).filter(|(a, b)| a != b).count();
    assert!(changed > 0);
    // No data are neither filled nor grown.
    for (before, after) in plain.iter().zip(&filtered) {
        assert_eq!(*before == 255, *after == 255);
    }
    let item = small.item(&map.item_key);
    let steps = item.properties.extra["geocrop:post"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|s| s["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["majority", "minimum_mapping_unit", "clip"]);
    assert_eq!(steps[1]["pixels"], 20);
    let counted: u64 = steps
        .iter()
        .filter_map(|s| s["changed_pixels"].as_u64())
        .sum();
    assert!(
        counted >= changed as u64,
        "{counted} in steps, {changed} in all"
    );
    let lineage = item.properties.extra["processing:lineage"].to_string();
    assert!(lineage.contains("Majority of 3 x 3 pixels"), "{lineage}");
    // Statistics are those of the final map.
    let occurs = histogram(&small.file(KEY), 1).unwrap();
    for class in &map.statistics.classes {
        assert_eq!(class.pixels, occurs[usize::from(class.value)]);
    }
    assert_eq!(small.files().1, Vec::<std::path::PathBuf>::new());
}

#[test]
fn no_patch_of_the_final_map_is_smaller_than_the_unit_except_where_the_area_ends() {
    let (_, map) = made(&with_post(
        Path::new(""),
        "[post]\nminimum_mapping_unit_ha = 0.1\nconnectivity = 4",
    ));
    let (height, width) = map.dim();
    let mut seen = Array2::from_elem(map.dim(), false);
    for (start, code) in map.indexed_iter().filter(|(_, c)| **c != 255) {
        if seen[start] {
            continue;
        }
        let (mut open, mut size, mut cut) = (vec![start], 0, false);
        seen[start] = true;
        while let Some((y, x)) = open.pop() {
            size += 1;
            cut |= y == 0 || x == 0 || y + 1 == height || x + 1 == width;
            let beside = [
                (y.wrapping_sub(1), x),
                (y + 1, x),
                (y, x.wrapping_sub(1)),
                (y, x + 1),
            ];
            for place in beside {
                match map.get(place) {
                    // Beside no data, as at the outline, a patch may be cut.
                    Some(255) => cut = true,
                    Some(other) if other == code && !seen[place] => {
                        seen[place] = true;
                        open.push(place);
                    }
                    _ => {}
                }
            }
        }
        assert!(size >= 10 || cut, "{size} pixels at {start:?}");
    }
}

#[test]
fn where_an_area_is_cut_does_not_show_in_its_filtered_map() {
    let folder = tempfile::tempdir().unwrap();
    let whole = with_post(
        folder.path(),
        "[post]\nmajority = 3\nminimum_mapping_unit_ha = 0.1",
    );
    let file = folder.path().join("valley.geojson");
    std::fs::write(&file, middle(0.5)).unwrap();
    let part = Task {
        aoi: Aoi::read(&file, &AoiLimits::default()).unwrap(),
        ..whole.clone()
    };
    let ((grid, map), (inner, cut)) = (made(&whole), made(&part));
    let (x, y) = grid.offset_of(&inner).unwrap();
    let (x, y) = (x as usize, y as usize);
    let there = map.slice(s![y..y + inner.height, x..x + inner.width]);
    let mut compared = 0;
    for (here, there) in cut.iter().zip(there).filter(|(here, _)| **here != 255) {
        assert_eq!(here, there);
        compared += 1;
    }
    assert!(compared > 1500, "{compared}");
}

#[test]
fn a_mask_sets_pixels_to_a_class_or_takes_them_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("park.geojson"), middle(0.4)).unwrap();
    let (grid, plain) = made(&with_post(folder.path(), ""));
    let park = Aoi::read(&folder.path().join("park.geojson"), &AoiLimits::default()).unwrap();
    let inside = park.coverage(&grid).unwrap();
    assert!(inside.iter().any(|i| *i));

    let other = "[[post.mask]]\npolygons = \"park.geojson\"\nvalue = 0";
    let nothing = "[[post.mask]]\npolygons = \"park.geojson\"";
    for (post, value) in [(other, 0), (nothing, 255)] {
        let bench = Bench::new();
        let map = bench.make(&with_post(folder.path(), post));
        let (_, masked) = codes(&bench, KEY);
        for ((masked, plain), inside) in masked.iter().zip(&plain).zip(&inside) {
            let expected = if *inside && *plain != 255 {
                value
            } else {
                *plain
            };
            assert_eq!(*masked, expected);
        }
        let item = bench.item(&map.item_key);
        let step = &item.properties.extra["geocrop:post"][0];
        let changed = plain.iter().zip(&masked).filter(|(a, b)| a != b).count();
        assert_eq!(step["changed_pixels"], changed);
        assert!(step["sha256"].is_string(), "{step}");
        let sure = bench.file(&KEY.replace(".tif", "-confidence.tif"));
        let unsure = histogram(&sure, 1).unwrap()[255];
        let nodata = masked.iter().filter(|c| **c == 255).count() as u64;
        assert_eq!(unsure, nodata);
    }
}

#[test]
fn a_mask_by_slope_converts_the_unit_and_the_threshold_decides() {
    let slope = |above: &str, unit: &str| {
        format!("[[post.mask]]\nraster = \"slope\"\nabove = {above}\nunit = \"{unit}\"\nvalue = 0")
    };
    let (_, plain) = made(&with_post(Path::new(""), ""));
    let (_, steep) = made(&with_post(Path::new(""), &slope("50", "degree")));
    assert_eq!(plain, steep, "nothing in the valley is as steep as that");
    // 1 degree is 1.7455 percent.
    let (_, degrees) = made(&with_post(Path::new(""), &slope("1", "degree")));
    let (_, percent) = made(&with_post(Path::new(""), &slope("1.7455065", "percent")));
    assert_eq!(degrees, percent);
    assert_ne!(degrees, plain);
    let (_, all) = made(&with_post(Path::new(""), &slope("-1", "percent")));
    assert!(all.iter().all(|c| *c == 0 || *c == 255));
}

#[test]
fn a_changed_polygon_file_makes_the_map_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("park.geojson");
    std::fs::write(&file, middle(0.4)).unwrap();
    let task = with_post(folder.path(), "[[post.mask]]\npolygons = \"park.geojson\"");
    let bench = Bench::new();
    bench.make(&task);
    let again = bench.engine.run(&task, &Progress::new()).unwrap();
    assert!(matches!(again, Outcome::Unchanged { .. }));
    std::fs::write(&file, middle(0.5)).unwrap();
    bench.make(&task);
}

#[test]
fn polygons_that_are_not_there_or_not_polygons_fail_the_task_with_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::with(|options| options.datasets = None);
    let run = |post: &str| {
        let task = with_post(folder.path(), post);
        let error = bench.engine.run(&task, &Progress::new()).unwrap_err();
        assert!(matches!(error, TaskError::MaskFile { .. }), "{error}");
        assert_eq!(bench.files(), (vec![], vec![]));
        error.to_string()
    };
    let message = run("[[post.mask]]\npolygons = \"park.geojson\"");
    assert!(message.contains("park.geojson"), "{message}");
    let message = run("[[post.mask]]\npolygons = \"parks.geojson\"\ndataset = \"parks\"");
    assert!(message.contains("'parks'"), "{message}");
    let line = r#"{"type":"LineString","coordinates":[[31,-17],[31.1,-17]]}"#;
    std::fs::write(folder.path().join("line.geojson"), line).unwrap();
    let message = run("[[post.mask]]\npolygons = \"line.geojson\"");
    assert!(message.contains("LineString"), "{message}");
}

#[test]
fn an_area_is_clipped_unless_the_recipe_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let [west, south, east, north] = task(landscape(), "ndvi").aoi.lonlat_bounds();
    let triangle = format!(
        r#"{{"type":"Polygon","coordinates":[[[{west},{south}],[{east},{south}],[{west},{north}],[{west},{south}]]]}}"#
    );
    let file = folder.path().join("valley.geojson");
    std::fs::write(&file, triangle).unwrap();
    let aoi = Aoi::read(&file, &AoiLimits::default()).unwrap();
    let cut = |post: &str| {
        let task = Task {
            aoi: aoi.clone(),
            ..with_post(folder.path(), post)
        };
        let bench = Bench::new();
        let map = bench.make(&task);
        let bbox = bench.item(&map.item_key).bbox;
        (codes(&bench, KEY).1, map.statistics.area_ha, bbox)
    };
    let (clipped, clipped_ha, clipped_bbox) = cut("[post]\nmajority = 3");
    let (full, full_ha, bbox) = cut("[post]\nmajority = 3\nclip = false");
    // The item's outline is that of what is mapped.
    assert!(
        bbox[0] < clipped_bbox[0] && bbox[3] > clipped_bbox[3],
        "{bbox:?}"
    );
    assert!(
        (full_ha / clipped_ha - 2.0).abs() < 0.1,
        "{full_ha} {clipped_ha}"
    );
    let mut outside = 0;
    for (clipped, full) in clipped.iter().zip(&full) {
        if *clipped == 255 {
            outside += usize::from(*full != 255);
        } else {
            assert_eq!(clipped, full);
        }
    }
    assert!(outside > 1000, "{outside}");
}

#[test]
fn the_tiles_of_a_large_area_show_no_seams_and_the_map_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("park.geojson"), middle(0.3)).unwrap();
    let task = with_post(
        folder.path(),
        "[post]\nmajority = 3\nminimum_mapping_unit_ha = 0.1\n[[post.mask]]\npolygons = \"park.geojson\"\nvalue = 0",
    );
    let whole = Bench::new();
    whole.make(&task);
    let cut = Bench::with(|options| options.tile_pixels = 64);
    let parts = cut.engine.split(&task).unwrap();
    assert!(parts.len() > 1);
    for part in &parts {
        cut.make(part);
    }
    cut.engine.mosaic(&task, &Progress::new()).unwrap();
    let map = |bench: &Bench| {
        let name = "cropland-southeast-africa/2024/valley";
        Map::from_store(bench.engine.store(), name).unwrap()
    };
    let found = diff(&map(&whole), &map(&cut), None, &|_| {}).unwrap();
    assert!(found.pixels.compared > 9000, "{:?}", found.pixels);
    assert_eq!(found.pixels.equal, found.pixels.compared);
    assert_eq!((found.pixels.only_a, found.pixels.only_b), (0, 0));

    let again = whole
        .engine
        .reproduce(&KEY.replace(".tif", ".json"), &Progress::new())
        .unwrap();
    assert_eq!(again.difference, None);
}
