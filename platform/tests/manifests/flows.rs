//! Who speaks to whom. The table is the diagram of content/infrastructure.md with the parts that came since; a policy that lets
//! more through, or less, is wrong, and so is one whose other end does not agree.

use std::collections::BTreeSet;

use geocrop_platform::{list, text};
use serde_json::{Value, json};

use crate::{Overlay, assert_none, overlays};

/// From, to, port. `web` is the ingress, `world` what is not in the cluster, `kubernetes` its API.
const FLOWS: &[(&str, &str, u64)] = &[
    ("web", "api", 8080),
    ("web", "site", 8080),
    ("web", "gitea", 3000),
    ("web", "acme-solver", 8089),
    ("api", "postgis", 5433),
    ("api", "valkey", 6379),
    ("api", "store", 3900),
    ("api", "mlflow", 5000),
    ("api", "monitoring/prometheus", 9090),
    ("worker", "postgis", 5433),
    ("worker", "valkey", 6379),
    ("worker", "store", 3900),
    ("worker", "world", 443),
    ("site", "store", 3900),
    ("site-refresh", "kubernetes", 443),
    ("site-refresh", "kubernetes", 6443),
    ("precompute", "store", 3900),
    ("precompute", "world", 443),
    ("training", "store", 3900),
    ("training", "mlflow", 5000),
    ("training", "world", 443),
    ("store", "store", 3901),
    ("mlflow", "postgis", 5433),
    ("mlflow", "store", 3900),
    ("jupyter", "store", 3900),
    ("jupyter", "mlflow", 5000),
    ("jupyter", "api", 8080),
    ("jupyter", "titiler", 8000),
    ("jupyter", "world", 443),
    ("titiler", "store", 3900),
    ("backup", "postgis", 5433),
    ("backup", "store", 3900),
    ("backup", "valkey", 6379),
    ("keda/keda-operator", "postgis", 5433),
    ("monitoring/prometheus", "api", 8080),
    ("monitoring/prometheus", "worker", 9464),
    ("monitoring/prometheus", "site", 8080),
    ("monitoring/prometheus", "store", 3903),
    ("monitoring/prometheus", "gitea", 3000),
    ("monitoring/postgres-exporter", "postgis", 5433),
    ("monitoring/redis-exporter", "valkey", 6379),
    ("argocd", "gitea", 3000),
    ("gitea", "world", 443),
    ("runner", "gitea", 3000),
    ("runner", "world", 80),
    ("runner", "world", 443),
    ("workflow", "kubernetes", 443),
    ("workflow", "kubernetes", 6443),
];

/// The same for the monitoring and the backups, where an overlay has them.
const WATCHING: &[(&str, &str, u64)] = &[
    ("web", "monitoring/grafana", 3000),
    ("web", "monitoring/uptime-kuma", 3001),
    ("monitoring/grafana", "monitoring/prometheus", 9090),
    ("monitoring/uptime-kuma", "monitoring/prometheus", 9090),
    ("monitoring/uptime-kuma", "monitoring/alertmanager", 9093),
    ("monitoring/uptime-kuma", "monitoring/grafana", 3000),
    ("monitoring/uptime-kuma", "world", 443),
    (
        "monitoring/uptime-kuma-monitors",
        "monitoring/uptime-kuma",
        3001,
    ),
    ("monitoring/prometheus", "monitoring/prometheus", 9090),
    ("monitoring/prometheus", "monitoring/alertmanager", 9093),
    (
        "monitoring/prometheus",
        "monitoring/kube-state-metrics",
        8080,
    ),
    ("monitoring/prometheus", "monitoring/node-exporter", 9100),
    (
        "monitoring/prometheus",
        "monitoring/postgres-exporter",
        9187,
    ),
    ("monitoring/prometheus", "monitoring/redis-exporter", 9121),
    ("monitoring/prometheus", "cert-manager/", 9402),
    ("monitoring/prometheus", "kubernetes", 443),
    ("monitoring/prometheus", "kubernetes", 6443),
    ("monitoring/prometheus", "kubernetes", 10250),
    ("monitoring/kube-state-metrics", "kubernetes", 443),
    ("monitoring/kube-state-metrics", "kubernetes", 6443),
    ("monitoring/alertmanager", "world", 443),
    ("monitoring/alertmanager", "world", 587),
    ("backup", "world", 443),
    ("backup", "kubernetes", 443),
    ("backup", "kubernetes", 6443),
];

/// Parts whose own policy is not in these overlays: only the other end says it.
const ELSEWHERE: [&str; 5] = ["web", "keda/", "argocd", "world", "cert-manager/"];

/// What an end names that a policy of the namespace `home` has. The parts of geocrop and gitops go by their names alone.
fn peer(peer: &Value, home: &str) -> String {
    let label = |pointer: &str, label: &str| {
        let labels = peer.pointer(pointer).unwrap_or(&Value::Null);
        labels[label].as_str().unwrap_or_default().to_owned()
    };
    if peer.get("ipBlock").is_some() {
        return "world".into();
    }
    let namespace = label(
        "/namespaceSelector/matchLabels",
        "kubernetes.io/metadata.name",
    );
    let pods = "/podSelector/matchLabels";
    let mut name = label(pods, "app.kubernetes.io/name");
    if name.is_empty() {
        name = label(pods, "app.kubernetes.io/part-of")
            + &label(pods, "app")
            + &label(pods, "k8s-app");
    }
    let namespace = if namespace.is_empty() {
        home
    } else {
        &namespace
    };
    match (namespace, name.as_str()) {
        ("kube-system", "traefik") => "web".into(),
        (_, "") if home == namespace => name,
        ("geocrop" | "gitops", _) => name,
        _ => format!("{namespace}/{name}"),
    }
}

