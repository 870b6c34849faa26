//! The API's jobs, run by the very same engine as precompute.

mod others;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use geocrop_api::{
    JobRequest, Progress as Report, RecipeInfo, RunFailure, RunOutcome, Runner, Stage,
};
use geocrop_database::{Estimate, JobKind};
use geocrop_precompute::{
    Engine, Outcome, Period, Progress, Rates, Recipe, RemoteError, Target, Task, TaskError, Work,
};
use geocrop_raster::Aoi;
use geocrop_source::{Kind, Source};
use geocrop_store::{ContentHash, Slug};

use self::others::TaskFailure;
use crate::models::StoredModels;

/// Runs jobs with the recipes and sources that it was given.
pub(crate) struct EngineRunner {
    engine: Engine,
    /// The file of what tasks took on this machine.
    rates: Option<PathBuf>,
    recipes: Vec<Arc<Recipe>>,
    /// As users choose them; asked for with every order.
    offered: Vec<RecipeInfo>,
    sources: Vec<Covered>,
}

/// A source, where it has imagery, and for which periods.
struct Covered {
    source: Arc<Source>,
    extent: Option<[f64; 4]>,
    periods: Vec<String>,
}

impl EngineRunner {
    /// A runner for all recipes of a folder. Each source comes with the periods that it has imagery for.
    pub(crate) fn new(
        engine: Engine,
        recipes: &Path,
        sources: Vec<(Arc<Source>, Vec<String>)>,
    ) -> Result<Self> {
        let recipes = Recipe::read_dir(recipes)?
            .into_iter()
            .map(Arc::new)
            .collect();
        let covered = |(source, periods): (Arc<Source>, Vec<String>)| Covered {
            extent: source.extent(),
            source,
            periods,
        };
        let mut runner = Self {
            rates: engine.options().rates.clone(),
            engine,
            recipes,
            offered: Vec::new(),
            sources: sources.into_iter().map(covered).collect(),
        };
        runner.offered = runner
            .recipes
            .iter()
            .filter_map(|recipe| runner.offer(recipe))
            .collect();
        Ok(runner)
    }

    /// A recipe as users choose it.
    fn offer(&self, recipe: &Recipe) -> Option<RecipeInfo> {
        let suitable = self.suitable(recipe);
        let periods = suitable.iter().flat_map(|s| &s.periods);
        let mut periods: Vec<geocrop_store::Period> =
            periods.filter_map(|p| p.parse().ok()).collect();
        periods.sort_unstable_by(|a, b| b.cmp(a));
        periods.dedup();
        Some(RecipeInfo {
            name: recipe.name.parse().ok()?,
            fingerprint: ContentHash::of_bytes(format!("{recipe:?}").as_bytes()).to_string(),
            title: recipe.title.clone(),
            description: recipe.description.clone(),
            periods,
            max_area_km2: None,
        })
    }

    /// The models of the engine, with the classes that the recipes name.
    pub(crate) fn models(&self) -> Arc<StoredModels> {
        let recipes = self.recipes.iter().map(|recipe| &**recipe);
        Arc::new(StoredModels::new(&self.engine, recipes))
    }

    fn task(&self, job: &JobRequest) -> Result<Task> {
        let recipe = self
            .recipes
            .iter()
            .find(|r| {
                job.recipe
                    .as_ref()
                    .is_some_and(|name| r.name == name.as_str())
            })
            .with_context(|| format!("there is no recipe {:?}", job.recipe))?;
        let (Some(named), Some(aoi)) = (&job.period, &job.aoi) else {
            anyhow::bail!("a map needs a period and an area");
        };
        let period: Period = named.to_string().parse().map_err(anyhow::Error::msg)?;
        Ok(Task {
            recipe: Arc::clone(recipe),
            source: self.source(recipe, aoi, named.as_ref())?,
            aoi: aoi.clone(),
            period,
            target: Target::Job {
                tenant: job.tenant.clone(),
                job: job.job.clone(),
            },
        })
    }

    /// Makes a map; the key of its item.
    fn map(&self, job: &JobRequest, progress: &Progress) -> Result<String, TaskFailure> {
        let task = self.task(job).map_err(TaskFailure::Request)?;
        match self.engine.run(&task, progress)? {
            Outcome::Done(map) => Ok(map.item_key),
            Outcome::Unchanged { item_key } => Ok(item_key),
            // Only layers of large areas are put together from tiles; a job is one task.
            Outcome::Incomplete { missing } => Err(TaskFailure::Ours(anyhow::anyhow!(
                "{missing} tiles are missing"
            ))),
        }
    }

