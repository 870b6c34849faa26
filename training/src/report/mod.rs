//! A report on a model: one HTML file that needs nothing else, and the same as JSON.
//!
//! [`Report`] holds everything that is shown, so that `serde_json` makes the JSON and
//! [`Report::html`] the page. The page has no scripts and loads nothing. It follows the reader's
//! light or dark scheme, fits a phone, and every plot has a description and a table.

mod of;
mod plots;
mod svg;
mod tables;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::evaluate::{Comparison, Evaluation, Figure};
use crate::importance::Importance;
use geocrop_assessment::AreaEstimate;
use geocrop_model::drift::Drift;
use svg::escape;

const STYLE: &str = include_str!("style.css");

/// What is reported about a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The model's name and version.
    pub title: String,
    /// What the model is for, in a sentence or two.
    pub summary: String,
    /// What a reader must know before believing the figures, one sentence or two each; for samples
    /// without coordinates, [`crate::folds::NO_COORDINATES`].
    pub warnings: Vec<String>,
    /// What else there is to say: name and value, like `Samples` and `1,203 of 2019`.
    pub facts: Vec<(String, String)>,
    /// Names of the classes; a class without a name is shown by its number.
    pub classes: Vec<String>,
    /// How good the model is on samples it had not seen.
    pub evaluation: Evaluation,
    /// How much it needs each feature, in any order; may be empty.
    pub importance: Vec<Importance>,
    /// How it compares with the model in use.
    pub comparison: Option<Comparison>,
    /// What points that were drawn from a map of it say.
    pub area: Option<AreaEstimate>,
    /// How much new imagery differs from the samples; may be empty.
    pub drift: Vec<Drift>,
}

