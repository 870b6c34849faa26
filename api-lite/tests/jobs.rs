//! What a job's client can count on: repeats, previews, pages, events, shared runs, expiry.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Place, another_field, field, problem};
use geocrop_store::{Credentials, S3Settings, Store};
use geocrop_testbed::s3::{ACCESS_KEY, BUCKET, Fault, S3, SECRET_KEY};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_request_that_is_sent_again_is_the_same_job() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let order = json!({ "recipe": "ndvi", "period": "2024", "aoi": field() });
    let send = |order: &Value, key: &str| {
        server
            .post("/v1/jobs", &token)
            .header("idempotency-key", key)
            .json(order)
            .send()
    };
    let first = send(&order, "today").await.unwrap();
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let first: Value = first.json().await.unwrap();
    let again = send(&order, "today").await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["id"], first["id"]);
    let other = json!({ "recipe": "ndvi", "period": "2023", "aoi": field() });
    problem(
        send(&other, "today").await.unwrap(),
        422,
        "idempotency-key-reused",
    )
    .await;
    let long = "x".repeat(201);
    problem(
        send(&order, &long).await.unwrap(),
        400,
        "invalid-idempotency-key",
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_dry_run_tells_what_it_would_take_and_makes_nothing() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let order = json!({ "kind": "ndvi", "period": "2024", "aoi": field() });
    let quote = server
        .post("/v1/jobs?dry_run=true", &token)
        .json(&order)
        .send()
        .await
        .unwrap();
    assert_eq!(quote.status(), StatusCode::OK);
    let quote: Value = quote.json().await.unwrap();
    assert_eq!(quote["kind"], "ndvi");
    assert!((1.1..1.3).contains(&quote["area_km2"].as_f64().unwrap()));
    assert_eq!(quote["quota"]["jobs"]["left"], 5);
    let me: Value = server.json("/v1/me", &token).await;
    assert_eq!(me["quota"]["jobs"]["used"], 0);
    let odd = server
        .post("/v1/jobs?dryrun=1", &token)
        .json(&order)
        .send()
        .await
        .unwrap();
    problem(odd, 422, "invalid-request").await;
    for (order, wrong) in [
        (
            json!({ "kind": "buffer", "aoi": field() }),
            "missing field `metres`",
        ),
        (
            json!({ "kind": "predict", "model": "m", "instances": [], "crs": "EPSG:32736" }),
            "unexpected field `crs`",
        ),
        (
            json!({ "recipe": "ndvi", "aoi": field() }),
            "missing field `period`",
        ),
    ] {
        let refused = server
            .post("/v1/jobs", &token)
            .json(&order)
            .send()
            .await
            .unwrap();
        let refused = problem(refused, 422, "invalid-request").await;
        assert!(
            refused["detail"].as_str().unwrap().contains(wrong),
            "{refused}"
        );
    }
    let unknown = json!({ "kind": "poem", "period": "2024", "aoi": field() });
    let unknown = server
        .post("/v1/jobs", &token)
        .json(&unknown)
        .send()
        .await
        .unwrap();
    problem(unknown, 422, "unknown-kind").await;
    server.stop().await;
}

