//! `geocrop precompute run`: makes what is not there yet; one task that fails does not stop the rest.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Result, bail};
use geocrop_precompute::{Cost, Engine, Outcome, Task};
use serde_json::json;

use super::engine_with;
use super::plan::{self, Inputs};
use super::table::{bytes, duration, peak_mb, table};
use super::tasks::{self, List};
use crate::args::Tasks;
use crate::config::{Config, Usage};
use crate::progress::{self, Board};

pub(crate) fn run(args: &Tasks, mut config: Config) -> Result<()> {
    super::super::places(&mut config, &args.places);
    config.flag("memory", args.memory);
    let engine = engine_with(&config, |options| plan::adjust(options, args))?;
    let list = tasks::list(args, &config, &engine, || {
        let missing = "give the imagery with --source, or 'sources' in the configuration";
        Ok(tasks::imagery(args, &config)?.ok_or_else(|| Usage(missing.into()))?)
    })?;
    let report = run_list(&engine, &list, |costed| {
        costed.refuse_over(args.budget.as_ref())
    })?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&report.to_json())?);
    }
    report.finish()
}

/// How a list of tasks ended.
#[derive(Default)]
pub(crate) struct Report {
    done: Vec<serde_json::Value>,
    skipped: Vec<String>,
    failed: Vec<(String, String)>,
    stopped: bool,
    planned: Cost,
    spent: Cost,
    seconds: f64,
}

/// Runs tasks one after another.
pub(crate) fn run_tasks(engine: &Engine, tasks: Vec<Task>) -> Result<Report> {
    run_list(engine, &List::plain(tasks), |_| Ok(()))
}

fn run_list(
    engine: &Engine,
    list: &List,
    allow: impl FnOnce(&plan::Costed) -> Result<()>,
) -> Result<Report> {
    for gone in engine.sweep()? {
        progress::line(&format!("swept: {gone}"));
    }
    let costed = plan::cost(engine, &list.tasks, Inputs::Frozen)?;
    allow(&costed)?;
    let begun = Instant::now();
    let board = Board::new(
        list.tasks.len() + list.mosaics.len(),
        costed.total().cpu_seconds,
    );
    let mut report = Report {
        planned: costed.total(),
        ..Report::default()
    };
    let mut weights = costed.plans.iter().peekable();
    for task in &list.tasks {
        let weight = weights
            .next_if(|(plan, _)| plan.name() == task.name())
            .map_or(0.0, |(_, cost)| cost.cpu_seconds);
        report.attempt(&board, &task.name(), weight, |handle| {
            engine.run(task, handle)
        })?;
    }
    for whole in &list.mosaics {
        let name = format!("{} (all tiles)", whole.name());
        report.attempt(&board, &name, 0.0, |handle| engine.mosaic(whole, handle))?;
    }
    board.finish();
    // A run that was killed between an item and its collection left the item unlisted: tasks that are done are not
    // made again, but listed.
    for recipe in list.recipes() {
        engine.refresh(recipe)?;
    }
    report.seconds = begun.elapsed().as_secs_f64();
    progress::line(&report.to_table());
    Ok(report)
}

impl Report {
    fn attempt(
        &mut self,
        board: &Board,
        title: &str,
        weight: f64,
        work: impl FnOnce(
            &geocrop_precompute::Progress,
        ) -> Result<Outcome, geocrop_precompute::TaskError>,
    ) -> Result<()> {
        let stop = progress::listen_for_stop()?;
        if self.stopped || stop.load(Ordering::Relaxed) {
            self.stopped = true;
            return Ok(());
        }
        let result = board.watch(title, weight, &stop, |handle| {
            let outcome = work(handle)?;
            let words = match &outcome {
                Outcome::Done(map) => format!("{:.0} ha mapped", map.statistics.observed_ha),
                Outcome::Unchanged { .. } => "up to date".to_owned(),
                Outcome::Incomplete { missing } => {
                    format!("waits for {missing} tiles that other shards make")
                }
            };
            Ok((outcome, words))
        });
        match result {
            Ok(Outcome::Done(map)) => {
                for note in &map.notes {
                    board.line(&format!("  note: {note}"));
                }
                self.spent += map.spent;
                self.done.push(json!({
                    "task": title,
                    "item": map.item_key,
                    "statistics": map.statistics,
                    "notes": map.notes,
                    "cost": map.spent,
                }));
            }
            Ok(Outcome::Unchanged { .. } | Outcome::Incomplete { .. }) => {
                self.skipped.push(title.to_owned());
            }
            Err(error) => {
                let message = super::super::reason(&error);
                board.error(&format!("{title}: {message}"));
                self.failed.push((title.to_owned(), message));
            }
        }
        Ok(())
    }

    /// What became of it, and whether the plan was right.
    fn to_table(&self) -> String {
        let mut text = format!(
            "{} made, {} up to date, {} failed in {}",
            self.done.len(),
            self.skipped.len(),
            self.failed.len(),
            duration(self.seconds)
        );
        if !self.done.is_empty() {
            let ratio = |actual: f64, planned: f64| match planned {
                p if p > 0.0 => format!("{:.2} x", actual / p),
                _ => "-".to_owned(),
            };
            let rows = vec![
                vec![
                    "processor time".to_owned(),
                    duration(self.planned.cpu_seconds),
                    duration(self.spent.cpu_seconds),
                    ratio(self.spent.cpu_seconds, self.planned.cpu_seconds),
                ],
                vec![
                    "disk".to_owned(),
                    bytes(self.planned.output_bytes),
                    bytes(self.spent.output_bytes),
                    ratio(
                        self.spent.output_bytes as f64,
                        self.planned.output_bytes as f64,
                    ),
                ],
            ];
            let _ = write!(
                text,
                "\n{}",
                table(&["", "planned", "actual", "ratio"], &rows)
            );
        }
        if let Some(peak) = peak_mb().filter(|_| !self.done.is_empty()) {
            let _ = write!(text, "\nmemory at most {peak:.0} MB");
        }
        for (task, reason) in &self.failed {
            let _ = write!(text, "\nfailed: {task}: {reason}");
        }
        text
    }

    fn to_json(&self) -> serde_json::Value {
        let failed = self.failed.iter();
        json!({
            "done": self.done,
            "skipped": self.skipped,
            "failed": failed.map(|(task, reason)| json!({ "task": task, "reason": reason })).collect::<Vec<_>>(),
            "planned": self.planned,
            "spent": self.spent,
            "seconds": self.seconds,
            "peak_mb": peak_mb(),
        })
    }

    /// An error if anything failed.
    pub(crate) fn finish(self) -> Result<()> {
        if self.stopped {
            bail!("stopped; run the same command again to make the rest");
        }
        match self.failed.len() {
            0 => Ok(()),
            1 => bail!("one task failed; nothing of it was published"),
            n => bail!("{n} tasks failed; nothing of them was published"),
        }
    }
}
