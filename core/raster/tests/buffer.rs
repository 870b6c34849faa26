//! Buffers in metres: measured on the ellipsoid, at several latitudes, in several coordinates, and what is refused.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use geocrop_raster::aoi::buffer::{BufferError, BufferOptions, Buffered, buffer};
use geocrop_raster::{Aoi, AoiLimits};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Distance on the WGS 84 ellipsoid by Vincenty's inverse formula (Survey Review 23, 1975): good to a millimetre for
/// points that are not opposite each other.
fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (major, flattening) = (6_378_137.0, 1.0 / 298.257_223_563);
    let minor = major * (1.0 - flattening);
    let reduced = |lat: f64| ((1.0 - flattening) * lat.to_radians().tan()).atan();
    let ((sin1, cos1), (sin2, cos2)) = (reduced(a[1]).sin_cos(), reduced(b[1]).sin_cos());
    let difference = (b[0] - a[0]).to_radians();
    let mut lambda = difference;
    for _ in 0..200 {
        let (sin_l, cos_l) = lambda.sin_cos();
        let sin_s = (cos2 * sin_l).hypot(cos1 * sin2 - sin1 * cos2 * cos_l);
        if sin_s == 0.0 {
            return 0.0;
        }
        let cos_s = sin1 * sin2 + cos1 * cos2 * cos_l;
        let sigma = sin_s.atan2(cos_s);
        let sin_a = cos1 * cos2 * sin_l / sin_s;
        let cos2_a = 1.0 - sin_a * sin_a;
        let middle = if cos2_a > 0.0 {
            cos_s - 2.0 * sin1 * sin2 / cos2_a
        } else {
            0.0
        };
        let c = flattening / 16.0 * cos2_a * (4.0 + flattening * (4.0 - 3.0 * cos2_a));
        let before = lambda;
        lambda = difference
            + (1.0 - c)
                * flattening
                * sin_a
                * (sigma + c * sin_s * (middle + c * cos_s * (2.0 * middle * middle - 1.0)));
        if (lambda - before).abs() < 1e-13 {
            let u2 = cos2_a * (major * major - minor * minor) / (minor * minor);
            let big_a = 1.0 + u2 / 16384.0 * (4096.0 + u2 * (-768.0 + u2 * (320.0 - 175.0 * u2)));
            let big_b = u2 / 1024.0 * (256.0 + u2 * (-128.0 + u2 * (74.0 - 47.0 * u2)));
            let delta = big_b
                * sin_s
                * (middle
                    + big_b / 4.0
                        * (cos_s * (2.0 * middle * middle - 1.0)
                            - big_b / 6.0
                                * middle
                                * (4.0 * sin_s * sin_s - 3.0)
                                * (4.0 * middle * middle - 3.0)));
            return minor * big_a * (sigma - delta);
        }
    }
    panic!("no distance from {a:?} to {b:?}");
}

fn made(geometry: &Value, metres: f64) -> Buffered {
    buffer(&geometry.to_string(), &BufferOptions::metres(metres)).unwrap()
}

fn refused(geometry: &Value, options: &BufferOptions) -> String {
    buffer(&geometry.to_string(), options)
        .unwrap_err()
        .to_string()
}

fn corners(made: &Buffered) -> Vec<[f64; 2]> {
    let rings = made.geometry.0.iter().map(geo::Polygon::exterior);
    rings.flat_map(|r| r.0.iter().map(|c| [c.x, c.y])).collect()
}

/// Corners and the middles between them.
fn edge_points(made: &Buffered) -> Vec<[f64; 2]> {
    let corners = corners(made);
    let middles = corners.windows(2).map(|p| {
        [
            f64::midpoint(p[0][0], p[1][0]),
            f64::midpoint(p[0][1], p[1][1]),
        ]
    });
    corners.iter().copied().chain(middles).collect()
}

fn point(lon: f64, lat: f64) -> Value {
    json!({ "type": "Point", "coordinates": [lon, lat] })
}

fn line(points: &[[f64; 2]]) -> Value {
    json!({ "type": "LineString", "coordinates": points })
}

