//! The store's models, read for their pages: which versions there are, which one serves, and what their cards say.
//!
//! Only what pages show is read, and a card may lack any of it: a network has no cross-validation, a model from elsewhere
//! no training.

use std::collections::BTreeMap;

use geocrop_store::registry::{Promotion, Registry};
use geocrop_store::{Slug, Store};
use serde::Deserialize;
use serde_json::Value;

use crate::catalog;
use crate::error::SiteError;
use crate::policy;
use crate::stored::Stored;

/// The models by name.
pub(crate) type Models = BTreeMap<String, Model>;

/// A model with its versions.
#[derive(Debug)]
pub(crate) struct Model {
    /// The version that serves, whether it is in the store or not.
    pub(crate) serving: Option<String>,
    /// Who let which version serve, the first change first.
    pub(crate) history: Vec<Promotion>,
    /// The versions in the store, the newest one first.
    pub(crate) versions: Vec<Version>,
}

/// A version of a model.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) card: Option<Card>,
    /// Whether there is a card that says things in another form: that of an older program, which never changes in a store.
    pub(crate) foreign_card: bool,
    /// Its report, fit to be a page of this site.
    pub(crate) report: Option<String>,
    /// Keys of its files in the store.
    pub(crate) files: Vec<String>,
}

/// The part of `card.json` that pages show.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Card {
    pub(crate) zone: String,
    pub(crate) intended_use: String,
    pub(crate) limits: Vec<String>,
    pub(crate) data: Data,
    pub(crate) features: Vec<String>,
    pub(crate) derived: Vec<Derived>,
    pub(crate) training: Option<Training>,
    pub(crate) cross_validation: Option<CrossValidation>,
    pub(crate) evaluation: Vec<Statement>,
    pub(crate) model: ModelFile,
    pub(crate) program: String,
    pub(crate) xgboost: String,
}

/// What a model learnt from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Data {
    pub(crate) title: String,
    pub(crate) source: String,
    pub(crate) change: String,
    pub(crate) rows: Option<u64>,
    pub(crate) classes: Vec<ClassRows>,
    pub(crate) sha256: Option<String>,
    pub(crate) licence: String,
    pub(crate) attribution: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ClassRows {
    pub(crate) class: usize,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) rows: Option<u64>,
}

/// A feature that a model computes by itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Derived {
    pub(crate) name: String,
    pub(crate) expression: String,
}

/// How a model was trained. Settings differ from one kind of member to the next, and are shown as they are called.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Training {
    pub(crate) members: Vec<BTreeMap<String, Value>>,
    pub(crate) calibration: Value,
    pub(crate) class_weights: Value,
    pub(crate) sample_weights: Option<[f32; 2]>,
    pub(crate) search: u64,
    pub(crate) seed: u64,
}

