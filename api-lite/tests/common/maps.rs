//! Layers of real maps, small and made up.

use std::path::Path;

use chrono::{TimeZone, Utc};
use geocrop_raster::{BlockWriter, CogSpec, Crs, Grid, Palette};
use geocrop_store::publish::{Staged, publish};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ContentType, Store, layout};
use ndarray::Array2;
use serde_json::{Value, json};

/// The recipe and the period of most of them.
pub(crate) const LAYER: &str = "crops/2024";

/// Colours of the classes 0 to 4.
pub(crate) const COLORS: [[u8; 3]; 5] = [
    [20, 40, 200],
    [254, 217, 118],
    [35, 139, 69],
    [161, 217, 155],
    [228, 26, 28],
];

/// A grid of 10 m in the equal-area projection, near Mazowe.
pub(crate) fn equal_area() -> Grid {
    Grid {
        crs: Crs::EQUAL_AREA,
        x0: 2_990_000.0,
        y0: -2_200_000.0,
        resolution: 10.0,
        width: 1700,
        height: 1300,
    }
}

/// A grid of 10 m in a UTM zone, far from its middle.
pub(crate) fn utm() -> Grid {
    Grid {
        crs: Crs::from_epsg(32_735),
        x0: 700_000.0,
        y0: 8_100_040.0,
        resolution: 10.0,
        width: 2100,
        height: 1900,
    }
}

/// The class of a pixel; 255 is no data.
fn class(x: usize, y: usize) -> u8 {
    let field = x / 13 * 7 + y / 11 * 5 + (x + y) / 170;
    match field % 7 {
        6 => 255,
        5 => 0,
        class => class as u8,
    }
}

/// Writes a map of classes with overviews.
pub(crate) fn write_map(path: &Path, grid: &Grid) {
    let spec = CogSpec {
        palette: Some(Palette((0_u8..).zip(COLORS).collect())),
        ..CogSpec::default()
    };
    let writer = BlockWriter::create(path.parent().unwrap(), grid, &spec).unwrap();
    let pixels = Array2::from_shape_fn((grid.height, grid.width), |(y, x)| class(x, y));
    writer.write(grid.window(), 1, &pixels).unwrap();
    writer.finish(path).unwrap();
}

/// A box of degrees as GeoJSON.
pub(crate) fn rectangle([west, south, east, north]: [f64; 4]) -> Value {
    let ring = [
        [west, south],
        [east, south],
        [east, north],
        [west, north],
        [west, south],
    ];
    json!({ "type": "Polygon", "coordinates": [ring] })
}

/// Publishes a map of an area in the layer [`LAYER`].
pub(crate) fn publish_map(store: &Store, area: &str, grid: &Grid, geometry: Value) {
    publish_in(store, LAYER, area, grid, geometry);
}

/// Publishes a map of an area in a layer, with a confidence of 80 everywhere. The map holds inside `geometry`.
pub(crate) fn publish_in(store: &Store, layer: &str, area: &str, grid: &Grid, geometry: Value) {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("map.tif");
    write_map(&map, grid);
    let confidence = folder.path().join("confidence.tif");
    let writer = BlockWriter::create(folder.path(), grid, &CogSpec::default()).unwrap();
    let sure = Array2::from_elem((grid.height, grid.width), 80);
    writer.write(grid.window(), 1, &sure).unwrap();
    writer.finish(&confidence).unwrap();

    let (recipe, period) = layer.split_once('/').unwrap();
    let keys = layout::layer(
        &recipe.parse().unwrap(),
        &period.parse().unwrap(),
        &area.parse().unwrap(),
    );
    let mut item = Item::new(
        area,
        geometry,
        grid.lonlat_bounds().unwrap(),
        Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).unwrap(),
        Utc.with_ymd_and_hms(2024, 12, 31, 0, 0, 0).unwrap(),
    );
    for (name, value) in [
        ("geocrop:area_name", json!(format!("The area {area}"))),
        ("geocrop:recipe_title", json!("Crops")),
        ("geocrop:kind", json!("classes")),
        ("geocrop:attribution", json!("Nobody")),
    ] {
        item.properties.extra.insert(name.to_owned(), value);
    }
    let mut asset = Asset::new("", ContentType::Cog);
    let legend: Vec<Value> = COLORS
        .iter()
        .enumerate()
        .map(|(value, [r, g, b])| {
            json!({
                "value": value, "name": format!("class-{value}"), "title": format!("Class {value}"),
                "color_hint": format!("{r:02X}{g:02X}{b:02X}"),
            })
        })
        .collect();
    asset
        .extra
        .insert("classification:classes".to_owned(), json!(legend));
    item.assets.insert("map".to_owned(), asset);
    item.assets
        .insert("confidence".to_owned(), Asset::new("", ContentType::Cog));
    let files = [
        Staged::file("map", keys.map(), map),
        Staged::file("confidence", keys.confidence(), confidence),
    ];
    publish(store, &keys, &files, item).unwrap();
}

/// The pixels of a PNG: red, green, blue and opacity, and its edge.
pub(crate) fn rgba(png: &[u8]) -> (usize, Vec<[u8; 4]>) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    bytes.truncate(info.buffer_size());
    let pixels: Vec<[u8; 4]> = match info.color_type {
        png::ColorType::Rgba => bytes.as_chunks().0.to_vec(),
        png::ColorType::GrayscaleAlpha => {
            let pairs = bytes.as_chunks::<2>().0;
            pairs
                .iter()
                .map(|[grey, a]| [*grey, *grey, *grey, *a])
                .collect()
        }
        other => panic!("{other:?}"),
    };
    (info.width as usize, pixels)
}

/// The tile at a zoom level that has a place in degrees.
pub(crate) fn tile_at(zoom: u8, [lon, lat]: [f64; 2]) -> (u32, u32) {
    let side = f64::from(1_u32 << zoom);
    let x = (lon + 180.0) / 360.0 * side;
    let y = (1.0 - lat.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * side;
    (x as u32, y as u32)
}
