//! From samples to a model that was judged on samples it had not seen.

use std::sync::{Mutex, PoisonError};

use geocrop_model::Ensemble;
use geocrop_model::applicability::Applicability;
use geocrop_model::ensemble::{Calibration, EnsembleFile, MemberFile};
use rayon::prelude::*;

use crate::applicability;
use crate::boost::{self, Run, Samples};
use crate::calibrate::{self, HeldOut as ToFit};
use crate::card::{Card, CrossValidation};
use crate::derive::Wide;
use crate::evaluate::{Evaluation, Predictions, Resampling, evaluate};
use crate::importance::{self, Importance, permutation_importance};
use crate::plan::{CalibrationMethod, ClassWeights, MemberPlan, Plan};
use crate::report::Report;
use crate::split::Split;
use crate::{HeldOut, SplitBy, Table, TrainOptions, TrainingError, search};
use geocrop_model::drift::Population;

/// Tables with more values than this are trained on one after the other, each with all threads: side by side, every thread
/// would hold a copy.
const LARGE: usize = 50_000_000;

/// A trained model and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The model's file: what XGBoost saves if one model is all there is, else an ensemble's.
    pub model_json: Vec<u8>,
    /// Its card.
    pub card: Card,
    /// What was predicted for each sample by models that had not seen it.
    pub held_out: Predictions,
    /// How the judged predictions look in every figure and curve.
    pub evaluation: Evaluation,
    /// What the model loses without each of the table's features.
    pub importance: Vec<Importance>,
    /// What the features were like, for comparing new imagery with; none for a table that is too small.
    pub population: Option<Population>,
    /// How far from the samples the model may be used; none where they do not differ.
    pub applicability: Option<Applicability>,
}

impl Trained {
    /// What goes into a model's folder, the model last.
    ///
    /// # Panics
    /// Never: figures and texts are JSON.
    pub fn files(&self) -> Vec<(&'static str, Vec<u8>)> {
        let pretty = |text: Result<String, serde_json::Error>| {
            let mut text = text.expect("figures and texts are JSON");
            text.push('\n');
            text.into_bytes()
        };
        let data = self.card.data.sha256.as_deref().unwrap_or_default();
        let held_out = HeldOut::new(data, &self.held_out);
        let mut files = vec![
            (
                "card.json",
                pretty(serde_json::to_string_pretty(&self.card)),
            ),
            ("held-out.json", pretty(serde_json::to_string(&held_out))),
        ];
        if let Some(population) = &self.population {
            files.push(("population.json", pretty(serde_json::to_string(population))));
        }
        if let Some(applicability) = &self.applicability {
            let text = serde_json::to_string(applicability);
            files.push(("applicability.json", pretty(text)));
        }
        let report = Report::of(&self.card, &self.evaluation, &self.importance);
        files.push(("report.html", report.html().into_bytes()));
        files.push(("report.json", pretty(serde_json::to_string_pretty(&report))));
        files.push(("model.json", self.model_json.clone()));
        files
    }
}

/// What is told of the work: what is being done, and which share of the whole is done.
pub type Progress<'p> = &'p (dyn Fn(&str, f64) + Sync);

/// Cross-validates, then trains on all samples.
///
/// The same table, options and XGBoost give the same model on the same machine.
///
/// # Errors
/// When an option is out of its range, the samples cannot be split, or XGBoost fails.
pub fn train(
    table: &Table,
    options: &TrainOptions,
    progress: Progress<'_>,
) -> Result<Trained, TrainingError> {
    options.check()?;
    let task = Task::new(table, options, progress)?;
    let (split, raw, held_out, models) = task.cross_validate(0)?;
    let importance = task.importance(&split, &models)?;
    drop(models);
    let away = Split::away(table, &split, options.folds, options.seed);
    let new_places = match &away {
        Some(runs) => Some(Box::new(task.judged(runs)?)),
        None => None,
    };
    let applicability = task.applicability(away.as_ref().unwrap_or(&split), &importance);
    let evaluation = evaluate(&held_out, Resampling::default())?;
    let mut repeats = vec![Card::figures(&evaluation)];
    for repeat in 1..options.repeats {
        let (_, _, again, _) = task.cross_validate(repeat)?;
        repeats.push(Card::figures(&evaluate(&again, Resampling::default())?));
    }
    let plan = task.searched(&task.all(), options.seed)?;
    let mut file = task.members(&plan, &task.all(), options.seed, "training on all samples")?;
    file.calibration = calibrate::fit(plan.calibration, task.points(&raw), &task.all());
    let model_json = task.bytes(&file);
    let model = Ensemble::from_slice(&model_json)?;
    let mut scores = CrossValidation::of(&split, evaluation.clone());
    scores.repeats = repeats;
    scores.new_places = new_places;
    let card = Card::of(table, options, &plan, scores, (&model_json, &model))?;
    progress("trained", 1.0);
    Ok(Trained {
        model_json,
        card,
        held_out,
        evaluation,
        importance,
        population: Population::of(&table.names, &table.values).ok(),
        applicability,
    })
}

