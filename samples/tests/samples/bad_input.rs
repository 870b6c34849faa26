//! What is wrong is said with row and column.

use std::fmt::Write as _;

use geocrop_samples::{Expected, MOST_SAMPLES, ReadOptions, SamplesError};

use crate::support::{legend, read_with, refusal};

/// Rows with one mistake each, the row's line and column, and what is said.
const MISTAKES: [(&str, &str, &str); 14] = [
    ("north,-17,1,2021", "column lon", "not a number"),
    ("31,,1,2021", "column lat", "not a number"),
    ("31,NaN,1,2021", "column lat", "not a finite number"),
    ("inf,-17,1,2021", "column lon", "not a finite number"),
    ("-17.45,131.05,1,2021", "column lat", "swapped"),
    ("31,-91,1,2021", "column lat", "swapped"),
    ("200,-17,1,2021", "column lon", "-180 to 180"),
    ("250000,8060000,1,2021", "column lon", "--crs"),
    ("31,-17,7,2021", "column class", "0 other, 1 cropland"),
    ("31,-17,wheat,2021", "column class", "not in the legend"),
    ("31,-17,,2021", "column class", "no class"),
    ("31,-17,NaN,2021", "column class", "not in the legend"),
    ("31,-17,1,15.03.2021", "column year", "not a time"),
    ("31,-17,1", "column (all)", "4 columns"),
];

#[test]
fn every_mistake_of_a_file_is_named_at_once_with_line_and_column() {
    let mut text = "lon,lat,class,year\n31,-17,1,2021\n".to_owned();
    for (row, ..) in MISTAKES {
        text.extend([row, "\n"]);
    }
    let said = refusal("points.csv", text);
    assert!(said.contains("14 mistake(s) in 15 row(s)"), "{said}");
    for ((row, column, reason), line) in MISTAKES.iter().zip(3..) {
        let place = format!("line {line}, {column}: ");
        let told = said.lines().find(|told| told.contains(&place));
        assert!(
            told.is_some_and(|told| told.contains(reason)),
            "{row}: {said}"
        );
    }
    assert!(said.contains("nothing was registered"), "{said}");
}

#[test]
fn swapped_columns_are_recognised_where_only_the_other_way_round_lies_as_expected() {
    let expected = Expected {
        title: "south-eastern Africa".to_owned(),
        bounds: [21.9, -27.0, 40.9, -8.2],
    };
    let options = ReadOptions {
        expected: Some(expected),
        ..ReadOptions::default()
    };
    let swapped = "lon,lat,class,year\n-17.45,31.05,1,2021\n";
    let said = read_with("points.csv", swapped, &options)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("south-eastern Africa only with longitude and latitude swapped"),
        "{said}"
    );
    let feature = r#"{"type":"Feature","properties":{"class":1,"year":2021},
        "geometry":{"type":"Point","coordinates":[-17.45,31.05]}}"#;
    let said = read_with("points.geojson", feature, &options)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("feature 1, column geometry") && said.contains("swapped"),
        "{said}"
    );
    let elsewhere = "lon,lat,class,year\n5.5,50.5,1,2021\n31,-17,0,2021\n";
    let geocrop_samples::Input::Samples(found) = read_with("p.csv", elsewhere, &options).unwrap()
    else {
        panic!("not samples")
    };
    assert_eq!(found.checks.outside, 1);
    let said = found.checks.remarks.join("\n");
    assert!(
        said.contains("1 sample(s) lie outside south-eastern Africa"),
        "{said}"
    );
}

