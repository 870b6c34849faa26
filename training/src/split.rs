//! How samples are split so that a model is tested on what it has not seen.

use crate::folds::{self, NO_COORDINATES};
use crate::options::SplitBy;
use crate::{Table, TrainingError};

/// Rows that follow one another and stay together where nothing else says what belongs together.
const RUN: usize = 25;

/// Which sample is held out in which fold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    pub(crate) fold: Vec<usize>,
    pub(crate) folds: usize,
    /// What stays together; the unit of the bootstrap too.
    pub(crate) groups: Option<Vec<u64>>,
    /// For people.
    pub(crate) scheme: String,
    /// What to mind when the scores are read.
    pub(crate) caution: Option<String>,
}

impl Split {
    /// Splits by what the table knows: polygons before blocks of land before single samples.
    pub(crate) fn of(
        table: &Table,
        by: SplitBy,
        folds: usize,
        seed: u64,
    ) -> Result<Self, TrainingError> {
        let by = match by {
            SplitBy::Best if table.groups.is_some() => SplitBy::Groups,
            SplitBy::Best if table.places.is_some() => SplitBy::Blocks(None),
            SplitBy::Best => SplitBy::Samples,
            by => by,
        };
        match by {
            SplitBy::Groups => {
                let groups = table.groups.clone().ok_or(TrainingError::CannotSplit {
                    by: "groups",
                    needed: "a column `group`",
                })?;
                let mut known = groups.clone();
                known.sort_unstable();
                known.dedup();
                Ok(Self {
                    fold: folds::grouped(&table.labels, &groups, folds, seed)?,
                    folds,
                    scheme: format!(
                        "{folds} folds of {} groups (polygons); the samples of a group are never on both sides",
                        known.len()
                    ),
                    groups: Some(groups),
                    caution: None,
                })
            }
            SplitBy::Blocks(side_km) => {
                let places = table.places.as_ref().ok_or(TrainingError::CannotSplit {
                    by: "blocks of land",
                    needed: "columns `lon` and `lat`",
                })?;
                let lon: Vec<f64> = places.iter().map(|place| place[0]).collect();
                let lat: Vec<f64> = places.iter().map(|place| place[1]).collect();
                let spatial = folds::spatial(&table.labels, &lon, &lat, side_km, folds, seed)?;
                Ok(Self {
                    fold: spatial.fold,
                    folds,
                    scheme: format!(
                        "{folds} folds of {} blocks of land, {} km wide; a model is tested away from where it learnt",
                        spatial.blocks, spatial.side_km
                    ),
                    groups: Some(spatial.block),
                    caution: None,
                })
            }
            SplitBy::Samples | SplitBy::Best => Ok(Self {
                fold: folds::stratified(&table.labels, folds, seed)?,
                folds,
                groups: None,
                scheme: format!(
                    "{folds} folds, stratified by class and otherwise random; each predicted by a model of the others"
                ),
                caution: Some(if table.places.is_none() && table.groups.is_none() {
                    NO_COORDINATES.to_owned()
                } else {
                    "Samples were split at random although it is known where they lie: neighbours fall on both sides \
                     of a split, and the scores are optimistic."
                        .to_owned()
                }),
            }),
        }
    }

    /// A second split, away from known places, where the first holds out single samples although the table's order
    /// follows the land.
    pub(crate) fn away(table: &Table, first: &Self, folds: usize, seed: u64) -> Option<Self> {
        match first.groups {
            Some(_) => None,
            None => Self::of_runs(table, folds, seed),
        }
    }

