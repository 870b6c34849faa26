//! The reliability plot: how often a prediction came true, against how likely the model said it was.

use std::fmt::Write as _;

use crate::format;
use crate::html::escape;
use crate::models::Bin;

/// The picture's height, and where its plot begins and ends, in CSS pixels.
const HEIGHT: f64 = 348.0;
const TOP: f64 = 26.0;
const FLOOR: f64 = 296.0;
/// Where the plot begins and ends, in per cent of the width.
const LEFT: f64 = 12.0;
const RIGHT: f64 = 97.0;

/// Draws the bins of one or two evaluations, each with a name for people. `id` must be unique on the page.
///
/// As in [`crate::chart`], places along the width are per cent and letters keep their size. What it shows stands in its
/// description too.
pub(crate) fn plot(id: &str, title: &str, series: &[(&str, &[Bin])]) -> String {
    let x = |p: f64| LEFT + (RIGHT - LEFT) * p.clamp(0.0, 1.0);
    let y = |p: f64| FLOOR - (FLOOR - TOP) * p.clamp(0.0, 1.0);
    let mut told = String::new();
    for (name, bins) in series {
        let _ = write!(told, "{name}: ");
        for bin in *bins {
            let _ = write!(
                told,
                "said {}, came true {}. ",
                format::ratio(Some(bin.predicted)),
                format::ratio(Some(bin.found.value))
            );
        }
    }
    let mut svg = format!(
        "<svg class=\"chart reliability\" role=\"img\" width=\"100%\" height=\"{HEIGHT}\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
        escape(title),
        escape(told.trim_end()),
    );
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (line, text) = (y(share), y(share) + 4.5);
        let percent = 100.0 * share;
        let _ = write!(
            svg,
            "<line class=\"chart-grid\" x1=\"{LEFT}%\" x2=\"{RIGHT}%\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
             <text class=\"chart-tick\" x=\"{:.1}%\" y=\"{text:.1}\" text-anchor=\"end\">{percent:.0} %</text>\
             <text class=\"chart-tick\" x=\"{:.2}%\" y=\"{:.1}\" text-anchor=\"middle\">{percent:.0} %</text>",
            LEFT - 1.5,
            x(share),
            FLOOR + 22.0,
        );
    }
    let _ = write!(
        svg,
        "<text class=\"chart-tick\" x=\"0\" y=\"12\">came true</text>\
         <text class=\"chart-tick\" x=\"{RIGHT}%\" y=\"{:.1}\" text-anchor=\"end\">the model said</text>\
         <line class=\"chart-ideal\" x1=\"{:.2}%\" y1=\"{:.1}\" x2=\"{:.2}%\" y2=\"{:.1}\"/>",
        FLOOR + 44.0,
        x(0.0),
        y(0.0),
        x(1.0),
        y(1.0),
    );
    for (place, (name, bins)) in series.iter().enumerate() {
        let _ = write!(
            svg,
            "<g class=\"chart-series-{place}\"><title>{}</title>",
            escape(name)
        );
        for bin in *bins {
            let (at, found) = (x(bin.predicted), bin.found);
            let _ = write!(
                svg,
                "<line x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
                 <circle cx=\"{at:.2}%\" cy=\"{:.1}\" r=\"4.5\"><title>{}: said {}, came true {} ({} to {}), {} samples</title></circle>",
                y(found.low),
                y(found.high),
                y(found.value),
                escape(name),
                format::ratio(Some(bin.predicted)),
                format::ratio(Some(found.value)),
                format::ratio(Some(found.low)),
                format::ratio(Some(found.high)),
                format::count(bin.samples),
            );
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Figure;

    #[test]
    fn a_prediction_that_came_true_as_often_as_said_stands_on_the_diagonal() {
        let found = Figure {
            value: 0.5,
            low: 0.25,
            high: 0.75,
        };
        let bins = [Bin {
            samples: 1200,
            predicted: 0.5,
            found,
        }];
        let svg = plot("r", "Reliability", &[("Here & there", &bins)]);
        // Half way from left to right, and half way from the floor to the top.
        assert!(svg.contains("cx=\"54.50%\" cy=\"161.0\""), "{svg}");
        assert!(svg.contains("y1=\"228.5\" y2=\"93.5\""), "{svg}");
        assert!(svg.contains(
            "Here &amp; there: said 50.0 %, came true 50.0 % (25.0 % to 75.0 %), 1,200 samples"
        ));
        assert!(!svg.contains("style="), "the CSP refuses inline styles");
    }
}
