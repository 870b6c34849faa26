//! Asking for something: checked, priced, and put into the queue.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_database::jobs::IdempotencyKey;
use geocrop_database::{JobKind, NewJob, Submission, Submitted, User};
use geocrop_raster::{Aoi, AoiError};
use geocrop_store::{ContentHash, Period};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::address;
use super::document::{Estimate, JobDocument};
use crate::problem::{Problem, ProblemDocument};
use crate::request::{Caller, Json};
use crate::roles::aoi_limits;
use crate::routes::accounts::{Limits, limits};
use crate::{ApiState, RecipeInfo, precomputed};

/// Bytes of an order. The outline may have 5 MB; the rest is for what is around it.
pub(crate) const ORDER_LIMIT: usize = 6_000_000;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What to make, of where. Each kind takes its own members; one that it does not take is refused.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// What sort of answer is wanted: `map` (by any recipe; if it is left out), `ndvi`, `buffer`, `zonal-stats` or
    /// `predict`.
    #[schema(value_type = Option<String>, example = "map")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// For `map`, `ndvi` and `zonal-stats`: a recipe's name, from `GET /v1/recipes`; for `ndvi` it may be left out.
    #[schema(example = "ndvi")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    /// With a recipe: one of its periods.
    #[schema(example = "2024")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    /// For `map` and `ndvi`: a GeoJSON `Polygon` or `MultiPolygon` in longitude and latitude, bare or as one Feature. For
    /// `buffer`: any GeoJSON geometry, in the coordinates of `crs`.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aoi: Option<Value>,
    /// For `map` and `ndvi`; `true`: make the map from imagery even where it is published already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh: Option<bool>,
    /// For `buffer`: how far to grow, in metres; negative shrinks polygons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metres: Option<f64>,
    /// For `buffer`: of the coordinates, such as `EPSG:32736`; x or longitude comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crs: Option<String>,
    /// For `buffer`: segments to a quarter circle.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segments: Option<u32>,
    /// For `zonal-stats`: a GeoJSON FeatureCollection of polygons in longitude and latitude.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    features: Option<Value>,
    /// For `predict`: a model's name, or name and version as `name/version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// For `predict`: rows, each a list of the model's features in its order or an object of them by name.
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instances: Option<Value>,
}

impl Order {
    /// The members that are there, by name.
    fn given(&self) -> [(&'static str, bool); 10] {
        [
            ("recipe", self.recipe.is_some()),
            ("period", self.period.is_some()),
            ("aoi", self.aoi.is_some()),
            ("fresh", self.fresh.is_some()),
            ("metres", self.metres.is_some()),
            ("crs", self.crs.is_some()),
            ("segments", self.segments.is_some()),
            ("features", self.features.is_some()),
            ("model", self.model.is_some()),
            ("instances", self.instances.is_some()),
        ]
    }

    /// The kind, if there is such a one and it takes and has what is given.
    fn kind(&self) -> Result<JobKind, Problem> {
        let kind = match self.kind.as_deref() {
            None => JobKind::Map,
            Some(text) => text.parse().map_err(|_| {
                Problem::unprocessable(
                    "unknown-kind",
                    "No such kind of job",
                    format!("There is no kind of job {text:?}."),
                )
                .hint(format!(
                    "There are {}.",
                    join(JobKind::ALL.iter().map(|kind| kind.as_str()))
                ))
            })?,
        };
        let (needed, allowed): (&[&str], &[&str]) = match kind {
            JobKind::Map => (&["recipe", "period", "aoi"], &["fresh"]),
            JobKind::Ndvi => (&["period", "aoi"], &["recipe", "fresh"]),
            JobKind::Buffer => (&["aoi", "metres"], &["crs", "segments"]),
            JobKind::ZonalStats => (&["recipe", "period", "features"], &[]),
            JobKind::Predict => (&["model", "instances"], &[]),
        };
        for (name, there) in self.given() {
            let wrong = if needed.contains(&name) && !there {
                "missing field"
            } else if there && !needed.contains(&name) && !allowed.contains(&name) {
                "unexpected field"
            } else {
                continue;
            };
            return Err(Problem::invalid_request(format!(
                "{wrong} `{name}` for a job of kind {kind}"
            )));
        }
        Ok(kind)
    }
}

/// How an order is meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Mode {
    /// `true`: only say what it would take; nothing is made, nothing counts.
    #[serde(default)]
    dry_run: bool,
}

