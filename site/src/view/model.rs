//! The pages of models: their list, which version serves, and each version with its files.

mod card;

use serde::Serialize;

use super::Files;
use crate::format;
use crate::models::{Card, Model, Models, Version};
use card::CardView;

/// A model in the list of all.
#[derive(Debug, Serialize)]
pub(crate) struct ModelRow {
    address: String,
    name: String,
    /// The version that serves; none if none does.
    version: Option<String>,
    zone: String,
    accuracy: String,
    /// What the accuracy is of, where it is not of a cross-validation.
    of: String,
    new_places: String,
}

/// The page of a model or of one of its versions.
#[derive(Debug, Serialize)]
pub(crate) struct ModelPage {
    pub(crate) address: String,
    pub(crate) title: String,
    pub(crate) description: String,
    /// The page of all models, if there is one.
    list: Option<String>,
    name: String,
    home: String,
    version: Option<String>,
    /// What to mind: that another version serves, or none.
    notice: Option<Notice>,
    serves: bool,
    card: Option<CardView>,
    downloads: Vec<Download>,
    versions: Vec<VersionRow>,
    history: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Notice {
    text: String,
    href: Option<String>,
}

#[derive(Debug, Serialize)]
struct Download {
    title: &'static str,
    hint: &'static str,
    href: String,
    size: Option<String>,
}

#[derive(Debug, Serialize)]
struct VersionRow {
    name: String,
    address: String,
    serves: bool,
    here: bool,
    accuracy: String,
    samples: String,
}

#[derive(Debug, Serialize)]
struct Change {
    day: String,
    from: String,
    to: String,
    by: String,
    why: String,
    forced: bool,
}

impl ModelPage {
    /// Whether this is the model's own page, and not that of one of its versions.
    pub(crate) fn is_home(&self) -> bool {
        self.address == self.home
    }
}

/// The address of a model's page.
pub(crate) fn model_address(name: &str) -> String {
    format!("/models/{name}/")
}

/// The address of the card of one version, whichever serves.
pub(crate) fn version_address(name: &str, version: &str) -> String {
    format!("/models/{name}/{version}/")
}

/// The address of a version's report.
pub(crate) fn report_address(name: &str, version: &str) -> String {
    format!("/models/{name}/{version}/report.html")
}

/// The list of models.
pub(crate) fn model_rows(models: &Models) -> Vec<ModelRow> {
    models
        .iter()
        .map(|(name, model)| {
            let card = model.served().and_then(|version| version.card.as_ref());
            let scores = card.and_then(|card| card.cross_validation.as_ref());
            let stated = card.and_then(|card| card.evaluation.first());
            let of = match (scores, stated) {
                (None, Some(stated)) => stated.figure.clone(),
                _ => String::new(),
            };
            ModelRow {
                address: model_address(name),
                name: name.clone(),
                version: model.serving.clone(),
                zone: card.map_or_else(String::new, |card| card.zone.clone()),
                accuracy: accuracy(card),
                of,
                new_places: scores
                    .and_then(|scores| scores.new_places.as_ref())
                    .map_or_else(dash, |away| share(away.accuracy.value)),
            }
        })
        .collect()
}

/// The page of the version that serves, and after it that of each version.
pub(crate) fn model_pages(
    name: &str,
    model: &Model,
    files: &Files,
    store_href: &str,
    list: Option<&str>,
) -> Vec<ModelPage> {
    let page = |version: Option<&Version>, own: bool| {
        let card = version.and_then(|version| version.card.as_ref());
        let serves = version.is_some_and(|v| model.serving.as_ref() == Some(&v.name));
        let shown = version.filter(|_| own).map(|version| &version.name);
        let intended = card.map(|card| card.intended_use.clone());
        ModelPage {
            address: shown.map_or_else(|| model_address(name), |v| version_address(name, v)),
            title: shown.map_or_else(|| name.to_owned(), |v| format!("{name}, version {v}")),
            description: intended
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| format!("The model {name} and its versions.")),
            list: list.map(str::to_owned),
            name: name.to_owned(),
            home: model_address(name),
            version: version.map(|version| version.name.clone()),
            notice: notice(name, model, version),
            serves,
            card: card.map(CardView::of),
            downloads: version.map_or_else(Vec::new, |v| downloads(name, v, files, store_href)),
            versions: versions(name, model, version),
            // What was decided about a model stands once, at its own address.
            history: if own { Vec::new() } else { history(model) },
        }
    };
    let served = page(model.served(), false);
    let each = model
        .versions
        .iter()
        .map(|version| page(Some(version), true));
    std::iter::once(served).chain(each).collect()
}

