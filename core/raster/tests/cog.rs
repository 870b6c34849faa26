//! Cloud Optimized GeoTIFF files as they come out.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod common;

use std::path::Path;

use common::{COLORS, class_spec, classes, grid, listing, noise, write_cog};
use gdal::{Dataset, Metadata};
use geocrop_raster::{
    BlockWriter, CogSpec, Overviews, RasterError, Window, histogram, picture, sample, write_pmtiles,
};
use ndarray::{Array2, s};

#[test]
fn a_map_keeps_its_pixels_colours_names_and_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let (width, height) = (1500, 1100);
    let pixels = classes(width, height);
    let path = write_cog(
        folder.path(),
        "map.tif",
        &grid(width, height),
        &class_spec(),
        std::slice::from_ref(&pixels),
    );
    assert_eq!(listing(folder.path()), ["map.tif"]);
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(
        dataset
            .metadata_item("LAYOUT", "IMAGE_STRUCTURE")
            .as_deref(),
        Some("COG")
    );
    assert_eq!(
        dataset
            .metadata_item("COMPRESSION", "IMAGE_STRUCTURE")
            .as_deref(),
        Some("DEFLATE")
    );
    assert_eq!(
        dataset.metadata_item("RECIPE", "").as_deref(),
        Some("test & <check>")
    );
    let description = dataset.metadata_item("TIFFTAG_IMAGEDESCRIPTION", "");
    assert_eq!(description.as_deref(), Some("Made for a test"));
    assert_eq!(dataset.metadata_item("TIFFTAG_DATETIME", ""), None);
    assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 6933);
    let band = dataset.rasterband(1).unwrap();
    assert_eq!(band.block_size(), (512, 512));
    assert_eq!(band.no_data_value(), Some(255.0));
    let table = band.color_table().unwrap();
    for (value, [red, green, blue]) in COLORS {
        let color = table.entry_as_rgb(value.into()).unwrap();
        assert_eq!(
            (color.r, color.g, color.b),
            (red.into(), green.into(), blue.into())
        );
    }
    let names = band.metadata_item("CATEGORY_NAMES", "").unwrap();
    assert_eq!(names, r#"["water","trees","crops","built"]"#);
    let read = band.read_band_as::<u8>().unwrap();
    assert_eq!(read.data(), pixels.as_slice().unwrap());
}

