//! Features at labelled places: those that the map of the same place was made of.

use std::sync::Arc;

use geo::{Coord, LineString, MultiPolygon, Polygon};
use geocrop_model::Ensemble;
use geocrop_precompute::extract::{
    ExtractError, ExtractInputs, Extracted, Missed, Plot, PlotPlace, extract,
};
use geocrop_precompute::{Progress, Task, TaskError};
use geocrop_raster::{Crs, Grid, Projection, RasterReader, Resampling};

use crate::support::{Bench, copy_of_landscape, files, landscape, project, task};

const RECIPE: &str = "cropland-southeast-africa";

/// The codes of a published map, `[pixel]`, and its grid.
fn codes(bench: &Bench, file: &str) -> (Vec<u8>, Grid) {
    let path = bench.file(&format!("layers/{RECIPE}/2024/{file}"));
    let location = path.display().to_string();
    let mut reader = RasterReader::new();
    let grid = reader.info(&location).unwrap().grid().unwrap();
    let plane = reader.read(&location, 1, None, &grid, Resampling::Nearest);
    let code = |value: &f32| if value.is_nan() { 255 } else { *value as u8 };
    (plane.unwrap().iter().map(code).collect(), grid)
}

/// The centre of a pixel in degrees.
fn centre(grid: &Grid, pixel: usize) -> (f64, f64) {
    let (row, column) = (pixel / grid.width, pixel % grid.width);
    let mut x = [grid.x0 + (column as f64 + 0.5) * grid.resolution];
    let mut y = [grid.y0 - (row as f64 + 0.5) * grid.resolution];
    let back = Projection::new(grid.crs, Crs::LON_LAT).unwrap();
    back.points(&mut x, &mut y).unwrap();
    (x[0], y[0])
}

fn point(name: &str, (lon, lat): (f64, f64)) -> Plot {
    Plot {
        name: name.to_owned(),
        class: 1,
        group: None,
        weight: None,
        period: "2024".parse().unwrap(),
        place: PlotPlace::Point { lon, lat },
    }
}

fn square(west: f64, south: f64, east: f64, north: f64) -> MultiPolygon<f64> {
    let ring = [
        (west, south),
        (east, south),
        (east, north),
        (west, north),
        (west, south),
    ];
    let ring = ring.iter().map(|&(x, y)| Coord { x, y }).collect();
    MultiPolygon(vec![Polygon::new(LineString(ring), vec![])])
}

fn inputs(task: &Task, plots: Vec<Plot>) -> ExtractInputs {
    ExtractInputs {
        recipe: Arc::clone(&task.recipe),
        source: Arc::clone(&task.source),
        plots,
        memory_mb: 256,
    }
}

/// Class and confidence that the recipe's model gives to each row.
fn classified(found: &Extracted) -> Vec<(u8, u8)> {
    let folder = project().join("models").join(RECIPE);
    let version = std::fs::read_to_string(folder.join("production")).unwrap();
    let model = Ensemble::load(folder.join(version.trim()).join("model.json")).unwrap();
    let places: Vec<usize> = model
        .feature_names()
        .iter()
        .map(|name| found.features.iter().position(|f| f == name).unwrap())
        .collect();
    let rows: Vec<&[f32]> = (0..found.rows()).map(|row| found.row(row).1).collect();
    let planes: Vec<Vec<f32>> = places
        .iter()
        .map(|place| rows.iter().map(|row| row[*place]).collect())
        .collect();
    let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    let mut scores = vec![0.0; rows.len()];
    model.predict_planes(&planes, &mut scores).unwrap();
    let decide = |score: &f32| {
        let sure = if *score >= 0.5 { *score } else { 1.0 - score };
        (u8::from(*score >= 0.5), (sure * 100.0).round() as u8)
    };
    scores.iter().map(decide).collect()
}

#[test]
fn the_model_says_of_extracted_features_what_the_map_says_there() {
    let bench = Bench::new();
    let task = task(landscape(), RECIPE);
    bench.make(&task);
    let (map, grid) = codes(&bench, "valley.tif");
    let (confidence, _) = codes(&bench, "valley-confidence.tif");
    let pixels: Vec<usize> = (0..map.len())
        .step_by(7)
        .filter(|p| map[*p] != 255)
        .collect();
    assert!(pixels.len() > 1000, "{}", pixels.len());
    let plots = pixels
        .iter()
        .map(|p| point(&p.to_string(), centre(&grid, *p)));
    let found = extract(&inputs(&task, plots.collect()), &Progress::new()).unwrap();
    assert_eq!((found.rows(), found.missed.len()), (pixels.len(), 0));
    for (row, (class, sure)) in classified(&found).into_iter().enumerate() {
        let pixel = pixels[found.row(row).0];
        assert_eq!(
            (class, sure),
            (map[pixel], confidence[pixel]),
            "pixel {pixel}"
        );
    }
}

