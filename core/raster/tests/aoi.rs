//! What people send as an area of interest, good and bad.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::fmt::Write as _;

use geo::{Contains, Point};
use geocrop_raster::{Aoi, AoiError, AoiLimits, Crs, Grid, Window};
use proptest::prelude::*;

const SQUARE: &str =
    r#"{"type":"Polygon","coordinates":[[[30,-18],[30.1,-18],[30.1,-17.9],[30,-17.9],[30,-18]]]}"#;

fn parse(text: &str) -> Result<Aoi, AoiError> {
    Aoi::parse(text, "fallback", &AoiLimits::default())
}

/// A polygon from its rings, written as GeoJSON coordinates.
fn polygon(rings: &str) -> String {
    format!(r#"{{"type":"Polygon","coordinates":[{rings}]}}"#)
}

#[test]
fn a_bare_polygon_takes_the_fallback_name() {
    let aoi = Aoi::parse(SQUARE, "Mazowe  Valley (2)", &AoiLimits::default()).unwrap();
    assert_eq!(aoi.name, "Mazowe  Valley (2)");
    assert_eq!(aoi.slug, "mazowe-valley-2");
    assert_eq!(aoi.kind, None);
    assert!(!aoi.approximate);
    let corners = aoi.lonlat_bounds().map(|degrees| format!("{degrees}"));
    assert_eq!(corners, ["30", "-18", "30.1", "-17.9"]);
}

#[test]
fn a_feature_brings_its_properties() {
    let text = format!(
        r#"{{"type":"Feature","geometry":{SQUARE},"properties":
        {{"name":"Gwebi","slug":"Gwebi Block A/..","kind":"farm","approximate":true,"other":[1]}}}}"#
    );
    let aoi = parse(&text).unwrap();
    assert_eq!(
        (aoi.name.as_str(), aoi.slug.as_str()),
        ("Gwebi", "gwebi-block-a")
    );
    assert_eq!(aoi.kind.as_deref(), Some("farm"));
    assert!(aoi.approximate);
}

#[test]
fn a_slug_is_always_safe_in_a_path() {
    for name in [
        "../../etc/passwd",
        "..",
        "",
        "日本",
        "a/b\\c",
        &"x".repeat(500),
    ] {
        let text = serde_json::json!({
            "type": "Feature",
            "properties": { "name": name },
            "geometry": serde_json::from_str::<serde_json::Value>(SQUARE).unwrap(),
        });
        let slug = Aoi::parse(&text.to_string(), "", &AoiLimits::default())
            .unwrap()
            .slug;
        assert!(!slug.is_empty() && slug.len() <= 64, "{name}: {slug}");
        let safe =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        assert!(slug.chars().all(safe), "{name}: {slug}");
    }
}

