//! Terraform: its form, its arithmetic, and the shape of what needs a provider (none can be had without a network, so `validate`
//! was never run on it).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::path::Path;
use std::process::Output;

use geocrop_platform::{files, json, program, root, said};
use tempfile::TempDir;

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn terraform(folder: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = match program("terraform") {
        Ok(command) => command,
        Err(missing) => {
            println!("skipped: {missing}");
            return None;
        }
    };
    let output = command
        .arg(format!("-chdir={}", folder.display()))
        .args(arguments)
        .env("CHECKPOINT_DISABLE", "1")
        .output();
    Some(output.unwrap())
}

/// A copy: Terraform writes where it runs.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files("terraform").unwrap() {
        if file.contains("/.terraform") {
            continue;
        }
        let to = folder.path().join(&file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root().join(&file), to).unwrap();
    }
    folder
}

#[test]
fn it_is_formatted() {
    if let Some(output) = terraform(&root(), &["fmt", "-check", "-recursive", "terraform"]) {
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn the_arithmetic_holds() {
    let copy = copy();
    let plan = copy.path().join("terraform/modules/plan");
    let Some(output) = terraform(&plan, &["init", "-backend=false", "-no-color"]) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    for verb in [&["validate", "-no-color"][..], &["test", "-no-color"]] {
        let output = terraform(&plan, verb).unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// The module with the project's own numbers, without the resources that need providers.
#[test]
fn the_budgets_accounts_and_secrets_of_the_project_pass_the_modules_checks() {
    for size in ["single", "single-gitops", "ha"] {
        let copy = copy();
        let folder = copy.path().join("terraform");
        for file in ["main.tf", "secrets.tf", "versions.tf", "variables.tf"] {
            std::fs::remove_file(folder.join(file)).unwrap();
        }
        let root = format!(
            r#"
            module "plan" {{
              source   = "./modules/plan"
              size     = "{size}"
              budget   = jsondecode(file("budget.json"))
              accounts = jsondecode(file("accounts.json"))
              secrets  = jsondecode(file("secrets.json"))
            }}
            output "composed" {{ value = module.plan.composed }}
            output "quotas" {{ value = module.plan.quotas }}
            "#
        );
        std::fs::write(folder.join("main.tf"), root).unwrap();
        let Some(output) = terraform(&folder, &["init", "-backend=false", "-no-color"]) else {
            return;
        };
        assert!(output.status.success(), "{}", said(&output));
        let output = terraform(&folder, &["apply", "-auto-approve", "-no-color"]).unwrap();
        assert!(output.status.success(), "{size}: {}", said(&output));
        let output = terraform(&folder, &["output", "-json"]).unwrap();
        let values: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let budget = json("terraform/budget.json").unwrap();
        let limit = budget[size]["namespaces"]["geocrop"]["limits_mib"].to_string();
        let quota = &values["quotas"]["value"]["geocrop"]["limits.memory"];
        assert_eq!(quota, &format!("{limit}Mi"));
        let url = &values["composed"]["value"]["geocrop/geocrop-database/GEOCROP_DATABASE_URL"];
        assert_eq!(url["before"], "postgres://geocrop:");
        assert_eq!(url["source"], "geocrop/postgis/GEOCROP_PASSWORD");
    }
}

#[test]
fn the_missions_numbers_are_the_budgets() {
    let budget = json("terraform/budget.json").unwrap();
    let parts = &budget["parts_mib"];
    assert_eq!([&parts["api"], &parts["site"]], [512, 512]);
    assert_eq!([&parts["worker"], &parts["jupyter"]], [2048, 2048]);
    assert_eq!(budget["single"]["machine_mib"], 8192);
}

/// The text of each block of a kind: `resource "kubernetes_secret_v1" "made"` and its body.
fn blocks(kind: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in files("terraform").unwrap() {
        let ending = Path::new(&file)
            .extension()
            .is_some_and(|ending| ending == "tf");
        if !ending || file.contains("/modules/") || file.contains("/.terraform") {
            continue;
        }
        let text = read(&file);
        let start = format!("\n{kind} \"");
        for block in text.split(&start).skip(1) {
            let name = block.split(" {").next().unwrap().replace('"', "");
            let body = block.split("\n}").next().unwrap().to_owned();
            if !found.iter().any(|(known, _)| *known == name) {
                found.push((name, body));
            }
        }
    }
    found
}

#[test]
fn resources_are_of_pinned_providers_and_in_the_namespaces_of_the_plan() {
    let versions = read("terraform/versions.tf");
    let resources = blocks("resource");
    assert!(resources.len() >= 10, "{resources:?}");
    for (name, body) in &resources {
        let provider = name.split('_').next().unwrap();
        assert!(
            versions.contains(&format!("{provider} = {{")),
            "{name}: no provider {provider}"
        );
        assert!(
            body.contains("for_each = module.plan."),
            "{name} is not of the plan"
        );
        if name.starts_with("kubernetes_") && !name.starts_with("kubernetes_namespace") {
            assert!(
                body.contains("kubernetes_namespace_v1.this["),
                "{name}: does not wait for its namespace"
            );
        }
    }
    for kind in [
        "namespace",
        "resource_quota",
        "limit_range",
        "service_account",
        "secret",
    ] {
        let there = resources
            .iter()
            .any(|(name, _)| name.starts_with(&format!("kubernetes_{kind}_v1")));
        assert!(there, "no {kind}");
    }
    let namespace = &resources
        .iter()
        .find(|(name, _)| name.starts_with("kubernetes_namespace"))
        .unwrap()
        .1;
    assert!(namespace.contains(r#""pod-security.kubernetes.io/enforce"         = "restricted""#));
    assert!(namespace.contains("prevent_destroy = true"));
}

#[test]
fn every_reference_is_to_something_that_is_declared() {
    let all: String = ["main.tf", "secrets.tf", "versions.tf", "variables.tf"]
        .map(|file| read(&format!("terraform/{file}")))
        .concat();
    let module = read("terraform/modules/plan/main.tf");
    let words = |prefix: &str| {
        let after = all.split(prefix).skip(1);
        let name = |rest: &str| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect::<String>()
        };
        after.map(name).collect::<Vec<_>>()
    };
    for name in words("module.plan.") {
        assert!(
            module.contains(&format!("output \"{name}\"")),
            "module.plan.{name}"
        );
    }
    for name in words("var.") {
        assert!(all.contains(&format!("variable \"{name}\"")), "var.{name}");
    }
    for name in words(" local.") {
        assert!(all.contains(&format!("  {name} ")), "local.{name}");
    }
    // What a provider has could not be asked for: these are all that are used.
    let kinds = [
        "kubernetes_limit_range_v1",
        "kubernetes_namespace_v1",
        "kubernetes_resource_quota_v1",
        "kubernetes_secret_v1",
        "kubernetes_service_account_v1",
        "random_bytes",
        "random_password",
        "tls_private_key",
    ];
    for (name, _) in blocks("resource") {
        let kind = name.split(' ').next().unwrap();
        assert!(kinds.contains(&kind), "{name}");
    }
    for kind in kinds {
        for name in words(&format!("{kind}.")) {
            let declared = format!("resource \"{kind}\" \"{name}\"");
            assert!(all.contains(&declared), "{kind}.{name}");
        }
    }
    for (name, _) in blocks("resource") {
        let (kind, name) = name.split_once(' ').unwrap();
        if ["random_password", "random_bytes", "tls_private_key"].contains(&kind) {
            assert!(
                all.contains(&format!("{kind}.{name}[")),
                "{kind}.{name} is made for nobody"
            );
        }
    }
}

#[test]
fn the_provider_free_part_needs_no_provider() {
    let module = read("terraform/modules/plan/main.tf");
    assert!(!module.contains("required_providers") && !module.contains("\nresource "));
}
