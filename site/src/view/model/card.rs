//! A model's card in words, tables and a plot.

use serde::Serialize;
use serde_json::Value;

use super::super::layer::{Fact, fact};
use super::{dash, share};
use crate::format;
use crate::models::{Card, ClassFigures, CrossValidation, Figure, Training};
use crate::reliability;

#[derive(Debug, Serialize)]
pub(super) struct CardView {
    zone: String,
    limits: Vec<String>,
    figures: Vec<Fact>,
    /// The names of the evaluations, then their figures.
    evaluations: Vec<Evaluation>,
    figure_rows: Vec<FigureRow>,
    repeats: Option<String>,
    plot: Option<String>,
    statements: Vec<StatementRow>,
    data: Vec<TextFact>,
    class_rows: Vec<[String; 2]>,
    /// Whether anybody could count the samples of the classes.
    counted: bool,
    features: Vec<String>,
    derived: Vec<[String; 2]>,
    training: Vec<Fact>,
    members: Vec<String>,
    settings: Vec<SettingRow>,
}

#[derive(Debug, Serialize)]
struct Evaluation {
    title: &'static str,
    scheme: String,
    caution: Option<String>,
    labels: Vec<String>,
    per_class: Vec<[String; 5]>,
    confusion: Vec<ConfusionRow>,
}