#[test]
fn every_mistake_has_its_own_message() {
    let line = r#"{"type":"LineString","coordinates":[[30,-18],[31,-18]]}"#;
    let many = format!(r#"{{"type":"FeatureCollection","features":[{SQUARE},{SQUARE},{SQUARE}]}}"#);
    let crs = SQUARE.replacen(
        '{',
        r#"{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32736"}},"#,
        1,
    );
    let cases: Vec<(String, &[&str])> = vec![
        (String::new(), &["empty"]),
        ("\u{feff} \n\t".to_owned(), &["empty"]),
        ("hello".to_owned(), &["not JSON", "line 1"]),
        ("{\n\"type\": ".to_owned(), &["not JSON", "line 2", "ends too early"]),
        ("[1,2]".to_owned(), &["not GeoJSON", "a list of 2"]),
        ("{}".to_owned(), &["without \"type\""]),
        (r#"{"type":"Circle"}"#.to_owned(), &["\"Circle\""]),
        (many, &["FeatureCollection of 3", "save the feature you mean on its own"]),
        (line.to_owned(), &["LineString", "Polygon or MultiPolygon"]),
        (r#"{"type":"Point","coordinates":[30,-18]}"#.to_owned(), &["is a Point"]),
        (r#"{"type":"GeometryCollection","geometries":[]}"#.to_owned(), &["GeometryCollection"]),
        (r#"{"type":"Feature","geometry":null}"#.to_owned(), &["without a geometry"]),
        (r#"{"type":"Feature","geometry":7}"#.to_owned(), &["the number 7"]),
        (r#"{"type":"Polygon"}"#.to_owned(), &["no coordinates"]),
        (polygon(""), &["no coordinates in the polygon"]),
        (polygon("[]"), &["no coordinates in polygon 1, ring 1"]),
        (r#"{"type":"MultiPolygon","coordinates":[[[]]]}"#.to_owned(), &["polygon 1, ring 1"]),
        (polygon("[[0,0],[1,0],[1,1],[0,1]]"), &["not closed", "[0, 0]", "[0, 1]"]),
        (polygon("[[0,0],[1,0],[0,0]]"), &["3 position(s)", "at least 4"]),
        (polygon("[[0,0],[1,0],[1,0],[0,0]]"), &["3 position(s)"]),
        (polygon("[[0,0],[1,1],[1,0],[0,1],[0,0]]"), &["crosses itself", "0.500000"]),
        (polygon("[[0,0],[1,0],[1,1],[2,1],[1,1],[0,1],[0,0]]"), &["crosses itself"]),
        (
            polygon("[[0,0],[4,0],[4,4],[0,4],[0,0]],[[5,5],[6,5],[6,6],[5,6],[5,5]]"),
            &["polygon 1, ring 2", "hole outside"],
        ),
        (
            polygon("[[0,0],[4,0],[4,4],[0,4],[0,0]],[[3,3],[5,3],[5,5],[3,5],[3,3]]"),
            &["crosses itself"],
        ),
        (polygon("[[0,0],[1,1],[2,2],[0,0]]"), &["no area"]),
        (polygon("[[0,0],[1e-9,0],[1e-9,1e-9],[0,0]]"), &["no area"]),
        (
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[9,0],[9,9],[0,9],[0,0]]],[[[2,2],[3,2],[3,3],[2,3],[2,2]]]]}"#
                .to_owned(),
            &["polygons 1 and 2 overlap"],
        ),
        (crs, &["EPSG::32736", "ogr2ogr -t_srs EPSG:4326"]),
        (
            polygon("[[300000,8000000],[300100,8000000],[300100,8000100],[300000,8000000]]"),
            &["projected metres", "position 1"],
        ),
        (polygon("[[-18,130],[-17,130],[-17,131],[-18,130]]"), &["swapped"]),
        (polygon("[[179,0],[181,0],[181,1],[179,1],[179,0]]"), &["[181, 0]", "antimeridian"]),
        (polygon("[[179,0],[-179,0],[-179,1],[179,1],[179,0]]"), &["358.0", "split it at 180"]),
        (polygon("[[0,0],[NaN,0],[1,1],[0,0]]"), &["not JSON", "no NaN or Infinity"]),
        (polygon("[[0,0],[-Infinity,0],[1,1],[0,0]]"), &["no NaN or Infinity"]),
        (polygon("[[0,0],[null,0],[1,1],[0,0]]"), &["null", "position 2"]),
        (polygon(r#"[[0,0],["1",0],[1,1],[0,0]]"#), &["the text \"1\"", "position 2"]),
        (polygon("[[0,0],[1],[1,1],[0,0]]"), &["a list of 1", "position 2"]),
        (polygon("[[0,0],[1e999,0],[1,1],[0,0]]"), &["not JSON", "out of range"]),
        (polygon("[[0,0],{},[1,1],[0,0]]"), &["an object"]),
        ("[".repeat(100_000), &["not JSON", "recursion"]),
    ];
    for (text, fragments) in cases {
        let start: String = text.chars().take(120).collect();
        let message = match parse(&text) {
            Ok(_) => panic!("accepted: {start}"),
            Err(error) => error.to_string(),
        };
        for fragment in fragments {
            assert!(
                message.contains(fragment),
                "{start}\n  gave: {message}\n  not: {fragment}"
            );
        }
        assert!(message.len() < 600, "{message}");
    }
}

#[test]
fn what_rfc_7946_allows_is_accepted() {
    let hole_touching = "[[0,0],[4,0],[4,4],[0,4],[0,0]],[[0,2],[2,1],[2,3],[0,2]]";
    let crs84 = SQUARE.replacen(
        '{',
        r#"{"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"#,
        1,
    );
    for text in [
        format!("\u{feff}{SQUARE}"),
        crs84,
        SQUARE.replacen('{', r#"{"crs":null,"bbox":[1,2],"#, 1),
        polygon("[[30,-18,1200],[30.1,-18,1201],[30.1,-17.9,1],[30,-18,1200]]"),
        polygon("[[0,0],[0,0],[1,0],[1,1],[1,1],[0,0]]"),
        polygon(hole_touching),
        r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[1,1],[2,1],[2,2],[1,1]]]]}"#
            .to_owned(),
        // An island in a lake.
        r#"{"type":"MultiPolygon","coordinates":[
            [[[0,0],[9,0],[9,9],[0,9],[0,0]],[[1,1],[8,1],[8,8],[1,8],[1,1]]],
            [[[3,3],[5,3],[5,5],[3,5],[3,3]]]]}"#
            .to_owned(),
    ] {
        if let Err(error) = parse(&text) {
            panic!("{text}\n{error}");
        }
    }
}

#[test]
fn winding_is_put_right_and_does_not_change_the_canonical_text() {
    let clockwise = polygon("[[30,-18],[30,-17.9],[30.1,-17.9],[30.1,-18],[30,-18]]");
    let (one, other) = (parse(SQUARE).unwrap(), parse(&clockwise).unwrap());
    assert_eq!(one.canonical(), other.canonical());
    assert_eq!(one.to_geojson_geometry(), other.to_geojson_geometry());
    let moved = SQUARE.replace("30.1", "30.2");
    assert_ne!(one.canonical(), parse(&moved).unwrap().canonical());
}

#[test]
fn a_geometry_survives_being_written_and_read() {
    let two = r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[2,2],[3,2],[3,3],[2,2]]]]}"#;
    for text in [SQUARE, two] {
        let aoi = parse(text).unwrap();
        let again = parse(&aoi.to_geojson_geometry().to_string()).unwrap();
        assert_eq!(aoi, again);
    }
}

