//! One model through XGBoost's C library.

use xgb::parameters::BoosterParameters;
use xgb::{Booster, DMatrix, XGBError};

use crate::TrainingError;
use crate::plan::{Kind, MemberPlan};
use geocrop_model::random::SplitMix64;

const TREE_METHOD: &str = "hist";

/// What a model learns from.
#[derive(Debug)]
pub(crate) struct Samples<'s> {
    /// The features' names.
    pub(crate) names: Vec<&'s str>,
    /// Row-major `[rows, features]`, NaN where a value is missing.
    pub(crate) values: Vec<f32>,
    pub(crate) labels: Vec<u32>,
    /// What each sample counts; one each if nothing is said.
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) classes: usize,
}

/// How many threads and which luck.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    /// 0 for all there are.
    pub(crate) threads: usize,
}

/// Trains one model; returns its JSON as XGBoost saves it. `progress` hears the share that is done.
pub(crate) fn fit(
    plan: &MemberPlan,
    samples: &Samples<'_>,
    run: Run,
    progress: &dyn Fn(f64),
) -> Result<Vec<u8>, TrainingError> {
    let rounds = match plan.early_stopping {
        Some(patience) => best_rounds(plan, samples, run, patience)?,
        None => plan.rounds,
    };
    let (forest, steps) = match plan.kind {
        Kind::Forest => (plan.rounds, 1),
        Kind::Boosted => (1, rounds),
    };
    let matrix = samples.matrix(None)?;
    let mut booster = booster(plan, samples, &matrix, run, forest)?;
    for round in 0..steps {
        progress(round as f64 / steps as f64);
        booster
            .update(&matrix, round as i32)
            .map_err(failed("adding a tree"))?;
    }
    let saved = booster
        .save_buffer(false)
        .map_err(failed("saving the model"))?;
    Ok(without_statistics(&saved))
}

/// The same model without what only training knew of its nodes: gains, hessians, weights of inner nodes. XGBoost reads it
/// and predicts the same; the file is half as large.
fn without_statistics(model: &[u8]) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(model) else {
        return model.to_vec();
    };
    let trees = document.pointer_mut("/learner/gradient_booster/model/trees");
    for tree in trees
        .and_then(|trees| trees.as_array_mut())
        .into_iter()
        .flatten()
    {
        for statistic in ["base_weights", "loss_changes", "sum_hessian"] {
            let values = tree
                .get_mut(statistic)
                .and_then(|values| values.as_array_mut());
            for value in values.into_iter().flatten() {
                // With its point: XGBoost refuses a whole number here.
                *value = 0.0.into();
            }
        }
    }
    document.to_string().into_bytes()
}

/// The number of rounds after which log loss on a tenth of the samples was lowest.
fn best_rounds(
    plan: &MemberPlan,
    samples: &Samples<'_>,
    run: Run,
    patience: usize,
) -> Result<usize, TrainingError> {
    let mut rows: Vec<usize> = (0..samples.labels.len()).collect();
    SplitMix64::new(run.seed).shuffle(&mut rows);
    let (held_out, learnt) = rows.split_at((rows.len() / 10).max(1));
    let matrix = samples.matrix(Some(learnt))?;
    let test = samples.matrix(Some(held_out))?;
    let mut booster = booster(plan, samples, &matrix, run, 1)?;
    let (mut best, mut lowest) = (1, f64::INFINITY);
    for round in 0..plan.rounds {
        booster
            .update(&matrix, round as i32)
            .map_err(failed("adding a tree"))?;
        let scores = booster.predict(&test).map_err(failed("predicting"))?;
        let loss = samples.log_loss(held_out, &scores);
        if loss < lowest {
            (best, lowest) = (round + 1, loss);
        } else if round + 1 >= best + patience {
            break;
        }
    }
    Ok(best)
}