#[derive(Debug, Serialize)]
struct ConfusionRow {
    title: String,
    cells: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FigureRow {
    title: &'static str,
    about: &'static str,
    cells: Vec<Cell>,
}

/// A figure and its interval.
#[derive(Debug, Serialize)]
struct Cell {
    value: String,
    interval: String,
}

#[derive(Debug, Serialize)]
struct StatementRow {
    figure: String,
    value: String,
    source: Vec<Piece>,
}

/// A named text, its addresses as links.
#[derive(Debug, Serialize)]
struct TextFact {
    name: &'static str,
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece {
    text: String,
    href: Option<String>,
}

#[derive(Debug, Serialize)]
struct SettingRow {
    name: String,
    values: Vec<String>,
}

impl CardView {
    /// The card of a version.
    pub(super) fn of(card: &Card) -> Self {
        let scores = card.cross_validation.as_ref();
        let away = scores.and_then(|scores| scores.new_places.as_deref());
        let named: Vec<(&'static str, &CrossValidation)> = scores
            .map(|scores| ("Withheld samples", scores))
            .into_iter()
            .chain(away.map(|away| ("New places", away)))
            .collect();
        let bins: Vec<_> = named
            .iter()
            .filter(|(_, scores)| !scores.reliability.is_empty())
            .map(|(name, scores)| (*name, scores.reliability.as_slice()))
            .collect();
        Self {
            zone: card.zone.clone(),
            limits: card.limits.clone(),
            figures: overview(card),
            evaluations: named
                .iter()
                .map(|(title, scores)| evaluation(title, scores, card))
                .collect(),
            figure_rows: figure_rows(&named),
            repeats: scores.and_then(repeats),
            plot: (!bins.is_empty()).then(|| {
                reliability::plot("reliability", "How often predictions came true", &bins)
            }),
            statements: card
                .evaluation
                .iter()
                .map(|stated| StatementRow {
                    figure: stated.figure.clone(),
                    value: stated.value.clone(),
                    source: pieces(&stated.source),
                })
                .collect(),
            data: data(card),
            class_rows: card
                .data
                .classes
                .iter()
                .map(|class| {
                    [
                        class.name.clone(),
                        class.rows.map_or_else(dash, format::count),
                    ]
                })
                .collect(),
            counted: card.data.classes.iter().any(|class| class.rows.is_some()),
            features: card.features.clone(),
            derived: card
                .derived
                .iter()
                .map(|derived| [derived.name.clone(), derived.expression.clone()])
                .collect(),
            training: training(card),
            members: members(card.training.as_ref()),
            settings: settings(card.training.as_ref()),
        }
    }
}

/// The figures at the top.
fn overview(card: &Card) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(scores) = &card.cross_validation {
        facts.push(fact(
            "Accuracy, withheld samples",
            share(scores.accuracy.value),
        ));
        if let Some(away) = &scores.new_places {
            facts.push(fact("Accuracy, new places", share(away.accuracy.value)));
        }
    }
    if let Some(rows) = card.data.rows {
        facts.push(fact("Samples", format::count(rows)));
    }
    facts.push(fact("Features", format::count(card.features.len() as u64)));
    if card.model.trees > 0 {
        facts.push(fact("Trees", format::count(card.model.trees)));
    }
    facts
}

/// A row of the table of figures: its name, what to know of it, whether it is a share, and where it stands in a card.
type Row = (
    &'static str,
    &'static str,
    bool,
    fn(&CrossValidation) -> Option<Figure>,
);

fn figure_rows(named: &[(&str, &CrossValidation)]) -> Vec<FigureRow> {
    const ROWS: [Row; 6] = [
        ("Accuracy", "the share of right predictions", true, |s| {
            Some(s.accuracy)
        }),
        (
            "Balanced accuracy",
            "the mean over classes of what was found",
            true,
            |s| s.balanced_accuracy,
        ),
        ("F1", "what was found, and rightly", false, |s| s.f1),
        ("AUC", "0.5 is guessing, 1 is perfect", false, |s| s.auc),
        ("Brier score", "lower is better", false, |s| s.brier),
        ("Calibration error", "lower is better", false, |s| {
            s.calibration_error
        }),
    ];
    ROWS.iter()
        .map(|(title, about, is_share, of)| FigureRow {
            title,
            about,
            cells: named
                .iter()
                .map(|(_, scores)| cell(of(scores), *is_share))
                .collect(),
        })
        .filter(|row| row.cells.iter().any(|cell| !cell.interval.is_empty()))
        .collect()
}

fn cell(figure: Option<Figure>, is_share: bool) -> Cell {
    let number = |value: f64| {
        if is_share {
            share(value)
        } else {
            format!("{value:.3}")
        }
    };
    match figure {
        Some(figure) => Cell {
            value: number(figure.value),
            interval: format!("{} to {}", number(figure.low), number(figure.high)),
        },
        None => Cell {
            value: dash(),
            interval: String::new(),
        },
    }
}

fn evaluation(title: &'static str, scores: &CrossValidation, card: &Card) -> Evaluation {
    let name = |class: usize| {
        let known = card.data.classes.iter().find(|c| c.class == class);
        known.map_or_else(|| format!("class {class}"), |c| c.name.clone())
    };
    let row = |class: &ClassFigures| {
        let text = |figure: Option<Figure>| figure.map_or_else(dash, |f| share(f.value));
        [
            name(class.class),
            format::count(class.samples),
            text(class.users_accuracy),
            text(class.producers_accuracy),
            text(class.f1),
        ]
    };
    Evaluation {
        title,
        scheme: scores.scheme.clone(),
        caution: scores.caution.clone(),
        labels: (0..scores.confusion.len()).map(name).collect(),
        per_class: scores.classes.iter().map(row).collect(),
        confusion: scores
            .confusion
            .iter()
            .enumerate()
            .map(|(class, row)| ConfusionRow {
                title: name(class),
                cells: row
                    .iter()
                    .map(|n| format::count(n.round() as u64))
                    .collect(),
            })
            .collect(),
    }
}

fn repeats(scores: &CrossValidation) -> Option<String> {
    let found = scores.repeats.iter().map(|repeat| repeat.accuracy);
    let (low, high) = found.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), a| {
        (low.min(a), high.max(a))
    });
    (scores.repeats.len() > 1).then(|| {
        format!(
            "With other folds each time, {} times in all, accuracy was between {} and {}.",
            scores.repeats.len(),
            share(low),
            share(high)
        )
    })
}