    /// Folds of runs of rows that follow one another, where neighbouring rows resemble one another: then the order of the
    /// table follows the land, and this is nearer to how a model does at new places than single rows are.
    pub(crate) fn of_runs(table: &Table, folds: usize, seed: u64) -> Option<Self> {
        let pairs = table.labels.windows(2).filter(|pair| pair[0] == pair[1]);
        let same = pairs.count() as f64 / (table.rows.max(2) - 1) as f64;
        let shares = table
            .class_rows()
            .into_iter()
            .map(|rows| rows as f64 / table.rows as f64);
        let chance: f64 = shares.map(|share| share * share).sum();
        // Three standard deviations of a share of so many pairs.
        let noise = 3.0 * (chance * (1.0 - chance) / table.rows as f64).sqrt();
        if same <= chance + noise {
            return None;
        }
        let groups: Vec<u64> = (0..table.rows).map(|row| (row / RUN) as u64).collect();
        let fold = folds::grouped(&table.labels, &groups, folds, seed).ok()?;
        Some(Self {
            fold,
            folds,
            groups: Some(groups),
            scheme: format!(
                "{folds} folds of runs of {RUN} consecutive rows: {:.0} % of neighbouring rows share their class, {:.0} % would \
                 by chance, so the order of the table follows the land",
                100.0 * same,
                100.0 * chance
            ),
            caution: None,
        })
    }

    /// The rows that are held out in a fold, or those that are not. No row is held out in the fold after the last.
    pub(crate) fn rows(&self, fold: usize, held_out: bool) -> Vec<usize> {
        (0..self.fold.len())
            .filter(|row| (self.fold[*row] == fold) == held_out)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Source;

    fn table(groups: Option<Vec<u64>>, places: Option<Vec<[f64; 2]>>) -> Table {
        Table {
            names: vec!["a".to_owned()],
            rows: 40,
            values: vec![0.0; 40],
            labels: (0..40).map(|row| row % 2).collect(),
            groups,
            weights: None,
            places,
            source: Source {
                name: "t".to_owned(),
                sha256: String::new(),
            },
        }
    }

    #[test]
    fn polygons_go_before_blocks_of_land_and_these_before_single_samples() {
        let groups: Vec<u64> = (0..40).map(|row| row / 4).collect();
        let places: Vec<[f64; 2]> = (0..40).map(|row| [30.0 + f64::from(row), -17.0]).collect();
        let of = |groups: Option<&Vec<u64>>, places: Option<&Vec<[f64; 2]>>, by| {
            Split::of(&table(groups.cloned(), places.cloned()), by, 4, 1)
        };
        let both = of(Some(&groups), Some(&places), SplitBy::Best).unwrap();
        assert!(
            both.scheme.contains("10 groups") && both.caution.is_none(),
            "{both:?}"
        );
        let placed = of(None, Some(&places), SplitBy::Best).unwrap();
        assert!(
            placed.scheme.contains("blocks of land"),
            "{}",
            placed.scheme
        );
        assert!(placed.groups.is_some());
        let bare = of(None, None, SplitBy::Best).unwrap();
        assert_eq!(bare.caution.as_deref(), Some(NO_COORDINATES));
        let careless = of(Some(&groups), None, SplitBy::Samples).unwrap();
        assert!(careless.caution.unwrap().contains("although it is known"));
        for (by, needed) in [
            (SplitBy::Groups, "`group`"),
            (SplitBy::Blocks(None), "`lon`"),
        ] {
            let error = of(None, None, by).unwrap_err().to_string();
            assert!(error.contains(needed), "{error}");
        }
    }

    #[test]
    fn rows_that_follow_the_land_are_held_out_in_runs_and_shuffled_ones_are_not() {
        let mut land = table(None, None);
        land.rows = 400;
        land.labels = (0..400).map(|row| u32::from(row / 10 % 2 == 0)).collect();
        let runs = Split::of_runs(&land, 4, 1).unwrap();
        assert!(runs.scheme.contains("follows the land"), "{}", runs.scheme);
        for run in runs.fold.chunks(RUN) {
            assert!(run.iter().all(|fold| *fold == run[0]));
        }
        // Neighbours differ more than by chance, or as chance has it.
        assert_eq!(Split::of_runs(&table(None, None), 4, 1), None);
        land.labels = (0..400)
            .map(|row: u32| row.wrapping_mul(2_654_435_761) >> 31)
            .collect();
        assert_eq!(Split::of_runs(&land, 4, 1), None);
    }

    #[test]
    fn nothing_is_held_out_after_the_last_fold() {
        let split = Split::of(&table(None, None), SplitBy::Best, 4, 1).unwrap();
        assert_eq!(split.rows(4, false).len(), 40);
        assert!(split.rows(4, true).is_empty());
        assert_eq!(split.rows(0, true).len() + split.rows(0, false).len(), 40);
    }
}
