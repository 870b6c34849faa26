//! The model card: what a model is, what it is for, what it learnt from and how well it did.

use geocrop_model::Ensemble;
use geocrop_model::ensemble::{Derived, EnsembleFile};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::evaluate::{ClassEvaluation, Evaluation, Figure, ReliabilityBin};
use crate::plan::{CalibrationMethod, ClassWeights, MemberPlan};
use crate::{About, Table};

/// Everything that goes with a model, as `card.json`. See Mitchell et al., "Model cards for model
/// reporting" (2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// Where the model holds.
    pub zone: String,
    /// What the model is for.
    pub intended_use: String,
    /// What it is not good for, and what is not known about it.
    pub limits: Vec<String>,
    /// What it learnt from.
    pub data: DataCard,
    /// The features that it expects, in order.
    pub features: Vec<String>,
    /// What it computes from them by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derived>,
    /// How it was trained; none if that was elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingCard>,
    /// How well it did on samples it had not seen; none where its publisher kept the samples, as those of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_validation: Option<CrossValidation>,
    /// What others say of it, and what it was checked against besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluation: Vec<Statement>,
    /// The file beside the card.
    pub model: ModelCard,
    /// The program that trained it, with its version.
    pub program: String,
    /// The version of XGBoost; empty where another program trained it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub xgboost: String,
}

/// A figure that was not computed from the samples of the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What was measured.
    pub figure: String,
    /// The value with its unit, as its source states it.
    pub value: String,
    /// Who states it, and where.
    pub source: String,
}

/// What a model learnt from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCard {
    /// The file's name, without folder and extension.
    pub name: String,
    /// What the data are.
    pub title: String,
    /// Where they come from.
    pub source: String,
    /// What was changed since.
    pub change: String,
    /// How many samples there are, where they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// How many of each class.
    pub classes: Vec<ClassRows>,
    /// sha256 of the file, where it is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The licence of the data.
    pub licence: String,
    /// The words that the licence asks for.
    pub attribution: String,
    /// The data set of the store that the table was made of; none for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetCard>,
}

/// A data set as a model learnt from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetCard {
    /// Its name in the store.
    pub name: String,
    /// Its version: another one for any other content.
    pub version: String,
    /// The batches that the table was joined of, in the order of its rows.
    pub parts: Vec<Part>,
}

/// Rows of a table that belong together and were known, or not, to an earlier model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The batch.
    pub batch: String,
    /// sha256 of its table of features, in hexadecimal digits.
    pub sha256: String,
    /// How many rows it gave.
    pub rows: usize,
}

impl DataCard {
    /// What the table was joined of. A file is a single part, and data that were not at hand are none.
    pub fn parts(&self) -> Vec<Part> {
        if let Some(dataset) = &self.dataset {
            return dataset.parts.clone();
        }
        let file = self.sha256.as_ref().zip(self.rows);
        let part = file.map(|(sha256, rows)| Part {
            batch: self.name.clone(),
            sha256: sha256.clone(),
            rows,
        });
        part.into_iter().collect()
    }
}

/// How many samples a class has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRows {
    /// The class.
    pub class: u32,
    /// Its name.
    pub name: String,
    /// Its samples, where they could be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
}

/// What was trained, with the settings that a search found, if there was one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCard {
    /// The models that vote.
    pub members: Vec<MemberPlan>,
    /// How their average was corrected.
    pub calibration: CalibrationMethod,
    /// What samples counted.
    pub class_weights: ClassWeights,
    /// The least and the most that a sample's own weight was, if they had any. Figures count each sample once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_weights: Option<[f32; 2]>,
    /// Settings that were tried.
    pub search: usize,
    /// Seed of the folds and of the sampling.
    pub seed: u64,
}

/// Scores on samples that the predicting model had not seen, calibrated by what others had said of other samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// How the samples were split.
    pub scheme: String,
    /// What to mind when these figures are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<String>,
    /// The share of right predictions.
    pub accuracy: Figure,
    /// The mean over classes of the share of a class that was found.
    pub balanced_accuracy: Figure,
    /// F1 of class 1 of two, or the mean over classes.
    pub f1: Figure,
    /// Area under the ROC curve of class 1 of two, or the mean over classes of each against the rest.
    pub auc: Option<Figure>,
    /// Brier score; lower is better.
    pub brier: Figure,
    /// Expected calibration error.
    pub calibration_error: Figure,
    /// All folds together; rows are the truth, columns the prediction.
    pub confusion: Vec<Vec<f64>>,
    /// Each class by itself.
    pub classes: Vec<ClassEvaluation>,
    /// Predicted against found shares.
    pub reliability: Vec<ReliabilityBin>,
    /// The same cross-validation with other folds each time, the first as above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<RepeatFigures>,
    /// The same away from known places, as far as the table lets one guess these: where this is given, it is nearer to
    /// what a map of another district will be like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_places: Option<Box<CrossValidation>>,
}

/// One cross-validation of several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RepeatFigures {
    /// The share of right predictions.
    pub accuracy: f64,
    /// F1 of class 1 of two, or the mean over classes.
    pub f1: f64,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Expected calibration error.
    pub calibration_error: f64,
}

