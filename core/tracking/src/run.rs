//! What a run is, read back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A training, or any other piece of work, with what went into it and what came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The name of the experiment that it belongs to.
    pub experiment: String,
    /// Its own name.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// What went in.
    pub params: BTreeMap<String, String>,
    /// What came out, in the order in which it was recorded.
    pub metrics: BTreeMap<String, Vec<Point>>,
    /// Whatever else is to be known.
    pub tags: BTreeMap<String, String>,
    /// The files that it made.
    pub artifacts: Vec<Artifact>,
    /// The model that it stands for.
    pub registration: Option<Registration>,
    /// The addresses of the servers that have all of it.
    pub sent_to: Vec<String>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process is at it.
    Running,
    /// It is done.
    Finished,
    /// It ended with an error.
    Failed,
    /// Somebody ended it.
    Killed,
    /// It says that it is running, and no process is at it: it died half-way.
    Interrupted,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Finished,
    /// With an error.
    Failed,
    /// Ended by somebody.
    Killed,
}

/// A metric's value at one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The value; it may be infinite or no number.
    pub value: f64,
    /// The step, such as the number of trees.
    pub step: i64,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Artifact {
    /// Its path below the run's artifacts.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The model that a run stands for at the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The registered model's name.
    pub model: String,
    /// The artifact that is the version: a file, or a folder of files.
    pub source: String,
    /// What is to be known of the version.
    #[serde(default)]
    pub description: String,
    /// Tags of the version.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Names of the version, such as `production`, and since when it has each: at the server a name never goes back to
    /// a version that had it earlier than the one that has it.
    #[serde(default)]
    pub aliases: BTreeMap<String, DateTime<Utc>>,
}
