//! What the manifests say of the program, asked of the program: its settings, commands, ports and paths, and that it starts on
//! the database that the manifests prepare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use geocrop_platform::{
    Running, files, geocrop, json, list, program as installed, root, said, status_of, text,
    wrong_in,
};
use geocrop_testbed::{Postgres, free_port};
use serde_json::Value;

use crate::{Overlay, assert_none, overlay, overlays};

/// What the store reads beside the settings (core/store/src/object/bucket.rs).
const STORE: [&str; 6] = [
    "S3_ENDPOINT",
    "S3_REGION",
    "S3_CHECKSUMS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_CONDITIONAL_PUT",
];

/// The program's `ConfigMap`.
pub(crate) fn settings(overlay: &Overlay) -> BTreeMap<String, String> {
    let map = overlay
        .of_kind("ConfigMap")
        .find(|map| text(map, "/metadata/name").starts_with("geocrop-"))
        .unwrap();
    let data = map["data"].as_object().unwrap();
    let own = |value: &Value| value.as_str().unwrap().to_owned();
    data.iter()
        .map(|(key, value)| (key.clone(), own(value)))
        .collect()
}

fn ask(binary: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary)
        .args(arguments)
        .current_dir(root())
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_manifests_set_what_the_program_reads_and_nothing_else() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let doctor: Value = serde_json::from_str(&ask(&binary, &["doctor", "--json"])).unwrap();
    let mut known: BTreeSet<String> = doctor["settings"]
        .as_object()
        .unwrap()
        .keys()
        .map(|key| format!("GEOCROP_{}", key.to_uppercase().replace('.', "_")))
        .collect();
    known.extend(STORE.map(str::to_owned));
    let secrets = json("terraform/secrets.json").unwrap();
    let keys = |secret: &str| {
        let keys = secrets["geocrop"][secret].as_object().unwrap();
        keys.keys().cloned().collect::<Vec<_>>()
    };
    for overlay in overlays() {
        let mut set: BTreeSet<String> = settings(overlay).into_keys().collect();
        set.extend(keys("geocrop-database"));
        set.extend(keys("geocrop-store"));
        assert_eq!(set, known, "{}", overlay.name);
    }
}

/// The arguments of each container that runs the program, with the pod's title.
fn commands(overlay: &Overlay) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for pod in overlay.pods() {
        for container in pod.all_containers() {
            if !text(container, "/image").contains("/geocrop/geocrop:") {
                continue;
            }
            let of = |key: &str| list(container, key).iter().map(|w| w.as_str().unwrap());
            let mut words: Vec<String> = of("/command")
                .chain(of("/args"))
                .map(str::to_owned)
                .collect();
            if words.first().is_some_and(|word| word == "/bin/sh") {
                words = words[2].split_whitespace().map(str::to_owned).collect();
            }
            match words.iter().position(|word| word == "geocrop") {
                Some(at) => drop(words.drain(..=at)),
                None if words.first().is_some_and(|word| word == "install") => continue,
                None => {}
            }
            found.push((pod.title(), words));
        }
    }
    found
}

#[test]
fn the_commands_and_their_options_exist() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let mut wrong = Vec::new();
    for overlay in overlays() {
        let commands = commands(overlay);
        assert!(commands.len() >= 4, "{}: {commands:?}", overlay.name);
        for (title, words) in commands {
            let wrong_here = wrong_in(&binary, &words);
            wrong.extend(
                wrong_here
                    .iter()
                    .map(|what| format!("{}: {title}: {what}", overlay.name)),
            );
        }
    }
    assert_none(&wrong);
}

/// What is asked of the program's ports by probes, by Prometheus and through the ingress: part and path.
fn asked(overlay: &Overlay) -> BTreeSet<(String, String)> {
    let mut paths = BTreeSet::new();
    for pod in overlay.pods() {
        for container in pod.containers() {
            if !text(container, "/image").contains("/geocrop/geocrop:") {
                continue;
            }
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let path = text(container, &format!("/{probe}/httpGet/path"));
                if !path.is_empty() {
                    paths.insert((pod.name.clone(), path));
                }
            }
        }
    }
    for deployment in overlay.of_kind("Deployment") {
        let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
        let name = text(deployment, "/metadata/name");
        if annotations["prometheus.io/scrape"] == "true"
            && ["api", "worker", "site"].contains(&name.as_str())
        {
            paths.insert((
                name,
                annotations["prometheus.io/path"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            ));
        }
    }
    for ingress in overlay.of_kind("Ingress") {
        for path in list(ingress, "/spec/rules/0/http/paths") {
            let part = text(path, "/backend/service/name");
            if ["api", "site"].contains(&part.as_str()) && text(path, "/pathType") == "Exact" {
                paths.insert((part, text(path, "/path")));
            }
        }
    }
    paths
}