#[tokio::test]
async fn jobs_come_in_pages_that_link_to_the_next() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("root").await;
    for _ in 0..5 {
        server.ordered(&token, "ndvi").await;
    }
    let mut path = "/v1/jobs?limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.read(&path, &token).await;
        let link = page.headers().get("link").cloned();
        let page: Value = page.json().await.unwrap();
        for job in page["jobs"].as_array().unwrap() {
            seen.push(job["id"].clone());
        }
        let Some(link) = link else {
            assert_eq!(page["next"], Value::Null);
            break;
        };
        let link = link.to_str().unwrap();
        assert!(link.ends_with(">; rel=\"next\""), "{link}");
        path = link[1..link.find('>').unwrap()].to_owned();
    }
    assert_eq!(seen.len(), 5);
    seen.sort_by_key(Value::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for wrong in [
        "cursor=x",
        "limit=0",
        "limit=5000",
        "status=lost",
        "colour=red",
    ] {
        let response = server.read(&format!("/v1/jobs?{wrong}"), &token).await;
        problem(response, 422, "invalid-request").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn progress_comes_as_events_and_goes_on_where_it_was_left() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "endless").await;
    server.until(&token, &id, "running").await;
    let mut events = server.read(&format!("/v1/jobs/{id}/events"), &token).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.contains("event: job"), "{first}");
    server.delete(&format!("/v1/jobs/{id}"), &token).await;
    let rest = tokio::time::timeout(Duration::from_secs(20), events.text())
        .await
        .expect("the stream ends with the job")
        .unwrap();
    let last = rest.trim().rsplit("\n\n").next().unwrap();
    let field = |name: &str| {
        let line = last.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let job: Value = serde_json::from_str(&field("data:")).unwrap();
    assert_eq!(job["status"], "dismissed");
    // Who has seen everything gets the end once more, and the stream ends.
    let again = server
        .get(&format!("/v1/jobs/{id}/events"))
        .header("last-event-id", field("id:"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(again.matches("event: job").count(), 1);
    let other = server.log_in("bob").await;
    let refused = server.read(&format!("/v1/jobs/{id}/events"), &other).await;
    problem(refused, 404, "not-found").await;
    server.stop().await;
}

#[tokio::test]
async fn a_job_that_has_not_changed_is_not_sent_again() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "ndvi").await;
    server.until(&token, &id, "successful").await;
    let path = format!("/v1/jobs/{id}");
    let whole = server.read(&path, &token).await;
    let known = server
        .get(&path)
        .header("if-none-match", whole.headers()["etag"].clone())
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    server.stop().await;
}

#[tokio::test]
async fn two_tenants_that_ask_for_the_same_share_the_run_and_each_have_the_result() {
    let place = Place::new().await;
    let server = place.start().await;
    let (ann, bob) = (server.log_in("ann").await, server.log_in("bob").await);
    // The worker is busy, so that both wait.
    let busy = server.ordered(&ann, "endless").await;
    server.until(&ann, &busy, "running").await;
    let order = json!({ "recipe": "ndvi", "period": "2024", "aoi": another_field() });
    let mut ids = Vec::new();
    for token in [&ann, &bob] {
        let job = server
            .post("/v1/jobs", token)
            .json(&order)
            .send()
            .await
            .unwrap();
        assert_eq!(job.status(), StatusCode::ACCEPTED);
        let job: Value = job.json().await.unwrap();
        ids.push(job["id"].as_str().unwrap().to_owned());
    }
    server.delete(&format!("/v1/jobs/{busy}"), &ann).await;
    for (token, id) in [&ann, &bob].into_iter().zip(&ids) {
        let done = server.until(token, id, "successful").await;
        let map = done["results"]["map"].as_str().unwrap();
        let map = server.read(map, token).await;
        assert_eq!(map.status(), StatusCode::OK);
    }
    assert_eq!(
        server.runner.runs.load(Ordering::SeqCst),
        2,
        "the busy one and one for both"
    );
    let stolen = server
        .read(&format!("/v1/jobs/{}/results/my-field.tif", ids[0]), &bob)
        .await;
    problem(stolen, 404, "not-found").await;
    server.stop().await;
}

