//! Headers that every response carries.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// For JSON and files: nothing in them is ever run.
const INERT: &str = "default-src 'none'; frame-ancestors 'none'";
/// For pages: everything from this server. The map's workers are blobs; pages style their charts inline. Only pages of
/// this server may frame them: the home page holds the map.
const PAGES: &str = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; \
    frame-ancestors 'self'";

/// Adds what keeps browsers from guessing, framing and leaking.
pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_api = path.starts_with("/v1/");
    let is_inert = is_api
        || matches!(path, "/healthz" | "/metrics" | "/openapi.json")
        || path.starts_with("/store/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        header::X_FRAME_OPTIONS,
        if is_inert { "DENY" } else { "SAMEORIGIN" },
    );
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(
        header::CONTENT_SECURITY_POLICY,
        if is_inert { INERT } else { PAGES },
    );
    if is_api {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
