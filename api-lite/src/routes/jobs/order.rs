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
use crate::{ApiState, RecipeInfo};

/// Bytes of an order. The outline may have 5 MB; the rest is for what is around it.
const ORDER_LIMIT: usize = 6_000_000;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What to make, of where.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// What sort of answer is wanted: `map` (by any recipe; if it is left out) or `ndvi`.
    #[schema(value_type = Option<String>, example = "map")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// A recipe's name, from `GET /v1/recipes`; for `ndvi` it may be left out.
    #[schema(example = "ndvi")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    /// One of the recipe's periods.
    #[schema(example = "2024")]
    period: String,
    /// The area of interest: a GeoJSON `Polygon` or `MultiPolygon` in longitude and latitude, bare or as one Feature.
    #[schema(value_type = Object)]
    aoi: Value,
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
    /// The area in square kilometres.
    area_km2: f64,
    /// Minutes of work and bytes of the result, as far as one can say.
    estimate: Estimate,
    /// What the account may do at this moment.
    quota: Limits,
}

/// Submit a job
///
/// Puts a job into the queue. Follow it at the address in `Location`. With an `Idempotency-Key` a request that is sent
/// again, because its answer was lost, is the same job.
#[utoipa::path(post, path = "/v1/jobs", tag = "Jobs", security(("token" = [])), request_body = Order,
    params(Mode, ("Idempotency-Key" = Option<String>, Header, description = "Your word for this request, up to 200 characters.")), responses(
    (status = 200, description = "With `dry_run`: what it would take. Or the job of the same request made before.",
        content((Quote = "application/json"), (JobDocument = "application/json"))),
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
        Problem::unprocessable(
            "invalid-request",
            "The request is not what this address takes",
            error.body_text(),
        )
        .hint("There is one parameter: dry_run=true.")
    })?;
    let idempotency = idempotency(&headers, &order)?;
    let (new, area_km2) = checked(&state, &user, &order).await?;
    if mode.dry_run {
        return Ok(axum::Json(Quote {
            kind: new.kind,
            area_km2,
            estimate: Estimate::new(new.estimate.seconds, new.estimate.bytes),
            quota: limits(&state, &user).await?,
        })
        .into_response());
    }
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
    let submitted = state
        .database()
        .submit(&Submission {
            user: &user,
            job: &new,
            limit: state.roles().of(&user)?.jobs,
            idempotency: idempotency.as_ref(),
        })
        .await?;
    state.work().notify_one();
    Ok(answer(submitted))
}

fn answer(submitted: Submitted) -> Response {
    let status = match &submitted {
        Submitted::New(_) => StatusCode::ACCEPTED,
        Submitted::Repeated(_) => StatusCode::OK,
    };
    let job = submitted.job();
    let location = address(&job.id);
    let document = axum::Json(JobDocument::new(job));
    (status, [(header::LOCATION, location)], document).into_response()
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
async fn checked(state: &ApiState, user: &User, order: &Order) -> Result<(NewJob, f64), Problem> {
    let role = state.roles().of(user)?;
    let kind = match order.kind.as_deref() {
        None | Some("map") => JobKind::Map,
        Some("ndvi") => JobKind::Ndvi,
        Some(other) => {
            return Err(Problem::unprocessable(
                "unknown-kind",
                "No such kind of job",
                format!("There is no kind of job {other:?}."),
            )
            .hint("There are map and ndvi."));
        }
    };
    let wanted = order
        .recipe
        .as_deref()
        .or((kind == JobKind::Ndvi).then_some("ndvi"))
        .ok_or_else(|| {
            Problem::unprocessable(
                "invalid-request",
                "The request is not what this address takes",
                "missing field `recipe`",
            )
        })?;
    let (recipe, period) = choose(state.runner().recipes(), wanted, &order.period)?;
    let area_limits = aoi_limits(role, Some(&recipe));
    let text = order.aoi.to_string();
    let runner = std::sync::Arc::clone(state.runner());
    let priority = role.priority;
    tokio::task::spawn_blocking(move || {
        // An outline of many corners takes a while to check.
        let aoi = Aoi::parse(&text, "area", &area_limits)?;
        let area_km2 = aoi.area_km2();
        let request = json!({ "recipe": recipe.name, "period": period });
        let identity = json!([
            kind,
            recipe.name,
            recipe.fingerprint,
            period,
            aoi.slug,
            aoi.to_geojson_geometry()
        ]);
        let new = NewJob {
            kind,
            request: request.to_string(),
            estimate: runner.estimate(&recipe.name, area_km2),
            recipe: Some(recipe.name),
            period: Some(period),
            geometry: Some(aoi.to_geojson_geometry().to_string()),
            aoi_geojson: Some(text),
            area_km2: Some(area_km2),
            priority,
            content_key: ContentHash::of_bytes(identity.to_string().as_bytes()).to_string(),
        };
        Ok((new, area_km2))
    })
    .await
    .map_err(|error| Problem::internal(&error))?
    .map_err(|error| refuse(&error))
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
