//! `geocrop runs`: trainings that were kept, and sending them to MLflow.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use geocrop_tracking::{Credentials, Patience, RunsFolder, Server, Status, SyncReport, sync};

use crate::args::Runs;
use crate::config::{Config, Usage};
use crate::progress;

pub(crate) fn run(command: &Runs, config: &Config) -> Result<()> {
    let folder = RunsFolder::new(config.path("runs"));
    match command {
        Runs::List(args) => {
            let listing = folder.list()?;
            if args.json {
                progress::print(&serde_json::to_string_pretty(&listing.runs)?);
                return Ok(());
            }
            let mut text = String::new();
            for run in &listing.runs {
                let _ = writeln!(
                    text,
                    "{}  {:<10} {}  {}: {}",
                    run.id.get(..8).unwrap_or(&run.id),
                    word(run.status),
                    run.started.format("%Y-%m-%d %H:%M"),
                    run.experiment,
                    run.name
                );
            }
            for damaged in &listing.damaged {
                let _ = writeln!(text, "unreadable: {damaged}");
            }
            if text.is_empty() {
                text = format!("no training was kept in {}", folder.path().display());
            }
            progress::print(text.trim_end());
            Ok(())
        }
        Runs::Show(args) => {
            let run = folder.show(&args.id)?;
            if args.json {
                progress::print(&serde_json::to_string_pretty(&run)?);
                return Ok(());
            }
            let head = (&run.experiment, &run.name, &run.id, word(run.status));
            let mut text = format!("{}: {} ({}, {})\n", head.0, head.1, head.2, head.3);
            for (name, value) in &run.params {
                let _ = writeln!(text, "  {name} = {value}");
            }
            for (name, points) in &run.metrics {
                if let Some(last) = points.last() {
                    let _ = writeln!(text, "  {name}: {:.4}", last.value);
                }
            }
            for artifact in &run.artifacts {
                let _ = writeln!(text, "  {} ({} bytes)", artifact.path, artifact.size);
            }
            progress::print(text.trim_end());
            Ok(())
        }
        Runs::Sync => match send(config)? {
            Some(report) => {
                let SyncReport { sent, complete, running } = &report;
                progress::print(&format!(
                    "{} sent, {complete} were there already, {running} still running",
                    sent.len()
                ));
                Ok(())
            }
            None => bail!(Usage(
                "mlflow.url is not set: give the server's address in geocrop.toml or GEOCROP_MLFLOW_URL".to_owned()
            )),
        },
    }
}

/// Sends what MLflow has not got; `None` if there is no MLflow.
pub(crate) fn send(config: &Config) -> Result<Option<SyncReport>> {
    let Some(url) = config.optional("mlflow.url") else {
        return Ok(None);
    };
    let server = Server::new(&url, Credentials::from_environment(), Patience::default())?;
    Ok(Some(sync(&RunsFolder::new(config.path("runs")), &server)?))
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Running => "running",
        Status::Finished => "finished",
        Status::Failed => "failed",
        Status::Killed => "killed",
        Status::Interrupted => "interrupted",
    }
}
