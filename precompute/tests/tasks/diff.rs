//! Comparing maps: plain files against counting by hand, and published maps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geocrop_precompute::diff::{DiffError, Difference, Map, diff};
use geocrop_raster::{
    BlockWriter, Categories, CogSpec, Crs, Grid, RasterReader, Resampling, Window, histogram,
};
use geocrop_store::Store;
use ndarray::Array2;

use crate::support::{Bench, landscape, task};

fn grid(x: f64, y: f64, width: usize, height: usize) -> Grid {
    Grid {
        crs: Crs::EQUAL_AREA,
        x0: 2_990_000.0 + x,
        y0: -2_260_000.0 - y,
        resolution: 10.0,
        width,
        height,
    }
}

/// A map of fields with specks, different for every seed.
fn map(seed: usize, grid: &Grid) -> Array2<u8> {
    Array2::from_shape_fn((grid.height, grid.width), |(row, column)| {
        // From places on the ground, so that maps of other extents agree on what they share.
        let x = ((grid.x0 - 2_980_000.0) / 10.0) as usize + column;
        let y = ((-2_250_000.0 - grid.y0) / 10.0) as usize + row;
        let speck = (x * 31 + y * 17 + seed * 7) % 23;
        match speck {
            0 => 255,
            1 => (seed % 3) as u8,
            _ => ((x / 9 + y / 7 + (x / 40) * seed) % 3) as u8,
        }
    })
}

fn write(path: &Path, grid: &Grid, codes: &Array2<u8>, names: &[&str]) -> Map {
    let spec = CogSpec {
        category_names: names.iter().map(|n| (*n).to_owned()).collect(),
        ..CogSpec::default()
    };
    let writer = BlockWriter::create(path.parent().unwrap(), grid, &spec).unwrap();
    let all = Window {
        x: 0,
        y: 0,
        width: grid.width,
        height: grid.height,
    };
    writer.write(all, 1, codes).unwrap();
    writer.finish(path).unwrap();
    Map::from_file(path).unwrap()
}

fn compare(a: &Map, b: &Map, out: Option<&Path>) -> Result<Difference, DiffError> {
    diff(a, b, out, &|_| {})
}

#[test]
fn what_two_files_share_is_counted_pixel_by_pixel() {
    let dir = tempfile::tempdir().unwrap();
    let (grid_a, grid_b) = (grid(0.0, 0.0, 300, 200), grid(120.0, -50.0, 310, 150));
    let (codes_a, codes_b) = (map(1, &grid_a), map(2, &grid_b));
    let names = ["Water", "Trees", "Crops"];
    let a = write(&dir.path().join("a.tif"), &grid_a, &codes_a, &names);
    let b = write(&dir.path().join("b.tif"), &grid_b, &codes_b, &names);
    let out = dir.path().join("change.tif");
    let found = compare(&a, &b, Some(&out)).unwrap();

    let mut matrix = BTreeMap::new();
    let (mut only_a, mut only_b) = (0, 0);
    let mut kinds = vec![0_u64; 256];
    for row in 0..145 {
        for column in 12..300 {
            match (codes_a[[row, column]], codes_b[[row + 5, column - 12]]) {
                (255, 255) => kinds[255] += 1,
                (255, _) => (only_b, kinds[255]) = (only_b + 1, kinds[255] + 1),
                (_, 255) => (only_a, kinds[255]) = (only_a + 1, kinds[255] + 1),
                (from, to) => {
                    *matrix.entry((from, to)).or_insert(0_u64) += 1;
                    let code = match (from, to) {
                        (0, 1) => 1,
                        (0, 2) => 2,
                        (1, 0) => 3,
                        (1, 2) => 4,
                        (2, 0) => 5,
                        (2, 1) => 6,
                        _ => 0,
                    };
                    kinds[code] += 1;
                }
            }
        }
    }
    assert!(!found.resampled);
    assert_eq!((found.grid.width, found.grid.height), (288, 145));
    assert_eq!((found.pixels.only_a, found.pixels.only_b), (only_a, only_b));
    for (from, row) in found.matrix_pixels.iter().enumerate() {
        for (to, pixels) in row.iter().enumerate() {
            assert_eq!(*pixels, matrix[&(from as u8, to as u8)], "{from} to {to}");
            assert!((found.matrix_ha[from][to] - *pixels as f64 * 0.01).abs() < 1e-9);
        }
    }
    let equal: u64 = (0..3).map(|k| matrix[&(k, k)]).sum();
    assert_eq!(found.pixels.equal, equal);
    assert_eq!(found.pixels.compared, matrix.values().sum::<u64>());
    assert_eq!(found.classes[2].title, "Crops");
    // The file tells the same, with a name for every kind.
    assert_eq!(histogram(&out, 1).unwrap().to_vec(), kinds);
    let categories = Categories::read(&out).unwrap();
    assert_eq!(categories.names[0], (0, "Unchanged".to_owned()));
    assert_eq!(categories.names[6], (6, "Crops -> Trees".to_owned()));
    assert_eq!(
        RasterReader::new()
            .info(out.to_str().unwrap())
            .unwrap()
            .grid()
            .unwrap(),
        found.grid
    );
}