#[test]
fn overviews_take_the_most_frequent_class() {
    let folder = tempfile::tempdir().unwrap();
    // Every 2 x 2 square holds three of class 3 and one of class 0; a mean would be 2, nearest would be 0.
    let pixels = Array2::from_shape_fn(
        (1024, 1024),
        |(y, x)| if x % 2 + y % 2 == 0 { 0 } else { 3 },
    );
    let path = write_cog(
        folder.path(),
        "map.tif",
        &grid(1024, 1024),
        &class_spec(),
        &[pixels],
    );
    let dataset = Dataset::open(&path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    assert_eq!(band.overview_count().unwrap(), 1);
    let overview = band.overview(0).unwrap();
    assert_eq!(overview.size(), (512, 512));
    assert!(
        overview
            .read_band_as::<u8>()
            .unwrap()
            .data()
            .iter()
            .all(|&value| value == 3)
    );
}

#[test]
fn averages_leave_nodata_out() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = Array2::from_shape_fn(
        (1024, 1024),
        |(y, x)| if x % 2 + y % 2 == 0 { 255 } else { 80 },
    );
    let spec = CogSpec {
        overviews: Overviews::Average,
        scale_offset: Some((0.01, 0.0)),
        ..CogSpec::default()
    };
    let path = write_cog(
        folder.path(),
        "sure.tif",
        &grid(1024, 1024),
        &spec,
        &[pixels],
    );
    let dataset = Dataset::open(&path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    assert_eq!((band.scale(), band.offset()), (Some(0.01), Some(0.0)));
    assert!(band.color_table().is_none());
    let overview = band.overview(0).unwrap().read_band_as::<u8>().unwrap();
    assert!(overview.data().iter().all(|&value| value == 80));
}

#[test]
fn three_bands_are_red_green_and_blue() {
    let folder = tempfile::tempdir().unwrap();
    let spec = CogSpec {
        bands: 3,
        nodata: Some(0),
        overviews: Overviews::Average,
        ..CogSpec::default()
    };
    let bands: [Array2<u8>; 3] =
        std::array::from_fn(|band| Array2::from_elem((700, 600), 50 * band as u8 + 20));
    let path = write_cog(folder.path(), "rgb.tif", &grid(600, 700), &spec, &bands);
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(dataset.raster_count(), 3);
    for (number, name) in [(1, "Red"), (2, "Green"), (3, "Blue")] {
        let band = dataset.rasterband(number).unwrap();
        assert_eq!(band.color_interpretation().name(), name);
        assert_eq!(band.no_data_value(), Some(0.0));
        let read = band.read_band_as::<u8>().unwrap();
        assert!(
            read.data()
                .iter()
                .all(|&value| usize::from(value) == 50 * (number - 1) + 20)
        );
    }
}

#[test]
fn pixels_that_were_never_written_are_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    let writer = BlockWriter::create(folder.path(), &grid(1300, 1300), &class_spec()).unwrap();
    let window = Window {
        x: 600,
        y: 10,
        width: 20,
        height: 30,
    };
    writer
        .write(window, 1, &Array2::from_elem((30, 20), 2))
        .unwrap();
    writer.finish(&path).unwrap();
    let counts = histogram(&path, 1).unwrap();
    assert_eq!(counts[2], 600);
    assert_eq!(counts[255], 1300 * 1300 - 600);
    // Nor do they take any place: most of this is the palette, once for each of three versions.
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert!(bytes < 7500, "{bytes}");
    let written = Array2::from_shape_fn((1300, 1300), |(y, x)| {
        let inside = (10..40).contains(&y) && (600..620).contains(&x);
        if inside { 2 } else { 255 }
    });
    let other = write_cog(
        folder.path(),
        "whole.tif",
        &grid(1300, 1300),
        &class_spec(),
        &[written],
    );
    assert!(std::fs::read(path).unwrap() == std::fs::read(other).unwrap());
}

#[test]
fn a_map_of_nothing_is_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    BlockWriter::create(folder.path(), &grid(1300, 1), &class_spec())
        .unwrap()
        .finish(&path)
        .unwrap();
    assert_eq!(histogram(&path, 1).unwrap()[255], 1300);
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(dataset.rasterband(1).unwrap().overview_count().unwrap(), 2);
}

#[test]
fn the_order_of_blocks_and_threads_does_not_show_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let grid = grid(1400, 1000);
    let pixels = classes(1400, 1000);
    let expected = write_cog(
        folder.path(),
        "a.tif",
        &grid,
        &class_spec(),
        std::slice::from_ref(&pixels),
    );
    let other = folder.path().join("b.tif");
    let writer = BlockWriter::create(folder.path(), &grid, &class_spec()).unwrap();
    let mut blocks = grid.blocks(170);
    blocks.reverse();
    std::thread::scope(|scope| {
        for share in blocks.chunks(blocks.len() / 4 + 1) {
            let (writer, pixels) = (&writer, &pixels);
            scope.spawn(move || {
                for &window in share {
                    let rows = window.y..window.y + window.height;
                    let columns = window.x..window.x + window.width;
                    let block = pixels.slice(s![rows, columns]).to_owned();
                    writer.write(window, 1, &block).unwrap();
                }
            });
        }
    });
    writer.finish(&other).unwrap();
    assert!(std::fs::read(expected).unwrap() == std::fs::read(other).unwrap());
}

#[test]
fn a_map_smaller_than_a_block_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = write_cog(
        folder.path(),
        "s.tif",
        &grid(100, 70),
        &class_spec(),
        &[classes(100, 70)],
    );
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(dataset.raster_size(), (100, 70));
    assert_eq!(
        dataset
            .metadata_item("LAYOUT", "IMAGE_STRUCTURE")
            .as_deref(),
        Some("COG")
    );
    assert_eq!(histogram(&path, 1).unwrap()[255], 30 * 70);
}

