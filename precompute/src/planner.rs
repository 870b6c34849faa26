//! Lays tasks out: grid, blocks, inputs, and whether there is anything to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use geocrop_raster::Grid;
use geocrop_source::{Kind, Query, Scene, Source};
use geocrop_store::ResultKeys;
use geocrop_store::stac::Item;

use crate::engine::Engine;
use crate::estimate::Work;
use crate::inputs::Inputs;
use crate::lock::{Basis, Lock};
use crate::models;
use crate::networks::{self, Trained};
use crate::plan::{self, Plan};
use crate::post::{self, Frame};
use crate::progress::Stage;
use crate::recipe::Output;
use crate::remote;
use crate::task::{Target, Task};
use crate::{Progress, TaskError};

/// Plans one task after another. It asks a source the same question only once, and reads a model once: all its tasks are
/// planned with the version that served when the first of them was.
pub struct Planner<'a> {
    engine: &'a Engine,
    searches: Searches,
    /// Models and networks by kind, name and version.
    trained: BTreeMap<String, Trained>,
}

/// A task whose inputs are found and frozen.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) keys: ResultKeys,
    pub(crate) frame: Frame,
    pub(crate) lock: Lock,
    pub(crate) trained: Option<Trained>,
    /// What a person should know about how the inputs were found.
    pub(crate) note: Option<String>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            searches: Searches::default(),
            trained: BTreeMap::new(),
        }
    }

    /// Works out what a task would do, without reading pixels and without writing anything.
    pub fn plan(&mut self, task: &Task, progress: &Progress) -> Result<Plan, TaskError> {
        Ok(self.lay_out(task, progress)?.plan)
    }

    /// A plan without imagery: as many scenes are assumed as Sentinel-2 takes, one every five days (every ten before
    /// its second satellite worked, in July 2017), and whatever map is there counts as up to date.
    pub fn assume(&self, task: &Task) -> Result<Plan, TaskError> {
        let options = self.engine.options();
        let recipe = &task.recipe;
        let grid = plan::grid(task)?;
        let frame = Frame::new(&recipe.post, &task.aoi, &grid)?;
        let scenes = |season: &crate::recipe::Season| {
            let (first, last) = season.days(task.period);
            let days = (last - first).num_days() + 1;
            let every = if task.period.year() < 2017 { 10 } else { 5 };
            usize::try_from(days / every).unwrap_or(0).max(1)
        };
        let dates = recipe.seasons.iter().map(scenes);
        let most = dates.clone().max().unwrap_or(1);
        let block_size = plan::block_size(recipe, most, options.memory_mb);
        let windows = plan::blocks(&frame, block_size, (0, 0));
        let pixels: usize = windows.iter().map(|w| w.width * w.height).sum();
        let bands = recipe.bands.len() + usize::from(recipe.mask.is_some());
        let dates: usize = dates.sum();
        let samples = (pixels * dates * bands) as u64;
        Ok(Plan {
            recipe: recipe.name.clone(),
            area: task.area(),
            period: task.period.to_string(),
            block_size,
            blocks: windows.len(),
            scenes: Vec::new(),
            work: Work {
                pixels: pixels as u64,
                samples,
                input_bytes: (samples as f64 * plan::BYTES_PER_SAMPLE) as u64,
                dates,
            },
            up_to_date: self.engine.store().exists(&task.keys()?.item())?,
            hash: String::new(),
            grid,
        })
    }

    /// As [`plan`](Self::plan), and freezes the inputs: the run that follows needs no search, whatever becomes of the
    /// catalog in between. Nothing is written for a task that is done, nor for a job.
    pub fn freeze(&mut self, task: &Task, progress: &Progress) -> Result<Plan, TaskError> {
        let planned = self.lay_out(task, progress)?;
        self.engine.keep(&planned)?;
        Ok(planned.plan)
    }

    pub(crate) fn lay_out(
        &mut self,
        task: &Task,
        progress: &Progress,
    ) -> Result<Planned, TaskError> {
        progress.begin(Stage::Plan, 1);
        let keys = task.keys()?;
        let trained = self.trained(task, progress)?;
        let identity = trained.as_ref().map(Trained::identity);
        let basis = Basis::of(task, identity);
        let mut note = None;
        let lock = match self.kept(&keys, &basis)? {
            Some(lock) => lock,
            None => match self.find(task, progress) {
                Ok(inputs) => Lock::new(task, identity, basis, inputs),
                // The map that is there was made of inputs that still stand; only new ones are out of sight.
                Err(TaskError::Source(error)) => match self.published(&keys, &basis)? {
                    Some(lock) => {
                        note = Some(format!(
                            "The catalog could not be asked for new scenes ({error}); the inputs of the map that is there were kept."
                        ));
                        lock
                    }
                    None => return Err(error.into()),
                },
                Err(error) => return Err(error),
            },
        };
        let mut planned = self.blocks(task, keys, lock, trained)?;
        planned.note = note;
        progress.advance();
        Ok(planned)
    }

    /// A task of which the lock is known, with the program and the model of today.
    pub(crate) fn locked(
        &mut self,
        task: &Task,
        keys: ResultKeys,
        lock: &Lock,
        progress: &Progress,
    ) -> Result<Planned, TaskError> {
        progress.begin(Stage::Plan, 1);
        let trained = self.trained(task, progress)?;
        let identity = trained.as_ref().map(Trained::identity);
        let basis = Basis::of(task, identity);
        let lock = Lock::new(task, identity, basis, lock.inputs.clone());
        self.blocks(task, keys, lock, trained)
    }

    /// The model or network of a task; labels that the source has need none.
    fn trained(&mut self, task: &Task, progress: &Progress) -> Result<Option<Trained>, TaskError> {
        let scenes = task.source.description().kind == Kind::Scenes;
        let name = match &task.recipe.output {
            Output::Classes(classes) => {
                if let Some(remote) = &classes.remote {
                    let server = remote::find(classes, remote, progress)?;
                    return Ok(Some(Trained::Remote(Arc::new(server))));
                }
                format!("model {}/{}", classes.model, classes.version)
            }
            Output::Labels(labels) if scenes => format!("network {}", labels.network),
            _ => return Ok(None),
        };
        if let Some(known) = self.trained.get(&name) {
            return Ok(Some(known.clone()));
        }
        let found = self.look_up(&task.recipe.output)?;
        if let Some(found) = &found {
            self.trained.insert(name, found.clone());
        }
        Ok(found)
    }

    /// Finds the model or network of an output among the store's models and those of the folder.
    fn look_up(&self, output: &Output) -> Result<Option<Trained>, TaskError> {
        let (store, options) = (self.engine.store(), self.engine.options());
        let models = options.models.as_deref();
        Ok(match output {
            Output::Classes(classes) => {
                let file = models::find(store, models, classes)?;
                Some(Trained::Trees(Arc::new(file)))
            }
            Output::Labels(labels) => {
                let places = networks::Places {
                    store,
                    models,
                    datasets: options.datasets.as_deref(),
                };
                let files = networks::find(places, labels)?;
                Some(Trained::Network(Arc::new(files)))
            }
            Output::Index { .. } | Output::Picture { .. } => None,
        })
    }

    /// The blocks of a task whose inputs are known.
    fn blocks(
        &self,
        task: &Task,
        keys: ResultKeys,
        lock: Lock,
        trained: Option<Trained>,
    ) -> Result<Planned, TaskError> {
        let options = self.engine.options();
        let grid = plan::grid(task)?;
        let frame = Frame::new(&task.recipe.post, &task.aoi, &grid)?;
        refuse_without_scenes(task, &lock.inputs)?;
        let seasons = &lock.inputs.seasons;
        let dates = seasons.iter().map(|s| s.scenes.len()).max().unwrap_or(0);
        let block_size = plan::block_size(&task.recipe, dates, options.memory_mb);
        let windows = plan::blocks(&frame, block_size, (0, 0));
        plan::refuse_without_pixels(&task.aoi, &frame, &grid)?;
        let plan = Plan {
            recipe: task.recipe.name.clone(),
            area: task.area(),
            period: task.period.to_string(),
            block_size,
            blocks: windows.len(),
            scenes: plan::scenes(&lock.inputs),
            work: plan::work(&frame.rendered, &windows, &lock.inputs),
            up_to_date: self.is_up_to_date(&keys, &lock.hash)?,
            hash: lock.hash.clone(),
            grid,
        };
        Ok(Planned {
            plan,
            keys,
            frame,
            lock,
            trained,
            note: None,
        })
    }

    /// The lock of an interrupted run; with `frozen`, also that of the map that is there.
    fn kept(&self, keys: &ResultKeys, basis: &Basis) -> Result<Option<Lock>, TaskError> {
        if let Some(key) = keys.plan()
            && let Some(lock) = self.read(&key, basis)?
        {
            return Ok(Some(lock));
        }
        if self.engine.options().frozen {
            return self.published(keys, basis);
        }
        Ok(None)
    }

    fn published(&self, keys: &ResultKeys, basis: &Basis) -> Result<Option<Lock>, TaskError> {
        self.read(&keys.lock(), basis)
    }

    fn read(&self, key: &str, basis: &Basis) -> Result<Option<Lock>, TaskError> {
        let bytes = self.engine.store().get(key)?;
        Ok(bytes
            .and_then(|bytes| Lock::parse(&bytes))
            .filter(|lock| lock.fits(basis)))
    }

    fn is_up_to_date(&self, keys: &ResultKeys, hash: &str) -> Result<bool, TaskError> {
        let Some(bytes) = self.engine.store().get(&keys.item())? else {
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

    /// Searches the source for a task. The tiles of a large area share one search over all of it.
    fn find(&mut self, task: &Task, progress: &Progress) -> Result<Inputs, TaskError> {
        let frame = Frame::new(&task.recipe.post, &task.aoi, &plan::grid(task)?)?;
        let bbox = frame.rendered.lonlat_bounds()?;
        let datasets = self.engine.options().datasets.as_deref();
        let polygons = post::find_polygons(&task.recipe.post, datasets)?;
        let (searches, source) = (&mut self.searches, &*task.source);
        let whole = match task.target {
            Target::Tile(_) => {
                // One question for all tiles; the margin of a filter reaches beyond the area.
                let recipe = &task.recipe;
                let bounds = task.aoi.bounds_in(recipe.crs)?;
                let all = Grid::covering(recipe.crs, recipe.resolution, bounds)?;
                let frame = Frame::new(&recipe.post, &task.aoi, &all)?;
                frame.rendered.lonlat_bounds()?
            }
            _ => bbox,
        };
        let mut inputs = Inputs::find(
            &task.recipe,
            source,
            whole,
            task.period,
            progress,
            |query| {
                let found = searches.ask(source, query)?;
                Ok(found
                    .iter()
                    .filter(|scene| scene.bbox.is_none_or(|scene| touch(scene, bbox)))
                    .cloned()
                    .collect())
            },
        )?;
        inputs.polygons = polygons;
        Ok(inputs)
    }
}

/// Whether two boxes of degrees meet. One that crosses the antimeridian is taken to meet everything.
fn touch(a: [f64; 4], b: [f64; 4]) -> bool {
    let crosses = |x: [f64; 4]| x[0] > x[2];
    crosses(a) || crosses(b) || (a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3])
}

