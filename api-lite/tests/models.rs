//! Models over HTTP, in TensorFlow Serving's form: what is told of them, what they predict, what is refused and how.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::time::Duration;

use common::models::cropland;
use common::{Place, Server, problem};
use geocrop_model::TreeEnsemble;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

async fn got(server: &Server, path: &str) -> Value {
    let response = server.get(path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.json().await.unwrap()
}

async fn asked(server: &Server, token: &str, path: &str, body: impl Into<String>) -> Response {
    let request = server.client.post(server.url(path)).bearer_auth(token);
    request.body(body.into()).send().await.unwrap()
}

async fn answered(server: &Server, token: &str, path: &str, body: Value) -> Value {
    let response = asked(server, token, path, body.to_string()).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

/// Rows that land in different leaves, some values missing.
fn rows(model: &TreeEnsemble, count: usize, seed: usize) -> Vec<Vec<Option<f32>>> {
    let value = |row: usize, column: usize| {
        let mixed = (row * 7919 + column * 104_729 + seed * 31) % 1009;
        (!mixed.is_multiple_of(11))
            .then(|| mixed as f32 / 1009.0 * if column % 5 == 4 { 90.0 } else { 0.6 })
    };
    (0..count)
        .map(|row| {
            (0..model.num_features())
                .map(|column| value(row, column))
                .collect()
        })
        .collect()
}

fn expected(model: &TreeEnsemble, rows: &[Vec<Option<f32>>]) -> Vec<u32> {
    let table: Vec<f32> = rows
        .iter()
        .flatten()
        .map(|v| v.unwrap_or(f32::NAN))
        .collect();
    let mut out = vec![0.0; rows.len()];
    model.predict_rows_parallel(&table, &mut out).unwrap();
    out.iter().map(|v| v.to_bits()).collect()
}

fn bits(answer: &Value, key: &str) -> Vec<u32> {
    let list = answer[key].as_array().unwrap();
    list.iter()
        .map(|v| (v.as_f64().unwrap() as f32).to_bits())
        .collect()
}

#[tokio::test]
async fn models_are_listed_and_described_as_tensorflow_serving_does() {
    let place = Place::new().await;
    let server = place.start().await;
    let list = got(&server, "/v1/models").await;
    let first = &list["models"][1];
    assert_eq!(first["name"], "cropland");
    assert_eq!(first["version"], "2");
    let away = list["models"].as_array().unwrap();
    let away = away.iter().find(|m| m["version"] == "away").unwrap();
    assert_eq!(away["available"], false);
    assert_eq!(away["reason"], "its weights were not pulled");

    let status = got(&server, "/v1/models/cropland").await;
    let versions = status["model_version_status"].as_array().unwrap();
    assert_eq!(versions.len(), 3);
    assert_eq!(versions[0]["state"], "AVAILABLE");
    assert_eq!(versions[0]["status"]["error_code"], "OK");
    assert_eq!(versions[2]["state"], "END");
    for path in [
        "/v1/models/cropland/labels/production",
        "/v1/models/cropland/versions/1",
    ] {
        let one = got(&server, path).await;
        assert_eq!(one["model_version_status"][0]["version"], "1");
    }

    let metadata = got(&server, "/v1/models/cropland/metadata").await;
    assert_eq!(metadata["model_spec"]["version"], "1");
    let signatures = &metadata["metadata"]["signature_def"]["signature_def"];
    let features = cropland().num_features();
    let input = &signatures["serving_default"]["inputs"]["features"];
    assert_eq!(input["dtype"], "DT_FLOAT");
    assert_eq!(
        input["tensor_shape"]["dim"][1]["size"],
        features.to_string()
    );
    let named = signatures["by_name"]["inputs"].as_object().unwrap();
    assert_eq!(named.len(), features);
    let order = metadata["metadata"]["geocrop"]["features"]
        .as_array()
        .unwrap();
    assert_eq!(order[0], cropland().feature_names()[0]);
    let version = got(&server, "/v1/models/cropland/versions/2/metadata").await;
    assert_eq!(version["model_spec"]["version"], "2");

    let missing = server.get("/v1/models/none/metadata").send().await.unwrap();
    let missing = problem(missing, 404, "not-found").await;
    assert_eq!(missing["error"], missing["detail"]);
    let away = server.get("/v1/models/cropland/versions/away/metadata");
    problem(away.send().await.unwrap(), 503, "model-unavailable").await;
    server.stop().await;
}

#[tokio::test]
async fn predictions_are_those_of_the_model_bit_for_bit_in_every_form() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let model = cropland();
    let rows = rows(&model, 50, 1);
    let expected = expected(&model, &rows);
    let names = model.feature_names();
    let by_name: Vec<Value> = rows
        .iter()
        .map(|row| {
            let pairs = names.iter().cloned().zip(row.iter().map(|v| json!(v)));
            Value::Object(pairs.collect())
        })
        .collect();
    let column = |at: usize| {
        rows.iter()
            .map(|row| json!(row[at]))
            .collect::<Vec<Value>>()
    };
    let columns: serde_json::Map<String, Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.clone(), column(at).into()))
        .collect();
    for path in [
        "/v1/models/cropland:predict",
        "/v1/models/cropland/versions/1:predict",
        "/v1/models/cropland/labels/production:predict",
    ] {
        for (body, key) in [
            (json!({ "instances": rows }), "predictions"),
            (json!({ "instances": by_name }), "predictions"),
            (json!({ "inputs": { "features": rows } }), "outputs"),
            (
                json!({ "inputs": columns, "signature_name": "by_name" }),
                "outputs",
            ),
        ] {
            let answer = answered(&server, &token, path, body).await;
            assert_eq!(bits(&answer, key), expected);
        }
    }
    let pixels = json!({ "instances": [[[[1, 2], [3, 4]], [[5, 6], [7, null]]]] });
    let answer = answered(&server, &token, "/v1/models/image:predict", pixels).await;
    assert_eq!(
        answer["predictions"][0][1],
        json!([[5.0, 6.0], [7.0, null]])
    );
    server.stop().await;
}