#[test]
fn a_file_without_samples_or_of_another_kind_says_what_is_expected() {
    for (name, content, expected) in [
        ("a.csv", "", "holds nothing"),
        ("a.csv", "lon,lat,class,year\n\n", "no sample"),
        ("a.csv", "lon;lat;class;year\n31;-17;1;2021\n", "semicolons"),
        ("a.csv", "lon,lat,class\n31,-17,1\n", "--date"),
        (
            "a.csv",
            "lon,lat,klass,year\n31,-17,1,2021\n",
            "lon, lat, klass, year",
        ),
        (
            "a.csv",
            "lon,lat,class,year,Lon\n31,-17,1,2021,3\n",
            "two columns called",
        ),
        ("a.csv", "lon,lat,class,year\n31,\"-17,1,2021\n", "line 2"),
        ("a.geojson", "", "holds nothing"),
        (
            "a.geojson",
            "{\"type\":\"FeatureCollection\",\"features\":[]}",
            "a.geojson",
        ),
        ("a.geojson", "{\"type\":", "a.geojson"),
        ("a.gpkg", "no database", "a.gpkg"),
        ("a.txt", "# Class a b\n", "a header only"),
        ("a.txt", "# Class a b\n1 2 inf\n", "line 2, column b"),
        ("a.txt", "# Class a b\n3 2 1\n", "not in the legend"),
    ] {
        let said = refusal(name, content);
        assert!(said.contains(expected), "{content:?}: {said}");
    }
    let options = ReadOptions {
        crs: Some("EPSG:32736".parse().unwrap()),
        ..ReadOptions::default()
    };
    let error = read_with("a.geojson", "{}", &options).unwrap_err();
    assert!(matches!(error, SamplesError::OwnCrs { .. }), "{error}");
    let missing = std::path::Path::new("no-such-file.csv");
    let error = geocrop_samples::read(missing, &ReadOptions::default(), &|_| {});
    assert!(error.unwrap_err().to_string().contains("no-such-file.csv"));
}

#[test]
fn lines_and_missing_geometries_are_no_samples() {
    let text = r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{"class":1,"year":2021},"geometry":null},
        {"type":"Feature","properties":{"class":1,"year":2021},
         "geometry":{"type":"LineString","coordinates":[[31,-17],[32,-17]]}}]}"#;
    let said = refusal("a.geojson", text);
    assert!(
        said.contains("feature 1, column geometry") && said.contains("no geometry"),
        "{said}"
    );
    assert!(
        said.contains("feature 2") && said.contains("LINESTRING"),
        "{said}"
    );
}

#[test]
fn repeated_and_contradicting_rows_are_told_by_line() {
    let text = "lon,lat,class,year\n31,-17,1,2021\n31,-17,1,2021\n32,-17,1,2021\n32,-17,0,2021\n31,-17,1,2022\n";
    let legend = legend();
    let options = ReadOptions {
        legend: Some(&legend),
        ..ReadOptions::default()
    };
    let geocrop_samples::Input::Samples(found) = read_with("a.csv", text, &options).unwrap() else {
        panic!("not samples")
    };
    assert_eq!(found.samples.len(), 4);
    assert_eq!(found.checks.duplicates.rows, [[2, 3]]);
    assert_eq!(found.checks.contradictions.rows, [[4, 5]]);
    let said = found.checks.remarks.join("\n");
    assert!(
        said.contains("lines 2 and 3") && said.contains("lines 4 and 5"),
        "{said}"
    );
    let one = "lon,lat,class,year\n31,-17,1,2021\n31.1,-17,1,2021\n";
    let geocrop_samples::Input::Samples(found) = read_with("a.csv", one, &options).unwrap() else {
        panic!("not samples")
    };
    assert!(found.checks.remarks[0].contains("all samples are of class 1 (cropland)"));
}

#[test]
fn a_batch_without_end_is_refused_before_it_fills_the_memory() {
    let mut text = "lon,lat,class,year\n".to_owned();
    for row in 0..=MOST_SAMPLES {
        let (lon, lat) = (row % 1000, row / 1000);
        writeln!(text, "31.{lon:03},-17.{lat:04},1,2021").unwrap();
    }
    text += "this is never read\n";
    let error = read_with("huge.csv", text, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, SamplesError::TooMany { .. }), "{error}");
    assert!(error.to_string().contains("split the file"), "{error}");

    let page = "so much was noted here ".repeat(4_000);
    let mut text = "lon,lat,class,year,note\n".to_owned();
    for row in 0..1_200 {
        writeln!(text, "31.{row:04},-17,1,2021,{page}").unwrap();
    }
    let error = read_with("diary.csv", text, &ReadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("bytes of notes"), "{error}");
}
