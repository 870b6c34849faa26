//! Each request is watched: it gets an id, a span that log lines and traces belong to, and its time is measured.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::ApiState;

/// Comes with a request from a proxy that has given it one, and goes with every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Goes around everything else.
pub(crate) async fn watch(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let id = given(&request).unwrap_or_else(geocrop_database::new_id);
    let method = method(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    // At the level of errors, so that a log of errors alone still says whose they are.
    let span = tracing::error_span!("request", request_id = %id, method, route, otel.kind = "server", status = tracing::field::Empty);
    let metrics = state.metrics();
    // Also when the client leaves and the answer is dropped half made.
    let _in_flight = InFlight::new(metrics.in_flight.clone());
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, seconds) = (response.status(), begun.elapsed().as_secs_f64());
    metrics
        .requests
        .with_label_values(&[&route, method, status.as_str()])
        .observe(seconds);
    span.record("status", status.as_u16());
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), seconds, "answered");
        } else {
            tracing::info!(status = status.as_u16(), seconds, "answered");
        }
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The id that a proxy gave the request, if it looks like one.
fn given(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    ((8..=64).contains(&id.len()) && id.bytes().all(sound)).then(|| id.to_owned())
}

/// One of a short list: clients may make methods up.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

struct InFlight(prometheus::IntGauge);

impl InFlight {
    fn new(gauge: prometheus::IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
