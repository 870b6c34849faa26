//! The tables of a report, which are also the plots for those who cannot see them.

use std::fmt::Write as _;

use super::Report;
use super::svg::escape;
use crate::evaluate::{Comparison, Figure};
use crate::importance::Importance;
use geocrop_assessment::{AreaEstimate, ClassEstimate, Estimate};
use geocrop_model::drift::{Change, Drift};

/// A table from its header and rows. First column: what the row is about.
pub(super) fn table(caption: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\"><table><caption>{0}</caption><thead><tr>",
        escape(caption)
    );
    // Writing to a string cannot fail.
    for name in header {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(name));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, field) in row.iter().enumerate() {
            let _ = if column == 0 {
                write!(out, "<th scope=\"row\">{}</th>", escape(field))
            } else {
                write!(out, "<td>{}</td>", escape(field))
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

pub(super) fn range(figure: &Figure) -> String {
    format!("{:.3} to {:.3}", figure.low, figure.high)
}

fn with_range(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "none".to_owned(),
        |figure| format!("{:.3} ({})", figure.value, range(figure)),
    )
}

pub(super) fn classes(report: &Report) -> String {
    let row = |class: &crate::evaluate::ClassEvaluation| {
        vec![
            report.class(class.class),
            class.samples.to_string(),
            with_range(class.users_accuracy.as_ref()),
            with_range(class.producers_accuracy.as_ref()),
            with_range(class.f1.as_ref()),
            with_range(class.auc.as_ref()),
        ]
    };
    let rows: Vec<_> = report.evaluation.classes.iter().map(row).collect();
    let header = [
        "Class",
        "Samples",
        "User's accuracy",
        "Producer's accuracy",
        "F1",
        "AUC",
    ];
    table("Each class, with 95 % intervals", &header, &rows)
}

/// A heat map that is a table: shares of each true class, darker for more.
pub(super) fn confusion(report: &Report) -> String {
    let matrix = &report.evaluation.confusion;
    let mut out = String::from(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Confusion matrix\" tabindex=\"0\"><table class=\"confusion\">\
         <thead><tr><th scope=\"col\">Truth</th>",
    );
    for class in 0..matrix.len() {
        let _ = write!(
            out,
            "<th scope=\"col\">{}</th>",
            escape(&report.class(class as u32))
        );
    }
    out.push_str("</tr></thead><tbody>\n");
    for (truth, row) in matrix.iter().enumerate() {
        let name = report.class(truth as u32);
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(&name));
        let all: f64 = row.iter().sum();
        for (predicted, count) in row.iter().enumerate() {
            let share = if all > 0.0 { count / all } else { 0.0 };
            let kind = if truth == predicted { "right" } else { "wrong" };
            let shown = if report.evaluation.weighted {
                format!("{count:.1}")
            } else {
                format!("{count:.0}")
            };
            let _ = write!(
                out,
                "<td class=\"{kind}\" style=\"--share: {share:.3}\">{shown}<small>{:.0} %</small></td>",
                share * 100.0
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

pub(super) fn reliability(report: &Report) -> String {
    let row = |bin: &crate::evaluate::ReliabilityBin| {
        vec![
            format!("{:.1} to {:.1}", bin.from, bin.to),
            bin.samples.to_string(),
            format!("{:.3}", bin.predicted),
            with_range(Some(&bin.found)),
        ]
    };
    let rows: Vec<_> = report.evaluation.reliability.iter().map(row).collect();
    table(
        "Reliability",
        &["Score", "Samples", "Predicted", "Found"],
        &rows,
    )
}

pub(super) fn scores(report: &Report) -> String {
    let bars = &report.evaluation.scores;
    let (hit, miss) = report.score_words();
    let row = |(place, bar): (usize, &crate::evaluate::ScoreBin)| {
        let from = place as f64 / bars.len() as f64;
        let to = (place + 1) as f64 / bars.len() as f64;
        vec![
            format!("{from:.2} to {to:.2}"),
            bar.hits.to_string(),
            bar.misses.to_string(),
        ]
    };
    let rows: Vec<_> = bars.iter().enumerate().map(row).collect();
    table("Samples by score", &["Score", &hit, &miss], &rows)
}

pub(super) fn roc(report: &Report) -> String {
    let mut rows = Vec::new();
    for curve in &report.evaluation.roc {
        for step in 1..10 {
            let others = f64::from(step) / 10.0;
            // The curve is a staircase: the best that is reached up to here.
            let reached = curve.points.iter().take_while(|point| point[0] <= others);
            let found = reached.last().map_or(0.0, |point| point[1]);
            rows.push(vec![
                report.class(curve.class),
                format!("{others:.1}"),
                format!("{found:.3}"),
            ]);
        }
    }
    let header = ["Class", "Others taken for it", "Class found"];
    table("ROC curve, some points", &header, &rows)
}

pub(super) fn importance(sorted: &[&Importance]) -> String {
    let show = |loss: crate::importance::Loss| format!("{:.4} \u{b1} {:.4}", loss.mean, loss.sd);
    let row = |feature: &&Importance| {
        vec![
            feature.feature.clone(),
            show(feature.auc),
            show(feature.accuracy),
        ]
    };
    let rows: Vec<_> = sorted.iter().map(row).collect();
    let header = ["Feature", "AUC falls by", "Accuracy falls by"];
    table(
        "Loss when a feature is shuffled, \u{b1} standard deviation",
        &header,
        &rows,
    )
}

pub(super) fn folds(report: &Report) -> String {
    let row = |fold: &crate::evaluate::FoldEvaluation| {
        vec![
            (fold.fold + 1).to_string(),
            fold.samples.to_string(),
            format!("{:.3}", fold.accuracy),
            format!("{:.3}", fold.balanced_accuracy),
            format!("{:.3}", fold.f1),
            fold.auc
                .map_or_else(|| "none".to_owned(), |auc| format!("{auc:.3}")),
            format!("{:.3}", fold.brier),
        ]
    };
    let rows: Vec<_> = report.evaluation.folds.iter().map(row).collect();
    let header = [
        "Fold", "Samples", "Accuracy", "Balanced", "F1", "AUC", "Brier",
    ];
    table("Each fold by itself", &header, &rows)
}

pub(super) fn comparison(comparison: &Comparison) -> String {
    let row = |difference: &crate::evaluate::Difference| {
        vec![
            difference.figure.replace('_', " "),
            format!("{:.4}", difference.champion),
            format!("{:.4}", difference.challenger),
            format!(
                "{:+.4} ({:+.4} to {:+.4})",
                difference.difference.value, difference.difference.low, difference.difference.high
            ),
            difference.verdict.to_string(),
        ]
    };
    let rows: Vec<_> = comparison.differences.iter().map(row).collect();
    let header = [
        "Figure",
        "In use",
        "This model",
        "Difference",
        "This model is",
    ];
    table(
        "This model and the one in use, on the same samples",
        &header,
        &rows,
    )
}

pub(super) fn area(area: &AreaEstimate) -> String {
    let share = |estimate: Option<&Estimate>| {
        estimate.map_or_else(
            || "none".to_owned(),
            |estimate| format!("{:.3} \u{b1} {:.3}", estimate.value, estimate.half_width()),
        )
    };
    let row = |class: &ClassEstimate| {
        vec![
            class.name.clone(),
            share(class.users_accuracy.as_ref()),
            share(class.producers_accuracy.as_ref()),
        ]
    };
    let rows: Vec<_> = area.classes.iter().map(row).collect();
    let header = ["Class", "User's accuracy", "Producer's accuracy"];
    let sentence =
        |class: &ClassEstimate| format!("<li>{}: {}</li>\n", escape(&class.name), class.sentence());
    let sentences: String = area.classes.iter().map(sentence).collect();
    let accuracies = table(
        "Of the map, \u{b1} half of the 95 % interval",
        &header,
        &rows,
    );
    format!("<ul>\n{sentences}</ul>\n{accuracies}")
}

pub(super) fn drift(drifts: &[Drift]) -> String {
    let row = |drift: &Drift| {
        let change = match drift.change {
            Change::Stable => "stable",
            Change::Moderate => "moderate",
            Change::Large => "large",
        };
        vec![
            drift.feature.clone(),
            format!("{:.3}", drift.index),
            change.to_owned(),
            format!("{:.1} %", drift.missing_before * 100.0),
            format!("{:.1} %", drift.missing_now * 100.0),
        ]
    };
    let mut sorted: Vec<&Drift> = drifts.iter().collect();
    sorted.sort_by(|a, b| b.index.total_cmp(&a.index));
    let rows: Vec<_> = sorted.into_iter().map(row).collect();
    let header = [
        "Feature",
        "Index",
        "Change",
        "Missing before",
        "Missing now",
    ];
    table("Population stability", &header, &rows)
}
