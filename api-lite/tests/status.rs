//! `GET /v1/status` of the whole server: parts that go down and come back, what is not configured, what is newest.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::{Place, Server};
use geocrop_api::StatusConfig;
use geocrop_store::ContentType;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn place() -> Place {
    let mut place = Place::new().await;
    place.status.every = Duration::from_millis(30);
    std::fs::create_dir_all(place.path("store")).unwrap();
    place
}

async fn status(server: &Server) -> Value {
    let response = server.get("/v1/status").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    // A site on another host may show it.
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    response.json().await.unwrap()
}

fn part<'a>(status: &'a Value, id: &str) -> &'a Value {
    let parts = status["parts"].as_array().unwrap();
    parts.iter().find(|part| part["id"] == id).unwrap()
}

/// Asks until a part has a state.
async fn until(server: &Server, id: &str, state: &str) -> Value {
    for _ in 0..1000 {
        let status = status(server).await;
        // The page of the first moments has a state and no history of it yet.
        if part(&status, id)["state"] == state && !part(&status, id)["since"].is_null() {
            return part(&status, id).clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{id} never was {state}: {}", status(server).await);
}

fn since(part: &Value) -> DateTime<Utc> {
    part["since"].as_str().unwrap().parse().unwrap()
}

/// A layer with tiles, two scenes and everything that leads to it.
fn publish(place: &Place) {
    let store = place.store();
    let put = |key: &str, value: &Value| {
        store
            .put(key, value.to_string().into_bytes(), ContentType::Json)
            .unwrap();
    };
    let tiles = [b"PMTiles\x03".as_slice(), &[0; 120]].concat();
    store
        .put(
            "layers/ndvi/2024/valley.0123456789abcdef.pmtiles",
            tiles,
            ContentType::PmTiles,
        )
        .unwrap();
    put(
        "layers/ndvi/2024/valley.json",
        &json!({
            "id": "valley",
            "properties": {
                "title": "Valley, NDVI, 2024", "geocrop:synthetic": true,
                "geocrop:scenes": [
                    { "id": "late", "datetime": "2024-12-24T07:52:00Z" },
                    { "id": "early", "datetime": "2024-01-09T07:52:00Z" },
                ],
            },
            "assets": { "tiles": { "href": "./valley.0123456789abcdef.pmtiles" } },
        }),
    );
    put(
        "layers/ndvi/collection.json",
        &json!({ "links": [{ "rel": "item", "href": "./2024/valley.json" }] }),
    );
    put(
        "catalog.json",
        &json!({ "links": [{ "rel": "child", "href": "./layers/ndvi/collection.json" }] }),
    );
}

#[tokio::test]
async fn a_part_that_goes_down_and_comes_back_is_told_and_counted() {
    let place = place().await;
    publish(&place);
    let server = place.start().await;
    let before = until(&server, "store", "up").await;
    // What is newest is read after the parts were looked at.
    for _ in 0..1000 {
        if status(&server).await["newest_scene"]["id"] == "late" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::rename(place.path("store"), place.path("elsewhere")).unwrap();
    let down = until(&server, "store", "down").await;
    assert_eq!(down["detail"], "It is not there.");
    assert!(since(&down) > since(&before));
    let tiles = until(&server, "tiles", "down").await;
    assert_eq!(tiles["detail"], "The newest tiles cannot be read.");
    let told = status(&server).await;
    assert_eq!(
        told["newest_scene"]["id"], "late",
        "what was known is still told"
    );
    std::fs::rename(place.path("elsewhere"), place.path("store")).unwrap();
    let again = until(&server, "store", "up").await;
    assert!(since(&again) > since(&down));

    let history = again["history"].as_array().unwrap();
    assert_eq!(history.len(), 90);
    let today = Utc::now().date_naive().to_string();
    assert_eq!(history[89]["day"], today);
    assert!(history[89]["up"].as_u64().unwrap() >= 2);
    assert!(history[89]["down"].as_u64().unwrap() >= 1);
    let unknown = &history[0];
    assert!(unknown["up"].is_null() && unknown["degraded"].is_null() && unknown["down"].is_null());
    server.stop().await;
}

#[tokio::test]
async fn the_server_s_own_parts_are_told_and_what_is_not_configured_is_left_out() {
    let place = place().await;
    let server = place.start().await;
    until(&server, "api", "up").await;
    until(&server, "database", "up").await;
    until(&server, "queue", "up").await;
    let status = status(&server).await;
    let ids: Vec<_> = status["parts"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = ids
        .iter()
        .map(|part| part["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["tiles", "store", "api", "queue", "database"]);
    // There are no tiles: neither up nor down.
    assert_eq!(part(&status, "tiles")["state"], "unknown");
    assert!(part(&status, "tiles")["since"].is_null());
    assert!(status["newest_layer"].is_null() && status["newest_scene"].is_null());
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    status["checked_at"]
        .as_str()
        .unwrap()
        .parse::<DateTime<Utc>>()
        .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn tiles_are_read_and_the_newest_layer_and_scene_are_named() {
    let place = place().await;
    let server = place.start().await;
    until(&server, "store", "up").await;
    publish(&place);
    until(&server, "tiles", "up").await;
    let found = status(&server).await;
    assert_eq!(found["newest_layer"]["title"], "Valley, NDVI, 2024");
    assert_eq!(found["newest_layer"]["synthetic"], true);
    assert_eq!(found["newest_scene"]["id"], "late");
    assert_eq!(
        found["newest_scene"]["datetime"],
        "2024-12-24T07:52:00.000Z"
    );
    assert_eq!(
        found["newest_scene"]["item"],
        "layers/ndvi/2024/valley.json"
    );

    let tiles = place.path("store/layers/ndvi/2024/valley.0123456789abcdef.pmtiles");
    std::fs::write(&tiles, "not tiles at all").unwrap();
    let part = until(&server, "tiles", "down").await;
    assert_eq!(part["detail"], "The newest tiles are damaged.");
    server.stop().await;
}

#[tokio::test]
async fn another_server_is_asked_over_http_and_its_address_is_not_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            let healthy = request[..length].starts_with(b"GET /health ");
            let answer = if healthy { "200 OK" } else { "404 Not Found" };
            let answer =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let mut place = place().await;
    place.status = StatusConfig {
        mlflow_url: Some(format!("http://{address}/")),
        prometheus_url: Some(format!("http://{address}")),
        ..place.status
    };
    let server = place.start().await;
    until(&server, "mlflow", "up").await;
    let prometheus = until(&server, "prometheus", "down").await;
    assert_eq!(prometheus["detail"], "It answers with status 404.");
    answers.abort();
    let _ = answers.await;
    let mlflow = until(&server, "mlflow", "down").await;
    assert_eq!(mlflow["detail"], "It does not answer.");
    let text = status(&server).await.to_string();
    assert!(!text.contains(&address.port().to_string()), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn the_history_outlives_the_server_and_prometheus_reads_the_same() {
    let place = place().await;
    let server = place.start().await;
    until(&server, "api", "up").await;
    server.stop().await;
    let server = place.start().await;
    // What a server finds is told at once and written a moment later.
    let counted = async || {
        let api = until(&server, "api", "up").await;
        api["history"][89]["up"].as_u64().unwrap()
    };
    for _ in 0..1000 {
        if counted().await >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(counted().await >= 2, "the first server's looks count too");
    let response = server.get("/metrics").send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    assert!(
        text.contains("\ngeocrop_part_up{part=\"api\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("\ngeocrop_part_since_seconds{part=\"api\"} 1"),
        "{text}"
    );
    assert!(
        !text.contains("part=\"tiles\""),
        "nothing is known of tiles: {text}"
    );
    server.stop().await;
}
