//! The plots of a report.

use super::Report;
use super::svg::{Anchor, Axes, Drawing};
use crate::evaluate::Figure;
use crate::importance::Importance;

/// Features that are drawn; the table has all.
const FEATURES: usize = 20;

/// Predicted against found, with counts below.
pub(super) fn reliability(report: &Report) -> String {
    let bins = &report.evaluation.reliability;
    let mut drawing = Drawing::new("reliability", 352.0, 440.0);
    let axes = Axes::draw(&mut drawing, report.score_name(), "found");
    drawing.line("guide", axes.at(0.0, 0.0), axes.at(1.0, 1.0));
    for bin in bins {
        drawing.line(
            "whisker",
            axes.at(bin.predicted, bin.found.low),
            axes.at(bin.predicted, bin.found.high),
        );
    }
    let points = bins
        .iter()
        .map(|bin| axes.at(bin.predicted, bin.found.value));
    drawing.curve("curve", points);
    for bin in bins {
        drawing.dot("dot", axes.at(bin.predicted, bin.found.value));
    }
    // Samples of each bin, as bars below the square.
    let highest = bins.iter().map(|bin| bin.samples).max().unwrap_or(1) as f64;
    let (floor, height) = (436.0, 56.0);
    for bin in bins {
        let [left, _] = axes.at(bin.from, 0.0);
        let tall = height * bin.samples as f64 / highest;
        let width = axes.size() * (bin.to - bin.from) - 2.0;
        drawing.rect("count", [left + 1.0, floor - tall], [width, tall]);
    }
    drawing.text(
        "soft",
        Anchor::Start,
        [0.0, floor - height - 4.0],
        "samples",
    );
    let worst = bins.iter().max_by(|a, b| {
        let far = |bin: &crate::evaluate::ReliabilityBin| (bin.predicted - bin.found.value).abs();
        far(a).total_cmp(&far(b))
    });
    let description = worst.map_or_else(String::new, |bin| {
        format!(
            "A curve on the dashed diagonal is perfect. It is farthest from it where {:.2} was predicted \
             and {:.2} found, in {} samples.",
            bin.predicted, bin.found.value, bin.samples
        )
    });
    drawing.finish("Reliability curve", &description)
}

/// How many are found against how many are taken for them.
pub(super) fn roc(report: &Report) -> String {
    let curves = &report.evaluation.roc;
    let legend = if curves.len() > 1 {
        18.0 * curves.len() as f64
    } else {
        0.0
    };
    let mut drawing = Drawing::new("roc", 352.0, 372.0 + legend);
    let axes = Axes::draw(
        &mut drawing,
        "share of the others taken for it",
        "share of the class found",
    );
    drawing.line("guide", axes.at(0.0, 0.0), axes.at(1.0, 1.0));
    // In turn; the legend names them, the table has their figures.
    let styles = [
        "curve",
        "curve second dashed",
        "curve third",
        "curve dashed",
        "curve second",
        "curve third dashed",
    ];
    for ((curve, style), row) in curves.iter().zip(styles.into_iter().cycle()).zip(1..) {
        drawing.curve(style, curve.points.iter().map(|[x, y]| axes.at(*x, *y)));
        if curves.len() > 1 {
            let y = 362.0 + 18.0 * f64::from(row);
            drawing.curve(style, [[36.0, y - 4.0], [66.0, y - 4.0]].into_iter());
            drawing.text("", Anchor::Start, [74.0, y], &report.class(curve.class));
        }
    }
    let description = report.evaluation.auc.as_ref().map_or_else(
        || "Only one class occurs.".to_owned(),
        |auc| {
            format!(
                "The area under the curve is {:.3}; the dashed diagonal would be guessing.",
                auc.value
            )
        },
    );
    drawing.finish("ROC curve", &description)
}

