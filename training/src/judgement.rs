//! Whether a model of more samples is better than the one that serves.
//!
//! Samples arrive in batches, so the two learnt from different tables, and the cross-validation of one says nothing of the
//! other's. Both can still be asked about samples that neither had seen: of a batch that the champion learnt from, its own
//! cross-validation tells what it says of each row unseen; of a batch that is new to it, it is asked. The challenger's
//! cross-validation holds out every row of the table once.
//!
//! Whatever is not fair here favours the model that serves. It may have seen neighbours of a new row, and the challenger was
//! asked by models that learnt from a part of the samples.

use geocrop_model::{Ensemble, ModelError};
use serde::{Deserialize, Serialize};

use crate::evaluate::{Comparison, EvaluateError, Predictions, Resampling, Verdict, compare};
use crate::{Card, HeldOut, Part, Table, TrainingError};

/// What was found before a version was put into the store, kept beside it as `judgement.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The version that served then; none if none did.
    pub champion: Option<String>,
    /// Both on the same samples.
    pub comparison: Option<Comparison>,
    /// Both on those of them that are of batches which the champion learnt from, where there are others too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Comparison>,
    /// What speaks against letting it serve; nothing if it may.
    pub against: Vec<String>,
}

impl Judgement {
    /// A judgement by a rule that is stricter than that of a promotion by hand: every change of the model makes its maps
    /// again, so what nobody looks at must be clearly better, not only no worse. `against` is what
    /// [`reasons_against`](crate::reasons_against) found.
    pub fn new(
        champion: Option<String>,
        comparisons: Option<Comparisons>,
        mut against: Vec<String>,
    ) -> Self {
        let (comparison, known) = match comparisons {
            Some(found) => (Some(found.all), found.known),
            None => (None, None),
        };
        if let (Some(champion), Some(found)) = (&champion, &known)
            && found.verdict == Verdict::Worse
        {
            against.push(format!(
                "it is worse beyond noise on the {} samples of batches that {champion} knows: {}",
                found.samples,
                changes(found)
            ));
        }
        // What is worse is among the reasons already.
        if let (Some(champion), Some(found)) = (&champion, &comparison)
            && found.verdict != Verdict::Worse
            && !found.clearly_better
        {
            against.push(format!(
                "it is not better than {champion} beyond noise on {} samples: {}",
                found.samples,
                changes(found)
            ));
        }
        Self {
            champion,
            comparison,
            known,
            against,
        }
    }

    /// Why it may serve, for the history.
    pub fn verdict(&self) -> String {
        match (&self.champion, &self.comparison) {
            (Some(champion), Some(found)) => {
                format!(
                    "{} than {champion} on {} samples",
                    found.verdict, found.samples
                )
            }
            _ => "no version served before".to_owned(),
        }
    }
}

/// Two models on the same samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparisons {
    /// On all that neither had seen.
    pub all: Comparison,
    /// On those of batches that the champion learnt from, where there are others too.
    pub known: Option<Comparison>,
}

/// The figures that decide, as they changed.
fn changes(found: &Comparison) -> String {
    let deciding = found.differences.iter().filter(|one| one.decides);
    let words: Vec<String> = deciding
        .map(|one| {
            let change = &one.difference;
            format!(
                "{} {:+.4} ({:+.4} to {:+.4})",
                one.figure, change.value, change.low, change.high
            )
        })
        .collect();
    words.join(", ")
}

/// The model that serves, and what is known of it.
#[derive(Debug)]
pub struct Champion<'m> {
    /// The model.
    pub model: &'m Ensemble,
    /// Its card: what it learnt from.
    pub card: &'m Card,
    /// What its cross-validation said of these samples, if that was kept.
    pub held_out: Option<&'m HeldOut>,
}