#[test]
fn limits_are_kept() {
    let limits = |max_bytes, max_vertices, max_area_km2| AoiLimits {
        max_bytes,
        max_vertices,
        max_area_km2,
    };
    let refused = |limits: &AoiLimits| Aoi::parse(SQUARE, "x", limits).unwrap_err();
    assert!(matches!(
        refused(&limits(50, 100, None)),
        AoiError::TooManyBytes { limit: 50, .. }
    ));
    assert!(matches!(
        refused(&limits(5000, 4, None)),
        AoiError::TooManyVertices {
            vertices: 5,
            limit: 4
        }
    ));
    assert!(matches!(
        refused(&limits(5000, 100, Some(10.0))),
        AoiError::AreaTooLarge { area_km2, .. } if (117.0..118.0).contains(&area_km2)
    ));
    assert!(Aoi::parse(SQUARE, "x", &limits(5000, 5, Some(118.0))).is_ok());
}

#[test]
fn area_is_that_of_the_ellipsoid() {
    // A box of longitudes and latitudes is a rectangle in EPSG:6933, whose area PROJ gives independently.
    for rings in [
        "[[30,-18],[30.1,-18],[30.1,-17.9],[30,-17.9],[30,-18]]",
        "[[-10,0],[10,0],[10,1],[-10,1],[-10,0]]",
        "[[5,50],[5.001,50],[5.001,60],[5,60],[5,50]]",
    ] {
        let aoi = parse(&polygon(rings)).unwrap();
        let bounds = aoi.bounds_in(Crs::EQUAL_AREA).unwrap();
        let expected = (bounds.max_x - bounds.min_x) * (bounds.max_y - bounds.min_y) / 1e6;
        let area = aoi.area_km2();
        assert!((area / expected - 1.0).abs() < 1e-6, "{area} {expected}");
    }
    let holed =
        "[[0,0],[2,0],[2,2],[0,2],[0,0]],[[0.5,0.5],[1.5,0.5],[1.5,1.5],[0.5,1.5],[0.5,0.5]]";
    let hole = "[[0.5,0.5],[1.5,0.5],[1.5,1.5],[0.5,1.5],[0.5,0.5]]";
    let whole = "[[0,0],[2,0],[2,2],[0,2],[0,0]]";
    let area = |rings| parse(&polygon(rings)).unwrap().area_km2();
    assert!((area(whole) - area(hole) - area(holed)).abs() < 1e-6);
}