#[test]
fn a_block_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let writer = BlockWriter::create(folder.path(), &grid(100, 50), &CogSpec::default()).unwrap();
    let window = |x, y, width, height| Window {
        x,
        y,
        width,
        height,
    };
    for (window, band, shape) in [
        (window(90, 0, 20, 10), 1, (10, 20)),
        (window(0, 45, 10, 10), 1, (10, 10)),
        (window(usize::MAX, 0, 10, 10), 1, (10, 10)),
        (window(0, 0, 10, 20), 1, (10, 20)),
        (window(0, 0, 10, 10), 2, (10, 10)),
        (window(0, 0, 10, 10), 0, (10, 10)),
    ] {
        let error = writer
            .write(window, band, &Array2::zeros(shape))
            .unwrap_err();
        assert!(matches!(error, RasterError::Block { .. }), "{error}");
    }
    drop(writer);
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_pixel_can_be_written_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.tif");
    let spec = CogSpec {
        bands: 2,
        ..CogSpec::default()
    };
    let writer = BlockWriter::create(folder.path(), &grid(700, 600), &spec).unwrap();
    let window = |x, y, width, height| Window {
        x,
        y,
        width,
        height,
    };
    let write = |place: Window, band, value| {
        let block = Array2::from_elem((place.height, place.width), value);
        writer.write(place, band, &block)
    };
    write(window(0, 0, 700, 300), 1, 1).unwrap();
    write(window(0, 0, 700, 300), 2, 2).unwrap();
    let message = write(window(600, 299, 100, 2), 1, 3)
        .unwrap_err()
        .to_string();
    assert!(message.contains("written before"), "{message}");
    write(window(600, 300, 100, 2), 1, 3).unwrap();
    writer.finish(&path).unwrap();
    assert_eq!(histogram(&path, 1).unwrap()[1], 700 * 300);
    assert_eq!(histogram(&path, 1).unwrap()[3], 200);
    assert_eq!(histogram(&path, 2).unwrap()[2], 700 * 300);
}

#[test]
fn bands_of_data_have_names_and_are_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    for bands in 2..=4 {
        let spec = CogSpec {
            bands,
            band_names: (1..=bands).map(|band| format!("part {band}")).collect(),
            scale_offset: Some((0.5, -1.0)),
            ..CogSpec::default()
        };
        let pixels: Vec<Array2<u8>> = (0..bands)
            .map(|band| {
                Array2::from_shape_fn((530, 700), |(y, x)| {
                    (noise(x / 9, y / 9) % 50) as u8 + 60 * band as u8
                })
            })
            .collect();
        let name = format!("{bands}.tif");
        let path = write_cog(folder.path(), &name, &grid(700, 530), &spec, &pixels);
        let dataset = Dataset::open(&path).unwrap();
        assert_eq!(dataset.raster_count(), bands);
        for (number, expected) in (1..).zip(&pixels) {
            let band = dataset.rasterband(number).unwrap();
            assert_eq!(band.description().unwrap(), format!("part {number}"));
            assert_eq!(band.no_data_value(), Some(255.0));
            assert_eq!((band.scale(), band.offset()), (Some(0.5), Some(-1.0)));
            let meaning = band.color_interpretation().name();
            let allowed = if number == 1 { "Gray" } else { "Undefined" };
            assert_eq!(meaning, allowed);
            let read = band.read_band_as::<u8>().unwrap();
            assert_eq!(read.data(), expected.as_slice().unwrap());
        }
        assert!(picture(&path, 100).is_err());
    }
}

