//! The report of a model from its card.

use super::Report;
use crate::Card;
use crate::evaluate::Evaluation;
use crate::importance::Importance;

impl Report {
    /// What a card says, with the figures and curves behind it.
    pub fn of(card: &Card, evaluation: &Evaluation, importance: &[Importance]) -> Self {
        let scores = card.cross_validation.as_ref();
        let caution = scores.and_then(|scores| scores.caution.clone());
        let mut warnings: Vec<String> = caution.into_iter().collect();
        if let Some(away) = scores.and_then(|scores| scores.new_places.as_ref()) {
            warnings.push(format!(
                "At new places expect less: accuracy {:.3}, F1 {:.3} ({}).",
                away.accuracy.value, away.f1.value, away.scheme
            ));
        }
        warnings.extend(card.limits.iter().cloned());
        let facts = facts(card).into_iter();
        // What is not known of a model that was trained elsewhere is left out.
        let facts = facts.filter(|(_, value)| !value.is_empty());
        Self {
            title: format!("{} {}", card.name, card.version),
            summary: card.intended_use.clone(),
            warnings,
            facts: facts
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            classes: card
                .data
                .classes
                .iter()
                .map(|class| class.name.clone())
                .collect(),
            evaluation: evaluation.clone(),
            importance: importance.to_vec(),
            comparison: None,
            area: None,
            drift: Vec::new(),
        }
    }
}

fn facts(card: &Card) -> [(&'static str, String); 8] {
    let members = card.training.iter().flat_map(|training| &training.members);
    let members: Vec<String> = members
        .map(|member| {
            format!(
                "{} of {} x {} trees, depth {}",
                member.name, member.seeds, member.rounds, member.depth
            )
        })
        .collect();
    let scores = card.cross_validation.as_ref();
    let weights = card.training.as_ref().and_then(|t| t.sample_weights);
    [
        ("Zone", card.zone.clone()),
        (
            "Samples",
            match card.data.rows {
                Some(rows) => format!("{rows} of {}", card.data.title),
                None => card.data.title.clone(),
            },
        ),
        (
            "Judged by",
            scores.map_or_else(String::new, |scores| scores.scheme.clone()),
        ),
        ("Models", members.join("; ")),
        (
            "Weights",
            weights.map_or_else(String::new, |[least, most]| {
                format!(
                    "samples count {least} to {most} in training, and one each in these figures"
                )
            }),
        ),
        (
            "Features",
            format!(
                "{}, and {} derived from them",
                card.features.len(),
                card.derived.len()
            ),
        ),
        ("Data", card.data.attribution.clone()),
        (
            "Made by",
            match &card.training {
                Some(_) => format!("{}, XGBoost {}", card.program, card.xgboost),
                None => format!("another program; taken in by {}", card.program),
            },
        ),
    ]
}
