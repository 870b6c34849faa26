//! A job as it is told.

use std::collections::BTreeMap;

use geocrop_database::{Job, JobKind, JobStatus};
use geocrop_store::stac::Item;
use geocrop_store::{Period, ResultKeys, Slug, Store, layout};
use serde::Serialize;
use utoipa::ToSchema;

use super::address;
use crate::ApiState;
use crate::objects::blocking;
use crate::problem::Problem;
use crate::routes::time;

/// A job: something that somebody asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobDocument {
    /// The job's id.
    #[schema(value_type = String)]
    id: Slug,
    /// What sort of answer is wanted: `map`, `ndvi`, `buffer`, `zonal-stats` or `predict`.
    #[schema(value_type = String, example = "map")]
    kind: JobKind,
    /// `accepted`, `running`, `successful`, `failed` or `dismissed`.
    #[schema(value_type = String, example = "running")]
    status: JobStatus,
    /// Where the answer comes from: `computed`, or `precomputed` when it was there already.
    source: &'static str,
    /// What is being done; empty before the job starts.
    stage: String,
    /// Per cent done, 0 to 100.
    progress: u8,
    /// Why it failed, or why it waits again.
    #[schema(required = true)]
    message: Option<String>,
    /// The recipe's name, where there is one.
    #[schema(value_type = Option<String>, required = true)]
    recipe: Option<Slug>,
    /// The period that the map shows, where there is one.
    #[schema(value_type = Option<String>, required = true)]
    period: Option<Period>,
    /// The area in square kilometres, where there is one.
    #[schema(required = true)]
    area_km2: Option<f64>,
    /// What it was thought to take.
    estimate: Estimate,
    /// What it took; while it has not ended, nulls.
    actual: Estimate,
    /// When it was asked for (RFC 3339).
    created: String,
    /// When a worker first took it.
    #[schema(required = true)]
    started: Option<String>,
    /// When it came to its end.
    #[schema(required = true)]
    finished: Option<String>,
    /// When its files are removed.
    #[schema(required = true)]
    expires: Option<String>,
    /// The files of the result by what they are: `item`, and the item's assets (`map`, `tiles`, `statistics`, ...).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    results: BTreeMap<String, String>,
    /// Addresses of the job.
    links: Links,
}

/// What a job takes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Estimate {
    /// Minutes of work.
    #[schema(required = true)]
    pub(crate) minutes: Option<f64>,
    /// Bytes of the result.
    #[schema(required = true)]
    pub(crate) bytes: Option<i64>,
}

impl Estimate {
    pub(crate) fn new(seconds: Option<f64>, bytes: Option<i64>) -> Self {
        Self {
            // A hundredth of a minute is more than anybody can say beforehand.
            minutes: seconds.map(|seconds| (seconds / 0.6).round() / 100.0),
            bytes,
        }
    }
}

/// Addresses of a job.
#[derive(Serialize, ToSchema)]
struct Links {
    /// The job itself.
    #[serde(rename = "self")]
    itself: String,
    /// Its progress as it happens, as server-sent events.
    events: String,
    /// Its result, for clients that follow redirects.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl JobDocument {
    /// The job without the addresses of its files.
    pub(crate) fn new(job: Job) -> Self {
        let itself = address(&job.id);
        Self {
            links: Links {
                events: format!("{itself}/events"),
                result: job.result_key.is_some().then(|| format!("{itself}/result")),
                itself,
            },
            results: BTreeMap::new(),
            id: job.id,
            kind: job.kind,
            status: job.status,
            source: if job.precomputed {
                "precomputed"
            } else {
                "computed"
            },
            stage: job.stage,
            progress: job.progress,
            message: job.message,
            recipe: job.recipe,
            period: job.period,
            area_km2: job.area_km2,
            estimate: Estimate::new(job.estimate.seconds, job.estimate.bytes),
            actual: Estimate::new(job.seconds, job.bytes),
            created: time(job.created_at),
            started: job.started_at.map(time),
            finished: job.finished_at.map(time),
            expires: job.expires_at.map(time),
        }
    }

    /// The addresses of its files by what they are.
    pub(crate) fn results(&self) -> &BTreeMap<String, String> {
        &self.results
    }

    /// The job with the addresses of its files.
    pub(crate) async fn whole(state: &ApiState, job: Job) -> Result<Self, Problem> {
        let results = result_links(state.store(), &job).await?;
        Ok(Self {
            results,
            ..Self::new(job)
        })
    }
}

/// Where the files of a finished job are: as its item says, or by their names where there is no item.
async fn result_links(store: &Store, job: &Job) -> Result<BTreeMap<String, String>, Problem> {
    let mut links = BTreeMap::new();
    let Some(result) = job.result_key.clone() else {
        return Ok(links);
    };
    let mut link = |name: &str, key: &str| {
        let file = key.rsplit('/').next().unwrap_or(key);
        links.insert(
            name.to_owned(),
            format!("{}/results/{file}", address(&job.id)),
        );
    };
    let Some(keys) = ResultKeys::from_item(&result) else {
        let folder = layout::job_folder(&job.tenant, &job.id);
        for entry in blocking(store, move |store| store.list(&folder)).await? {
            let file = entry.key.rsplit('/').next().unwrap_or(&entry.key);
            let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
            link(name, &entry.key);
        }
        return Ok(links);
    };
    // Somebody may have removed it by hand; the job is still worth telling about.
    let Some(bytes) = blocking(store, move |store| store.get(&result)).await? else {
        return Ok(links);
    };
    let item: Item = serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
    for (name, asset) in &item.assets {
        if let Some(key) = keys.referred(&asset.href) {
            link(name, &key);
        }
    }
    link("item", &keys.item());
    Ok(links)
}