/// What an order would take.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quote {
    /// What sort of answer it would be.
    #[schema(value_type = String)]
    kind: JobKind,
    /// The area in square kilometres, where there is one.
    #[schema(required = true)]
    area_km2: Option<f64>,
    /// Minutes of work and bytes of the result, as far as one can say.
    estimate: Estimate,
    /// What the account may do at this moment.
    quota: Limits,
}

/// Submit a job
///
/// Where published maps cover the area, the answer is cut out of them at once and costs no quota. Else the job goes into the
/// queue. Follow it at the address in `Location`. With an `Idempotency-Key` a request that is sent
/// again, because its answer was lost, is the same job.
#[utoipa::path(post, path = "/v1/jobs", tag = "Jobs", security(("token" = [])), request_body = Order,
    params(Mode, ("Idempotency-Key" = Option<String>, Header, description = "Your word for this request, up to 200 characters.")), responses(
    (status = 200, description = "With `dry_run`: what it would take. Or the job of the same request made before.",
        content((Quote = "application/json"), (JobDocument = "application/json"))),
    (status = 201, description = "The job is done already, from published maps.", body = JobDocument,
        headers(("Location" = String, description = "Address of the job."))),
    (status = 202, description = "The job waits for a worker.", body = JobDocument,
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
    mode: Result<Query<Mode>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    Json(order): Json<Order, ORDER_LIMIT>,
) -> Result<Response, Problem> {
    let Query(mode) = mode.map_err(|error| {
        Problem::invalid_request(error.body_text()).hint("There is one parameter: dry_run=true.")
    })?;
    if mode.dry_run {
        let new = checked(&state, &user, &order).await?;
        return Ok(axum::Json(Quote {
            kind: new.kind,
            area_km2: new.area_km2,
            estimate: Estimate::new(new.estimate.seconds, new.estimate.bytes),
            quota: limits(&state, &user).await?,
        })
        .into_response());
    }
    let submitted = place(&state, &user, &headers, &order).await?;
    answer(&state, submitted).await
}

/// Answers an order from published maps, or puts it into the queue.
pub(crate) async fn place(
    state: &ApiState,
    user: &User,
    headers: &HeaderMap,
    order: &Order,
) -> Result<Submitted, Problem> {
    let idempotency = idempotency(headers, order)?;
    let new = checked(state, user, order).await?;
    if state.is_draining() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "The server is stopping",
            "The server is being stopped and takes no new jobs.",
        )
        .hint("Try again in a minute.")
        .retry_after(30));
    }
    let role = state.roles().of(user)?;
    let submission = Submission {
        user,
        job: &new,
        limit: role.jobs,
        idempotency: idempotency.as_ref(),
    };
    if order.fresh != Some(true)
        && let Some(answered) =
            precomputed::answer(state, user, &new, &submission, role.keep).await?
    {
        return Ok(answered);
    }
    let submitted = state.database().submit(&submission).await?;
    if let Submitted::New(job) = &submitted {
        state.work().notify_one();
        let priority = job.priority;
        state.sharing().run_waits(priority, job.id.as_str()).await;
    }
    Ok(submitted)
}

async fn answer(state: &ApiState, submitted: Submitted) -> Result<Response, Problem> {
    let status = match &submitted {
        Submitted::New(job) if job.status.is_final() => StatusCode::CREATED,
        Submitted::New(_) => StatusCode::ACCEPTED,
        Submitted::Repeated(_) => StatusCode::OK,
    };
    let job = submitted.job();
    let location = address(&job.id);
    let document = axum::Json(JobDocument::whole(state, job).await?);
    Ok((status, [(header::LOCATION, location)], document).into_response())
}

/// The caller's word for the request, if there is one.
fn idempotency(headers: &HeaderMap, order: &Order) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key
        .to_str()
        .ok()
        .map(|key| key.trim().trim_matches('"'))
        .filter(|key| (1..=200).contains(&key.len()))
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-idempotency-key",
                "The idempotency key cannot be used",
                "The Idempotency-Key has to be 1 to 200 visible ASCII characters.",
            )
        })?;
    let text = serde_json::to_vec(order).map_err(|error| Problem::internal(&error))?;
    Ok(Some(IdempotencyKey {
        key: key.to_owned(),
        request_hash: ContentHash::of_bytes(&text).to_string(),
    }))
}

