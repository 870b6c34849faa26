//! Jobs: asking for a map, watching it, fetching it. The words are those of OGC API - Processes.

pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod list;
pub(crate) mod order;
pub(crate) mod result;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_database::{Job, JobStatus, User};
use geocrop_store::Slug;

use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};
use crate::request::Caller;
use document::JobDocument;

/// Where a job is found.
pub(crate) fn address(id: &Slug) -> String {
    format!("/v1/jobs/{id}")
}

/// Follow a job
///
/// How far the job is and, when it is successful, where its files are. The answer has a tag: ask with `If-None-Match`, and
/// nothing is sent while nothing has changed.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The job.", body = JobDocument),
    (status = 304, description = "The job is as it was."),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let job = find(&state, &user, id).await?;
    let etag = format!("\"{}\"", job.version);
    let known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        axum::Json(JobDocument::whole(&state, job).await?).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Cancel a job
///
/// Takes a job out of the queue, or stops it. A job that is cancelled before it began does not count against the quota.
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
    let job = find(&state, &user, id).await?;
    let job = cancel(&state, &user, &job).await?;
    Ok(axum::Json(JobDocument::new(job)).into_response())
}

/// Cancels a job, and tells whoever works on it.
pub(crate) async fn cancel(state: &ApiState, user: &User, job: &Job) -> Result<Job, Problem> {
    let id = job.id.as_str();
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
    state.job_was_dismissed();
    Ok(job)
}

/// A job of the caller's tenant. Another tenant's is not told from one that never was.
pub(crate) async fn find(
    state: &ApiState,
    user: &User,
    id: Result<Path<String>, PathRejection>,
) -> Result<Job, Problem> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    state
        .database()
        .job(&user.tenant, &id)
        .await?
        .ok_or_else(|| no_job(&id))
}

fn no_job(id: &str) -> Problem {
    Problem::not_found(format!("There is no job {id:?}.")).hint("GET /v1/jobs lists yours.")
}