#[test]
fn bounds_follow_curved_edges() {
    // In a UTM zone the southern edge of a wide box bends: its middle lies south of its corners.
    let aoi = parse(&polygon("[[24,50],[30,50],[30,51],[24,51],[24,50]]")).unwrap();
    let utm = Crs::from_epsg(32635);
    let corners = geocrop_raster::Projection::new(Crs::LON_LAT, utm).unwrap();
    let (mut xs, mut ys) = ([24.0, 30.0], [50.0, 50.0]);
    corners.points(&mut xs, &mut ys).unwrap();
    let bounds = aoi.bounds_in(utm).unwrap();
    assert!(bounds.min_y < ys[0].min(ys[1]) - 1000.0);
}

fn degrees(width: usize, height: usize) -> Grid {
    Grid {
        crs: Crs::LON_LAT,
        x0: 29.95,
        y0: -17.85,
        resolution: 0.2 / width as f64,
        width,
        height,
    }
}

#[test]
fn coverage_holds_the_pixels_whose_centre_is_inside() {
    let shapes = [
        polygon("[[30,-18],[30.1,-17.9803],[30.13,-17.9],[30.06,-17.95],[30,-17.87],[30,-18]]"),
        polygon(
            "[[30,-18],[30.1,-18],[30.1,-17.9],[30,-17.9],[30,-18]],\
             [[30.02,-17.97],[30.03,-17.92],[30.08,-17.93],[30.02,-17.97]]",
        ),
        // Reaches over every edge of the grid.
        polygon("[[29,-18.5],[31,-18.4],[30.1,-17.93],[30.4,-17],[29,-18.5]]"),
    ];
    for shape in shapes {
        let aoi = parse(&shape).unwrap();
        let grid = degrees(97, 83);
        let covered = aoi.coverage(&grid).unwrap();
        for ((row, column), &inside) in covered.indexed_iter() {
            let x = grid.x0 + (column as f64 + 0.5) * grid.resolution;
            let y = grid.y0 - (row as f64 + 0.5) * grid.resolution;
            assert_eq!(inside, aoi.geometry.contains(&Point::new(x, y)), "{x} {y}");
        }
        assert!(covered.iter().any(|&inside| inside));
    }
}

#[test]
fn windows_of_a_grid_together_cover_what_the_whole_does_and_only_touched_ones_hold_pixels() {
    let shape = polygon(
        "[[30,-18],[30.1,-18],[30.1,-17.9],[30,-17.9],[30,-18]],\
         [[30.02,-17.97],[30.03,-17.92],[30.08,-17.93],[30.02,-17.97]]",
    );
    let aoi = parse(&shape).unwrap();
    let grid = degrees(97, 83);
    let whole = aoi.coverage(&grid).unwrap();
    let outline = aoi.outline(grid.crs).unwrap();
    let (mut touched, mut windows) = (0, 0);
    for window in grid.blocks(7) {
        let part = outline.coverage(&grid, window);
        let same = whole.slice(ndarray::s![
            window.y..window.y + window.height,
            window.x..window.x + window.width
        ]);
        assert_eq!(part, same, "{window}");
        let touches = outline.touches(&grid.sub(window).bounds());
        assert!(touches || part.iter().all(|inside| !inside), "{window}");
        touched += usize::from(touches);
        windows += 1;
    }
    assert!(
        (20..windows - 20).contains(&touched),
        "{touched} of {windows}"
    );
    // A box that holds all of it, and one beside it.
    assert!(outline.touches(&grid.padded(5).bounds()));
    let far = Window {
        x: 500,
        y: 0,
        width: 9,
        height: 9,
    };
    assert!(!outline.touches(&grid.sub(far).bounds()));
}

