//! A run's parameters, metrics and tags, in pieces that MLflow takes.

use serde_json::{Value, json};

use crate::Run;

/// MLflow's limits: metrics in a request, parameters or tags in a request, and half of its limit on a request's bytes.
const METRICS: usize = 1000;
const PARAMS_AND_TAGS: usize = 100;
const BYTES: usize = 500_000;
/// Characters of a parameter's and a tag's value.
const LONGEST_PARAM: usize = 6000;
const LONGEST_TAG: usize = 8000;

/// The requests: MLflow's word for what is in it, and the entries. The same run is always cut in the same way.
pub(super) fn of(run: &Run) -> Vec<(&'static str, Vec<Value>)> {
    let pairs = |values: &std::collections::BTreeMap<String, String>, longest| {
        let pair =
            |(key, value): (&String, &String)| json!({"key": key, "value": taken(value, longest)});
        values.iter().map(pair).collect::<Vec<Value>>()
    };
    let metrics = run.metrics.iter().flat_map(|(key, points)| {
        points.iter().map(move |point| {
            json!({"key": key, "value": number(point.value), "timestamp": point.at, "step": point.step})
        })
    });
    let mut batches = Vec::new();
    for (kind, entries, most) in [
        ("params", pairs(&run.params, LONGEST_PARAM), PARAMS_AND_TAGS),
        ("metrics", metrics.collect(), METRICS),
        ("tags", pairs(&run.tags, LONGEST_TAG), PARAMS_AND_TAGS),
    ] {
        batches.extend(
            cut(entries, most)
                .into_iter()
                .map(|entries| (kind, entries)),
        );
    }
    batches
}

/// The beginning, as long as MLflow takes it. PostgreSQL has no text with a zero in it.
fn taken(value: &str, longest: usize) -> String {
    let zero = |c| {
        if c == '\0' {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    value.chars().take(longest).map(zero).collect()
}

/// JSON has no infinities and no NaN; MLflow takes them as text.
fn number(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

fn cut(entries: Vec<Value>, most: usize) -> Vec<Vec<Value>> {
    let mut pieces: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.to_string().len();
        bytes += size;
        match pieces.last_mut() {
            Some(piece) if piece.len() < most && bytes <= BYTES => piece.push(entry),
            _ => {
                bytes = size;
                pieces.push(vec![entry]);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;
    use crate::{Point, Status};

    fn run() -> Run {
        Run {
            id: "a".repeat(32),
            experiment: "cropland".to_owned(),
            name: "run".to_owned(),
            status: Status::Finished,
            started: DateTime::UNIX_EPOCH,
            ended: None,
            params: BTreeMap::new(),
            metrics: BTreeMap::new(),
            tags: BTreeMap::new(),
            artifacts: Vec::new(),
            registration: None,
            sent_to: Vec::new(),
        }
    }

    #[test]
    fn no_request_is_larger_than_mlflow_takes() {
        let mut run = run();
        let points = (0..2500).map(|step| Point {
            at: 1,
            value: 0.5,
            step,
        });
        run.metrics.insert("loss".to_owned(), points.collect());
        for n in 0..250 {
            run.params.insert(format!("p{n:03}"), "ü".repeat(7000));
        }
        let batches = of(&run);
        for (kind, entries) in &batches {
            assert!(entries.len() <= if *kind == "metrics" { 1000 } else { 100 });
            assert!(serde_json::to_string(entries).unwrap().len() < 1_000_000);
        }
        let entries = |kind| {
            batches
                .iter()
                .filter(move |(k, _)| *k == kind)
                .flat_map(|(_, e)| e)
        };
        assert_eq!(entries("metrics").count(), 2500);
        assert_eq!(entries("params").count(), 250);
        let steps: Vec<i64> = entries("metrics")
            .filter_map(|e| e["step"].as_i64())
            .collect();
        assert!(steps.is_sorted());
        assert!(entries("params").all(|e| e["value"].as_str().unwrap().chars().count() == 6000));
    }

    #[test]
    fn values_that_json_or_a_database_cannot_hold_are_sent_as_what_they_take() {
        let mut run = run();
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1];
        let points = values.map(|value| Point {
            at: 1,
            value,
            step: 0,
        });
        run.metrics.insert("m".to_owned(), points.to_vec());
        run.params.insert("p".to_owned(), "a\0b".to_owned());
        let batches = of(&run);
        assert_eq!(batches[0].1[0]["value"], "a\u{fffd}b");
        let sent: Vec<&Value> = batches[1].1.iter().map(|entry| &entry["value"]).collect();
        assert_eq!(
            sent,
            [
                &json!("NaN"),
                &json!("Infinity"),
                &json!("-Infinity"),
                &json!(0.1)
            ]
        );
    }
}
