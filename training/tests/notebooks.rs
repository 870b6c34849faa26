//! The notebooks run from beginning to end without a browser, and find what is in their data.
//!
//! `./dev test` names a Python that runs them in `GEOCROP_TEST_NOTEBOOKS` and the program in `GEOCROP_TEST_BINARY`; without
//! them, or without the sample data in `../shared`, the tests say so and skip.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use geocrop_testbed::s3::{ACCESS_KEY, BUCKET, S3, SECRET_KEY};
use serde_json::Value;
use tempfile::TempDir;

const NOTEBOOKS: [&str; 2] = ["explore_a_dataset", "explain_a_map"];

fn project() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.parent().unwrap().to_owned()
}

fn notebook(name: &str) -> PathBuf {
    project().join(format!("training/notebooks/{name}.ipynb"))
}

fn cells(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    let cells = notebook["cells"].as_array().unwrap().clone();
    cells
        .into_iter()
        .filter(|cell| cell["cell_type"] == "code")
        .collect()
}

/// What a variable names, or `None` after saying what is missing.
fn named(variable: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        println!("skipped: notebooks: {variable} names no {what}");
    }
    found
}

/// The program, in the project, with a cache of its own and no settings of the desk.
fn geocrop(binary: &Path, cache: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars() {
        if name.starts_with("GEOCROP_") {
            command.env_remove(name);
        }
    }
    command.current_dir(project()).env("GEOCROP_CACHE", cache);
    command
}

/// What came of a notebook: the figures that it printed at its end, and how many pictures it drew.
struct Outcome {
    figures: Value,
    pictures: usize,
}

/// Runs a notebook with these variables.
fn run(python: &Path, name: &str, variables: &[(&str, &str)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .args(["-m", "nbconvert", "--to", "notebook", "--execute"])
        .arg("--output-dir")
        .arg(folder.path())
        .arg(notebook(name))
        .envs(variables.iter().copied())
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {words}");
    let cells = cells(&folder.path().join(format!("{name}.ipynb")));
    let outputs = cells
        .iter()
        .flat_map(|cell| cell["outputs"].as_array().unwrap());
    let pictures = outputs.filter(|output| output["data"].get("image/png").is_some());
    let last = &cells.last().unwrap()["outputs"][0]["text"];
    let words: String = last
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    Outcome {
        pictures: pictures.count(),
        figures: serde_json::from_str(&words).unwrap(),
    }
}

#[test]
fn notebooks_are_kept_without_what_they_printed() {
    for name in NOTEBOOKS {
        for cell in cells(&notebook(name)) {
            assert_eq!(
                cell["outputs"],
                Value::Array(Vec::new()),
                "{name}: {}",
                cell["id"]
            );
            assert_eq!(
                cell["execution_count"],
                Value::Null,
                "{name}: {}",
                cell["id"]
            );
        }
    }
}

/// The packages of a file of requirements, with their versions.
fn requirements(file: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(project().join(file)).unwrap();
    text.lines()
        .filter_map(|line| line.split_once("=="))
        .map(|(package, version)| (package.to_owned(), version.to_owned()))
        .collect()
}

#[test]
fn the_image_has_what_notebooks_import_in_the_tested_versions() {
    const STANDARD: [&str; 7] = [
        "fnmatch", "hashlib", "io", "json", "os", "pathlib", "warnings",
    ];
    let image = requirements("images/jupyter/requirements.txt");
    let tested = requirements("requirements/notebooks.txt");
    for name in NOTEBOOKS {
        let mut imported = BTreeSet::new();
        for cell in cells(&notebook(name)) {
            for line in cell["source"].as_array().unwrap() {
                let line = line.as_str().unwrap();
                let module = line
                    .strip_prefix("import ")
                    .or_else(|| line.strip_prefix("from "));
                let package = module.and_then(|module| module.split(['.', ' ', '\n']).next());
                imported.extend(package.map(str::to_owned));
            }
        }
        assert!(imported.len() > 5, "{name}: {imported:?}");
        for module in imported
            .iter()
            .filter(|module| !STANDARD.contains(&module.as_str()))
        {
            let package = if module == "sklearn" {
                "scikit-learn"
            } else {
                module
            };
            assert!(
                image.contains_key(package),
                "{name}: {package} is not in the image"
            );
            assert_eq!(image[package], tested[package], "{name}: {package}");
        }
    }
}

#[test]
fn a_pulled_dataset_is_explored() {
    let Some(python) = named("GEOCROP_TEST_NOTEBOOKS", "Python that runs them") else {
        return;
    };
    let Some(binary) = named("GEOCROP_TEST_BINARY", "geocrop to fetch a data set") else {
        return;
    };
    let mirror = project().join("../shared/data");
    if !mirror.join("datasets.toml").exists() {
        return println!("skipped: notebooks: no ../shared/data with samples");
    }
    let cache = tempfile::tempdir().unwrap();
    let pulled = geocrop(&binary, cache.path())
        .args(["data", "pull", "deafrica-south-eastern"])
        .env("GEOCROP_DATA_MIRROR", mirror)
        .output()
        .unwrap();
    assert!(
        pulled.status.success(),
        "{}",
        String::from_utf8_lossy(&pulled.stderr)
    );
    let outcome = run(
        &python,
        NOTEBOOKS[0],
        &[("GEOCROP_CACHE", cache.path().to_str().unwrap())],
    );
    let figures = outcome.figures;
    assert_eq!(outcome.pictures, 5);
    assert_eq!(
        (&figures["rows"], &figures["features"]),
        (&3341.into(), &33.into())
    );
    assert_eq!(
        (&figures["classes"]["0"], &figures["classes"]["1"]),
        (&1865.into(), &1476.into())
    );
    let problems = figures["problems"].as_object().unwrap();
    assert!(problems.values().all(|found| *found == 0), "{problems:?}");
    // What a forest of 300 trees is known to reach on this table.
    let auc = figures["scores"]["auc"].as_f64().unwrap();
    assert!((0.81..0.84).contains(&auc), "{auc}");
}

/// Two hundred samples, tidy but for one of each problem.
fn table_with_problems() -> String {
    let mut table = String::from("Class,NDVI_S1,NDVI_S2,noise,constant\n");
    for n in 0..200 {
        let class = n % 2;
        let noise = f64::from(n * 37 % 101) / 101.0;
        let ndvi = 0.3 + 0.3 * f64::from(class) + 0.2 * noise;
        // Writing to a string does not fail.
        let _ = writeln!(table, "{class},{ndvi:.4},{:.4},{noise:.4},1", 1.0 - ndvi);
    }
    table
        + "0,,0.5,0.5,1\n\
             0,inf,0.5,0.5,1\n\
             1,3.5,0.5,0.5,1\n\
             0,0.123,0.5,0.77,1\n\
             0,0.123,0.5,0.77,1\n\
             1,0.456,0.5,0.88,1\n\
             0,0.456,0.5,0.88,1\n"
}

#[test]
fn what_is_wrong_with_a_table_in_a_bucket_is_found() {
    let Some(python) = named("GEOCROP_TEST_NOTEBOOKS", "Python that runs them") else {
        return;
    };
    let store = S3::start();
    fs::create_dir_all(store.file("datasets")).unwrap();
    fs::write(store.file("datasets/samples.csv"), table_with_problems()).unwrap();
    let table = format!("s3://{BUCKET}/datasets/samples.csv");
    let mut variables = of_bucket(store.address());
    variables.push(("TABLE", &table));
    let figures = run(&python, NOTEBOOKS[0], &variables).figures;
    assert_eq!(figures["rows"], 207);
    for (problem, found) in [
        ("missing values", 1),
        ("infinite values", 1),
        ("duplicated rows", 1),
        ("contradictions", 1),
        ("constant features", 1),
    ] {
        assert_eq!(figures["problems"][problem], found, "{problem}");
    }
    // Too high, infinite, and missing.
    assert_eq!(figures["outside"], 3);
    assert!(figures["best alone"].as_str().unwrap().starts_with("NDVI"));
}

/// What clients of S3 are told of the server: `boto3` first, then GDAL.
fn of_bucket(address: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ENDPOINT_URL", address),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_S3_ENDPOINT", address.trim_start_matches("http://")),
        ("AWS_HTTPS", "NO"),
        ("AWS_VIRTUAL_HOSTING", "FALSE"),
    ]
}

