//! The plain way against GDAL's.

use std::path::Path;

use ndarray::Array2;
use proptest::prelude::*;

use super::*;
use crate::write::{BlockWriter, CogSpec, Palette};

/// A map of fields, with a hole and a ragged edge of nodata.
fn write(path: &Path, grid: &Grid) {
    let spec = CogSpec {
        palette: Some(Palette(
            (0..9)
                .map(|value| (value, [value * 20, 90, 255 - value]))
                .collect(),
        )),
        ..CogSpec::default()
    };
    let folder = path.parent().unwrap();
    let writer = BlockWriter::create(folder, grid, &spec).unwrap();
    let pixels = Array2::from_shape_fn((grid.height, grid.width), |(y, x)| {
        let hole = (x / 40 + y / 30) % 11 == 0 || x * 3 + y < 200;
        let field = (x / 7 * 31 + y / 5 * 17 + (x + y) / 90) % 9;
        if hole { 255 } else { field as u8 }
    });
    writer.write(grid.window(), 1, &pixels).unwrap();
    writer.finish(path).unwrap();
}

fn grids() -> [Grid; 3] {
    let grid = |crs, x0, y0, resolution, width, height| Grid {
        crs,
        x0,
        y0,
        resolution,
        width,
        height,
    };
    [
        grid(Crs::EQUAL_AREA, 2_990_000.0, -2_260_000.0, 10.0, 2300, 1900),
        grid(
            Crs::from_epsg(32_735),
            300_000.0,
            8_100_040.0,
            10.0,
            1700,
            2100,
        ),
        grid(Crs::LON_LAT, 28.3, -17.2, 0.0002, 1500, 1300),
    ]
}

fn drawn(source: &TileSource, tile: &WebTile) -> Vec<Option<u8>> {
    let mut painter = Painter::new();
    painter.look(source, tile, true).unwrap();
    painter.known()
}

/// The tile at a zoom level under a place in the raster, 0 to 1 each way.
fn tile_at(source: &TileSource, zoom: u8, (x, y): (f64, f64), side: usize) -> WebTile {
    let bounds = source.bounds();
    let count = f64::from(1_u32 << zoom);
    let part = |metres: f64| (metres / (2.0 * HALF_WORLD) + 0.5) * count;
    let column = part(bounds.min_x + (bounds.max_x - bounds.min_x) * x);
    let row = part(-bounds.max_y + (bounds.max_y - bounds.min_y) * y);
    WebTile::new(zoom, column as u32, row as u32, side).unwrap()
}

#[test]
fn a_written_map_is_read_without_gdal_and_drawn_in_its_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let [grid, ..] = grids();
    write(&path, &grid);
    let source = TileSource::file(&path).unwrap();
    let file = source.class_file().expect("our own files are plain");
    assert_eq!(file.grid(), Some(grid));
    assert_eq!(file.nodata(), Some(255));
    assert_eq!(source.zooms(), (10, 14));
    let mut painter = Painter::new();
    painter
        .look(&source, &tile_at(&source, 12, (0.5, 0.5), 256), true)
        .unwrap();
    let mut colors = source.colors();
    colors.keep(|value| value != 3);
    let png = painter.png(&colors).unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rgba).unwrap();
    for (value, shown) in painter.known().iter().zip(rgba.chunks_exact(4)) {
        match value {
            Some(value) if *value != 3 => {
                assert_eq!(shown, [value * 20, 90, 255 - value, 255]);
            }
            _ => assert_eq!(shown, [0; 4]),
        }
    }
    assert_eq!(&painter.webp(&colors).unwrap()[8..12], b"WEBP");
}

#[test]
fn more_colours_than_a_palette_holds_are_drawn_all_the_same() {
    let mut painter = Painter::new();
    painter.side = 32;
    painter.values = (0..1024).map(|n| n % 257).collect();
    let png = painter.png(&Colors::of_palette(None)).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Rgba);
}

#[test]
fn there_are_no_tiles_outside_the_world() {
    assert!(WebTile::new(3, 8, 0, 256).is_none());
    assert!(WebTile::new(0, 0, 0, 256).is_some());
    assert!(WebTile::new(DEEPEST_TILE + 1, 0, 0, 256).is_none());
    assert!(WebTile::new(3, 0, 0, 0).is_none());
}

#[test]
fn what_is_not_plain_is_drawn_by_gdal() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("a.tif"), folder.path().join("b.tif"));
    let [grid, ..] = grids();
    write(&path, &grid);
    let dataset = gdal::Dataset::open(&path).unwrap();
    let options: gdal::raster::RasterCreationOptions =
        ["TILED=YES", "COMPRESS=LZW", "COPY_SRC_OVERVIEWS=YES"]
            .into_iter()
            .collect();
    let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
    dataset
        .create_copy(&driver, &other, &options)
        .unwrap()
        .close()
        .unwrap();
    let (plain, lzw) = (
        TileSource::file(&path).unwrap(),
        TileSource::file(&other).unwrap(),
    );
    assert!(lzw.class_file().is_none());
    assert_eq!(lzw.colors(), plain.colors());
    for zoom in [9, 12, 15] {
        let tile = tile_at(&plain, zoom, (0.4, 0.6), 256);
        assert!(drawn(&plain, &tile) == drawn(&lzw, &tile), "zoom {zoom}");
    }
}

#[test]
fn a_damaged_block_is_an_error_and_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    let [grid, ..] = grids();
    write(&path, &grid);
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length - 5000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let source = TileSource::file(&path).unwrap();
    let tile = tile_at(&source, 14, (0.99, 0.99), 256);
    let error = Painter::new().look(&source, &tile, true).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn pixels_are_those_of_gdal(
        which in 0..3_usize,
        zoom in 4..18_u8,
        place in (0.0..1.0, 0.0..1.0),
        large in any::<bool>(),
    ) {
        use std::sync::OnceLock;
        static FILES: OnceLock<(tempfile::TempDir, Vec<(TileSource, TileSource)>)> = OnceLock::new();
        let (_, files) = FILES.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let files = grids().into_iter().enumerate().map(|(number, grid)| {
                let path = folder.path().join(format!("{number}.tif"));
                write(&path, &grid);
                (TileSource::file(&path).unwrap(), TileSource::gdal(&path).unwrap())
            });
            let files = files.collect();
            (folder, files)
        });
        let (plain, gdal) = &files[which];
        let tile = tile_at(plain, zoom, place, if large { 512 } else { 256 });
        let (ours, theirs) = (drawn(plain, &tile), drawn(gdal, &tile));
        // Older versions of GDAL treat what lies just outside a raster differently; TiTiler's is new, and the test against
        // it (api-lite/tests/titiler.rs) allows no pixel.
        let known = theirs.iter().flatten().count();
        let off = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
        prop_assert!(off <= known / 100 + 4, "{:?} of {}: {} of {}", tile, which, off, known);
    }
}