fn square(west: f64, south: f64, side: f64) -> Value {
    let (east, north) = (west + side, south + side);
    json!({ "type": "Polygon", "coordinates": [[
        [west, south], [east, south], [east, north], [west, north], [west, south]
    ]] })
}

#[test]
fn a_circle_has_its_radius_at_every_latitude() {
    for lat in [0.0, -17.8, 60.0] {
        for metres in [50.0, 1_000.0, 100_000.0] {
            let made = made(&point(31.05, lat), metres);
            for place in edge_points(&made) {
                let found = distance([31.05, lat], place);
                assert!(
                    (found / metres - 1.0).abs() < 1e-3,
                    "{lat} {metres}: {found}"
                );
            }
            let circle = std::f64::consts::PI * metres * metres / 1e6;
            assert!(
                (made.area_km2 / circle - 1.0).abs() < 5e-3,
                "{lat} {metres}"
            );
            assert!(!made.cut && made.stretch.abs() < f64::EPSILON);
        }
    }
}

#[test]
fn the_edge_of_a_long_line_s_buffer_is_as_far_away_as_asked() {
    for (lat, length, metres) in [
        (0.0, 0.3, 500.0),
        (-17.8, 0.3, 500.0),
        (60.0, 0.3, 500.0),
        (-17.8, 4.0, 20_000.0),
    ] {
        let (a, b) = ([31.0, lat], [31.0 + length, lat + length / 2.0]);
        let made = made(&line(&[a, b]), metres);
        let parts = 4000;
        let along: Vec<[f64; 2]> = (0..=parts)
            .map(|n| f64::from(n) / f64::from(parts))
            .map(|t| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t])
            .collect();
        // Found along the line at steps far below the distance: too far by their square only.
        for place in edge_points(&made) {
            let near = |p: &[f64; 2]| {
                let x = (p[0] - place[0]) * place[1].to_radians().cos();
                x.hypot(p[1] - place[1])
            };
            let nearest = along.iter().map(near).enumerate();
            let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1));
            let (around, _) = nearest.unwrap();
            let found = along[around.saturating_sub(40)..(around + 40).min(along.len())]
                .iter()
                .map(|p| distance(*p, place))
                .fold(f64::INFINITY, f64::min);
            assert!(
                (found / metres - 1.0).abs() < 1e-3 + made.stretch,
                "{lat} {metres}: {found}"
            );
        }
    }
}

#[test]
fn a_country_s_outline_stays_within_the_bound_that_is_told() {
    // 1,600 km from end to end.
    let made = made(&square(24.0, -24.0, 11.0), 10_000.0);
    assert!((0.001..0.005).contains(&made.stretch), "{}", made.stretch);
    let west = corners(&made)
        .into_iter()
        .filter(|c| c[0] < 24.0 && (-23.0..-14.0).contains(&c[1]));
    let mut seen = 0;
    for place in west {
        seen += 1;
        let found = (0..=2000)
            .map(|n| distance([24.0, place[1] - 0.2 + f64::from(n) * 2e-4], place))
            .fold(f64::INFINITY, f64::min);
        assert!(
            (found / 10_000.0 - 1.0).abs() < made.stretch + 1e-3,
            "{place:?}: {found}"
        );
    }
    assert!(seen > 20);
    let error = refused(&square(10.0, -40.0, 60.0), &BufferOptions::metres(1000.0));
    assert!(error.contains("one by one"), "{error}");
}

#[test]
fn the_result_is_an_area_of_interest() {
    let ring = json!({ "type": "Polygon", "coordinates": [
        [[31.0, -17.5], [31.0, -17.4], [31.1, -17.4], [31.1, -17.5], [31.0, -17.5]],
        [[31.02, -17.48], [31.08, -17.48], [31.08, -17.42], [31.02, -17.42], [31.02, -17.48]],
    ] });
    for metres in [-100.0, 0.0, 300.0, 4000.0] {
        let made = made(&ring, metres);
        let text = made.to_geojson_geometry().to_string();
        let aoi = Aoi::parse(&text, "buffer", &AoiLimits::default()).unwrap();
        assert!((aoi.area_km2() - made.area_km2).abs() < 1e-6);
        let holes = made.geometry.0[0].interiors().len();
        assert_eq!(holes, usize::from(metres < 4000.0), "{metres}");
        // As RFC 7946 winds them, nothing is left to turn.
        assert_eq!(aoi.geometry, made.geometry);
    }
}

