//! How the built site is sent: compressed copies, what may be kept for how long, who may frame it.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use common::{Place, Server};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, IF_MODIFIED_SINCE, RANGE};
use reqwest::{Method, Response, StatusCode};

const SCRIPT: &str = "/map/map.0123456789ab.js";

/// A site as the generator leaves it: the copies hold other bytes, so that a test sees which file was sent.
async fn place() -> Place {
    let place = Place::new().await;
    let site = place.path("site");
    std::fs::create_dir_all(site.join("map")).unwrap();
    for (name, text) in [
        ("index.html.gz", "home, packed"),
        ("404.html.gz", "lost, packed"),
        ("map/map.0123456789ab.js", "the whole script"),
        ("map/map.0123456789ab.js.gz", "script as gzip"),
        ("map/map.0123456789ab.js.br", "as brotli"),
        ("map/layers.json", "{}"),
    ] {
        std::fs::write(site.join(name), text).unwrap();
    }
    place
}

async fn ask(server: &Server, method: Method, path: &str, accepted: &str) -> Response {
    let request = server.client.request(method, server.url(path));
    let answer = request.header(ACCEPT_ENCODING, accepted).send();
    answer.await.unwrap()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_copy_that_a_reader_takes_is_sent() {
    let place = place().await;
    let server = place.start().await;
    for (path, accepted, encoding, body, kind) in [
        ("/", "gzip, br", "gzip", "home, packed", "text/html"),
        ("/", "identity", "", "<h1>home</h1>", "text/html"),
        ("/about/", "gzip, br", "", "<h1>about</h1>", "text/html"),
        (
            SCRIPT,
            "gzip, deflate, br, zstd",
            "br",
            "as brotli",
            "text/javascript",
        ),
        (SCRIPT, "gzip", "gzip", "script as gzip", "text/javascript"),
        (
            SCRIPT,
            "br;q=0, gzip;q=0.5",
            "gzip",
            "script as gzip",
            "text/javascript",
        ),
        (SCRIPT, "deflate", "", "the whole script", "text/javascript"),
        ("/map/layers.json", "gzip, br", "", "{}", "application/json"),
    ] {
        let what = format!("{path} to a reader of {accepted}");
        let answer = ask(&server, Method::GET, path, accepted).await;
        assert_eq!(answer.status(), StatusCode::OK, "{what}");
        let headers = answer.headers().clone();
        assert_eq!(text(&headers, "content-encoding"), encoding, "{what}");
        assert_eq!(text(&headers, "content-type"), kind, "{what}");
        assert_eq!(text(&headers, "vary"), "accept-encoding", "{what}");
        assert_eq!(
            text(&headers, "content-length"),
            body.len().to_string(),
            "{what}"
        );
        assert_eq!(answer.text().await.unwrap(), body, "{what}");

        let head = ask(&server, Method::HEAD, path, accepted).await;
        for name in [
            "content-encoding",
            "content-type",
            "content-length",
            "cache-control",
            "vary",
        ] {
            assert_eq!(
                text(head.headers(), name),
                text(&headers, name),
                "{name} of {what}"
            );
        }
        assert_eq!(head.text().await.unwrap(), "", "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_lost_is_a_404_in_either_form() {
    let place = place().await;
    let server = place.start().await;
    for (accepted, body) in [("gzip", "lost, packed"), ("identity", "<h1>lost</h1>")] {
        // The name of an asset that an earlier build had: the page that says so must not be kept in its place.
        for path in ["/none/", "/map/map.ba9876543210.js"] {
            let answer = ask(&server, Method::GET, path, accepted).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            assert_eq!(text(answer.headers(), "cache-control"), "no-cache");
            assert_eq!(text(answer.headers(), "content-type"), "text/html");
            assert_eq!(answer.text().await.unwrap(), body);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_part_is_one_of_the_file_itself() {
    let place = place().await;
    let server = place.start().await;
    let request = server.get(SCRIPT).header(RANGE, "bytes=4-8");
    let answer = request
        .header(ACCEPT_ENCODING, "br, gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(text(answer.headers(), "content-encoding"), "");
    assert_eq!(text(answer.headers(), "content-range"), "bytes 4-8/16");
    assert_eq!(answer.text().await.unwrap(), "whole");
    let beyond = server
        .get(SCRIPT)
        .header(RANGE, "bytes=99-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(text(beyond.headers(), "content-range"), "bytes */16");
    server.stop().await;
}

#[tokio::test]
async fn names_with_a_hash_are_kept_and_others_asked_about() {
    let place = place().await;
    let server = place.start().await;
    for path in ["/", "/about/", "/index.html", "/map/layers.json"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(
            text(answer.headers(), "cache-control"),
            "no-cache",
            "{path}"
        );
    }
    let kept = server.get(SCRIPT).send().await.unwrap();
    let for_ever = "public, max-age=31536000, immutable";
    assert_eq!(text(kept.headers(), "cache-control"), for_ever);

    let home = server.get("/").send().await.unwrap();
    let again = server
        .get("/")
        .header(IF_MODIFIED_SINCE, text(home.headers(), "last-modified"));
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(text(again.headers(), "vary"), "accept-encoding");
    server.stop().await;
}

#[tokio::test]
async fn pages_may_be_framed_by_this_site_alone_and_the_rest_by_nobody() {
    let place = place().await;
    let server = place.start().await;
    for (path, options, ancestors) in [
        ("/", "SAMEORIGIN", "frame-ancestors 'self'"),
        ("/none/", "SAMEORIGIN", "frame-ancestors 'self'"),
        ("/v1/recipes", "DENY", "frame-ancestors 'none'"),
        ("/healthz", "DENY", "frame-ancestors 'none'"),
        ("/store/catalog.json", "DENY", "frame-ancestors 'none'"),
    ] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(text(answer.headers(), "x-frame-options"), options, "{path}");
        let policy = text(answer.headers(), "content-security-policy");
        assert!(policy.ends_with(ancestors), "{path}: {policy}");
    }
    server.stop().await;
}
