//! The whole server over HTTP.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{PASSWORD, Place, Server, field, problem};
use geocrop_store::ContentType;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{HeaderMap, RANGE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_right_password_gives_a_token_and_a_wrong_one_says_no_more_than_an_unknown_name() {
    let place = Place::new().await;
    let server = place.start().await;
    let log_in = |name: &str, password: &str| {
        server
            .client
            .post(server.url("/v1/auth/token"))
            .json(&json!({ "username": name, "password": password }))
            .send()
    };
    let answer = log_in("ann", PASSWORD).await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 900);
    assert_eq!(answer["role"], "recruiter");

    let me: Value = server
        .json("/v1/me", answer["access_token"].as_str().unwrap())
        .await;
    assert_eq!(
        me,
        json!({
            "username": "ann", "tenant": "one", "role": "recruiter",
            "quota": {
                "jobs": { "used": 0, "limit": 5, "left": 5 }, "max_area_km2": 25.0, "priority": "low",
                "results_kept_days": 7
            }
        })
    );

    let wrong = problem(
        log_in("ann", "not the password").await.unwrap(),
        401,
        "invalid-credentials",
    )
    .await;
    let unknown = problem(
        log_in("nobody", PASSWORD).await.unwrap(),
        401,
        "invalid-credentials",
    )
    .await;
    assert_eq!(wrong, unknown);
    server.stop().await;
}

async fn assert_refused(server: &Server, what: &str, token: &str) {
    let response = server.read("/v1/me", token).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{what}");
    problem(response, 401, "unauthorized").await;
}