/// Scores on samples that the predicting model had not seen.
#[derive(Debug, Deserialize)]
pub(crate) struct CrossValidation {
    #[serde(default)]
    pub(crate) scheme: String,
    #[serde(default)]
    pub(crate) caution: Option<String>,
    pub(crate) accuracy: Figure,
    #[serde(default)]
    pub(crate) balanced_accuracy: Option<Figure>,
    #[serde(default)]
    pub(crate) f1: Option<Figure>,
    #[serde(default)]
    pub(crate) auc: Option<Figure>,
    #[serde(default)]
    pub(crate) brier: Option<Figure>,
    #[serde(default)]
    pub(crate) calibration_error: Option<Figure>,
    /// Rows are the truth, columns the prediction.
    #[serde(default)]
    pub(crate) confusion: Vec<Vec<f64>>,
    #[serde(default)]
    pub(crate) classes: Vec<ClassFigures>,
    #[serde(default)]
    pub(crate) reliability: Vec<Bin>,
    #[serde(default)]
    pub(crate) repeats: Vec<Repeat>,
    #[serde(default)]
    pub(crate) new_places: Option<Box<CrossValidation>>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ClassFigures {
    pub(crate) class: usize,
    #[serde(default)]
    pub(crate) samples: u64,
    #[serde(default)]
    pub(crate) users_accuracy: Option<Figure>,
    #[serde(default)]
    pub(crate) producers_accuracy: Option<Figure>,
    #[serde(default)]
    pub(crate) f1: Option<Figure>,
}

/// Samples of about the same prediction: how often it came true.
#[derive(Debug, Deserialize)]
pub(crate) struct Bin {
    pub(crate) samples: u64,
    pub(crate) predicted: f64,
    pub(crate) found: Figure,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Repeat {
    pub(crate) accuracy: f64,
}

/// A figure that somebody else states.
#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    pub(crate) figure: String,
    pub(crate) value: String,
    pub(crate) source: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ModelFile {
    pub(crate) sha256: String,
    pub(crate) members: u64,
    pub(crate) trees: u64,
}

impl Model {
    /// The version that serves, where the store has it.
    pub(crate) fn served(&self) -> Option<&Version> {
        let serving = self.serving.as_ref()?;
        self.versions.iter().find(|v| v.name == *serving)
    }
}

/// Cards that could not be read.
pub(crate) fn foreign_cards(models: &Models) -> usize {
    let versions = models.values().flat_map(|model| &model.versions);
    versions.filter(|version| version.foreign_card).count()
}

/// Reads the models that `stored` lists. A name of which there is no version is none.
pub(crate) fn read(store: &Store, stored: &Stored) -> Result<Models, SiteError> {
    let mut files: BTreeMap<(Slug, &str), Vec<String>> = BTreeMap::new();
    for key in stored.models() {
        let mut parts = key.split('/').skip(1);
        if let (Some(name), Some(version), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
            && let Ok(name) = name.parse::<Slug>()
            && is_plain(version)
        {
            let files = files.entry((name, version)).or_default();
            files.push(key.to_owned());
        }
    }
    let registry = Registry::new(store.clone());
    let mut models = Models::new();
    for ((name, version), files) in files {
        let fault = |e: geocrop_store::registry::RegistryError| SiteError::Store {
            path: format!("models/{name}"),
            problem: e.to_string(),
        };
        // model.json is written last: without it the version is not there yet.
        let key = |file: &str| format!("models/{name}/{version}/{file}");
        if !files.contains(&key("model.json")) {
            continue;
        }
        let report = registry
            .file(&name, version, "report.html")
            .map_err(fault)?
            .and_then(|bytes| policy::of_report(&String::from_utf8_lossy(&bytes)));
        let said: Option<Value> = catalog::get(store, &key("card.json"))?;
        let card = said.as_ref().and_then(|card| Card::deserialize(card).ok());
        let version = Version {
            name: version.to_owned(),
            foreign_card: said.is_some() && card.is_none(),
            card,
            report,
            files,
        };
        if let Some(model) = models.get_mut(name.as_str()) {
            model.versions.push(version);
            continue;
        }
        let model = Model {
            serving: registry.production(&name).map_err(fault)?,
            history: registry.history(&name).map_err(fault)?,
            versions: vec![version],
        };
        models.insert(name.to_string(), model);
    }
    for model in models.values_mut() {
        model
            .versions
            .sort_by(|a, b| age(&b.name).cmp(&age(&a.name)));
    }
    Ok(models)
}

/// Whether a version can be part of an address as it is.
fn is_plain(version: &str) -> bool {
    !version.starts_with('.')
        && version
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// What versions are ordered by: the first number in them, then their letters.
fn age(version: &str) -> (u64, &str) {
    let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let number = digits[..end.unwrap_or(digits.len())].parse().unwrap_or(0);
    (number, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_is_newer_than_nine() {
        let mut versions = ["9", "v10", "10-b", "2", "draft"];
        versions.sort_by(|a, b| age(b).cmp(&age(a)));
        assert_eq!(versions, ["v10", "10-b", "9", "2", "draft"]);
    }

    #[test]
    fn a_card_may_say_little() {
        let card: Card = serde_json::from_str(r#"{"zone": "here", "new": 1}"#).unwrap();
        assert!(card.zone == "here" && card.cross_validation.is_none());
    }
}