#[test]
fn an_area_takes_the_pixels_whose_centres_it_holds_and_keeps_them_together() {
    let bench = Bench::new();
    let task = task(landscape(), RECIPE);
    bench.make(&task);
    let (map, grid) = codes(&bench, "valley.tif");
    let (confidence, _) = codes(&bench, "valley-confidence.tif");
    // From the middle of a pixel to that of the pixel three to the right and two down, and a bit more.
    let first = 40 * grid.width + 40;
    let (west, north) = centre(&grid, first);
    let (east, south) = centre(&grid, first + 2 * grid.width + 3);
    let bit = 1e-5;
    let area = Plot {
        place: PlotPlace::Area(square(west - bit, south - bit, east + bit, north + bit)),
        weight: Some(0.25),
        ..point("fields/1", (0.0, 0.0))
    };
    let tiny = Plot {
        place: PlotPlace::Area(square(west + bit, south, west + 2.0 * bit, south + bit)),
        ..point("fields/2", (0.0, 0.0))
    };
    let plots = vec![area, tiny, point("points/1", (west, north))];
    let found = extract(&inputs(&task, plots), &Progress::new()).unwrap();
    let pixels: Vec<usize> = (0..3)
        .flat_map(|row| (0..4).map(move |column| (row, column)))
        .map(|(row, column)| first + row * grid.width + column)
        .chain([first])
        .collect();
    assert_eq!(found.rows(), pixels.len());
    for ((class, sure), pixel) in classified(&found).into_iter().zip(&pixels) {
        assert_eq!(
            (class, sure),
            (map[*pixel], confidence[*pixel]),
            "pixel {pixel}"
        );
    }
    let left: Vec<_> = found
        .missed
        .iter()
        .map(|m| (m.name.as_str(), m.reason))
        .collect();
    assert_eq!(left, [("fields/2", Missed::Small)]);

    let mut csv = Vec::new();
    found.write_csv(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("Class,group,weight,lon,lat,period,blue_S1,"),
        "{csv}"
    );
    assert!(
        lines.next().unwrap().starts_with("1,fields/1,0.25,"),
        "{csv}"
    );
    let last = lines.last().unwrap();
    assert!(last.starts_with("1,points/1,1,"), "{last}");
    let read: Vec<f32> = last
        .split(',')
        .skip(6)
        .map(|v| v.parse().unwrap())
        .collect();
    assert_eq!(read, found.row(found.rows() - 1).1);
}

#[test]
fn what_is_outside_or_under_cloud_is_left_out_and_told() {
    let dir = copy_of_landscape();
    let task = task(dir.path(), "ndvi");
    let bounds = task.aoi.lonlat_bounds();
    let inside = (
        f64::midpoint(bounds[0], bounds[2]),
        f64::midpoint(bounds[1], bounds[3]),
    );
    let elsewhere = (inside.0 + 2.0, inside.1);
    let mut before = point("before", inside);
    before.period = "2019".parse().unwrap();
    let plots = vec![
        point("there", inside),
        point("elsewhere", elsewhere),
        before,
    ];
    let found = extract(&inputs(&task, plots), &Progress::new()).unwrap();
    assert_eq!((found.rows(), found.row(0).0), (1, 0));
    let left: Vec<_> = found
        .missed
        .iter()
        .map(|m| (m.name.as_str(), m.reason))
        .collect();
    assert_eq!(
        left,
        [("elsewhere", Missed::Outside), ("before", Missed::Outside)]
    );
    let record = found.record();
    assert_eq!(record["locks"].as_array().unwrap().len(), 1);
    assert_eq!(record["left_out"][1]["reason"], "outside");
    let scenes = &record["locks"][0]["inputs"]["seasons"][0]["scenes"];
    assert!(!scenes.as_array().unwrap().is_empty(), "{record}");

    for file in files(&dir.path().join("scenes"))
        .iter()
        .filter(|f| f.ends_with("SCL.tif"))
    {
        crate::task::rewrite(file, |_| 9.0);
    }
    let plots = vec![point("there", inside), point("elsewhere", elsewhere)];
    let error = extract(&inputs(&task, plots), &Progress::new()).unwrap_err();
    let TaskError::Extract(ExtractError::Nothing {
        outside, unclear, ..
    }) = error
    else {
        panic!("{error}")
    };
    assert_eq!((outside, unclear), (1, 1));
}

#[test]
fn a_recipe_of_labels_has_no_features_to_extract() {
    let task = task(landscape(), "dynamic-world");
    let plots = vec![point("there", (31.0, -17.4))];
    let error = extract(&inputs(&task, plots), &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("has no features"), "{error}");
}