/// The order as a job, if it can be done and the account may ask for it.
async fn checked(state: &ApiState, user: &User, order: &Order) -> Result<NewJob, Problem> {
    let role = state.roles().of(user)?;
    let kind = order.kind()?;
    let recipe = match (kind, &order.recipe, &order.period) {
        (JobKind::Ndvi, None, Some(period)) => Some(("ndvi", period)),
        (_, Some(recipe), Some(period)) => Some((recipe.as_str(), period)),
        _ => None,
    };
    let recipe = match recipe {
        Some((recipe, period)) => Some(choose(state.runner().recipes(), recipe, period)?),
        None => None,
    };
    match (kind, recipe, &order.aoi) {
        (JobKind::Map | JobKind::Ndvi, Some((recipe, period)), Some(aoi)) => {
            let limits = aoi_limits(role, Some(&recipe));
            let runner = std::sync::Arc::clone(state.runner());
            let (text, priority) = (aoi.to_string(), role.priority);
            // An outline of many corners takes a while to check.
            tokio::task::spawn_blocking(move || {
                let aoi = Aoi::parse(&text, "area", &limits)?;
                let area_km2 = aoi.area_km2();
                let identity = json!([
                    kind,
                    recipe.name,
                    recipe.fingerprint,
                    period,
                    aoi.slug,
                    aoi.to_geojson_geometry()
                ]);
                Ok(NewJob {
                    kind,
                    request: json!({ "recipe": recipe.name, "period": period }).to_string(),
                    estimate: runner.estimate(&recipe.name, area_km2),
                    recipe: Some(recipe.name),
                    period: Some(period),
                    geometry: Some(aoi.to_geojson_geometry().to_string()),
                    aoi_geojson: Some(text),
                    area_km2: Some(area_km2),
                    priority,
                    content_key: content_key(&identity),
                })
            })
            .await
            .map_err(|error| Problem::internal(&error))?
            .map_err(|error| refuse(&error))
        }
        (_, recipe, _) => {
            // Checked when it is run: what is wrong with it is told as the job's message.
            let mut request =
                serde_json::to_value(order).map_err(|error| Problem::internal(&error))?;
            request["max_area_km2"] = role.max_area_km2.into();
            let fingerprint = recipe
                .as_ref()
                .map(|(recipe, _)| recipe.fingerprint.clone());
            let (recipe, period) = match recipe {
                Some((recipe, period)) => (Some(recipe.name), Some(period)),
                None => (None, None),
            };
            Ok(NewJob {
                kind,
                content_key: content_key(&json!([kind, fingerprint, request])),
                request: request.to_string(),
                recipe,
                period,
                aoi_geojson: None,
                geometry: None,
                area_km2: None,
                priority: role.priority,
                estimate: geocrop_database::Estimate::default(),
            })
        }
    }
}

fn content_key(identity: &Value) -> String {
    ContentHash::of_bytes(identity.to_string().as_bytes()).to_string()
}

/// The recipe and the period that an order names.
fn choose(
    recipes: Vec<RecipeInfo>,
    wanted: &str,
    period: &str,
) -> Result<(RecipeInfo, Period), Problem> {
    let names = join(recipes.iter().map(|recipe| recipe.name.as_str()));
    let recipe = recipes
        .into_iter()
        .find(|recipe| recipe.name.as_str() == wanted)
        .ok_or_else(|| {
            Problem::unprocessable(
                "unknown-recipe",
                "No such recipe",
                format!("There is no recipe {wanted:?}."),
            )
            .hint(format!("GET /v1/recipes lists them: {names}."))
        })?;
    let period = recipe
        .periods
        .iter()
        .find(|known| known.as_str() == period)
        .cloned()
        .ok_or_else(|| {
            Problem::unprocessable(
                "unknown-period",
                "No imagery for this period",
                format!("The recipe {} has no period {period:?}.", recipe.name),
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
