//! Training on small tables.

#![cfg(feature = "train")]
#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]

use std::sync::Mutex;

use geocrop_model::{Ensemble, Objective, TreeEnsemble};
use geocrop_training::{Plan, Source, SplitBy, Table, TrainOptions, TrainingError, train};

/// Points of a plane in bands of the first feature; the second says nothing.
fn bands(rows: usize, classes: u32) -> Table {
    let labels: Vec<u32> = (0..rows as u32).map(|row| row % classes).collect();
    let noise = |row: usize| (row * 7919 % 101) as f32 / 101.0;
    let values = labels.iter().enumerate().flat_map(|(row, label)| {
        let first = *label as f32 + 0.8 * noise(row);
        [
            if row % 17 == 0 { f32::NAN } else { first },
            noise(row * 31),
        ]
    });
    Table {
        names: vec!["first".to_owned(), "second".to_owned()],
        rows,
        values: values.collect(),
        labels,
        groups: None,
        weights: None,
        places: None,
        source: Source {
            name: "bands".to_owned(),
            sha256: "0".repeat(64),
        },
    }
}

/// One small model, as XGBoost saves it.
const PLAIN: &str =
    "[[member]]\nname = 'trees'\nrounds = 20\ndepth = 3\nlearning_rate = 0.3\nsubsample = 0.8\n";

fn options() -> TrainOptions {
    TrainOptions {
        plan: Plan::from_toml(PLAIN).unwrap(),
        folds: 3,
        ..TrainOptions::default()
    }
}

#[test]
fn two_classes_give_a_probability_and_a_card_that_counts_every_sample() {
    let table = bands(240, 2);
    let trained = train(&table, &options(), &|_, _| ()).unwrap();
    let model = TreeEnsemble::from_slice(&trained.model_json).unwrap();
    assert_eq!(model.objective(), Objective::BinaryLogistic);
    assert_eq!(model.feature_names(), ["first", "second"]);
    assert_eq!(model.num_trees(), 20);

    let card = trained.card;
    let scores = card.cross_validation.unwrap();
    assert!(scores.accuracy.value > 0.9, "{scores:?}");
    assert!(scores.auc.unwrap().value > 0.95);
    let counted: f64 = scores.confusion.iter().flatten().sum();
    assert!((counted - 240.0).abs() < 1e-9, "{counted}");
    assert_eq!(
        card.data
            .classes
            .iter()
            .map(|class| class.rows)
            .collect::<Vec<_>>(),
        [Some(120), Some(120)]
    );
    assert_eq!(card.zone, "not stated", "nobody described this table");
    assert!(card.xgboost.split('.').count() == 3, "{}", card.xgboost);
}

#[test]
fn samples_count_as_much_as_their_weights_in_training_and_once_in_the_figures() {
    let mut table = bands(240, 2);
    // Every other pair is labelled wrongly, by somebody who is trusted little.
    let doubtful = |row: usize| row / 2 % 2 == 1;
    for (row, label) in table.labels.iter_mut().enumerate() {
        *label = if doubtful(row) { 1 - *label } else { *label };
    }
    let weight = |row| if doubtful(row) { 0.1 } else { 1.0 };
    let right = |table: &Table| {
        let trained = train(table, &options(), &|_, _| ()).unwrap();
        let model = TreeEnsemble::from_slice(&trained.model_json).unwrap();
        let mut scores = vec![0.0; table.rows];
        model.predict_rows(&table.values, &mut scores).unwrap();
        let said = scores.iter().enumerate();
        let right = said.filter(|(row, score)| usize::from(**score > 0.5) == row % 2);
        (right.count(), trained.card)
    };
    let (even, card) = right(&table);
    assert_eq!(card.training.unwrap().sample_weights, None);
    table.weights = Some((0..table.rows).map(weight).collect());
    let (weighted, card) = right(&table);
    assert!(weighted > 225 && weighted > even, "{weighted} {even}");
    assert_eq!(card.training.unwrap().sample_weights, Some([0.1, 1.0]));
    let accuracy = card.cross_validation.unwrap().accuracy.value;
    assert!(
        (0.4..0.6).contains(&accuracy),
        "half of them are wrong: {accuracy}"
    );
}

#[test]
fn several_classes_give_a_probability_for_each() {
    let trained = train(&bands(300, 4), &options(), &|_, _| ()).unwrap();
    let model = TreeEnsemble::from_slice(&trained.model_json).unwrap();
    assert_eq!(
        (model.objective(), model.outputs()),
        (Objective::MultiSoftprob, 4)
    );
    let scores = trained.card.cross_validation.unwrap();
    assert!(scores.accuracy.value > 0.9);
    assert_eq!(scores.confusion.len(), 4);
}

#[test]
fn a_seed_makes_one_model_and_another_seed_another() {
    let table = bands(200, 2);
    let model = |seed| {
        train(&table, &TrainOptions { seed, ..options() }, &|_, _| ())
            .unwrap()
            .model_json
    };
    // Not by assert_eq: files are long.
    assert!(model(5) == model(5));
    assert!(model(5) != model(6));
}

#[test]
fn progress_rises_from_nothing_to_all() {
    let heard = Mutex::new(Vec::new());
    train(&bands(60, 2), &options(), &|stage, share| {
        heard.lock().unwrap().push((stage.to_owned(), share));
    })
    .unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted_by(|a, b| a.1 <= b.1));
    assert!(heard.first().unwrap().1.abs() < 1e-9);
    assert!((heard.last().unwrap().1 - 1.0).abs() < 1e-9);
    assert!(heard[0].0.contains("fold 1 of 3"), "{}", heard[0].0);
}

