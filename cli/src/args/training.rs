//! Training, and what becomes of models.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Places;

#[derive(Debug, ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Train {
    /// Table of samples: a class, one column per feature, and perhaps `group`, `weight`, `lon` and `lat`.
    #[arg(long, required_unless_present = "dataset", conflicts_with = "dataset")]
    pub(crate) data: Option<PathBuf>,
    /// Data set of the store to learn from instead: all its batches together, as they are now.
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// Recipe of the features at places, for a data set with batches of places: a name in the folder of recipes, or a file.
    #[arg(long, conflicts_with = "data")]
    pub(crate) recipe: Option<String>,
    /// Imagery for these features: a description (*.toml), a catalog.json, a STAC API or a folder.
    #[arg(long, requires = "recipe")]
    pub(crate) source: Option<String>,
    /// Do nothing if the newest version in the store learnt from the data set as it is.
    #[arg(long, conflicts_with = "data")]
    pub(crate) if_new: bool,
    /// Folder for model.json, card.json, the report and what later comparisons need.
    #[arg(long, required_unless_present = "dataset")]
    pub(crate) out: Option<PathBuf>,
    /// What is trained: default, plain (one XGBoost model), or a TOML file like those in training/plans.
    #[arg(long, default_value = "default")]
    pub(crate) plan: String,
    /// Random settings to try for the boosted trees before they are trained.
    #[arg(long, default_value_t = 0)]
    pub(crate) search: usize,
    /// How samples are split for the cross-validation [default: by groups, blocks of land or samples, as the table allows].
    #[arg(long, value_enum)]
    pub(crate) split: Option<TrainSplit>,
    /// Width of a block of land in km [default: as it suits the samples].
    #[arg(long, requires = "split")]
    pub(crate) block_km: Option<f64>,
    /// How often the cross-validation is done, each time with other folds.
    #[arg(long, default_value_t = 1)]
    pub(crate) repeats: usize,
    /// What the card says beyond figures, a TOML file like those in training/about.
    #[arg(long)]
    pub(crate) about: Option<PathBuf>,
    /// Name of the model [default: as --about or a known table has it, else that of the data set or the file].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Its version [default: as --about or a known table has it; for a data set the next number].
    #[arg(long)]
    pub(crate) model_version: Option<String>,
    /// Put the model into the store when it is trained; which version serves does not change.
    #[arg(long)]
    pub(crate) register: bool,
    /// Put it into the store, and let it serve if it is better beyond noise than the version that does.
    #[arg(long)]
    pub(crate) promote: bool,
    /// File for one word on what came of it: current, trained, registered, kept or promoted.
    #[arg(long, value_name = "FILE")]
    pub(crate) outcome: Option<PathBuf>,
    /// Learn from so many samples at random instead of all.
    #[arg(long)]
    pub(crate) rows: Option<usize>,
    /// Memory that training may take, in MB; a table that needs more is refused before it is read [default: what is free].
    #[arg(long, value_name = "MB")]
    pub(crate) memory: Option<u64>,
    /// Seed of the shuffle and of the sampling of rows and columns.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folds of the cross-validation.
    #[arg(long, default_value_t = 5)]
    pub(crate) folds: usize,
    /// Threads [default: all].
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the card on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How samples are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TrainSplit {
    /// At random.
    Samples,
    /// By the column `group`: a polygon is never on both sides.
    Groups,
    /// By blocks of land, from the columns `lon` and `lat`.
    Blocks,
}

/// Models of the store.
#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Models, their versions, which one serves, and how well they did.
    #[command(after_help = "\
Example:
  geocrop model list cropland-southeast-africa    with the history of what served")]
    List(ModelList),
    /// Two versions on the same samples that neither had seen.
    #[command(after_help = "\
Example:
  geocrop model compare cropland-southeast-africa 2 --champion 1")]
    Compare(ModelCompare),
    /// Let a version serve, if it is not worse than the one that does.
    #[command(after_help = "\
