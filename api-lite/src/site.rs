//! The built site: files of a folder, and problems for what is not there.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::ApiState;
use crate::problem::Problem;

/// Whatever no route took.
pub(crate) async fn serve_site(State(state): State<ApiState>, mut request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let none = || Problem::not_found(format!("There is nothing at {path}.")).into_response();
    if is_hidden(&path) || path.starts_with("/v1/") || path == "/v1" {
        return none();
    }
    let Some(site) = state.site() else {
        return none();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response =
            Problem::method_not_allowed(format!("{path} can only be read.")).into_response();
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if request.headers().contains_key(header::RANGE) {
        // A part is one of the file itself: nobody who asks for bytes 4 to 7 means those of a compressed copy.
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let page = site.join("404.html");
    let folder = ServeDir::new(site).precompressed_br().precompressed_gzip();
    let served = if page.is_file() {
        let page = ServeFile::new(page).precompressed_br().precompressed_gzip();
        folder
            .not_found_service(page)
            .oneshot(request)
            .await
            .into_response()
    } else {
        folder.oneshot(request).await.into_response()
    };
    let mut response = served.into_response();
    if response.status() == StatusCode::NOT_FOUND
        && !response.headers().contains_key(header::CONTENT_TYPE)
    {
        return none();
    }
    let keep = response.status() != StatusCode::NOT_FOUND && is_hashed(&path);
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if keep { FOR_EVER } else { ASK }),
    );
    // Which copy was sent depends on what the reader takes, also where none was: a cache between must know.
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// For names that hold the hash of their bytes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Pages keep their names; a browser must ask whether its copy is still right.
const ASK: &str = "no-cache";

/// Whether the last part of a path is a name as the generator gives it to assets: `style.0123456789ab.css`.
fn is_hashed(path: &str) -> bool {
    let mut parts = path
        .rsplit_once('/')
        .map_or(path, |(_, name)| name)
        .rsplit('.');
    let (Some(ending), Some(hash), Some(stem)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    !ending.is_empty() && !stem.is_empty() && hash.len() == 12 && hash.bytes().all(is_digit)
}

/// Whether a path names something whose name starts with a dot, also when the dot is written `%2e`.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|segment| {
        segment.starts_with('.')
            || segment
                .get(..3)
                .is_some_and(|start| start.eq_ignore_ascii_case("%2e"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_hash_is_told_from_others() {
        for path in [
            "/map/map.0123456789ab.js",
            "/style.ffffffffffff.css",
            "/a/b.c.0a1b2c3d4e5f.webp",
        ] {
            assert!(is_hashed(path), "{path}");
        }
        for path in [
            "/",
            "/map/",
            "/map/map.js",
            "/0123456789ab.js",
            "/map.0123456789ab",
            "/map.0123456789AB.js",
            "/map.0123456789abc.js",
            "/map.0123456789ab./x.js",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    #[test]
    fn dot_files_are_hidden_however_the_dot_is_written() {
        for path in [
            "/.git/config",
            "/a/.env",
            "/%2egit/config",
            "/a/%2Eenv",
            "/..",
        ] {
            assert!(is_hidden(path), "{path}");
        }
        for path in ["/", "/a.b/c", "/index.html", "/%20"] {
            assert!(!is_hidden(path), "{path}");
        }
    }
}
