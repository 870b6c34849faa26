//! From a version to the one that serves, or not: judged once, before it is in the store, and safe to be cut short anywhere.

use anyhow::Result;
use geocrop_model::Ensemble;
use geocrop_precompute::misfits;
use geocrop_store::Slug;
use geocrop_training::{
    Champion, Comparisons, HeldOut, Judgement, Part, Table, Trained, reasons_against,
};

use crate::commands::model::{House, change};
use crate::progress;

/// Who let it serve, for the history.
const BY: &str = "geocrop train";

/// What came of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The newest version learnt from the samples as they are, and nothing is left to do.
    Current,
    /// There is a model, and the store does not know it.
    Trained,
    /// It is in the store.
    Registered,
    /// It is in the store, and what served before goes on.
    Kept,
    /// It serves.
    Promoted,
}

impl Outcome {
    /// For programs.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Trained => "trained",
            Self::Registered => "registered",
            Self::Kept => "kept",
            Self::Promoted => "promoted",
        }
    }
}

/// Compares a model with the one that serves, on samples that neither had seen.
pub(super) fn judge(house: &House, trained: &Trained, table: &Table) -> Result<Judgement> {
    let card = &trained.card;
    let name: Slug = card.name.parse()?;
    let champion = house.production(&name)?;
    let (mut comparisons, mut against) = (None, Vec::new());
    if let Some(version) = &champion {
        match compare(house, &name, version, trained, (table, &card.data.parts())) {
            Ok(found) => comparisons = Some(found),
            Err(error) => against.push(format!(
                "it cannot be compared with {version}, which serves: {error:#}"
            )),
        }
    }
    let model = Ensemble::from_slice(&trained.model_json)?;
    let misfits = misfits(&house.recipes(), name.as_str(), &model);
    let on_all = comparisons.as_ref().map(|found| &found.all);
    against.extend(reasons_against(card, on_all, &misfits));
    Ok(Judgement::new(champion, comparisons, against))
}

fn compare(
    house: &House,
    name: &Slug,
    version: &str,
    trained: &Trained,
    (table, parts): (&Table, &[Part]),
) -> Result<Comparisons> {
    let held_out: Option<HeldOut> = house.parsed(name, version, "held-out.json")?;
    let champion = Champion {
        model: &house.trees(name, version)?,
        card: &house.card(name, version)?,
        held_out: held_out.as_ref(),
    };
    Ok(champion.against(&trained.held_out, table, parts)?)
}

/// Lets a version serve if its judgement says so and still holds.
pub(super) fn promote(
    house: &House,
    name: &Slug,
    version: &str,
    judgement: &Judgement,
) -> Result<Outcome> {
    let serves = house.production(name)?;
    if serves.as_deref() == Some(version) {
        return Ok(Outcome::Current);
    }
    let kept = |why: &str| {
        let what = match &serves {
            Some(serves) => format!("kept {name}/{serves}"),
            None => format!("no version of {name} serves"),
        };
        progress::line(&format!("{what}: {version} does not serve, because {why}"));
        Ok(Outcome::Kept)
    };
    if !judgement.against.is_empty() {
        return kept(&judgement.against.join("; "));
    }
    if serves != judgement.champion {
        let champion = judgement.champion.as_deref().unwrap_or("none");
        return kept(&format!(
            "it was compared with the version that served then ({champion}); 'geocrop model promote {name} {version}' decides anew"
        ));
    }
    let by = (BY, judgement.verdict(), false);
    progress::line(&change(house, name, serves, version, by)?);
    Ok(Outcome::Promoted)
}

/// Where the newest version has learnt from the samples as they are: finishes a promotion that was cut short, or finds
/// nothing to do. What somebody has taken back stays so.
pub(super) fn go_on(house: &House, name: &Slug, version: &str, promotes: bool) -> Result<Outcome> {
    if promotes
        && let Some(judgement) = house.parsed::<Judgement>(name, version, "judgement.json")?
        && judgement.against.is_empty()
    {
        let serves = house.production(name)?;
        let history = house.registry.history(name)?;
        // The history is written before the alias: as its last entry the version was about to serve.
        let taken_back = history.iter().any(|change| change.to == version)
            && history.last().is_some_and(|change| change.to != version);
        if serves.as_deref() != Some(version) && serves == judgement.champion && !taken_back {
            return promote(house, name, version, &judgement);
        }
    }
    progress::line(&format!(
        "{name}/{version} learnt from the samples as they are: nothing to do"
    ));
    Ok(Outcome::Current)
}
