//! Jobs as the standard tells them.

use std::collections::BTreeMap;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use geocrop_database::{Job, JobFilter, JobStatus};
use geocrop_store::ContentType;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Link, ProblemDocument, base, exception};
use crate::ApiState;
use crate::problem::Problem;
use crate::request::Caller;
use crate::routes::jobs::result::signed_address;
use crate::routes::jobs::{self, document::JobDocument};
use crate::routes::time;

/// How a job stands.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcStatusInfo)]
pub(crate) struct StatusInfo {
    /// The process.
    #[serde(rename = "processID")]
    process_id: &'static str,
    /// Always `process`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The job.
    #[serde(rename = "jobID")]
    job_id: String,
    /// `accepted`, `running`, `successful`, `failed` or `dismissed`.
    #[schema(value_type = String)]
    status: JobStatus,
    /// What is being done, or what was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Per cent.
    progress: u8,
    /// When it was asked for (RFC 3339).
    created: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished: Option<String>,
    /// Where to go on.
    links: Vec<Link>,
}

impl StatusInfo {
    pub(super) fn new(job: &Job, base: &str) -> Self {
        let address = format!("{base}/ogc/jobs/{}", job.id);
        let mut links = vec![Link::json(address.clone(), "self", "This job")];
        if job.result_key.is_some() {
            links.push(Link::json(
                format!("{address}/results"),
                "http://www.opengis.net/def/rel/ogc/1.0/results",
                "Its results",
            ));
        }
        Self {
            process_id: job.kind.as_str(),
            kind: "process",
            job_id: job.id.to_string(),
            status: job.status,
            message: job
                .message
                .clone()
                .or_else(|| Some(job.stage.clone()).filter(|stage| !stage.is_empty())),
            progress: job.progress,
            created: time(job.created_at),
            started: job.started_at.map(time),
            finished: job.finished_at.map(time),
            links,
        }
    }
}

/// The jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcJobs)]
pub(crate) struct JobList {
    /// The newest first.
    jobs: Vec<StatusInfo>,
    /// Where this is.
    links: Vec<Link>,
}

/// How many jobs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Limit {
    /// As many at most; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// List the jobs in the standard form
///
/// The latest jobs of your tenant, the newest first.
#[utoipa::path(get, path = "/ogc/jobs", tag = "OGC API - Processes", security(("token" = [])), params(Limit), responses(
    (status = 200, description = "The jobs.", body = JobList),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 422, description = "The limit cannot be used.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Caller(user): Caller,
    headers: HeaderMap,
    limit: Result<Query<Limit>, QueryRejection>,
) -> Result<axum::Json<JobList>, Problem> {
    let Query(Limit { limit }) =
        limit.map_err(|error| Problem::invalid_request(error.body_text()))?;
    let filter = JobFilter {
        limit: jobs::list::page(limit).map_err(Problem::invalid_request)?,
        ..JobFilter::default()
    };
    let jobs = state.database().jobs(&user.tenant, &filter).await?;
    let base = base(&state, &headers);
    Ok(axum::Json(JobList {
        jobs: jobs.iter().map(|job| StatusInfo::new(job, &base)).collect(),
        links: vec![Link::json(
            format!("{base}/ogc/jobs"),
            "self",
            "This document",
        )],
    }))
}

/// Follow a job in the standard form
///
/// How the job stands.
#[utoipa::path(get, path = "/ogc/jobs/{id}", tag = "OGC API - Processes", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The job.", body = StatusInfo),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Caller(user): Caller,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<StatusInfo>, Problem> {
    let job = jobs::find(&state, &user, id).await.map_err(no_such_job)?;
    Ok(axum::Json(StatusInfo::new(&job, &base(&state, &headers))))
}

/// Cancel a job in the standard form
///
/// Takes a job out of the queue, or stops it.
#[utoipa::path(delete, path = "/ogc/jobs/{id}", tag = "OGC API - Processes", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The job, dismissed.", body = StatusInfo),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "The job has ended already.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn dismiss(
    State(state): State<ApiState>,
    Caller(user): Caller,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<StatusInfo>, Problem> {
    let job = jobs::find(&state, &user, id).await.map_err(no_such_job)?;
    let job = jobs::cancel(&state, &user, &job).await?;
    Ok(axum::Json(StatusInfo::new(&job, &base(&state, &headers))))
}

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcReference)]
pub(crate) struct Reference {
    /// Its address, good for an hour without a token.
    href: String,
    /// The media type.
    #[serde(rename = "type")]
    media_type: &'static str,
}

/// Fetch the results
///
/// The files of a successful job, by addresses that are good for an hour without a token.
#[utoipa::path(get, path = "/ogc/jobs/{id}/results", tag = "OGC API - Processes", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id.")), responses(
    (status = 200, description = "The files by what they are.", body = BTreeMap<String, Reference>),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant, or it has no result.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn results(
    State(state): State<ApiState>,
    Caller(user): Caller,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<BTreeMap<String, Reference>>, Problem> {
    let job = jobs::find(&state, &user, id).await.map_err(no_such_job)?;
    if job.result_key.is_none() {
        let problem = Problem::not_found(format!("The job is {} and has no result.", job.status));
        // A job that has failed will have none.
        let name = if job.status.is_final() {
            "no-result"
        } else {
            "result-not-ready"
        };
        return Err(exception(name, problem));
    }
    let base = base(&state, &headers);
    let (tenant, id) = (job.tenant.clone(), job.id.clone());
    let document = JobDocument::whole(&state, job).await?;
    let references = document.results().iter().map(|(name, address)| {
        let file = address.rsplit('/').next().unwrap_or(address);
        let reference = Reference {
            href: format!("{base}{}", signed_address(&state, &tenant, &id, file)),
            media_type: ContentType::of_key(file).as_str(),
        };
        (name.clone(), reference)
    });
    Ok(axum::Json(references.collect()))
}

fn no_such_job(problem: Problem) -> Problem {
    if problem.is_not_found() {
        return exception("no-such-job", problem);
    }
    problem
}