/// How scores are spread, by truth.
pub(super) fn scores(report: &Report) -> String {
    let bars = &report.evaluation.scores;
    let mut drawing = Drawing::new("scores", 352.0, 250.0);
    let highest = bars
        .iter()
        .map(|bar| bar.hits + bar.misses)
        .max()
        .unwrap_or(1);
    let (left, floor, height) = (8.0, 196.0, 160.0);
    let width = 336.0 / bars.len().max(1) as f64;
    for (place, bar) in bars.iter().enumerate() {
        let x = left + width * place as f64 + 0.5;
        let tall = |count: usize| height * count as f64 / highest.max(1) as f64;
        let (hits, misses) = (tall(bar.hits), tall(bar.misses));
        drawing.rect("bar", [x, floor - hits], [width - 1.0, hits]);
        drawing.rect(
            "bar other",
            [x, floor - hits - misses],
            [width - 1.0, misses],
        );
    }
    drawing.line("axis", [left, floor], [344.0, floor]);
    for step in 0..=5 {
        let share = f64::from(step) / 5.0;
        let x = left + 336.0 * share;
        let anchor = match step {
            0 => Anchor::Start,
            5 => Anchor::End,
            _ => Anchor::Middle,
        };
        drawing.text("soft", anchor, [x, floor + 16.0], &format!("{share:.1}"));
    }
    drawing.text(
        "soft",
        Anchor::End,
        [344.0, floor + 32.0],
        report.score_name(),
    );
    let (hit, miss) = report.score_words();
    drawing.rect("bar", [left, 8.0], [10.0, 10.0]);
    drawing.text("", Anchor::Start, [left + 16.0, 17.0], &hit);
    drawing.rect("bar other", [left + 168.0, 8.0], [10.0, 10.0]);
    drawing.text("", Anchor::Start, [left + 184.0, 17.0], &miss);
    let description = format!(
        "Stacked bars of 0.05 each; the tallest has {highest} samples. Where the two mix, the model cannot \
         tell them apart."
    );
    drawing.finish("Spread of the scores", &description)
}

/// The accuracies of each class with their intervals.
pub(super) fn classes(report: &Report) -> String {
    let classes = &report.evaluation.classes;
    let block = 84.0;
    let mut drawing = Drawing::new("classes", 352.0, 26.0 + block * classes.len() as f64);
    let (left, width) = (80.0, 200.0);
    let x = |share: f64| left + width * share;
    let bottom = block * classes.len() as f64 + 4.0;
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        drawing.line("axis", [x(share), 20.0], [x(share), bottom]);
        drawing.text(
            "soft",
            Anchor::Middle,
            [x(share), bottom + 16.0],
            &format!("{share:.2}"),
        );
    }
    for (place, class) in classes.iter().enumerate() {
        let top = block * place as f64;
        drawing.text(
            "strong",
            Anchor::Start,
            [0.0, top + 14.0],
            &report.class(class.class),
        );
        let rows: [(&str, &Option<Figure>); 3] = [
            ("user's", &class.users_accuracy),
            ("producer's", &class.producers_accuracy),
            ("F1", &class.f1),
        ];
        for ((name, figure), row) in rows.into_iter().zip(1..) {
            let y = top + 14.0 + 20.0 * f64::from(row);
            drawing.text("soft", Anchor::Start, [0.0, y + 4.0], name);
            let value = match figure {
                Some(figure) => {
                    drawing.line("whisker", [x(figure.low), y], [x(figure.high), y]);
                    drawing.dot("dot", [x(figure.value), y]);
                    format!("{:.3}", figure.value)
                }
                None => "none".to_owned(),
            };
            drawing.text("", Anchor::End, [348.0, y + 4.0], &value);
        }
    }
    let description = "Dots are the figures of the table below, lines their 95 % intervals.";
    drawing.finish("Accuracy of each class", description)
}

/// What the model loses without each feature, the most important first.
pub(super) fn importance(sorted: &[&Importance]) -> String {
    let shown = &sorted[..sorted.len().min(FEATURES)];
    let mut drawing = Drawing::new("importance", 352.0, 22.0 * shown.len() as f64 + 4.0);
    let (left, width) = (118.0, 168.0);
    let reach = shown
        .iter()
        .map(|feature| feature.auc.mean + feature.auc.sd)
        .fold(1e-9, f64::max);
    let x = |loss: f64| left + width * (loss / reach).max(0.0);
    for (place, feature) in shown.iter().enumerate() {
        let middle = 22.0 * place as f64 + 13.0;
        let loss = feature.auc;
        drawing.text(
            "",
            Anchor::End,
            [left - 6.0, middle + 4.0],
            &short(&feature.feature),
        );
        drawing.rect("bar", [left, middle - 7.0], [x(loss.mean) - left, 14.0]);
        drawing.line(
            "whisker",
            [x(loss.mean - loss.sd), middle],
            [x(loss.mean + loss.sd), middle],
        );
        drawing.text(
            "soft",
            Anchor::End,
            [348.0, middle + 4.0],
            &format!("{:.4}", loss.mean),
        );
    }
    let description = shown.first().map_or_else(String::new, |first| {
        format!(
            "The longest bar is {}: without it the area under the ROC curve falls by {:.4}.",
            first.feature, first.auc.mean
        )
    });
    drawing.finish("Importance of the features", &description)
}

/// What fits beside a bar; the table has the whole name.
fn short(name: &str) -> String {
    const FITS: usize = 15;
    if name.chars().count() <= FITS {
        return name.to_owned();
    }
    let start: String = name.chars().take(FITS - 1).collect();
    format!("{start}\u{2026}")
}