fn notice(name: &str, model: &Model, version: Option<&Version>) -> Option<Notice> {
    let said = |text: String, href: Option<String>| Some(Notice { text, href });
    match (&model.serving, version) {
        (None, _) => said("No version of this model serves yet.".to_owned(), None),
        (Some(serving), Some(version)) if version.name == *serving => {
            if version.card.is_some() {
                return None;
            }
            let text = "This version came without a card: nothing says what it may be used for.";
            said(text.to_owned(), None)
        }
        (Some(serving), _) => {
            let there = model.served().map(|_| model_address(name));
            let away = if there.is_none() {
                ", but its files are not in this store"
            } else {
                ""
            };
            said(format!("Version {serving} serves{away}."), there)
        }
    }
}

fn versions(name: &str, model: &Model, here: Option<&Version>) -> Vec<VersionRow> {
    model
        .versions
        .iter()
        .map(|version| VersionRow {
            name: version.name.clone(),
            address: version_address(name, &version.name),
            serves: model.serving.as_ref() == Some(&version.name),
            here: here.is_some_and(|here| here.name == version.name),
            accuracy: accuracy(version.card.as_ref()),
            samples: version
                .card
                .as_ref()
                .and_then(|card| card.data.rows)
                .map_or_else(dash, format::count),
        })
        .collect()
}

fn history(model: &Model) -> Vec<Change> {
    model
        .history
        .iter()
        .rev()
        .map(|change| Change {
            day: format::day(&change.at).to_owned(),
            from: change.from.clone().unwrap_or_else(dash),
            to: change.to.clone(),
            by: change.by.clone(),
            why: change.why.clone(),
            forced: change.forced,
        })
        .collect()
}

fn downloads(name: &str, version: &Version, files: &Files, store_href: &str) -> Vec<Download> {
    const STORED: [(&str, &str, &str); 6] = [
        ("model.json", "Model", "JSON, what predicts"),
        ("card.json", "Card", "JSON, what this page says"),
        ("report.json", "Report", "JSON, its figures"),
        (
            "held-out.json",
            "Held-out predictions",
            "JSON, what it said of samples it had not seen",
        ),
        (
            "applicability.json",
            "Applicability",
            "JSON, which features are like its samples",
        ),
        (
            "population.json",
            "Population",
            "JSON, what its samples are like",
        ),
    ];
    let report = version.report.is_some().then(|| Download {
        title: "Report",
        hint: "a page with every plot",
        href: report_address(name, &version.name),
        size: None,
    });
    let stored = STORED.iter().filter_map(|(file, title, hint)| {
        let key = version
            .files
            .iter()
            .find(|key| key.rsplit('/').next() == Some(file))?;
        Some(Download {
            title,
            hint,
            href: format!("{store_href}{key}"),
            size: files.sizes.get(key).map(|size| format::bytes(*size)),
        })
    });
    report.into_iter().chain(stored).collect()
}

/// How often a model is right, by its cross-validation or else by what others state first.
fn accuracy(card: Option<&Card>) -> String {
    let scores = card.and_then(|card| card.cross_validation.as_ref());
    let stated = card.and_then(|card| card.evaluation.first());
    match (scores, stated) {
        (Some(scores), _) => share(scores.accuracy.value),
        (None, Some(stated)) => stated.value.clone(),
        (None, None) => dash(),
    }
}

fn share(value: f64) -> String {
    format::ratio(Some(value))
}

fn dash() -> String {
    "–".to_owned()
}
