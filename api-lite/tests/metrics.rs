//! What Prometheus reads, the id of each request, and who may ask from another site's page.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{Place, Server};
use reqwest::{Method, StatusCode};

async fn metrics(server: &Server) -> String {
    let answer = server.get("/metrics").send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    answer.text().await.unwrap()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
}

#[tokio::test]
async fn requests_jobs_runs_and_the_queue_are_told_by_short_labels() {
    let mut place = Place::new().await;
    place.worker.runs_at_once = 1;
    let server = place.start().await;
    let ann = server.log_in("ann").await;
    let root = server.log_in("root").await;
    let done = server.ordered(&ann, "ndvi").await;
    server.until(&ann, &done, "successful").await;
    let cloudy = server.ordered(&root, "cloudy").await;
    server.until(&root, &cloudy, "failed").await;
    let endless = server.ordered(&root, "endless").await;
    server.until(&root, &endless, "running").await;
    for _ in 0..2 {
        server.ordered(&root, "ndvi").await;
    }
    for path in [
        "/v1/jobs/0",
        "/v1/jobs/1",
        "/nowhere",
        "/../etc",
        "/v1/nothing",
    ] {
        server.read(path, &root).await;
    }
    let odd = Method::from_bytes(b"BREW").unwrap();
    let brewed = server.client.request(odd, server.url("/v1/me"));
    assert_eq!(
        brewed.send().await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );

    let text = metrics(&server).await;
    for line in [
        r#"geocrop_jobs{kind="map",role="recruiter",status="successful"} 1"#,
        r#"geocrop_jobs{kind="map",role="admin",status="failed"} 1"#,
        r#"geocrop_jobs{kind="map",role="admin",status="running"} 1"#,
        r#"geocrop_jobs{kind="map",role="admin",status="accepted"} 2"#,
        r#"geocrop_queue_depth{priority="low"} 0"#,
        r#"geocrop_run_seconds_count{kind="map",outcome="done"} 1"#,
        r#"geocrop_run_seconds_count{kind="map",outcome="failed"} 1"#,
        r#"geocrop_http_request_duration_seconds_count{method="POST",route="/v1/jobs",status="202"} 5"#,
        r#"geocrop_http_request_duration_seconds_count{method="GET",route="/v1/jobs/{id}",status="404"} 2"#,
        r#"geocrop_http_request_duration_seconds_count{method="other",route="/v1/me",status="405"} 1"#,
        "geocrop_http_requests_in_flight 1",
    ] {
        has(&text, line);
    }
    let waiting: i64 = ["high", "normal", "low"]
        .iter()
        .map(|lane| {
            let series = format!("geocrop_queue_depth{{priority=\"{lane}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&series));
            line.unwrap().parse::<i64>().unwrap()
        })
        .sum();
    assert_eq!(waiting, 2);
    for series in [
        "geocrop_build_info{version=",
        "geocrop_queue_oldest_seconds ",
        "geocrop_database_connections{state=\"idle\"} ",
        "geocrop_database_connections{state=\"used\"} ",
        "geocrop_database_connections_max ",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
        "process_start_time_seconds ",
    ] {
        assert!(text.lines().any(|l| l.starts_with(series)), "{series}");
    }
    assert!(
        !text.contains("geocrop_redis_up "),
        "none is configured here"
    );
    assert!(!text.contains("/nowhere"), "addresses make no series");
    let series: HashSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let lines = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(series.len(), lines, "no series twice");

    lint(&text);
    server.stop().await;
}

/// Prometheus' own opinion of the text.
fn lint(text: &str) {
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: promtool is not installed (apt package prometheus)");
        return;
    };
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}\n{text}");
}

#[tokio::test]
async fn every_answer_has_an_id_that_a_proxy_may_have_given() {
    let place = Place::new().await;
    let server = place.start().await;
    let id = async |given: Option<&str>| {
        let mut request = server.get("/healthz");
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let answer = request.send().await.unwrap();
        answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let own = id(None).await;
    assert_eq!(own.len(), 36);
    assert_ne!(id(None).await, own);
    assert_eq!(id(Some("edge-4711.a_b")).await, "edge-4711.a_b");
    for bad in [
        "short",
        "with space in it",
        "line\tbreak-in-it",
        &"x".repeat(65),
    ] {
        assert_eq!(id(Some(bad)).await.len(), 36, "{bad} is not taken");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_named_sites_may_use_jobs_and_all_may_read_maps() {
    let place = Place::new().await;
    let server = place.start().await;
    let preflight = async |path: &str, origin: &str| {
        server
            .client
            .request(Method::OPTIONS, server.url(path))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type,idempotency-key",
            )
            .send()
            .await
            .unwrap()
    };
    let (friend, stranger) = ("https://friends.example", "https://other.example");
    let answer = preflight("/v1/jobs", friend).await;
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], friend);
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("idempotency-key"), "{allowed}");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let answer = preflight("/v1/jobs", stranger).await;
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    for (path, origin, allowed) in [
        ("/v1/recipes", friend, Some(friend)),
        ("/v1/recipes", stranger, None),
        ("/v1/me", friend, Some(friend)),
        ("/v1/layers", stranger, Some("*")),
        ("/v1/status", stranger, Some("*")),
        ("/openapi.json", stranger, Some("*")),
    ] {
        let answer = server.get(path).header("origin", origin);
        let answer = answer.send().await.unwrap();
        let named = answer.headers().get("access-control-allow-origin");
        let named = named.map(|value| value.to_str().unwrap());
        assert_eq!(named, allowed, "{path} from {origin}");
    }
    server.stop().await;
}
