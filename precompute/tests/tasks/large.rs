//! Large areas: cut into tiles, made in shards, shown as one layer.

use crate::support::{Bench, landscape, task};
use geocrop_precompute::{Outcome, Progress, Statistics, Target};
use geocrop_raster::{RasterReader, Resampling};

/// The valley of 96 px in tiles of 64.
fn bench() -> Bench {
    Bench::with(|options| options.tile_pixels = 64)
}

#[test]
fn the_tiles_of_an_area_together_are_the_map_of_the_whole() {
    let (cut, whole) = (bench(), Bench::new());
    let layer = task(landscape(), "ndvi");
    whole.make(&layer);
    let tiles = cut.engine.split(&layer).unwrap();
    assert!(tiles.len() >= 4, "{}", tiles.len());
    for tile in &tiles {
        cut.make(tile);
    }
    let Outcome::Done(map) = cut.engine.mosaic(&layer, &Progress::new()).unwrap() else {
        panic!("all tiles are there");
    };
    assert_eq!(map.item_key, "layers/ndvi/2024/valley.json");

    let one: Statistics = serde_json::from_slice(
        &std::fs::read(whole.file("layers/ndvi/2024/valley.stats.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(map.statistics.classes, one.classes);
    assert!((map.statistics.observed_ha - one.observed_ha).abs() < 0.005);
    assert_eq!(map.statistics.observations.max, one.observations.max);

    // Pixel by pixel: every tile's map is a part of the whole one.
    let reference = whole
        .file("layers/ndvi/2024/valley.tif")
        .display()
        .to_string();
    let mut reader = RasterReader::new();
    let mut pixels = 0;
    for tile in &tiles {
        let file = cut.file(&tile.keys().unwrap().map()).display().to_string();
        let grid = reader.info(&file).unwrap().grid().unwrap();
        let mut read = |file: &str| {
            reader
                .read(file, 1, None, &grid, Resampling::Nearest)
                .unwrap()
                .mapv(|v| if v.is_nan() { -1.0 } else { v })
        };
        assert_eq!(read(&file), read(&reference), "{}", tile.name());
        pixels += grid.width * grid.height;
    }
    let grid = reader.info(&reference).unwrap().grid().unwrap();
    assert_eq!(
        pixels,
        grid.width * grid.height,
        "tiles overlap or leave a gap"
    );

    let item = cut.item(&map.item_key);
    assert_eq!(
        item.properties.extra["geocrop:tiles"]
            .as_array()
            .unwrap()
            .len(),
        tiles.len()
    );
    let vrt = std::fs::read_to_string(cut.file("layers/ndvi/2024/valley.vrt")).unwrap();
    assert!(vrt.contains("relativeToVRT=\"1\">valley-"), "{vrt}");
    let part = cut.item(&tiles[0].keys().unwrap().item());
    assert_eq!(part.properties.extra["geocrop:part_of"], "valley");
    assert!(
        !part.assets.contains_key("tiles"),
        "tiles are drawn once, for the whole"
    );
}

#[test]
fn a_mosaic_waits_for_all_tiles_and_is_made_anew_only_when_one_changes() {
    let bench = bench();
    let layer = task(landscape(), "ndvi");
    let tiles = bench.engine.split(&layer).unwrap();
    for tile in &tiles[1..] {
        bench.make(tile);
    }
    let mosaic = || bench.engine.mosaic(&layer, &Progress::new()).unwrap();
    assert!(matches!(mosaic(), Outcome::Incomplete { missing: 1 }));
    assert!(!bench.file("layers/ndvi/2024/valley.json").exists());
    bench.make(&tiles[0]);
    assert!(matches!(mosaic(), Outcome::Done(_)));
    assert!(matches!(mosaic(), Outcome::Unchanged { .. }));
}

#[test]
fn an_area_that_fits_into_a_tile_is_not_cut() {
    let layer = task(landscape(), "ndvi");
    let tasks = Bench::new().engine.split(&layer).unwrap();
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].target, Target::Layer);
}

#[test]
fn an_area_smaller_than_a_pixel_is_refused_and_one_of_a_pixel_is_mapped() {
    let bench = Bench::new();
    let mut layer = task(landscape(), "ndvi");
    let [west, south, east, north] = layer.aoi.lonlat_bounds();
    let centre = (f64::midpoint(west, east), f64::midpoint(south, north));
    let square = |side: f64| {
        let ((x, y), (east, north)) = (centre, (centre.0 + side, centre.1 + side));
        format!(
            r#"{{"type":"Polygon","coordinates":[[[{x},{y}],[{east},{y}],[{east},{north}],[{x},{north}],[{x},{y}]]]}}"#
        )
    };
    let parse = |text: &str| {
        geocrop_raster::Aoi::parse(text, "dot", &geocrop_raster::AoiLimits::default()).unwrap()
    };
    // A metre, then about eleven.
    layer.aoi = parse(&square(1e-5));
    let tiny = bench.engine.run(&layer, &Progress::new());
    layer.aoi = parse(&square(1.05e-4));
    let pixel = bench.make(&layer);
    assert!(
        (0.005..=0.04).contains(&pixel.statistics.area_ha),
        "{:?}",
        pixel.statistics
    );
    // A metre may hold a pixel's centre, but then it is the only one.
    match tiny {
        Err(error) => assert!(
            error.to_string().contains("smaller than a pixel"),
            "{error}"
        ),
        Ok(outcome) => assert!(matches!(outcome, Outcome::Done(_))),
    }
}