#[test]
fn a_description_that_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |spec: &CogSpec| {
        let error = BlockWriter::create(folder.path(), &grid(9, 9), spec).err();
        assert!(matches!(error, Some(RasterError::Spec { .. })), "{spec:?}");
    };
    for bands in [0, 17] {
        refused(&CogSpec {
            bands,
            ..CogSpec::default()
        });
    }
    refused(&CogSpec {
        bands: 2,
        band_names: vec!["count".to_owned()],
        ..CogSpec::default()
    });
    refused(&CogSpec {
        bands: 2,
        ..class_spec()
    });
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_destination_that_cannot_be_written_is_named_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "not a folder").unwrap();
    let writer = BlockWriter::create(folder.path(), &grid(10, 10), &CogSpec::default()).unwrap();
    let message = writer
        .finish(&blocked.join("map.tif"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("map.tif"), "{message}");
    assert_eq!(listing(folder.path()), ["file"]);
    assert!(BlockWriter::create(&blocked, &grid(10, 10), &CogSpec::default()).is_err());
}

/// What a child process does with a limit on the size of its files, which stands for a full disk.
fn fill_the_disk(stage: &str, folder: &Path) {
    let side = 3000;
    let noisy = Array2::from_shape_fn((side, side), |(y, x)| (noise(x, y) % 255) as u8);
    let whole = Window {
        x: 0,
        y: 0,
        width: side,
        height: side,
    };
    let destination = folder.join("map.tif");
    let outcome = match stage {
        "blocks" => {
            let writer =
                BlockWriter::create(folder, &grid(side, side), &CogSpec::default()).unwrap();
            let outcome = writer.write(whole, 1, &noisy);
            drop(writer);
            outcome
        }
        "finish" => {
            let writer =
                BlockWriter::create(folder, &grid(side, side), &CogSpec::default()).unwrap();
            // Without its last row, the last row of tiles is left to the end.
            let window = Window {
                height: side - 1,
                ..whole
            };
            let block = noisy.slice(s![..side - 1, ..]).to_owned();
            writer.write(window, 1, &block).unwrap();
            writer.finish(&destination)
        }
        _ => {
            let small = Array2::from_shape_fn((400, 400), |(y, x)| (noise(x, y) % 255) as u8);
            let cog = folder.join("cog.tif");
            geocrop_raster::write_plain(&cog, &grid(400, 400), &small, None, None).unwrap();
            let outcome = write_pmtiles(&cog, &destination, &tile_spec(), &|_, _| true).map(drop);
            std::fs::remove_file(cog).unwrap();
            outcome
        }
    };
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.contains("cannot write") && message.contains("disk is not full"),
        "{message}"
    );
    assert!(listing(folder).is_empty(), "{:?}", listing(folder));
}

