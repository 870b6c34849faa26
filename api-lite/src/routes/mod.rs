//! Which address is answered by what.

pub(crate) mod accounts;
pub(crate) mod areas;
pub(crate) mod catalog;
pub(crate) mod invites;
pub(crate) mod jobs;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod processes;
pub(crate) mod ready;
pub(crate) mod status;

use std::time::Duration;

use axum::extract::{Path, State, rejection::PathRejection};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Router, middleware};
use chrono::{DateTime, SecondsFormat, Utc};
use geocrop_store::layout;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::objects::{Audience, serve_object};
use crate::problem::Problem;
use crate::{ApiState, headers, layers, openapi, site, watched};

/// All addresses of the server. [`serve`](crate::serve) adds the worker.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .merge(among(any_origin(), open()))
        .merge(among(any_origin(), layers::routes()))
        .merge(match named_origins(state.cors_origins()) {
            Some(origins) => among(origins, closed()),
            None => closed(),
        })
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(site::serve_site)
        .layer(middleware::from_fn(models::allow))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            watched::watch,
        ))
        .with_state(state)
}

/// What everybody may read, from pages of any site.
fn open() -> Router<ApiState> {
    Router::new()
        .route("/openapi.json", get(openapi::document))
        .route("/v1/status", get(status::status))
        .route("/store/{*key}", get(public_object))
}

/// What belongs to somebody: pages of other sites may use it where the configuration names them.
fn closed() -> Router<ApiState> {
    Router::new()
        .route("/healthz", get(catalog::health))
        .route("/metrics", get(metrics::metrics))
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
}

/// Lets pages of these origins ask. The answer to a method that an address does not take is inside: a browser asks with
/// `OPTIONS` first, and no address takes that.
fn among(origins: CorsLayer, routes: Router<ApiState>) -> Router<ApiState> {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(origins)
}

/// What a worker without the API answers.
pub(crate) fn worker_router(state: ApiState) -> Router {
    Router::new()
        .route("/healthz", get(catalog::health))
        .route("/readyz", get(ready::ready))
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(async || Problem::not_found("A worker has /healthz, /readyz and /metrics."))
        .layer(middleware::from_fn(headers::secure))
        .with_state(state)
}

/// A moment as every answer writes it: RFC 3339 in UTC.
pub(crate) fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The store, its layers, the state and the description are public: pages of any site may read them.
fn any_origin() -> CorsLayer {
    let exposed: [HeaderName; 4] = [
        header::ETAG,
        header::CONTENT_RANGE,
        header::CONTENT_LENGTH,
        header::ACCEPT_RANGES,
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::RANGE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
        ])
        .expose_headers(exposed)
}

/// The pages that may use accounts and jobs. Tokens come in a header that their scripts set, never in cookies.
fn named_origins(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = origins.iter();
        AllowOrigin::list(origins.filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let sent = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::IF_NONE_MATCH,
        header::RANGE,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("prefer"),
    ];
    let read = [
        header::ACCEPT_RANGES,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::ETAG,
        header::LINK,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("x-request-id"),
    ];
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            .allow_headers(sent)
            .expose_headers(read)
            .max_age(Duration::from_hours(1)),
    )
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
