//! One entry point for every task, whoever asks for it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use geocrop_model::drift::{Counts, FeatureCounts};
use geocrop_raster::{TileResampling, TileSpec};
use geocrop_store::publish::{self, Content, Staged};
use geocrop_store::{ContentHash, ContentType, ResultKeys, Slug, Store};

use crate::block::{self, Renderer};
use crate::classify::Model;
use crate::describe::{self, Facts};
use crate::estimate::{Rates, Spent, cpu_seconds};
use crate::files::close_files;
use crate::labels;
use crate::lattice;
use crate::lock::Lock;
use crate::networks::Trained;
use crate::output::Writers;
use crate::plan::{self, Plan};
use crate::planner::{Planned, Planner};
use crate::post::{FinalMap, Finished, Finishing, Masks};
use crate::prepare::{self, PreparedSeason};
use crate::progress::Stage;
use crate::recipe::{Output, Recipe};
use crate::scratch::{self, Scratch};
use crate::statistics::Statistics;
use crate::task::{Outcome, Published, Target, Task};
use crate::tile::{self, TILE_PIXELS};
use crate::truth::Truth;
use crate::{Progress, TaskError};

/// What an engine works with.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// A folder with the layout of the store's `models/`, asked when the store has no such model.
    pub models: Option<PathBuf>,
    /// The folder in which pulled data sets lie: polygons of masks, and the networks that classify scenes.
    pub datasets: Option<PathBuf>,
    /// Where files are made before they are published.
    pub scratch: PathBuf,
    /// Memory that a task should stay within, in MB.
    pub memory_mb: usize,
    /// Areas wider or higher than this many pixels are cut into tiles of this size.
    pub tile_pixels: usize,
    /// Take the inputs of maps that are there as they are recorded, without searching for new scenes.
    pub frozen: bool,
    /// The file in which rates are learned, if they are.
    pub rates: Option<PathBuf>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            models: None,
            datasets: None,
            scratch: std::env::temp_dir(),
            memory_mb: 512,
            tile_pixels: TILE_PIXELS,
            frozen: false,
            rates: None,
        }
    }
}

/// Carries tasks out and publishes their results into a store.
#[derive(Debug, Clone)]
pub struct Engine {
    store: Store,
    options: EngineOptions,
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

