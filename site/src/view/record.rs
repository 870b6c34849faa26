//! The record behind a layer: how it was made, and how it compares with the truth where that is known.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layer::{Fact, fact};
use super::{Files, version_address};
use crate::catalog::{self, Layer};
use crate::format;

/// How the map compares with a known truth.
#[derive(Debug, Serialize)]
pub(super) struct Accuracy {
    kind: String,
    sentence: String,
    labels: Vec<String>,
    per_class: Vec<AccuracyRow>,
    confusion: Vec<ConfusionRow>,
}

#[derive(Debug, Serialize)]
struct AccuracyRow {
    title: String,
    users: String,
    producers: String,
    f1: String,
}

#[derive(Debug, Serialize)]
struct ConfusionRow {
    title: String,
    cells: Vec<String>,
}

/// A scene that went into the map.
#[derive(Debug, Serialize)]
pub(super) struct SceneRow {
    id: String,
    date: String,
    clear: String,
    offset: String,
    reason: String,
}

/// The comparison with the truth, in words and tables.
pub(super) fn accuracy(reference: &catalog::Reference) -> Accuracy {
    let kappa = reference
        .kappa
        .map_or_else(String::new, |k| format!(", Cohen’s kappa {k:.3}"));
    Accuracy {
        sentence: format!(
            "Overall accuracy {}{kappa}, over {} pixels. User’s accuracy: how often a mapped class is true. Producer’s accuracy: how much of the true class was found.",
            format::ratio(Some(reference.accuracy)),
            format::count(reference.pixels),
        ),
        kind: reference.kind.clone(),
        labels: reference.labels.clone(),
        per_class: reference
            .per_class
            .iter()
            .map(|class| AccuracyRow {
                title: class.name.clone(),
                users: format::ratio(class.users_accuracy),
                producers: format::ratio(class.producers_accuracy),
                f1: format::ratio(class.f1),
            })
            .collect(),
        confusion: reference
            .labels
            .iter()
            .zip(&reference.confusion)
            .map(|(title, row)| ConfusionRow {
                title: title.clone(),
                cells: row.iter().map(|n| format::count(*n)).collect(),
            })
            .collect(),
    }
}

/// How the map was made.
pub(super) fn made(layer: &Layer, files: &Files) -> Vec<Fact> {
    let p = &layer.properties;
    let mut facts = Vec::new();
    if !p.scenes.is_empty() {
        facts.push(fact("Scenes", scenes_sentence(&p.scenes)));
        facts.push(fact("Offsets", offsets_sentence(&p.scenes)));
    }
    facts.push(Fact {
        name: "Recipe",
        value: p.recipe.clone(),
        code: Some(short(&p.recipe_hash)),
        href: None,
    });
    if let Some(model) = &p.model {
        let card = version_address(&model.name, &model.version);
        facts.push(Fact {
            name: "Model",
            value: format!("{} {}", model.name, model.version),
            code: Some(short(&model.sha256)),
            href: files.cards.contains(&card).then_some(card),
        });
    }
    if let (Some(crs), Some([height, width])) = (&p.crs, p.shape) {
        let pixel = p
            .transform
            .as_ref()
            .and_then(|t| t.first())
            .map_or_else(String::new, |size| format!(", {size} m pixels"));
        facts.push(fact("Grid", format!("{crs}, {width} × {height}{pixel}")));
    }
    let software: Vec<String> = p
        .software
        .iter()
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
        .collect();
    if !software.is_empty() {
        facts.push(fact("Program", software.join(", ")));
    }
    facts
}

/// Enough of a hash to tell two apart by eye; the item has it whole.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn scenes_sentence(scenes: &[catalog::Scene]) -> String {
    let clear: Vec<f64> = scenes.iter().filter_map(|s| s.clear_percent).collect();
    let mut text = scenes.len().to_string();
    if !clear.is_empty() {
        let mean = clear.iter().sum::<f64>() / clear.len() as f64;
        text = format!("{text}, {mean:.0} % clear on average");
    }
    text
}

fn offsets_sentence(scenes: &[catalog::Scene]) -> String {
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for scene in scenes {
        let group = scene
            .offset
            .as_ref()
            .map_or_else(|| "not recorded".to_owned(), |o| signed(o.value));
        *groups.entry(group).or_default() += 1;
    }
    groups
        .iter()
        .map(|(value, n)| format!("{value} on {}", format::plural(*n, "scene")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A number with a true minus sign.
fn signed(value: f64) -> String {
    if value < 0.0 {
        format!("−{}", -value)
    } else {
        value.abs().to_string()
    }
}

/// One scene of the table.
pub(super) fn scene_row(scene: &catalog::Scene) -> SceneRow {
    SceneRow {
        id: scene.id.clone(),
        date: scene
            .datetime
            .as_deref()
            .map_or_else(|| "–".to_owned(), |d| format::day(d).to_owned()),
        clear: scene
            .clear_percent
            .map_or_else(|| "–".to_owned(), |c| format!("{c:.0} %")),
        offset: scene
            .offset
            .as_ref()
            .map_or_else(|| "–".to_owned(), |o| signed(o.value)),
        reason: scene
            .offset
            .as_ref()
            .map_or_else(String::new, |o| o.reason.clone()),
    }
}
