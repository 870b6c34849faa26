//! Prometheus and Alertmanager accept their files; each alert has cases and a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use geocrop_platform::root;
use serde_json::{Value, json};

use crate::files::{checked, config_without_kubernetes, folder, listed, rules, yaml};

const PROMTOOL: &str = "apt package prometheus";
const AMTOOL: &str = "apt package prometheus-alertmanager";

#[test]
fn prometheus_accepts_its_configuration_and_rules() {
    let mut config = config_without_kubernetes();
    config["rule_files"] = json!([folder().join("prometheus/rules/*.yaml")]);
    // The account's token is a file of the cluster.
    for job in config["scrape_configs"].as_array_mut().unwrap() {
        job.as_object_mut().unwrap().remove("authorization");
    }
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("prometheus.yml");
    // JSON is YAML.
    fs::write(&file, config.to_string()).unwrap();
    let words = checked(
        "promtool",
        PROMTOOL,
        Command::new("promtool")
            .args(["check", "config", "--lint-fatal"])
            .arg(&file),
    );
    if let Some(words) = words {
        assert!(words.contains("rules found"), "{words}");
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    checked(
        "promtool",
        PROMTOOL,
        Command::new("promtool")
            .args(["test", "rules"])
            .args(listed(&folder().join("prometheus/tests"), "yaml")),
    );
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    let mut cases: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for path in listed(&folder().join("prometheus/tests"), "yaml") {
        for test in yaml(&path)["tests"].as_array().unwrap() {
            for case in test["alert_rule_test"].as_array().unwrap() {
                let fires = case["exp_alerts"]
                    .as_array()
                    .is_some_and(|alerts| !alerts.is_empty());
                let name = case["alertname"].as_str().unwrap().to_owned();
                cases.entry(name).or_default()[usize::from(fires)] = true;
            }
        }
    }
    let alerts: BTreeSet<String> = rules()
        .into_iter()
        .filter(|rule| rule.alert)
        .map(|rule| rule.name)
        .collect();
    for alert in &alerts {
        let [silent, fires] = cases.remove(alert).unwrap_or_default();
        assert!(fires, "no case in which {alert} fires");
        // It is there to fire.
        assert!(
            silent || alert == "Watchdog",
            "no case in which {alert} keeps silent"
        );
    }
    assert!(
        cases.is_empty(),
        "cases of alerts that there are not: {cases:?}"
    );
}

#[test]
fn every_alert_says_how_bad_it_is_what_it_is_and_what_to_do() {
    let pages = root().join("docs/operations/runbooks");
    let mut wanted = BTreeSet::new();
    for rule in rules().iter().filter(|rule| rule.alert) {
        let (name, whole) = (&rule.name, &rule.whole);
        let severity = whole["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "none"].contains(&severity),
            "{name}: severity {severity:?}"
        );
        for key in ["summary", "description"] {
            let words = whole["annotations"][key].as_str().unwrap_or_default();
            assert!(words.len() > 10, "{name} has no {key}");
        }
        assert_eq!(
            whole["annotations"]["runbook_url"],
            format!("docs/operations/runbooks/{name}.md"),
            "{name}"
        );
        let page = fs::read_to_string(pages.join(format!("{name}.md")))
            .unwrap_or_else(|error| panic!("{name} has no page: {error}"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}: {page}");
        for part in ["## What it means", "## What to look at", "## What to do"] {
            let text = page.split(part).nth(1).unwrap_or_default();
            assert!(text.trim().len() > 40, "the page of {name} lacks '{part}'");
        }
        assert!(
            page.contains("```sh\n"),
            "the page of {name} has no command"
        );
        wanted.insert(format!("{name}.md"));
    }
    let found: BTreeSet<String> = listed(&pages, "md")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, wanted, "pages and alerts");
}

#[test]
fn alertmanager_accepts_its_configuration() {
    // With the templates where they are here.
    let mut config = yaml(&folder().join("alertmanager/config.yml"));
    config["templates"] = json!([folder().join("alertmanager/*.tmpl")]);
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("alertmanager.yml");
    fs::write(&file, config.to_string()).unwrap();
    checked(
        "amtool",
        AMTOOL,
        Command::new("amtool").arg("check-config").arg(&file),
    );
}

#[test]
fn alerts_reach_whom_they_concern() {
    let config = folder().join("alertmanager/config.yml");
    for rule in rules().iter().filter(|rule| rule.alert) {
        let severity = rule.whole["labels"]["severity"].as_str().unwrap();
        let receiver = match severity {
            "critical" => "chat-and-mail",
            "warning" => "mail",
            _ => "nobody",
        };
        let words = checked(
            "amtool",
            AMTOOL,
            Command::new("amtool")
                .args(["config", "routes", "test", "--verify.receivers", receiver])
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("alertname={}", rule.name))
                .arg(format!("severity={severity}")),
        );
        if words.is_none() {
            return;
        }
    }
}

#[test]
fn no_receiver_holds_a_secret_and_inhibitions_name_alerts_that_there_are() {
    let config = yaml(&folder().join("alertmanager/config.yml"));
    assert_no_secret("", &config);
    let alerts: BTreeSet<String> = rules().into_iter().map(|rule| rule.name).collect();
    let text = config["inhibit_rules"].to_string();
    let names = text.split(|c: char| !c.is_ascii_alphanumeric());
    for name in names.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase())) {
        assert!(alerts.contains(name), "an inhibition names {name}");
    }
}

/// Passwords, tokens and addresses that are secrets stand in files.
fn assert_no_secret(key: &str, value: &Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                assert_no_secret(key, value);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| assert_no_secret(key, value)),
        _ => assert!(
            key.ends_with("_file")
                || ![
                    "password",
                    "token",
                    "secret",
                    "api_url",
                    "credentials",
                    "webhook"
                ]
                .iter()
                .any(|word| key.contains(word)),
            "{key} stands in plain text"
        ),
    }
}
