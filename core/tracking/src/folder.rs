//! The folder of runs: begin one, list them, look at one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::Utc;

use crate::files::{self, damaged, failed};
use crate::meta::{self, ExperimentMeta, RUNNING, RunMeta};
use crate::names::{
    check_alias, check_artifact, check_key, check_model, check_name, experiment_id,
};
use crate::sync::SyncFile;
use crate::{Artifact, Point, Recorder, Registration, Run, Status, TrackingError};

/// A folder of runs in the layout of MLflow's file store; the module's page shows it.
#[derive(Debug, Clone)]
pub struct RunsFolder {
    root: PathBuf,
}

/// The runs of a folder.
#[derive(Debug)]
pub struct Listing {
    /// The readable ones, the latest first.
    pub runs: Vec<Run>,
    /// Why each of the others is not readable. One damaged run does not hide the rest.
    pub damaged: Vec<TrackingError>,
}

impl RunsFolder {
    /// The folder at this path; it is made with the first run.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Begins a run of an experiment, which is made if it is not there. Names may be any text: they never become paths.
    ///
    /// # Errors
    /// [`TrackingError::Name`] for one that is empty or too long, or [`TrackingError::File`].
    pub fn start(&self, experiment: &str, name: &str) -> Result<Recorder, TrackingError> {
        check_name("experiment", experiment)?;
        check_name("run", name)?;
        let id = self.experiment(experiment)?;
        Recorder::begin(&self.root.join(&id), id, name)
    }

    /// All runs, of all experiments.
    ///
    /// # Errors
    /// [`TrackingError::File`] when the folder itself cannot be listed. One that is not there has no runs.
    pub fn list(&self) -> Result<Listing, TrackingError> {
        let mut listing = Listing {
            runs: Vec::new(),
            damaged: Vec::new(),
        };
        for folder in subfolders(&self.root)? {
            let meta = match experiment_meta(&folder) {
                Ok(Some(meta)) if meta.lifecycle_stage == "active" => meta,
                Ok(_) => continue,
                Err(error) => {
                    listing.damaged.push(error);
                    continue;
                }
            };
            for run in subfolders(&folder)? {
                match read_run(&Place::new(run), &meta.name) {
                    Ok(run) => listing.runs.extend(run),
                    Err(error) => listing.damaged.push(error),
                }
            }
        }
        listing
            .runs
            .sort_by(|a, b| (b.started, &b.id).cmp(&(a.started, &a.id)));
        Ok(listing)
    }

    /// One run, by its number or the beginning of it.
    ///
    /// # Errors
    /// [`TrackingError::NotOne`], or what keeps it from being read.
    pub fn show(&self, id: &str) -> Result<Run, TrackingError> {
        let (place, experiment) = self.find(id)?;
        read_run(&place, &experiment)?.ok_or_else(|| self.not_one(id, 0))
    }

    /// Says which model a run stands for, or says it anew after the run has ended. The next [`sync`](crate::sync) takes it
    /// to the server.
    ///
    /// # Errors
    /// [`TrackingError::NotOne`], [`TrackingError::Name`], [`TrackingError::NoSource`] or [`TrackingError::File`].
    pub fn register(&self, id: &str, registration: &Registration) -> Result<(), TrackingError> {
        self.find(id)?.0.register(registration)
    }

    /// Gives the run's model version a name such as `production`, from now on. Going back to an earlier version is the
    /// same: it has the name again, later than the one after it.
    ///
    /// # Errors
    /// [`TrackingError::NoModel`], else as for [`RunsFolder::register`].
    pub fn give_alias(&self, id: &str, alias: &str) -> Result<(), TrackingError> {
        let (place, _) = self.find(id)?;
        let Some(mut registration) = place.registration()? else {
            return Err(TrackingError::NoModel {
                run: id.to_owned(),
                alias: alias.to_owned(),
            });
        };
        registration.aliases.insert(alias.to_owned(), Utc::now());
        place.register(&registration)
    }

