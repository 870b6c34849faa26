//! The committed card of Dynamic World's network: complete without a cross-validation, and not without any figure.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]

use std::path::Path;

use geocrop_training::{Card, reasons_against};
use sha2::{Digest as _, Sha256};

fn committed() -> (Vec<u8>, Card) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/dynamic-world");
    let version = std::fs::read_to_string(folder.join("production")).unwrap();
    let read = |file: &str| std::fs::read(folder.join(version.trim()).join(file)).unwrap();
    let card: Card = serde_json::from_slice(&read("card.json")).unwrap();
    assert_eq!(
        (card.name.as_str(), &*card.version),
        ("dynamic-world", version.trim())
    );
    (read("model.json"), card)
}

#[test]
fn the_networks_card_describes_the_manifest_beside_it() {
    let (manifest, card) = committed();
    let digest = format!("{:x}", Sha256::digest(&manifest));
    assert_eq!(
        (card.model.sha256, card.model.bytes),
        (digest, manifest.len())
    );
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let bands: Vec<_> = manifest["inputs"]["bands"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(bands, card.features.iter().collect::<Vec<_>>());
    assert_eq!(
        card.data.classes.len(),
        manifest["classes"].as_array().unwrap().len()
    );
    let limits = card.limits.join(" ");
    assert!(limits.contains("Level-2A"), "{limits}");
}

#[test]
fn statements_with_a_source_stand_for_a_cross_validation_and_nothing_stands_for_both() {
    let (_, mut card) = committed();
    assert_eq!(reasons_against(&card, None, &[]), [""; 0]);
    assert!(card.evaluation.iter().all(|said| !said.source.is_empty()));
    card.evaluation.clear();
    let reasons = reasons_against(&card, None, &[]).join("; ");
    assert!(
        reasons.contains("cross_validation or evaluation"),
        "{reasons}"
    );
}

#[test]
fn a_card_is_written_as_it_was_read() {
    let (_, card) = committed();
    let text = serde_json::to_string(&card).unwrap();
    assert!(
        !text.contains("cross_validation") && !text.contains("\"trees\":"),
        "{text}"
    );
    assert_eq!(serde_json::from_str::<Card>(&text).unwrap(), card);
}
