//! Every pod: what it may take, how it is asked whether it lives, and what it may not do.

use geocrop_platform::{Pod, list, mib, text};
use serde_json::{Value, json};

use crate::{assert_none, overlay, overlays};

/// What is wrong with the containers of all overlays, as `look` has it.
fn containers(look: impl Fn(&Pod, &Value) -> Option<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            for container in pod.all_containers() {
                let name = text(container, "/name");
                if let Some(what) = look(&pod, container) {
                    wrong.push(format!(
                        "{}: {} [{name}]: {what}",
                        overlay.name,
                        pod.title()
                    ));
                }
            }
        }
    }
    wrong
}

#[test]
fn every_container_says_what_it_needs_and_may_take() {
    assert_none(&containers(|_, container| {
        let requests = mib(&text(container, "/resources/requests/memory"));
        let limits = mib(&text(container, "/resources/limits/memory"));
        let (Some(requests), Some(limits)) = (requests, limits) else {
            return Some("no memory requests and limits".into());
        };
        if requests > limits {
            return Some(format!("asks for {requests} MiB and may take {limits}"));
        }
        let cpu = ["requests", "limits"].map(|of| text(container, &format!("/resources/{of}/cpu")));
        cpu.contains(&String::new())
            .then(|| "no cpu requests and limits".into())
    }));
}

#[test]
fn what_lasts_is_asked_whether_it_is_ready_and_alive() {
    assert_none(&containers(|pod, container| {
        let before = list(&pod.spec, "/initContainers").contains(container);
        if !pod.is_lasting() || before {
            return None;
        }
        let missing: Vec<_> = ["readinessProbe", "livenessProbe"]
            .into_iter()
            .filter(|probe| container.get(probe).is_none())
            .collect();
        (!missing.is_empty()).then(|| format!("no {}", missing.join(", ")))
    }));
}

