//! Sends what a server has not got, a run after the other.

mod batches;
mod registry;
mod state;

use std::collections::BTreeMap;

use crate::files;
use crate::folder::Place;
use crate::server::RemoteRun;
use crate::{Run, RunsFolder, Server, Status, TrackingError};

pub(crate) use state::SyncFile;

/// What was sent.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SyncReport {
    /// The runs that are complete at the server now and were not before, the oldest first.
    pub sent: Vec<String>,
    /// How many were complete before.
    pub complete: usize,
    /// How many go on, and are sent when they have ended.
    pub running: usize,
}

/// Sends the ended runs of a folder that the server has not got, and what of them it has not got.
///
/// It may be interrupted anywhere, and called again: the server ends up with one run for each, and one version of its
/// model. A version is registered when all artifacts are there, and gets its aliases last. An interrupted run is sent as
/// one that failed. Of what is longer than MLflow takes (6000 characters of a parameter, 8000 of a tag) the beginning is
/// sent.
///
/// # Errors
/// [`TrackingError::Unsent`] when a run is not complete there: the others are sent all the same, unless nobody answers.
/// [`TrackingError::Busy`] when another process is sending, or [`TrackingError::File`].
pub fn sync(folder: &RunsFolder, server: &Server) -> Result<SyncReport, TrackingError> {
    let mut report = SyncReport::default();
    if !folder.path().is_dir() {
        return Ok(report);
    }
    let lock = folder.path().join(".sync.lock");
    let Some(_lock) = files::lock(&lock)? else {
        return Err(TrackingError::Busy {
            folder: folder.path().to_owned(),
        });
    };
    let listing = folder.list()?;
    let mut left = listing.damaged.len();
    let mut first = listing.damaged.into_iter().next();
    let mut experiments = BTreeMap::new();
    // The oldest first: MLflow numbers versions as they come.
    let mut runs = listing.runs.iter().rev();
    for run in runs.by_ref() {
        if run.status == Status::Running {
            report.running += 1;
        } else if run.sent_to.iter().any(|known| known == server.address()) {
            report.complete += 1;
        } else if let Err(error) = send(folder, server, run, &mut experiments) {
            left += 1;
            let silent = matches!(
                error,
                TrackingError::Unreachable {
                    answered: false,
                    ..
                }
            );
            first.get_or_insert(error);
            if silent {
                break;
            }
        } else {
            report.sent.push(run.id.clone());
        }
    }
    left += runs.filter(|run| is_due(run, server)).count();
    match first {
        None => Ok(report),
        Some(first) => Err(TrackingError::Unsent {
            folder: folder.path().to_owned(),
            sent: report.sent.len(),
            left,
            first: Box::new(first),
        }),
    }
}

fn is_due(run: &Run, server: &Server) -> bool {
    run.status != Status::Running && !run.sent_to.iter().any(|known| known == server.address())
}

/// One run: its numbers, its files, its end, its model. What is done is noted after each step.
fn send(
    folder: &RunsFolder,
    server: &Server,
    run: &Run,
    experiments: &mut BTreeMap<String, String>,
) -> Result<(), TrackingError> {
    let place = folder.place(run)?;
    let mut file: SyncFile = files::read_json(&place.sync_file())?.unwrap_or_default();
    let experiment = match experiments.get(&run.experiment) {
        Some(id) => id,
        None => experiments
            .entry(run.experiment.clone())
            .or_insert(server.experiment(&run.experiment)?),
    };
    let remote = server.run(experiment, run)?;
    if remote.deleted {
        return Err(TrackingError::Deleted {
            run: run.id.clone(),
            address: server.address().to_owned(),
        });
    }
    if file.at(server).run_id != remote.id {
        // The first time, or the server has lost what was noted here.
        file.begin(server, &remote.id);
        save(&place, &file)?;
    }
    if !file.at(server).ended {
        send_content(server, &place, run, &remote, &mut file)?;
        server.delete_others(experiment, run, &remote.id)?;
        let ended = run.ended.map(|ended| ended.timestamp_millis());
        server.end(&remote.id, word(run.status), ended)?;
        file.at(server).ended = true;
        save(&place, &file)?;
    }
    if run.status == Status::Finished
        && let Some(registration) = &run.registration
    {
        registry::register(server, &remote, registration)?;
        file.at(server).registered = Some(registration.clone());
        save(&place, &file)?;
    }
    Ok(())
}

fn send_content(
    server: &Server,
    place: &Place,
    run: &Run,
    remote: &RemoteRun,
    file: &mut SyncFile,
) -> Result<(), TrackingError> {
    let batches = batches::of(run);
    for (kind, entries) in batches.iter().skip(file.at(server).batches) {
        server.log(&remote.id, kind, entries)?;
        file.at(server).batches += 1;
        save(place, file)?;
    }
    for artifact in &run.artifacts {
        if !file.at(server).artifacts.contains(&artifact.path) {
            server.upload(
                remote,
                &artifact.path,
                &place.artifacts().join(&artifact.path),
            )?;
            file.at(server).artifacts.insert(artifact.path.clone());
            save(place, file)?;
        }
    }
    Ok(())
}

fn save(place: &Place, file: &SyncFile) -> Result<(), TrackingError> {
    files::write_json(&place.aside(), &place.sync_file(), file)
}

/// MLflow's word; for it, what died half-way has failed.
fn word(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Finished => "FINISHED",
        Status::Failed | Status::Interrupted => "FAILED",
        Status::Killed => "KILLED",
    }
}