fn booster(
    plan: &MemberPlan,
    samples: &Samples<'_>,
    matrix: &DMatrix,
    run: Run,
    parallel_trees: usize,
) -> Result<Booster, TrainingError> {
    let setting = "setting its parameters";
    let mut booster = Booster::new_with_cached_dmats(&BoosterParameters::default(), &[matrix])
        .map_err(failed(setting))?;
    let eta = match plan.kind {
        Kind::Forest => 1.0,
        Kind::Boosted => plan.learning_rate,
    };
    let mut parameters = vec![
        ("objective", objective(samples.classes).to_owned()),
        ("tree_method", TREE_METHOD.to_owned()),
        ("max_depth", plan.depth.to_string()),
        ("eta", eta.to_string()),
        ("subsample", plan.subsample.to_string()),
        ("colsample_bytree", plan.colsample_bytree.to_string()),
        ("colsample_bynode", plan.colsample_bynode.to_string()),
        ("min_child_weight", plan.min_child_weight.to_string()),
        ("lambda", plan.lambda.to_string()),
        ("max_bin", plan.max_bin.to_string()),
        ("num_parallel_tree", parallel_trees.to_string()),
        ("seed", run.seed.to_string()),
        ("nthread", run.threads.to_string()),
        // A library does not print.
        ("verbosity", "0".to_owned()),
    ];
    if samples.classes > 2 {
        parameters.push(("num_class", samples.classes.to_string()));
    }
    for (name, value) in parameters {
        booster.set_param(name, &value).map_err(failed(setting))?;
    }
    booster
        .set_feature_names(&samples.names)
        .map_err(failed(setting))?;
    Ok(booster)
}

fn objective(classes: usize) -> &'static str {
    if classes == 2 {
        "binary:logistic"
    } else {
        "multi:softprob"
    }
}

impl Samples<'_> {
    /// As XGBoost takes them: all rows, or some.
    fn matrix(&self, rows: Option<&[usize]>) -> Result<DMatrix, TrainingError> {
        let width = self.names.len();
        let part: Vec<f32>;
        let label = |row: usize| self.labels[row] as f32;
        let (values, labels): (&[f32], Vec<f32>) = match rows {
            None => (&self.values, (0..self.labels.len()).map(label).collect()),
            Some(rows) => {
                let row = |row: &usize| &self.values[row * width..(row + 1) * width];
                part = rows.iter().flat_map(row).copied().collect();
                (&part, rows.iter().map(|row| label(*row)).collect())
            }
        };
        let mut matrix = DMatrix::from_dense_with_missing(values, labels.len(), f32::NAN)
            .map_err(failed("reading the samples"))?;
        matrix
            .set_labels(&labels)
            .map_err(failed("reading the classes"))?;
        if let Some(all) = &self.weights {
            let weights = match rows {
                None => all.clone(),
                Some(rows) => rows.iter().map(|row| all[*row]).collect(),
            };
            matrix
                .set_weights(&weights)
                .map_err(failed("reading the weights"))?;
        }
        Ok(matrix)
    }

    /// Mean of -ln of the probability that the true class was given.
    fn log_loss(&self, rows: &[usize], scores: &[f32]) -> f64 {
        let outputs = scores.len() / rows.len();
        let mut sums = (0.0, 0.0);
        for (row, scores) in rows.iter().zip(scores.chunks(outputs)) {
            let label = self.labels[*row] as usize;
            let p = match scores {
                [one] if label == 1 => *one,
                [one] => 1.0 - one,
                all => all[label],
            };
            let weight = self
                .weights
                .as_ref()
                .map_or(1.0, |all| f64::from(all[*row]));
            sums.0 -= weight * f64::from(p).max(1e-15).ln();
            sums.1 += weight;
        }
        sums.0 / sums.1
    }
}

fn failed(doing: &'static str) -> impl Fn(XGBError) -> TrainingError {
    move |error| TrainingError::XgBoost {
        doing,
        message: error.to_string(),
    }
}
