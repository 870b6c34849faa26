//! What the manifests of `k8s/` must be, whoever changes them. They are rendered as they are applied, and no cluster is asked.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod flows;
mod memory;
mod pods;
mod program;
mod references;
mod schemas;

use std::sync::OnceLock;

use geocrop_platform::{Pod, pods, program as installed, rendered};
use serde_json::Value;

/// A rendered overlay.
struct Overlay {
    name: &'static str,
    documents: Vec<Value>,
}

impl Overlay {
    fn pods(&self) -> Vec<Pod> {
        pods(&self.documents)
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let is = move |document: &&Value| document["kind"] == kind;
        self.documents.iter().filter(is)
    }
}

const NAMES: [&str; 4] = ["k3s-single", "k3s-single-gitops", "ha", "variants"];

/// All overlays, or nothing where there is no kubectl; then the reason is printed.
fn overlays() -> &'static [Overlay] {
    static OVERLAYS: OnceLock<Vec<Overlay>> = OnceLock::new();
    let overlays = OVERLAYS.get_or_init(|| {
        if installed("kubectl").is_err() {
            return Vec::new();
        }
        let render = |name| Overlay {
            name,
            documents: rendered(&format!("k8s/overlays/{name}")).unwrap(),
        };
        NAMES.map(render).into()
    });
    if overlays.is_empty() {
        println!("skipped: manifests: kubectl is not installed");
    }
    overlays
}

fn overlay(name: &str) -> Option<&'static Overlay> {
    overlays().iter().find(|overlay| overlay.name == name)
}

/// Fails with all that is wrong, not only the first.
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
