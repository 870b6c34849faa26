//! `geocrop precompute plan`: what would be done and what it would cost, before anything runs.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{command, project, shared_data, stderr, stdout};

fn plan(args: &[&str]) -> Output {
    let store = tempfile::tempdir().unwrap();
    let mut all = vec![
        "precompute",
        "plan",
        "--store",
        store.path().to_str().unwrap(),
    ];
    all.extend(args);
    // Rates that this machine has learned would make the plans others than everywhere else.
    let cache = tempfile::tempdir().unwrap();
    let output = command(&all)
        .env("GEOCROP_CACHE", cache.path())
        .output()
        .unwrap();
    assert_eq!(
        std::fs::read_dir(store.path()).unwrap().count(),
        0,
        "a plan wrote something"
    );
    output
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_common_areas_are_planned_for_a_decade_without_imagery() {
    let output = plan(&[
        "--recipe",
        "ndvi",
        "--aoi",
        "aois/",
        "--period",
        "2015-2025",
        "--json",
    ]);
    let plan = json(&output);
    let areas = std::fs::read_dir(project().join("aois"))
        .unwrap()
        .filter(|e| {
            e.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|e| e == "geojson")
        })
        .count();
    assert!(areas >= 12, "{areas}");
    let tasks = plan["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 11 * areas);
    for task in tasks {
        assert!(task["blocks"].as_u64().unwrap() > 0, "{task}");
        assert!(task["work"]["input_bytes"].as_u64().unwrap() > 0, "{task}");
        assert!(
            task["cost"]["cpu_seconds"].as_f64().unwrap() > 0.0,
            "{task}"
        );
        assert_eq!(task["up_to_date"], false);
    }
    assert!(
        plan["remarks"].to_string().contains("every five days"),
        "{}",
        plan["remarks"]
    );

    let table = plan_table(&["--recipe", "ndvi", "--aoi", "aois/", "--period", "2024"]);
    assert!(table.contains("ndvi/2024/mazowe-valley"), "{table}");
    assert!(table.lines().any(|l| l.starts_with("total")), "{table}");
}

fn plan_table(args: &[&str]) -> String {
    let output = plan(args);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn a_budget_refuses_what_is_larger_and_says_what_would_fit() {
    let all = [
        "--recipe",
        "ndvi",
        "--aoi",
        "aois/",
        "--period",
        "2015-2025",
        "--budget",
    ];
    let small: Vec<&str> = all.iter().copied().chain(["60s"]).collect();
    let output = plan(&small);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("more than the budget") && said.contains("--shard 1/"),
        "{said}"
    );
    let large: Vec<&str> = all.iter().copied().chain(["10000h,10TB"]).collect();
    assert!(plan(&large).status.success());
    let wrong: Vec<&str> = all.iter().copied().chain(["a lot"]).collect();
    assert_eq!(plan(&wrong).status.code(), Some(2));
}

#[test]
fn a_country_is_cut_into_tiles_and_planned_in_little_memory() {
    let Some(mirror) = shared_data() else { return };
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_geocrop"))
        .current_dir(project())
        .env("GEOCROP_DATA_MIRROR", &mirror)
        .env("GEOCROP_CACHE", dir.path().join("cache"))
        .args([
            "precompute",
            "plan",
            "--recipe",
            "ndvi",
            "--aoi",
            "zimbabwe",
        ])
        .args(["--period", "2015-2025", "--json", "--store"])
        .arg(dir.path().join("store"))
        .output()
        .unwrap();
    let plan = json(&output);
    assert_eq!(plan["mosaics"].as_array().unwrap().len(), 11);
    let tasks = plan["tasks"].as_array().unwrap();
    let year = tasks.iter().filter(|t| t["period"] == "2020");
    // 390,757 km2 in tiles of 96 km.
    assert!(
        (43..100).contains(&year.clone().count()),
        "{}",
        year.count()
    );
    let pixels: u64 = year.map(|t| t["work"]["pixels"].as_u64().unwrap()).sum();
    let area = pixels as f64 * 100.0 / 1e6;
    assert!(
        (390_000.0..460_000.0).contains(&area),
        "{area} km2 in blocks"
    );
    let peak = plan["peak_mb"].as_f64().unwrap();
    assert!(peak < 300.0, "{peak} MB");
}
