//! The folder renders, is complete, small, and admitted by Pod Security "restricted".

use std::collections::BTreeSet;
use std::process::Command;

use geocrop_platform::rendered;
use serde_json::Value;

use crate::files::{checked, folder, listed};

fn objects() -> Option<Vec<Value>> {
    if Command::new("kubectl")
        .arg("version")
        .arg("--client")
        .output()
        .is_err()
    {
        println!("skipped: kubectl is not installed");
        return None;
    }
    Some(rendered("k8s/base/monitoring").unwrap())
}

/// The pod of an object that has one.
fn pod(object: &Value) -> Option<&Value> {
    object["spec"]
        .get("template")
        .map(|template| &template["spec"])
}

fn mebibytes(quantity: &Value) -> u64 {
    let text = quantity.as_str().unwrap_or_default();
    text.strip_suffix("Mi")
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| panic!("memory {quantity} is not in Mi"))
}

#[test]
fn everything_fits_into_nine_hundred_mebibytes() {
    let Some(objects) = objects() else { return };
    let mut sum = 0;
    for object in &objects {
        let Some(pod) = pod(object) else { continue };
        for container in pod["containers"].as_array().unwrap() {
            let resources = &container["resources"];
            let limit = mebibytes(&resources["limits"]["memory"]);
            assert!(mebibytes(&resources["requests"]["memory"]) <= limit);
            for kind in ["requests", "limits"] {
                assert!(resources[kind]["cpu"].is_string(), "{container}");
            }
            // A Job runs for seconds.
            if object["kind"] != "Job" {
                sum += limit;
            }
        }
    }
    assert!(sum <= 900, "{sum} MiB");
}

#[test]
fn pods_are_admitted_by_the_restricted_standard_and_say_when_they_are_well() {
    let Some(objects) = objects() else { return };
    for object in &objects {
        let name = &object["metadata"]["name"];
        assert!(
            object["metadata"]["namespace"] == "monitoring"
                || object["kind"].as_str().unwrap().starts_with("ClusterRole"),
            "{name}"
        );
        let Some(pod) = pod(object) else { continue };
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(
            pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for host in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(pod.get(host).is_none(), "{name}");
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert!(volume.get("hostPath").is_none(), "{name}");
        }
        for container in pod["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(context["capabilities"]["drop"][0], "ALL", "{name}");
            let image = container["image"].as_str().unwrap();
            let tag = image.rsplit_once(':').unwrap().1;
            assert!(
                tag.contains('.') && tag.contains(|c: char| c.is_ascii_digit()),
                "{image}"
            );
            if object["kind"] != "Job" {
                assert!(container["readinessProbe"].is_object(), "{name}");
                assert!(container["livenessProbe"].is_object(), "{name}");
            }
        }
    }
}

#[test]
fn every_rule_and_dashboard_reaches_the_cluster() {
    let Some(objects) = objects() else { return };
    let map = |wanted: &str| -> BTreeSet<String> {
        let found = objects.iter().find(|object| {
            let name = object["metadata"]["name"].as_str().unwrap();
            object["kind"] == "ConfigMap" && name.rsplit_once('-').unwrap().0 == wanted
        });
        let data = found.unwrap_or_else(|| panic!("no ConfigMap {wanted}"))["data"].as_object();
        data.unwrap().keys().cloned().collect()
    };
    let files = |place: &str, ending: &str| -> BTreeSet<String> {
        let paths = listed(&folder().join(place), ending);
        paths
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(map("prometheus-rules"), files("prometheus/rules", "yaml"));
    assert_eq!(
        map("grafana-dashboards"),
        files("grafana/dashboards", "json")
    );
}

#[test]
fn what_wants_to_be_read_says_a_port_that_it_has() {
    let Some(mut objects) = objects() else { return };
    // The parts of the program, where they are in the repository.
    if folder().join("../kustomization.yaml").exists() {
        let parts = rendered("k8s/base").unwrap();
        for name in ["api", "worker"] {
            // Rules ask for jobs of these names, and the label is what names a job.
            assert!(
                parts.iter().any(|object| object["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == name),
                "no pod is called {name}"
            );
        }
        objects.extend(parts);
    }
    let mut read = 0;
    for object in &objects {
        let meta = &object["spec"]["template"]["metadata"];
        if meta["annotations"]["prometheus.io/scrape"] != "true" {
            continue;
        }
        read += 1;
        assert!(
            meta["labels"]["app.kubernetes.io/name"].is_string(),
            "{meta}"
        );
        let port: u64 = meta["annotations"]["prometheus.io/port"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let ports = pod(object).unwrap()["containers"]
            .as_array()
            .unwrap()
            .iter();
        let mut ports =
            ports.flat_map(|container| container["ports"].as_array().into_iter().flatten());
        assert!(ports.any(|found| found["containerPort"] == port), "{meta}");
    }
    assert!(read >= 6, "{read}");
}

#[test]
fn the_dashboards_are_what_their_script_makes() {
    checked(
        "python3",
        "apt package python3",
        Command::new("python3")
            .arg(folder().join("grafana/dashboards.py"))
            .arg("--check"),
    );
}

#[test]
fn the_monitors_are_applied_as_they_stand_in_their_file() {
    checked(
        "node",
        "apt package nodejs",
        Command::new("node")
            .arg("--test")
            .arg(folder().join("uptime-kuma/apply.test.cjs")),
    );
}