/// What a policy is about.
fn subject(policy: &Value) -> String {
    let selector = &policy["spec"]["podSelector"];
    if selector["matchLabels"]["acme.cert-manager.io/http01-solver"] == json!("true") {
        return "acme-solver".into();
    }
    if text(&selector["matchExpressions"][0], "/key") == "workflows.argoproj.io/workflow" {
        return "workflow".into();
    }
    let home = text(policy, "/metadata/namespace");
    peer(&json!({ "podSelector": selector }), &home)
}

type Flow = (String, String, u64);

/// The flows that the policies let in, and those that they let out.
fn allowed(overlay: &Overlay) -> (BTreeSet<Flow>, BTreeSet<Flow>) {
    let (mut entering, mut leaving) = (BTreeSet::new(), BTreeSet::new());
    for policy in overlay.of_kind("NetworkPolicy") {
        let subject = subject(policy);
        if subject.is_empty() {
            continue;
        }
        for (rules, ends, found) in [
            ("/spec/ingress", "/from", &mut entering),
            ("/spec/egress", "/to", &mut leaving),
        ] {
            for rule in list(policy, rules) {
                let home = text(policy, "/metadata/namespace");
                let mut peers: Vec<_> = list(rule, ends)
                    .iter()
                    .map(|end| peer(end, &home))
                    .collect();
                if peers.is_empty() {
                    peers.push("kubernetes".into());
                }
                for peer in peers {
                    for port in list(rule, "/ports") {
                        let port = port["port"].as_u64().unwrap();
                        found.insert(if ends == "/from" {
                            (peer.clone(), subject.clone(), port)
                        } else {
                            (subject.clone(), peer.clone(), port)
                        });
                    }
                }
            }
        }
    }
    (entering, leaving)
}

#[test]
fn the_policies_let_through_what_the_diagram_shows_and_nothing_else() {
    let own =
        |(from, to, port): &(&str, &str, u64)| -> Flow { ((*from).into(), (*to).into(), *port) };
    let ours: BTreeSet<Flow> = FLOWS.iter().map(own).collect();
    let table: BTreeSet<Flow> = FLOWS.iter().chain(WATCHING).map(own).collect();
    let watched = overlays().iter().any(|overlay| {
        let policies = overlay.of_kind("NetworkPolicy");
        policies
            .map(subject)
            .any(|subject| subject == "monitoring/prometheus")
    });
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for overlay in overlays() {
        let (entering, leaving) = allowed(overlay);
        let here: BTreeSet<_> = overlay.of_kind("NetworkPolicy").map(subject).collect();
        let speaks_for_itself =
            |part: &String| here.contains(part) && !ELSEWHERE.iter().any(|e| part.starts_with(e));
        for flow in entering.union(&leaving) {
            if flow.0.starts_with("argocd") && flow.1.starts_with("argocd") {
                continue;
            }
            if flow.0 == "argocd" && flow.1 == "kubernetes" {
                continue;
            }
            if !table.contains(flow) {
                wrong.push(format!("{}: {flow:?} is not in the diagram", overlay.name));
            }
            used.insert(flow.clone());
        }
        for flow in &table {
            let (from, to, _) = flow;
            if from.starts_with("keda/") && overlay.of_kind("ScaledObject").next().is_none() {
                continue;
            }
            if speaks_for_itself(to) && to != "kubernetes" && !entering.contains(flow) {
                wrong.push(format!("{}: {flow:?} is not let in", overlay.name));
            }
            if speaks_for_itself(from) && !leaving.contains(flow) {
                wrong.push(format!("{}: {flow:?} is not let out", overlay.name));
            }
        }
    }
    let expected = if watched { &table } else { &ours };
    if !overlays().is_empty() {
        let unused = expected.difference(&used);
        wrong.extend(unused.map(|flow| format!("{flow:?}: no overlay has it")));
    }
    wrong.sort();
    wrong.dedup();
    assert_none(&wrong);
}

#[test]
fn whoever_is_not_named_is_denied() {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            let denied = overlay.of_kind("NetworkPolicy").any(|policy| {
                text(policy, "/metadata/namespace") == pod.namespace
                    && policy["spec"]
                        == json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
            });
            if !denied {
                wrong.push(format!(
                    "{}: {}: no default-deny",
                    overlay.name,
                    pod.title()
                ));
            }
            let named = overlay.of_kind("NetworkPolicy").any(|policy| {
                text(policy, "/metadata/namespace") == pod.namespace
                    && pod
                        .labels
                        .get("app.kubernetes.io/name")
                        .is_some_and(|name| json!(subject(policy).rsplit('/').next()) == *name)
            });
            if !named {
                wrong.push(format!(
                    "{}: {}: no policy of its own",
                    overlay.name,
                    pod.title()
                ));
            }
        }
    }
    assert_none(&wrong);
}