/// Why two models cannot be asked about the same samples.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Incomparable {
    /// The table lacks features of the model that serves.
    #[error(transparent)]
    Columns(#[from] TrainingError),
    /// The model that serves cannot predict.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Batches and table are not of the same rows.
    #[error(
        "the batches have {batches} rows and the table {table}: it was read with some of them left out"
    )]
    Rows {
        /// Of all batches.
        batches: usize,
        /// Of the table.
        table: usize,
    },
    /// They tell other classes apart.
    #[error(
        "it tells {challenger} classes apart and the samples of the one that serves have {champion}"
    )]
    Classes {
        /// Of the model that serves.
        champion: usize,
        /// Of the other.
        challenger: usize,
    },
    /// The champion may have seen every row.
    #[error(
        "every batch is one that the model that serves learnt from in another form ({batches}): no sample is left that it has not seen"
    )]
    NothingUnseen {
        /// The batches.
        batches: String,
    },
    /// The predictions are none, or of other samples.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl Champion<'_> {
    /// Compares what both say of the rows of the challenger's table that neither had seen. `parts` are its batches in the
    /// order of its rows, `challenger` its cross-validation, a row of the table each.
    ///
    /// A batch that the champion learnt from under the same name with other content is left out: most of its rows may be
    /// the same.
    ///
    /// # Errors
    /// [`Incomparable`].
    pub fn against(
        &self,
        challenger: &Predictions,
        table: &Table,
        parts: &[Part],
    ) -> Result<Comparisons, Incomparable> {
        let classes = self.model.outputs().max(2);
        if classes != challenger.classes {
            return Err(Incomparable::Classes {
                champion: classes,
                challenger: challenger.classes,
            });
        }
        let batches = parts.iter().map(|part| part.rows).sum();
        if batches != table.rows {
            return Err(Incomparable::Rows {
                batches,
                table: table.rows,
            });
        }
        let known = self.card.data.parts();
        let mut said = self.ask(table, classes)?;
        let (mut rows, mut old) = (Vec::new(), Vec::new());
        let mut begins = 0;
        for part in parts {
            let here = begins..begins + part.rows;
            begins = here.end;
            let seen = known
                .iter()
                .any(|known| known.batch == part.batch || known.sha256 == part.sha256);
            if !seen {
                rows.extend(here);
            } else if let Some(kept) = self.kept(part, &challenger.truth[here.clone()]) {
                said.probabilities[here.start * classes..here.end * classes].copy_from_slice(&kept);
                old.extend(here.clone());
                rows.extend(here);
            }
        }
        if rows.is_empty() {
            let batches: Vec<&str> = parts.iter().map(|part| part.batch.as_str()).collect();
            return Err(Incomparable::NothingUnseen {
                batches: batches.join(", "),
            });
        }
        said.groups.clone_from(&challenger.groups);
        let on = |rows: &[usize]| {
            let (champion, challenger) = (of_rows(&said, rows), of_rows(challenger, rows));
            compare(&champion, &challenger, Resampling::default())
        };
        let mixed = !old.is_empty() && old.len() < rows.len();
        Ok(Comparisons {
            all: on(&rows)?,
            known: mixed.then(|| on(&old)).transpose()?,
        })
    }

    /// What it says of a table, seen or not.
    fn ask(&self, table: &Table, classes: usize) -> Result<Predictions, Incomparable> {
        let values = table.in_order(self.model.feature_names())?;
        let mut scores = vec![0.0; table.rows * self.model.outputs()];
        self.model.predict_rows_parallel(&values, &mut scores)?;
        let truth = table.labels.clone();
        Ok(if self.model.outputs() == 1 {
            Predictions::binary(truth, &scores)
        } else {
            Predictions::new(truth, scores, classes)
        })
    }

    /// What its cross-validation said of the very rows of a part.
    fn kept(&self, part: &Part, truth: &[u32]) -> Option<Vec<f32>> {
        let mut begins = 0;
        let known = self.card.data.parts();
        let known = known.iter().find_map(|known| {
            let here = begins..begins + known.rows;
            begins = here.end;
            (known.sha256 == part.sha256).then_some(here)
        })?;
        let kept = self.held_out?.predictions();
        if kept.truth.get(known.clone())? != truth {
            return None;
        }
        let classes = kept.classes;
        let said = kept
            .probabilities
            .get(known.start * classes..known.end * classes)?;
        Some(said.to_vec())
    }
}

