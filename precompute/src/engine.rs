//! One entry point for every task, whoever asks for it.

use std::path::PathBuf;

use geocrop_raster::{TileResampling, TileSpec, Window};
use geocrop_source::Kind;
use geocrop_store::publish::{self, Staged};
use geocrop_store::stac::Item;
use geocrop_store::{ContentHash, ResultKeys, Slug, Store};
use ndarray::Array2;

use crate::block::Renderer;
use crate::classify::Model;
use crate::describe::{self, Facts};
use crate::files::close_files;
use crate::inputs::Inputs;
use crate::labels;
use crate::models::{self, ModelFile};
use crate::networks::{self, NetworkFiles};
use crate::output::Writers;
use crate::plan::{self, Plan};
use crate::prepare::{self, PreparedSeason};
use crate::progress::Stage;
use crate::recipe::{Output, Recipe};
use crate::statistics::{Counter, Statistics};
use crate::task::{Outcome, Published, Target, Task};
use crate::truth::Truth;
use crate::{Progress, TaskError};

/// What an engine works with.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// A folder with the layout of the store's `models/`, asked when the store has no such model.
    pub models: Option<PathBuf>,
    /// The folder of data sets, with the networks that classify scenes.
    pub datasets: Option<PathBuf>,
    /// Where files are made before they are published.
    pub scratch: PathBuf,
    /// Memory that a task should stay within, in MB.
    pub memory_mb: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            models: None,
            datasets: None,
            scratch: std::env::temp_dir(),
            memory_mb: 512,
        }
    }
}

/// Carries tasks out and publishes their results into a store.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Store,
    options: EngineOptions,
}

/// A task whose inputs are found and frozen.
struct Planned {
    plan: Plan,
    keys: ResultKeys,
    coverage: Array2<bool>,
    windows: Vec<Window>,
    inputs: Inputs,
    model: Option<ModelFile>,
    network: Option<NetworkFiles>,
}