    /// What it works with.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Plans tasks, many of them with one search each.
    pub fn planner(&self) -> Planner<'_> {
        Planner::new(self)
    }

    /// The tasks that a layer's task is made of: itself, or one for each tile of a large area. Tiles are shown as one
    /// layer by [`Engine::mosaic`].
    pub fn split(&self, task: &Task) -> Result<Vec<Task>, TaskError> {
        if task.target != Target::Layer {
            return Ok(vec![task.clone()]);
        }
        let grid = plan::grid(task)?;
        let outline = task.aoi.outline(grid.crs)?;
        let tiles = tile::tiles(&task.recipe, &outline, &grid, self.options.tile_pixels)?;
        if tiles.is_empty() {
            return Ok(vec![task.clone()]);
        }
        let part = |tile| Task {
            target: Target::Tile(tile),
            ..task.clone()
        };
        Ok(tiles.into_iter().map(part).collect())
    }

    /// Removes what killed processes left behind, in the store and among the working folders; never what a living one is
    /// writing. Worth doing before a run.
    pub fn sweep(&self) -> Result<Vec<String>, TaskError> {
        let mut gone = publish::sweep(&self.store)?;
        let folders = scratch::sweep(&self.options.scratch);
        gone.extend(folders.into_iter().map(|f| f.display().to_string()));
        Ok(gone)
    }

    /// Makes the map of a task, unless the store holds it already.
    ///
    /// # Errors
    /// Whatever the reason, nothing is published then, and files in the making are gone.
    pub fn run(&self, task: &Task, progress: &Progress) -> Result<Outcome, TaskError> {
        let planned = self.planner().lay_out(task, progress)?;
        if planned.plan.up_to_date {
            self.forget(&planned.keys)?;
            return Ok(Outcome::Unchanged {
                item_key: planned.keys.item(),
            });
        }
        self.keep(&planned)?;
        let result = self.make(task, &planned, progress);
        close_files();
        // After Ctrl-C the next run goes on with the same inputs. After a failure it looks again: a scene may be gone.
        if !matches!(result, Err(TaskError::Cancelled)) {
            let forgotten = self.forget(&planned.keys);
            // The task's own error is the one to tell.
            if result.is_ok() {
                forgotten?;
            }
        }
        result
    }

    /// Writes down what a task is going to read.
    pub(crate) fn keep(&self, planned: &Planned) -> Result<(), TaskError> {
        if let Some(key) = planned.keys.plan()
            && !planned.plan.up_to_date
        {
            let bytes = planned.lock.to_bytes();
            // Unchanged most of the time: `freeze` has written it.
            if self.store.get(&key)?.as_deref() != Some(&bytes) {
                self.store.put(&key, bytes, ContentType::Json)?;
            }
        }
        Ok(())
    }

    fn forget(&self, keys: &ResultKeys) -> Result<(), TaskError> {
        if let Some(key) = keys.plan() {
            self.store.delete(&key)?;
        }
        Ok(())
    }

    pub(crate) fn make(
        &self,
        task: &Task,
        planned: &Planned,
        progress: &Progress,
    ) -> Result<Outcome, TaskError> {
        let scratch = Scratch::new(&self.options.scratch)?;
        let begun = cpu_seconds();
        let result = Self::render(task, planned, scratch.path(), progress)?;
        let mapped = cpu_seconds();
        let files = result
            .map
            .writers
            .finish(result.tiles.as_ref(), scratch.path(), progress)?;
        let reference = result.map.truth.and_then(Truth::finish);
        let (grid, rendered) = (&planned.plan.grid, &planned.frame.rendered);
        let mut statistics = result.map.counter.finish(
            &task.recipe,
            &planned.plan.area,
            &planned.plan.period,
            grid.pixel_area_m2()?,
            reference,
        );
        statistics.features = result.features.unwrap_or_default();
        let facts = Facts {
            task,
            grid,
            rendered_pixels: rendered.width * rendered.height,
            seasons: &result.seasons,
            model: planned.lock.model.as_ref(),
            hash: &planned.plan.hash,
            files: &files,
            post: &result.map.report,
            polygons: &planned.lock.inputs.polygons,
            notes: result.notes.clone(),
        };
        progress.check()?;
        progress.begin(Stage::Publish, 1);
        let bytes = self.publish(&planned.keys, &facts, &statistics, &planned.lock)?;
        if task.target == Target::Layer {
            self.refresh(&task.recipe)?;
        }
        progress.advance();
        let spent = Spent {
            map_seconds: mapped - begun,
            finish_seconds: cpu_seconds() - mapped,
            bytes,
        };
        self.learn(&task.recipe, &planned.plan, &spent);
        Ok(Outcome::Done(Box::new(Published {
            item_key: planned.keys.item(),
            statistics,
            // How the inputs were found is news of this run, and no property of the map.
            notes: result
                .notes
                .into_iter()
                .chain(planned.note.clone())
                .collect(),
            spent: spent.cost(),
        })))
    }

    /// Makes every block of a task.
    fn render(
        task: &Task,
        planned: &Planned,
        scratch: &Path,
        progress: &Progress,
    ) -> Result<Rendered, TaskError> {
        let recipe = &*task.recipe;
        let grid = &planned.plan.grid;
        let inputs = &planned.lock.inputs;
        let rendered = &planned.frame.rendered;
        let source = task.source.description();
        let seasons = inputs
            .seasons
            .iter()
            .map(|season| prepare::season(recipe, season, source, rendered))
            .collect::<Result<Vec<PreparedSeason>, _>>()?;
        let rasters = prepare::layers(recipe, &inputs.rasters)?;
        let masks = Masks::open(recipe, &inputs.polygons)?;
        let model: Option<Model> = match (&recipe.output, &planned.trained) {
            (Output::Classes(classes), Some(Trained::Trees(file))) => {
                Some(file.load(recipe, classes)?)
            }
            (Output::Classes(classes), Some(Trained::Remote(server))) => {
                Some(server.load(recipe, classes, progress)?)
            }
            _ => None,
        };
        let network = match &planned.trained {
            Some(Trained::Network(files)) => Some(files.load()?),
            _ => None,
        };
        let renderer = Renderer {
            recipe,
            grid: rendered,
            seasons: &seasons,
            rasters: &rasters,
            model: model.as_ref(),
            network: network.as_ref(),
            progress,
            room: Mutex::default(),
        };
        let applicability = renderer.has_applicability();
        let writers = Writers::create(recipe, grid, scratch, applicability)?;
        let finishing = Finishing {
            recipe,
            grid,
            frame: &planned.frame,
            masks: &masks,
            rasters: &rasters,
            applicability,
        };
        let map = FinalMap::begin(finishing, writers, Truth::of(task)?, scratch)?;
        let (seen, map) = render(&renderer, planned, map, progress)?;
        let population = model
            .as_ref()
            .and_then(|model| model.learnt.population.as_ref());
        // Of a handful of pixels shares say nothing.
        let features = population
            .zip(seen.counts)
            .and_then(|(known, counts)| known.compare(counts).ok());
        refuse_without_observations(task, &seasons, &seen.observed, &map)?;
        let notes = notes(task, &seasons);
        // The tiles of a large area are drawn once, all together.
        let tiles = (!matches!(task.target, Target::Tile(_))).then(|| tile_spec(task));
        Ok(Rendered {
            seasons,
            map,
            features,
            notes,
            tiles,
        })
    }

    /// Keeps what a task has cost, for the next plan. That it cannot be kept is no reason to fail a task that is done.
    fn learn(&self, recipe: &Recipe, plan: &Plan, spent: &Spent) {
        if let Some(path) = &self.options.rates {
            let mut rates = Rates::read(path);
            rates.learn(&recipe.name, &plan.work, spent);
            let _ = rates.write(path);
        }
    }

    /// Publishes the files of a task; returns how many bytes they are.
    fn publish(
        &self,
        keys: &ResultKeys,
        facts: &Facts<'_>,
        statistics: &Statistics,
        lock: &Lock,
    ) -> Result<u64, TaskError> {
        let mut text = serde_json::to_vec_pretty(statistics).expect("statistics are plain data");
        text.push(b'\n');
        let files = facts.files;
        let mut staged = vec![
            Staged::file("map", keys.map(), &files.map),
            Staged::file("observations", keys.observations(), &files.observations),
            Staged::bytes("statistics", keys.statistics(), text),
            Staged::bytes("lock", keys.lock(), lock.to_bytes()),
        ];
        if let Some(confidence) = &files.confidence {
            staged.push(Staged::file("confidence", keys.confidence(), confidence));
        }
        if let Some(file) = &files.applicability {
            staged.push(Staged::file("applicability", keys.applicability(), file));
        }
        let mut tiles_key = None;
        if let Some(tiles) = &files.tiles {
            let key = keys.tiles(&hash_of(&tiles.path)?);
            staged.push(Staged::file("tiles", key.clone(), &tiles.path));
            tiles_key = Some(key);
        }
        let item = facts.item(keys, tiles_key.as_deref());
        let bytes = staged.iter().map(size).sum();
        publish::publish(&self.store, keys, &staged, item)?;
        Ok(bytes)
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

/// What the blocks of a task became.
struct Rendered {
    seasons: Vec<PreparedSeason>,
    map: Finished,
    /// Values of the model's features beside those of its samples, where these are known.
    features: Option<Vec<FeatureCounts>>,
    notes: Vec<String>,
    tiles: Option<TileSpec>,
}

pub(crate) fn hash_of(file: &Path) -> Result<ContentHash, TaskError> {
    ContentHash::of_file(file).map_err(|source| TaskError::Scratch {
        path: file.display().to_string(),
        source,
    })
}

pub(crate) fn size(staged: &Staged) -> u64 {
    match &staged.content {
        Content::Bytes(bytes) => bytes.len() as u64,
        Content::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
    }
}

/// What was seen of the land, over all blocks.
struct Seen {
    /// Pixels with a clear observation, season by season.
    observed: Vec<usize>,
    counts: Option<Counts>,
}

/// Makes every block and hands it to the final map.
fn render(
    renderer: &Renderer<'_>,
    planned: &Planned,
    mut map: FinalMap<'_>,
    progress: &Progress,
) -> Result<(Seen, Finished), TaskError> {
    let mut all = Seen {
        observed: vec![0; renderer.seasons.len()],
        counts: None,
    };
    let size = planned.plan.block_size;
    let first_cut = lattice::first_cut(renderer.seasons, size);
    let windows = plan::blocks(&planned.frame, size, first_cut);
    progress.begin(Stage::Map, windows.len() + map.windows());
    for window in windows {
        progress.check()?;
        let mut block = renderer.render(window, &planned.frame.needed(window))?;
        for (total, seen) in all.observed.iter_mut().zip(&block.observed) {
            *total += seen;
        }
        block::add(&mut all.counts, block.counts.take());
        map.take(window, block)?;
        progress.advance();
    }
    Ok((all, map.end(progress)?))
}

fn refuse_without_observations(
    task: &Task,
    seasons: &[PreparedSeason],
    observed: &[usize],
    map: &Finished,
) -> Result<(), TaskError> {
    if map.counter.mapped() > 0 {
        return Ok(());
    }
    let poorest = observed.iter().enumerate().min_by_key(|(_, n)| **n);
    let season = &seasons[poorest.map_or(0, |(k, _)| k)];
    let (first, last) = season.season().days(task.period);
    Err(TaskError::NoClearObservation {
        area: task.area_name(),
        season: format!("season {} ({first} to {last})", season.season().name),
        scenes: season.scenes().len(),
    })
}

pub(crate) fn tile_spec(task: &Task) -> TileSpec {
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
