//! `meta.yaml`, as MLflow's file store writes and reads it.

use std::fmt::Write;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::files::damaged;
use crate::{Outcome, TrackingError};

/// The part of an experiment's file that is read.
#[derive(Debug, Deserialize)]
pub(crate) struct ExperimentMeta {
    pub(crate) name: String,
    #[serde(default = "active")]
    pub(crate) lifecycle_stage: String,
}

/// The part of a run's file that is read.
#[derive(Debug, Deserialize)]
pub(crate) struct RunMeta {
    pub(crate) run_id: String,
    #[serde(default)]
    pub(crate) run_name: Option<String>,
    pub(crate) start_time: i64,
    #[serde(default)]
    pub(crate) end_time: Option<i64>,
    pub(crate) status: u8,
    #[serde(default = "active")]
    pub(crate) lifecycle_stage: String,
}

/// What is not written there has not been deleted.
fn active() -> String {
    "active".to_owned()
}

/// MLflow's number for a run that goes on.
pub(crate) const RUNNING: u8 = 1;

impl Outcome {
    /// MLflow's number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Finished => 3,
            Self::Failed => 4,
            Self::Killed => 5,
        }
    }
}

/// An experiment's file.
pub(crate) fn experiment(id: &str, name: &str, location: &Path, created: DateTime<Utc>) -> String {
    let millis = created.timestamp_millis();
    format!(
        "artifact_location: {location}\ncreation_time: {millis}\nexperiment_id: '{id}'\n\
         last_update_time: {millis}\nlifecycle_stage: active\nname: {name}\n",
        location = quoted(&location.to_string_lossy()),
        name = quoted(name),
    )
}

/// What a run's file says.
pub(crate) struct RunFile<'a> {
    pub(crate) id: &'a str,
    pub(crate) experiment_id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) user: &'a str,
    pub(crate) artifacts: &'a Path,
    pub(crate) started: DateTime<Utc>,
    pub(crate) end: Option<(Outcome, DateTime<Utc>)>,
}

impl RunFile<'_> {
    /// The fields that MLflow expects, in its order.
    pub(crate) fn text(&self) -> String {
        let ended = self.end.map_or("null".to_owned(), |(_, at)| {
            at.timestamp_millis().to_string()
        });
        format!(
            "artifact_uri: {artifacts}\nend_time: {ended}\nentry_point_name: ''\nexperiment_id: '{experiment}'\n\
             lifecycle_stage: active\nrun_id: {id}\nrun_name: {name}\nsource_name: ''\nsource_type: 4\n\
             source_version: ''\nstart_time: {started}\nstatus: {status}\ntags: []\nuser_id: {user}\n",
            artifacts = quoted(&self.artifacts.to_string_lossy()),
            experiment = self.experiment_id,
            // All digits, or digits around one `e`, would be a number.
            id = quoted(self.id),
            name = quoted(self.name),
            started = self.started.timestamp_millis(),
            status = self.end.map_or(RUNNING, |(outcome, _)| outcome.number()),
            user = quoted(self.user),
        )
    }
}

/// Reads a file that we or MLflow have written.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: &str,
) -> Result<T, TrackingError> {
    serde_saphyr::from_str(text).map_err(|error| damaged(path, &error))
}

/// A moment from MLflow's milliseconds.
pub(crate) fn moment(path: &Path, millis: i64) -> Result<DateTime<Utc>, TrackingError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| {
        damaged(
            path,
            &format!("found the time {millis}, expected milliseconds since 1970"),
        )
    })
}

/// Text as YAML's double-quoted scalar, all in printable ASCII: readers differ in what else they take.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            ' '..='~' => quoted.push(c),
            // Writing to a string does not fail.
            _ => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_comes_back_as_it_was_written() {
        for name in [
            "plain",
            "it's: a \"name\" # not",
            "- x",
            "null",
            "1e5",
            "zeile\neins\t\u{85}\u{7f}",
            "höhe 🌾",
            "{}\\",
        ] {
            let file = RunFile {
                id: "123e4567",
                experiment_id: "1",
                name,
                user: "",
                artifacts: Path::new("/a b"),
                started: DateTime::UNIX_EPOCH,
                end: None,
            };
            let read: RunMeta = parse(Path::new("meta.yaml"), &file.text()).unwrap();
            assert_eq!(read.run_name.as_deref(), Some(name));
            assert_eq!(
                (read.run_id.as_str(), read.status, read.end_time),
                ("123e4567", RUNNING, None)
            );
        }
    }
}