    /// The sources that a recipe can be made from; ready labels come before scenes that must be classified first.
    fn suitable(&self, recipe: &Recipe) -> Vec<&Covered> {
        let kind = |s: &Covered| s.source.description().kind;
        let mut sources: Vec<_> = self
            .sources
            .iter()
            .filter(|s| recipe.accepts(kind(s)))
            .collect();
        sources.sort_by_key(|s| kind(s) != Kind::Labels);
        sources
    }

    /// The first suitable source whose extent holds the area, one of the period if there is one; or else one that knows
    /// no extent of its own.
    fn source(&self, recipe: &Recipe, aoi: &Aoi, period: &str) -> Result<Arc<Source>> {
        let [west, south, east, north] = aoi.lonlat_bounds();
        let holds = |extent: &[f64; 4]| {
            let [w, s, e, n] = *extent;
            west < e && w < east && south < n && s < north
        };
        let suitable = self.suitable(recipe);
        let sources = suitable.iter();
        let there = sources
            .clone()
            .filter(|s| s.extent.as_ref().is_some_and(holds));
        let found = there
            .clone()
            .find(|s| s.periods.iter().any(|p| p == period))
            .or_else(|| there.clone().next())
            .or_else(|| sources.clone().find(|s| s.extent.is_none()));
        if let Some(found) = found {
            return Ok(Arc::clone(&found.source));
        }
        let tried = sources.map(|s| match s.extent {
            Some([w, s_, e, n]) => format!(
                "{} covers {w:.2} to {e:.2} east and {s_:.2} to {n:.2} north",
                s.source.description().title
            ),
            None => s.source.description().title.clone(),
        });
        Err(TaskError::NoSource {
            area: aoi.name.clone(),
            tried: tried.collect::<Vec<_>>().join("; "),
        }
        .into())
    }
}

impl Runner for EngineRunner {
    fn run(&self, job: &JobRequest, report: Report) -> Result<RunOutcome, RunFailure> {
        let progress = Progress::new();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let now = progress.snapshot();
                    if !report(Stage {
                        name: now.stage.name(),
                        fraction: now.fraction,
                    }) {
                        progress.cancel();
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let outcome = match job.kind {
                JobKind::Map | JobKind::Ndvi => self.map(job, &progress),
                _ => self.other(job, &progress),
            };
            ended.store(true, Ordering::Relaxed);
            outcome
        })
        .map(|result_key| RunOutcome { result_key })
        .map_err(failure)
    }

    fn recipes(&self) -> Vec<RecipeInfo> {
        self.offered.clone()
    }

    fn estimate(&self, recipe: &Slug, area_km2: f64) -> Estimate {
        // At 10 m, with a scene every five days and ten bands: what a year of Sentinel-2 comes to.
        let pixels = (area_km2 * 10_000.0) as u64;
        let work = Work {
            pixels,
            samples: pixels * 73 * 10,
            ..Work::default()
        };
        let rates = self
            .rates
            .as_deref()
            .map_or_else(Rates::default, Rates::read);
        let cost = rates.cost(recipe.as_str(), &work);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Estimate {
            seconds: Some(cost.cpu_seconds / threads as f64),
            bytes: i64::try_from(cost.output_bytes).ok(),
        }
    }
}

/// What the user reads, whether trying again may help, and whose fault it is.
fn failure(failure: TaskFailure) -> RunFailure {
    let (error, retryable, by_request) = match failure {
        TaskFailure::Request(error) => (error, false, true),
        TaskFailure::Ours(error) => (error, true, false),
        TaskFailure::Task(error) => {
            // A source or a store may answer next time; a bad input will not.
            let retryable = matches!(
                error,
                TaskError::Store(_)
                    | TaskError::Scratch { .. }
                    | TaskError::Remote(RemoteError::Away { .. })
            );
            // There is nothing to be seen there, or then, or it cannot be read: whoever asks again will hear the same.
            let by_request = matches!(
                error,
                TaskError::NoSource { .. }
                    | TaskError::NoScenes { .. }
                    | TaskError::NoPixels { .. }
                    | TaskError::NoClearObservation { .. }
                    | TaskError::NoModel { .. }
                    | TaskError::Buffer(_)
                    | TaskError::Zonal(_)
                    | TaskError::Table(_)
                    | TaskError::WrongExamples { .. }
            );
            (error.into(), retryable, by_request)
        }
    };
    RunFailure {
        message: crate::commands::reason(&error),
        retryable,
        by_request,
    }
}
