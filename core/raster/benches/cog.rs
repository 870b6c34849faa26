//! A worker that writes a COG: once for every line on its standard input.
//!
//! `cog --source PLAIN.tif --out DIR [--threads N]` reads a one-band `uint8` GeoTIFF, strip by strip on all threads
//! through GDAL, and writes it as a map with MODE overviews to `DIR/cog.tif`. It prints one line of JSON when it is ready
//! and one per run.
#![expect(
    clippy::print_stdout,
    reason = "a line of JSON per run is what the driver reads"
)]

use std::error::Error;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gdal::Dataset;
use geocrop_raster::{BlockWriter, CogSpec, Grid, Palette, RasterReader, Window};
use ndarray::Array2;
use rayon::prelude::*;
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rows that are read and handed over at a time.
const ROWS: usize = 512;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (mut source, mut out, mut threads) = (None, None, 0);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--source" => source = arguments.next().map(PathBuf::from),
            "--out" => out = arguments.next().map(PathBuf::from),
            "--threads" => threads = arguments.next().unwrap_or_default().parse()?,
            _ => {}
        }
    }
    let Some((source, out)) = source.zip(out) else {
        println!("usage: cog --source PLAIN.tif --out DIR [--threads N], then a line per run");
        return Ok(());
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    geocrop_raster::configure(64);
    let info = RasterReader::new().info(&source.display().to_string())?;
    let grid = info.grid().ok_or("the source is not north-up")?;
    let spec = CogSpec {
        palette: palette(&source)?,
        nodata: info.bands[0].nodata.map(|value| value as u8),
        ..CogSpec::default()
    };
    let what = format!("{} x {} classes to a COG", grid.width, grid.height);
    println!("{}", json!({"ready": true, "what": what}));
    for line in std::io::stdin().lock().lines() {
        line?;
        let destination = out.join("cog.tif");
        let (start, before) = (Instant::now(), processor_seconds()?);
        write(&source, &destination, &out, &grid, &spec)?;
        let seconds = start.elapsed().as_secs_f64();
        let report = json!({
            "seconds": seconds,
            "cpu_seconds": processor_seconds()? - before,
            "peak_mb": peak_mb()?,
            "bytes": std::fs::metadata(&destination)?.len(),
        });
        println!("{report}");
    }
    Ok(())
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

/// Processor seconds of all threads since the start. Linux counts them in hundredths.
fn processor_seconds() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().ok_or("no stat")?;
    let ticks: Result<Vec<f64>, _> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect();
    Ok(ticks?.iter().sum::<f64>() / 100.0)
}

fn peak_mb() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmHWM")?.parse::<f64>()? / 1024.0)
}
