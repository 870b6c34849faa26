//! A layer through the years: what changed, before the years one by one.

use serde::Serialize;

use super::layer::{self, LayerView};
use super::{Files, LegendEntry};
use crate::catalog::{ClassArea, Layer};
use crate::{chart, format};

/// A recipe's layers of an area, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    layers: Vec<LayerView>,
    /// The first and the last year, or the only one.
    span: String,
    earlier: String,
    /// Where there is more than one year, and classes to compare.
    history: Option<History>,
}

/// Several years side by side.
#[derive(Debug, Serialize)]
struct History {
    legend: Vec<LegendEntry>,
    /// Oldest first.
    years: Vec<Year>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Year {
    period: String,
    id: String,
    bar: String,
}

#[derive(Debug, Serialize)]
struct Row {
    title: String,
    color: String,
    hectares: Vec<String>,
}

/// Puts the layers of one recipe together; `layers` has them next to each other, the newest first.
pub(super) fn groups(layers: &[Layer], files: &Files, store_href: &str) -> Vec<Group> {
    layers
        .chunk_by(|a, b| a.properties.recipe == b.properties.recipe)
        .map(|same| Group {
            layers: same
                .iter()
                .map(|layer| layer::view(layer, files, store_href))
                .collect(),
            span: span(same),
            earlier: format::plural(same.len() - 1, "earlier year"),
            history: history(same),
        })
        .collect()
}

fn span(layers: &[Layer]) -> String {
    match layers {
        [newest, .., oldest] => format!(
            "{} to {}",
            oldest.properties.period, newest.properties.period
        ),
        _ => layers.iter().map(|l| l.properties.period.clone()).collect(),
    }
}

fn of(layer: &Layer, value: i64) -> Option<&ClassArea> {
    layer.stats.classes.iter().find(|c| c.value == value)
}

fn history(layers: &[Layer]) -> Option<History> {
    let [newest, _, ..] = layers else {
        return None;
    };
    // A class that never occurred says nothing.
    let classes: Vec<&ClassArea> = newest
        .stats
        .classes
        .iter()
        .filter(|class| {
            let area = |layer| of(layer, class.value).map_or(0.0, |c| c.hectares);
            layers.iter().any(|layer| area(layer) > 0.0)
        })
        .collect();
    if classes.is_empty() {
        return None;
    }
    let named = |class: &ClassArea| LegendEntry {
        title: layer::class_title(newest, class),
        color: layer::class_color(newest, class),
    };
    let years = layers.iter().rev().map(|layer| {
        let parts: Vec<(String, f64)> = classes
            .iter()
            .filter_map(|class| Some((named(class).color, of(layer, class.value)?.percent)))
            .collect();
        Year {
            period: layer.properties.period.clone(),
            id: layer.anchor(),
            bar: chart::shares(&parts),
        }
    });
    let rows = classes.iter().map(|class| {
        let LegendEntry { title, color } = named(class);
        let cell = |layer| {
            of(layer, class.value).map_or_else(|| "–".to_owned(), |c| format::hectares(c.hectares))
        };
        Row {
            title,
            color,
            hectares: layers.iter().rev().map(cell).collect(),
        }
    });
    Some(History {
        legend: classes.iter().map(|class| named(class)).collect(),
        years: years.collect(),
        rows: rows.collect(),
    })
}
