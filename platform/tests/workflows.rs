//! The workflows of `.gitea/workflows`: whether Gitea's runner would take them, and whether what they run exists.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use geocrop_platform::{
    checker, documents, files, geocrop, geocrop_words, is_script, lines, list, root, said, text,
    wrong_in,
};
use serde_json::Value;

fn workflows() -> Vec<(String, Value)> {
    let files = files(".gitea/workflows").unwrap();
    let read = |file: String| {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let document = documents(&text).unwrap().remove(0);
        (file, document)
    };
    files.into_iter().map(read).collect()
}

/// Every script of every step: file, step, script.
fn scripts() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (file, workflow) in workflows() {
        for job in workflow["jobs"].as_object().unwrap().values() {
            for step in list(job, "/steps") {
                if step.get("run").is_some() {
                    found.push((file.clone(), text(step, "/name"), text(step, "/run")));
                }
            }
        }
    }
    found
}

/// Runs a checker on all workflows, and shows what it said if it found anything.
fn check(name: &str, arguments: &[&str]) {
    let mut command = match checker(name) {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let output = command
        .args(arguments)
        .args(files(".gitea/workflows").unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn there_are_the_five() {
    let names: Vec<_> = workflows()
        .iter()
        .map(|(_, workflow)| text(workflow, "/name"))
        .collect();
    assert_eq!(names, ["build-push", "ci", "nightly", "precompute", "site"]);
}

#[test]
fn they_are_of_the_schema() {
    check(
        "check-jsonschema",
        &["--builtin-schema", "vendor.github-workflows"],
    );
}

#[test]
fn they_are_tidy_yaml_and_so_are_the_manifests() {
    let mut command = match checker("yamllint") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let output = command
        .args([
            "--strict",
            "-c",
            ".yamllint.yaml",
            ".gitea",
            "k8s",
            "training/active",
            "compose",
            "docker-compose.yml",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn they_open_no_hole() {
    check("zizmor", &["--offline", "--no-progress"]);
}

#[test]
fn the_runner_finds_its_way_through_them() {
    for file in files(".gitea/workflows").unwrap() {
        let mut command = match checker("act") {
            Ok(command) => command,
            Err(missing) => return println!("skipped: {missing}"),
        };
        let output = command.args(["--list", "-W", &file]).output().unwrap();
        assert!(output.status.success(), "{file}: {}", said(&output));
        // What it cannot follow it leaves out; each job must be in its list.
        let listed = said(&output);
        let (_, workflow) = workflows()
            .into_iter()
            .find(|(name, _)| *name == file)
            .unwrap();
        for job in workflow["jobs"].as_object().unwrap().keys() {
            assert!(
                listed.contains(&format!("  {job} ")),
                "{file}: {job} is not in\n{listed}"
            );
        }
    }
}

#[test]
fn their_scripts_are_sound() {
    for (file, step, script) in scripts() {
        let mut command = match checker("shellcheck") {
            Ok(command) => command,
            Err(missing) => return println!("skipped: {missing}"),
        };
        let mut child = command
            .args(["--shell=bash", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            // As the runner starts it.
            .write_all(format!("set -eo pipefail\n{script}").as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{file}: {step}: {}", said(&output));
        assert!(
            !script.contains("${{"),
            "{file}: {step}: an expression inside a script"
        );
    }
}

#[test]
fn actions_are_pinned_and_the_token_stays_only_where_something_is_pushed() {
    let mut wrong = Vec::new();
    for (file, workflow) in workflows() {
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            let pushes = list(job, "/steps")
                .iter()
                .any(|step| text(step, "/run").contains("git push"));
            for step in list(job, "/steps") {
                let uses = text(step, "/uses");
                let Some((action, version)) = uses.split_once('@') else {
                    continue;
                };
                if version.len() != 40 || !version.chars().all(|c| c.is_ascii_hexdigit()) {
                    wrong.push(format!("{file}: {name}: {uses} can change"));
                }
                let kept = step["with"]["persist-credentials"] != false;
                if action == "actions/checkout" && kept && !pushes {
                    wrong.push(format!("{file}: {name}: keeps the token"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The verbs of `./dev`, as its first lines list them.
fn verbs() -> Vec<String> {
    let dev = std::fs::read_to_string(root().join("dev")).unwrap();
    dev.lines()
        .take_while(|line| line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("#   ./dev ")?.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_they_run_exists() {
    let verbs = verbs();
    let mut wrong = Vec::new();
    for (file, step, script) in scripts() {
        for line in lines(&script) {
            let mut words = line.split_whitespace();
            let program = words.next().unwrap().trim_start_matches("echo \"tag=$(");
            if program == "./dev" {
                let verb = words.next().unwrap_or_default();
                if !verbs.iter().any(|known| known == verb) {
                    wrong.push(format!("{file}: {step}: ./dev {verb}"));
                }
            }
            if let Some(words) = geocrop_words(&line) {
                match geocrop() {
                    Ok(binary) => wrong.extend(
                        wrong_in(&binary, &words)
                            .into_iter()
                            .map(|what| format!("{file}: {step}: {what}")),
                    ),
                    Err(missing) => println!("skipped: {missing}"),
                }
            }
            for word in line.split(|c: char| c.is_whitespace() || "\"'()$".contains(c)) {
                let path = root().join(word);
                let runs = || {
                    path.metadata()
                        .is_ok_and(|file| file.permissions().mode() & 0o111 != 0)
                };
                if is_script(word) && !runs() {
                    wrong.push(format!("{file}: {step}: {word} cannot be run"));
                }
                let is_file = ["images/", "k8s/", "sources/"]
                    .iter()
                    .any(|folder| word.starts_with(folder));
                if is_file && !path.exists() {
                    wrong.push(format!("{file}: {step}: there is no {word}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn run(script: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(root().join(script))
        .args(arguments)
        .output()
        .unwrap();
    (output.status.success(), said(&output).trim().to_owned())
}

#[test]
fn a_commit_and_a_version_become_tags() {
    let commit = "1766a55f00000000000000000000000000000000";
    let tag = |reference: &str| run("images/tag.sh", &[reference, commit]);
    assert_eq!(tag("refs/tags/v1.2.3"), (true, "1.2.3".into()));
    assert_eq!(tag("refs/tags/v1.2.3-rc.1"), (true, "1.2.3-rc.1".into()));
    assert_eq!(tag("refs/heads/main"), (true, "main-1766a55f0000".into()));
    assert!(!tag("refs/tags/nightly").0);
}

#[test]
fn a_tag_is_written_where_the_overlays_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("kustomization.yaml");
    std::fs::copy(
        root().join("k8s/components/release/kustomization.yaml"),
        &copy,
    )
    .unwrap();
    let file = copy.to_str().unwrap();
    assert_eq!(
        run("images/set-tag.sh", &["1.2.3", file]),
        (true, String::new())
    );
    let written = std::fs::read_to_string(&copy).unwrap();
    assert!(written.contains("  newTag: 1.2.3\n"), "{written}");
    for no_tag in ["latest", "a b", "x;y", ""] {
        assert!(!run("images/set-tag.sh", &[no_tag, file]).0, "{no_tag}");
    }
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), written);
}