#[test]
fn growing_and_shrinking_meet_in_the_middle() {
    let field = square(31.0, -17.5, 0.02);
    let whole = made(&field, 0.0).area_km2;
    let (more, less) = (made(&field, 100.0), made(&field, -100.0));
    let perimeter = 2.0 * (2.1228 + 2.2132);
    let sum = whole + perimeter * 0.1 + 0.01 * std::f64::consts::PI;
    assert!(
        (more.area_km2 - sum).abs() < 0.005,
        "{} {sum}",
        more.area_km2
    );
    let rest = whole - perimeter * 0.1 + 0.04;
    assert!(
        (less.area_km2 - rest).abs() < 0.005,
        "{} {rest}",
        less.area_km2
    );
    let error = refused(&field, &BufferOptions::metres(-1200.0));
    assert!(error.contains("nothing is left"), "{error}");
    let error = refused(&point(31.0, -17.0), &BufferOptions::metres(-5.0));
    assert!(error.contains("no inside"), "{error}");
}

#[test]
fn coordinates_of_any_system_end_at_the_same_place() {
    let expected = made(&point(31.05, -17.8), 1000.0);
    // Where PROJ puts the point in each system.
    for (crs, at) in [
        ("EPSG:4326", [31.05, -17.8]),
        ("EPSG:32736", [293_303.762, 8_030_865.923]),
        (
            "+proj=utm +zone=36 +south +datum=WGS84 +units=m",
            [293_303.762, 8_030_865.923],
        ),
        ("EPSG:3857", [3_456_470.189, -2_014_152.115]),
    ] {
        let options = BufferOptions {
            crs: Some(crs.to_owned()),
            ..BufferOptions::metres(1000.0)
        };
        let made = buffer(&point(at[0], at[1]).to_string(), &options).unwrap();
        let centre = |made: &Buffered| {
            let all = corners(made);
            let mean = |at: usize| all.iter().map(|c| c[at]).sum::<f64>() / all.len() as f64;
            [mean(0), mean(1)]
        };
        let off = distance(centre(&made), centre(&expected));
        assert!(off < 0.01, "{crs}: {off} m");
    }
    // The member that GeoJSON of 2008 had.
    let old = json!({
        "type": "Point", "coordinates": [293_303.762, 8_030_865.923],
        "crs": { "type": "name", "properties": { "name": "urn:ogc:def:crs:EPSG::32736" } },
    });
    let made = made(&old, 1000.0);
    assert!((made.area_km2 / expected.area_km2 - 1.0).abs() < 1e-6);
    // Metres taken for degrees, and the other way round.
    let degrees = BufferOptions {
        crs: Some("EPSG:32736".to_owned()),
        ..BufferOptions::metres(10.0)
    };
    let error = refused(&point(31.05, -17.8), &degrees);
    assert!(error.contains("far from where it is used"), "{error}");
    let error = refused(&point(293_328.0, 8_030_832.0), &BufferOptions::metres(10.0));
    assert!(
        error.contains("x (easting or longitude) come first"),
        "{error}"
    );
}

#[test]
fn every_type_of_geometry_grows() {
    let parts = json!({ "type": "FeatureCollection", "features": [
        { "type": "Feature", "properties": {}, "geometry": null },
        { "type": "Feature", "properties": {}, "geometry": { "type": "GeometryCollection", "geometries": [
            point(31.0, -17.0),
            { "type": "MultiPoint", "coordinates": [[31.1, -17.0], [31.2, -17.0, 1200.0]] },
            line(&[[31.0, -17.1], [31.2, -17.1]]),
            { "type": "MultiLineString", "coordinates": [[[31.0, -17.2], [31.1, -17.2]]] },
            square(31.0, -17.4, 0.1),
            { "type": "MultiPolygon", "coordinates": [square(31.3, -17.4, 0.1)["coordinates"]] },
        ] } },
    ] });
    let made = made(&parts, 200.0);
    assert_eq!(made.geometry.0.len(), 7);
    // Neighbours become one.
    assert_eq!(self::made(&parts, 30_000.0).geometry.0.len(), 1);
}

