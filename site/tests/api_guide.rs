//! The API's guide: every operation of the committed description is on the page, with its fields and its anchor.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::path::Path;

use geocrop_site::{BuildOptions, build};
use serde_json::Value;

fn options(content: &Path, folder: &Path) -> BuildOptions {
    let store = folder.join("store");
    std::fs::create_dir_all(&store).unwrap();
    BuildOptions::new(
        content,
        store.to_string_lossy(),
        folder.join("out"),
        folder.join("cache"),
    )
}

#[test]
fn the_project_s_guide_tells_of_every_operation_and_answer() {
    let folder = tempfile::tempdir().unwrap();
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("../content");
    build(&options(&content, folder.path())).unwrap();
    let html = std::fs::read_to_string(folder.path().join("out/api/index.html")).unwrap();
    let document = std::fs::read_to_string(content.join("data/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let words: Vec<_> = path
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|w| !w.is_empty())
                .collect();
            let anchor = format!("id=\"{method}-{}\"", words.join("-"));
            let at = html
                .find(&anchor)
                .unwrap_or_else(|| panic!("{anchor} is not on the page"));
            let section = &html[at..][..html[at..].find("</section>").unwrap()];
            assert!(section.contains(operation["summary"].as_str().unwrap()));
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(
                    section.contains(&format!(">{status}</span>")),
                    "{method} {path} {status}"
                );
            }
            assert_eq!(
                section.contains(">Token</span>"),
                operation["security"].is_array(),
                "{method} {path}"
            );
        }
    }
    // Inner objects with their path, types in words.
    assert!(
        html.contains("<code>quota.jobs.limit</code> <span class=\"kind\">integer or null"),
        "no quota"
    );
    assert!(
        html.contains("<code>parts[].history[].day</code>"),
        "no history"
    );
    // The document itself can be fetched from the site.
    assert!(folder.path().join("out/openapi.json").exists());
    assert!(!html.contains("style=\"") && !html.contains("<script"));
}

#[test]
fn a_guide_without_its_description_names_the_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let content = folder.path().join("content");
    std::fs::create_dir_all(content.join("data")).unwrap();
    std::fs::write(content.join("index.md"), "+++\ntitle = \"Home\"\n+++\n").unwrap();
    let guide = "+++\ntitle = \"API\"\ntemplate = \"api\"\n+++\nText.\n";
    std::fs::write(content.join("api.md"), guide).unwrap();
    let options = options(&content, folder.path());
    let message = build(&options).unwrap_err().to_string();
    assert!(message.contains("data/openapi.json"), "{message}");

    std::fs::write(content.join("data/openapi.json"), "{").unwrap();
    let message = build(&options).unwrap_err().to_string();
    assert!(message.contains("openapi.json"), "{message}");

    // A changed description makes the page anew.
    let document = |summary: &str| {
        serde_json::json!({ "paths": { "/a": { "get": { "summary": summary, "responses": {} } } } })
            .to_string()
    };
    std::fs::write(content.join("data/openapi.json"), document("Before")).unwrap();
    build(&options).unwrap();
    std::fs::write(content.join("data/openapi.json"), document("Later")).unwrap();
    assert_eq!(build(&options).unwrap().rendered, 1);
    let html = std::fs::read_to_string(folder.path().join("out/api/index.html")).unwrap();
    assert!(html.contains("Later") && html.contains("id=\"get-a\""));
}
