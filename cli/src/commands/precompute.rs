//! `geocrop precompute plan|run`: tasks from recipes, areas and periods.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use geocrop_precompute::{Engine, EngineOptions, Outcome, Period, Progress, Recipe, Target, Task};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_source::Source;
use geocrop_store::Store;
use serde_json::json;

use crate::args::Tasks;
use crate::config::{Config, Usage};
use crate::progress;

/// An engine on the configured store.
pub(crate) fn engine(config: &Config) -> Result<Engine> {
    let memory_mb = config.memory_mb()?;
    // An eighth of the budget for GDAL's decoded blocks; the rest is for ours.
    geocrop_raster::configure(memory_mb / 8);
    Ok(Engine::new(
        Store::open(config.get("store"))?,
        EngineOptions {
            models: Some(config.path("models")),
            datasets: Some(super::data::folder()),
            memory_mb,
            ..EngineOptions::default()
        },
    ))
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

/// The areas of a file or of a folder.
pub(crate) fn areas(path: &Path) -> Result<Vec<Aoi>> {
    let limits = AoiLimits::default();
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

fn tasks(args: &Tasks, config: &Config) -> Result<Vec<Task>> {
    let location = match &args.source {
        Some(location) => location.clone(),
        None => config.sources().into_iter().next().ok_or_else(|| {
            Usage("give the imagery with --source, or 'sources' in the configuration".into())
        })?,
    };
    let periods = args
        .period
        .iter()
        .map(|p| {
            p.parse::<Period>()
                .map_err(|e| Usage(format!("--period: {e}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let recipes = args
        .recipe
        .iter()
        .map(|name| recipe(config, name).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    let areas = areas(&args.aoi)?;
    let source = source(config, &location)?;
    if recipes.iter().any(|recipe| recipe.network().is_some()) {
        super::data::fetch_network(config)?;
    }
    let mut tasks = Vec::new();
    for recipe in &recipes {
        for period in &periods {
            for aoi in &areas {
                tasks.push(Task {
                    recipe: Arc::clone(recipe),
                    aoi: aoi.clone(),
                    period: *period,
                    source: Arc::clone(&source),
                    target: Target::Layer,
                });
            }
        }
    }
    if let Some(shard) = &args.shard {
        let (index, count) = parse_shard(shard)?;
        let mut place = 0;
        tasks.retain(|_| {
            place += 1;
            (place - 1) % count == index - 1
        });
    }
    Ok(tasks)
}

fn parse_shard(text: &str) -> Result<(usize, usize)> {
    text.split_once('/')
        .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)))
        .filter(|(i, n)| (1..=*n).contains(i))
        .ok_or_else(|| {
            Usage(format!(
                "--shard {text}: write I/N with I from 1 to N, such as 2/4"
            ))
            .into()
        })
}

fn name(task: &Task) -> String {
    format!("{}/{}/{}", task.recipe.name, task.period, task.aoi.slug)
}

pub(crate) fn plan(args: &Tasks, mut config: Config) -> Result<()> {
    super::places(&mut config, &args.places);
    config.flag("memory", args.memory);
    let engine = engine(&config)?;
    let mut plans = Vec::new();
    for task in tasks(args, &config)? {
        let plan = engine
            .plan(&task, &Progress::new())
            .with_context(|| name(&task))?;
        plans.push(plan);
    }
    if args.json {
        progress::print(&serde_json::to_string_pretty(&json!({ "tasks": plans }))?);
        return Ok(());
    }
    progress::print(&format!(
        "{:52} {:>12} {:>7} {:>7} {:>9}  state",
        "task", "pixels", "blocks", "scenes", "input MB"
    ));
    for plan in &plans {
        let bytes: Option<u64> = plan.scenes.iter().map(|s| s.bytes).sum();
        let megabytes = bytes.map_or("?".into(), |b| format!("{:.1}", b as f64 / 1e6));
        progress::print(&format!(
            "{:52} {:>12} {:>7} {:>7} {:>9}  {}",
            format!("{}/{}/{}", plan.recipe, plan.period, plan.area),
            format!("{} x {}", plan.grid.width, plan.grid.height),
            plan.blocks,
            plan.scenes.len(),
            megabytes,
            if plan.up_to_date { "done" } else { "to do" }
        ));
    }
    Ok(())
}

pub(crate) fn run(args: &Tasks, mut config: Config) -> Result<()> {
    super::places(&mut config, &args.places);
    config.flag("memory", args.memory);
    let engine = engine(&config)?;
    let report = run_tasks(&engine, tasks(args, &config)?)?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&report.to_json())?);
    }
    report.finish()
}

/// How a list of tasks ended.
#[derive(Default)]
pub(crate) struct Report {
    done: Vec<serde_json::Value>,
    skipped: Vec<String>,
    failed: Vec<(String, String)>,
    stopped: bool,
}

/// Runs tasks one after another; one that fails does not stop the rest.
pub(crate) fn run_tasks(engine: &Engine, tasks: Vec<Task>) -> Result<Report> {
    let stop = progress::listen_for_stop()?;
    let mut report = Report::default();
    for task in tasks {
        if stop.load(Ordering::Relaxed) {
            report.stopped = true;
            break;
        }
        let title = name(&task);
        let result = progress::watch(&title, &stop, |handle| {
            let outcome = engine.run(&task, handle)?;
            let words = match &outcome {
                Outcome::Done(map) => format!("{:.0} ha mapped", map.statistics.observed_ha),
                Outcome::Unchanged { .. } => "up to date".to_owned(),
            };
            Ok((outcome, words))
        });
        match result {
            Ok(Outcome::Done(map)) => {
                for note in &map.notes {
                    progress::line(&format!("  note: {note}"));
                }
                report.done.push(json!({
                    "task": title,
                    "item": map.item_key,
                    "statistics": map.statistics,
                    "notes": map.notes,
                }));
            }
            Ok(Outcome::Unchanged { .. }) => report.skipped.push(title),
            Err(error) => {
                let message = super::reason(&error);
                progress::print_error(&format!("{title}: {message}"));
                report.failed.push((title, message));
            }
        }
    }
    progress::line(&format!(
        "{} made, {} up to date, {} failed",
        report.done.len(),
        report.skipped.len(),
        report.failed.len()
    ));
    Ok(report)
}

impl Report {
    fn to_json(&self) -> serde_json::Value {
        let failed = self.failed.iter();
        json!({
            "done": self.done,
            "skipped": self.skipped,
            "failed": failed.map(|(task, reason)| json!({ "task": task, "reason": reason })).collect::<Vec<_>>(),
        })
    }

    /// An error if anything failed.
    pub(crate) fn finish(self) -> Result<()> {
        if self.stopped {
            bail!("stopped; run the same command again to make the rest");
        }
        match self.failed.len() {
            0 => Ok(()),
            1 => bail!("one task failed; nothing of it was published"),
            n => bail!("{n} tasks failed; nothing of them was published"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(parse_shard("2/4").unwrap(), (2, 4));
        for wrong in ["0/4", "5/4", "2", "a/b", "/", "1/0"] {
            assert!(parse_shard(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
    }
}