#[test]
fn a_bow_tie_is_repaired() {
    let bow = json!({ "type": "Polygon", "coordinates": [[
        [31.0, -17.0], [31.1, -17.1], [31.1, -17.0], [31.0, -17.1], [31.0, -17.0]
    ]] });
    assert!(made(&bow, 10.0).area_km2 > 50.0);
}

#[test]
fn fiji_is_cut_at_the_antimeridian_and_poles_are_refused() {
    let made = made(&point(179.99, -17.0), 5000.0);
    assert!(made.cut);
    assert_eq!(made.geometry.0.len(), 2);
    assert!(
        (made.area_km2 / 78.54 - 1.0).abs() < 5e-3,
        "{}",
        made.area_km2
    );
    assert!(corners(&made).iter().all(|c| c[0].abs() <= 180.0));
    for place in corners(&made) {
        let found = distance([179.99, -17.0], place);
        assert!(found < 5005.0 && (place[0].abs() > 179.9), "{place:?}");
    }
    // Both sides of a split outline become one again before they are cut.
    let islands = json!({ "type": "MultiPolygon", "coordinates": [
        [[[179.9, -17.1], [180.0, -17.1], [180.0, -17.0], [179.9, -17.0], [179.9, -17.1]]],
        [[[-180.0, -17.1], [-179.9, -17.1], [-179.9, -17.0], [-180.0, -17.0], [-180.0, -17.1]]],
    ] });
    assert_eq!(self::made(&islands, 500.0).geometry.0.len(), 2);
    for lat in [89.95, -89.95] {
        let error = buffer(&point(0.0, lat).to_string(), &BufferOptions::metres(1000.0));
        assert!(matches!(error, Err(BufferError::Pole)));
    }
    let around = line(&[[179.0, 0.0], [-179.0, 0.0]]);
    let error = refused(&around, &BufferOptions::metres(10.0));
    assert!(error.contains("split it at 180"), "{error}");
}

#[test]
fn what_is_no_geometry_or_no_distance_is_refused() {
    let ok = point(31.0, -17.0);
    for metres in [f64::NAN, f64::INFINITY, 1e-9, 6e5] {
        let error = refused(&ok, &BufferOptions::metres(metres));
        assert!(error.contains("no distance"), "{error}");
    }
    let few = BufferOptions {
        segments: 0,
        ..BufferOptions::metres(1.0)
    };
    assert!(refused(&ok, &few).contains("segments"));
    let small = BufferOptions {
        limits: AoiLimits {
            max_area_km2: Some(1.0),
            max_vertices: 3,
            ..AoiLimits::default()
        },
        ..BufferOptions::metres(1000.0)
    };
    assert!(refused(&ok, &small).contains("at most 1.0 km2"));
    assert!(refused(&square(0.0, 0.0, 1.0), &small).contains("vertices"));
    for text in [
        "",
        "{",
        "[]",
        r#"{"type":"Point"}"#,
        r#"{"type":"Point","coordinates":[null,2]}"#,
        r#"{"type":"Point","coordinates":[1]}"#,
        r#"{"type":"LineString","coordinates":[[1,2]]}"#,
        r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#,
        r#"{"type":"Circle","coordinates":[1,2]}"#,
        r#"{"type":"FeatureCollection","features":[]}"#,
        r#"{"type":"Feature","geometry":null}"#,
    ] {
        assert!(
            buffer(text, &BufferOptions::metres(10.0)).is_err(),
            "{text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_scribble_grows_into_a_valid_area(
        corners in prop::collection::vec((-0.05_f64..0.05, -0.05_f64..0.05), 2..12),
        lon in -179.0_f64..179.0,
        lat in -80.0_f64..80.0,
        metres in 1.0_f64..5000.0,
    ) {
        let corners: Vec<[f64; 2]> = corners.iter().map(|(x, y)| [lon + x, lat + y]).collect();
        let made = buffer(&line(&corners).to_string(), &BufferOptions::metres(metres)).unwrap();
        prop_assert!(made.area_km2 > 3.0 * (metres / 1000.0).powi(2));
    }
}
