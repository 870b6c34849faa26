//! The area chart: hectares per class as bars, in SVG that needs no script and no inline style.

use std::fmt::Write as _;

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

/// Escapes text for HTML and SVG, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
