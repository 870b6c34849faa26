//! Models that vote: against sums by hand, and against the models alone.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::path::Path;

use geocrop_model::ensemble::{Calibration, Curve, Derived, EnsembleFile, Line, MemberFile};
use geocrop_model::{Ensemble, TreeEnsemble};
use serde_json::{Value, json};

/// One split on the first of some features: log-odds -1 below the threshold, 1 from it on.
fn stump(features: &[&str], threshold: f32) -> Vec<u8> {
    let count = features.len().to_string();
    let model = json!({
        "learner": {
            "feature_names": features, "feature_types": [],
            "learner_model_param": { "base_score": "5E-1", "num_class": "0", "num_feature": count, "num_target": "1" },
            "objective": { "name": "binary:logistic" },
            "gradient_booster": { "name": "gbtree", "model": {
                "gbtree_model_param": { "num_trees": "1", "num_parallel_tree": "1" },
                "tree_info": [0],
                "trees": [{
                    "tree_param": { "num_nodes": "3", "size_leaf_vector": "1" },
                    "categories": [], "split_type": [0, 0, 0], "default_left": [1, 0, 0],
                    "left_children": [1, -1, -1], "right_children": [2, -1, -1],
                    "split_conditions": [threshold, -1.0, 1.0], "split_indices": [0, 0, 0]
                }]
            } }
        },
        "version": [1, 7, 4]
    });
    serde_json::to_vec(&model).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// One looks at `b` alone, and counts three times as much as the one that looks at what is derived.
fn two() -> EnsembleFile {
    EnsembleFile::new(
        names(&["a", "b"]),
        vec![Derived {
            name: "sum".to_owned(),
            expression: "a + b".to_owned(),
        }],
        vec![
            MemberFile::new("b", 3.0, &stump(&["b"], 0.5)).unwrap(),
            MemberFile::new("sum", 1.0, &stump(&["sum", "a"], 1.0)).unwrap(),
        ],
    )
}

fn read(file: &EnsembleFile) -> Ensemble {
    Ensemble::from_slice(&file.to_bytes()).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(name)).unwrap()
}

fn predict(model: &Ensemble, rows: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() / model.num_features() * model.outputs()];
    model.predict_rows(rows, &mut out).unwrap();
    out
}

/// 1 / (1 + e^-x)
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[track_caller]
fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn members_vote_by_weight_on_what_they_look_at() {
    let model = read(&two());
    assert_eq!(model.feature_names(), ["a", "b"]);
    assert_eq!(
        (model.num_features(), model.outputs(), model.class_count()),
        (2, 1, 2)
    );
    assert_eq!((model.num_members(), model.num_trees()), (2, 2));
    let (low, high) = (sigmoid(-1.0), sigmoid(1.0));
    // b above its threshold and the sum too; only b; only the sum; neither; all missing go left.
    let rows = [0.9, 0.6, 0.1, 0.6, 0.8, 0.4, 0.1, 0.1, f32::NAN, f32::NAN];
    let mixed = |b: f32, sum: f32| 0.75 * b + 0.25 * sum;
    let expected = [
        mixed(high, high),
        mixed(high, low),
        mixed(low, high),
        mixed(low, low),
        mixed(low, low),
    ];
    close(&predict(&model, &rows), &expected);
    assert_eq!(model.class_of(&expected[..1]), Some(1));
}

#[test]
fn rows_planes_and_threads_give_the_same_bits() {
    let model = read(&two());
    // More than a block, and no multiple of one.
    let rows: Vec<f32> = (0..2 * 5003).map(|n| (n % 101) as f32 / 100.0).collect();
    let by_rows = predict(&model, &rows);
    let mut parallel = vec![0.0; by_rows.len()];
    model.predict_rows_parallel(&rows, &mut parallel).unwrap();
    assert_eq!(parallel, by_rows);
    let plane = |feature: usize| {
        rows.iter()
            .skip(feature)
            .step_by(2)
            .copied()
            .collect::<Vec<_>>()
    };
    let (a, b) = (plane(0), plane(1));
    let mut planes = vec![0.0; by_rows.len()];
    model.predict_planes(&[&a, &b], &mut planes).unwrap();
    assert_eq!(planes, by_rows);
    assert!(predict(&model, &[]).is_empty());
}

#[test]
fn what_xgboost_saved_predicts_as_if_it_were_alone() {
    for name in [
        "17-logistic.json",
        "17-softprob.json",
        "17-logistic-ubj.ubj",
        "17-nameless.json",
    ] {
        let bytes = fixture(name);
        let (trees, model) = (
            TreeEnsemble::from_slice(&bytes).unwrap(),
            Ensemble::from_slice(&bytes).unwrap(),
        );
        let rows: Vec<f32> = (0..40 * trees.num_features())
            .map(|n| (n % 17) as f32 / 17.0)
            .collect();
        let mut alone = vec![0.0; 40 * trees.outputs()];
        trees.predict_rows(&rows, &mut alone).unwrap();
        assert_eq!(predict(&model, &rows), alone, "{name}");
        assert_eq!(model.feature_names(), trees.feature_names(), "{name}");
        assert!(model.is_probability());
    }
}