#[test]
fn the_largest_patches_are_found_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let grid = grid(0.0, 0.0, 100, 80);
    let before = Array2::from_elem((80, 100), 1);
    let mut after = before.clone();
    after.slice_mut(ndarray::s![10..20, 30..50]).fill(2);
    after[[60, 90]] = 0;
    let a = write(&dir.path().join("a.tif"), &grid, &before, &[]);
    let b = write(&dir.path().join("b.tif"), &grid, &after, &[]);
    let found = compare(&a, &b, None).unwrap();
    assert_eq!((found.patches, found.largest.len()), (2, 2));
    let largest = &found.largest[0];
    assert_eq!(
        (largest.from.as_str(), largest.to.as_str()),
        ("Value 1", "Value 2")
    );
    assert!((largest.hectares - 2.0).abs() < 1e-9);
    let [west, south, east, north] = found.bbox;
    // The patch's middle: 40 of 100 columns from the west, 15 of 80 rows from the north.
    assert!((largest.lon - (west + 0.4 * (east - west))).abs() < 1e-9);
    assert!((largest.lat - (north + 15.0 / 80.0 * (south - north))).abs() < 1e-6);
    assert_eq!(found.largest[1].pixels, 1);
}

#[test]
fn another_grid_is_looked_up_by_nearest_neighbour_and_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let (grid_a, grid_b) = (grid(0.0, 0.0, 60, 60), grid(3.0, 4.0, 60, 60));
    let a = write(&dir.path().join("a.tif"), &grid_a, &map(1, &grid_a), &[]);
    let codes_b = map(1, &grid_a);
    let b = write(&dir.path().join("b.tif"), &grid_b, &codes_b, &[]);
    let found = compare(&a, &b, None).unwrap();
    assert!(found.resampled);
    // Moved by less than half a pixel, each pixel still meets its own.
    assert_eq!(found.pixels.changed, 0);
    assert!(found.pixels.compared > 3000);
}

#[test]
fn maps_that_cannot_be_compared_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let here = grid(0.0, 0.0, 40, 40);
    let place = |name: &str| -> PathBuf { dir.path().join(name) };
    let codes = map(1, &here);
    let a = write(&place("a.tif"), &here, &codes, &["Water", "Trees", "Crops"]);
    let other = write(&place("b.tif"), &here, &codes, &["Water", "Grass", "Crops"]);
    let message = compare(&a, &other, None).unwrap_err().to_string();
    assert!(
        message.contains("'Trees'") && message.contains("'Grass'"),
        "{message}"
    );
    let far = grid(90_000.0, 0.0, 40, 40);
    let far = write(
        &place("far.tif"),
        &far,
        &codes,
        &["Water", "Trees", "Crops"],
    );
    let message = compare(&a, &far, None).unwrap_err().to_string();
    assert!(message.contains("share no ground"), "{message}");
    let ramp = Array2::from_shape_fn((40, 40), |(y, x)| ((y * 40 + x) % 200) as u8);
    let measured = write(&place("ramp.tif"), &here, &ramp, &[]);
    let message = compare(&measured, &measured, None).unwrap_err().to_string();
    assert!(message.contains("200 different values"), "{message}");
    let many = Array2::from_shape_fn((40, 40), |(_, x)| x as u8);
    let many = write(&place("many.tif"), &here, &many, &[]);
    let out = place("change.tif");
    let message = compare(&many, &many, Some(&out)).unwrap_err().to_string();
    assert!(message.contains("1560 kinds") && !out.exists(), "{message}");
    assert_eq!(compare(&many, &many, None).unwrap().pixels.changed, 0);
}

#[test]
fn published_maps_are_compared_by_key_with_the_legend_of_their_items() {
    let bench = Bench::new();
    let made = task(landscape(), "ndvi");
    bench.make(&made);
    bench.make(&task(landscape(), "true-colour"));
    bench.make(&task(landscape(), "cropland-southeast-africa"));
    let store: &Store = bench.engine.store();
    let ndvi = || Map::from_store(store, "ndvi/2024/valley").unwrap();
    let same = compare(&ndvi(), &ndvi(), None).unwrap();
    assert_eq!(same.a, "layers/ndvi/2024/valley");
    assert_eq!((same.pixels.changed, same.patches), (0, 0));
    // An index is compared by the steps of its legend.
    assert_eq!(same.classes.len(), 7);

    // The map as it was, in a store where it is greener by a step in one corner.
    let copy = tempfile::tempdir().unwrap();
    let other = copy.path().join("valley.json");
    std::fs::copy(bench.file("layers/ndvi/2024/valley.json"), &other).unwrap();
    let path = bench.file("layers/ndvi/2024/valley.tif");
    let mut reader = RasterReader::new();
    let location = path.display().to_string();
    let grid = reader.info(&location).unwrap().grid().unwrap();
    let values = reader
        .read(&location, 1, None, &grid, Resampling::Nearest)
        .unwrap();
    let mut codes = values.mapv(|v| if v.is_nan() { 255 } else { v as u8 });
    codes.slice_mut(ndarray::s![5..15, 5..15]).fill(250);
    write(&copy.path().join("valley.tif"), &grid, &codes, &[]);
    let greener = Map::from_file(&other).unwrap();
    let found = compare(&ndvi(), &greener, None).unwrap();
    assert_eq!(found.pixels.changed, 100);
    assert!(found.largest.iter().all(|p| p.to == "very-dense"));

    let crops =
        Map::from_store(store, "layers/cropland-southeast-africa/2024/valley.json").unwrap();
    let error = compare(&ndvi(), &crops, None).unwrap_err().to_string();
    assert!(error.contains("different legends"), "{error}");
    let error = Map::from_store(store, "true-colour/2024/valley")
        .unwrap_err()
        .to_string();
    assert!(error.contains("a picture"), "{error}");
    let error = Map::from_store(store, "ndvi/2019/valley")
        .unwrap_err()
        .to_string();
    assert!(error.contains("layers/ndvi/2019/valley.json"), "{error}");
    // A plain file beside an item takes the item's legend.
    let plain = Map::from_file(&bench.file("layers/cropland-southeast-africa/2024/valley.tif"));
    assert_eq!(
        compare(&crops, &plain.unwrap(), None)
            .unwrap()
            .pixels
            .changed,
        0
    );
}
