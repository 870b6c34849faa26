//! The Kubernetes API's own schemas, strictly: a key that does not exist is an error. Custom resources against the schemas of those
//! who define them; there, only wrong types and missing names are found.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use geocrop_platform::{checker, rendered, said};

use crate::{NAMES, overlays};

/// The version that `docs/operations/install.md` installs.
pub(crate) const KUBERNETES: &str = "1.36";

/// Kinds that Kubernetes itself does not have.
const CUSTOM: [&str; 10] = [
    "AppProject",
    "Application",
    "Certificate",
    "CronWorkflow",
    "Gateway",
    "HTTPRoute",
    "Issuer",
    "ScaledObject",
    "TriggerAuthentication",
    "WorkflowTemplate",
];

#[test]
fn the_api_would_take_every_document() {
    let mut command = match checker("kubernetes-validate") {
        Ok(command) => command,
        Err(missing) => return println!("skipped: {missing}"),
    };
    if overlays().is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES {
        let documents = rendered(&format!("k8s/overlays/{name}")).unwrap();
        let mut file = std::fs::File::create(folder.path().join(format!("{name}.yaml"))).unwrap();
        for document in documents {
            // JSON is YAML.
            write!(file, "---\n{document}\n").unwrap();
        }
    }
    let output = command
        .current_dir(&folder)
        .args(["-k", KUBERNETES, "--strict"])
        .args(NAMES.map(|name| format!("{name}.yaml")))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // A kind that it does not know is only a warning: one that we do not know either is a slip.
    let said = said(&output);
    let unknown: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once("schema for kind ")?.1.split(' ').next())
        .filter(|kind| !CUSTOM.contains(kind))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn custom_resources_are_of_their_schemas() {
    let Some(folder) = std::env::var_os("GEOCROP_TEST_CRDS").map(PathBuf::from) else {
        return println!(
            "skipped: custom resources: GEOCROP_TEST_CRDS names no folder with their schemas"
        );
    };
    for overlay in overlays() {
        let custom: Vec<_> = overlay
            .documents
            .iter()
            .filter(|document| CUSTOM.iter().any(|kind| document["kind"] == *kind))
            .collect();
        assert!(custom.len() >= 2, "{}", overlay.name);
        let mut child = Command::new("node")
            .arg(folder.join("check.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        write!(stdin, "{}", serde_json::json!(custom)).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}:\n{}",
            overlay.name,
            said(&output)
        );
    }
}
