//! The files that are checked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use geocrop_platform::{documents, root};
use serde_json::Value;

/// The folder of the manifests.
pub(crate) fn folder() -> PathBuf {
    root().join("k8s/base/monitoring")
}

/// The one document of a YAML file.
pub(crate) fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut documents =
        documents(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.remove(0)
}

/// The files of a folder with this ending, sorted.
pub(crate) fn listed(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
}

/// A rule of a rules file.
pub(crate) struct Rule {
    /// The name of the series or of the alert.
    pub(crate) name: String,
    pub(crate) alert: bool,
    pub(crate) expr: String,
    pub(crate) whole: Value,
}

/// All rules, recorded ones and alerts.
pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for path in listed(&folder().join("prometheus/rules"), "yaml") {
        for group in yaml(&path)["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                let alert = rule.get("alert").is_some();
                let name = rule[if alert { "alert" } else { "record" }].as_str();
                rules.push(Rule {
                    name: name.unwrap().to_owned(),
                    alert,
                    expr: rule["expr"].as_str().unwrap().to_owned(),
                    whole: rule.clone(),
                });
            }
        }
    }
    rules
}

/// A query of a dashboard, with the interval that Grafana would put in.
pub(crate) struct Query {
    pub(crate) place: String,
    pub(crate) expr: String,
}

/// The queries of all dashboards.
pub(crate) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for path in listed(&folder().join("grafana/dashboards"), "json") {
        let dashboard = yaml(&path);
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                queries.push(Query {
                    place: format!("{}: {}", dashboard["title"], panel["title"]),
                    expr: expr.replace("$__rate_interval", "1m"),
                });
            }
        }
    }
    queries
}

/// Runs a checker; None where the machine lacks it, which is said.
pub(crate) fn checked(program: &str, package: &str, command: &mut Command) -> Option<String> {
    match command.output() {
        Ok(output) => {
            let words = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(output.status.success(), "{program}: {words}");
            Some(words)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: {program} is not installed ({package})");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// The configuration of Prometheus with every discovery by Kubernetes taken out, since the test's Prometheus may be built
/// without it.
pub(crate) fn config_without_kubernetes() -> Value {
    let mut config = yaml(&folder().join("prometheus/config.yml"));
    for job in config["scrape_configs"].as_array_mut().unwrap() {
        let job = job.as_object_mut().unwrap();
        assert!(
            job.remove("kubernetes_sd_configs").is_some(),
            "every job finds its targets by Kubernetes"
        );
    }
    config
}