/// The last answers of sources: as many as a year has seasons, so that memory does not grow with the number of years.
#[derive(Default)]
struct Searches(Vec<(String, Query, Arc<Vec<Scene>>)>);

impl Searches {
    const KEPT: usize = 4;

    fn ask(&mut self, source: &Source, query: &Query) -> Result<Arc<Vec<Scene>>, TaskError> {
        let address = format!("{} {}", source.base_address(), source.description().name);
        let known = self.0.iter();
        let found = known
            .filter(|(a, q, _)| *a == address && q == query)
            .map(|(_, _, scenes)| Arc::clone(scenes))
            .next();
        if let Some(scenes) = found {
            return Ok(scenes);
        }
        let scenes = Arc::new(source.scenes(query)?);
        if self.0.len() == Self::KEPT {
            self.0.remove(0);
        }
        self.0.push((address, query.clone(), Arc::clone(&scenes)));
        Ok(scenes)
    }
}

fn refuse_without_scenes(task: &Task, inputs: &Inputs) -> Result<(), TaskError> {
    let Some(empty) = inputs.seasons.iter().find(|s| s.scenes.is_empty()) else {
        return Ok(());
    };
    let (first, last) = empty.season.days(task.period);
    Err(TaskError::NoScenes {
        area: task.area_name(),
        start: first.to_string(),
        end: last.to_string(),
        source_name: task.source.description().title.clone(),
    })
}
