//! Statistics of zones against a simple way of making them: every pixel's centre, every corner of every polygon.

use std::path::PathBuf;

use geocrop_precompute::ask::zonal::{
    Greenness, ZonalInputs, ZonalMap, ZonalReport, Zone, ZoneLimits, parse, published, run,
};
use geocrop_precompute::{Progress, Recipe, TaskError};
use geocrop_raster::{Aoi, Crs, Grid, Projection, RasterReader, Resampling};
use geocrop_source::Query;
use geocrop_synthetic::LandClass;
use serde_json::{Value, json};

use crate::support::{Bench, aoi, landscape, recipe, source, task};

fn polygon(id: usize, rings: &[&[[f64; 2]]]) -> Value {
    let closed =
        |ring: &&[[f64; 2]]| -> Vec<[f64; 2]> { ring.iter().chain(&ring[..1]).copied().collect() };
    let rings: Vec<_> = rings.iter().map(closed).collect();
    json!({ "type": "Feature", "id": id, "properties": { "name": format!("Zone {id}") },
        "geometry": { "type": "Polygon", "coordinates": rings } })
}

/// In and around the valley, which is centred on 31.0, -17.4 and some 960 m wide.
fn zones() -> Vec<Zone> {
    let (x, y) = (31.0, -17.4);
    let at = |dx: f64, dy: f64| [x + dx, y + dy];
    let features = [
        polygon(
            0,
            &[&[at(-0.004, -0.004), at(0.004, -0.003), at(0.0, 0.004)]],
        ),
        polygon(
            1,
            &[
                &[
                    at(-0.003, -0.003),
                    at(0.003, -0.003),
                    at(0.003, 0.003),
                    at(-0.003, 0.003),
                ],
                &[
                    at(-0.001, -0.001),
                    at(-0.001, 0.001),
                    at(0.001, 0.001),
                    at(0.001, -0.001),
                ],
            ],
        ),
        // Half outside of the map, and of the scenes.
        polygon(
            2,
            &[&[
                at(0.002, -0.002),
                at(0.012, -0.002),
                at(0.012, 0.002),
                at(0.002, 0.002),
            ]],
        ),
        // Smaller than a pixel.
        polygon(
            3,
            &[&[at(0.000_01, 0.0), at(0.000_02, 0.0), at(0.000_02, 0.000_01)]],
        ),
        // Far away.
        polygon(4, &[&[at(0.5, 0.0), at(0.503, 0.0), at(0.503, 0.003)]]),
    ];
    let text = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let mut zones = parse(&text, &ZoneLimits::default()).unwrap();
    let valley = aoi(landscape());
    zones.push(Zone {
        id: json!("all"),
        name: "Valley".into(),
        aoi: valley,
    });
    zones
}

