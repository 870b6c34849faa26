//! A real Prometheus reads the real program with the configuration of the cluster, and answers every query of rules and
//! dashboards; Alertmanager hears of it.
//!
//! `GEOCROP_TEST_BINARY` names the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use geocrop_platform::root;
use geocrop_testbed::{Missing, Server, http};
use serde_json::{Value, json};

use crate::files::{Rule, config_without_kubernetes, folder, queries, rules, yaml};
use crate::metrics::{PROGRAM, names, without_ending};
use crate::promql;

/// What is told only where there is something to tell: Redis, a published layer, a cache that was asked. The test has none.
const SELDOM: [&str; 3] = [
    "geocrop_redis_up",
    "geocrop_newest_layer_seconds",
    "geocrop_cache_requests_total",
];

/// Panels about what there is none of here.
const NOTHING_TO_SHOW: [&str; 1] = ["\"Jobs\": \"Jobs that wait or run, by role\""];

const PASSWORD: &str = "only-for-tests-1";

#[test]
fn every_query_is_answered_by_a_prometheus_that_reads_the_program() {
    let Some(binary) = std::env::var_os("GEOCROP_TEST_BINARY") else {
        return println!("skipped: GEOCROP_TEST_BINARY names no geocrop to read metrics of");
    };
    let place = tempfile::tempdir().unwrap();
    let alertmanager = match Server::alertmanager(&alertmanager_config()) {
        Ok(alertmanager) => alertmanager,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let api = program(Path::new(&binary), place.path()).unwrap();
    // What tells of other objects than itself, as kube-state-metrics does.
    let teller = Server::start(
        &["python3"],
        "apt package python3",
        |command, folder, port| {
            let about =
                "kube_pod_status_phase{namespace=\"gitops\",pod=\"gitea-0\",phase=\"Running\"} 1\n";
            fs::write(folder.join("metrics"), about)?;
            command.args(["-m", "http.server", "--bind", "127.0.0.1"]);
            command.arg(port.to_string());
            Ok(())
        },
    )
    .unwrap();
    let prometheus = match Server::prometheus(&prometheus_config(&api, &teller, &alertmanager)) {
        Ok(prometheus) => prometheus,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let token = log_in(&api);
    make_a_job(&api, &token);
    // Rates need counters that grow between two looks.
    let read = "count_over_time(up{job=\"api\"}[1m]) >= 6";
    let start = Instant::now();
    while answer(&prometheus, read).unwrap().is_empty() {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{}",
            prometheus.log()
        );
        make_traffic(&api, &token);
        sleep(Duration::from_millis(300));
    }

    let told = http::get(&api.url("/metrics")).unwrap().body;
    let told: BTreeSet<String> = names(&told)
        .iter()
        .map(|name| without_ending(name).to_owned())
        .collect();
    for name in PROGRAM {
        if !SELDOM.contains(&name) {
            assert!(told.contains(name), "the program does not tell {name}");
        }
    }
    // What Prometheus made of the pod's annotations and labels.
    let target = &answer(&prometheus, "up{job=\"api\"} == 1").unwrap()[0]["metric"];
    assert_eq!(target["namespace"], "geocrop");
    assert_eq!(target["pod"], "api-0");
    assert_eq!(target["node"], "one");

    // What is told of another pod is that pod's, though the teller has a name as well.
    let told_of = &answer(&prometheus, "kube_pod_status_phase").unwrap()[0]["metric"];
    assert_eq!(told_of["namespace"], "gitops", "{told_of}");
    assert_eq!(told_of["pod"], "gitea-0", "{told_of}");
    assert_eq!(told_of["job"], "kube-state-metrics", "{told_of}");

    let rules = rules();
    let mut wrong = Vec::new();
    for rule in &rules {
        if let Err(error) = answer(&prometheus, &rule.expr) {
            wrong.push(format!("{}: {error}", rule.name));
        }
    }
    for query in queries() {
        match answer(&prometheus, &query.expr) {
            Err(error) => wrong.push(format!("{}: {error}", query.place)),
            Ok(found) => {
                let here = asked(&query.expr, &rules)
                    .iter()
                    .all(|name| told.contains(name));
                if here && found.is_empty() && !NOTHING_TO_SHOW.contains(&query.place.as_str()) {
                    wrong.push(format!("{}: no answer to {}", query.place, query.expr));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for group in ask(&prometheus, "/api/v1/rules")["groups"]
        .as_array()
        .unwrap()
    {
        for rule in group["rules"].as_array().unwrap() {
            assert_ne!(rule["health"], "err", "{rule}");
        }
    }
    alertmanager_hears(&alertmanager, &prometheus);
}

/// The metrics behind a query, through recorded ones.
fn asked(expr: &str, rules: &[Rule]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in promql::metrics(expr) {
        match rules.iter().find(|rule| rule.name == name) {
            Some(rule) => found.extend(asked(&rule.expr, rules)),
            None if name == "up" => {}
            None => {
                found.insert(without_ending(&name).to_owned());
            }
        }
    }
    found
}

fn alertmanager_config() -> String {
    let mut config = yaml(&folder().join("alertmanager/config.yml"));
    config["templates"] = json!([folder().join("alertmanager/*.tmpl")]);
    config["route"]["group_wait"] = json!("1s");
    config.to_string()
}

/// The cluster's own configuration, quicker, with a pod in the place of Kubernetes' list.
fn prometheus_config(api: &Server, teller: &Server, alertmanager: &Server) -> String {
    let mut config = config_without_kubernetes();
    config["global"] =
        json!({ "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" });
    config["rule_files"] = json!([folder().join("prometheus/rules/*.yaml")]);
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] =
        json!([format!("127.0.0.1:{}", alertmanager.port())]);
    let jobs = config["scrape_configs"].as_array_mut().unwrap();
    jobs.retain(|job| job["job_name"] == "pods");
    let pod = |part: &str, server: &Server, name: &str, scrape: &str, phase: &str| {
        let port = server.port().to_string();
        let label = |name: &str| format!("__meta_kubernetes_pod_{name}");
        let labels: BTreeMap<String, String> = [
            (label("annotation_prometheus_io_scrape"), scrape),
            (label("annotation_prometheus_io_port"), port.as_str()),
            (label("label_app_kubernetes_io_name"), part),
            (label("phase"), phase),
            (label("ip"), "127.0.0.1"),
            (label("name"), name),
            (label("node_name"), "one"),
            ("__meta_kubernetes_namespace".to_owned(), "geocrop"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        // The address of some port of the pod: the annotation says which.
        json!({ "targets": ["127.0.0.1:9"], "labels": labels })
    };
    jobs[0]["static_configs"] = json!([
        pod("api", api, "api-0", "true", "Running"),
        pod("api", api, "shy", "false", "Running"),
        pod("api", api, "done", "true", "Succeeded"),
        pod(
            "kube-state-metrics",
            teller,
            "kube-state-metrics-0",
            "true",
            "Running"
        ),
    ]);
    config.to_string()
}

/// The API with a worker inside, an administrator, an empty store and no imagery that is ever asked for.
fn program(binary: &Path, place: &Path) -> Result<Server, Missing> {
    let set = |command: &mut Command| {
        command
            .current_dir(place)
            .env("GEOCROP_STATE", place.join("state"))
            .env("GEOCROP_STORE", place.join("store"))
            .env("GEOCROP_RECIPES", root().join("recipes"))
            .env("GEOCROP_MODELS", root().join("models"));
    };
    let mut add = Command::new(binary);
    add.args(["user", "add", "root", "--role", "admin", "--password-stdin"])
        .stdin(Stdio::piped());
    set(&mut add);
    let mut child = add
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "no account could be made");
    Server::program(binary.as_os_str(), |command, _, port| {
        set(command);
        command
            .arg("api")
            .arg(format!("--address=127.0.0.1:{port}"))
            .arg("--source")
            .arg(root().join("sources/earth-search.toml"));
        Ok(())
    })
}

fn log_in(api: &Server) -> String {
    let words = json!({ "username": "root", "password": PASSWORD }).to_string();
    let answer = http::post(&api.url("/v1/auth/token"), &[], &words).unwrap();
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

/// A job that needs no imagery, until it is done.
fn make_a_job(api: &Server, token: &str) {
    let inputs = json!({ "inputs": { "aoi": { "type": "Point", "coordinates": [30.9, -17.4] }, "metres": 100 } });
    let answer = http::post(
        &api.url("/ogc/processes/buffer/execution"),
        &[("Authorization", token)],
        &inputs.to_string(),
    )
    .unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let start = Instant::now();
    loop {
        let listed = http::get_with(&api.url("/v1/jobs"), &[("Authorization", token)]).unwrap();
        if listed.body.contains("\"successful\"") {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{}\n{}",
            listed.body,
            api.log()
        );
        sleep(Duration::from_millis(200));
    }
}

fn make_traffic(api: &Server, token: &str) {
    let rows = json!({ "instances": [vec![0.0; 33]] }).to_string();
    let predict = "/v1/models/cropland-southeast-africa:predict";
    let answer = http::post(&api.url(predict), &[("Authorization", token)], &rows).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    for path in ["/v1/status", "/v1/layers", "/no/such/page", "/v1/jobs"] {
        http::get(&api.url(path)).unwrap();
    }
}

/// What a query gives now.
fn answer(prometheus: &Server, query: &str) -> Result<Vec<Value>, String> {
    let encode = |encoded: String, byte| format!("{encoded}%{byte:02X}");
    let encoded = query.bytes().fold(String::new(), encode);
    let url = prometheus.url(&format!("/api/v1/query?query={encoded}"));
    let answer = http::get(&url).map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    if answer["status"] != "success" {
        return Err(format!("{query}: {answer}"));
    }
    Ok(answer["data"]["result"]
        .as_array()
        .cloned()
        .unwrap_or_default())
}

fn ask(prometheus: &Server, path: &str) -> Value {
    let answer = http::get(&prometheus.url(path)).unwrap();
    let mut answer: Value = serde_json::from_str(&answer.body).unwrap();
    answer["data"].take()
}

/// The alert that always fires has come all the way, with its receiver.
fn alertmanager_hears(alertmanager: &Server, prometheus: &Server) {
    // As Uptime Kuma asks.
    let monitors = fs::read_to_string(folder().join("uptime-kuma/monitors.json")).unwrap();
    let monitors: Value = serde_json::from_str(&monitors).unwrap();
    for (name, server) in [
        ("Alertmanager hears Prometheus", alertmanager),
        ("Prometheus evaluates rules", prometheus),
    ] {
        let monitors = monitors["monitors"].as_array().unwrap();
        let monitor = monitors
            .iter()
            .find(|monitor| monitor["name"] == name)
            .unwrap();
        let (_, path) = monitor["url"]
            .as_str()
            .unwrap()
            .split_once(".svc:")
            .unwrap();
        let path = &path[path.find('/').unwrap()..];
        let keyword = monitor["keyword"].as_str().unwrap();
        let start = Instant::now();
        loop {
            let answer = http::get(&server.url(path)).unwrap();
            if answer.body.contains(keyword) {
                break;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{name}: {}\n{}\n{}",
                answer.body,
                prometheus.log(),
                alertmanager.log()
            );
            sleep(Duration::from_millis(200));
        }
    }
}
