//! The commands in the operations pages and the README: each exists, with its options, and what it names is there. Code blocks
//! marked `sh` are read; so is what stands between backticks in a line, where it begins as a command does.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::path::Path;

use geocrop_platform::{
    files, geocrop, geocrop_words, is_script, lines, manifests, program, rendered, root, said,
    wrong_in,
};

fn pages() -> Vec<(String, String)> {
    let mut pages = files("docs/operations").unwrap();
    pages.push("README.md".into());
    pages.retain(|file| {
        Path::new(file)
            .extension()
            .is_some_and(|ending| ending == "md")
    });
    let read = |file: String| {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        (file, text)
    };
    pages.into_iter().map(read).collect()
}

/// The commands of a page.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            if let Some(script) = part.strip_prefix("sh\n") {
                found.extend(lines(script));
            }
            continue;
        }
        for code in part.split('`').skip(1).step_by(2) {
            let starts = ["geocrop ", "kubectl ", "terraform ", "./dev ", "docker "];
            if starts.iter().any(|start| code.starts_with(start)) {
                found.extend(lines(&code.replace("\\|", "|").replace('\n', " ")));
            }
        }
    }
    found
}

fn all() -> Vec<(String, String)> {
    let pages = pages();
    pages
        .iter()
        .flat_map(|(file, text)| {
            commands(text)
                .into_iter()
                .map(|command| (file.clone(), command))
        })
        .collect()
}

#[test]
fn there_are_the_pages_that_operators_need() {
    let names: Vec<_> = pages().into_iter().map(|(file, _)| file).collect();
    for page in [
        "install",
        "upgrade",
        "rollback",
        "scale",
        "troubleshoot",
        "security",
        "cost",
        "training",
    ] {
        assert!(
            names.contains(&format!("docs/operations/{page}.md")),
            "{page}"
        );
    }
    assert!(all().len() > 80, "{}", all().len());
}

#[test]
fn commands_of_the_program_exist() {
    let binary = match geocrop() {
        Ok(binary) => binary,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for (file, command) in all() {
        let Some(words) = geocrop_words(&command) else {
            continue;
        };
        count += 1;
        wrong.extend(
            wrong_in(&binary, &words)
                .into_iter()
                .map(|what| format!("{file}: {what}")),
        );
    }
    assert!(count > 15, "only {count} commands were found");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn what_kubectl_renders_and_applies_is_there() {
    let mut wrong = Vec::new();
    for (file, command) in all() {
        let words: Vec<_> = command.split_whitespace().collect();
        if words.first() != Some(&"kubectl") {
            continue;
        }
        let after = |word: &str| {
            words
                .iter()
                .position(|w| *w == word)
                .and_then(|at| words.get(at + 1))
        };
        if let Some(folder) = after("kustomize").or_else(|| after("-k")) {
            if !root().join(folder).join("kustomization.yaml").exists() {
                wrong.push(format!("{file}: {folder} is no kustomization"));
            } else if words[1] == "kustomize"
                && program("kubectl").is_ok()
                && let Err(what) = rendered(folder)
            {
                wrong.push(format!("{file}: {what}"));
            }
        }
        if let Some(path) = after("-f").filter(|path| **path != "-")
            && !root().join(path).exists()
        {
            wrong.push(format!("{file}: there is no {path}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `deployment/api`, `statefulset/store`, `cronjob/precompute` in a command are of the manifests.
#[test]
fn what_kubectl_asks_for_is_deployed() {
    let manifests: String = manifests()
        .unwrap()
        .iter()
        .map(|file| std::fs::read_to_string(root().join(file)).unwrap())
        .collect();
    let kinds = [
        ("deployment", "Deployment"),
        ("statefulset", "StatefulSet"),
        ("cronjob", "CronJob"),
        ("service", "Service"),
        ("workflowtemplate", "WorkflowTemplate"),
    ];
    let mut wrong = Vec::new();
    for (file, command) in all() {
        // K3s' own are not ours.
        if command.contains("kube-system") || command.contains("cert-manager") {
            continue;
        }
        for word in command.split(|c: char| c.is_whitespace() || c == '=') {
            for (short, kind) in kinds {
                let Some(name) = word
                    .strip_prefix(short)
                    .and_then(|rest| rest.strip_prefix('/'))
                else {
                    continue;
                };
                let declared = format!("kind: {kind}\nmetadata:\n  name: {name}\n");
                if !manifests.contains(&declared) {
                    wrong.push(format!("{file}: {word} is in no manifest"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn commands_of_terraform_exist() {
    for (file, command) in all() {
        let words: Vec<_> = command.split_whitespace().collect();
        if words.first() != Some(&"terraform") {
            continue;
        }
        let mut terraform = match program("terraform") {
            Ok(terraform) => terraform,
            Err(missing) => return println!("skipped: {missing}"),
        };
        let mut words = words[1..].iter().copied().peekable();
        if let Some(folder) = words.next_if(|word| word.starts_with("-chdir=")) {
            assert!(root().join(&folder[7..]).is_dir(), "{file}: {command}");
        }
        let verb = words.next().unwrap();
        let mut help = said(&terraform.args([verb, "-help"]).output().unwrap());
        // The options of planning are apply's too, and stand in plan's help.
        if verb == "apply" {
            help += &said(
                &program("terraform")
                    .unwrap()
                    .args(["plan", "-help"])
                    .output()
                    .unwrap(),
            );
        }
        assert!(
            help.contains(&format!("terraform [global options] {verb}")),
            "{file}: {command}: {help}"
        );
        for option in words.filter(|word| word.starts_with('-')) {
            let option = option.split('=').next().unwrap();
            let known = help
                .split(|c: char| c.is_whitespace() || c == '=' || c == ',')
                .any(|word| word == option);
            assert!(known, "{file}: terraform {verb} has no {option}");
        }
    }
}

#[test]
fn scripts_files_and_pages_that_are_named_are_there() {
    let mut wrong = Vec::new();
    for (file, text) in pages() {
        for command in commands(&text) {
            let first = command.split_whitespace().next().unwrap_or_default();
            if is_script(first) && !root().join(first).exists() {
                wrong.push(format!("{file}: there is no {first}"));
            }
        }
        // Links to other pages, and paths between backticks.
        let folder = Path::new(&file).parent().unwrap();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let is_here = !target.is_empty()
                && !target.contains("://")
                && !target.contains(' ')
                && !target.starts_with('/');
            if is_here && !root().join(folder).join(target).exists() {
                wrong.push(format!("{file}: there is no {target}"));
            }
        }
        for path in text.split('`').skip(1).step_by(2) {
            let ours = [
                "k8s/",
                "terraform/",
                "images/",
                "platform/",
                "compose/",
                ".gitea/",
                "core/",
            ];
            let plain =
                !path.contains(['*', '<', ' ', '\n']) && !path.ends_with("terraform.tfstate");
            if plain
                && ours.iter().any(|folder| path.starts_with(folder))
                && !root().join(path).exists()
            {
                wrong.push(format!("{file}: there is no {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