/// How often each feature is shuffled.
const SHUFFLES: usize = 3;

/// Samples that stand for all of them in the area of applicability: twice as many change the index of a pixel by a
/// hundredth, and make maps take longer.
const PROTOTYPES: usize = 500;

/// A split, scores before calibration, predictions after it, and the folds' models.
type Validated = (Split, Vec<f32>, Predictions, Vec<Ensemble>);

struct Task<'t> {
    table: &'t Table,
    options: &'t TrainOptions,
    wide: Wide,
    weights: Option<Vec<f32>>,
    progress: Progress<'t>,
    /// Models that were trained, in part or whole, and that will be.
    done: Mutex<f64>,
    runs: usize,
}

impl<'t> Task<'t> {
    fn new(
        table: &'t Table,
        options: &'t TrainOptions,
        progress: Progress<'t>,
    ) -> Result<Self, TrainingError> {
        let wide = Wide::of(table, &options.plan.derived)?;
        let once = options.plan.runs() + search::runs(options.search);
        let second_look =
            usize::from(options.split == SplitBy::Best || options.split == SplitBy::Samples);
        Ok(Self {
            table,
            options,
            wide,
            weights: weights(table, options.plan.class_weights),
            progress,
            done: Mutex::new(0.0),
            runs: once * (options.folds * (options.repeats + second_look) + 1),
        })
    }

    fn all(&self) -> Vec<usize> {
        (0..self.table.rows).collect()
    }

    fn outputs(&self) -> usize {
        match self.table.classes() {
            2 => 1,
            classes => classes,
        }
    }

    /// The split, what each sample was given before and after calibration, and the models of the folds. Each repeat has
    /// folds of its own.
    fn cross_validate(&self, repeat: usize) -> Result<Validated, TrainingError> {
        let seed = self.options.seed + repeat as u64;
        let split = Split::of(self.table, self.options.split, self.options.folds, seed)?;
        let (raw, models) = self.held_out(&split, seed)?;
        let predictions = self.calibrated(&raw, &split);
        Ok((split, raw, predictions, models))
    }

    /// The cross-validation by another split.
    fn judged(&self, split: &Split) -> Result<CrossValidation, TrainingError> {
        let (raw, _) = self.held_out(split, self.options.seed)?;
        let evaluation = evaluate(&self.calibrated(&raw, split), Resampling::default())?;
        Ok(CrossValidation::of(split, evaluation))
    }

    /// Where the figures of a cross-validation still mean something. There is none of samples that do not differ.
    fn applicability(&self, split: &Split, importance: &[Importance]) -> Option<Applicability> {
        let weights: Vec<f64> = importance.iter().map(|of| of.auc.mean).collect();
        let samples = applicability::Samples {
            values: &self.table.values,
            fold: &split.fold,
            weights: &weights,
        };
        applicability::fit(samples, PROTOTYPES, self.options.seed).ok()
    }

    /// What each sample was given by a model of the other folds, before calibration; `[rows, outputs]`.
    fn held_out(
        &self,
        split: &Split,
        seed: u64,
    ) -> Result<(Vec<f32>, Vec<Ensemble>), TrainingError> {
        let outputs = self.outputs();
        let mut scores = vec![0.0; self.table.rows * outputs];
        let mut models = Vec::with_capacity(split.folds);
        for fold in 0..split.folds {
            let stage = format!("cross-validation, fold {} of {}", fold + 1, split.folds);
            let learnt = split.rows(fold, false);
            let plan = self.searched(&learnt, seed)?;
            let file = self.members(&plan, &learnt, seed, &stage)?;
            // By the evaluator that makes maps, from the columns that maps have.
            let model = Ensemble::from_slice(&file.to_bytes())?;
            self.predict(
                &model,
                &split.rows(fold, true),
                &self.table.values,
                &mut scores,
            );
            models.push(model);
        }
        Ok((scores, models))
    }

