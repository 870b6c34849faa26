//! `geocrop zonal-stats`: hectares per class and mean NDVI by date for each feature of a file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use geocrop_precompute::Period;
use geocrop_precompute::ask::zonal::{self, Greenness, ZonalInputs, ZonalMap, ZoneLimits};
use geocrop_store::Store;

use super::{places, precompute};
use crate::args::ZonalStats;
use crate::config::{Config, Usage};
use crate::progress::{self, Board};

pub(crate) fn run(args: &ZonalStats, mut config: Config) -> Result<()> {
    places(&mut config, &args.places);
    let memory_mb = config.memory_mb()?;
    geocrop_raster::configure(geocrop_precompute::cache_mb(memory_mb));
    let recipe = Arc::new(precompute::recipe(&config, &args.recipe)?);
    let period: Period = args
        .period
        .parse()
        .map_err(|error| Usage(format!("--period {}: {error}", args.period)))?;
    let shown = args.features.display();
    let text =
        std::fs::read_to_string(&args.features).with_context(|| format!("cannot read {shown}"))?;
    let zones = zonal::parse(&text, &ZoneLimits::default()).with_context(|| format!("{shown}"))?;
    let published;
    let rasters = if args.map.is_empty() {
        let store = Store::open(config.get("store"))?;
        published = zonal::published(&store, &recipe, period, &zones)?;
        published.rasters.clone()
    } else {
        args.map
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    };
    if rasters.is_empty() && args.source.is_none() {
        return Err(Usage(format!(
            "no map {}/{period} lies under the features: make one with 'geocrop precompute run', name a file with --map, or give --source for NDVI alone",
            recipe.name
        ))
        .into());
    }
    let source = args
        .source
        .as_ref()
        .map(|location| precompute::source(&config, location))
        .transpose()?;
    let inputs = ZonalInputs {
        zones,
        map: (!rasters.is_empty()).then(|| ZonalMap {
            recipe: Arc::clone(&recipe),
            period,
            rasters,
        }),
        greenness: source.map(|source| Greenness {
            recipe: Arc::clone(&recipe),
            period,
            source,
        }),
        memory_mb,
    };
    let stop = progress::listen_for_stop()?;
    let title = format!("zonal-stats {}/{period}", recipe.name);
    let board = Board::new(1, 1.0);
    let report = board.watch(&title, 1.0, &stop, |handle| {
        let report = zonal::run(&inputs, handle)?;
        let words = format!("{} zones", report.zones.len());
        Ok((report, words))
    });
    board.finish();
    let report = report?;
    for note in &report.notes {
        progress::line(&format!("note: {note}"));
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let geojson = serde_json::to_string_pretty(&report.to_geojson())? + "\n";
    write(&args.out, "zones.geojson", &geojson)?;
    if inputs.map.is_some() {
        write(&args.out, "classes.csv", &report.classes_csv())?;
    }
    if inputs.greenness.is_some() {
        write(&args.out, "ndvi.csv", &report.ndvi_csv())?;
    }
    if args.json {
        progress::print(geojson.trim_end());
    }
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
