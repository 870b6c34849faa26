//! Jobs: asking for a map, watching it, fetching it. The words are those of OGC API - Processes.

use std::collections::BTreeMap;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_raster::{Aoi, AoiError, AoiLimits};
use geocrop_store::db::{Job, JobStatus, NewJob, User};
use geocrop_store::stac::Item;
use geocrop_store::{Period, ResultKeys, Slug, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::objects::{Audience, blocking, serve_object};
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Caller, Json};
use crate::routes::time;
use crate::state::aoi_limits;
use crate::{ApiState, RecipeInfo};

/// Bytes of an order. The outline may have 5 MB; the rest is for what is around it.
const ORDER_LIMIT: usize = 6_000_000;
/// How many jobs a list shows.
const LISTED: u32 = 100;

/// What map to make, of where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// A recipe's name, from `GET /v1/recipes`.
    #[schema(example = "ndvi")]
    recipe: String,
    /// One of the recipe's periods.
    #[schema(example = "2024")]
    period: String,
    /// The area of interest: a GeoJSON `Polygon` or `MultiPolygon` in longitude and latitude, bare or as one Feature.
    #[schema(value_type = Object)]
    aoi: Value,
}

/// A job: a map that somebody asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobDocument {
    /// The job's id.
    #[schema(value_type = String)]
    id: Slug,
    /// `accepted`, `running`, `successful`, `failed` or `dismissed`.
    #[schema(value_type = String, example = "running")]
    status: JobStatus,
    /// What is being done; empty before the job starts.
    stage: String,
    /// Per cent done, 0 to 100.
    progress: u8,
    /// Why it failed, or why it waits again.
    #[schema(required = true)]
    message: Option<String>,
    /// The recipe's name.
    #[schema(value_type = String)]
    recipe: Slug,
    /// The period that the map shows.
    #[schema(value_type = String)]
    period: Period,
    /// The area in square kilometres.
    area_km2: f64,
    /// When it was asked for (RFC 3339).
    created: String,
    /// When the worker first took it.
    #[schema(required = true)]
    started: Option<String>,
    /// When it came to its end.
    #[schema(required = true)]
    finished: Option<String>,
    /// The files of the result by what they are: `item`, and the item's assets (`map`, `tiles`, `statistics`, ...).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    results: BTreeMap<String, String>,
    /// Addresses of the job.
    links: Links,
}

/// Addresses of a job.
#[derive(Serialize, ToSchema)]
struct Links {
    /// The job itself.
    #[serde(rename = "self")]
    itself: String,
}

/// The latest jobs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Jobs {
    /// The newest first.
    jobs: Vec<JobDocument>,
}

impl JobDocument {
    fn new(job: Job, results: BTreeMap<String, String>) -> Self {
        Self {
            links: Links {
                itself: address(&job.id),
            },
            results,
            id: job.id,
            status: job.status,
            stage: job.stage,
            progress: job.progress,
            message: job.message,
            recipe: job.recipe,
            period: job.period,
            area_km2: job.area_km2,
            created: time(job.created_at),
            started: job.started_at.map(time),
            finished: job.finished_at.map(time),
        }
    }
}

fn address(id: &Slug) -> String {
    format!("/v1/jobs/{id}")
}

/// Submit a job
///
/// Puts a map into the queue. Follow it at the address in `Location`.
#[utoipa::path(post, path = "/v1/jobs", tag = "Jobs", security(("token" = [])), request_body = Order, responses(
    (status = 202, description = "The job waits for the worker.", body = JobDocument,
        headers(("Location" = String, description = "Address of the job."))),
    (status = 400, description = "The body is not valid JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The account has no jobs left.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, description = "The body is larger than 6 MB.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, description = "The body is not said to be JSON.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The recipe, the period or the area cannot be used; `type` says which.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Caller(user): Caller,
    Json(order): Json<Order, ORDER_LIMIT>,
) -> Result<Response, Problem> {
    let (recipe, period) = choose(state.runner().recipes(), &order)?;
    let limits = aoi_limits(user.role, &recipe);
    let text = order.aoi.to_string();
    let (text, area_km2) = tokio::task::spawn_blocking(move || {
        // An outline of many corners takes a while to check.
        Aoi::parse(&text, "area", &limits).map(|aoi| (text, aoi.area_km2()))
    })
    .await
    .map_err(|error| Problem::internal(&error))?
    .map_err(|error| refuse(&error))?;

    let new = NewJob {
        recipe: recipe.name,
        period,
        aoi_geojson: text,
        area_km2,
    };
    let job = state.database().create_job(&user.id, &new).await?;
    state.work().notify_one();
    let location = address(&job.id);
    let document = axum::Json(JobDocument::new(job, BTreeMap::new()));
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        document,
    )
        .into_response())
}

