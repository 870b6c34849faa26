//! Models outside of maps, and tables that they predict.

use geocrop_model::Ensemble;
use geocrop_precompute::ask::table::{TableForm, TableOptions, run};
use geocrop_precompute::{LoadedModel, ModelStore, Progress, TaskError, publish_models};
use serde_json::Value;

use crate::support::{Bench, project, recipe};

const NAME: &str = "cropland-southeast-africa";

fn models(bench: &Bench) -> ModelStore {
    ModelStore::new(&bench.engine, [&*recipe(NAME)])
}

fn cropland() -> LoadedModel {
    models(&Bench::new()).load(NAME, "production").unwrap()
}

fn ensemble() -> Ensemble {
    Ensemble::load(project().join("models").join(NAME).join("2/model.json")).unwrap()
}

/// Rows with something missing here and there.
fn rows(count: usize) -> Vec<Vec<Option<f32>>> {
    let value = |row: usize, column: usize| {
        let mixed = (row * 7919 + column * 104_729) % 1009;
        (!mixed.is_multiple_of(13)).then(|| mixed as f32 / 1500.0)
    };
    let width = ensemble().num_features();
    (0..count)
        .map(|row| (0..width).map(|column| value(row, column)).collect())
        .collect()
}

fn expected(rows: &[Vec<Option<f32>>]) -> Vec<f32> {
    let table: Vec<f32> = rows
        .iter()
        .flatten()
        .map(|v| v.unwrap_or(f32::NAN))
        .collect();
    let mut out = vec![0.0; rows.len()];
    ensemble().predict_rows(&table, &mut out).unwrap();
    out
}

/// As CSV, the features backwards, an identifier among them.
fn csv(rows: &[Vec<Option<f32>>]) -> String {
    let names = ensemble().feature_names().to_vec();
    let reversed: Vec<String> = names.iter().rev().cloned().collect();
    let mut text = format!("plot,{}\n", reversed.join(","));
    for (number, row) in rows.iter().enumerate() {
        let field = |v: &Option<f32>| v.map_or_else(String::new, |v| v.to_string());
        let fields: Vec<String> = row.iter().rev().map(field).collect();
        let fields = fields.join(",");
        text.extend(["\"plot, ", &number.to_string(), "\",", &fields, "\r\n"]);
    }
    text
}

