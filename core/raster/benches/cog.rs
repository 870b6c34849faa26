//! A worker that writes a COG: once for every line on its standard input.
//!
//! `cog --source PLAIN.tif --out DIR [--threads N]` reads a one-band `uint8` GeoTIFF, strip by strip on all threads
//! through GDAL, and writes it as a map with MODE overviews to `DIR/cog.tif`. It prints one line of JSON when it is ready
//! and one per run.
#![expect(
    clippy::print_stdout,
    reason = "a line of JSON per run is what the driver reads"
)]

mod worker;

use std::path::Path;

use gdal::Dataset;
use geocrop_raster::{BlockWriter, CogSpec, Grid, Palette, RasterReader, Window};
use ndarray::Array2;
use rayon::prelude::*;
use worker::Outcome;

/// Rows that are read and handed over at a time.
const ROWS: usize = 512;

fn main() -> Outcome<()> {
    let Some((source, out)) = worker::arguments()? else {
        println!("usage: cog --source PLAIN.tif --out DIR [--threads N], then a line per run");
        return Ok(());
    };
    geocrop_raster::configure(64);
    let info = RasterReader::new().info(&source.display().to_string())?;
    let grid = info.grid().ok_or("the source is not north-up")?;
    let spec = CogSpec {
        palette: palette(&source)?,
        nodata: info.bands[0].nodata.map(|value| value as u8),
        ..CogSpec::default()
    };
    let what = format!("{} x {} classes to a COG", grid.width, grid.height);
    let destination = out.join("cog.tif");
    worker::serve(&what, &destination, || {
        write(&source, &destination, &out, &grid, &spec)
    })
}

fn palette(source: &Path) -> Outcome<Option<Palette>> {
    let dataset = Dataset::open(source)?;
    let band = dataset.rasterband(1)?;
    let Some(table) = band.color_table() else {
        return Ok(None);
    };
    let color = |value: u8| {
        let entry = table.entry_as_rgb(value.into())?;
        Some((value, [entry.r as u8, entry.g as u8, entry.b as u8]))
    };
    Ok(Some(Palette((0..=255).filter_map(color).collect())))
}

fn write(
    source: &Path,
    destination: &Path,
    scratch: &Path,
    grid: &Grid,
    spec: &CogSpec,
) -> Outcome<()> {
    let writer = BlockWriter::create(scratch, grid, spec)?;
    (0..grid.height.div_ceil(ROWS))
        .into_par_iter()
        .with_max_len(1)
        .try_for_each_init(
            || Dataset::open(source),
            |dataset, strip| -> Outcome<()> {
                let dataset = dataset.as_ref().map_err(ToString::to_string)?;
                let window = Window {
                    x: 0,
                    y: strip * ROWS,
                    width: grid.width,
                    height: ROWS.min(grid.height - strip * ROWS),
                };
                let size = (window.width, window.height);
                let band = dataset.rasterband(1)?;
                let read = band.read_as::<u8>((0, window.y as isize), size, size, None)?;
                let (_, pixels) = read.into_shape_and_vec();
                let pixels = Array2::from_shape_vec((window.height, window.width), pixels)?;
                Ok(writer.write(window, 1, &pixels)?)
            },
        )?;
    Ok(writer.finish(destination)?)
}
