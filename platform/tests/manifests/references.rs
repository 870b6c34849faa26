//! Everything that a manifest names is there: secrets, accounts, settings, services, ports. And nothing is named that should not
//! be: a password, a host outside the overlay's own file.

use std::collections::BTreeSet;

use geocrop_platform::{Pod, files, json, list, manifests, root, text};
use serde_json::Value;

use crate::{assert_none, overlays};

/// Secrets that a pod names: secret, and the key where one is named.
fn secrets(pod: &Pod) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for container in pod.all_containers() {
        for source in list(container, "/envFrom") {
            if let Some(name) = source.pointer("/secretRef/name") {
                found.push((name.as_str().unwrap().to_owned(), None));
            }
        }
        for variable in list(container, "/env") {
            let reference = variable.pointer("/valueFrom/secretKeyRef");
            if let Some(reference) = reference {
                found.push((text(reference, "/name"), Some(text(reference, "/key"))));
            }
        }
    }
    for volume in list(&pod.spec, "/volumes") {
        if let Some(name) = volume.pointer("/secret/secretName") {
            found.push((name.as_str().unwrap().to_owned(), None));
        }
    }
    for pull in list(&pod.spec, "/imagePullSecrets") {
        found.push((text(pull, "/name"), None));
    }
    found
}