#[test]
fn neighbours_share_no_pixel_and_leave_no_gap() {
    // The shared edge has a corner that only the right area knows, and runs the other way round in it.
    let left = polygon("[[30,-18],[30.05,-18],[30.06,-17.9],[30,-17.9],[30,-18]]");
    let right = polygon("[[30.06,-17.9],[30.05,-18],[30.1,-18],[30.1,-17.9],[30.06,-17.9]]");
    let whole = parse(SQUARE).unwrap();
    let grid = Grid::covering(
        Crs::EQUAL_AREA,
        10.0,
        whole.bounds_in(Crs::EQUAL_AREA).unwrap(),
    )
    .unwrap();
    let count = |aoi: &Aoi| aoi.coverage(&grid).unwrap().mapv(u32::from);
    let both = count(&parse(&left).unwrap()) + count(&parse(&right).unwrap());
    assert_eq!(both, count(&whole));
    let hectares = f64::from(both.sum()) * grid.pixel_area_m2().unwrap() / 1e4;
    assert!((hectares / (whole.area_km2() * 100.0) - 1.0).abs() < 2e-3);
}

#[test]
fn an_area_where_the_projection_ends_is_an_error_not_a_panic() {
    // A quarter of the earth from the zone's meridian, where Transverse Mercator goes to infinity.
    let away = polygon("[[-57.5,-0.5],[-56.5,-0.5],[-56.5,0.5],[-57.5,0.5],[-57.5,-0.5]]");
    assert!(
        parse(&away)
            .unwrap()
            .bounds_in(Crs::from_epsg(32736))
            .is_err()
    );
}

#[test]
fn a_folder_is_read_in_the_order_of_slugs() {
    let folder = tempfile::tempdir().unwrap();
    let limits = AoiLimits::default();
    let none = Aoi::read_dir(folder.path(), &limits)
        .unwrap_err()
        .to_string();
    assert!(none.contains("holds no AOI"), "{none}");
    for name in ["b.geojson", "a.geojson", "notes.txt"] {
        std::fs::write(folder.path().join(name), SQUARE).unwrap();
    }
    let slugs = |areas: Vec<Aoi>| areas.into_iter().map(|aoi| aoi.slug).collect::<Vec<_>>();
    assert_eq!(
        slugs(Aoi::read_dir(folder.path(), &limits).unwrap()),
        ["a", "b"]
    );
    std::fs::write(folder.path().join("A .geojson"), SQUARE).unwrap();
    let twice = Aoi::read_dir(folder.path(), &limits).unwrap_err();
    assert!(matches!(&twice, AoiError::DuplicateSlug { slug, .. } if slug == "a"));
    std::fs::write(folder.path().join("A .geojson"), "").unwrap();
    let named = Aoi::read_dir(folder.path(), &limits)
        .unwrap_err()
        .to_string();
    assert!(
        named.contains("A .geojson") && named.contains("empty"),
        "{named}"
    );
}

#[test]
fn files_that_cannot_be_areas_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let limits = AoiLimits::default();
    let long = folder.path().join("long.geojson");
    std::fs::write(&long, vec![b' '; 10_000_000]).unwrap();
    let message = Aoi::read(&long, &limits).unwrap_err().to_string();
    assert!(
        message.contains("long.geojson") && message.contains("10000000 bytes"),
        "{message}"
    );
    let binary = folder.path().join("binary.geojson");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    let message = Aoi::read(&binary, &limits).unwrap_err().to_string();
    assert!(
        message.contains("binary.geojson") && message.contains("not text"),
        "{message}"
    );
    let message = Aoi::read(&folder.path().join("gone.geojson"), &limits)
        .unwrap_err()
        .to_string();
    assert!(message.contains("gone.geojson"), "{message}");
}

