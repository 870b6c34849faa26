//! Plots as inline SVG: coloured by the page's style, described for those who cannot see them.

use std::fmt::Write as _;

/// Text that stays text wherever it stands in HTML or SVG.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

/// Where a line of text is held.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing of some width and height; a unit is about a CSS pixel on a phone.
pub(super) struct Drawing {
    id: &'static str,
    width: f64,
    height: f64,
    body: String,
}

// Writing to a string cannot fail.
impl Drawing {
    /// `id` is unique on the page.
    pub(super) fn new(id: &'static str, width: f64, height: f64) -> Self {
        Self {
            id,
            width,
            height,
            body: String::new(),
        }
    }

    pub(super) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ = writeln!(
            self.body,
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        );
    }

    pub(super) fn rect(&mut self, class: &str, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
        let _ = writeln!(
            self.body,
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        );
    }

    pub(super) fn dot(&mut self, class: &str, [x, y]: [f64; 2]) {
        let _ = writeln!(
            self.body,
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="4"/>"#
        );
    }

    pub(super) fn curve(&mut self, class: &str, points: impl Iterator<Item = [f64; 2]>) {
        let points: Vec<String> = points.map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.body,
            r#"<polyline class="{class}" points="{}"/>"#,
            points.join(" ")
        );
    }

    /// `y` is the baseline.
    pub(super) fn text(&mut self, class: &str, anchor: Anchor, [x, y]: [f64; 2], text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#,
            escape(text)
        );
    }

    /// The picture, with what it shows in words.
    pub(super) fn finish(self, title: &str, description: &str) -> String {
        let Self {
            id,
            width,
            height,
            body,
        } = self;
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n{body}</svg>\n",
            escape(title),
            escape(description)
        )
    }
}

/// A square in which both axes go from 0 to 1.
pub(super) struct Axes {
    left: f64,
    top: f64,
    size: f64,
}

impl Axes {
    pub(super) fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.left + x * self.size, self.top + (1.0 - y) * self.size]
    }

    pub(super) fn size(&self) -> f64 {
        self.size
    }

    /// Draws lines, ticks and names into a drawing that is at least 352 wide and high enough.
    pub(super) fn draw(drawing: &mut Drawing, x_name: &str, y_name: &str) -> Self {
        let axes = Self {
            left: 36.0,
            top: 22.0,
            size: 300.0,
        };
        for step in 0..=5 {
            let share = f64::from(step) / 5.0;
            let label = format!("{share:.1}");
            drawing.line("axis", axes.at(0.0, share), axes.at(1.0, share));
            drawing.line("axis", axes.at(share, 0.0), axes.at(share, 1.0));
            let [x, y] = axes.at(0.0, share);
            drawing.text("soft", Anchor::End, [x - 6.0, y + 4.0], &label);
            let [x, y] = axes.at(share, 0.0);
            drawing.text("soft", Anchor::Middle, [x, y + 16.0], &label);
        }
        drawing.text("soft", Anchor::Start, [0.0, 12.0], y_name);
        let [x, y] = axes.at(1.0, 0.0);
        drawing.text("soft", Anchor::End, [x, y + 34.0], x_name);
        axes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_page() {
        let mut drawing = Drawing::new("x", 10.0, 10.0);
        drawing.text("soft", Anchor::Start, [0.0, 0.0], "<script>&\"'");
        let svg = drawing.finish("a < b", "c & d");
        assert!(svg.contains("&lt;script&gt;&amp;&quot;&#39;"), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("c &amp; d"));
    }
}
