//! Which address is answered by what.

pub(crate) mod accounts;
pub(crate) mod areas;
pub(crate) mod catalog;
pub(crate) mod invites;
pub(crate) mod jobs;
pub(crate) mod models;
pub(crate) mod processes;
pub(crate) mod ready;
pub(crate) mod status;

use axum::extract::{Path, State, rejection::PathRejection};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Router, middleware};
use chrono::{DateTime, SecondsFormat, Utc};
use geocrop_raster::{Aoi, AoiError, AoiLimits};
use geocrop_store::layout;
use tower_http::cors::{Any, CorsLayer};
use tower_http::trace::TraceLayer;

use crate::objects::{Audience, serve_object};
use crate::problem::Problem;
use crate::{ApiState, headers, layers, openapi, site};

/// All addresses of the server. [`serve`](crate::serve) adds the worker.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(catalog::health))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(openapi::document).layer(any_origin()))
        .route("/v1/status", get(status::status).layer(any_origin()))
        .route("/readyz", get(ready::ready))
        .route("/.well-known/jwks.json", get(accounts::public_keys))
        .route("/v1/auth/token", post(accounts::token))
        .route("/v1/auth/logout", post(accounts::logout))
        .route("/v1/auth/invite", post(invites::accept))
        .route("/v1/me", get(accounts::me))
        .route(
            "/v1/keys",
            get(invites::list_keys).post(invites::create_key),
        )
        .route("/v1/keys/{id}", delete(invites::revoke_key))
        .route("/v1/invites", get(invites::list).post(invites::create))
        .route("/v1/invites/{id}", delete(invites::revoke))
        .route("/v1/admin/areas", get(areas::asked))
        .route("/v1/recipes", get(catalog::recipes))
        .route("/v1/jobs", get(jobs::list::list).post(jobs::order::create))
        .route("/v1/jobs/{id}", get(jobs::show).delete(jobs::dismiss))
        .route("/v1/jobs/{id}/events", get(jobs::events::events))
        .route("/v1/jobs/{id}/result", get(jobs::result::main))
        .route("/v1/jobs/{id}/results/{file}", get(jobs::result::file))
        .route(
            "/v1/results/{tenant}/{id}/{file}",
            get(jobs::result::signed),
        )
        .merge(models::routes())
        .merge(processes::routes())
        .route("/store/{*key}", get(public_object).layer(any_origin()))
        .merge(layers::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(site::serve_site)
        .layer(middleware::from_fn(models::allow))
        .layer(middleware::from_fn(headers::secure))
        .layer(TraceLayer::new_for_http())
        .with_state(state)
}

/// The area of a job. What was accepted once is accepted for good, whatever limits hold by now.
pub(crate) fn parse_accepted(text: &str) -> Result<Aoi, AoiError> {
    let limits = AoiLimits {
        max_bytes: usize::MAX,
        max_vertices: usize::MAX,
        max_area_km2: None,
    };
    Aoi::parse(text, "area", &limits)
}

/// What a worker without the API answers.
pub(crate) fn worker_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(catalog::health))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(status::metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(async || Problem::not_found("A worker has /healthz, /readyz and /metrics."))
        .layer(middleware::from_fn(headers::secure))
        .with_state(state)
}

/// A moment as every answer writes it: RFC 3339 in UTC.
pub(crate) fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The store, the state and the description are public data: pages on other sites may read them.
fn any_origin() -> CorsLayer {
    let exposed: [HeaderName; 4] = [
        header::ETAG,
        header::CONTENT_RANGE,
        header::CONTENT_LENGTH,
        header::ACCEPT_RANGES,
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD])
        .allow_headers([
            header::RANGE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
        ])
        .expose_headers(exposed)
}

async fn public_object(
    State(state): State<ApiState>,
    key: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("There is no such file in the public part of the store.");
    let Path(key) = key.map_err(|_| none())?;
    if !layout::is_public(&key) {
        return Err(none());
    }
    serve_object(state.store(), key, Audience::Public, &request).await
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not take {method}.", uri.path()))
        .hint("The Allow header lists what it takes.")
}
