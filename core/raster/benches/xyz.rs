//! A worker that draws single map tiles from a COG of classes, on one thread: once for every line on its standard input.
//!
//! `xyz --source COG.tif --out DIR` draws tiles of all zoom levels, at most 40 of each. It prints one line of JSON when it
//! is ready and one per run.
#![expect(
    clippy::print_stdout,
    reason = "a line of JSON per run is what the driver reads"
)]

mod worker;

use geocrop_raster::xyz::{Painter, TileSource, WebTile};
use worker::Outcome;

const WORLD: f64 = 40_075_016.685_578_49;
/// Of each zoom level.
const MOST: usize = 40;

fn main() -> Outcome<()> {
    let Some((source, out)) = worker::arguments()? else {
        println!("usage: xyz --source COG.tif --out DIR, then a line per run");
        return Ok(());
    };
    let source = TileSource::file(&source)?;
    let (bounds, (first, last)) = (source.bounds(), source.zooms());
    let mut tiles = Vec::new();
    for zoom in first..=last {
        let part = |metres: f64| (metres / WORLD + 0.5) * f64::from(1_u32 << zoom);
        let columns = part(bounds.min_x) as u32..=part(bounds.max_x) as u32;
        let rows = part(-bounds.max_y) as u32..=part(-bounds.min_y) as u32;
        let all: Vec<WebTile> = rows
            .flat_map(|y| {
                columns
                    .clone()
                    .filter_map(move |x| WebTile::new(zoom, x, y, 256))
            })
            .collect();
        tiles.extend(all.iter().step_by(all.len().div_ceil(MOST)).copied());
    }
    let (mut painter, colors) = (Painter::new(), source.colors());
    let destination = out.join("last.png");
    worker::serve("single map tiles of a COG", &destination, || {
        let mut last = Vec::new();
        for tile in &tiles {
            painter.look(&source, tile, true)?;
            last = painter.png(&colors)?;
        }
        std::fs::write(&destination, last)?;
        Ok(())
    })
}