/// The file beside the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// sha256 of `model.json`.
    pub sha256: String,
    /// Its size.
    pub bytes: usize,
    /// How many models vote; 0 in a network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub members: usize,
    /// How many trees they have; 0 in a network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub trees: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to it"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl CrossValidation {
    /// By a split of the table.
    #[cfg(feature = "train")]
    pub(crate) fn of(split: &crate::split::Split, evaluation: Evaluation) -> Self {
        Self {
            caution: split.caution.clone(),
            ..Self::once(split.scheme.clone(), evaluation)
        }
    }

    /// By whatever the words say.
    pub(crate) fn once(scheme: String, evaluation: Evaluation) -> Self {
        Self {
            scheme,
            caution: None,
            accuracy: evaluation.accuracy,
            balanced_accuracy: evaluation.balanced_accuracy,
            f1: evaluation.f1,
            auc: evaluation.auc,
            brier: evaluation.brier,
            calibration_error: evaluation.calibration_error,
            confusion: evaluation.confusion,
            classes: evaluation.classes,
            reliability: evaluation.reliability,
            repeats: Vec::new(),
            new_places: None,
        }
    }
}

impl Card {
    /// What is repeated.
    #[cfg(feature = "train")]
    pub(crate) fn figures(evaluation: &Evaluation) -> RepeatFigures {
        RepeatFigures {
            accuracy: evaluation.accuracy.value,
            f1: evaluation.f1.value,
            auc: evaluation.auc.as_ref().map(|auc| auc.value),
            calibration_error: evaluation.calibration_error.value,
        }
    }

    /// Of a model that was trained on this table.
    #[cfg(feature = "train")]
    pub(crate) fn of(
        table: &Table,
        options: &crate::TrainOptions,
        plan: &crate::Plan,
        scores: CrossValidation,
        model: (&[u8], &Ensemble),
    ) -> Result<Self, crate::TrainingError> {
        let source = &table.source;
        let about = match &options.about {
            Some(about) => about.clone(),
            None => About::known(&source.sha256)?
                .unwrap_or_else(|| About::unknown(&source.name, &source.sha256)),
        };
        let training = TrainingCard {
            members: plan.members.clone(),
            calibration: plan.calibration,
            class_weights: plan.class_weights,
            sample_weights: table.weight_range(),
            search: options.search,
            seed: options.seed,
        };
        Ok(Self::new(table, &about, Some(training), scores, model))
    }

    /// Of a model that was trained elsewhere, and judged on this table.
    pub(crate) fn imported(
        table: &Table,
        about: &About,
        scores: CrossValidation,
        model: (&[u8], &Ensemble),
    ) -> Self {
        let mut card = Self::new(table, about, None, scores, model);
        card.features = model.1.feature_names().to_vec();
        card
    }

    fn new(
        table: &Table,
        about: &About,
        training: Option<TrainingCard>,
        scores: CrossValidation,
        (bytes, model): (&[u8], &Ensemble),
    ) -> Self {
        let source = &table.source;
        let name_of = |class: usize| {
            let named = about.classes.get(class).cloned();
            named.unwrap_or_else(|| format!("class {class}"))
        };
        let classes = table.class_rows().into_iter().enumerate();
        let classes = classes.map(|(class, rows)| ClassRows {
            class: class as u32,
            name: name_of(class),
            rows: Some(rows),
        });
        let (derived, xgboost) = of_file(bytes);
        Self {
            name: about.name.clone(),
            version: about.version.clone(),
            zone: about.zone.clone(),
            intended_use: about.intended_use.clone(),
            limits: about.limits.clone(),
            data: DataCard {
                name: source.name.clone(),
                title: about.data.title.clone(),
                source: about.data.source.clone(),
                change: about.data.change.clone(),
                rows: Some(table.rows),
                classes: classes.collect(),
                sha256: Some(source.sha256.clone()),
                licence: about.data.licence.clone(),
                attribution: about.data.attribution.clone(),
                dataset: None,
            },
            features: table.names.clone(),
            derived,
            training,
            cross_validation: Some(scores),
            evaluation: Vec::new(),
            model: ModelCard {
                sha256: format!("{:x}", Sha256::digest(bytes)),
                bytes: bytes.len(),
                members: model.num_members(),
                trees: model.num_trees(),
            },
            program: concat!("geocrop ", env!("CARGO_PKG_VERSION")).to_owned(),
            xgboost,
        }
    }

    /// What is missing for people to judge by: without it a model is not put into production.
    pub fn missing(&self) -> Vec<&'static str> {
        let stated = |text: &str| !text.trim().is_empty() && text != About::NOT_STATED;
        let texts = [
            ("zone", &self.zone),
            ("intended_use", &self.intended_use),
            ("data.source", &self.data.source),
            ("data.licence", &self.data.licence),
            ("data.attribution", &self.data.attribution),
        ];
        let mut missing: Vec<_> = texts
            .into_iter()
            .filter(|(_, text)| !stated(text))
            .map(|(name, _)| name)
            .collect();
        if self.limits.is_empty() {
            missing.push("limits");
        }
        if self.cross_validation.is_none() && self.evaluation.is_empty() {
            missing.push("cross_validation or evaluation");
        }
        missing
    }
}

/// What a model's file says of itself: derived features, and the version of XGBoost that wrote it (or its first member).
fn of_file(bytes: &[u8]) -> (Vec<Derived>, String) {
    #[derive(Deserialize)]
    struct Version {
        version: Vec<u32>,
    }
    let version = |json: &[u8]| match serde_json::from_slice::<Version>(json) {
        Ok(model) => {
            let numbers: Vec<String> = model.version.iter().map(u32::to_string).collect();
            numbers.join(".")
        }
        Err(_) => "unknown".to_owned(),
    };
    match serde_json::from_slice::<EnsembleFile>(bytes) {
        Ok(file) => {
            let of_first = file
                .members
                .first()
                .map(|member| version(member.model.get().as_bytes()));
            (file.derived, of_first.unwrap_or_default())
        }
        Err(_) => (Vec::new(), version(bytes)),
    }
}
