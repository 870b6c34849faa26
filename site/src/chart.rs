//! The area chart: hectares per class as bars, in SVG that needs no script and no inline style.

use std::fmt::Write as _;

use crate::html::escape;

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar<'a> {
    /// The class's name for people.
    pub(crate) title: &'a str,
    /// `#rrggbb`.
    pub(crate) color: &'a str,
    /// Its share of the whole, 0 to 100.
    pub(crate) percent: f64,
    /// What stands at the bar's end, with its unit.
    pub(crate) label: String,
}

const ROW: usize = 52;

/// Draws the bars below each other. `id` must be unique on the page; `title` names the chart for screen readers.
///
/// Widths are percentages of the picture's own width and text is in CSS pixels, so the chart fits a
/// phone and a wide screen without scaling its letters.
pub(crate) fn bars(id: &str, title: &str, bars: &[Bar<'_>]) -> String {
    let height = bars.len() * ROW;
    let mut told = String::new();
    for bar in bars {
        let _ = write!(told, "{}: {}. ", bar.title, bar.label);
    }
    let mut svg = format!(
        "<svg class=\"chart\" role=\"img\" width=\"100%\" height=\"{height}\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
        escape(title),
        escape(told.trim_end()),
    );
    for (row, bar) in bars.iter().enumerate() {
        let text = row * ROW + 18;
        let top = row * ROW + 27;
        let _ = write!(
            svg,
            "<text class=\"chart-name\" x=\"0\" y=\"{text}\">{}</text>\
             <text class=\"chart-value\" x=\"100%\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <rect class=\"chart-track\" x=\"0\" y=\"{top}\" width=\"100%\" height=\"12\" rx=\"3\"/>\
             <rect class=\"chart-bar\" x=\"0\" y=\"{top}\" width=\"{:.2}%\" height=\"12\" rx=\"3\" fill=\"{}\"/>",
            escape(bar.title),
            escape(&bar.label),
            bar.percent.clamp(0.0, 100.0),
            escape(bar.color),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// One bar cut into parts of the given colours and per cent, for a row of a list that names it; what it shows must
/// stand in a table beside it.
pub(crate) fn shares(parts: &[(String, f64)]) -> String {
    let mut svg =
        "<svg class=\"share\" width=\"100%\" height=\"20\" aria-hidden=\"true\">".to_owned();
    let mut x = 0.0;
    for (color, percent) in parts {
        let width = percent.clamp(0.0, 100.0);
        let _ = write!(
            svg,
            "<rect x=\"{x:.2}%\" width=\"{width:.2}%\" height=\"20\" fill=\"{}\"/>",
            escape(color)
        );
        x += width;
    }
    svg.push_str("</svg>");
    svg
}

/// One class through the years.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// The class's name for people.
    pub(crate) title: String,
    /// `#rrggbb`.
    pub(crate) color: String,
    /// Hectares of each year; none where it was not mapped.
    pub(crate) hectares: Vec<Option<f64>>,
}

/// The picture's height, and where its plot begins and ends, in CSS pixels.
const HEIGHT: f64 = 272.0;
const TOP: f64 = 26.0;
const FLOOR: f64 = 236.0;

/// Draws hectares over the years, a line a class. What it shows must stand in a table beside it.
///
/// As in [`bars`], places along the width are per cent and letters keep their size.
pub(crate) fn lines(id: &str, title: &str, years: &[&str], lines: &[Line]) -> String {
    let most = lines
        .iter()
        .flat_map(|line| line.hectares.iter().flatten())
        .fold(0.0, |most: f64, ha| most.max(*ha));
    let step = round_step(most / 4.0);
    let top = (most / step).ceil().max(1.0) * step;
    // The first year stands clear of the numbers, the last so far inside that its label fits.
    let x = |year: usize| match years.len() {
        0 | 1 => 50.0,
        count => 9.0 + 88.0 * year as f64 / (count - 1) as f64,
    };
    let y = |ha: f64| FLOOR - (FLOOR - TOP) * (ha / top).clamp(0.0, 1.0);
    let mut svg = format!(
        "<svg class=\"chart lines\" role=\"img\" width=\"100%\" height=\"{HEIGHT}\" aria-labelledby=\"{id}-title\">\
         <title id=\"{id}-title\">{}</title>",
        escape(title),
    );
    let mut at = 0.0;
    while at <= top + step / 2.0 {
        let (line, text) = (y(at), y(at) - 6.0);
        let _ = write!(
            svg,
            "<line class=\"chart-grid\" x1=\"0\" x2=\"100%\" y1=\"{line:.1}\" y2=\"{line:.1}\"/>\
             <text class=\"chart-tick\" x=\"0\" y=\"{text:.1}\">{}{}</text>",
            if at > 0.0 {
                crate::format::hectares(at)
            } else {
                "0".to_owned()
            },
            if at + step > top + step / 2.0 {
                " ha"
            } else {
                ""
            },
        );
        at += step;
    }
    for (year, name) in years.iter().enumerate() {
        let _ = write!(
            svg,
            "<text class=\"chart-tick{}\" x=\"{:.2}%\" y=\"260\" text-anchor=\"middle\">{}</text>",
            // On a phone there is room for every second year.
            if (years.len() - 1 - year).is_multiple_of(2) {
                ""
            } else {
                " chart-between"
            },
            x(year),
            escape(name),
        );
    }
    for line in lines {
        let points: Vec<(f64, f64)> = line
            .hectares
            .iter()
            .enumerate()
            .filter_map(|(year, ha)| Some((x(year), y((*ha)?))))
            .collect();
        let _ = write!(svg, "<g fill=\"{0}\" stroke=\"{0}\">", escape(&line.color));
        let _ = write!(svg, "<title>{}</title>", escape(&line.title));
        for two in points.windows(2) {
            let ((x1, y1), (x2, y2)) = (two[0], two[1]);
            let _ = write!(
                svg,
                "<line x1=\"{x1:.2}%\" y1=\"{y1:.1}\" x2=\"{x2:.2}%\" y2=\"{y2:.1}\"/>"
            );
        }
        for (x, y) in &points {
            let _ = write!(svg, "<circle cx=\"{x:.2}%\" cy=\"{y:.1}\" r=\"3.5\"/>");
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}

/// The next of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    if least <= 0.0 || !least.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_at_their_hectares() {
        let line = |title: &str, hectares| Line {
            title: title.to_owned(),
            color: "#419bdf".to_owned(),
            hectares,
        };
        let svg = lines(
            "h",
            "Hectares",
            &["2015", "2016", "2017"],
            &[
                line("Water", vec![Some(0.0), None, Some(400.0)]),
                line(
                    "Trees & shrubs",
                    vec![Some(100.0), Some(200.0), Some(100.0)],
                ),
            ],
        );
        // The largest value stands at the top, nothing on the floor, and a missing year leaves no dot.
        assert!(svg.contains("cx=\"97.00%\" cy=\"26.0\""), "{svg}");
        assert!(svg.contains("cx=\"9.00%\" cy=\"236.0\""), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 5);
        assert!(svg.contains("400 ha</text>") && svg.contains("Trees &amp; shrubs"));
    }

    #[test]
    fn steps_are_round() {
        for (least, step) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (1.2, 2.0),
            (260.0, 500.0),
            (700.0, 1000.0),
        ] {
            assert!((round_step(least) - step).abs() < 1e-9, "{least}");
        }
    }

    #[test]
    fn the_parts_of_a_bar_follow_one_another() {
        let svg = shares(&[("#112233".to_owned(), 30.0), ("#445566".to_owned(), 70.0)]);
        assert!(svg.contains("x=\"0.00%\" width=\"30.00%\""));
        assert!(svg.contains("x=\"30.00%\" width=\"70.00%\""));
        assert!(!svg.contains("style="), "the CSP refuses inline styles");
    }

    #[test]
    fn a_chart_tells_screen_readers_every_value() {
        let svg = bars(
            "c",
            "Area",
            &[Bar {
                title: "Maize & beans",
                color: "#aabbcc",
                percent: 25.0,
                label: "12.5 ha".to_owned(),
            }],
        );
        assert!(svg.contains("role=\"img\""));
        assert!(svg.contains("<desc id=\"c-desc\">Maize &amp; beans: 12.5 ha.</desc>"));
        assert!(svg.contains("width=\"25.00%\""));
        assert!(!svg.contains("style="), "the CSP refuses inline styles");
    }
}