fn data(card: &Card) -> Vec<TextFact> {
    let data = &card.data;
    let sha256 = data.sha256.clone().unwrap_or_default();
    [
        ("Data", data.title.as_str()),
        ("Source", &data.source),
        ("Changes", &data.change),
        ("Licence", &data.licence),
        ("Attribution", &data.attribution),
        ("sha256", &sha256),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(name, text)| TextFact {
        name,
        pieces: pieces(text),
    })
    .collect()
}

fn training(card: &Card) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(training) = &card.training {
        facts.push(fact("Calibration", plain(&training.calibration)));
        facts.push(fact("Weights of classes", plain(&training.class_weights)));
        if let Some([least, most]) = training.sample_weights {
            facts.push(fact(
                "Weights of samples",
                format!("{least} to {most} in training, one each in the figures"),
            ));
        }
        if training.search > 0 {
            facts.push(fact("Settings tried", format::count(training.search)));
        }
        facts.push(fact("Seed", training.seed.to_string()));
    }
    if card.model.members > 0 {
        let voters = format::plural(card.model.members as usize, "model");
        let trees = format::plural(card.model.trees as usize, "tree");
        facts.push(fact("Who votes", format!("{voters}, {trees}")));
    }
    if !card.program.is_empty() {
        let with = match card.xgboost.as_str() {
            "" => String::new(),
            version => format!(", XGBoost {version}"),
        };
        facts.push(fact("Made by", format!("{}{with}", card.program)));
    }
    if !card.model.sha256.is_empty() {
        facts.push(Fact {
            name: "Model’s sha256",
            value: String::new(),
            code: Some(card.model.sha256.clone()),
            href: None,
        });
    }
    facts
}

fn members(training: Option<&Training>) -> Vec<String> {
    let members = training.iter().flat_map(|training| &training.members);
    members
        .map(|member| member.get("name").map_or_else(dash, plain))
        .collect()
}

/// The settings that any member has, by name.
fn settings(training: Option<&Training>) -> Vec<SettingRow> {
    let members = training.map_or(&[][..], |training| &training.members);
    let mut names: Vec<&String> = members.iter().flat_map(|member| member.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| *name != "name")
        .map(|name| SettingRow {
            name: name.replace('_', " "),
            values: members
                .iter()
                .map(|member| member.get(name).map_or_else(dash, plain))
                .collect(),
        })
        .collect()
}

/// A value of JSON as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::String(text) => text.replace('_', " "),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

/// A text with its web addresses set apart.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("https://") {
        let (before, from) = rest.split_at(start);
        let end = from.find(char::is_whitespace).unwrap_or(from.len());
        let address = from[..end].trim_end_matches(['.', ',', ';', ':', ')']);
        for (text, href) in [(before, None), (address, Some(address.to_owned()))] {
            if !text.is_empty() {
                let text = text.to_owned();
                pieces.push(Piece { text, href });
            }
        }
        rest = &from[address.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece {
            text: rest.to_owned(),
            href: None,
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_links_without_the_sentences_end() {
        let text = |text: &str| Piece {
            text: text.to_owned(),
            href: None,
        };
        let link = Piece {
            text: "https://example.org/a".to_owned(),
            href: Some("https://example.org/a".to_owned()),
        };
        assert_eq!(
            pieces("See https://example.org/a, and more."),
            [text("See "), link, text(", and more.")]
        );
        assert_eq!(pieces("plain"), [text("plain")]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn a_member_without_a_setting_shows_a_dash() {
        let training: Training = serde_json::from_str(
            r#"{"members": [{"name": "a", "depth": 6}, {"name": "b", "learning_rate": 0.1}]}"#,
        )
        .unwrap();
        let rows = settings(Some(&training));
        let shown: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.values.join(" ")))
            .collect();
        assert_eq!(
            shown,
            [
                ("depth", "6 –".to_owned()),
                ("learning rate", "– 0.1".to_owned())
            ]
        );
        assert_eq!(members(Some(&training)), ["a", "b"]);
    }
}
