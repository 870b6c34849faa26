//! `geocrop buffer`: an area grown or shrunk by metres, as GeoJSON.

use anyhow::{Context as _, Result};
use geocrop_precompute::Progress;
use geocrop_precompute::ask::buffer::{BufferInputs, run as make};
use geocrop_raster::aoi::buffer::BufferOptions;

use crate::args::Buffer;
use crate::progress;

pub(crate) fn run(args: &Buffer) -> Result<()> {
    let shown = args.aoi.display();
    let geometry =
        std::fs::read_to_string(&args.aoi).with_context(|| format!("cannot read {shown}"))?;
    let inputs = BufferInputs {
        geometry,
        options: BufferOptions {
            crs: args.crs.clone(),
            segments: args.segments,
            ..BufferOptions::metres(args.metres)
        },
    };
    let made = make(&inputs, &Progress::new()).with_context(|| format!("{shown}"))?;
    let text = serde_json::to_string_pretty(&made.feature)?;
    match &args.out {
        Some(path) => {
            std::fs::write(path, text + "\n")
                .with_context(|| format!("cannot write {}", path.display()))?;
            progress::line(&format!(
                "{}: {:.4} km2",
                path.display(),
                made.buffered.area_km2
            ));
        }
        None => progress::print(&text),
    }
    Ok(())
}
