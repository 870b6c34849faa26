//! A run while it goes on: everything is in the folder at once, so that nothing is lost with the process.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::files::{self, failed};
use crate::folder::Place;
use crate::meta::RunFile;
use crate::names::{check_artifact, check_key};
use crate::{Outcome, Registration, TrackingError};

/// An open run. One that is dropped without [`Recorder::finish`] has failed; one whose process was killed says
/// that it is running, and is listed as [interrupted](crate::Status::Interrupted).
#[derive(Debug)]
pub struct Recorder {
    place: Place,
    experiment_id: String,
    id: String,
    name: String,
    user: String,
    started: DateTime<Utc>,
    /// Held as long as the run is written.
    _lock: File,
    open: bool,
}

impl Recorder {
    /// Makes the run's folder below the experiment's. What MLflow looks for, `meta.yaml`, is written last.
    pub(crate) fn begin(
        experiment: &Path,
        experiment_id: String,
        name: &str,
    ) -> Result<Self, TrackingError> {
        let id = format!("{:032x}", rand::random::<u128>());
        let place = Place::new(experiment.join(&id));
        // MLflow takes a folder for a run only if it has these.
        for folder in [
            place.params(),
            place.metrics(),
            place.tags(),
            place.artifacts(),
        ] {
            fs::create_dir_all(&folder).map_err(failed("make the folder", &folder))?;
        }
        let lock = files::lock(&place.writing())?.ok_or_else(|| TrackingError::Busy {
            folder: place.root().to_owned(),
        })?;
        let mut recorder = Self {
            place,
            experiment_id,
            id,
            name: name.to_owned(),
            user: ["USER", "LOGNAME"]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_default(),
            started: Utc::now(),
            _lock: lock,
            open: true,
        };
        recorder.tag("mlflow.runName", name)?;
        recorder.write_meta(None)?;
        Ok(recorder)
    }

    /// The run's number: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the run is kept.
    pub fn folder(&self) -> &Path {
        self.place.root()
    }

    /// Records what went in.
    ///
    /// # Errors
    /// [`TrackingError::Name`], [`TrackingError::ParameterTwice`] if it has another value already, or
    /// [`TrackingError::File`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a number is handed over more easily than a reference to it"
    )]
    pub fn param(&mut self, name: &str, value: impl ToString) -> Result<(), TrackingError> {
        check_key("parameter", name)?;
        let value = value.to_string();
        let path = self.place.params().join(name);
        match files::read(&path)? {
            Some(old) if old == value => Ok(()),
            Some(old) => Err(TrackingError::ParameterTwice {
                name: name.to_owned(),
                old,
                new: value,
            }),
            None => self.write(&path, value.as_bytes()),
        }
    }

    /// Records what came out at a step, such as a loss after so many trees. Infinite values and NaN are kept as such.
    ///
    /// # Errors
    /// [`TrackingError::Name`] or [`TrackingError::File`].
    pub fn metric(&mut self, name: &str, value: f64, step: i64) -> Result<(), TrackingError> {
        check_key("metric", name)?;
        let path = self.place.metrics().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("make the folder", parent))?;
        }
        // Python reads `inf` and `NaN` as Rust writes them. One write of a whole line: a reader never sees half of it.
        let line = format!("{} {value:?} {step}\n", Utc::now().timestamp_millis());
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(failed("write", &path))
    }

    /// Says something else about the run; a tag that is there already changes.
    ///
    /// # Errors
    /// [`TrackingError::Name`] or [`TrackingError::File`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a number is handed over more easily than a reference to it"
    )]
    pub fn tag(&mut self, name: &str, value: impl ToString) -> Result<(), TrackingError> {
        check_key("tag", name)?;
        self.write(&self.place.tags().join(name), value.to_string().as_bytes())
    }

    /// Keeps a file that the run has made. `path` is where, below the run's artifacts.
    ///
    /// # Errors
    /// [`TrackingError::Name`] or [`TrackingError::File`].
    pub fn artifact(&mut self, path: &str, bytes: &[u8]) -> Result<(), TrackingError> {
        check_artifact(path)?;
        self.write(&self.place.artifacts().join(path), bytes)
    }

    /// Keeps a copy of a file.
    ///
    /// # Errors
    /// As for [`Recorder::artifact`].
    pub fn artifact_file(&mut self, path: &str, from: &Path) -> Result<(), TrackingError> {
        check_artifact(path)?;
        files::copy_whole(
            &self.place.aside(),
            &self.place.artifacts().join(path),
            from,
        )
    }

    /// Says which model this run stands for; its artifact must have been recorded. Sent to the registry once the run has
    /// finished, and not if it fails.
    ///
    /// # Errors
    /// [`TrackingError::Name`], [`TrackingError::NoSource`] or [`TrackingError::File`].
    pub fn register(&mut self, registration: &Registration) -> Result<(), TrackingError> {
        self.place.register(registration)
    }

    /// Ends the run.
    ///
    /// # Errors
    /// [`TrackingError::File`]; the run is then listed as interrupted, with all that it has recorded.
    pub fn finish(mut self, outcome: Outcome) -> Result<(), TrackingError> {
        self.open = false;
        self.write_meta(Some(outcome))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TrackingError> {
        files::write_whole(&self.place.aside(), path, bytes)
    }

    fn write_meta(&self, outcome: Option<Outcome>) -> Result<(), TrackingError> {
        let artifacts = std::path::absolute(self.place.artifacts())
            .map_err(failed("find", &self.place.artifacts()))?;
        let text = RunFile {
            id: &self.id,
            experiment_id: &self.experiment_id,
            name: &self.name,
            user: &self.user,
            artifacts: &artifacts,
            started: self.started,
            end: outcome.map(|outcome| (outcome, Utc::now())),
        }
        .text();
        self.write(&self.place.meta(), text.as_bytes())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.open {
            // The run ends in an error of its own; that one is worth telling, and this file is not.
            let _ = self.write_meta(Some(Outcome::Failed));
        }
        let _ = fs::remove_dir_all(self.place.aside());
        let _ = fs::remove_file(self.place.writing());
    }
}
