//! OGC API - Processes, as a standard client would go through it: by links.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::time::Duration;

use common::{Place, Server, another_field};
use reqwest::StatusCode;
use serde_json::{Value, json};

const RELATION: &str = "http://www.opengis.net/def/rel/ogc/1.0";

async fn get(server: &Server, address: &str, token: &str) -> Value {
    let answer = server
        .client
        .get(address)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{address}");
    answer.json().await.unwrap()
}

/// The address behind a link.
fn link(document: &Value, relation: &str) -> String {
    let links = document["links"].as_array().unwrap();
    let found = links.iter().find(|link| link["rel"] == relation);
    found.unwrap()["href"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_standard_client_finds_runs_follows_and_fetches() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let landing = get(&server, &server.url("/ogc"), &token).await;
    let conformance = get(
        &server,
        &link(&landing, &format!("{RELATION}/conformance")),
        &token,
    )
    .await;
    let classes = conformance["conformsTo"].as_array().unwrap();
    for class in ["core", "job-list", "dismiss"] {
        let name = format!("http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/{class}");
        assert!(classes.contains(&json!(name)), "{class}");
    }
    let description = get(&server, &link(&landing, "service-desc"), &token).await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));

    let processes = get(
        &server,
        &link(&landing, &format!("{RELATION}/processes")),
        &token,
    )
    .await;
    let ids: Vec<&str> = processes["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["map", "ndvi", "buffer", "zonal-stats", "predict"]);
    let map = get(&server, &link(&processes["processes"][0], "self"), &token).await;
    assert!(
        map["inputs"]["recipe"]["schema"]["enum"]
            .as_array()
            .unwrap()
            .contains(&json!("ndvi"))
    );
    assert!(map["outputs"]["map"].is_object());

    let field = another_field();
    let started = server
        .client
        .post(link(&map, &format!("{RELATION}/execute")))
        .bearer_auth(&token)
        .header("prefer", "respond-async")
        .json(&json!({
            "inputs": {
                "recipe": "ndvi", "period": "2024",
                "aoi": { "value": field["geometry"], "mediaType": "application/geo+json" }
            },
            "response": "document"
        }))
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), StatusCode::CREATED);
    assert_eq!(started.headers()["preference-applied"], "respond-async");
    let address = started.headers()["location"].to_str().unwrap().to_owned();
    let started: Value = started.json().await.unwrap();
    assert_eq!(
        (&started["processID"], &started["type"]),
        (&json!("map"), &json!("process"))
    );
    let mut job = started;
    for _ in 0..500 {
        job = get(&server, &address, &token).await;
        if job["status"] == "successful" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(job["status"], "successful", "{job}");
    let results = get(&server, &link(&job, &format!("{RELATION}/results")), &token).await;
    // Without a token.
    let file = server
        .client
        .get(results["map"]["href"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(file.status(), StatusCode::OK);
    assert_eq!(file.bytes().await.unwrap().as_ref(), b"II*\0 map");
    let jobs = get(
        &server,
        &link(&landing, &format!("{RELATION}/job-list")),
        &token,
    )
    .await;
    assert_eq!(jobs["jobs"][0]["jobID"], job["jobID"]);
    server.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_has_the_standards_own_names() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let kind = async |answer: reqwest::Response, status: u16| {
        assert_eq!(answer.status().as_u16(), status);
        let problem: Value = answer.json().await.unwrap();
        let kind = problem["type"].as_str().unwrap();
        kind.rsplit('/').next().unwrap().to_owned()
    };
    let ask = |path: &str| server.get(path).bearer_auth(&token).send();
    let none = ask("/ogc/processes/poem").await.unwrap();
    assert_eq!(kind(none, 404).await, "no-such-process");
    let none = ask("/ogc/jobs/poem").await.unwrap();
    assert_eq!(kind(none, 404).await, "no-such-job");
    let id = server.ordered(&token, "endless").await;
    let early = ask(&format!("/ogc/jobs/{id}/results")).await.unwrap();
    assert_eq!(kind(early, 404).await, "result-not-ready");
    let dismissed = server.delete(&format!("/ogc/jobs/{id}"), &token).await;
    assert_eq!(dismissed.status(), StatusCode::OK);
    let dismissed: Value = dismissed.json().await.unwrap();
    assert_eq!(dismissed["status"], "dismissed");
    let wrong = server
        .post("/ogc/processes/buffer/execution", &token)
        .json(&json!({ "inputs": { "aoi": { "type": "Point", "coordinates": [1, 2] } } }))
        .send()
        .await
        .unwrap();
    assert_eq!(kind(wrong, 422).await, "invalid-request");
    server.stop().await;
}
