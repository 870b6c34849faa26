//! A model in a zone where it did not learn: drift and applicability say so.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use geocrop_model::Applicability;
use geocrop_model::drift::{Change, Population};
use geocrop_training::applicability::{Samples, fit};
use geocrop_training::{Table, folds};

/// The samples of a zone, where the machine has them.
fn zone(name: &str) -> Option<Table> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let shared = std::env::var_os("GEOCROP_SHARED")
        .map_or_else(|| repository.join("../shared"), PathBuf::from);
    let path = shared.join("data/deafrica").join(name);
    if path.exists() {
        return Some(Table::read(path).unwrap());
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

/// Rows of one of two folds.
fn rows(table: &Table, fold: &[usize], which: usize) -> Vec<f32> {
    let rows: Vec<usize> = (0..table.rows).filter(|row| fold[*row] == which).collect();
    table.select(&rows).0
}

fn outside(applicability: &Applicability, values: &[f32]) -> f64 {
    let features = applicability.features();
    let planes: Vec<Vec<f32>> = (0..features)
        .map(|feature| {
            values
                .iter()
                .skip(feature)
                .step_by(features)
                .copied()
                .collect()
        })
        .collect();
    let views: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    let mut out = vec![0.0; values.len() / features];
    applicability.dissimilarity(&views, &mut out);
    let far = out
        .iter()
        .filter(|index| f64::from(**index) > applicability.threshold());
    far.count() as f64 / out.len() as f64
}

#[test]
fn another_zone_is_recognised_by_its_drift_and_lies_outside_more_often() {
    let (Some(home), Some(away)) = (
        zone("south_eastern_training.txt"),
        zone("southern_training.txt"),
    ) else {
        return;
    };
    assert_eq!(home.names, away.names);
    let half = folds::stratified(&home.labels, 2, 1).unwrap();
    let (learnt, held_out) = (rows(&home, &half, 0), rows(&home, &half, 1));

    let population = Population::of(&home.names, &learnt).unwrap();
    let worst = |values: &[f32]| {
        population
            .drift(values)
            .unwrap()
            .into_iter()
            .map(|d| d.change)
            .max()
    };
    assert_eq!(worst(&held_out), Some(Change::Stable));
    assert_eq!(worst(&away.values), Some(Change::Large));

    let dealt: Vec<usize> = (0..learnt.len() / home.names.len())
        .map(|row| row % 5)
        .collect();
    let samples = Samples {
        values: &learnt,
        fold: &dealt,
        weights: &vec![1.0; home.names.len()],
    };
    let applicability = fit(samples, Applicability::MAX_PROTOTYPES, 1).unwrap();
    let (near, far) = (
        outside(&applicability, &held_out),
        outside(&applicability, &away.values),
    );
    assert!(near < 0.1, "{near}");
    assert!(far > 2.0 * near, "{far} {near}");
}
