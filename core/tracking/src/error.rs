//! Why a run is not recorded, not found or not sent.

use std::path::PathBuf;

/// What can go wrong with a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrackingError {
    /// The folder cannot be read or written.
    #[error("cannot {doing} {}: {source}; check that the disk has room and the folder's permissions", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A name that MLflow, or a folder, cannot take.
    #[error("the {what} `{name}` {reason}")]
    Name {
        /// What it names.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it, and what is expected.
        reason: &'static str,
    },
    /// A parameter holds for a whole run.
    #[error(
        "the parameter `{name}` of this run is `{old}` already, and was to be set to `{new}`; a parameter has one value, use a metric for what changes"
    )]
    ParameterTwice {
        /// Its name.
        name: String,
        /// Its value.
        old: String,
        /// The other one.
        new: String,
    },
    /// A model is registered by what the run has kept.
    #[error(
        "the model `{model}` was to be registered from `{artifact}`, and the run has no such artifact; record it first"
    )]
    NoSource {
        /// The registered model.
        model: String,
        /// The path that is missing.
        artifact: String,
    },
    /// A run without a model has no version to give an alias to.
    #[error(
        "run {run} stands for no model, so `{alias}` cannot name it; register a model with the run first"
    )]
    NoModel {
        /// The run.
        run: String,
        /// The alias.
        alias: String,
    },
    /// A file of the folder is not what it should be.
    #[error("{} is not usable: {reason}; restore it, or move the run's folder away", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// No run, or more than one.
    #[error("{found} runs in {} begin with `{wanted}`, expected one; `geocrop runs list` lists them", folder.display())]
    NotOne {
        /// What was looked for.
        wanted: String,
        /// How many there are.
        found: usize,
        /// Where.
        folder: PathBuf,
    },
    /// Somebody else sends this folder's runs.
    #[error("the runs in {} are being sent by another process; wait for it, nothing is sent twice", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The configured address is none.
    #[error(
        "the address of MLflow is `{address}`, which {reason}; expected one like http://mlflow:5000"
    )]
    Address {
        /// What was configured, without a password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer, or one that asks for patience.
    #[error("MLflow at {address} did not {doing} in {tries} tries: {reason}")]
    Unreachable {
        /// The server.
        address: String,
        /// What it was asked for.
        doing: &'static str,
        /// How often.
        tries: u32,
        /// What happened the last time.
        reason: String,
        /// Whether it said so itself, as with a status of 500.
        answered: bool,
    },
    /// The server understood and will not.
    #[error("MLflow at {address} refused to {doing}: it answered {status}, {message}; {advice}")]
    Refused {
        /// The server.
        address: String,
        /// What it was asked for.
        doing: &'static str,
        /// The HTTP status.
        status: u16,
        /// MLflow's code of the error, empty where the answer was not MLflow's.
        code: String,
        /// What it said.
        message: String,
        /// What to try.
        advice: &'static str,
    },
    /// An answer that is not MLflow's.
    #[error(
        "asked to {doing}, {address} answered `{found}`, expected MLflow's JSON; check that the address is MLflow's own and not a page before it"
    )]
    Answer {
        /// The server.
        address: String,
        /// What it was asked for.
        doing: &'static str,
        /// The answer's beginning.
        found: String,
    },
    /// Artifacts go through the server, which must be told so.
    #[error(
        "MLflow at {address} keeps artifacts at `{uri}` and does not take them itself; start it with --serve-artifacts and --artifacts-destination, and use a new experiment"
    )]
    NoArtifactProxy {
        /// The server.
        address: String,
        /// Where artifacts were to go.
        uri: String,
    },
    /// Somebody took the run away at the server.
    #[error(
        "run {run} was deleted at {address} before all of it was there; restore it there, or remove the run's folder here"
    )]
    Deleted {
        /// The run here.
        run: String,
        /// The server.
        address: String,
    },
    /// Some runs are not at the server.
    #[error("{left} of {} runs to send are not complete at MLflow, the first because: {first}. All of them are kept in {}; `geocrop runs sync` sends what is missing", left + sent, folder.display())]
    Unsent {
        /// The folder that has all of it.
        folder: PathBuf,
        /// How many runs are sent.
        sent: usize,
        /// How many are not.
        left: usize,
        /// Why the first of them is not.
        first: Box<TrackingError>,
    },
}
