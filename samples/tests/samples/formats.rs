//! The same samples are the same in every format.

use geocrop_raster::{Crs, Projection};
use geocrop_samples::{Input, ReadOptions, Shape};

use crate::support::{CSV, batch, file, geopackage, read_with};

const GEOJSON: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"class":1,"date":"2021-03-15","weight":0.5,"note":"sorghum, late"},
 "geometry":{"type":"Point","coordinates":[30.138388,-17.498822]}},
{"type":"Feature","properties":{"class":"Cropland","date":"2021-03-15","group":"farm-1","weight":2,"note":"maize"},
 "geometry":{"type":"Point","coordinates":[31.05,-17.45,1200]}},
{"type":"Feature","properties":{"class":"other","date":"2021-03-15","group":"farm-1"},
 "geometry":{"type":"MultiPoint","coordinates":[[31.051,-17.45]]}}]}"#;

#[test]
fn the_same_samples_have_one_version_in_any_format_and_order() {
    let csv = batch(&file("a.csv", CSV).path);
    assert_eq!(csv.samples.len(), 3);
    assert_eq!(
        csv.checks.remarks,
        ["class 0 (other) has one sample: it cannot be learnt from and tested on at once"]
    );

    let mut lines: Vec<&str> = CSV.lines().collect();
    lines[1..].reverse();
    let turned = batch(&file("b.csv", lines.join("\r\n")).path);
    let geojson = batch(&file("c.geojson", GEOJSON).path);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.gpkg");
    let day = "2021-03-15";
    geopackage(
        &path,
        4326,
        &[
            (
                1,
                day,
                None,
                Some(0.5),
                Some("sorghum, late"),
                30.138_388,
                -17.498_822,
            ),
            (0, day, Some("farm-1"), None, None, 31.051, -17.45),
            (
                1,
                day,
                Some("farm-1"),
                Some(2.0),
                Some("maize"),
                31.05,
                -17.45,
            ),
        ],
    );
    for other in [turned, geojson, batch(&path)] {
        assert_eq!(other.samples, csv.samples);
        assert_eq!(other.version, csv.version);
    }
    let other = batch(&file("e.csv", CSV.replace("maize", "beans")).path);
    assert_ne!(other.version, csv.version);
}

#[test]
fn what_is_written_is_read_as_the_same_again() {
    let first = batch(&file("a.geojson", GEOJSON).path);
    let mut text = Vec::new();
    first.write_geojson(&mut text).unwrap();
    let again = batch(&file("b.geojson", &text).path);
    assert_eq!(again.samples, first.samples);
    assert_eq!(again.version, first.version);
}

#[test]
fn metres_of_a_zone_are_brought_to_degrees() {
    let utm = Crs::from_epsg(32736);
    let (mut x, mut y) = ([31.05], [-17.45]);
    Projection::new(Crs::LON_LAT, utm)
        .unwrap()
        .points(&mut x, &mut y)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zone.gpkg");
    geopackage(&path, 32736, &[(1, "2021", None, None, None, x[0], y[0])]);
    let csv = format!("x,y,class,year\n{},{},1,2021\n", x[0], y[0]);
    let options = ReadOptions {
        crs: Some(utm),
        ..ReadOptions::default()
    };
    let Input::Samples(from_csv) = read_with("zone.csv", csv, &options).unwrap() else {
        panic!("not samples")
    };
    for found in [batch(&path), from_csv] {
        let Shape::Point(place) = found.samples[0].shape else {
            panic!("{found:?}")
        };
        assert!((place.lon() - 31.05).abs() < 2e-7, "{place:?}");
        assert!((place.lat() + 17.45).abs() < 2e-7, "{place:?}");
    }
}

#[test]
fn polygons_are_kept_whole_and_those_that_cross_themselves_are_refused() {
    let text = |ring: &str| {
        format!(
            r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{"Class":1,"year":2021}},
            "geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}"#
        )
    };
    let ring = "[[31.0,-17.0],[31.0,-17.1],[31.1,-17.1],[31.1,-17.0],[31.0,-17.0]]";
    let found = batch(&file("a.geojson", text(ring)).path);
    assert!(matches!(found.samples[0].shape, Shape::Area(_)));
    let degrees = found.bounds().map(|side| (side * 1e7).round() as i64);
    assert_eq!(
        degrees,
        [310_000_000, -171_000_000, 311_000_000, -170_000_000]
    );
    assert_eq!(found.samples[0].time.as_str(), "2021");
    let bow = "[[31.0,-17.0],[31.1,-17.1],[31.1,-17.0],[31.0,-17.1],[31.0,-17.0]]";
    let said = crate::support::refusal("b.geojson", text(bow));
    assert!(
        said.contains("feature 1, column geometry") && said.contains("not a valid area"),
        "{said}"
    );
}

#[test]
fn real_reference_points_are_taken_with_the_year_that_they_lack() {
    let shared =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/deafrica");
    if !shared.is_dir() {
        eprintln!("skipped: no ../shared/data/deafrica with real samples");
        return;
    }
    let options = ReadOptions {
        time: Some("2019".parse().unwrap()),
        ..ReadOptions::default()
    };
    let read = |name: &str| geocrop_samples::read(&shared.join(name), &options, &|_| {}).unwrap();
    let Input::Samples(points) = read("south_eastern_reference_points.csv") else {
        panic!("not samples")
    };
    assert_eq!(points.checks.rows, 4302);
    let kept = points.samples.len() as u64;
    assert_eq!(kept + points.checks.duplicates.count, 4302);
    let Input::Samples(polygons) = read("southern_reference_polygons.geojson") else {
        panic!("not samples")
    };
    assert_eq!(polygons.checks.rows, 4466);
    let Input::Table(table) = read("south_eastern_training.txt") else {
        panic!("not a table")
    };
    assert_eq!((table.rows, table.features.len()), (3341, 33));
}