Example:
  geocrop model promote cropland-southeast-africa 2 --why 'features derived from the bands'")]
    Promote(ModelPromote),
    /// Let the version serve again that did before.
    #[command(after_help = "\
Example:
  geocrop model rollback cropland-southeast-africa --why 'fallow taken for fields'")]
    Rollback(ModelRollback),
    /// Put a trained model's folder into the store.
    #[command(after_help = "\
Example:
  geocrop model register trained/maize")]
    Register(ModelRegister),
    /// Take in a model that XGBoost trained elsewhere: judge it, give it a card, put it into the store.
    #[command(after_help = "\
Example:
  geocrop model import booster.json --data held-out.csv --about maize.toml --predictions predictions.npy")]
    Import(ModelImport),
    /// How far the features of new imagery are from those that a model learnt from.
    #[command(after_help = "\
Example:
  geocrop model drift cropland-southeast-africa --layer cropland-southeast-africa/2025    all maps of a year
  geocrop model drift cropland-southeast-africa --data features-of-2026.csv")]
    Drift(ModelDrift),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelList {
    /// Only this model.
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelCompare {
    /// The model.
    pub(crate) name: String,
    /// The version that would serve.
    pub(crate) challenger: String,
    /// The version it is compared with [default: the one that serves].
    #[arg(long)]
    pub(crate) champion: Option<String>,
    /// Samples that neither learnt from [default: what their cross-validations said of the same table].
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelPromote {
    /// The model.
    pub(crate) name: String,
    /// The version that shall serve.
    #[arg(value_name = "VERSION")]
    pub(crate) candidate: String,
    /// Samples that neither version learnt from [default: what their cross-validations said of the same table].
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Against all that speaks against it; needs --why.
    #[arg(long, requires = "why")]
    pub(crate) force: bool,
    /// Why, for the history.
    #[arg(long)]
    pub(crate) why: Option<String>,
    /// Who, for the history.
    #[arg(long, env = "USER", hide_env_values = true, default_value = "unknown")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelRollback {
    /// The model.
    pub(crate) name: String,
    /// Why, for the history.
    #[arg(long)]
    pub(crate) why: String,
    /// Who, for the history.
    #[arg(long, env = "USER", hide_env_values = true, default_value = "unknown")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelRegister {
    /// What `geocrop train --out` made.
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelImport {
    /// The model: XGBoost JSON or UBJSON, or an ensemble of this program.
    pub(crate) file: PathBuf,
    /// Samples that it did not learn from, to judge it by.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// What its card says beyond figures, a TOML file like those in training/about.
    #[arg(long)]
    pub(crate) about: PathBuf,
    /// What XGBoost predicts for the samples, float32 [rows] or [rows, classes]: the program must predict the same.
    #[arg(long)]
    pub(crate) predictions: PathBuf,
    /// Folder for the model and its card [default: the store alone].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelDrift {
    /// The model, with its version behind a slash or the one that serves.
    pub(crate) model: String,
    /// Features of the new imagery: a table like those that models are trained on; its classes do not matter.
    #[arg(long, required_unless_present = "layer")]
    pub(crate) data: Option<PathBuf>,
    /// Maps that the model made, RECIPE/PERIOD or RECIPE/PERIOD/AREA: some of their pixels were counted when they were made.
    #[arg(long, value_name = "LAYER", conflicts_with = "data")]
    pub(crate) layer: Option<String>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Trainings that were kept.
#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// Trainings, the newest first.
    #[command(after_help = "\
Example:
  geocrop runs list --json")]
    List(RunsList),
    /// Parameters, figures and files of one.
    #[command(after_help = "\
Example:
  geocrop runs show 3f2a")]
    Show(RunsShow),
    /// Send to MLflow what it has not got.
    #[command(after_help = "\
Example:
  geocrop runs sync")]
    Sync,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunsList {
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RunsShow {
    /// The run's id, or how it begins.
    pub(crate) id: String,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
