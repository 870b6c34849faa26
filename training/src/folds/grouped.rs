//! Folds that never split a group: the samples of one polygon, field or block stay together.

use std::collections::BTreeMap;

use super::check;
use crate::TrainingError;
use geocrop_model::random::SplitMix64;

/// What keeps samples together, for messages.
pub(super) struct Words {
    pub(super) groups: String,
    pub(super) remedy: &'static str,
}

/// The fold of each sample, 0 to `folds` - 1, such that samples with the same number in `groups`
/// are in the same fold and every fold gets about the same share of each class. The same seed deals
/// the same folds on every machine.
///
/// Groups are dealt greedily, the largest first, each to the fold where the shares of the classes
/// stay most even: an exact split would be a bin-packing problem.
///
/// # Errors
/// When there are fewer groups than folds, or all groups of a class fall into one fold.
pub fn grouped(
    labels: &[u32],
    groups: &[u64],
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, TrainingError> {
    let words = Words {
        groups: "groups".to_owned(),
        remedy: "add samples from elsewhere or use fewer folds",
    };
    deal(labels, groups, folds, seed, &words)
}

pub(super) fn deal(
    labels: &[u32],
    groups: &[u64],
    folds: usize,
    seed: u64,
    words: &Words,
) -> Result<Vec<usize>, TrainingError> {
    check(folds)?;
    if groups.len() != labels.len() {
        return Err(TrainingError::Lengths {
            what: "group numbers",
            found: groups.len(),
            samples: labels.len(),
        });
    }
    let counted = count(labels, groups);
    if counted.len() < folds {
        return Err(TrainingError::TooFewGroups {
            groups: words.groups.clone(),
            found: counted.len(),
            folds,
            remedy: words.remedy,
        });
    }
    let fold_of = assign(&counted, folds, seed);
    let fold: Vec<usize> = groups.iter().map(|group| fold_of[group]).collect();
    every_class_can_be_learnt(labels, &fold, &counted, words)?;
    Ok(fold)
}

/// Samples per class in each group.
type Counted = BTreeMap<u64, Vec<u32>>;

fn count(labels: &[u32], groups: &[u64]) -> Counted {
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    let mut counted = Counted::new();
    for (label, group) in labels.iter().zip(groups) {
        counted.entry(*group).or_insert_with(|| vec![0; classes])[*label as usize] += 1;
    }
    counted
}

fn assign(counted: &Counted, folds: usize, seed: u64) -> BTreeMap<u64, usize> {
    let mut order: Vec<(u64, &Vec<u32>)> = counted
        .iter()
        .map(|(group, counts)| (*group, counts))
        .collect();
    // The sort is stable: groups of one size stay in random order.
    SplitMix64::new(seed).shuffle(&mut order);
    order.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u32>()));

    let classes = order.first().map_or(0, |(_, counts)| counts.len());
    let totals: Vec<f64> = (0..classes)
        .map(|class| {
            counted
                .values()
                .map(|counts| f64::from(counts[class]))
                .sum::<f64>()
                .max(1.0)
        })
        .collect();
    let mut shares = vec![vec![0.0; classes]; folds];
    let mut groups_in = vec![0_usize; folds];
    let mut fold_of = BTreeMap::new();
    for (group, counts) in order {
        let added: Vec<f64> = counts
            .iter()
            .zip(&totals)
            .map(|(count, total)| f64::from(*count) / total)
            .collect();
        // Adding a to a share s raises the sum of squares by 2as + a²; a² is the same everywhere.
        let cost = |fold: usize| -> f64 {
            let pairs = added.iter().zip(&shares[fold]);
            pairs.map(|(added, share)| added * share).sum()
        };
        let best = (0..folds)
            .min_by(|a, b| {
                cost(*a)
                    .total_cmp(&cost(*b))
                    .then(groups_in[*a].cmp(&groups_in[*b]))
            })
            .unwrap_or(0);
        for (share, added) in shares[best].iter_mut().zip(&added) {
            *share += added;
        }
        groups_in[best] += 1;
        fold_of.insert(group, best);
    }
    fold_of
}

fn every_class_can_be_learnt(
    labels: &[u32],
    fold: &[usize],
    counted: &Counted,
    words: &Words,
) -> Result<(), TrainingError> {
    let mut first: BTreeMap<u32, (usize, bool)> = BTreeMap::new();
    for (label, fold) in labels.iter().zip(fold) {
        let (home, alone) = first.entry(*label).or_insert((*fold, true));
        *alone &= home == fold;
    }
    match first.into_iter().find(|(_, (_, alone))| *alone) {
        None => Ok(()),
        Some((class, _)) => Err(TrainingError::ClassInOneFold {
            class,
            found: counted
                .values()
                .filter(|counts| counts[class as usize] > 0)
                .count(),
            groups: words.groups.clone(),
            remedy: words.remedy,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of 1 to 9 samples; a quarter of the groups are mostly of class 1.
    fn samples() -> (Vec<u32>, Vec<u64>) {
        let mut random = SplitMix64::new(9);
        let (mut labels, mut groups) = (Vec::new(), Vec::new());
        for group in 0..120 {
            for _ in 0..=random.below(9) {
                let rare = random.below(10) < if group % 4 == 0 { 8 } else { 1 };
                labels.push(u32::from(rare));
                groups.push(group * 1000);
            }
        }
        (labels, groups)
    }

    #[test]
    fn a_group_is_never_on_both_sides_of_a_split() {
        let (labels, groups) = samples();
        let fold = grouped(&labels, &groups, 5, 1).unwrap();
        let mut home = BTreeMap::new();
        for (group, fold) in groups.iter().zip(&fold) {
            assert_eq!(home.entry(group).or_insert(fold), &fold, "group {group}");
        }
        assert_eq!(grouped(&labels, &groups, 5, 1).unwrap(), fold);
        assert_ne!(grouped(&labels, &groups, 5, 2).unwrap(), fold);
    }

    #[test]
    fn every_fold_gets_about_its_share_of_each_class() {
        let (labels, groups) = samples();
        let fold = grouped(&labels, &groups, 5, 1).unwrap();
        for class in [0, 1] {
            let of_class = labels.iter().filter(|label| **label == class).count() as f64;
            for k in 0..5 {
                let rows = fold.iter().zip(&labels);
                let found = rows
                    .filter(|(fold, label)| **fold == k && **label == class)
                    .count() as f64;
                assert!(
                    (found / of_class - 0.2).abs() < 0.03,
                    "class {class}, fold {k}: {found} of {of_class}"
                );
            }
        }
    }

    #[test]
    fn too_few_groups_are_refused_with_what_to_try() {
        let error = grouped(&[0, 1, 0, 1], &[1, 1, 2, 2], 3, 1).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("2 groups, fewer than the 3 folds"),
            "{error}"
        );
        let error = grouped(&[0, 1, 0, 0], &[1, 2, 3, 4], 2, 1).unwrap_err();
        assert!(
            matches!(
                error,
                TrainingError::ClassInOneFold {
                    class: 1,
                    found: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("use fewer folds"), "{error}");
    }
}
