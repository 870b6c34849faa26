//! Training through the program, with XGBoost linked in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{command, stderr, stdout};

/// Two classes that a split on the first column tells apart, nearly.
fn table(path: &Path) {
    let mut text = String::from("Class,group,greenness,noise\n");
    for row in 0..240_u32 {
        let class = row % 2;
        let noise = f64::from(row * 7919 % 101) / 101.0;
        let greenness = f64::from(class) * 0.8 + 0.9 * noise;
        let _ = writeln!(
            text,
            "{class},field-{},{greenness},{}",
            row / 6,
            f64::from(row * 31 % 97)
        );
    }
    fs::write(path, text).unwrap();
}

const ABOUT: &str = "sha256 = ''\nname = 'maize'\nversion = '1'\nzone = 'a district'\nclasses = ['other', 'maize']\n\
    intended_use = 'trial'\nlimits = ['few samples']\n\
    [data]\ntitle = 't'\nsource = 's'\nlicence = 'CC-BY-4.0'\nattribution = 'a'\n";

/// What was said, and whether all went well; trainings and store in the folder.
fn geocrop(folder: &Path, args: &[&str]) -> (String, bool) {
    let output = command(args)
        .env("GEOCROP_RUNS", folder.join("runs"))
        .env("GEOCROP_STORE", folder.join("store"))
        // Nobody listens there.
        .env("GEOCROP_MLFLOW_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    (
        format!("{}{}", stdout(&output), stderr(&output)),
        output.status.success(),
    )
}

#[test]
fn a_table_becomes_a_model_that_serves_although_mlflow_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    table(&folder.join("samples.csv"));
    fs::write(folder.join("about.toml"), ABOUT).unwrap();
    let (data, about, out) = (path("samples.csv"), path("about.toml"), path("maize"));
    let train = [
        "train",
        "--data",
        &data,
        "--about",
        &about,
        "--out",
        &out,
        "--register",
        "--repeats",
        "2",
    ];
    let (said, well) = geocrop(folder, &train);
    assert!(well, "{said}");
    assert!(said.contains("geocrop runs sync"), "{said}");
    let card: Value =
        serde_json::from_slice(&fs::read(folder.join("maize/card.json")).unwrap()).unwrap();
    let scores = &card["cross_validation"];
    assert!(
        scores["scheme"].as_str().unwrap().contains("40 groups"),
        "{scores}"
    );
    assert!(
        scores["accuracy"]["value"].as_f64().unwrap() > 0.8,
        "{scores}"
    );
    assert_eq!(scores["repeats"].as_array().unwrap().len(), 2);
    let report = fs::read_to_string(folder.join("maize/report.html")).unwrap();
    assert!(report.contains("<svg") && report.contains("maize 1"));

    let (runs, _) = geocrop(folder, &["runs", "list", "--json"]);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs[0]["status"], "finished");
    assert_eq!(runs[0]["tags"]["model"], "maize/1");
    let (served, well) = geocrop(folder, &["model", "promote", "maize", "1"]);
    assert!(well, "{served}");
    let alias = fs::read_to_string(folder.join("store/models/maize/production")).unwrap();
    assert_eq!(alias.trim(), "1");
    // The same again is the same model; another one may not take its name.
    let (said, well) = geocrop(folder, &train);
    assert!(well, "{said}");
    let other = [&train[..], &["--seed", "2"]].concat();
    let (refused, well) = geocrop(folder, &other);
    assert!(!well && refused.contains("never changes"), "{refused}");
}

#[test]
fn a_model_is_called_like_its_file_as_far_as_that_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (data, out) = (path("My_samples 2024.csv"), path("out"));
    table(Path::new(&data));
    let train = ["train", "--data", &data, "--out", &out, "--plan", "plain"];
    for (wrong, reason) in [
        (["--name", "My model"], "--name gives another"),
        (["--model-version", "2/b"], "is no version"),
    ] {
        let (refused, well) = geocrop(folder, &[&train[..], &wrong].concat());
        assert!(!well && refused.contains(reason), "{refused}");
        assert!(!folder.join("out").exists(), "nothing was trained");
    }
    let (said, well) = geocrop(folder, &train);
    assert!(well, "{said}");
    let card: Value =
        serde_json::from_slice(&fs::read(folder.join("out/card.json")).unwrap()).unwrap();
    assert_eq!(card["name"], "my-samples-2024");
    assert_eq!(card["data"]["name"], "My_samples 2024");
}

#[test]
fn samples_that_cannot_be_learnt_from_are_refused_and_the_run_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let out = path("out");
    for (name, text, expected) in [
        ("no-class.csv", "label,a\n1,2\n", "expected `Class`"),
        (
            "one-class.csv",
            "Class,a\n1,2\n1,3\n",
            "all 2 samples are of class 1",
        ),
        (
            "infinite.csv",
            "Class,a\n0,1\n1,inf\n",
            "line 3, column `a`: found `inf`",
        ),
        (
            "lonely.csv",
            "Class,a\n0,1\n0,2\n0,3\n0,4\n0,5\n1,6\n",
            "class 1 has 1 samples, fewer than the 5 folds",
        ),
    ] {
        fs::write(folder.join(name), text).unwrap();
        let (said, well) = geocrop(folder, &["train", "--data", &path(name), "--out", &out]);
        assert!(!well && said.contains(expected), "{name}: {said}");
    }
    assert!(!folder.join("out").exists(), "nothing was written");
    let (unknown, well) = geocrop(
        folder,
        &[
            "train",
            "--data",
            &path("lonely.csv"),
            "--out",
            &out,
            "--plan",
            "best",
        ],
    );
    assert!(
        !well && unknown.contains("one of the plans default, plain"),
        "{unknown}"
    );
    let (runs, _) = geocrop(folder, &["runs", "list", "--json"]);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs[0]["status"], "failed");
    assert!(
        runs[0]["tags"]["error"]
            .as_str()
            .unwrap()
            .contains("class 1 has 1 samples")
    );
}

#[test]
fn a_table_that_memory_does_not_hold_is_refused_and_a_part_of_it_is_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut text = String::from("Class,a,b\n");
    for row in 0..20_000_u32 {
        let _ = writeln!(text, "{},{},{}", row % 2, row % 2 + row % 7, row % 11);
    }
    fs::write(folder.join("long.csv"), text).unwrap();
    let (data, out) = (path("long.csv"), path("out"));
    let train = [
        "train", "--data", &data, "--out", &out, "--plan", "plain", "--memory", "1",
    ];
    let (refused, well) = geocrop(folder, &train);
    assert!(
        !well && refused.contains("20000 rows") && refused.contains("--rows"),
        "{refused}"
    );
    assert!(!folder.join("out").exists() && !folder.join("runs").exists());
    let (said, well) = geocrop(folder, &[&train[..], &["--rows", "1000"]].concat());
    assert!(well && said.contains("1000 samples"), "{said}");
}
