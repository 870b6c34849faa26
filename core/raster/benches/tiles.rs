//! A worker that cuts a COG of classes into map tiles: once for every line on its standard input.
//!
//! `tiles --source COG.tif --out DIR [--threads N]` writes `DIR/tiles.pmtiles`. It prints one line of JSON when it is
//! ready and one per run.
#![expect(
    clippy::print_stdout,
    reason = "a line of JSON per run is what the driver reads"
)]

mod worker;

use geocrop_raster::{TileResampling, TileSpec, write_pmtiles};
use worker::Outcome;

fn main() -> Outcome<()> {
    let Some((source, out)) = worker::arguments()? else {
        println!("usage: tiles --source COG.tif --out DIR [--threads N], then a line per run");
        return Ok(());
    };
    geocrop_raster::configure(64);
    let spec = TileSpec {
        name: "bench".to_owned(),
        attribution: String::new(),
        description: String::new(),
        max_zoom: None,
        resampling: TileResampling::Nearest,
        metadata: serde_json::Map::new(),
    };
    let destination = out.join("tiles.pmtiles");
    worker::serve("a COG of classes to map tiles", &destination, || {
        write_pmtiles(&source, &destination, &spec, &|_, _| true)?;
        Ok(())
    })
}