#[test]
fn the_program_answers_where_it_is_asked() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let Some(single) = overlay("k3s-single") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let ports: BTreeMap<&str, u16> = ["api", "worker", "site"]
        .into_iter()
        .map(|part| (part, free_port().unwrap()))
        .collect();
    let address = |part: &str| format!("127.0.0.1:{}", ports[part]);
    let built = ask(
        &binary,
        &[
            "site",
            "build",
            "--store",
            &at("store"),
            "--out",
            &at("dist"),
        ],
    );
    assert!(
        Path::new(&at("dist")).join("index.html").exists(),
        "{built}"
    );
    let start = |words: &[&str]| {
        let mut command = Command::new(&binary);
        command
            .args(words)
            .args(["--store", &at("store")])
            .env("GEOCROP_STATE", at(&format!("state-{}", words[0])))
            .env("GEOCROP_CACHE", at("cache"))
            .env("GEOCROP_SOURCES", "sources/earth-search.toml")
            .current_dir(root());
        Running::start(&mut command).unwrap()
    };
    let _running = [
        start(&["api", "--no-worker", "--address", &address("api")]),
        start(&["worker", "--address", &address("worker")]),
        start(&[
            "site",
            "serve",
            "--site",
            &at("dist"),
            "--address",
            &address("site"),
        ]),
    ];
    let mut wrong = Vec::new();
    for (part, path) in asked(single) {
        let status = status_of(ports[part.as_str()], &path);
        if status != Some(200) {
            wrong.push(format!("{part} {path}: {status:?}"));
        }
    }
    // The prefixes that the ingress sends to the API are of its description.
    let openapi: Value = serde_json::from_str(&ask(&binary, &["api", "openapi"])).unwrap();
    for ingress in single.of_kind("Ingress") {
        for path in list(ingress, "/spec/rules/0/http/paths") {
            let prefix = text(path, "/path");
            let described = openapi["paths"]
                .as_object()
                .unwrap()
                .keys()
                .any(|known| known == &prefix || known.starts_with(&format!("{prefix}/")));
            if text(path, "/backend/service/name") == "api"
                && text(path, "/pathType") == "Prefix"
                && !described
            {
                wrong.push(format!("ingress: {prefix} is not in the API's description"));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_ports_are_those_that_the_program_is_told() {
    for overlay in overlays() {
        let settings = settings(overlay);
        for pod in overlay.pods() {
            let told = match pod.name.as_str() {
                "api" => settings["GEOCROP_ADDRESS"].clone(),
                "worker" | "site" => pod.containers()[0]["args"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|w| w.as_str().unwrap())
                    .find(|word| word.contains("0.0.0.0:"))
                    .unwrap()
                    .to_owned(),
                _ => continue,
            };
            let port = pod.containers()[0]["ports"][0]["containerPort"]
                .as_u64()
                .unwrap();
            assert!(
                told.ends_with(&format!("0.0.0.0:{port}")),
                "{}: {}: {told}",
                overlay.name,
                pod.title()
            );
        }
        let store = overlay
            .of_kind("ConfigMap")
            .find(|map| text(map, "/metadata/name").starts_with("garage-"));
        let region = format!("s3_region = \"{}\"", settings["S3_REGION"]);
        assert!(
            text(store.unwrap(), "/data/garage.toml").contains(&region),
            "{}",
            overlay.name
        );
    }
}

/// What stands after `psql ... -c` in the operations pages.
fn questions() -> Vec<String> {
    let pages = files("docs/operations").unwrap();
    let mut questions = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for line in text
            .lines()
            .filter(|line| line.contains("exec postgis-0 -- psql"))
        {
            questions.extend(
                line.split(" -c \"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    questions
}

/// The script that prepares the database on an empty volume.
fn preparation(overlay: &Overlay) -> String {
    let map = overlay
        .of_kind("ConfigMap")
        .find(|map| text(map, "/metadata/name").starts_with("postgis-prepare"))
        .unwrap();
    text(map, "/data/prepare.sh")
}

#[test]
fn the_program_starts_on_the_database_that_the_manifests_prepare_and_keda_can_ask_it() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    if let Err(missing) = installed("psql") {
        return println!("skipped: {missing}");
    }
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let Some(variants) = overlay("variants") else {
        return;
    };
    // The testbed's administrator is the superuser; the address says where.
    let admin = postgres.url("", "", "");
    let port = admin
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("prepare.sh");
    std::fs::write(&script, preparation(variants)).unwrap();
    let output = Command::new("bash")
        .arg("-e")
        .arg(&script)
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", &port)
        .env("PGPASSWORD", Postgres::PASSWORD)
        .env("POSTGRES_USER", Postgres::ADMIN)
        .env("GEOCROP_OWNER_PASSWORD", "owner's \"secret\"")
        .env("GEOCROP_PASSWORD", "it")
        .env("MLFLOW_PASSWORD", "flow")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let output = Command::new(&binary)
        .args(["user", "add", "thandi"])
        .current_dir(root())
        .env(
            "GEOCROP_DATABASE_URL",
            postgres.url("geocrop", "it", "geocrop"),
        )
        .env(
            "GEOCROP_DATABASE_OWNER_URL",
            postgres.url("geocrop_owner", "owner%27s%20%22secret%22", "geocrop"),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // What KEDA does: the connection of the secret, the query of the ScaledObject.
    let secrets = json("terraform/secrets.json").unwrap();
    let connection = secrets["geocrop"]["queue-reader"]["CONNECTION"]
        .as_str()
        .unwrap();
    let connection = connection
        .replace("{postgis/GEOCROP_PASSWORD}", "it")
        .replace("postgis.geocrop.svc:5433", &format!("127.0.0.1:{port}"));
    let scaled = variants.of_kind("ScaledObject").next().unwrap();
    let query = text(scaled, "/spec/triggers/0/metadata/query");
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-c", &query, &connection])
        .output()
        .unwrap();
    assert_eq!(said(&output).trim(), "0");
    // The questions that the pages tell operators to ask.
    let questions = questions();
    assert!(questions.len() >= 3, "{questions:?}");
    for question in questions {
        assert!(postgres.sql("geocrop", &question).is_ok(), "{question}");
    }
    // Without the role, the login sees nothing.
    let bare = connection.split('?').next().unwrap();
    let output = Command::new("psql")
        .args(["-X", "-c", &query, bare])
        .output()
        .unwrap();
    assert!(
        said(&output).contains("permission denied"),
        "{}",
        said(&output)
    );
}