#[test]
fn a_class_with_fewer_samples_than_folds_is_refused_before_training() {
    let mut table = bands(60, 2);
    table.labels = vec![0; 60];
    table.labels[7] = 1;
    let error = train(&table, &options(), &|_, _| panic!("nothing is trained")).unwrap_err();
    assert!(
        matches!(
            error,
            TrainingError::TooFewSamples {
                class: 1,
                found: 1,
                folds: 3
            }
        ),
        "{error}"
    );
}

/// Two boosted models that differ by their seed, a forest that sees one feature less, and something derived.
const VOTE: &str = "
calibration = 'platt'
class_weights = 'balanced'
[[derived]]
name = 'twice'
expression = 'first + first'
[[derived]]
name = 'elsewhere'
expression = 'nobody + first'
[[member]]
name = 'boosted'
seeds = 2
rounds = 15
depth = 3
learning_rate = 0.3
early_stopping = 5
[[member]]
name = 'forest'
kind = 'forest'
weight = 0.5
rounds = 10
depth = 4
subsample = 0.6
colsample_bynode = 0.7
without = ['twice']
";

#[test]
fn members_of_all_kinds_become_one_file_that_predicts_from_the_tables_columns() {
    let table = bands(300, 2);
    let plan = Plan::from_toml(VOTE).unwrap();
    let trained = train(&table, &TrainOptions { plan, ..options() }, &|_, _| ()).unwrap();
    let model = Ensemble::from_slice(&trained.model_json).unwrap();
    assert_eq!(model.feature_names(), ["first", "second"]);
    assert_eq!(model.num_members(), 3);
    assert!(model.calibration().is_some());
    let mut scores = vec![0.0; table.rows];
    model.predict_rows(&table.values, &mut scores).unwrap();
    let right = scores.iter().zip(&table.labels);
    let right = right
        .filter(|(p, label)| u32::from(**p > 0.5) == **label)
        .count();
    assert!(right > 280, "{right}");

    let card = trained.card;
    let derived: Vec<&str> = card
        .derived
        .iter()
        .map(|derived| derived.name.as_str())
        .collect();
    assert_eq!(
        derived,
        ["twice"],
        "what needs a column that is not there is left out"
    );
    let planned = card.training.as_ref().unwrap().members.len();
    assert_eq!((card.model.members, planned), (3, 2));
    assert!(
        card.model.trees <= 2 * 15 + 10,
        "rounds stop early: {}",
        card.model.trees
    );
    assert_eq!(trained.held_out.truth, table.labels);
    assert_eq!(
        card.missing(),
        [
            "zone",
            "intended_use",
            "data.source",
            "data.licence",
            "data.attribution"
        ]
    );
}

#[test]
fn a_group_is_never_on_both_sides_and_without_groups_there_is_a_caution() {
    let mut table = bands(240, 2);
    let careless = train(&table, &options(), &|_, _| ())
        .unwrap()
        .card
        .cross_validation
        .unwrap();
    assert!(careless.caution.unwrap().contains("no coordinates"));
    table.groups = Some((0..240).map(|row| row / 8).collect());
    let trained = train(&table, &options(), &|_, _| ()).unwrap();
    let fold = trained.held_out.fold.unwrap();
    for group in fold.chunks(8) {
        assert!(
            group.iter().all(|held_out| *held_out == group[0]),
            "{group:?}"
        );
    }
    let scores = trained.card.cross_validation.unwrap();
    assert!(
        scores.scheme.contains("30 groups") && scores.caution.is_none(),
        "{}",
        scores.scheme
    );
}

#[test]
fn repeats_have_folds_of_their_own_and_a_search_finds_the_same_again() {
    let table = bands(200, 2);
    let options = TrainOptions {
        search: 4,
        repeats: 2,
        split: SplitBy::Samples,
        ..options()
    };
    let first = train(&table, &options, &|_, _| ()).unwrap();
    let again = train(&table, &options, &|_, _| ()).unwrap();
    assert!(first.model_json == again.model_json);
    let repeats = &first.card.cross_validation.unwrap().repeats;
    assert_eq!(repeats.len(), 2);
    assert_ne!(repeats[0], repeats[1]);
    assert_eq!(first.card.training.unwrap().search, 4);
}

#[test]
fn a_member_that_wants_a_feature_nobody_has_is_refused() {
    let plan = Plan::from_toml(&PLAIN.replace("depth", "features = ['frist']\ndepth")).unwrap();
    let error = train(
        &bands(60, 2),
        &TrainOptions { plan, ..options() },
        &|_, _| (),
    )
    .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("`frist`") && error.contains("first, second"),
        "{error}"
    );
}

#[test]
fn xgboost_reads_the_model_and_predicts_the_same() {
    let table = bands(120, 2);
    let trained = train(&table, &options(), &|_, _| ()).unwrap();
    let booster = xgb::Booster::load_buffer(&trained.model_json).unwrap();
    let mut rows =
        xgb::DMatrix::from_dense_with_missing(&table.values, table.rows, f32::NAN).unwrap();
    rows.set_feature_names(&["first", "second"]).unwrap();
    let expected = booster.predict(&rows).unwrap();
    let model = Ensemble::from_slice(&trained.model_json).unwrap();
    let mut found = vec![0.0; table.rows];
    model.predict_rows(&table.values, &mut found).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}
