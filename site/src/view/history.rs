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
    /// Hectares through the years.
    chart: String,
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
    /// From the first year to the last, in hectares and per cent of the first.
    change: String,
    change_percent: String,
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

/// A change in hectares and per cent, with its sign; shares of next to nothing are not told.
fn change(from: f64, to: f64) -> (String, String) {
    let sign = |value: f64| match value {
        v if v > 0.0 => "+",
        v if v < 0.0 => "−",
        _ => "±",
    };
    let hectares = to - from;
    let percent = if from >= 1.0 {
        let share = 100.0 * hectares / from;
        format!("{}{}", sign(share), format::percent(share.abs()))
    } else {
        "–".to_owned()
    };
    (
        format!("{}{}", sign(hectares), format::hectares(hectares.abs())),
        percent,
    )
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
        let ends = [layers.last(), layers.first()]
            .map(|layer| layer.and_then(|layer| of(layer, class.value)));
        let (change, change_percent) = match ends {
            [Some(first), Some(last)] => change(first.hectares, last.hectares),
            _ => ("–".to_owned(), "–".to_owned()),
        };
        Row {
            title,
            color,
            hectares: layers.iter().rev().map(cell).collect(),
            change,
            change_percent,
        }
    });
    let periods: Vec<&str> = layers
        .iter()
        .rev()
        .map(|layer| layer.properties.period.as_str())
        .collect();
    let lines: Vec<chart::Line> = classes
        .iter()
        .map(|class| {
            let LegendEntry { title, color } = named(class);
            let hectares = |layer| of(layer, class.value).map(|c| c.hectares);
            chart::Line {
                title,
                color,
                hectares: layers.iter().rev().map(hectares).collect(),
            }
        })
        .collect();
    let id = format!("{}-lines", newest.anchor());
    let title = format!(
        "Hectares of each class of {}, {}",
        newest.recipe_title,
        span(layers)
    );
    Some(History {
        legend: classes.iter().map(|class| named(class)).collect(),
        chart: chart::lines(&id, &title, &periods, &lines),
        years: years.collect(),
        rows: rows.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_their_sign() {
        let text = |from, to| {
            let (hectares, percent) = change(from, to);
            format!("{hectares} ha, {percent}")
        };
        assert_eq!(text(200.0, 300.0), "+100 ha, +50.0 %");
        assert_eq!(text(200.0, 150.0), "−50.0 ha, −25.0 %");
        assert_eq!(text(0.0, 300.0), "+300 ha, –");
        assert_eq!(text(200.0, 200.0), "±0.0 ha, ±0.0 %");
    }
}
