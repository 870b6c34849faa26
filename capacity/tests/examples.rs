//! The examples that the site prints and computes with are those of this program.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::path::Path;

use geocrop_capacity::{plan, presets};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// What `geocrop plan capacity --json` said for each example on a machine that had run nothing, and for one with prices.
const EXAMPLES: &str = "../content/data/capacity.json";

fn part<T: DeserializeOwned>(of: &Value) -> T {
    serde_json::from_value(of.clone()).unwrap()
}

/// Equal but for the last digits.
fn assert_same(found: &Value, expected: &Value, path: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            assert!(found.keys().eq(expected.keys()), "{path}");
            for (key, value) in found {
                assert_same(value, &expected[key], &format!("{path}.{key}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{path}");
            for (value, expected) in found.iter().zip(expected) {
                assert_same(value, expected, path);
            }
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            let difference = (found - expected).abs();
            assert!(
                difference <= 1e-9 * expected.abs(),
                "{path}: {found} in place of {expected}"
            );
        }
        _ => assert_eq!(found, expected, "{path}"),
    }
}

#[test]
fn the_site_s_examples_are_what_the_program_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLES);
    let examples: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases = examples["cases"].as_array().unwrap();
    for case in cases {
        let preset = &case["preset"];
        let found = plan(
            &part(&preset["demand"]),
            &part::<Vec<_>>(&case["products"]),
            &part(&preset["layers"]),
            &part(&preset["machine"]),
            part::<Option<_>>(&case["prices"]).as_ref(),
        )
        .unwrap();
        assert_same(
            &json!(found),
            &case["capacity"],
            preset["name"].as_str().unwrap(),
        );
    }
    for preset in presets() {
        let case = cases.iter().find(|case| case["preset"] == json!(preset));
        assert!(case.is_some(), "{} is not as the site has it", preset.name);
    }
    assert!(cases.iter().any(|case| !case["prices"].is_null()));
}
