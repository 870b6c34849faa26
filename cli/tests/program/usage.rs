//! What a user meets first: help, exit codes, wrong usage.

use crate::support::{geocrop, stderr, stdout};

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        vec!["demo"],
        vec!["precompute", "plan"],
        vec!["precompute", "run"],
        vec!["reproduce"],
        vec!["train"],
        vec!["model", "list"],
        vec!["model", "compare"],
        vec!["model", "promote"],
        vec!["model", "rollback"],
        vec!["model", "register"],
        vec!["model", "import"],
        vec!["model", "drift"],
        vec!["runs", "list"],
        vec!["runs", "show"],
        vec!["runs", "sync"],
        vec!["predict"],
        vec!["composite"],
        vec!["diff"],
        vec!["area", "propose"],
        vec!["area", "draw"],
        vec!["area", "estimate"],
        vec!["network"],
        vec!["site", "build"],
        vec!["site", "serve"],
        vec!["site", "publish"],
        vec!["api"],
        vec!["user", "add"],
        vec!["plan", "capacity"],
        vec!["backup"],
        vec!["restore"],
        vec!["dataset", "add"],
        vec!["dataset", "check"],
        vec!["dataset", "stats"],
        vec!["dataset", "list"],
        vec!["dataset", "extract"],
        vec!["data", "pull"],
        vec!["doctor"],
    ] {
        let mut args = command.clone();
        args.push("--help");
        let output = geocrop(&args);
        assert!(output.status.success(), "{command:?}");
        let example = format!("geocrop {}", command.join(" "));
        let text = stdout(&output);
        let after = text.split("Example").nth(1).unwrap_or_default();
        assert!(
            after.contains(&example),
            "{command:?} shows no example:\n{text}"
        );
    }
}

#[test]
fn wrong_usage_exits_with_two_and_says_what_would_be_right() {
    let output = geocrop(&[
        "precompute",
        "run",
        "--recipe",
        "wheat",
        "--aoi",
        "x",
        "--period",
        "2024",
        "--source",
        "y",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("cropland-southeast-africa"),
        "{}",
        stderr(&output)
    );
    assert_eq!(geocrop(&["no-such-verb"]).status.code(), Some(2));
    let output = geocrop(&[
        "precompute",
        "run",
        "--recipe",
        "ndvi",
        "--aoi",
        "x",
        "--period",
        "summer",
        "--source",
        "y",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("'summer' is not a period"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn doctor_finds_the_projects_own_recipes_sources_and_models_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().display().to_string();
    let output = geocrop(&["doctor", "--json", "--store", &store]);
    assert!(
        output.status.success(),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["settings"]["store"]["from"], "flag");
    let checks = report["checks"].as_array().unwrap();
    for part in ["recipe", "source", "model", "store"] {
        assert!(
            checks
                .iter()
                .any(|c| c["what"].as_str().unwrap().starts_with(part)),
            "{part}"
        );
    }
}

#[test]
fn doctor_names_the_line_of_a_recipes_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        std::fs::read_to_string(crate::support::project().join("recipes/ndvi.toml")).unwrap();
    let wrong = text.replace("(nir - red)", "(nri - red)");
    let line = wrong.lines().position(|l| l.contains("nri")).unwrap() + 1;
    std::fs::write(dir.path().join("ndvi.toml"), wrong).unwrap();
    let recipes = dir.path().display().to_string();
    let output = geocrop(&["doctor", "--recipes", &recipes, "--store", &recipes]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(
        said.contains(&format!("ndvi.toml, line {line}")) && said.contains("nri"),
        "{said}"
    );
}