    /// Puts the predictions of some rows into their places.
    fn predict(&self, model: &Ensemble, rows: &[usize], values: &[f32], scores: &mut [f32]) {
        let (width, outputs) = (self.table.names.len(), self.outputs());
        let own: Vec<f32> = rows
            .iter()
            .flat_map(|row| &values[row * width..(row + 1) * width])
            .copied()
            .collect();
        let mut found = vec![0.0; rows.len() * outputs];
        model
            .predict_rows_parallel(&own, &mut found)
            .expect("the rows and the scores have the model's shape");
        for (row, found) in rows.iter().zip(found.chunks(outputs)) {
            scores[row * outputs..(row + 1) * outputs].copy_from_slice(found);
        }
    }

    /// What is lost without a feature, each sample predicted by the model that did not see it.
    fn importance(
        &self,
        split: &Split,
        models: &[Ensemble],
    ) -> Result<Vec<Importance>, TrainingError> {
        let samples = importance::HeldOut {
            features: &self.table.names,
            values: &self.table.values,
            labels: &self.table.labels,
            classes: self.table.classes(),
        };
        let held_out: Vec<Vec<usize>> = (0..split.folds)
            .map(|fold| split.rows(fold, true))
            .collect();
        let predict = |values: &[f32]| {
            let mut scores = vec![0.0; self.table.rows * self.outputs()];
            for (model, rows) in models.iter().zip(&held_out) {
                self.predict(model, rows, values, &mut scores);
            }
            scores
        };
        Ok(permutation_importance(
            samples,
            &predict,
            SHUFFLES,
            self.options.seed,
        )?)
    }

    /// The plan, with the settings that a search within these rows found best.
    fn searched(&self, rows: &[usize], seed: u64) -> Result<Plan, TrainingError> {
        if self.options.search == 0 {
            return Ok(self.options.plan.clone());
        }
        let fit =
            |member: &MemberPlan, rows: &[usize], seed: u64| self.fit(member, rows, seed, "search");
        let labels = &self.table.labels;
        let loss = |model: &[u8], rows: &[usize]| self.loss(model, rows);
        search::search(
            &self.options.plan,
            self.options.search,
            (labels, rows),
            seed,
            &fit,
            &loss,
        )
    }

    /// Mean of -ln of the probability that the true class is given.
    fn loss(&self, model: &[u8], rows: &[usize]) -> Result<f64, TrainingError> {
        let file = self.file(vec![MemberFile::new("tried", 1.0, model)?]);
        let model = Ensemble::from_slice(&file.to_bytes())?;
        let (values, labels) = self.table.select(rows);
        let mut scores = vec![0.0; rows.len() * self.outputs()];
        model.predict_rows(&values, &mut scores)?;
        let given = |(label, scores): (&u32, &[f32])| match scores {
            [one] if *label == 1 => f64::from(*one),
            [one] => 1.0 - f64::from(*one),
            all => f64::from(all[*label as usize]),
        };
        let pairs = labels.iter().zip(scores.chunks(self.outputs()));
        let sum: f64 = pairs.map(|pair| -given(pair).max(1e-15).ln()).sum();
        Ok(sum / rows.len() as f64)
    }

    /// Calibrated probabilities: those of a fold are corrected by what the other folds' say, never by its own.
    fn calibrated(&self, raw: &[f32], split: &Split) -> Predictions {
        let outputs = self.outputs();
        let mut scores = raw.to_vec();
        if self.options.plan.calibration != CalibrationMethod::None {
            for fold in 0..split.folds {
                let others = split.rows(fold, false);
                let fitted =
                    calibrate::fit(self.options.plan.calibration, self.points(raw), &others);
                for row in split.rows(fold, true) {
                    if let Some(fitted) = &fitted {
                        fitted.apply(&mut scores[row * outputs..(row + 1) * outputs]);
                    }
                }
            }
        }
        let truth = self.table.labels.clone();
        let mut predictions = if outputs == 1 {
            Predictions::binary(truth, &scores)
        } else {
            Predictions::new(truth, scores, outputs)
        };
        predictions.fold = Some(split.fold.clone());
        predictions.groups.clone_from(&split.groups);
        predictions
    }

    fn points<'p>(&'p self, scores: &'p [f32]) -> ToFit<'p> {
        ToFit {
            scores,
            labels: &self.table.labels,
            weights: self.weights.as_deref(),
            outputs: self.outputs(),
        }
    }

