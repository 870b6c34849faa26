//! `geocrop precompute plan|run`: tasks from recipes, areas and periods.

mod budget;
mod plan;
mod run;
mod table;
mod tasks;

pub(crate) use plan::plan;
pub(crate) use run::{run, run_tasks};
pub(crate) use table::{bytes, duration, table};

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use geocrop_precompute::{Engine, EngineOptions, Recipe};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_source::Source;
use geocrop_store::Store;

use crate::config::{Config, Usage, cache_dir};

/// An engine on the configured store.
pub(crate) fn engine(config: &Config) -> Result<Engine> {
    engine_with(config, |_| {})
}

/// As [`engine`], with options of a command's own.
fn engine_with(config: &Config, adjust: impl FnOnce(&mut EngineOptions)) -> Result<Engine> {
    let memory_mb = config.memory_mb()?;
    geocrop_raster::configure(geocrop_precompute::cache_mb(memory_mb));
    let mut options = EngineOptions {
        models: Some(config.path("models")),
        datasets: Some(super::data::folder()),
        memory_mb,
        rates: Some(cache_dir().join("rates.json")),
        ..EngineOptions::default()
    };
    adjust(&mut options);
    Ok(Engine::new(Store::open(config.get("store"))?, options))
}

/// A recipe by its name in the folder of recipes, or by its file.
pub(crate) fn recipe(config: &Config, name: &str) -> Result<Recipe> {
    let by_name = config.path("recipes").join(format!("{name}.toml"));
    let path = Path::new(name);
    if path.extension().is_some_and(|e| e == "toml") {
        Ok(Recipe::read(path)?)
    } else if by_name.exists() {
        Ok(Recipe::read(&by_name)?)
    } else {
        let known: Vec<String> = Recipe::read_dir(&config.path("recipes"))
            .unwrap_or_default()
            .into_iter()
            .map(|r| r.name)
            .collect();
        Err(Usage(format!(
            "there is no recipe '{name}' in {}; there are: {}",
            config.path("recipes").display(),
            known.join(", ")
        ))
        .into())
    }
}

/// The areas of a file, of a folder, or of a data set of that name.
pub(crate) fn areas(config: &Config, path: &Path) -> Result<Vec<Aoi>> {
    let limits = AoiLimits::default();
    if !path.exists()
        && let Some(file) = super::data::outlines(config, path)?
    {
        return Ok(Aoi::read_collection(&file, &limits)?);
    }
    if path.is_dir() {
        let areas = Aoi::read_dir(path, &limits)?;
        if areas.is_empty() {
            bail!("{} holds no *.geojson file", path.display());
        }
        Ok(areas)
    } else {
        Ok(vec![Aoi::read(path, &limits)?])
    }
}

/// Opens imagery; descriptions may name data sets, which are looked for in the cache and the mirror.
pub(crate) fn source(config: &Config, location: &str) -> Result<Arc<Source>> {
    let datasets = super::data::root(config, location)?;
    Ok(Arc::new(Source::open(location, datasets.as_deref())?))
}