impl Engine {
    /// An engine that publishes into `store`.
    pub fn new(store: Store, options: EngineOptions) -> Self {
        Self { store, options }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Works out what a task would do, without reading pixels.
    pub fn plan(&self, task: &Task, progress: &Progress) -> Result<Plan, TaskError> {
        Ok(self.lay_out(task, progress)?.plan)
    }

    /// Makes the map of a task, unless the store holds it already.
    ///
    /// # Errors
    /// Whatever the reason, nothing is published then, and files in the making are gone.
    pub fn run(&self, task: &Task, progress: &Progress) -> Result<Outcome, TaskError> {
        let result = self.make(task, progress);
        close_files();
        result
    }

    fn lay_out(&self, task: &Task, progress: &Progress) -> Result<Planned, TaskError> {
        progress.begin(Stage::Plan, 1);
        let keys = task.keys()?;
        let grid = plan::grid(&task.recipe, &task.aoi)?;
        let bbox = grid.lonlat_bounds()?;
        let inputs = Inputs::find(&task.recipe, &task.source, bbox, task.period, progress)?;
        refuse_without_scenes(task, &inputs)?;
        let model = match &task.recipe.output {
            Output::Classes(classes) => {
                let folder = self.options.models.as_deref();
                Some(models::find(&self.store, folder, classes)?)
            }
            _ => None,
        };
        let network = match &task.recipe.output {
            Output::Labels(labels) if task.source.description().kind == Kind::Scenes => {
                Some(networks::find(self.options.datasets.as_deref(), labels)?)
            }
            _ => None,
        };
        let of_network = network.as_ref().map(|n| n.identity.sha256.as_str());
        let of_model = model.as_ref().map(|m| m.identity.sha256.as_str());
        let sha256 = of_model.or(of_network);
        let description = task.source.description();
        let hash = plan::hash(&task.recipe, sha256, &task.aoi, &grid, description, &inputs);
        let dates = inputs
            .seasons
            .iter()
            .map(|s| s.scenes.len())
            .max()
            .unwrap_or(0);
        let block_size = plan::block_size(&task.recipe, dates, self.options.memory_mb);
        let coverage = task.aoi.coverage(&grid)?;
        let windows = plan::blocks(&grid, block_size, &coverage);
        let plan = Plan {
            recipe: task.recipe.name.clone(),
            area: task.aoi.slug.clone(),
            period: task.period.to_string(),
            grid,
            block_size,
            blocks: windows.len(),
            scenes: plan::scenes(&inputs),
            up_to_date: self.is_up_to_date(&keys, &hash)?,
            hash,
        };
        progress.advance();
        Ok(Planned {
            plan,
            keys,
            coverage,
            windows,
            inputs,
            model,
            network,
        })
    }

    fn is_up_to_date(&self, keys: &ResultKeys, hash: &str) -> Result<bool, TaskError> {
        let Some(bytes) = self.store.get(&keys.item())? else {
            return Ok(false);
        };
        // An item that cannot be read is one to be written again.
        let item: Option<Item> = serde_json::from_slice(&bytes).ok();
        Ok(item.is_some_and(|item| {
            item.properties
                .extra
                .get("geocrop:recipe_hash")
                .and_then(|h| h.as_str())
                == Some(hash)
        }))
    }

    fn make(&self, task: &Task, progress: &Progress) -> Result<Outcome, TaskError> {
        let planned = self.lay_out(task, progress)?;
        if planned.plan.up_to_date {
            return Ok(Outcome::Unchanged {
                item_key: planned.keys.item(),
            });
        }
        let recipe = &*task.recipe;
        let grid = &planned.plan.grid;
        let seasons = planned
            .inputs
            .seasons
            .iter()
            .map(|season| prepare::season(recipe, season, task.source.description(), grid))
            .collect::<Result<Vec<PreparedSeason>, _>>()?;
        let rasters = prepare::layers(recipe, &planned.inputs.rasters)?;
        let model: Option<Model> = match (&recipe.output, &planned.model) {
            (Output::Classes(classes), Some(file)) => Some(file.load(recipe, classes)?),
            _ => None,
        };

        let network = planned
            .network
            .as_ref()
            .map(NetworkFiles::load)
            .transpose()?;

        let scratch = tempfile::Builder::new()
            .prefix("geocrop-task-")
            .tempdir_in(&self.options.scratch)
            .map_err(|source| TaskError::Scratch {
                path: self.options.scratch.display().to_string(),
                source,
            })?;
        let writers = Writers::create(recipe, grid, scratch.path())?;
        let renderer = Renderer {
            recipe,
            grid,
            seasons: &seasons,
            rasters: &rasters,
            model: model.as_ref(),
            network: network.as_ref(),
            progress,
        };
        let mut truth = Truth::of(task)?;
        let counter = render(&renderer, &planned, &writers, truth.as_mut(), progress)?;
        refuse_without_observations(task, &seasons, &counter)?;

        let tiles = tile_spec(task);
        let files = writers.finish(&tiles, scratch.path(), progress)?;
        let reference = truth.and_then(Truth::finish);
        let statistics = counter.counter.finish(
            recipe,
            &task.aoi.slug,
            &planned.plan.period,
            grid.pixel_area_m2()?,
            reference,
        );
        let notes = notes(task, &seasons);
        let facts = Facts {
            recipe,
            aoi: &task.aoi,
            period: task.period,
            grid,
            source: task.source.description(),
            seasons: &seasons,
            model: planned.model.as_ref().map(|m| &m.identity),
            network: planned.network.as_ref().map(|n| &n.identity),
            hash: &planned.plan.hash,
            files: &files,
            notes: notes.clone(),
        };
        progress.check()?;
        progress.begin(Stage::Publish, 1);
        let item_key = self.publish(task, &planned.keys, &facts, &statistics)?;
        progress.advance();
        Ok(Outcome::Done(Box::new(Published {
            item_key,
            statistics,
            notes,
        })))
    }

    fn publish(
        &self,
        task: &Task,
        keys: &ResultKeys,
        facts: &Facts<'_>,
        statistics: &Statistics,
    ) -> Result<String, TaskError> {
        let hash =
            ContentHash::of_file(&facts.files.tiles).map_err(|source| TaskError::Scratch {
                path: facts.files.tiles.display().to_string(),
                source,
            })?;
        let tiles_key = keys.tiles(&hash);
        let item = facts.item(keys, &tiles_key);
        let mut text = serde_json::to_vec_pretty(statistics).expect("statistics are plain data");
        text.push(b'\n');
        let mut staged = vec![
            Staged::file("map", keys.map(), &facts.files.map),
            Staged::file(
                "observations",
                keys.observations(),
                &facts.files.observations,
            ),
            Staged::file("tiles", tiles_key, &facts.files.tiles),
            Staged::bytes("statistics", keys.statistics(), text),
        ];
        if let Some(confidence) = &facts.files.confidence {
            staged.push(Staged::file("confidence", keys.confidence(), confidence));
        }
        publish::publish(&self.store, keys, &staged, item)?;
        if task.target == Target::Layer {
            self.refresh(&task.recipe)?;
        }
        Ok(keys.item())
    }

    /// Brings the collection of a recipe and the catalog up to what the store holds.
    pub fn refresh(&self, recipe: &Recipe) -> Result<(), TaskError> {
        let slug: Slug = recipe.name.parse()?;
        publish::refresh_collection(&self.store, &slug, &|items| {
            describe::collection(recipe, items)
        })?;
        publish::refresh_catalog(&self.store)?;
        Ok(())
    }
}

fn refuse_without_scenes(task: &Task, inputs: &Inputs) -> Result<(), TaskError> {
    let Some(empty) = inputs.seasons.iter().find(|s| s.scenes.is_empty()) else {
        return Ok(());
    };
    let (first, last) = empty.season.days(task.period);
    Err(TaskError::NoScenes {
        area: task.aoi.name.clone(),
        start: first.to_string(),
        end: last.to_string(),
        source_name: task.source.description().title.clone(),
    })
}

/// Makes every block and writes it; counts what the blocks hold.
fn render(
    renderer: &Renderer<'_>,
    planned: &Planned,
    writers: &Writers,
    mut truth: Option<&mut Truth>,
    progress: &Progress,
) -> Result<Counts, TaskError> {
    let nodata = renderer.recipe.output.nodata();
    let mut counts = Counts {
        counter: Counter::new(),
        observed: vec![0; renderer.seasons.len()],
    };
    progress.begin(Stage::Map, planned.windows.len());
    for window in &planned.windows {
        progress.check()?;
        let block = renderer.render(*window, &planned.coverage)?;
        counts.counter.add(&block, nodata);
        for (total, seen) in counts.observed.iter_mut().zip(&block.observed) {
            *total += seen;
        }
        if let Some(truth) = truth.as_deref_mut() {
            truth.compare(&renderer.grid.sub(*window), &block.map[0])?;
        }
        writers.write(*window, &block)?;
        progress.advance();
    }
    Ok(counts)
}

/// What the blocks of a task added up to.
struct Counts {
    counter: Counter,
    /// Pixels with a clear observation, season by season.
    observed: Vec<usize>,
}

fn refuse_without_observations(
    task: &Task,
    seasons: &[PreparedSeason],
    counts: &Counts,
) -> Result<(), TaskError> {
    if counts.counter.mapped() > 0 {
        return Ok(());
    }
    let poorest = counts.observed.iter().enumerate().min_by_key(|(_, n)| **n);
    let season = &seasons[poorest.map_or(0, |(k, _)| k)];
    let (first, last) = season.season().days(task.period);
    Err(TaskError::NoClearObservation {
        area: task.aoi.name.clone(),
        season: format!("season {} ({first} to {last})", season.season().name),
        scenes: season.scenes().len(),
    })
}

fn tile_spec(task: &Task) -> TileSpec {
    let description = task.source.description();
    TileSpec {
        name: format!("{}, {}, {}", task.aoi.name, task.recipe.title, task.period),
        attribution: description.attribution.clone(),
        description: task.recipe.description.clone(),
        max_zoom: None,
        resampling: match task.recipe.output {
            Output::Picture { .. } => TileResampling::Bilinear,
            _ => TileResampling::Nearest,
        },
        metadata: serde_json::Map::new(),
    }
}

/// What a person should know about the result.
fn notes(task: &Task, seasons: &[PreparedSeason]) -> Vec<String> {
    let source = task.source.description();
    let mut notes: Vec<String> = source.note.iter().cloned().collect();
    if let Some(zone) = &task.recipe.zone
        && !zone.contains(task.aoi.lonlat_bounds())
    {
        notes.push(format!(
            "The area lies outside {}, for which the model was made: the map shows that the pipeline works, not where crops grow.",
            zone.title
        ));
    }
    let mask = task.recipe.mask.as_ref();
    let lacks_mask = mask.is_some_and(|mask| {
        seasons.iter().any(|s| match s {
            PreparedSeason::Scenes { acquisitions, .. } => acquisitions
                .iter()
                .flat_map(|a| &a.scenes)
                .any(|scene| !scene.scene.bands.contains_key(&mask.band)),
            PreparedSeason::Composites { .. } | PreparedSeason::Labels { .. } => false,
        })
    });
    if lacks_mask {
        notes.push("Some scenes have no cloud mask; they were used as they are.".into());
    }
    if matches!(task.recipe.output, Output::Labels(_)) {
        notes.extend(labels::note(seasons));
    }
    notes
}
