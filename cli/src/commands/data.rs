//! `geocrop data pull|list`: data sets that others made, fetched and checked.

use std::path::PathBuf;

use anyhow::Result;
use geocrop_source::datasets::{Datasets, Fetched};

use crate::args::DataPull;
use crate::config::{Config, cache_dir};
use crate::progress;

/// The data set with the network that classifies scenes.
const NETWORK: &str = "dynamic-world";

fn datasets(config: &Config) -> Result<Datasets> {
    let mirror = config.get("data_mirror");
    let mirror = (!mirror.is_empty()).then(|| PathBuf::from(mirror));
    Ok(Datasets::read(&config.path("datasets"), folder(), mirror)?)
}

pub(crate) fn pull(args: &DataPull, config: &Config) -> Result<()> {
    let datasets = datasets(config)?;
    let names: Vec<&str> = if args.name == "all" {
        datasets.names().collect()
    } else {
        vec![&args.name]
    };
    for name in names {
        pull_one(&datasets, name)?;
    }
    Ok(())
}

/// Fetches one data set and says what came from where.
fn pull_one(datasets: &Datasets, name: &str) -> Result<()> {
    let bar = progress::Bar::start(name);
    let result = datasets.pull(name, &|done, total| {
        bar.at(done as f64 / total.max(1) as f64, "");
    });
    match result {
        Ok(Fetched {
            fetched: 0, files, ..
        }) => bar.finish(&format!("{files} files, all there")),
        Ok(Fetched { fetched, bytes, .. }) => {
            bar.finish(&format!("{fetched} files, {:.1} MB", bytes as f64 / 1e6));
        }
        Err(error) => {
            bar.finish("failed");
            return Err(error.into());
        }
    }
    let set = datasets.get(name)?;
    progress::line(&format!("  {} ({})", set.attribution, set.licence));
    Ok(())
}

pub(crate) fn list(config: &Config) -> Result<()> {
    let datasets = datasets(config)?;
    for name in datasets.names() {
        let set = datasets.get(name)?;
        progress::print(&format!(
            "{name:32} {:>9.1} kB  {}",
            set.bytes() as f64 / 1e3,
            set.title
        ));
    }
    Ok(())
}

/// The folder in which data sets lie once they were fetched.
pub(crate) fn folder() -> PathBuf {
    cache_dir().join("datasets")
}

/// Takes the network from the mirror, if there is one: from upstream it is only fetched when asked for.
pub(crate) fn fetch_network(config: &Config) -> Result<()> {
    if !config.get("data_mirror").is_empty() {
        datasets(config)?.pull(NETWORK, &|_, _| {})?;
    }
    Ok(())
}

/// The folder in which a source's data sets lie, after fetching those that it names.
pub(crate) fn root(config: &Config, location: &str) -> Result<Option<PathBuf>> {
    let wanted = geocrop_source::datasets_of(location)?;
    if wanted.is_empty() {
        return Ok(None);
    }
    let datasets = datasets(config)?;
    for name in &wanted {
        datasets.pull(name, &|_, _| {})?;
    }
    Ok(Some(datasets.folder().to_owned()))
}