#[test]
fn a_coastline_of_a_hundred_thousand_vertices_is_checked() {
    let vertices = 99_000;
    let mut ring = String::new();
    for index in 0..=vertices {
        let angle = f64::from(index % vertices) / f64::from(vertices) * std::f64::consts::TAU;
        let radius = 2.0 + 0.3 * (angle * 1000.0).sin();
        let _ = write!(
            ring,
            "[{},{}],",
            30.0 + radius * angle.cos(),
            radius * angle.sin()
        );
    }
    let ring = ring.trim_end_matches(',');
    let aoi = parse(&polygon(&format!("[{ring}]"))).unwrap();
    assert!(aoi.area_km2() > 100_000.0);
    // The same with one vertex thrown across.
    let crossed = ring.replacen("[32,0],", "[32,0],[27,0.001],", 1);
    assert!(matches!(
        parse(&polygon(&format!("[{crossed}]"))),
        Err(AoiError::SelfCrossing { .. })
    ));
}

proptest! {
    #[test]
    fn any_text_is_an_area_or_an_error(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn a_damaged_file_is_an_area_or_an_error(
        changes in prop::collection::vec((0_usize..200, "[-0-9.,:{}\\[\\]\"eE a-z]{0,4}"), 1..6)
    ) {
        let feature = format!(r#"{{"type":"Feature","properties":{{"name":"x"}},"geometry":{SQUARE}}}"#);
        let mut letters: Vec<String> = feature.chars().map(String::from).collect();
        for (place, change) in changes {
            let place = place % letters.len();
            letters[place] = change;
        }
        let _ = parse(&letters.concat());
    }

    #[test]
    fn any_ring_of_numbers_is_an_area_with_pixels_or_an_error(
        corners in prop::collection::vec((-10_i32..10, -10_i32..10), 3..12)
    ) {
        let mut ring: Vec<[f64; 2]> =
            corners.iter().map(|&(x, y)| [f64::from(x), f64::from(y)]).collect();
        ring.push(ring[0]);
        let text = serde_json::json!({ "type": "Polygon", "coordinates": [ring] }).to_string();
        if let Ok(aoi) = parse(&text) {
            prop_assert!(aoi.area_km2() > 0.0);
            // Two independent counts of the same area: centres inside, and PROJ's equal-area plane.
            let bounds = aoi.bounds_in(Crs::EQUAL_AREA).unwrap();
            let grid = Grid::covering(Crs::EQUAL_AREA, 20_000.0, bounds).unwrap();
            let covered = aoi.coverage(&grid).unwrap().iter().filter(|&&inside| inside).count();
            let area = covered as f64 * 400.0;
            let outline = 4.0 * (grid.width + grid.height) as f64 * 400.0 * corners.len() as f64;
            prop_assert!((area - aoi.area_km2()).abs() < outline);
        }
    }
}

#[test]
fn a_collection_of_polygons_is_read_feature_by_feature() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("reserves.geojson");
    let feature =
        |geometry: &str| format!(r#"{{"type":"Feature","properties":{{}},"geometry":{geometry}}}"#);
    let collection = |features: &[String]| {
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{}]}}"#,
            features.join(",")
        );
        std::fs::write(&file, text).unwrap();
        Aoi::read_collection(&file, &AoiLimits::default())
    };
    let overlapping = polygon("[[30.05,-18],[30.15,-18],[30.15,-17.9],[30.05,-17.9],[30.05,-18]]");
    let read = collection(&[feature(SQUARE), feature("null"), feature(&overlapping)]).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].name, "reserves");
    let line = r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#;
    let error = collection(&[feature(SQUARE), feature(line)]).unwrap_err();
    let error = format!("{error}");
    assert!(
        error.contains("reserves.geojson") && error.contains("feature 2"),
        "{error}"
    );
    assert!(collection(&[feature("null")]).is_err());
    std::fs::write(&file, SQUARE).unwrap();
    let one = Aoi::read_collection(&file, &AoiLimits::default()).unwrap();
    assert_eq!(one, [Aoi::read(&file, &AoiLimits::default()).unwrap()]);
}
