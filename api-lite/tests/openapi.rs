//! The description of the API: served, the same as the committed one, and true of the addresses there are.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::path::Path;

use common::Place;
use reqwest::Method;
use serde_json::Value;

#[test]
fn the_committed_description_is_the_program_s() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content/data/openapi.json");
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        committed == geocrop_api::openapi(),
        "content/data/openapi.json is not what the program says; refresh it with\n  \
         ./dev run api openapi > content/data/openapi.json"
    );
}

#[tokio::test]
async fn every_described_address_is_there_and_takes_its_method() {
    let place = Place::new().await;
    let server = place.start().await;
    let document: Value = server
        .get("/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations += 1;
            // Of most things any name will do: without a token nobody is told that there is no such one.
            let path = path.replace("/ogc/processes/{id}", "/ogc/processes/map");
            let address = server.url(&path.replace(['{', '}'], ""));
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let status = server
                .client
                .request(method.clone(), address)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16();
            assert!(!matches!(status, 404 | 405), "{method} {path}: {status}");
            let described = &operation["responses"][status.to_string()];
            assert!(
                described["description"].is_string(),
                "{method} {path} answered {status}, which is not described"
            );
            assert_eq!(
                status == 401,
                operation["security"].is_array(),
                "{method} {path}: {status}"
            );
            assert!(!operation["summary"].as_str().unwrap().is_empty());
        }
    }
    assert_eq!(operations, 48);
    server.stop().await;
}
