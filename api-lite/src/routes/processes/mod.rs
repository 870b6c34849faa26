//! The same jobs as OGC API - Processes, part 1: Core (OGC 18-062r2), with job list and dismissal, for clients that speak the
//! standard.
//!
//! | | |
//! |--|--|
//! | `GET /ogc`, `GET /ogc/conformance` | what this is, and what of the standard it does |
//! | `GET /ogc/processes`, `GET /ogc/processes/{id}` | what may be asked for, with its inputs |
//! | `POST /ogc/processes/{id}/execution` | ask for it: always a job, also where a client would wait |
//! | `GET /ogc/jobs`, `GET`, `DELETE /ogc/jobs/{id}` | follow, cancel |
//! | `GET /ogc/jobs/{id}/results` | the files, by addresses that are good for an hour without a token |
//!
//! A process is a kind of job, an input is a member of [`Order`](super::jobs::order::Order).

pub(crate) mod describe;
pub(crate) mod execute;
pub(crate) mod jobs;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};

/// The standard's own names of what went wrong.
const EXCEPTION: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0";

/// The addresses of the standard.
pub(crate) fn routes() -> Router<ApiState> {
    Router::new()
        .route("/ogc", get(landing))
        .route("/ogc/conformance", get(conformance))
        .route("/ogc/processes", get(describe::list))
        .route("/ogc/processes/{id}", get(describe::show))
        .route("/ogc/processes/{id}/execution", post(execute::execute))
        .route("/ogc/jobs", get(jobs::list))
        .route("/ogc/jobs/{id}", get(jobs::show).delete(jobs::dismiss))
        .route("/ogc/jobs/{id}/results", get(jobs::results))
}

/// An address and what is there.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OgcLink)]
pub(crate) struct Link {
    /// The address.
    pub(crate) href: String,
    /// What it is to this document.
    pub(crate) rel: String,
    /// The media type.
    #[serde(rename = "type")]
    pub(crate) media_type: String,
    /// For people.
    pub(crate) title: String,
}

impl Link {
    pub(crate) fn json(href: impl Into<String>, rel: &str, title: &str) -> Self {
        Self {
            href: href.into(),
            rel: rel.to_owned(),
            media_type: "application/json".to_owned(),
            title: title.to_owned(),
        }
    }
}

/// Where clients find this server: as it is configured, or as they ask for it.
pub(crate) fn base(state: &ApiState, headers: &HeaderMap) -> String {
    if !state.public_url().is_empty() {
        return state.public_url().to_owned();
    }
    let host = headers
        .get(axum::http::header::HOST)
        .and_then(|host| host.to_str().ok());
    host.map_or_else(String::new, |host| format!("http://{host}"))
}

/// The front door.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcLanding)]
pub(crate) struct Landing {
    /// Its name.
    title: &'static str,
    /// What it is.
    description: &'static str,
    /// Where to go on.
    links: Vec<Link>,
}

/// The front door for standard clients
///
/// Links to the description, the declaration of conformance, the processes and the jobs.
#[utoipa::path(get, path = "/ogc", tag = "OGC API - Processes", responses(
    (status = 200, description = "The links.", body = Landing),
))]
pub(crate) async fn landing(
    State(state): State<ApiState>,
    headers: HeaderMap,
) -> axum::Json<Landing> {
    let base = base(&state, &headers);
    axum::Json(Landing {
        title: "GeoCrop",
        description: "Crop and land-cover maps on demand.",
        links: vec![
            Link::json(format!("{base}/ogc"), "self", "This document"),
            Link {
                href: format!("{base}/openapi.json"),
                rel: "service-desc".to_owned(),
                media_type: "application/vnd.oai.openapi+json;version=3.1".to_owned(),
                title: "The API for programs".to_owned(),
            },
            Link::json(
                format!("{base}/ogc/conformance"),
                "http://www.opengis.net/def/rel/ogc/1.0/conformance",
                "What of the standard it does",
            ),
            Link::json(
                format!("{base}/ogc/processes"),
                "http://www.opengis.net/def/rel/ogc/1.0/processes",
                "What may be asked for",
            ),
            Link::json(
                format!("{base}/ogc/jobs"),
                "http://www.opengis.net/def/rel/ogc/1.0/job-list",
                "The jobs",
            ),
        ],
    })
}

/// What of the standard is done.
#[derive(Serialize, ToSchema)]
#[schema(as = OgcConformance)]
pub(crate) struct Conformance {
    /// The standard's names of it.
    #[serde(rename = "conformsTo")]
    conforms_to: Vec<String>,
}

/// What of the standard it does
///
/// Core, JSON, job list, dismissal, `OpenAPI` and the standard's way to describe a process.
#[utoipa::path(get, path = "/ogc/conformance", tag = "OGC API - Processes", responses(
    (status = 200, description = "The conformance classes.", body = Conformance),
))]
pub(crate) async fn conformance() -> axum::Json<Conformance> {
    let classes = [
        "core",
        "ogc-process-description",
        "json",
        "oas30",
        "job-list",
        "dismiss",
    ];
    let name = |class| format!("http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{class}");
    axum::Json(Conformance {
        conforms_to: classes.map(name).to_vec(),
    })
}

/// A problem under the standard's own name.
fn exception(name: &str, problem: Problem) -> Problem {
    problem.typed(format!("{EXCEPTION}/{name}"))
}
