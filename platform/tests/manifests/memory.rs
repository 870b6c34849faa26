//! The sums: what all pods take together, against the quotas and the machine of `terraform/budget.json`, and PostgreSQL's
//! connections.

use std::collections::BTreeMap;

use geocrop_platform::{json, text};
use serde_json::Value;

use crate::{Overlay, assert_none, overlays};

/// The budget that an overlay lives on.
fn size(overlay: &Overlay) -> &'static str {
    match overlay.name {
        "k3s-single" => "single",
        "k3s-single-gitops" => "single-gitops",
        _ => "ha",
    }
}

/// MiB by namespace, each pod counted as often as `times` says.
fn sums(
    overlay: &Overlay,
    of: &str,
    times: fn(&geocrop_platform::Pod) -> u64,
) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for pod in overlay.pods() {
        *sums.entry(pod.namespace.clone()).or_default() += pod.memory_mib(of) * times(&pod) as f64;
    }
    sums
}

fn number(budget: &Value, pointer: &str) -> f64 {
    budget.pointer(pointer).and_then(Value::as_f64).unwrap()
}

#[test]
fn everything_at_its_limit_fits_the_machine() {
    let budget = json("terraform/budget.json").unwrap();
    let mut wrong = Vec::new();
    for overlay in overlays() {
        let budget = &budget[size(overlay)];
        let available = number(budget, "/machine_mib") - number(budget, "/reserved_mib");
        let mut parts = sums(overlay, "limits", |pod| pod.most);
        // Argo CD comes from its own manifests; where Gitea is, it is.
        if parts.contains_key("gitops") {
            *parts.get_mut("gitops").unwrap() += number(budget, "/elsewhere_mib/gitops");
        }
        // Until the overlays render it, monitoring is what its quota lets it be.
        parts
            .entry("monitoring".into())
            .or_insert_with(|| number(budget, "/namespaces/monitoring/limits_mib"));
        let sum: f64 = parts.values().sum();
        println!("{}: {sum} of {available} MiB: {parts:?}", overlay.name);
        if sum > available {
            wrong.push(format!(
                "{}: {sum} MiB of {available}: {parts:?}",
                overlay.name
            ));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_namespace_stays_within_its_quota_also_while_pods_are_replaced() {
    let budget = json("terraform/budget.json").unwrap();
    let mut wrong = Vec::new();
    for overlay in overlays() {
        let namespaces = &budget[size(overlay)]["namespaces"];
        for of in ["requests", "limits"] {
            for (namespace, sum) in sums(overlay, of, |pod| pod.most + pod.surge) {
                let quota = number(namespaces, &format!("/{namespace}/{of}_mib"));
                if sum > quota {
                    wrong.push(format!(
                        "{}: {namespace}: {of} {sum} MiB of {quota}",
                        overlay.name
                    ));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn no_container_is_larger_than_its_part_or_its_namespace_allows() {
    let budget = json("terraform/budget.json").unwrap();
    let mut wrong = Vec::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            for container in pod.all_containers() {
                let limit =
                    geocrop_platform::mib(&text(container, "/resources/limits/memory")).unwrap();
                let largest = number(
                    &budget,
                    &format!("/largest_container_mib/{}", pod.namespace),
                );
                let part = budget["parts_mib"][&pod.name].as_f64().unwrap_or(largest);
                if limit > largest.min(part) {
                    wrong.push(format!("{}: {}: {limit} MiB", overlay.name, pod.title()));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_database_has_connections_for_all_who_may_run_at_once() {
    for overlay in overlays() {
        let each: u64 = crate::program::settings(overlay)["GEOCROP_DATABASE_CONNECTIONS"]
            .parse()
            .unwrap();
        let pods = overlay.pods();
        let users = pods
            .iter()
            .filter(|pod| ["api", "worker"].contains(&pod.name.as_str()));
        let most: u64 = users.map(|pod| pod.most + pod.surge).sum();
        let postgis = pods.iter().find(|pod| pod.name == "postgis").unwrap();
        let arguments = geocrop_platform::list(&postgis.containers()[0], "/args");
        let limit: u64 = arguments
            .iter()
            .find_map(|word| word.as_str()?.strip_prefix("max_connections="))
            .unwrap()
            .parse()
            .unwrap();
        // MLflow's pool, a backup, an exporter, a person.
        let needed = most * each + 15;
        assert!(needed <= limit, "{}: {needed} of {limit}", overlay.name);
    }
}