fn tile_spec() -> geocrop_raster::TileSpec {
    geocrop_raster::TileSpec {
        name: "x".to_owned(),
        attribution: String::new(),
        description: String::new(),
        max_zoom: Some(15),
        resampling: geocrop_raster::TileResampling::Nearest,
        metadata: serde_json::Map::new(),
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    const STAGE: &str = "GEOCROP_TEST_FULL_DISK";
    if let Ok(stage) = std::env::var(STAGE) {
        let folder = tempfile::tempdir().unwrap();
        fill_the_disk(&stage, folder.path());
        return;
    }
    // Kilobytes a file may have: the blocks take 9.2 MB, the whole COG 12 MB, tiles of noise 300 kB and more.
    for (stage, kilobytes) in [("blocks", 4000), ("finish", 10_500), ("tiles", 250)] {
        let script = format!(r#"trap "" XFSZ; ulimit -f $(({kilobytes} * 2)); exec "$0" "$@""#);
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .args([
                "a_full_disk_is_an_error_and_leaves_nothing",
                "--exact",
                "--nocapture",
            ])
            .env(STAGE, stage)
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stage}: {said}");
    }
}

#[test]
fn a_value_is_looked_up_by_longitude_and_latitude() {
    let folder = tempfile::tempdir().unwrap();
    let grid = grid(200, 100);
    let mut pixels = Array2::from_elem((100, 200), 1);
    pixels[[99, 199]] = 2;
    pixels[[0, 0]] = 255;
    let path = write_cog(folder.path(), "map.tif", &grid, &class_spec(), &[pixels]);
    let [west, south, east, north] = grid.lonlat_bounds().unwrap();
    let (dx, dy) = ((east - west) / 200.0, (north - south) / 100.0);
    let at = |column: f64, row: f64| sample(&path, west + column * dx, north - row * dy).unwrap();
    assert_eq!(at(100.5, 50.5), Some(1));
    assert_eq!(at(199.5, 99.5), Some(2));
    assert_eq!(at(0.5, 0.5), None);
    assert_eq!(at(-0.5, 50.0), None);
    assert_eq!(at(100.0, 100.5), None);
    assert_eq!(sample(&path, 0.0, 90.0).unwrap(), None);
}

#[test]
fn a_picture_has_the_palette_and_transparent_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = classes(1500, 1100);
    let path = write_cog(
        folder.path(),
        "map.tif",
        &grid(1500, 1100),
        &class_spec(),
        std::slice::from_ref(&pixels),
    );
    let drawn = picture(&path, 2000).unwrap();
    assert_eq!(
        (drawn.width, drawn.height, drawn.classes),
        (1500, 1100, true)
    );
    for (value, color) in pixels.iter().zip(drawn.rgba.chunks_exact(4)) {
        match COLORS.iter().find(|(class, _)| class == value) {
            Some((_, rgb)) => assert_eq!((&color[..3], color[3]), (&rgb[..], 255)),
            None => assert_eq!(color[3], 0),
        }
    }
    let small = picture(&path, 300).unwrap();
    assert_eq!((small.width, small.height), (300, 220));
    let file = folder.path().join("map.webp");
    std::fs::write(&file, drawn.webp().unwrap()).unwrap();
    let read = picture(&file, 2000).unwrap();
    assert!(
        read.rgba
            .chunks_exact(4)
            .zip(drawn.rgba.chunks_exact(4))
            .all(|(a, b)| a == b || (a[3] == 0 && b[3] == 0)),
        "classes keep their colours"
    );
    let empty = write_cog(
        folder.path(),
        "empty.tif",
        &grid(40, 20),
        &class_spec(),
        &[Array2::from_elem((20, 40), 255)],
    );
    let drawn = picture(&empty, 300).unwrap();
    assert_eq!((drawn.width, drawn.height), (40, 20));
    assert!(drawn.rgba.chunks_exact(4).all(|pixel| pixel[3] == 0));
    assert!(!drawn.webp().unwrap().is_empty());
}

#[test]
fn a_picture_in_colour_is_shown_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let spec = CogSpec {
        bands: 3,
        nodata: Some(0),
        overviews: Overviews::Average,
        ..CogSpec::default()
    };
    let bands: [Array2<u8>; 3] = std::array::from_fn(|band| {
        Array2::from_shape_fn(
            (600, 600),
            |(_, x)| if x < 300 { 0 } else { 40 * band as u8 + 9 },
        )
    });
    let path = write_cog(folder.path(), "rgb.tif", &grid(600, 600), &spec, &bands);
    let drawn = picture(&path, 100).unwrap();
    assert_eq!((drawn.width, drawn.classes), (100, false));
    assert_eq!(drawn.rgba[3], 0);
    assert_eq!(drawn.rgba[99 * 4..100 * 4], [9, 49, 89, 255]);
    // The other way, losses are small.
    let file = folder.path().join("rgb.webp");
    std::fs::write(&file, drawn.webp().unwrap()).unwrap();
    let read = picture(&file, 100).unwrap();
    let last = &read.rgba[99 * 4..100 * 4];
    assert!(
        last.iter()
            .zip([9, 49, 89, 255])
            .all(|(a, b)| a.abs_diff(b) < 12),
        "{last:?}"
    );
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dn.tif");
    geocrop_raster::write_plain(
        &path,
        &grid(8, 8),
        &Array2::<u16>::zeros((8, 8)),
        None,
        None,
    )
    .unwrap();
    let message = picture(&path, 100).unwrap_err().to_string();
    assert!(
        message.contains("UInt16") && message.contains("dn.tif"),
        "{message}"
    );
    assert!(histogram(&path, 2).is_err());
}