/// Which pixels of a grid have their centre in an area, whose edges are short enough to be straight on the grid too.
fn centres(grid: &Grid, aoi: &Aoi) -> Vec<bool> {
    let projection = Projection::new(Crs::LON_LAT, grid.crs).unwrap();
    let rings = aoi.geometry.0.iter().flat_map(|polygon| {
        let all = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        all.map(|ring| -> (Vec<f64>, Vec<f64>) { ring.0.iter().map(|c| (c.x, c.y)).unzip() })
    });
    let edges: Vec<[[f64; 2]; 2]> = rings
        .flat_map(|(mut xs, mut ys)| {
            projection.points(&mut xs, &mut ys).unwrap();
            let corners: Vec<[f64; 2]> = xs.into_iter().zip(ys).map(|(x, y)| [x, y]).collect();
            corners
                .windows(2)
                .map(|pair| [pair[0], pair[1]])
                .collect::<Vec<_>>()
        })
        .collect();
    let holds = |x: f64, y: f64| {
        let crossed = edges.iter().filter(|[[x0, y0], [x1, y1]]| {
            (*y0 > y) != (*y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
        });
        crossed.count() % 2 == 1
    };
    (0..grid.width * grid.height)
        .map(|pixel| {
            let (row, column) = (pixel / grid.width, pixel % grid.width);
            holds(
                grid.x0 + (column as f64 + 0.5) * grid.resolution,
                grid.y0 - (row as f64 + 0.5) * grid.resolution,
            )
        })
        .collect()
}

/// A grid of the recipe's around an area.
fn around(recipe: &Recipe, aoi: &Aoi) -> Grid {
    let bounds = aoi.bounds_in(recipe.crs).unwrap();
    Grid::covering(recipe.crs, recipe.resolution, bounds).unwrap()
}

fn map_of(bench: &Bench, name: &str) -> (ZonalMap, PathBuf) {
    let recipe = recipe(name);
    let path = bench.file(&format!("layers/{name}/2024/valley.tif"));
    let map = ZonalMap {
        recipe,
        period: "2024".parse().unwrap(),
        rasters: vec![path.display().to_string()],
    };
    (map, path)
}

fn greenness() -> Greenness {
    Greenness {
        recipe: recipe("ndvi"),
        period: "2024".parse().unwrap(),
        source: source(landscape()),
    }
}

fn made(map: Option<ZonalMap>, greenness: Option<Greenness>, memory_mb: usize) -> ZonalReport {
    let inputs = ZonalInputs {
        zones: zones(),
        map,
        greenness,
        memory_mb,
    };
    run(&inputs, &Progress::new()).unwrap()
}

#[test]
fn hectares_per_class_are_those_of_the_pixels_whose_centres_a_zone_holds() {
    let bench = Bench::new();
    let statistics = bench.make(&task(landscape(), "ndvi")).statistics;
    let (map, path) = map_of(&bench, "ndvi");
    let report = made(Some(map), None, 256);
    let mut reader = RasterReader::new();
    let path = path.display().to_string();
    for (zone, found) in zones().iter().zip(&report.zones) {
        let grid = around(&recipe("ndvi"), &zone.aoi);
        let codes = reader
            .read(&path, 1, None, &grid, Resampling::Nearest)
            .unwrap();
        let inside = centres(&grid, &zone.aoi);
        let map = found.map.as_ref().unwrap();
        let all = inside.iter().filter(|i| **i).count() as u64;
        assert_eq!(map.pixels, all, "{}", zone.name);
        // 10 m wide: a hundredth of a hectare, nearly.
        let pixel = grid.pixel_area_m2().unwrap() / 10_000.0;
        let mut total = 0;
        for (at, class) in map.classes.iter().enumerate() {
            let to = map
                .classes
                .get(at + 1)
                .map_or(255.0, |next| f32::from(next.value));
            let counted = codes
                .iter()
                .zip(&inside)
                .filter(|(code, inside)| {
                    **inside && **code >= f32::from(class.value) && **code < to
                })
                .count() as u64;
            assert_eq!(class.pixels, counted, "{} {}", zone.name, class.name);
            assert!((class.hectares - counted as f64 * pixel).abs() < 1e-4);
            total += counted;
        }
        assert!((map.mapped_ha - total as f64 * pixel).abs() < 1e-4);
        assert!((map.unmapped_ha - (all - total) as f64 * pixel).abs() < 1e-4);
    }
    // The whole area is what the map's own statistics tell.
    let all = report.zones[5].map.as_ref().unwrap();
    for (class, own) in all.classes.iter().zip(&statistics.classes) {
        assert_eq!(
            (class.name.as_str(), class.pixels),
            (own.name.as_str(), own.pixels)
        );
    }
    assert_eq!(report.zones[3].map.as_ref().unwrap().pixels, 0);
    assert!(report.zones[4].map.as_ref().unwrap().mapped_ha < 1e-9);
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
    let half = report.zones[2].map.as_ref().unwrap();
    assert!(half.mapped_ha > 0.0 && half.unmapped_ha > half.mapped_ha);
}

#[test]
fn mean_ndvi_by_date_is_that_of_the_clear_pixels() {
    let report = made(None, Some(greenness()), 256);
    let recipe = recipe("ndvi");
    let mask = recipe.mask.as_ref().unwrap();
    let mut reader = RasterReader::new();
    let mut compared = 0;
    for (zone, found) in zones().iter().zip(&report.zones) {
        let dates = found.ndvi.as_ref().unwrap();
        let grid = around(&recipe, &zone.aoi);
        let inside = centres(&grid, &zone.aoi);
        let (start, end) = recipe.seasons[0].interval("2024".parse().unwrap());
        let scenes = source(landscape())
            .scenes(&Query {
                bbox: zone.aoi.lonlat_bounds(),
                start,
                end,
                bands: vec!["red".into(), "nir".into(), "scl".into()],
                optional_bands: Vec::new(),
                limit: None,
            })
            .unwrap();
        assert!(dates.len() <= scenes.len());
        for scene in &scenes {
            let halo = mask.recipe.halo();
            let padded = grid.padded(halo);
            let scl = &scene.bands["scl"];
            let classes = reader
                .read(
                    &scl.href,
                    scl.band,
                    scl.nodata,
                    &padded,
                    Resampling::Nearest,
                )
                .unwrap();
            let classes: Vec<u8> = classes
                .iter()
                .map(|c| if c.is_nan() { 0 } else { *c as u8 })
                .collect();
            let mut masked = vec![false; classes.len()];
            mask.recipe
                .apply(&classes, padded.width, padded.height, &mut masked);
            let mut band = |name: &str| -> Vec<f32> {
                let band = &scene.bands[name];
                let tags = reader.info(&band.href).unwrap().bands[band.band - 1].clone();
                let scale = band.scale.or(tags.scale).unwrap_or(1.0) as f32;
                let offset = band.offset.or(tags.offset).unwrap_or(0.0) as f32;
                let stored = reader
                    .read_without(
                        &band.href,
                        band.band,
                        band.nodata,
                        &recipe.invalid,
                        &grid,
                        Resampling::Bilinear,
                    )
                    .unwrap();
                stored.iter().map(|v| v * scale + offset).collect()
            };
            let (red, nir) = (band("red"), band("nir"));
            let (mut sum, mut clear) = (0.0, 0_u64);
            for pixel in 0..inside.len() {
                let (row, column) = (pixel / grid.width, pixel % grid.width);
                let cloudy = masked[(row + halo) * padded.width + column + halo];
                let value = (nir[pixel] - red[pixel]) / (nir[pixel] + red[pixel]);
                if inside[pixel] && !cloudy && value.is_finite() && nir[pixel] + red[pixel] > 0.0 {
                    sum += f64::from(value.clamp(-1.0, 1.0));
                    clear += 1;
                }
            }
            let day = scene.datetime.date_naive().to_string();
            let Some(date) = dates.iter().find(|date| date.date == day) else {
                assert_eq!(clear, 0, "{} {day}", zone.name);
                continue;
            };
            compared += 1;
            assert_eq!(date.clear, clear, "{} {day}", zone.name);
            let all = inside.iter().filter(|i| **i).count().max(1) as f64;
            assert!((date.share - clear as f64 / all).abs() < 1e-4);
            match date.mean {
                Some(mean) => {
                    let expected = sum / clear as f64;
                    assert!(
                        (mean - expected).abs() < 2e-6,
                        "{} {day}: {mean} {expected}",
                        zone.name
                    );
                }
                None => assert_eq!(clear, 0),
            }
        }
    }
    assert!(compared >= 24, "{compared}");
}

#[test]
fn the_rains_make_it_green() {
    let report = made(None, Some(greenness()), 256);
    let all = report.zones[5].ndvi.as_ref().unwrap();
    let mean = |months: &[&str]| {
        let clear = all
            .iter()
            .filter(|d| d.share > 0.3 && months.contains(&&d.date[5..7]));
        let means: Vec<f64> = clear.filter_map(|d| d.mean).collect();
        means.iter().sum::<f64>() / means.len() as f64
    };
    let (wet, dry) = (mean(&["01", "02", "03", "04"]), mean(&["08", "09", "10"]));
    assert!(wet > dry + 0.03, "{wet} {dry}");
}

#[test]
fn cells_of_any_size_give_the_same_report() {
    let bench = Bench::new();
    bench.make(&task(landscape(), "ndvi"));
    let (map, _) = map_of(&bench, "ndvi");
    let small = made(Some(map.clone()), Some(greenness()), 1);
    let large = made(Some(map), Some(greenness()), 2048);
    assert_eq!(small, large);
    let geojson = small.to_geojson();
    assert_eq!(geojson["features"][5]["id"], "all");
    let dates = geojson["features"][0]["properties"]["ndvi"]
        .as_array()
        .unwrap();
    assert!(dates.iter().any(|date| date["mean"].is_number()));
    assert_eq!(
        geojson["features"][0]["properties"]["classes"][0]["name"],
        "water-or-bare"
    );
    assert_eq!(small.classes_csv().lines().count(), 1 + 6 * 7);
    assert!(
        small
            .ndvi_csv()
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("1,0,Zone 0,2024-")
    );
    let features = serde_json::to_string(&geojson).unwrap();
    assert_eq!(parse(&features, &ZoneLimits::default()).unwrap().len(), 6);
}

#[test]
fn the_published_maps_under_the_zones_are_found_and_overlaps_count_once() {
    let bench = Bench::new();
    bench.make(&task(landscape(), "ndvi"));
    let recipe = recipe("ndvi");
    let period = "2024".parse().unwrap();
    let found = published(bench.engine.store(), &recipe, period, &zones()).unwrap();
    assert_eq!(found.rasters.len(), 1);
    let far: Vec<Zone> = zones().drain(4..5).collect();
    let none = published(bench.engine.store(), &recipe, period, &far).unwrap();
    assert_eq!(none.rasters.len(), 0);
    let (mut map, _) = map_of(&bench, "ndvi");
    let once = made(Some(map.clone()), None, 256);
    map.rasters.push(map.rasters[0].clone());
    assert_eq!(made(Some(map), None, 256), once);
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let bench = Bench::new();
    let asked = |map: Option<ZonalMap>, greenness: Option<Greenness>| {
        let inputs = ZonalInputs {
            zones: zones(),
            map,
            greenness,
            memory_mb: 256,
        };
        run(&inputs, &Progress::new()).unwrap_err().to_string()
    };
    assert!(asked(None, None).contains("nothing is asked"));
    let (mut map, _) = map_of(&bench, "ndvi");
    assert!(asked(Some(map.clone()), None).contains("valley.tif"));
    map.rasters.clear();
    assert!(asked(Some(map), None).contains("nothing is asked"));
    let none = Greenness {
        period: "2019".parse().unwrap(),
        ..greenness()
    };
    assert!(asked(None, Some(none)).contains("no scene over the zones from 2019-01-01"));
    let stopped = Progress::new();
    stopped.cancel();
    let inputs = ZonalInputs {
        zones: zones(),
        map: None,
        greenness: Some(greenness()),
        memory_mb: 256,
    };
    assert!(matches!(run(&inputs, &stopped), Err(TaskError::Cancelled)));
}

#[test]
fn what_grows_on_the_ground_shows_in_its_greenest_day() {
    // Squares of three pixels within squares of five of one class of the truth.
    let truth = source(landscape())
        .truth("cropland-southeast-africa", "valley")
        .unwrap();
    let mut reader = RasterReader::new();
    let grid = reader.info(&truth.href).unwrap().grid().unwrap();
    let land = reader
        .read(&truth.href, 1, None, &grid, Resampling::Nearest)
        .unwrap();
    let projection = Projection::new(grid.crs, Crs::LON_LAT).unwrap();
    let (mut features, mut classes) = (Vec::new(), Vec::new());
    for row in (2..grid.height - 2).step_by(5) {
        for column in (2..grid.width - 2).step_by(5) {
            let class = land[[row, column]];
            let around = land.slice(ndarray::s![row - 2..=row + 2, column - 2..=column + 2]);
            if !around.iter().all(|value| (value - class).abs() < 0.5) {
                continue;
            }
            let x = |edge: f64| grid.x0 + (column as f64 + 0.5 + edge) * grid.resolution;
            let y = |edge: f64| grid.y0 - (row as f64 + 0.5 + edge) * grid.resolution;
            let mut xs = [x(-1.5), x(1.5), x(1.5), x(-1.5)];
            let mut ys = [y(1.5), y(1.5), y(-1.5), y(-1.5)];
            projection.points(&mut xs, &mut ys).unwrap();
            let ring: Vec<[f64; 2]> = xs.into_iter().zip(ys).map(|(x, y)| [x, y]).collect();
            features.push(polygon(classes.len(), &[&ring]));
            classes.push(class as u8);
        }
    }
    let text = json!({ "type": "FeatureCollection", "features": features }).to_string();
    let inputs = ZonalInputs {
        zones: parse(&text, &ZoneLimits::default()).unwrap(),
        map: None,
        greenness: Some(greenness()),
        memory_mb: 256,
    };
    let report = run(&inputs, &Progress::new()).unwrap();
    let peaks = |crops: bool| -> Vec<f64> {
        let known = |value: u8| {
            LandClass::ALL
                .into_iter()
                .find(|class| class.value() == value)
        };
        let zones = report.zones.iter().zip(&classes);
        let wanted = zones.filter(|(_, class)| match known(**class) {
            Some(class) if crops => class.is_crop(),
            Some(class) => {
                matches!(class, LandClass::Water | LandClass::Bare | LandClass::Built)
            }
            None => false,
        });
        wanted
            .filter_map(|(zone, _)| {
                let means = zone
                    .ndvi
                    .as_ref()
                    .unwrap()
                    .iter()
                    .filter_map(|date| date.mean);
                means.max_by(f64::total_cmp)
            })
            .collect()
    };
    let (crops, others) = (peaks(true), peaks(false));
    let mean = |peaks: &[f64]| peaks.iter().sum::<f64>() / peaks.len() as f64;
    assert!(crops.len() >= 5, "{crops:?}");
    assert!(mean(&crops) > 0.5, "{crops:?}");
    if !others.is_empty() {
        assert!(mean(&others) < mean(&crops) - 0.2, "{others:?}");
    }
}