#[tokio::test]
async fn requests_of_many_clients_share_calls_and_get_their_own() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let model = cropland();
    let mut clients = tokio::task::JoinSet::new();
    for seed in 0..24 {
        let rows = rows(&model, 1 + seed % 5, seed);
        let expected = expected(&model, &rows);
        let request = server
            .client
            .post(server.url("/v1/models/cropland:predict"))
            .bearer_auth(&token)
            .json(&json!({ "instances": rows }));
        clients.spawn(async move {
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            assert_eq!(bits(&answer, "predictions"), expected);
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let metrics = server.get("/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let answered = "geocrop_model_requests_total{model=\"cropland\",version=\"1\"} 24";
    assert!(metrics.contains(answered), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_that_clients_of_tensorflow_understand() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let path = "/v1/models/name:predict";
    let nobody = server.client.post(server.url(path)).send().await.unwrap();
    let nobody = problem(nobody, 401, "unauthorized").await;
    assert!(nobody["error"].is_string());
    for (path, body, status, kind, words) in [
        (path, "{", 400, "malformed-json", "EOF"),
        (
            path,
            r#"{"instances": [[1, 2], [3]]}"#,
            422,
            "invalid-instances",
            "row 2",
        ),
        (
            path,
            r#"{"instances": [[13, 2]]}"#,
            422,
            "not-predictable",
            "thirteen",
        ),
        ("/v1/models/none:predict", "{}", 404, "not-found", "none"),
        ("/v1/models/name", "{}", 404, "not-found", "name"),
        (
            "/v1/models/name:classify",
            "{}",
            404,
            "not-found",
            ":predict",
        ),
        (
            "/v1/models/cropland/versions/away:predict",
            "{}",
            503,
            "model-unavailable",
            "pulled",
        ),
        (
            "/v1/models/cropland/versions/3:predict",
            "{}",
            404,
            "not-found",
            "version 3",
        ),
    ] {
        let found = problem(asked(&server, &token, path, body).await, status, kind).await;
        assert_eq!(found["error"], found["detail"]);
        assert!(found["error"].as_str().unwrap().contains(words), "{found}");
    }
    let failed = asked(&server, &token, "/v1/models/broken:predict", "{}").await;
    let failed = problem(failed, 500, "model-failed").await;
    assert!(!failed.to_string().contains("secret"), "{failed}");
    let large = format!("{{\"instances\": [{}1]}}", " ".repeat(17 << 20));
    problem(
        asked(&server, &token, path, large).await,
        413,
        "body-too-large",
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_model_with_too_much_waiting_refuses_and_says_when_to_come_again() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let path = "/v1/models/slow:predict";
    let many = format!("{{\"instances\": [{}0]}}", "0,".repeat((1 << 18) - 1));
    let mut waiting = tokio::task::JoinSet::new();
    // One is predicted and two wait, whichever are read first. Nothing but a refusal answers while the gate is shut.
    for _ in 0..6 {
        let request = server.client.post(server.url(path)).bearer_auth(&token);
        waiting.spawn(request.body(many.clone()).send());
    }
    let first = tokio::time::timeout(Duration::from_mins(2), waiting.join_next()).await;
    let refused = first.expect("a refusal").unwrap().unwrap().unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(refused, 503, "model-busy").await;
    place.gate.open();
    while let Some(answer) = waiting.join_next().await {
        let status = answer.unwrap().unwrap().status();
        assert!(matches!(status.as_u16(), 200 | 503));
    }
    server.stop().await;
}
