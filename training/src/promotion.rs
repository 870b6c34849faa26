//! Whether a model may serve.

use crate::Card;
use crate::evaluate::{Comparison, Verdict};

/// What speaks against letting a model serve, in words; nothing if all is well.
///
/// `comparison` is with the model that serves now, on samples that neither had seen; there is none if no model serves.
/// `missing_features` are those that a recipe of the model does not make.
pub fn reasons_against(
    card: &Card,
    comparison: Option<&Comparison>,
    missing_features: &[String],
) -> Vec<String> {
    let mut reasons = Vec::new();
    let missing = card.missing();
    if !missing.is_empty() {
        reasons.push(format!(
            "its card does not say {}; complete it (`geocrop train --about FILE`)",
            missing.join(", ")
        ));
    }
    if !missing_features.is_empty() {
        reasons.push(format!(
            "features that it needs are not made: {}",
            missing_features.join("; ")
        ));
    }
    if let Some(comparison) = comparison.filter(|comparison| comparison.verdict == Verdict::Worse) {
        let worse = comparison
            .differences
            .iter()
            .filter(|difference| difference.decides && difference.verdict == Verdict::Worse)
            .map(|difference| {
                format!(
                    "{} {:.4} instead of {:.4} ({:+.4}, 95 % interval {:+.4} to {:+.4})",
                    difference.figure,
                    difference.challenger,
                    difference.champion,
                    difference.difference.value,
                    difference.difference.low,
                    difference.difference.high,
                )
            })
            .collect::<Vec<_>>();
        reasons.push(format!("it is worse beyond noise: {}", worse.join(", ")));
    }
    reasons
}