#[test]
fn an_ensemble_of_a_model_twice_is_that_model() {
    let bytes = fixture("17-softprob.json");
    let trees = TreeEnsemble::from_slice(&bytes).unwrap();
    let member = |weight| MemberFile::new("m", weight, &bytes).unwrap();
    let file = EnsembleFile::new(
        trees.feature_names().to_vec(),
        Vec::new(),
        vec![member(1.0), member(3.0)],
    );
    let model = read(&file);
    let rows: Vec<f32> = (0..50 * trees.num_features())
        .map(|n| (n % 13) as f32 / 13.0)
        .collect();
    let mut alone = vec![0.0; 50 * trees.outputs()];
    trees.predict_rows(&rows, &mut alone).unwrap();
    close(&predict(&model, &rows), &alone);
    assert_eq!(model.class_count(), trees.class_count());
}

#[test]
fn a_calibration_corrects_what_was_voted() {
    let rows = [0.9, 0.6, 0.1, 0.1];
    let before = predict(&read(&two()), &rows);
    let mut file = two();
    file.calibration = Some(Calibration::Platt {
        lines: vec![Line {
            slope: 2.0,
            intercept: 0.0,
        }],
    });
    let squared: Vec<f32> = before
        .iter()
        .map(|p| p * p / (p * p + (1.0 - p) * (1.0 - p)))
        .collect();
    close(&predict(&read(&file), &rows), &squared);
    file.calibration = Some(Calibration::Isotonic {
        curves: vec![Curve {
            from: vec![0.0, 1.0],
            to: vec![0.0, 0.5],
        }],
    });
    let halved: Vec<f32> = before.iter().map(|p| p / 2.0).collect();
    let read_back = read(&file);
    close(&predict(&read_back, &rows), &halved);
    assert_eq!(read_back.calibration(), file.calibration.as_ref());
}

#[test]
fn a_file_that_contradicts_itself_is_refused_with_what_is_wrong() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut file: Value = serde_json::from_slice(&two().to_bytes()).unwrap();
        change(&mut file);
        // The key that tells the format comes first; a map of serde_json sorts its keys otherwise.
        let Value::Object(mut rest) = file else {
            unreachable!()
        };
        let format = rest.remove("geocrop_ensemble").unwrap();
        let rest = serde_json::to_string(&rest).unwrap();
        let text = format!("{{ \"geocrop_ensemble\": {format}, {}", &rest[1..]);
        Ensemble::from_slice(text.as_bytes())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let softprob: Value = serde_json::from_slice(&fixture("17-softprob.json")).unwrap();
    let three: Vec<String> = TreeEnsemble::from_slice(&fixture("17-softprob.json"))
        .unwrap()
        .feature_names()
        .to_vec();
    for (change, expected) in [
        (
            &|file: &mut Value| file["geocrop_ensemble"] = json!(2),
            "has format 2",
        ),
        (
            &|file: &mut Value| file["members"] = json!([]),
            "number of members is 0",
        ),
        (
            &|file: &mut Value| file["features"] = json!([]),
            "list of features is empty",
        ),
        (
            &|file: &mut Value| file["features"] = json!(["a", "a", "b"]),
            "a feature's name is a, expected each name once",
        ),
        (
            &|file: &mut Value| file["features"] = json!(["b"]),
            "a derived feature",
        ),
        (
            &|file: &mut Value| file["derived"] = json!([]),
            "a feature of `sum` is sum",
        ),
        (
            &|file: &mut Value| file["members"][0]["weight"] = json!(0.0),
            "the weight of `b` is 0",
        ),
        (
            &|file: &mut Value| file["members"][1]["model"]["learner"] = json!(null),
            "the member `sum`",
        ),
        (
            &|file: &mut Value| file["members"][0]["model"]["learner"]["feature_names"] = json!([]),
            "the list of features of `b`",
        ),
        (
            &|file: &mut Value| {
                file["members"][0]["model"]["learner"]["objective"]["name"] =
                    json!("reg:squarederror");
            },
            "its objective is reg:squarederror",
        ),
        (
            &|file: &mut Value| file["calibration"] = json!({"method": "platt", "lines": []}),
            "its calibration has 0 parts",
        ),
        (&|file: &mut Value| file["colour"] = json!("red"), "colour"),
        (
            &|file: &mut Value| {
                file["features"] =
                    json!([["a", "b"].map(str::to_owned).to_vec(), three.clone()].concat());
                file["members"][1]["model"] = softprob.clone();
            },
            "the objective of `sum` is multi:softprob",
        ),
    ] as [(&dyn Fn(&mut Value), &str); 13]
    {
        let error = with(change);
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
    }
    let cut = two().to_bytes();
    let error = Ensemble::from_slice(&cut[..cut.len() / 2])
        .unwrap_err()
        .to_string();
    assert!(error.contains("cut short"), "{error}");
}