/// Some of the samples.
fn of_rows(all: &Predictions, rows: &[usize]) -> Predictions {
    let classes = all.classes;
    let of_row = |row: &usize| &all.probabilities[row * classes..(row + 1) * classes];
    let groups = all.groups.as_ref();
    Predictions {
        truth: rows.iter().map(|row| all.truth[*row]).collect(),
        probabilities: rows.iter().flat_map(of_row).copied().collect(),
        classes,
        weights: None,
        fold: None,
        groups: groups.map(|groups| rows.iter().map(|row| groups[*row]).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::Source;

    fn committed<T: DeserializeOwned>(file: &str) -> T {
        let folder = "../models/cropland-southeast-africa/2";
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .join(file);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// The committed model meets a table with the classes of its own samples and none of their features: what it says of
    /// them now is not what its cross-validation said.
    #[test]
    fn known_batches_are_answered_by_the_cross_validation_and_new_ones_by_the_model() {
        let (card, held_out): (Card, HeldOut) =
            (committed("card.json"), committed("held-out.json"));
        let model: serde_json::Value = committed("model.json");
        let model = Ensemble::from_slice(&serde_json::to_vec(&model).unwrap()).unwrap();
        let champion = Champion {
            model: &model,
            card: &card,
            held_out: Some(&held_out),
        };
        let rows = held_out.truth.len();
        let table = Table {
            names: card.features.clone(),
            rows,
            values: vec![0.5; rows * card.features.len()],
            labels: held_out.truth.clone(),
            groups: None,
            weights: None,
            places: None,
            source: Source {
                name: "samples".to_owned(),
                sha256: "new".to_owned(),
            },
        };
        let part = |batch: &str, sha256: &str| Part {
            batch: batch.to_owned(),
            sha256: sha256.to_owned(),
            rows,
        };
        let judged = |part: Part| champion.against(&held_out.predictions(), &table, &[part]);

        let known = judged(part("first", card.data.sha256.as_deref().unwrap())).unwrap();
        assert_eq!(
            (known.all.samples, known.all.verdict),
            (rows, Verdict::WithinNoise)
        );
        let new = judged(part("first", "another")).unwrap();
        assert_eq!((new.all.samples, new.all.verdict), (rows, Verdict::Better));
        assert_eq!(new.known, None);
        let replaced = judged(part(&card.data.name, "another")).unwrap_err();
        assert!(
            matches!(replaced, Incomparable::NothingUnseen { .. }),
            "{replaced}"
        );
        let mut fewer = part("first", "another");
        fewer.rows -= 1;
        let fewer = judged(fewer).unwrap_err().to_string();
        assert!(fewer.contains("left out"), "{fewer}");

        let judgement = Judgement::new(Some("2".to_owned()), Some(known), Vec::new());
        assert!(
            judgement.against[0].contains("not better than 2 beyond noise"),
            "{judgement:?}"
        );
        let mut elsewhere = new.clone();
        elsewhere.known = Some(Comparison {
            verdict: Verdict::Worse,
            ..new.all.clone()
        });
        let judgement = Judgement::new(Some("2".to_owned()), Some(elsewhere), Vec::new());
        assert!(
            judgement.against[0].contains("samples of batches that 2 knows"),
            "{judgement:?}"
        );
        let judgement = Judgement::new(Some("2".to_owned()), Some(new), Vec::new());
        assert!(judgement.against.is_empty());
        assert_eq!(
            judgement.verdict(),
            format!("better than 2 on {rows} samples")
        );
    }
}
