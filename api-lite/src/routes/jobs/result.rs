//! The files of a finished job: with a token, or by an address that is good for an hour.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use geocrop_database::Job;
use geocrop_store::{ResultKeys, Slug, layout};
use serde::Deserialize;

use super::{address, find};
use crate::ApiState;
use crate::objects::{Audience, serve_object};
use crate::problem::{Problem, ProblemDocument};
use crate::request::Caller;

/// Seconds for which a signed address is good.
const SIGNED_FOR: i64 = 3600;

/// Go to the result
///
/// Redirects to the main file of a successful job: the map of a map. The address is signed and good for an hour without a
/// token, so that any program can open it.
#[utoipa::path(get, path = "/v1/jobs/{id}/result", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 303, description = "The file's address is in `Location`."),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "No such job, or the job has no result.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn main(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let job = find(&state, &user, id).await?;
    let result = job.result_key.as_deref().ok_or_else(|| no_result(&job))?;
    let key = ResultKeys::from_item(result).map_or_else(|| result.to_owned(), |keys| keys.map());
    let file = key.rsplit('/').next().unwrap_or(&key);
    let location = signed_address(&state, &job.tenant, &job.id, file);
    Ok((
        StatusCode::SEE_OTHER,
        [
            (header::LOCATION, location),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ],
    )
        .into_response())
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
pub(crate) async fn file(
    State(state): State<ApiState>,
    Caller(user): Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let Path((id, file)) = path.map_err(|_| no_file(""))?;
    let job = find(&state, &user, Ok(Path(id))).await?;
    job.result_key.as_deref().ok_or_else(|| no_result(&job))?;
    serve(&state, &job.tenant, &job.id, &file, &request).await
}

/// What a signed address carries.
#[derive(Deserialize)]
pub(crate) struct Signed {
    /// Until when it is good, in seconds since 1970.
    expires: i64,
    /// The key that signed it.
    kid: String,
    signature: String,
}

/// Download a result by a signed address
///
/// Without a token: whoever has the address has the file, for an hour.
#[utoipa::path(get, path = "/v1/results/{tenant}/{id}/{file}", tag = "Jobs",
    params(("tenant" = String, Path, description = "From the address."), ("id" = String, Path, description = "The job's id."),
        ("file" = String, Path, description = "The file's name."), ("expires" = i64, Query, description = "From the address."),
        ("kid" = String, Query, description = "From the address."), ("signature" = String, Query, description = "From the address.")),
    responses(
    (status = 200, description = "The file.", content_type = "application/octet-stream"),
    (status = 206, description = "The range of it.", content_type = "application/octet-stream"),
    (status = 404, description = "No such file.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, description = "The address is not good, or not any more.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 416, description = "The file ends before the range begins.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn signed(
    State(state): State<ApiState>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    query: Result<Query<Signed>, axum::extract::rejection::QueryRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let refused = || {
        Problem::forbidden("The address is not good, or not any more.")
            .hint("GET /v1/jobs/{id}/result with your token gives a new one.")
    };
    let Path((tenant, id, file)) = path.map_err(|_| refused())?;
    let Query(signed) = query.map_err(|_| refused())?;
    let (tenant, id): (Slug, Slug) = tenant
        .parse()
        .ok()
        .zip(id.parse().ok())
        .ok_or_else(refused)?;
    let key = state.tokens().keys().get(&signed.kid).ok_or_else(refused)?;
    let text = signed_text(&tenant, &id, &file, signed.expires);
    if signed.expires < Utc::now().timestamp() || !key.signed(text.as_bytes(), &signed.signature) {
        return Err(refused());
    }
    serve(&state, &tenant, &id, &file, &request).await
}

/// An address of a file that opens without a token for an hour.
pub(crate) fn signed_address(state: &ApiState, tenant: &Slug, id: &Slug, file: &str) -> String {
    let expires = Utc::now().timestamp() + SIGNED_FOR;
    let key = state.tokens().keys().newest();
    let signature = key.sign(signed_text(tenant, id, file, expires).as_bytes());
    format!(
        "/v1/results/{tenant}/{id}/{file}?expires={expires}&kid={}&signature={signature}",
        key.kid
    )
}

fn signed_text(tenant: &Slug, id: &Slug, file: &str, expires: i64) -> String {
    format!("result {tenant} {id} {file} {expires}")
}

async fn serve(
    state: &ApiState,
    tenant: &Slug,
    id: &Slug,
    file: &str,
    request: &HeaderMap,
) -> Result<Response, Problem> {
    // Names as results have them; everything else is no file, whatever a store would make of it.
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain = !file.is_empty() && !file.starts_with('.') && file.chars().all(known);
    if !plain {
        return Err(no_file(file));
    }
    let key = format!("{}/{file}", layout::job_folder(tenant, id));
    serve_object(state.store(), key, Audience::Private, request)
        .await
        .map_err(|problem| match problem {
            problem if problem.is_not_found() => no_file(file),
            problem => problem,
        })
}

fn no_result(job: &Job) -> Problem {
    let problem = Problem::not_found(format!("The job is {} and has no result.", job.status));
    if job.expires_at.is_some() {
        return problem.hint("Its files have expired and were removed; ask for it again.");
    }
    problem.hint(format!(
        "GET {} until its status is successful.",
        address(&job.id)
    ))
}

fn no_file(file: &str) -> Problem {
    Problem::not_found(format!("The result has no file {file:?}."))
        .hint("GET /v1/jobs/{id} lists its files in `results`.")
}