#[test]
fn every_container_is_held_as_pod_security_restricted_and_a_read_only_root_want_it() {
    let mut wrong = containers(|_, container| {
        let context = &container["securityContext"];
        let mut wrong = Vec::new();
        if context["allowPrivilegeEscalation"] != json!(false) {
            wrong.push("may escalate privileges");
        }
        if context["readOnlyRootFilesystem"] != json!(true) {
            wrong.push("may write to its image");
        }
        if context["capabilities"] != json!({"drop": ["ALL"]}) {
            wrong.push("keeps capabilities");
        }
        if [
            "privileged",
            "runAsUser",
            "runAsNonRoot",
            "seccompProfile",
            "procMount",
        ]
        .iter()
        .any(|key| context.get(key).is_some())
        {
            wrong.push("says what the pod should say");
        }
        if list(container, "/ports")
            .iter()
            .any(|port| port.get("hostPort").is_some())
        {
            wrong.push("takes a port of the node");
        }
        (!wrong.is_empty()).then(|| wrong.join(", "))
    });
    for overlay in overlays() {
        for pod in overlay.pods() {
            let context = &pod.spec["securityContext"];
            let user = context["runAsUser"].as_u64().unwrap_or_default();
            if context["runAsNonRoot"] != json!(true) || user == 0 {
                wrong.push(format!("{}: {} runs as root", overlay.name, pod.title()));
            }
            if context["seccompProfile"] != json!({"type": "RuntimeDefault"}) {
                wrong.push(format!("{}: {} has no seccomp", overlay.name, pod.title()));
            }
            for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] {
                if pod.spec.get(key).is_some() {
                    wrong.push(format!("{}: {} has {key}", overlay.name, pod.title()));
                }
            }
            let allowed = [
                "name",
                "configMap",
                "secret",
                "emptyDir",
                "persistentVolumeClaim",
                "projected",
            ];
            for volume in list(&pod.spec, "/volumes") {
                if volume
                    .as_object()
                    .unwrap()
                    .keys()
                    .any(|key| !allowed.contains(&key.as_str()))
                {
                    wrong.push(format!(
                        "{}: {}: volume {volume}",
                        overlay.name,
                        pod.title()
                    ));
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn only_those_who_speak_to_kubernetes_get_its_token() {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            let speakers = [
                "site-refresh",
                "backup-config",
                "prometheus",
                "kube-state-metrics",
            ];
            let may = speakers.contains(&pod.name.as_str()) || pod.kind == "WorkflowTemplate";
            if !may && pod.spec["automountServiceAccountToken"] != json!(false) {
                wrong.push(format!("{}: {}", overlay.name, pod.title()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn images_are_pinned_official_and_of_one_release() {
    let mut wrong = containers(|_, container| {
        let image = text(container, "/image");
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, ""));
        let host = name.split('/').next().unwrap_or_default();
        if tag.is_empty() || tag.contains('/') || tag == "latest" || !tag.contains(char::is_numeric)
        {
            Some(format!("{image} names no version"))
        } else if !host.contains('.') {
            Some(format!("{image} names no registry"))
        } else if ["bitnami", "minio/"].iter().any(|gone| name.contains(gone)) {
            Some(format!("{image} is frozen or gone"))
        } else {
            None
        }
    });
    for overlay in overlays() {
        let mut ours: Vec<_> = overlay
            .pods()
            .iter()
            .flat_map(|pod| pod.all_containers().cloned().collect::<Vec<_>>())
            .map(|container| text(&container, "/image"))
            .filter(|image| image.contains("/geocrop/geocrop:"))
            .collect();
        ours.sort();
        ours.dedup();
        if ours.len() != 1 {
            wrong.push(format!(
                "{}: several releases at once: {ours:?}",
                overlay.name
            ));
        }
    }
    assert_none(&wrong);
}

#[test]
fn in_ha_every_part_has_a_disruption_budget_that_lets_a_node_be_drained() {
    let Some(ha) = overlay("ha") else { return };
    let mut wrong = Vec::new();
    // What only watches or copies may go with its node, and a part of each node goes with it anyway.
    let parts = ha.pods().into_iter().filter(|pod| {
        matches!(pod.kind.as_str(), "Deployment" | "StatefulSet")
            && pod.namespace != "monitoring"
            && !pod.name.starts_with("backup")
    });
    for pod in parts {
        let budgets: Vec<_> = ha
            .of_kind("PodDisruptionBudget")
            .filter(|budget| {
                text(budget, "/metadata/namespace") == pod.namespace
                    && budget
                        .pointer("/spec/selector/matchLabels")
                        .and_then(Value::as_object)
                        .is_some_and(|labels| {
                            labels
                                .iter()
                                .all(|(key, value)| pod.labels.get(key) == Some(value))
                        })
            })
            .collect();
        match budgets[..] {
            [budget] => {
                let least = budget["spec"]["minAvailable"].as_u64().unwrap_or_default();
                if least >= pod.count {
                    wrong.push(format!("{}: no pod of it may ever go", pod.title()));
                }
            }
            _ => wrong.push(format!("{}: {} budgets", pod.title(), budgets.len())),
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_api_and_the_site_are_replaced_without_a_gap() {
    for overlay in overlays() {
        for name in ["api", "site"] {
            let deployment = overlay
                .of_kind("Deployment")
                .find(|deployment| text(deployment, "/metadata/name") == name)
                .unwrap();
            let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
            assert_eq!(
                rolling["maxUnavailable"],
                json!(0),
                "{}: {name}",
                overlay.name
            );
            let container = &deployment["spec"]["template"]["spec"]["containers"][0];
            let pause = container.pointer("/lifecycle/preStop/sleep/seconds");
            assert!(
                pause.is_some(),
                "{}: {name} ends before the ingress knows",
                overlay.name
            );
        }
    }
}

#[test]
fn a_worker_has_the_time_to_finish_that_it_is_promised() {
    for overlay in overlays() {
        let settings = crate::program::settings(overlay);
        let promised: u64 = settings["GEOCROP_WORKER_SECONDS_TO_FINISH"]
            .parse()
            .unwrap();
        let pods = overlay.pods();
        let worker = pods.iter().find(|pod| pod.name == "worker").unwrap();
        let given = worker.spec["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap();
        // The program ends within twenty seconds more.
        assert!(
            given >= promised + 20,
            "{}: {given} s for {promised} s",
            overlay.name
        );
    }
}