    /// Where a listed run is kept.
    pub(crate) fn place(&self, run: &Run) -> Result<Place, TrackingError> {
        Ok(self.find(&run.id)?.0)
    }

    /// The run's folder and its experiment's name.
    fn find(&self, wanted: &str) -> Result<(Place, String), TrackingError> {
        let mut found = Vec::new();
        for folder in subfolders(&self.root)? {
            for run in subfolders(&folder)? {
                let named = run.file_name().and_then(|name| name.to_str());
                let chosen =
                    named.is_some_and(|name| !wanted.is_empty() && name.starts_with(wanted));
                if chosen && run.join("meta.yaml").is_file() {
                    found.push((run, folder.clone()));
                }
            }
        }
        if found.len() > 1 {
            return Err(self.not_one(wanted, found.len()));
        }
        let Some((run, folder)) = found.pop() else {
            return Err(self.not_one(wanted, 0));
        };
        let meta = experiment_meta(&folder)?
            .ok_or_else(|| damaged(&folder.join("meta.yaml"), &"there is no such file"))?;
        Ok((Place::new(run), meta.name))
    }

    fn not_one(&self, wanted: &str, found: usize) -> TrackingError {
        TrackingError::NotOne {
            wanted: wanted.to_owned(),
            found,
            folder: self.root.clone(),
        }
    }

    /// The number of the experiment: of the one that has the name, MLflow may have made it, or of a new one.
    fn experiment(&self, name: &str) -> Result<String, TrackingError> {
        for folder in subfolders(&self.root)? {
            let meta = experiment_meta(&folder)?;
            if meta.is_some_and(|meta| meta.name == name && meta.lifecycle_stage == "active")
                && let Some(id) = folder.file_name().and_then(|id| id.to_str())
            {
                return Ok(id.to_owned());
            }
        }
        let id = experiment_id(name);
        let folder = self.root.join(&id);
        fs::create_dir_all(&folder).map_err(failed("make the folder", &folder))?;
        let location = std::path::absolute(&folder).map_err(failed("find", &folder))?;
        let text = meta::experiment(&id, name, &location, Utc::now());
        // Two trainings that begin at once write the same file.
        files::write_whole(
            &folder.join(".unfinished"),
            &folder.join("meta.yaml"),
            text.as_bytes(),
        )?;
        Ok(id)
    }
}

/// The paths of one run's folder.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn meta(&self) -> PathBuf {
        self.root.join("meta.yaml")
    }

    pub(crate) fn params(&self) -> PathBuf {
        self.root.join("params")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.root.join("metrics")
    }

    pub(crate) fn tags(&self) -> PathBuf {
        self.root.join("tags")
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Where files are written before they are moved into place.
    pub(crate) fn aside(&self) -> PathBuf {
        self.root.join(".unfinished")
    }

    pub(crate) fn writing(&self) -> PathBuf {
        self.root.join("writing.lock")
    }

    pub(crate) fn sync_file(&self) -> PathBuf {
        self.root.join("sync.json")
    }

    pub(crate) fn registration(&self) -> Result<Option<Registration>, TrackingError> {
        files::read_json(&self.root.join("registration.json"))
    }

    pub(crate) fn register(&self, registration: &Registration) -> Result<(), TrackingError> {
        check_model(&registration.model)?;
        check_artifact(&registration.source)?;
        for tag in registration.tags.keys() {
            check_key("tag", tag)?;
        }
        for alias in registration.aliases.keys() {
            check_alias(alias)?;
        }
        if !self.artifacts().join(&registration.source).exists() {
            return Err(TrackingError::NoSource {
                model: registration.model.clone(),
                artifact: registration.source.clone(),
            });
        }
        files::write_json(
            &self.aside(),
            &self.root.join("registration.json"),
            registration,
        )
    }
}