/// The demo, run once: its folder.
fn demo(binary: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let made = geocrop(binary, &cache)
        .args(["demo", "--once", "--dir"])
        .arg(dir.path().join("demo"))
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_map_is_explained_the_same_from_a_folder_and_from_a_bucket() {
    let Some(python) = named("GEOCROP_TEST_NOTEBOOKS", "Python that runs them") else {
        return;
    };
    let Some(binary) = named("GEOCROP_TEST_BINARY", "geocrop to make a map") else {
        return;
    };
    let dir = demo(&binary);
    let folder = dir.path().join("demo/store");
    let outcome = run(
        &python,
        NOTEBOOKS[1],
        &[("STORE", folder.to_str().unwrap()), ("AREA", "mazowe*")],
    );
    let figures = outcome.figures;
    assert_eq!(outcome.pictures, 4);
    assert_eq!(figures["model unchanged"], true);
    assert_eq!(figures["scenes"], 24);
    let hectares = |which: &str, class: &str| figures[which][class].as_f64().unwrap();
    for class in ["Cropland", "Not cropland"] {
        let (counted, told) = (hectares("hectares", class), hectares("told", class));
        assert!(
            (counted - told).abs() < 0.01,
            "{class}: {counted} and {told} ha"
        );
        assert!(counted > 100.0, "{class}: {counted} ha");
    }
    let agreement = figures["agreement"].as_f64().unwrap();
    assert!((0.6..1.0).contains(&agreement), "{agreement}");

    let store = S3::start();
    copy(&folder, &store.file("prefix"));
    let bucket = format!("s3://{BUCKET}/prefix");
    let mut variables = of_bucket(store.address());
    variables.extend([("STORE", bucket.as_str()), ("AREA", "mazowe*")]);
    assert_eq!(run(&python, NOTEBOOKS[1], &variables).figures, figures);
}
