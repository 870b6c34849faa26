//! Looking for better settings of the boosted trees: random ones, halved again and again.
//!
//! Bergstra and Bengio, "Random search for hyper-parameter optimization" (2012); Jamieson and Talwalkar, "Non-stochastic
//! best arm identification and hyperparameter optimization" (2016). The search sees the rows that a model may learn from
//! and no others, so scores of a searched model are as honest as those of any.

use rayon::prelude::*;

use crate::plan::{Kind, MemberPlan, Plan};
use crate::{TrainingError, folds};
use geocrop_model::random::SplitMix64;

/// Each time, so large a part of the settings goes on, with as many times the rounds.
const HALVING: usize = 2;
/// The part of the rows that settings are judged by: one of so many.
const PARTS: usize = 4;

type Fit<'f> = &'f (dyn Fn(&MemberPlan, &[usize], u64) -> Result<Vec<u8>, TrainingError> + Sync);
type Loss<'l> = &'l (dyn Fn(&[u8], &[usize]) -> Result<f64, TrainingError> + Sync);

/// How many models a search trains.
pub(crate) fn runs(tried: usize) -> usize {
    let mut left = tried;
    let mut runs = 0;
    while left > 1 {
        runs += left;
        left = left.div_ceil(HALVING);
    }
    runs
}

/// The plan with the best settings found, for all its boosted members. The plan's own settings are among those tried.
pub(crate) fn search(
    plan: &Plan,
    tried: usize,
    (labels, rows): (&[u32], &[usize]),
    seed: u64,
    fit: Fit<'_>,
    loss: Loss<'_>,
) -> Result<Plan, TrainingError> {
    let Some(own) = plan
        .members
        .iter()
        .find(|member| member.kind == Kind::Boosted)
    else {
        return Ok(plan.clone());
    };
    let of_rows: Vec<u32> = rows.iter().map(|row| labels[*row]).collect();
    let part = folds::stratified(&of_rows, PARTS, seed)?;
    let side = |held_out: bool| -> Vec<usize> {
        let pairs = rows.iter().zip(&part);
        pairs
            .filter(|(_, part)| (**part == 0) == held_out)
            .map(|(row, _)| *row)
            .collect()
    };
    let (learnt, judged) = (side(false), side(true));

    let mut random = SplitMix64::stream(seed, 1);
    let mut left = vec![own.clone()];
    while left.len() < tried {
        left.push(draw(own, &mut random));
    }
    let mut rungs = 0;
    let mut count = left.len();
    while count > 1 {
        count = count.div_ceil(HALVING);
        rungs += 1;
    }
    for rung in 1..=rungs {
        let share = HALVING.pow(rungs - rung);
        let mut judged: Vec<(f64, MemberPlan)> = left
            .into_par_iter()
            .map(|settings| {
                let short = MemberPlan {
                    rounds: (settings.rounds / share).max(1),
                    // Fewer rounds want larger steps.
                    learning_rate: (settings.learning_rate * share as f64).min(0.3),
                    ..settings.clone()
                };
                let model = fit(&short, &learnt, seed)?;
                Ok((loss(&model, &judged)?, settings))
            })
            .collect::<Result<_, TrainingError>>()?;
        judged.sort_by(|a, b| a.0.total_cmp(&b.0));
        judged.truncate(judged.len().div_ceil(HALVING));
        left = judged.into_iter().map(|(_, settings)| settings).collect();
    }
    let mut found = plan.clone();
    let best = &left[0];
    for member in &mut found.members {
        if member.kind == Kind::Boosted {
            member.depth = best.depth;
            member.learning_rate = best.learning_rate;
            member.subsample = best.subsample;
            member.colsample_bytree = best.colsample_bytree;
            member.min_child_weight = best.min_child_weight;
            member.lambda = best.lambda;
        }
    }
    Ok(found)
}

/// Other settings with the rounds of these.
fn draw(own: &MemberPlan, random: &mut SplitMix64) -> MemberPlan {
    let mut pick = |choices: &[f64]| choices[random.below(choices.len())];
    MemberPlan {
        depth: pick(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0]) as usize,
        learning_rate: own.learning_rate * pick(&[0.4, 0.6, 0.8, 1.0, 1.5]),
        subsample: pick(&[0.5, 0.65, 0.8, 1.0]),
        colsample_bytree: pick(&[0.2, 0.3, 0.5, 0.8, 1.0]),
        min_child_weight: pick(&[0.5, 1.0, 2.0, 4.0, 8.0]),
        lambda: pick(&[0.5, 1.0, 3.0, 10.0]),
        ..own.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_settings_win_by_the_loss_they_leave() {
        let plan = Plan::known("plain").unwrap();
        let labels: Vec<u32> = (0..80).map(|row| row % 2).collect();
        let rows: Vec<usize> = (0..80).collect();
        // Made-up models whose file is their depth, judged by how far it is from 4.
        let fit: Fit<'_> = &|member, learnt, _| {
            assert_eq!(learnt.len(), 60);
            Ok(vec![member.depth as u8])
        };
        let loss: Loss<'_> = &|model, judged| {
            assert_eq!(judged.len(), 20);
            Ok((f64::from(model[0]) - 4.0).abs())
        };
        let found = search(&plan, 32, (&labels, &rows), 1, fit, loss).unwrap();
        assert_eq!(found.members[0].depth, 4);
        assert_eq!(found.members[0].rounds, plan.members[0].rounds);
        assert_eq!(
            found,
            search(&plan, 32, (&labels, &rows), 1, fit, loss).unwrap()
        );
        // One setting is the plan's own.
        assert_eq!(
            search(&plan, 1, (&labels, &rows), 1, fit, loss).unwrap(),
            plan
        );
    }

    #[test]
    fn halving_counts_every_model() {
        assert_eq!(
            (runs(0), runs(1), runs(2), runs(8), runs(5)),
            (0, 0, 2, 14, 10)
        );
    }
}
