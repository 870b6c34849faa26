//! Dockerfiles, the compose file and the scripts beside them.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use geocrop_platform::{
    checker, documents, files, geocrop, is_script, json, list, manifests, program, root, said,
    text, wrong_in,
};
use serde_json::Value;

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn dockerfiles() -> Vec<String> {
    let all = files("images").unwrap();
    all.into_iter()
        .filter(|file| file.ends_with("/Dockerfile"))
        .collect()
}

#[test]
fn dockerfiles_are_sound() {
    for file in dockerfiles() {
        let mut command = match checker("hadolint") {
            Ok(command) => command,
            Err(missing) => return println!("skipped: {missing}"),
        };
        let output = command
            .args(["--config", ".hadolint.yaml", &file])
            .output()
            .unwrap();
        assert!(output.status.success(), "{file}: {}", said(&output));
    }
}

#[test]
fn scripts_are_sound() {
    let mut scripts: Vec<_> = ["images", "compose", "k8s"]
        .iter()
        .flat_map(|folder| files(folder).unwrap())
        .collect();
    scripts.retain(|file| is_script(file));
    assert!(scripts.len() >= 8, "{scripts:?}");
    let mut command = match checker("shellcheck") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let output = command.args(&scripts).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn images_run_as_the_user_that_the_manifests_say_and_tell_how_they_are() {
    for (image, user) in [
        ("geocrop", "10001"),
        ("mlflow", "10002"),
        ("jupyter", "10003"),
        ("runner", "10006"),
    ] {
        let file = read(&format!("images/{image}/Dockerfile"));
        assert!(file.contains(&format!("\nUSER {user}:{user}\n")), "{image}");
        assert!(file.contains("\nHEALTHCHECK "), "{image}");
        for base in file.lines().filter(|line| line.starts_with("FROM ")) {
            let name = base.split(' ').nth(1).unwrap();
            let stage = file.contains(&format!(" AS {name}\n"));
            let pinned = name
                .rsplit_once(':')
                .is_some_and(|(_, tag)| tag.contains('.') && tag != "latest");
            assert!(stage || pinned, "{image}: {base}");
        }
        let manifests = files("k8s/base").unwrap();
        let part = if image == "geocrop" { "api" } else { image };
        let runs = manifests
            .iter()
            .filter(|file| file.starts_with(&format!("k8s/base/{part}/")))
            .any(|file| read(file).contains(&format!("runAsUser: {user}")));
        assert!(runs, "{image}: the manifests say another user than {user}");
    }
}

#[test]
fn what_the_image_of_the_program_copies_is_there_and_comes_through_dockerignore() {
    let ignore = read(".dockerignore");
    let kept: BTreeSet<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    assert!(ignore.lines().any(|line| line == "*"));
    for file in dockerfiles() {
        for line in read(&file)
            .lines()
            .filter(|line| line.starts_with("COPY ") && !line.contains("--from="))
        {
            let words: Vec<_> = line
                .split(' ')
                .skip(1)
                .filter(|word| !word.starts_with("--"))
                .collect();
            for source in &words[..words.len() - 1] {
                assert!(root().join(source).exists(), "{file}: {line}");
                let top = source.split('/').next().unwrap();
                assert!(
                    *source == "." || kept.contains(top) || kept.contains(source),
                    "{file}: {line}"
                );
            }
        }
    }
    // Cargo wants every member of the workspace, whatever is built.
    let members = read("Cargo.toml");
    for member in members
        .lines()
        .skip_while(|line| !line.starts_with("members"))
        .skip(1)
        .take_while(|line| *line != "]")
    {
        let member = member.trim().trim_matches([',', '"']);
        assert!(
            kept.contains(member.split('/').next().unwrap()),
            "{member} is left out"
        );
    }
}

#[test]
fn the_image_has_what_the_manifests_and_its_own_settings_name() {
    let dockerfile = read("images/geocrop/Dockerfile");
    let mut texts = manifests().unwrap();
    texts.push("images/geocrop/Dockerfile".into());
    let mut count = 0;
    for file in texts {
        for rest in read(&file).split("/usr/share/geocrop/").skip(1) {
            let inside: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || "/._-".contains(*c))
                .collect();
            let top = inside.split('/').next().unwrap();
            let copied = dockerfile
                .lines()
                .any(|line| line.starts_with("COPY ") && line.ends_with(&format!(" ./{top}")))
                || dockerfile.contains(&format!("COPY {top} ./\n"));
            assert!(copied, "{file}: {inside} is not in the image");
            // The map is made while the image is built.
            assert!(
                top == "map" || root().join(&inside).exists(),
                "{file}: {inside}"
            );
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

/// Asks the module that knows `CycloneDX`'s schema.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(wrong) if wrong else 0)
";

/// Two packages, of which one was removed again.
const DPKG: &str = "Package: libproj25
Status: install ok installed
Architecture: amd64
Version: 9.1.1-1+b1
Description: a library
 of several lines

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1:2.0
";

#[test]
fn the_list_of_parts_is_cyclonedx_and_names_what_is_linked_in() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", said(&metadata));
    let [facts, packages] = ["metadata.json", "status"].map(|name| folder.path().join(name));
    std::fs::write(&facts, metadata.stdout).unwrap();
    std::fs::write(&packages, DPKG).unwrap();
    let mut listing = match program("python3") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    listing.args([
        "images/sbom.py",
        "--map",
        "site/map",
        "--library",
        "gdal=3.6.2",
    ]);
    listing
        .arg("--metadata")
        .arg(facts)
        .arg("--dpkg")
        .arg(packages);
    let listed = listing.output().unwrap();
    assert!(listed.status.success(), "{}", said(&listed));
    let parts: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names: Vec<_> = list(&parts, "/components")
        .iter()
        .map(|part| text(part, "/purl").clone())
        .collect();
    let has = |start: &str| names.iter().any(|name| name.starts_with(start));
    for part in [
        "pkg:cargo/gdal@",
        "pkg:cargo/axum@",
        "pkg:cargo/geocrop-store@",
        "pkg:npm/maplibre-gl@",
        "pkg:npm/%40mapbox/",
        "pkg:deb/debian/libproj25@9.1.1-1%2Bb1?arch=amd64",
        "pkg:generic/gdal@3.6.2",
    ] {
        assert!(has(part), "{part}");
    }
    // Of tests, of the compiler, of the bundler, and removed.
    for part in [
        "pkg:cargo/insta@",
        "pkg:cargo/geocrop-testbed@",
        "pkg:cargo/syn@",
        "pkg:npm/esbuild@",
        "pkg:deb/debian/gone",
    ] {
        assert!(!has(part), "{part}");
    }
    let mut check = match checker("python") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let mut child = check
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&listed.stdout).unwrap();
    drop(stdin);
    let checked = child.wait_with_output().unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
}

fn compose() -> Value {
    documents(&read("docker-compose.yml")).unwrap().remove(0)
}

#[test]
fn the_compose_file_is_of_its_schema() {
    let mut command = match checker("check-jsonschema") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let output = command
        .args([
            "--builtin-schema",
            "vendor.compose-spec",
            "docker-compose.yml",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_compose_file_runs_what_the_manifests_run() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    let names: Vec<_> = services.keys().map(String::as_str).collect();
    for part in [
        "api",
        "worker",
        "postgis",
        "valkey",
        "store",
        "prometheus",
        "grafana",
    ] {
        assert!(names.contains(&part), "{names:?}");
    }
    let manifests: String = files("k8s/base")
        .unwrap()
        .iter()
        .map(|file| read(file))
        .collect();
    let budget = json("terraform/budget.json").unwrap();
    for (name, service) in services {
        let image = text(service, "/image");
        let ours = image.starts_with("geocrop:");
        let monitors = ["prometheus", "grafana"].contains(&name.as_str());
        assert!(
            ours || monitors || manifests.contains(&format!("image: {image}\n")),
            "{name}: {image}"
        );
        assert!(
            service.get("mem_limit").is_some(),
            "{name} may take all memory"
        );
        for volume in list(service, "/volumes").iter().filter_map(Value::as_str) {
            let source = volume.split(':').next().unwrap();
            if let Some(file) = source.strip_prefix("./") {
                assert!(root().join(file).exists(), "{name}: {volume}");
            } else {
                assert!(compose["volumes"].get(source).is_some(), "{name}: {volume}");
            }
        }
    }
    let may_change_tables = |name: &&String| {
        let settings = &services[name.as_str()]["environment"];
        settings.get("GEOCROP_DATABASE_OWNER_URL").is_some()
    };
    let owners: Vec<_> = services.keys().filter(may_change_tables).collect();
    assert_eq!(owners, ["api"]);
    assert_eq!(budget["parts_mib"]["api"], 512);
    assert_eq!(text(&services["api"], "/mem_limit"), "512m");
    assert_eq!(text(&services["worker"], "/mem_limit"), "2g");
}

#[test]
fn the_compose_files_commands_exist() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let mut wrong = Vec::new();
    for name in ["pages", "api", "worker"] {
        let command = compose()["services"][name]["command"].clone();
        let words: Vec<String> = list(&command, "")
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        wrong.extend(wrong_in(&binary, &words));
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_compose_files_settings_exist_and_its_passwords_are_made() {
    let settings = read("k8s/base/config/settings.env");
    let secrets = json("terraform/secrets.json").unwrap();
    let known = |name: &str| {
        let secret = |of: &str| secrets["geocrop"][of].get(name).is_some();
        settings
            .lines()
            .any(|line| line.starts_with(&format!("{name}=")))
            || secret("geocrop-database")
            || secret("geocrop-store")
    };
    for name in compose()["services"]["worker"]["environment"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(known(name), "{name}");
    }
    // The script writes beside itself: it gets a folder of its own here.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("compose")).unwrap();
    let script = folder.path().join("compose/make-env.sh");
    std::fs::copy(root().join("compose/make-env.sh"), &script).unwrap();
    assert!(Command::new(&script).output().unwrap().status.success());
    let made = std::fs::read_to_string(folder.path().join(".env")).unwrap();
    let made: BTreeSet<_> = made
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let text = read("docker-compose.yml");
    let asked: BTreeSet<_> = text
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split(":?").next())
        .filter(|name| !name.contains('}'))
        .collect();
    assert_eq!(
        made.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
        asked
    );
    assert!(made.iter().all(|(_, value)| value.len() >= 26), "{made:?}");
    // A second time would lock everybody out.
    assert!(!Command::new(&script).output().unwrap().status.success());
}