#[test]
fn every_secret_that_is_named_is_made_and_every_one_that_is_made_is_named() {
    let made = json("terraform/secrets.json").unwrap();
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            for (secret, key) in secrets(&pod) {
                let keys = &made[&pod.namespace][&secret];
                if keys.is_null() || key.as_ref().is_some_and(|key| keys[key].is_null()) {
                    wrong.push(format!(
                        "{}: {}: {secret} {key:?}",
                        overlay.name,
                        pod.title()
                    ));
                }
                named.insert((pod.namespace.clone(), secret));
            }
        }
        for auth in overlay.of_kind("TriggerAuthentication") {
            for target in list(auth, "/spec/secretTargetRef") {
                let namespace = text(auth, "/metadata/namespace");
                let secret = text(target, "/name");
                if made[&namespace][&secret][text(target, "/key")].is_null() {
                    wrong.push(format!("{}: TriggerAuthentication: {target}", overlay.name));
                }
                named.insert((namespace, secret));
            }
        }
    }
    if overlays().is_empty() {
        return;
    }
    for (namespace, secrets) in made.as_object().unwrap() {
        // monitoring and backups are in folders of their own, which need not be in an overlay.
        for secret in secrets
            .as_object()
            .unwrap()
            .keys()
            .filter(|secret| *secret != "sso")
        {
            let elsewhere = namespace == "monitoring" || secret.starts_with("backup");
            if !elsewhere && !named.contains(&(namespace.clone(), secret.clone())) {
                wrong.push(format!("{namespace}/{secret} is made for nobody"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn no_secret_is_written_down() {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        wrong.extend(overlay.of_kind("Secret").map(|secret| {
            format!(
                "{}: Secret {}",
                overlay.name,
                text(secret, "/metadata/name")
            )
        }));
        for pod in overlay.pods() {
            for container in pod.all_containers() {
                for variable in list(container, "/env") {
                    let name = text(variable, "/name").to_uppercase();
                    let secret = ["PASSWORD", "SECRET", "TOKEN", "ACCESS_KEY", "AUTH"]
                        .iter()
                        .any(|word| name.contains(word));
                    let plain = !text(variable, "/value").is_empty();
                    // A folder, and a way to ask for metrics.
                    let known = ["GEOCROP_AUTH_KEYS", "MINIO_PROMETHEUS_AUTH_TYPE"]
                        .contains(&name.as_str());
                    if secret && plain && !known {
                        wrong.push(format!("{}: {}: {name}", overlay.name, pod.title()));
                    }
                }
            }
        }
    }
    // Also where no overlay shows it: addresses with a login in them.
    for file in manifests()
        .unwrap()
        .into_iter()
        .chain(files("terraform").unwrap())
    {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        for line in text.lines().filter(|line| line.contains("://")) {
            let login = line
                .split("://")
                .nth(1)
                .and_then(|rest| rest.split('/').next());
            let has_password = login
                .and_then(|login| login.split_once('@'))
                .is_some_and(|(login, _)| login.contains(':') && !login.contains('{'));
            if has_password {
                wrong.push(format!("{file}: {line}"));
            }
        }
        if text.contains("PRIVATE KEY") {
            wrong.push(format!("{file}: a private key"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_account_is_made_by_terraform() {
    let accounts = json("terraform/accounts.json").unwrap();
    let mut wrong = Vec::new();
    for overlay in overlays() {
        for pod in overlay.pods() {
            let account = &pod.spec["serviceAccountName"];
            // One that comes with rights of its own comes with its part; one that speaks to nobody needs none.
            let with_its_part = overlay.of_kind("ServiceAccount").any(|made| {
                made["metadata"]["name"] == *account
                    && text(made, "/metadata/namespace") == pod.namespace
            });
            let none = account.is_null()
                && pod.namespace == "monitoring"
                && pod.spec["automountServiceAccountToken"] == false;
            let made = list(&accounts, &format!("/{}", pod.namespace)).contains(account);
            if !made && !with_its_part && !none {
                wrong.push(format!("{}: {}: {account}", overlay.name, pod.title()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_config_map_that_is_named_is_there() {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        let there: BTreeSet<_> = overlay
            .of_kind("ConfigMap")
            .map(|map| {
                (
                    text(map, "/metadata/namespace"),
                    text(map, "/metadata/name"),
                )
            })
            .collect();
        for pod in overlay.pods() {
            let sources = pod
                .all_containers()
                .flat_map(|c| list(c, "/envFrom").iter());
            let names = sources
                .map(|source| text(source, "/configMapRef/name"))
                .chain(
                    list(&pod.spec, "/volumes")
                        .iter()
                        .map(|v| text(v, "/configMap/name")),
                )
                .filter(|name| !name.is_empty());
            for name in names {
                if !there.contains(&(pod.namespace.clone(), name.clone())) {
                    wrong.push(format!("{}: {}: {name}", overlay.name, pod.title()));
                }
            }
            for mount in pod
                .all_containers()
                .flat_map(|c| list(c, "/volumeMounts").iter())
            {
                let volume = text(mount, "/name");
                let claimed = overlay.of_kind("StatefulSet").any(|set| {
                    text(set, "/metadata/name") == pod.name
                        && list(set, "/spec/volumeClaimTemplates")
                            .iter()
                            .any(|claim| text(claim, "/metadata/name") == volume)
                });
                if !claimed
                    && !list(&pod.spec, "/volumes")
                        .iter()
                        .any(|v| text(v, "/name") == volume)
                {
                    wrong.push(format!(
                        "{}: {}: no volume {volume}",
                        overlay.name,
                        pod.title()
                    ));
                }
            }
        }
    }
    assert_none(&wrong);
}

/// The number of a named port of the pods.
fn port_of(pod: &Pod, name: &str) -> Option<u64> {
    let mut ports = pod
        .containers()
        .iter()
        .flat_map(|c| list(c, "/ports").iter());
    ports.find(|port| text(port, "/name") == name)?["containerPort"].as_u64()
}

#[test]
fn services_lead_to_pods_and_ingresses_to_services() {
    let mut wrong = Vec::new();
    for overlay in overlays() {
        let pods = overlay.pods();
        let mut services = BTreeSet::new();
        for service in overlay.of_kind("Service") {
            let name = text(service, "/metadata/name");
            let namespace = text(service, "/metadata/namespace");
            for port in list(service, "/spec/ports") {
                services.insert((namespace.clone(), name.clone(), text(port, "/name")));
                services.insert((namespace.clone(), name.clone(), text(port, "/port")));
                let Some(selector) = service.pointer("/spec/selector").and_then(Value::as_object)
                else {
                    continue;
                };
                let there = pods.iter().any(|pod| {
                    pod.namespace == namespace
                        && selector.iter().all(|(k, v)| pod.labels.get(k) == Some(v))
                        && port_of(pod, &text(port, "/targetPort")) == port["port"].as_u64()
                });
                if !there {
                    wrong.push(format!("{}: {namespace}/{name}: {port}", overlay.name));
                }
            }
        }
        let mut asked = Vec::new();
        for ingress in overlay.of_kind("Ingress") {
            for path in list(ingress, "/spec/rules/0/http/paths") {
                let backend = &path["backend"]["service"];
                asked.push((ingress, text(backend, "/name"), text(backend, "/port/name")));
            }
        }
        for route in overlay.of_kind("HTTPRoute") {
            for rule in list(route, "/spec/rules") {
                for backend in list(rule, "/backendRefs") {
                    asked.push((route, text(backend, "/name"), text(backend, "/port")));
                }
            }
        }
        for (from, name, port) in asked {
            let namespace = text(from, "/metadata/namespace");
            if !services.contains(&(namespace, name.clone(), port.clone())) {
                wrong.push(format!(
                    "{}: {} to {name}:{port}",
                    overlay.name, from["kind"]
                ));
            }
        }
        for pod in &pods {
            for container in pod.containers() {
                for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                    for way in ["httpGet", "tcpSocket"] {
                        let port = text(container, &format!("/{probe}/{way}/port"));
                        if !port.is_empty() && port_of(pod, &port).is_none() {
                            wrong.push(format!(
                                "{}: {}: {probe} at {port}",
                                overlay.name,
                                pod.title()
                            ));
                        }
                    }
                }
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn hosts_stand_in_the_overlays_own_file_alone() {
    let mut wrong = Vec::new();
    for file in manifests().unwrap() {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        // Who sends mail to whom is in one file too, which nothing can be put into.
        let mail = file == "k8s/base/monitoring/alertmanager/config.yml";
        if text.contains("example.org") && !file.ends_with("/hosts.yaml") && !mail {
            wrong.push(format!("{file} names a host"));
        }
    }
    for overlay in overlays() {
        for document in &overlay.documents {
            if document.to_string().contains(".invalid") {
                let (kind, name) = (&document["kind"], text(document, "/metadata/name"));
                wrong.push(format!(
                    "{}: {kind} {name}: a host was not put in",
                    overlay.name
                ));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn argo_cd_follows_folders_that_are_there_and_keeps_volumes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for overlay in overlays() {
        for application in overlay.of_kind("Application") {
            count += 1;
            let path = text(application, "/spec/source/path");
            if !root().join(&path).join("kustomization.yaml").exists() {
                wrong.push(format!("{}: {path} is no kustomization", overlay.name));
            }
        }
        for claim in overlay.of_kind("PersistentVolumeClaim") {
            let options = &claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
            let name = text(claim, "/metadata/name");
            if options != "Prune=false" && text(claim, "/metadata/namespace") != "monitoring" {
                wrong.push(format!(
                    "{}: the volume {name} goes with its part",
                    overlay.name
                ));
            }
        }
    }
    assert!(count >= 2 || overlays().is_empty());
    assert_none(&wrong);
}

/// They need the network, so they are not rendered here.
#[test]
fn the_software_of_others_is_pinned_by_version() {
    let mut count = 0;
    for file in files("k8s/install").unwrap() {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let documents = geocrop_platform::documents(&text).unwrap();
        for resource in documents
            .iter()
            .flat_map(|document| list(document, "/resources"))
        {
            let address = resource.as_str().unwrap();
            let version = address
                .split('/')
                .any(|part| part.starts_with('v') && part.matches('.').count() == 2);
            assert!(
                address.starts_with("https://") && version,
                "{file}: {address}"
            );
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
    // The cluster is the one whose schemas the manifests were held against.
    let install = std::fs::read_to_string(root().join("docs/operations/install.md")).unwrap();
    let version = format!("INSTALL_K3S_VERSION=v{}.", crate::schemas::KUBERNETES);
    assert!(install.contains(&version), "{version}");
}
