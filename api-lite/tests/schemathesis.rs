//! The API does what its description says, whatever is sent to it: requests made up by Schemathesis, which knows nothing but
//! the description.
//!
//! `./dev test` installs it and names its Python in `GEOCROP_TEST_SCHEMATHESIS`; without it the test says so and skips.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::Place;
use common::maps;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_can_be_made_up_breaks_what_the_description_says() {
    let Some(python) = std::env::var_os("GEOCROP_TEST_SCHEMATHESIS") else {
        println!(
            "skipped: made-up requests: GEOCROP_TEST_SCHEMATHESIS names no Python with Schemathesis"
        );
        return;
    };
    let mut place = Place::new().await;
    place.sound_models = true;
    let grid = maps::equal_area();
    let bounds = grid.lonlat_bounds().unwrap();
    maps::publish_map(&place.store(), "west", &grid, maps::rectangle(bounds));
    let server = place.start().await;
    let token = server.log_in("root").await;
    // A key outlives what is done to sessions.
    let key: Value = server
        .post("/v1/keys", &token)
        .json(&json!({ "name": "made-up requests" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let header = format!("Authorization: Bearer {}", key["key"].as_str().unwrap());
    let address = server.url("/openapi.json");
    let program = Path::new(&python).with_file_name("schemathesis");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .arg("--config-file")
            .arg(config)
            .args(["run", &address, "--header", &header])
            .args(["--phases", "examples,coverage,fuzzing", "--checks", "all"])
            .args(["--max-examples", "30", "--seed", "1", "--no-color"])
            // Its notes of earlier runs would make this one another.
            .args(["--generation-database", "none"])
            .current_dir(std::env::temp_dir())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{words}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        words.contains("test cases") || words.contains("Test cases"),
        "{words}"
    );
    server.stop().await;
}
