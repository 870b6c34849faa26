//! Jobs that make no map: buffers, statistics of zones, predictions for tables. Their results are files of their own in the
//! job's folder.

use std::io::{BufWriter, Cursor};
use std::sync::Arc;

use anyhow::Result;
use geocrop_api::JobRequest;
use geocrop_database::JobKind;
use geocrop_precompute::ask::buffer::{self, BufferInputs};
use geocrop_precompute::ask::table::{self, TableForm, TableOptions};
use geocrop_precompute::ask::zonal::{self, Greenness, ZonalInputs, ZonalMap, ZoneLimits};
use geocrop_precompute::{ModelStore, Period, Progress, TaskError};
use geocrop_raster::AoiLimits;
use geocrop_raster::aoi::buffer::BufferOptions;
use geocrop_source::Kind;
use geocrop_store::{ContentType, layout};
use serde::Deserialize;
use serde_json::{Value, json};

use super::EngineRunner;

/// Rows that a job may bring.
const MOST_ROWS: usize = 1_000_000;

#[derive(Deserialize)]
struct BufferOrder {
    aoi: Value,
    metres: f64,
    crs: Option<String>,
    segments: Option<u32>,
    max_area_km2: Option<f64>,
}

#[derive(Deserialize)]
struct ZonalOrder {
    features: Value,
    max_area_km2: Option<f64>,
}

#[derive(Deserialize)]
struct PredictOrder {
    model: String,
    instances: Value,
}

impl EngineRunner {
    /// Runs a job that is no map; the key of its main file.
    pub(super) fn other(
        &self,
        job: &JobRequest,
        progress: &Progress,
    ) -> Result<String, TaskFailure> {
        match job.kind {
            JobKind::Buffer => self.buffer(job, progress),
            JobKind::ZonalStats => self.zonal(job, progress),
            JobKind::Predict => self.predict(job, progress),
            JobKind::Map | JobKind::Ndvi => Err(TaskFailure::Request(anyhow::anyhow!(
                "a map is made by a task"
            ))),
        }
    }

    fn buffer(&self, job: &JobRequest, progress: &Progress) -> Result<String, TaskFailure> {
        let order: BufferOrder = read(&job.parameters)?;
        let limits = AoiLimits {
            max_area_km2: order.max_area_km2,
            ..AoiLimits::default()
        };
        let plain = BufferOptions::metres(order.metres);
        let inputs = BufferInputs {
            geometry: order.aoi.to_string(),
            options: BufferOptions {
                crs: order.crs,
                segments: order.segments.unwrap_or(plain.segments),
                limits,
                ..plain
            },
        };
        let made = buffer::run(&inputs, progress)?;
        self.put(job, "buffer.geojson", made.feature.to_string())
    }

    fn zonal(&self, job: &JobRequest, progress: &Progress) -> Result<String, TaskFailure> {
        let order: ZonalOrder = read(&job.parameters)?;
        let (Some(name), Some(named)) = (&job.recipe, &job.period) else {
            return Err(TaskFailure::Request(anyhow::anyhow!(
                "statistics need a recipe and a period"
            )));
        };
        let recipe = self
            .recipes
            .iter()
            .find(|recipe| recipe.name == name.as_str())
            .ok_or_else(|| TaskFailure::Request(anyhow::anyhow!("there is no recipe '{name}'")))?;
        let period: Period = named
            .to_string()
            .parse()
            .map_err(|error| TaskFailure::Request(anyhow::Error::msg(error)))?;
        let limits = ZoneLimits {
            max_area_km2: order.max_area_km2,
            ..ZoneLimits::default()
        };
        let zones = zonal::parse(&order.features.to_string(), &limits).map_err(TaskError::from)?;
        let published = zonal::published(self.engine.store(), recipe, period, &zones)?;
        // Scenes for the greenness, where the recipe reads red and near infrared and a source covers the first zone.
        let greenness = (["red", "nir"].iter())
            .all(|band| recipe.bands.iter().any(|known| known == band))
            .then(|| self.source(recipe, &zones[0].aoi, named.as_ref()).ok())
            .flatten()
            .filter(|source| source.description().kind == Kind::Scenes);
        if published.rasters.is_empty() && greenness.is_none() {
            return Err(TaskFailure::Request(anyhow::anyhow!(
                "no map {name}/{named} lies under the features, and no source of scenes covers them"
            )));
        }
        let report = zonal::run(
            &ZonalInputs {
                zones,
                map: (!published.rasters.is_empty()).then(|| ZonalMap {
                    recipe: Arc::clone(recipe),
                    period,
                    rasters: published.rasters.clone(),
                }),
                greenness: greenness.map(|source| Greenness {
                    recipe: Arc::clone(recipe),
                    period,
                    source,
                }),
                memory_mb: self.engine.options().memory_mb,
            },
            progress,
        )?;
        if !published.rasters.is_empty() {
            self.put(job, "classes.csv", report.classes_csv())?;
        }
        self.put(job, "ndvi.csv", report.ndvi_csv())?;
        self.put(job, "zones.geojson", report.to_geojson().to_string())
    }

    fn predict(&self, job: &JobRequest, progress: &Progress) -> Result<String, TaskFailure> {
        let order: PredictOrder = read(&job.parameters)?;
        let recipes = self.recipes.iter().map(|recipe| &**recipe);
        let store = ModelStore::new(&self.engine, recipes);
        let (name, version) = order
            .model
            .split_once('/')
            .unwrap_or((&order.model, "production"));
        let version = if version == "production" {
            let known = store.list()?;
            let found = known
                .into_iter()
                .find(|known| known.name == name && known.production);
            found.map(|known| known.version).ok_or_else(|| {
                TaskFailure::Request(anyhow::anyhow!(
                    "there is no model '{name}' in production; GET /v1/models lists what there is"
                ))
            })?
        } else {
            version.to_owned()
        };
        let model = store.load(name, &version)?;
        let input = json!({ "instances": order.instances }).to_string();
        let mut output = BufWriter::new(Vec::new());
        table::run(
            &model,
            &mut Cursor::new(input.as_bytes()),
            &mut output,
            &TableOptions {
                input: TableForm::Json,
                output: TableForm::Csv,
                max_rows: MOST_ROWS,
                bytes: Some(input.len() as u64),
                ..TableOptions::default()
            },
            progress,
        )?;
        let bytes = output
            .into_inner()
            .map_err(|error| TaskFailure::Ours(anyhow::anyhow!("{error}")))?;
        self.put(job, "predictions.csv", bytes)
    }

    /// Puts a file into the job's folder.
    fn put(
        &self,
        job: &JobRequest,
        name: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<String, TaskFailure> {
        let key = format!("{}/{name}", layout::job_folder(&job.tenant, &job.job));
        self.engine
            .store()
            .put(&key, bytes.into(), ContentType::of_key(&key))
            .map_err(TaskError::from)?;
        Ok(key)
    }
}

/// Why such a job has no result.
pub(super) enum TaskFailure {
    /// What was asked for cannot be made.
    Request(anyhow::Error),
    /// We failed at it.
    Ours(anyhow::Error),
    /// The engine says.
    Task(TaskError),
}

impl From<TaskError> for TaskFailure {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

fn read<'a, T: Deserialize<'a>>(parameters: &'a Value) -> Result<T, TaskFailure> {
    T::deserialize(parameters).map_err(|error| TaskFailure::Request(error.into()))
}