    /// All members of a plan, trained on some rows.
    fn members(
        &self,
        plan: &Plan,
        rows: &[usize],
        seed: u64,
        stage: &str,
    ) -> Result<EnsembleFile, TrainingError> {
        let each = |(place, member): (usize, &MemberPlan)| {
            let member = member.clone();
            (0..member.seeds).map(move |number| (place, number, member.clone()))
        };
        let runs: Vec<(usize, usize, MemberPlan)> =
            plan.members.iter().enumerate().flat_map(each).collect();
        let fit = |(place, number, member): &(usize, usize, MemberPlan)| {
            // The first member has the seed that was asked for.
            let seed = seed + (1000 * place + number) as u64;
            let model = self.fit(member, rows, seed, stage)?;
            let name = match member.seeds {
                1 => member.name.clone(),
                _ => format!("{}, seed {}", member.name, number + 1),
            };
            let weight = member.weight / member.seeds as f32;
            Ok(MemberFile::new(name, weight, &model)?)
        };
        let members: Result<_, TrainingError> = if self.is_large() {
            runs.iter().map(fit).collect()
        } else {
            runs.par_iter().map(fit).collect()
        };
        Ok(self.file(members?))
    }

    fn file(&self, members: Vec<MemberFile>) -> EnsembleFile {
        EnsembleFile::new(self.table.names.clone(), self.wide.derived.clone(), members)
    }

    fn is_large(&self) -> bool {
        self.wide.values.len() > LARGE
    }

    fn fit(
        &self,
        member: &MemberPlan,
        rows: &[usize],
        seed: u64,
        stage: &str,
    ) -> Result<Vec<u8>, TrainingError> {
        let columns = self.columns(member)?;
        let samples = Samples {
            names: columns
                .iter()
                .map(|column| self.wide.names[*column].as_str())
                .collect(),
            values: self.wide.select(rows, &columns),
            labels: rows.iter().map(|row| self.table.labels[*row]).collect(),
            weights: self
                .weights
                .as_ref()
                .map(|all| rows.iter().map(|row| all[*row]).collect()),
            classes: self.table.classes(),
        };
        let run = Run {
            seed,
            threads: usize::from(!self.is_large()),
        };
        let before = std::cell::Cell::new(0.0);
        let model = boost::fit(member, &samples, run, &|share| {
            self.tell(stage, share - before.replace(share));
        });
        self.tell(stage, 1.0 - before.get());
        model
    }

    /// So much of a model more is done. Models are trained side by side; the share only ever rises.
    fn tell(&self, stage: &str, more: f64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += more;
        (self.progress)(stage, (*done / self.runs as f64).min(1.0));
    }

    /// The places of a member's features.
    fn columns(&self, member: &MemberPlan) -> Result<Vec<usize>, TrainingError> {
        let Some(names) = &member.features else {
            let names = self.wide.names.iter().enumerate();
            let seen = names.filter(|(_, name)| !member.without.contains(name));
            return Ok(seen.map(|(column, _)| column).collect());
        };
        let place = |name: &String| {
            let found = self.wide.names.iter().position(|known| known == name);
            found.ok_or_else(|| TrainingError::UnknownFeature {
                member: member.name.clone(),
                name: name.clone(),
                known: self.wide.names.join(", "),
            })
        };
        names.iter().map(place).collect()
    }

    /// The file's bytes. One model that nothing comes before or after is saved as XGBoost saves it.
    fn bytes(&self, file: &EnsembleFile) -> Vec<u8> {
        match (&file.calibration, &file.members[..]) {
            (None::<Calibration>, [one]) if file.derived.is_empty() && self.sees_all(file) => {
                one.model.get().as_bytes().to_vec()
            }
            _ => file.to_bytes(),
        }
    }

    fn sees_all(&self, file: &EnsembleFile) -> bool {
        self.options.plan.members[0].features.is_none() && file.features == self.table.names
    }
}

/// What each sample counts, if not one each: as the table says, and so much more that all classes weigh the same if that is
/// wanted.
fn weights(table: &Table, weights: ClassWeights) -> Option<Vec<f32>> {
    match weights {
        ClassWeights::Equal => table.weights.clone(),
        ClassWeights::Balanced => {
            let own = table.weights.clone();
            let mut all = own.unwrap_or_else(|| vec![1.0; table.rows]);
            let mut of_class = vec![0.0; table.classes()];
            for (label, weight) in table.labels.iter().zip(&all) {
                of_class[*label as usize] += *weight;
            }
            let even = of_class.iter().sum::<f32>() / of_class.len() as f32;
            for (label, weight) in table.labels.iter().zip(&mut all) {
                *weight *= even / of_class[*label as usize];
            }
            Some(all)
        }
    }
}