/// A run that is not there yet, or was deleted with MLflow, is `None`.
fn read_run(place: &Place, experiment: &str) -> Result<Option<Run>, TrackingError> {
    let path = place.meta();
    let Some(text) = files::read(&path)? else {
        return Ok(None);
    };
    // A run that says it is running and is not written has died, unless it has ended since its file was read.
    let written = files::is_locked(&place.writing());
    let mut meta: RunMeta = meta::parse(&path, &text)?;
    if meta.status == RUNNING && !written {
        let text = files::read(&path)?.unwrap_or(text);
        meta = meta::parse(&path, &text)?;
    }
    if meta.lifecycle_stage != "active" {
        return Ok(None);
    }
    let status = match (meta.status, written) {
        (RUNNING, true) => Status::Running,
        (RUNNING, false) => Status::Interrupted,
        (3, _) => Status::Finished,
        (4, _) => Status::Failed,
        (5, _) => Status::Killed,
        (status, _) => {
            return Err(damaged(
                &path,
                &format!("found the status {status}, expected 1, 3, 4 or 5"),
            ));
        }
    };
    let mut artifacts = Vec::new();
    for path in files::below(&place.artifacts())? {
        let file = place.artifacts().join(&path);
        let size = fs::metadata(&file).map_err(failed("read", &file))?.len();
        artifacts.push(Artifact { path, size });
    }
    let sync = files::read_json::<SyncFile>(&place.sync_file())?.unwrap_or_default();
    let registration = place.registration()?;
    // A failed run registers nothing, so its model is not missing anywhere.
    let model = registration.as_ref().filter(|_| status == Status::Finished);
    Ok(Some(Run {
        experiment: experiment.to_owned(),
        name: meta.run_name.unwrap_or_default(),
        status,
        started: meta::moment(&path, meta.start_time)?,
        ended: meta
            .end_time
            .map(|end| meta::moment(&path, end))
            .transpose()?,
        params: values(&place.params())?,
        metrics: metrics(&place.metrics())?,
        tags: values(&place.tags())?,
        artifacts,
        sent_to: sync.complete(model),
        registration,
        id: meta.run_id,
    }))
}

/// A folder whose files are values.
fn values(folder: &Path) -> Result<BTreeMap<String, String>, TrackingError> {
    let mut values = BTreeMap::new();
    for name in files::below(folder)? {
        let value = files::read(&folder.join(&name))?.unwrap_or_default();
        values.insert(name, value);
    }
    Ok(values)
}

fn metrics(folder: &Path) -> Result<BTreeMap<String, Vec<Point>>, TrackingError> {
    let mut metrics = BTreeMap::new();
    for name in files::below(folder)? {
        let path = folder.join(&name);
        let text = files::read(&path)?.unwrap_or_default();
        // A line without an end was being written when the power went.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let points: Result<Vec<Point>, _> = whole.lines().map(|line| point(&path, line)).collect();
        metrics.insert(name, points?);
    }
    Ok(metrics)
}

fn point(path: &Path, line: &str) -> Result<Point, TrackingError> {
    let fields: Vec<&str> = line.split(' ').collect();
    // MLflow adds a data set's name and digest where there is one.
    let read = match fields[..] {
        [at, value, step, ..] => at
            .parse()
            .ok()
            .zip(value.parse().ok())
            .zip(step.parse().ok()),
        _ => None,
    };
    read.map(|((at, value), step)| Point { at, value, step })
        .ok_or_else(|| {
            damaged(
                path,
                &format!("found the line `{line}`, expected milliseconds, a value and a step"),
            )
        })
}

fn experiment_meta(folder: &Path) -> Result<Option<ExperimentMeta>, TrackingError> {
    let path = folder.join("meta.yaml");
    files::read(&path)?
        .map(|text| meta::parse(&path, &text))
        .transpose()
}

/// The folders in a folder, without MLflow's own and hidden ones.
fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, TrackingError> {
    const KEPT_BY_MLFLOW: [&str; 4] = ["datasets", "models", "tags", "traces"];
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(failed("list", &entry.path()))?;
        if kind.is_dir() && !name.starts_with('.') && !KEPT_BY_MLFLOW.contains(&name.as_ref()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