fn predicted(input: &str, options: &TableOptions) -> Result<String, TaskError> {
    let mut out = Vec::new();
    run(
        &cropland(),
        &mut input.as_bytes(),
        &mut out,
        options,
        &Progress::new(),
    )?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn models_of_the_store_and_of_the_folder_are_known_and_production_is_the_store_s() {
    let bench = Bench::new();
    let known = models(&bench).list().unwrap();
    let trees: Vec<_> = known.iter().filter(|m| !m.network).collect();
    let versions = trees
        .iter()
        .map(|m| (m.name.as_str(), m.version.as_str(), m.production));
    assert_eq!(
        versions.collect::<Vec<_>>(),
        [(NAME, "1", false), (NAME, "2", true)]
    );
    let network = known.iter().find(|m| m.network).unwrap();
    assert_eq!(
        (network.name.as_str(), network.version.as_str()),
        ("dynamic-world", "v1")
    );

    publish_models(bench.engine.store(), &project().join("models")).unwrap();
    let again = bench.file(&format!("models/{NAME}/7/model.json"));
    std::fs::create_dir_all(again.parent().unwrap()).unwrap();
    std::fs::copy(
        project().join("models").join(NAME).join("2/model.json"),
        again,
    )
    .unwrap();
    std::fs::write(bench.file(&format!("models/{NAME}/production")), "7\n").unwrap();
    let known = models(&bench).list().unwrap();
    let serving: Vec<_> = known
        .iter()
        .filter(|m| m.production && !m.network)
        .collect();
    assert_eq!(serving[0].version, "7");
    let loaded = models(&bench).load(NAME, "production").unwrap();
    assert_eq!(loaded.version, "7");
    assert_eq!(loaded.classes().len(), 2);
    assert!(loaded.is_probability());
    for (name, version) in [
        (NAME, "8"),
        ("../models", "1"),
        (NAME, "../1"),
        ("none", "production"),
    ] {
        let error = models(&bench).load(name, version).unwrap_err();
        assert!(
            matches!(error, TaskError::NoModel { .. }),
            "{name}/{version}: {error}"
        );
    }
}

#[test]
fn a_network_that_was_not_pulled_says_how_to_get_it() {
    let bench = Bench::with(|options| options.datasets = None);
    let known = models(&bench).list().unwrap();
    let network = known.iter().find(|m| m.network).unwrap();
    assert!(
        network
            .missing
            .as_ref()
            .unwrap()
            .contains("geocrop data pull dynamic-world")
    );
    let error = models(&bench).load("dynamic-world", "v1").unwrap_err();
    assert!(matches!(error, TaskError::NoNetwork { .. }));
}

#[test]
fn a_table_is_predicted_as_its_rows_are_whatever_the_batch() {
    let rows = rows(101);
    let expected = expected(&rows);
    let whole = predicted(&csv(&rows), &TableOptions::default()).unwrap();
    let small = TableOptions {
        batch: 7,
        ..TableOptions::default()
    };
    assert_eq!(predicted(&csv(&rows), &small).unwrap(), whole);
    let mut lines = whole.lines();
    let header = lines.next().unwrap();
    assert!(
        header.starts_with("row,plot,class,class_name,confidence,p_"),
        "{header}"
    );
    for (number, (line, expected)) in lines.zip(&expected).enumerate() {
        let start = format!(
            "{},\"plot, {number}\",{},",
            number + 1,
            u8::from(*expected > 0.5)
        );
        assert!(line.starts_with(&start), "{line}");
        let last: f32 = line.rsplit(',').next().unwrap().parse().unwrap();
        assert_eq!(last.to_bits(), expected.to_bits());
    }
    assert_eq!(whole.lines().count(), 102);

    let json = serde_json::json!({ "instances": rows }).to_string();
    let options = TableOptions {
        input: TableForm::Json,
        output: TableForm::Json,
        ..TableOptions::default()
    };
    let answers: Vec<Value> = serde_json::from_str(&predicted(&json, &options).unwrap()).unwrap();
    assert_eq!(answers.len(), 101);
    let key = answers[0]
        .as_object()
        .unwrap()
        .keys()
        .filter(|k| k.starts_with("p_"));
    assert_eq!(key.count(), 2);
    for (answer, expected) in answers.iter().zip(&expected) {
        assert_eq!(answer["class"], u8::from(*expected > 0.5));
        let confidence = answer["confidence"].as_f64().unwrap() as f32;
        assert!((confidence - expected.max(1.0 - expected)).abs() < 1e-7);
    }
}

#[test]
fn a_wrong_table_is_refused_with_line_and_column() {
    let good = csv(&rows(3));
    let header = good.lines().next().unwrap().to_owned();
    let row = good.lines().nth(1).unwrap().to_owned();
    let refused = |text: &str| {
        let error = predicted(text, &TableOptions::default()).unwrap_err();
        assert!(matches!(error, TaskError::Table(_)), "{error}");
        error.to_string()
    };
    assert!(refused("").contains("empty"));
    let feature = ensemble().feature_names()[3].clone();
    let missing = refused(&header.replace(&format!(",{feature}"), ""));
    assert!(
        missing.contains(&format!("no column {feature}")),
        "{missing}"
    );
    assert!(refused(&format!("{header},plot\n")).contains("\"plot\" twice"));
    let short = refused(&format!("{header}\n{row}\n1,2\n"));
    assert!(
        short.contains("line 3") && short.contains("2 fields"),
        "{short}"
    );
    let words = row.rsplit_once(',').unwrap().0.to_owned() + ",abc";
    let number = refused(&format!("{header}\n\n{words}\n"));
    let first = ensemble().feature_names()[0].clone();
    assert!(
        number.contains("line 3") && number.contains(first.as_str()),
        "{number}"
    );
    let few = TableOptions {
        max_rows: 2,
        ..TableOptions::default()
    };
    assert!(
        predicted(&good, &few)
            .unwrap_err()
            .to_string()
            .contains("more than 2 rows")
    );

    let stopped = Progress::new();
    stopped.cancel();
    let ended = run(
        &cropland(),
        &mut good.as_bytes(),
        &mut Vec::new(),
        &TableOptions::default(),
        &stopped,
    );
    assert!(matches!(ended, Err(TaskError::Cancelled)));
}