#[tokio::test]
async fn tokens_that_are_missing_tampered_with_or_unsigned_are_refused() {
    let place = Place::new().await;
    let server = place.start().await;
    problem(
        server.get("/v1/me").send().await.unwrap(),
        401,
        "unauthorized",
    )
    .await;
    let basic = server
        .get("/v1/me")
        .basic_auth("ann", Some(PASSWORD))
        .send()
        .await
        .unwrap();
    assert_eq!(basic.headers()["www-authenticate"], "Bearer");
    problem(basic, 401, "unauthorized").await;

    let (token, other) = (server.log_in("ann").await, server.log_in("bob").await);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{token} has not three parts")
    };
    let other_payload = other.split('.').nth(1).unwrap();
    let reversed: String = signature.chars().rev().collect();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for (what, token) in [
        (
            "another's payload",
            format!("{header}.{other_payload}.{signature}"),
        ),
        (
            "tampered signature",
            format!("{header}.{payload}.{reversed}"),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("alg none", format!("{none}.{payload}.")),
        (
            "alg none, old signature",
            format!("{none}.{payload}.{signature}"),
        ),
        ("not a token", "x".to_owned()),
    ] {
        assert_refused(&server, what, &token).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn tokens_signed_with_the_right_key_are_refused_for_what_they_say() {
    let place = Place::new().await;
    let server = place.start().await;
    // A token of the server tells the account and the session; another is made from it with the server's own key.
    let issued = server.log_in("ann").await;
    let payload = URL_SAFE_NO_PAD
        .decode(issued.split('.').nth(1).unwrap())
        .unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let key_file = std::fs::read_dir(place.path("keys"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let key = EncodingKey::from_ed_pem(&std::fs::read(&key_file).unwrap()).unwrap();
    let kid = key_file.file_stem().unwrap().to_str().unwrap().to_owned();
    let sign_as = |kid: Option<&str>, claims: &Value| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    let sign = |claims: &Value| sign_as(Some(&kid), claims);
    let now = jsonwebtoken::get_current_timestamp();
    let good = json!({
        "sub": payload["sub"], "sid": payload["sid"], "iss": "geocrop", "aud": "geocrop-api", "iat": now, "exp": now + 60
    });
    let token = sign(&good);
    let accepted = server.read("/v1/me", &token).await;
    assert_eq!(
        accepted.status(),
        StatusCode::OK,
        "the test signs as the server does"
    );

    // The public key is public: as the secret of another algorithm it opens nothing.
    let public: Value = server
        .get("/.well-known/jwks.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let public = public["keys"][0]["x"].as_str().unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid.clone());
    for secret in [
        public.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(public).unwrap(),
    ] {
        let confused =
            jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(&secret)).unwrap();
        assert_refused(&server, "another algorithm", &confused).await;
    }
    assert_refused(&server, "no kid", &sign_as(None, &good)).await;
    for wrong in ["nobody", "../keys", "20200101T000000-0001"] {
        assert_refused(&server, "another kid", &sign_as(Some(wrong), &good)).await;
    }
    for (name, value) in [
        ("exp", json!(now - 60)),
        ("iss", json!("elsewhere")),
        ("aud", json!("another-api")),
        ("sub", json!("nobody")),
        ("sid", json!("11111111-2222-4333-8444-555555555555")),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_refused(&server, name, &sign(&claims)).await;
        claims.as_object_mut().unwrap().remove(name);
        assert_refused(&server, name, &sign(&claims)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_drawn_area_becomes_a_job_and_its_result_can_be_read_in_ranges() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;

    let response = server.order(&token, "ndvi").await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(accepted["links"]["self"], location);
    assert_eq!(
        (&accepted["recipe"], &accepted["period"]),
        (&json!("ndvi"), &json!("2024"))
    );
    let area = accepted["area_km2"].as_f64().unwrap();
    assert!((1.1..1.3).contains(&area), "{area}");

    let id = accepted["id"].as_str().unwrap();
    let done = server.until(&token, id, "successful").await;
    assert_eq!(done["progress"], 100);
    assert!(done["finished"].is_string());
    let results = &done["results"];
    let names: Vec<_> = results.as_object().unwrap().keys().collect();
    assert_eq!(names, ["item", "map", "statistics", "tiles"]);

    let fetch = |name: &str| {
        server
            .get(results[name].as_str().unwrap())
            .bearer_auth(&token)
    };
    let item = fetch("item").send().await.unwrap();
    assert_eq!(item.headers()["content-type"], "application/geo+json");
    let item: Value = item.json().await.unwrap();
    assert_eq!(item["type"], "Feature");

    let range = fetch("tiles")
        .header(RANGE, "bytes=16-19")
        .send()
        .await
        .unwrap();
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(range.headers()["content-range"], "bytes 16-19/256");
    assert_eq!(range.headers()["content-type"], "application/vnd.pmtiles");
    assert_eq!(
        range.headers()["cache-control"],
        "private, max-age=31536000, immutable"
    );
    assert_eq!(range.bytes().await.unwrap().as_ref(), [16, 17, 18, 19]);
    let whole = fetch("tiles").send().await.unwrap();
    let etag = whole.headers()["etag"].clone();
    assert_eq!(whole.bytes().await.unwrap().len(), 256);
    let known = fetch("tiles")
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let beyond = fetch("tiles")
        .header(RANGE, "bytes=256-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.headers()["content-range"], "bytes */256");
    problem(beyond, 416, "range-not-satisfiable").await;

    let listed: Value = server.json("/v1/jobs", &token).await;
    assert_eq!(listed["jobs"][0]["id"], id);

    for file in [
        "other.tif",
        "..%2f..%2fcatalog.json",
        "%2e%2e",
        "my-field.tif%231",
    ] {
        let path = format!("/v1/jobs/{id}/results/{file}");
        let response = server.read(&path, &token).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{file}");
    }
    problem(
        server
            .get(results["map"].as_str().unwrap())
            .send()
            .await
            .unwrap(),
        401,
        "unauthorized",
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn the_sixth_job_of_a_recruiter_is_refused_and_failed_ones_are_not_counted() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    // What failed on our side does not count; what cannot be made, because there is nothing to be seen, does.
    let failed = server.ordered(&token, "broken").await;
    server.until(&token, &failed, "failed").await;
    let failed = server.ordered(&token, "cloudy").await;
    let failed = server.until(&token, &failed, "failed").await;
    assert_eq!(
        failed["message"],
        "no clear observation between 2024-01 and 2024-12"
    );
    for _ in 0..4 {
        server.ordered(&token, "ndvi").await;
    }
    let refused = problem(server.order(&token, "ndvi").await, 403, "quota-exceeded").await;
    assert_eq!(
        (&refused["limit"], &refused["used"]),
        (&json!(5), &json!(5))
    );
    server.ordered(&server.log_in("root").await, "ndvi").await;
    server.stop().await;
}

#[tokio::test]
async fn another_tenants_job_does_not_exist_and_a_colleagues_does() {
    let place = Place::new().await;
    let server = place.start().await;
    let (ann, bob) = (server.log_in("ann").await, server.log_in("bob").await);
    let id = server.ordered(&ann, "ndvi").await;
    let done = server.until(&ann, &id, "successful").await;
    let map = done["results"]["map"].as_str().unwrap().to_owned();

    for (method, path) in [
        (Method::GET, format!("/v1/jobs/{id}")),
        (Method::GET, map),
        (Method::DELETE, format!("/v1/jobs/{id}")),
    ] {
        let response = server
            .client
            .request(method, server.url(&path))
            .bearer_auth(&bob)
            .send()
            .await
            .unwrap();
        problem(response, 404, "not-found").await;
    }
    let listed: Value = server.json("/v1/jobs", &bob).await;
    assert_eq!(listed, json!({ "jobs": [], "next": null }));
    assert_eq!(
        server.job(&server.log_in("root").await, &id).await["status"],
        "successful"
    );
    server.stop().await;
}

#[tokio::test]
async fn areas_that_cannot_be_mapped_are_refused_with_what_is_wrong() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let polygon = |ring: Value| json!({ "type": "Polygon", "coordinates": [ring] });
    let large = polygon(json!([
        [30, -18],
        [31, -18],
        [31, -17],
        [30, -17],
        [30, -18]
    ]));
    for (what, aoi, kind) in [
        ("empty", json!({}), "invalid-aoi"),
        (
            "a string",
            json!("POLYGON((0 0, 1 0, 1 1, 0 0))"),
            "invalid-aoi",
        ),
        (
            "a line",
            json!({ "type": "LineString", "coordinates": [[30, -18], [31, -17]] }),
            "invalid-aoi",
        ),
        (
            "no features",
            json!({ "type": "FeatureCollection", "features": [] }),
            "invalid-aoi",
        ),
        (
            "crossing itself",
            polygon(json!([
                [31.0, -17.5],
                [31.01, -17.49],
                [31.01, -17.5],
                [31.0, -17.49],
                [31.0, -17.5]
            ])),
            "invalid-aoi",
        ),
        (
            "null",
            polygon(json!([
                [31.0, null],
                [31.01, -17.5],
                [31.01, -17.49],
                [31.0, -17.5]
            ])),
            "invalid-aoi",
        ),
        (
            "off the earth",
            polygon(json!([[310, -17], [311, -17], [311, -18], [310, -17]])),
            "invalid-aoi",
        ),
        ("too large", large, "area-too-large"),
    ] {
        let response = server
            .client
            .post(server.url("/v1/jobs"))
            .bearer_auth(&token)
            .json(&json!({ "recipe": "ndvi", "period": "2024", "aoi": aoi }))
            .send()
            .await
            .unwrap();
        assert_eq!(
            response.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{what}"
        );
        problem(response, 422, kind).await;
    }
    assert_eq!(server.runner.runs.load(Ordering::SeqCst), 0);
    server.stop().await;
}

#[tokio::test]
async fn requests_that_are_not_what_an_address_takes_are_told_why() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let post = |body: String, content_type: &str| {
        server
            .client
            .post(server.url("/v1/jobs"))
            .bearer_auth(&token)
            .header("content-type", content_type)
            .body(body)
            .send()
    };
    for (body, content_type, status, kind) in [
        ("{".to_owned(), "application/json", 400, "malformed-json"),
        (
            r#"{"recipe": "ndvi", "period": "2024", "aoi": NaN}"#.to_owned(),
            "application/json",
            400,
            "malformed-json",
        ),
        (String::new(), "application/json", 400, "malformed-json"),
        ("[]".to_owned(), "application/json", 422, "invalid-request"),
        (
            r#"{"recipe": "ndvi"}"#.to_owned(),
            "application/json",
            422,
            "invalid-request",
        ),
        (
            r#"{"recipe": "ndvi", "period": "2024", "aoi": {}, "x": 1}"#.to_owned(),
            "application/json",
            422,
            "invalid-request",
        ),
        ("{}".to_owned(), "text/plain", 415, "not-json"),
        (
            " ".repeat(10_000_000),
            "application/json",
            413,
            "body-too-large",
        ),
    ] {
        let shown = body[..body.len().min(60)].to_owned();
        let response = post(body, content_type).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{shown}");
        problem(response, status, kind).await;
    }
    for (recipe, period, kind) in [
        ("none", "2024", "unknown-recipe"),
        ("ndvi", "1999", "unknown-period"),
    ] {
        let body = json!({ "recipe": recipe, "period": period, "aoi": field() }).to_string();
        let refused = problem(post(body, "application/json").await.unwrap(), 422, kind).await;
        assert!(
            refused["hint"]
                .as_str()
                .unwrap()
                .contains(if recipe == "none" { "ndvi" } else { "2024" })
        );
    }
    let login = server
        .client
        .post(server.url("/v1/auth/token"))
        .json(&json!({ "x": "y".repeat(20_000) }));
    problem(login.send().await.unwrap(), 413, "body-too-large").await;
    server.stop().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let place = Place::new().await;
    let server = place.start().await;
    problem(
        server.get("/v1/nothing").send().await.unwrap(),
        404,
        "not-found",
    )
    .await;
    let deleted = server
        .client
        .delete(server.url("/v1/jobs"))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.headers()["allow"], "GET,HEAD,POST");
    problem(deleted, 405, "method-not-allowed").await;
    problem(
        server
            .client
            .post(server.url("/about/"))
            .send()
            .await
            .unwrap(),
        405,
        "method-not-allowed",
    )
    .await;
    let token = server.log_in("ann").await;
    let missing = server.read("/v1/jobs/none", &token).await;
    problem(missing, 404, "not-found").await;
    let odd = server.read("/v1/jobs/%ff", &token).await;
    problem(odd, 404, "not-found").await;
    server.stop().await;
}

#[tokio::test]
async fn a_dismissed_job_stops_and_leaves_nothing() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let running = server.ordered(&token, "endless").await;
    let job = server.until(&token, &running, "running").await;
    assert_eq!(job.get("results"), None);
    let waiting = server.ordered(&token, "ndvi").await;
    let delete = |id: &str| {
        server
            .client
            .delete(server.url(&format!("/v1/jobs/{id}")))
            .bearer_auth(&token)
            .send()
    };

    let early = server
        .get(&format!("/v1/jobs/{running}/results/my-field.tif"))
        .bearer_auth(&token);
    problem(early.send().await.unwrap(), 404, "not-found").await;
    let dismissed: Value = delete(&running).await.unwrap().json().await.unwrap();
    assert_eq!(dismissed["status"], "dismissed");
    // The worker is free again: the next job is done.
    server.until(&token, &waiting, "successful").await;
    assert_eq!(server.job(&token, &running).await["status"], "dismissed");
    assert_eq!(delete(&running).await.unwrap().status(), StatusCode::OK);
    problem(delete(&waiting).await.unwrap(), 409, "job-ended").await;
    assert!(
        place
            .store()
            .list(&format!("jobs/one/{running}"))
            .unwrap()
            .is_empty()
    );
    server.stop().await;
}

#[tokio::test]
async fn a_job_that_a_crash_interrupted_is_done_after_the_restart() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "endless").await;
    server.until(&token, &id, "running").await;
    drop(server);

    let server = place.start().await;
    // It says that it runs until the worker has taken it back, and again when it has been taken up.
    let database = place.database().await;
    let tenant = "one".parse().unwrap();
    for _ in 0..3000 {
        if database.job(&tenant, &id).await.unwrap().unwrap().attempts == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let again = database.job(&tenant, &id).await.unwrap().unwrap();
    assert_eq!((again.status.as_str(), again.attempts), ("running", 2));
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_gives_the_running_job_back_without_costing_an_attempt() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let id = server.ordered(&token, "endless").await;
    server.until(&token, &id, "running").await;
    server.stop().await;
    let job = place
        .database()
        .await
        .job(&"one".parse().unwrap(), &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((job.status.as_str(), job.attempts), ("accepted", 0));
}

#[tokio::test]
async fn failures_that_may_pass_are_tried_three_times_and_a_panic_does_not_stop_the_worker() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let flaky = server.ordered(&token, "flaky").await;
    let flaky = server.until(&token, &flaky, "failed").await;
    assert_eq!(flaky["message"], "the catalog did not answer");
    assert_eq!(server.runner.runs.load(Ordering::SeqCst), 3);
    let broken = server.ordered(&token, "broken").await;
    server.until(&token, &broken, "failed").await;
    let good = server.ordered(&token, "ndvi").await;
    server.until(&token, &good, "successful").await;
    server.stop().await;
}

fn assert_hardened(headers: &HeaderMap) {
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers.contains_key("x-frame-options"));
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src")
    );
}

#[tokio::test]
async fn the_store_is_served_but_for_what_is_private() {
    let place = Place::new().await;
    let store = place.store();
    for key in [
        "catalog.json",
        "layers/ndvi/2024/mazowe.tif",
        "layers/ndvi/2024/mazowe.0123456789abcdef.pmtiles",
        "jobs/one/1/field.tif",
        "layers/.hidden",
        "stray.sqlite",
    ] {
        store
            .put(key, key.as_bytes().to_vec(), ContentType::of_key(key))
            .unwrap();
    }
    let server = place.start().await;
    let map = server
        .get("/store/layers/ndvi/2024/mazowe.tif")
        .send()
        .await
        .unwrap();
    assert_eq!(map.headers()["content-type"], ContentType::Cog.as_str());
    assert_eq!(map.headers()["cache-control"], "public, no-cache");
    assert_hardened(map.headers());
    assert_eq!(map.text().await.unwrap(), "layers/ndvi/2024/mazowe.tif");

    let tiles = server
        .get("/store/layers/ndvi/2024/mazowe.0123456789abcdef.pmtiles")
        .header(RANGE, "bytes=0-5")
        .header("origin", "https://elsewhere.example")
        .send()
        .await
        .unwrap();
    assert_eq!(tiles.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        tiles.headers()["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(tiles.headers()["access-control-allow-origin"], "*");
    let exposed = tiles.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        exposed.contains("etag") && exposed.contains("content-range"),
        "{exposed}"
    );
    assert_eq!(tiles.text().await.unwrap(), "layers");

    let head = server
        .client
        .head(server.url("/store/catalog.json"))
        .send()
        .await
        .unwrap();
    assert_eq!(head.headers()["content-length"], "12");
    assert_eq!(head.headers()["content-type"], "application/json");

    for path in [
        "/store/jobs/one/1/field.tif",
        "/store/layers/../jobs/one/1/field.tif",
        "/store/layers/%2e%2e/jobs/one/1/field.tif",
        "/store/layers/..%2fjobs/one/1/field.tif",
        "/store/%6aobs/one/1/field.tif",
        "/store/%256aobs/one/1/field.tif",
        "/store//jobs/one/1/field.tif",
        "/store/layers/.hidden",
        "/store/stray.sqlite",
        "/store/layers/none.tif",
        "/store/layers",
        "/store/%ff",
    ] {
        problem(server.get(path).send().await.unwrap(), 404, "not-found").await;
    }
    let put = server
        .client
        .put(server.url("/store/catalog.json"))
        .body("{}")
        .send()
        .await
        .unwrap();
    problem(put, 405, "method-not-allowed").await;
    server.stop().await;
}

#[tokio::test]
async fn the_site_is_served_with_its_own_page_for_what_is_lost() {
    let place = Place::new().await;
    let server = place.start().await;
    let home = server.get("/").send().await.unwrap();
    assert_hardened(home.headers());
    assert_eq!(home.headers()["content-type"], "text/html");
    assert!(!home.headers().contains_key("access-control-allow-origin"));
    assert_eq!(home.text().await.unwrap(), "<h1>home</h1>");
    assert_eq!(
        server
            .get("/about/")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "<h1>about</h1>"
    );
    let part = server
        .get("/index.html")
        .header(RANGE, "bytes=4-7")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.text().await.unwrap(), "home");

    let lost = server.get("/none").send().await.unwrap();
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    assert_eq!(lost.text().await.unwrap(), "<h1>lost</h1>");
    problem(
        server.get("/.secret").send().await.unwrap(),
        404,
        "not-found",
    )
    .await;
    problem(
        server.get("/%2esecret").send().await.unwrap(),
        404,
        "not-found",
    )
    .await;
    let outside = server.get("/..%2fkeys").send().await.unwrap();
    assert_eq!(outside.status(), StatusCode::NOT_FOUND);

    std::fs::remove_file(place.path("site/404.html")).unwrap();
    problem(server.get("/none").send().await.unwrap(), 404, "not-found").await;
    server.stop().await;
}

#[tokio::test]
async fn anybody_may_ask_whether_it_is_up_and_what_it_makes() {
    let place = Place::new().await;
    let server = place.start().await;
    let health: Value = server
        .get("/healthz")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        health,
        json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })
    );
    let recipes: Value = server
        .get("/v1/recipes")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        recipes["recipes"][0],
        json!({
            "name": "ndvi", "title": "ndvi", "description": "For tests.",
            "periods": ["2023", "2024"], "max_area_km2": null
        })
    );
    server.stop().await;
}
