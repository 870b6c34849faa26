//! Our overviews against those of GDAL's COG driver.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod common;

use std::path::Path;

use common::{classes, grid, noise, write_cog};
use gdal::cpl::CslStringList;
use gdal::raster::{Buffer, ColorInterpretation};
use gdal::{Dataset, DriverManager};
use geocrop_raster::{CogSpec, Overviews};
use ndarray::Array2;

/// The sizes of a file's overviews, finest first, and all their pixels.
fn overviews(path: &Path) -> (Vec<(usize, usize)>, Vec<u8>) {
    let dataset = Dataset::open(path).unwrap();
    let count = dataset.rasterband(1).unwrap().overview_count().unwrap();
    let (mut sizes, mut pixels) = (Vec::new(), Vec::new());
    for level in 0..count as usize {
        for number in 1..=dataset.raster_count() {
            let band = dataset.rasterband(number).unwrap();
            let overview = band.overview(level).unwrap();
            sizes.push(overview.size());
            pixels.extend_from_slice(overview.read_band_as::<u8>().unwrap().data());
        }
    }
    (sizes, pixels)
}

/// Writes the bands through GDAL's COG driver.
fn by_gdal(path: &Path, spec: &CogSpec, resampling: &str, bands: &[Array2<u8>]) {
    let (height, width) = bands[0].dim();
    let memory = DriverManager::get_driver_by_name("MEM")
        .unwrap()
        .create_with_band_type::<u8, _>("", width, height, bands.len())
        .unwrap();
    let colors = [
        ColorInterpretation::RedBand,
        ColorInterpretation::GreenBand,
        ColorInterpretation::BlueBand,
    ];
    for ((number, pixels), color) in (1..).zip(bands).zip(colors) {
        let mut band = memory.rasterband(number).unwrap();
        band.set_no_data_value(spec.nodata.map(f64::from)).unwrap();
        if bands.len() == 3 {
            band.set_color_interpretation(color).unwrap();
        }
        let mut buffer = Buffer::new((width, height), pixels.iter().copied().collect());
        band.write((0, 0), (width, height), &mut buffer).unwrap();
    }
    let mut options = CslStringList::new();
    for (name, value) in [
        ("COMPRESS", "DEFLATE"),
        ("BLOCKSIZE", "512"),
        ("OVERVIEW_RESAMPLING", resampling),
    ] {
        options.set_name_value(name, value).unwrap();
    }
    let driver = DriverManager::get_driver_by_name("COG").unwrap();
    memory.create_copy(&driver, path, &options).unwrap();
}

/// The share of overview pixels that differ, and the largest difference.
fn compared(spec: &CogSpec, resampling: &str, bands: &[Array2<u8>]) -> (f64, u8) {
    let folder = tempfile::tempdir().unwrap();
    let (height, width) = bands[0].dim();
    let ours = write_cog(folder.path(), "ours.tif", &grid(width, height), spec, bands);
    let theirs = folder.path().join("theirs.tif");
    by_gdal(&theirs, spec, resampling, bands);
    let ((sizes, ours), (their_sizes, theirs)) = (overviews(&ours), overviews(&theirs));
    assert_eq!(sizes, their_sizes);
    assert!(!ours.is_empty());
    let apart = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b));
    let off = apart.clone().filter(|&by| by > 0).count();
    let worst = apart.max().unwrap();
    (off as f64 / ours.len() as f64, worst)
}

/// Even sides, odd sides, sides that are odd only further up, a side that ends one pixel into a tile, and a strip.
const SIZES: [(usize, usize); 6] = [
    (2048, 1024),
    (2051, 1301),
    (1374, 2746),
    (1025, 1537),
    (2050, 1025),
    (1500, 3),
];

#[test]
fn the_mode_of_classes_is_that_of_gdal() {
    let meanings = [Some(255), Some(0), None].into_iter().cycle();
    for ((width, height), nodata) in SIZES.into_iter().zip(meanings) {
        let spec = CogSpec {
            nodata,
            ..CogSpec::default()
        };
        let speckled =
            Array2::from_shape_fn((height, width), |(y, x)| (noise(x, y) % 4) as u8 * 85);
        for pixels in [speckled, classes(width, height)] {
            let (off, _) = compared(&spec, "MODE", &[pixels]);
            assert!(off == 0.0, "{width} x {height}, {nodata:?}: {off}");
        }
    }
}

#[test]
fn the_nearest_pixel_is_that_of_gdal() {
    let spec = CogSpec {
        overviews: Overviews::Nearest,
        ..CogSpec::default()
    };
    for (width, height) in SIZES {
        let pixels = Array2::from_shape_fn((height, width), |(y, x)| noise(x, y) as u8);
        let (off, _) = compared(&spec, "NEAREST", &[pixels]);
        assert!(off == 0.0, "{width} x {height}: {off}");
    }
}

#[test]
fn means_are_those_of_gdal_but_for_rounding() {
    for (width, height) in SIZES {
        for bands in [1, 3] {
            let spec = CogSpec {
                bands,
                nodata: Some(0),
                overviews: Overviews::Average,
                ..CogSpec::default()
            };
            let pixels: Vec<Array2<u8>> = (0..bands)
                .map(|band| {
                    Array2::from_shape_fn((height, width), |(y, x)| {
                        let value = noise(x, y + 7919 * band) % 300;
                        if value < 256 { value as u8 } else { 0 }
                    })
                })
                .collect();
            let (off, worst) = compared(&spec, "AVERAGE", &pixels);
            // Where a side is odd somewhere on the way up, GDAL sums in another order and precision, and what lies half
            // way may fall to either side.
            let even = (width, height) == SIZES[0];
            assert!(worst <= 1, "{width} x {height}: {worst}");
            assert!(
                off < if even { 1e-9 } else { 1e-3 },
                "{width} x {height}: {off}"
            );
        }
    }
}