impl Report {
    /// The page.
    pub fn html(&self) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p>{}</p>\n",
            escape(&self.summary),
            title = escape(&self.title),
        );
        // Writing to a string cannot fail.
        for warning in &self.warnings {
            let _ = writeln!(page, "<p class=\"warning\">{}</p>", escape(warning));
        }
        page.push_str(&self.tiles());
        page.push_str(&self.facts());
        page.push_str("<div class=\"grid\">\n");
        for part in self.parts() {
            page.push_str(&part);
        }
        page.push_str("</div>\n");
        page.push_str(&self.tables());
        let _ = writeln!(page, "<p class=\"soft\">{}</p>", escape(&self.method()));
        page.push_str("</main>\n</body>\n</html>\n");
        page
    }

    /// The name of a class.
    fn class(&self, class: u32) -> String {
        let name = self.classes.get(class as usize);
        name.cloned().unwrap_or_else(|| format!("class {class}"))
    }

    fn two_classes(&self) -> bool {
        self.evaluation.classes.len() == 2
    }

    /// What the calibrated score is.
    fn score_name(&self) -> &'static str {
        if self.two_classes() {
            "predicted probability of class 1"
        } else {
            "predicted probability of the chosen class"
        }
    }

    /// What the two colours of the histogram are.
    fn score_words(&self) -> (String, String) {
        if self.two_classes() {
            (self.class(1), self.class(0))
        } else {
            ("right".to_owned(), "wrong".to_owned())
        }
    }

    fn tiles(&self) -> String {
        let evaluation = &self.evaluation;
        let figures: [(&str, Option<&Figure>); 6] = [
            ("Accuracy", Some(&evaluation.accuracy)),
            ("Balanced accuracy", Some(&evaluation.balanced_accuracy)),
            ("F1", Some(&evaluation.f1)),
            ("Area under ROC", evaluation.auc.as_ref()),
            ("Brier score (lower is better)", Some(&evaluation.brier)),
            ("Calibration error", Some(&evaluation.calibration_error)),
        ];
        let mut out = String::from("<dl class=\"tiles\">\n");
        for (name, figure) in figures {
            let (value, range) = figure.map_or_else(
                || ("none".to_owned(), String::new()),
                |figure| (format!("{:.3}", figure.value), tables::range(figure)),
            );
            let _ = writeln!(
                out,
                "<div class=\"tile\"><dt>{name}</dt><dd class=\"value\">{value}</dd><dd class=\"range\">{range}</dd></div>"
            );
        }
        out.push_str("</dl>\n");
        out
    }

    fn facts(&self) -> String {
        if self.facts.is_empty() {
            return String::new();
        }
        let mut out = String::from(
            "<section class=\"wide\"><h2>About the model</h2>\n<div class=\"scroll\"><table class=\"facts\"><tbody>\n",
        );
        for (name, value) in &self.facts {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                escape(name),
                escape(value)
            );
        }
        out.push_str("</tbody></table></div></section>\n");
        out
    }

    /// The plots, each with its table.
    fn parts(&self) -> Vec<String> {
        let mut parts = vec![
            part(
                "Each class",
                "User's accuracy: of what is called a class, the share that is. Producer's: of what is a \
                 class, the share that is called so.",
                &plots::classes(self),
                &tables::classes(self),
            ),
            format!(
                "<section><h2>Confusion</h2>\n<p class=\"soft\">Rows are the truth, columns the prediction; \
                 shares are of the row.</p>\n{}</section>\n",
                tables::confusion(self)
            ),
            part(
                "Reliability",
                "Of all samples that were given a probability, how many it came true for.",
                &plots::reliability(self),
                &tables::reliability(self),
            ),
            part(
                "ROC curve",
                "What finding more of a class costs in false alarms.",
                &plots::roc(self),
                &tables::roc(self),
            ),
            part(
                "Scores",
                "How sure the model is.",
                &plots::scores(self),
                &tables::scores(self),
            ),
        ];
        if !self.importance.is_empty() {
            let mut sorted: Vec<&Importance> = self.importance.iter().collect();
            sorted.sort_by(|a, b| b.auc.mean.total_cmp(&a.auc.mean));
            parts.push(part(
                "Importance",
                "How far the area under the ROC curve falls when a feature is shuffled. Features that say \
                 the same share it.",
                &plots::importance(&sorted),
                &tables::importance(&sorted),
            ));
        }
        parts
    }

    /// What has no plot.
    fn tables(&self) -> String {
        let mut out = String::new();
        let mut section = |title: &str, text: &str, table: &str| {
            let _ = writeln!(
                out,
                "<section class=\"wide\"><h2>{title}</h2>\n<p class=\"soft\">{}</p>\n{table}</section>",
                escape(text)
            );
        };
        if let Some(comparison) = &self.comparison {
            let text = format!(
                "Altogether this model is: {}. Both predicted the same {} samples.",
                comparison.verdict, comparison.samples
            );
            section(
                "Against the model in use",
                &text,
                &tables::comparison(comparison),
            );
        }
        if let Some(area) = &self.area {
            let overall = &area.overall_accuracy;
            let text = format!(
                "From {} points that were drawn at random from {}. {:.3} \u{b1} {:.3} of the map is right.",
                area.points,
                area.map,
                overall.value,
                overall.half_width()
            );
            section("Area", &text, &tables::area(area));
        }
        if !self.drift.is_empty() {
            let text = "How far new imagery is from the samples: below 0.1 is stable, above 0.25 is a \
                        large change.";
            section("Drift", text, &tables::drift(&self.drift));
        }
        if !self.evaluation.folds.is_empty() {
            section(
                "Folds",
                "Each predicted by a model of the others.",
                &tables::folds(self),
            );
        }
        out
    }

    fn method(&self) -> String {
        let evaluation = &self.evaluation;
        let resampling = evaluation.resampling;
        let drawn = evaluation.groups.map_or_else(
            || "single samples".to_owned(),
            |groups| format!("the {groups} groups that samples come in"),
        );
        let wilson = if evaluation.groups.is_none() && !evaluation.weighted {
            " Shares of samples have Wilson's interval."
        } else {
            ""
        };
        format!(
            "All intervals are 95 % intervals, from {} bootstrap replicates of {drawn} (seed {}).{wilson} The \
             figures are about {} samples that the model had not seen when it predicted them, not about \
             a map: for that, points must be drawn from the map.",
            resampling.replicates, resampling.seed, evaluation.samples
        )
    }
}

fn part(title: &str, text: &str, plot: &str, table: &str) -> String {
    format!(
        "<section><h2>{title}</h2>\n<p class=\"soft\">{}</p>\n{plot}<details><summary>{title} as a table</summary>\n{table}</details></section>\n",
        escape(text)
    )
}

#[cfg(test)]
mod tests;