/// The recipe and the period that an order names.
fn choose(recipes: Vec<RecipeInfo>, order: &Order) -> Result<(RecipeInfo, Period), Problem> {
    let names = join(recipes.iter().map(|recipe| recipe.name.as_str()));
    let recipe = recipes
        .into_iter()
        .find(|recipe| recipe.name.as_str() == order.recipe)
        .ok_or_else(|| {
            Problem::unprocessable(
                "unknown-recipe",
                "No such recipe",
                format!("There is no recipe {:?}.", order.recipe),
            )
            .hint(format!("GET /v1/recipes lists them: {names}."))
        })?;
    let period = recipe
        .periods
        .iter()
        .find(|period| period.as_str() == order.period)
        .cloned()
        .ok_or_else(|| {
            Problem::unprocessable(
                "unknown-period",
                "No imagery for this period",
                format!(
                    "The recipe {} has no period {:?}.",
                    recipe.name, order.period
                ),
            )
            .hint(format!(
                "It has: {}.",
                join(recipe.periods.iter().map(Period::as_str))
            ))
        })?;
    Ok((recipe, period))
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn refuse(error: &AoiError) -> Problem {
    match error {
        AoiError::AreaTooLarge { area_km2, limit } => Problem::unprocessable(
            "area-too-large",
            "The area is too large",
            error.to_string(),
        )
        .hint("Draw a smaller area. GET /v1/me says how large it may be for this account.")
        .with("area_km2", *area_km2)
        .with("max_area_km2", *limit),
        error => Problem::unprocessable("invalid-aoi", "The area of interest is not usable", error.to_string())
            .hint("Expected a GeoJSON Polygon or MultiPolygon (or one Feature with it) in longitude and latitude."),
    }
}

/// List the jobs
///
/// The last 100 jobs of your tenant, the newest first, without the addresses of their results.
#[utoipa::path(get, path = "/v1/jobs", tag = "Jobs", security(("token" = [])), responses(
    (status = 200, description = "The jobs.", body = Jobs),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Caller(user): Caller,
) -> Result<axum::Json<Jobs>, Problem> {
    let jobs = state.database().jobs(&user.tenant, LISTED).await?;
    Ok(axum::Json(Jobs {
        jobs: jobs
            .into_iter()
            .map(|job| JobDocument::new(job, BTreeMap::new()))
            .collect(),
    }))
}

/// Follow a job
///
/// How far the job is and, when it is successful, where its files are.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The job.", body = JobDocument),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let job = find(
        &state,
        &user,
        id.as_ref().map(|Path(id)| id.as_str()).unwrap_or_default(),
    )
    .await?;
    let results = result_links(state.store(), &job).await?;
    Ok(axum::Json(JobDocument::new(job, results)).into_response())
}

/// Cancel a job
///
/// Takes a job out of the queue, or stops it. A dismissed job counts against the quota.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The job, dismissed.", body = JobDocument),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "The job has ended already.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn dismiss(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.as_ref().map(|Path(id)| id.as_str()).unwrap_or_default();
    let job = state
        .database()
        .dismiss(&user.tenant, id)
        .await?
        .ok_or_else(|| no_job(id))?;
    if job.status != JobStatus::Dismissed {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "job-ended",
            "The job has ended",
            format!(
                "The job is {} already; there is nothing to cancel.",
                job.status
            ),
        ));
    }
    state.stop(&job.id);
    Ok(axum::Json(JobDocument::new(job, BTreeMap::new())).into_response())
}

/// Download a result
///
/// A file of a successful job, whole or in part. Their addresses are the job's `results`.
#[utoipa::path(get, path = "/v1/jobs/{id}/results/{file}", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id."),
        ("file" = String, Path, description = "The file's name, from the job's `results`."),
        ("Range" = Option<String>, Header, description = "A range of bytes, such as `bytes=0-16383`.")), responses(
    (status = 200, description = "The file.", content_type = "application/octet-stream"),
    (status = 206, description = "The range of it.", content_type = "application/octet-stream"),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such job or file, or the job has no result.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 416, description = "The file ends before the range begins.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn result(
    State(state): State<ApiState>,
    Caller(user): Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let Path((id, file)) = path.map_err(|_| no_job(""))?;
    let job = find(&state, &user, &id).await?;
    let keys = job
        .result_item
        .as_deref()
        .and_then(ResultKeys::from_item)
        .ok_or_else(|| {
            Problem::not_found(format!("The job is {} and has no result.", job.status)).hint(
                format!("GET {} until its status is successful.", address(&job.id)),
            )
        })?;
    let key = keys
        .file(&file)
        .ok_or_else(|| Problem::not_found(format!("The result has no file {file:?}.")))?;
    serve_object(state.store(), key, Audience::Private, &request).await
}

/// A job of the caller's tenant. Another tenant's is not told from one that never was.
async fn find(state: &ApiState, user: &User, id: &str) -> Result<Job, Problem> {
    state
        .database()
        .job(&user.tenant, id)
        .await?
        .ok_or_else(|| no_job(id))
}

fn no_job(id: &str) -> Problem {
    Problem::not_found(format!("There is no job {id:?}.")).hint("GET /v1/jobs lists yours.")
}

/// Where the files of a finished job are, as its item says.
async fn result_links(store: &Store, job: &Job) -> Result<BTreeMap<String, String>, Problem> {
    let mut links = BTreeMap::new();
    let Some(item_key) = job.result_item.clone() else {
        return Ok(links);
    };
    let Some(keys) = ResultKeys::from_item(&item_key) else {
        return Ok(links);
    };
    // Results expire; the job is still worth telling about.
    let Some(bytes) = blocking(store, move |store| store.get(&item_key)).await? else {
        return Ok(links);
    };
    let item: Item = serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
    let mut link = |name: &str, key: &str| {
        let file = key.rsplit('/').next().unwrap_or(key);
        links.insert(
            name.to_owned(),
            format!("{}/results/{file}", address(&job.id)),
        );
    };
    for (name, asset) in &item.assets {
        if let Some(key) = keys.referred(&asset.href) {
            link(name, &key);
        }
    }
    link("item", &keys.item());
    Ok(links)
}

/// What was accepted once is accepted for good, whatever limits hold by now.
pub(crate) fn accepted_aoi(job: &Job) -> Result<Aoi, AoiError> {
    let limits = AoiLimits {
        max_bytes: usize::MAX,
        max_vertices: usize::MAX,
        max_area_km2: None,
    };
    Aoi::parse(&job.aoi_geojson, "area", &limits)
}