#[tokio::test]
async fn a_store_that_is_slower_than_a_lease_does_not_have_the_run_done_twice() {
    // It has a runtime of its own.
    let s3 = tokio::task::spawn_blocking(S3::start).await.unwrap();
    // What is published is looked at for its size before the run is done.
    s3.inject(Fault::Late(Duration::from_secs(3)), 1, |seen| {
        seen.is(&Method::GET, "", "prefix=jobs")
    });
    let settings = S3Settings {
        endpoint: Some(s3.address().to_owned()),
        region: Some("us-east-1".to_owned()),
        credentials: Some(Credentials {
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: SECRET_KEY.to_owned(),
        }),
        ..S3Settings::default()
    };
    let mut place = Place::new().await;
    place.elsewhere = Some(Store::open_with(&format!("s3://{BUCKET}"), &settings).unwrap());
    place.worker.lease = Duration::from_millis(600);
    // The second one is free, and looks for runs whose worker was lost.
    place.worker.runs_at_once = 2;
    let server = place.start().await;
    let ann = server.log_in("ann").await;
    let job = server.ordered(&ann, "ndvi").await;
    server.until(&ann, &job, "successful").await;
    assert_eq!(s3.heal(), 0, "the store was slow");
    assert_eq!(server.runner.runs.load(Ordering::SeqCst), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_result_opens_by_a_signed_address_and_by_no_other() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "ndvi").await;
    let early = server
        .read(
            &format!("/v1/jobs/{id}/result"),
            &server.log_in("bob").await,
        )
        .await;
    problem(early, 404, "not-found").await;
    server.until(&token, &id, "successful").await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let redirect = client
        .get(server.url(&format!("/v1/jobs/{id}/result")))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(redirect.status(), StatusCode::SEE_OTHER);
    let location = redirect.headers()["location"].to_str().unwrap().to_owned();
    let map = server.get(&location).send().await.unwrap();
    assert_eq!(map.status(), StatusCode::OK);
    assert_eq!(map.bytes().await.unwrap().as_ref(), b"II*\0 map");
    for wrong in [
        location.replace(".tif", ".json"),
        location.replace("expires=1", "expires=9"),
        location.replace("/one/", "/two/"),
        location.split('?').next().unwrap().to_owned(),
    ] {
        problem(server.get(&wrong).send().await.unwrap(), 403, "forbidden").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_result_goes_when_its_time_is_over_and_the_job_stays() {
    let mut place = Place::new().await;
    place.roles.entry("recruiter".parse().unwrap()).keep = Duration::ZERO;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "ndvi").await;
    server.until(&token, &id, "successful").await;
    server.stop().await;
    // The next start sweeps at once. The files go first, and then the job is told so: only its stage says that both are done.
    let server = place.start().await;
    let mut job = Value::Null;
    for _ in 0..3000 {
        job = server.job(&token, &id).await;
        if job["stage"] == "expired" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(job["stage"], "expired", "{job}");
    assert_eq!(job["status"], "successful");
    assert!(job.get("results").is_none());
    assert!(place.store().list("jobs").unwrap().is_empty());
    let gone = server.read(&format!("/v1/jobs/{id}/result"), &token).await;
    let gone = problem(gone, 404, "not-found").await;
    assert!(gone["hint"].as_str().unwrap().contains("expired"), "{gone}");
    server.stop().await;
}

#[tokio::test]
async fn an_administrator_sees_which_areas_were_asked_for() {
    let place = Place::new().await;
    let server = place.start().await;
    let (ann, root) = (server.log_in("ann").await, server.log_in("root").await);
    server.ordered(&ann, "ndvi").await;
    server.ordered(&server.log_in("bob").await, "ndvi").await;
    let ask = |path: &'static str, token: &str| server.get(path).bearer_auth(token).send();
    problem(
        ask("/v1/admin/areas", &ann).await.unwrap(),
        403,
        "forbidden",
    )
    .await;
    let all = ask("/v1/admin/areas", &root).await.unwrap();
    assert_eq!(all.headers()["content-type"], "application/geo+json");
    let all: Value = all.json().await.unwrap();
    assert_eq!(all["features"].as_array().unwrap().len(), 2);
    assert_eq!(all["features"][0]["properties"]["recipe"], "ndvi");
    assert_eq!(all["features"][0]["geometry"]["type"], "Polygon");
    for (bbox, found) in [("30.9,-17.6,31,-17.4", 2), ("40,10,41,11", 0)] {
        let path: &'static str = format!("/v1/admin/areas?bbox={bbox}").leak();
        let areas: Value = ask(path, &root).await.unwrap().json().await.unwrap();
        assert_eq!(areas["features"].as_array().unwrap().len(), found, "{bbox}");
    }
    let wrong = ask("/v1/admin/areas?bbox=1,2,3", &root).await.unwrap();
    problem(wrong, 422, "invalid-request").await;
    server.stop().await;
}

#[tokio::test]
async fn readiness_tells_each_part() {
    let place = Place::new().await;
    let server = place.start().await;
    let ready = server.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["status"], "ready");
    for part in ["database", "queue", "store"] {
        assert_eq!(ready[part]["ready"], true, "{part}");
    }
    server.stop().await;
}
