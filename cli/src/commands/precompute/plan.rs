//! `geocrop precompute plan`: what a run would do and cost, before anything runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use geocrop_precompute::{Cost, Engine, Plan, Progress, Rates, Task};
use geocrop_source::Source;
use serde_json::json;

use super::engine_with;
use super::table::{bytes, duration, peak_mb, table};
use super::tasks::{self, List};
use crate::args::{Budget, Tasks};
use crate::config::Config;
use crate::progress::{self, Bar};

/// A plan for each task, with what it will cost.
pub(super) struct Costed {
    pub(super) plans: Vec<(Plan, Cost)>,
    /// Whether the scenes were assumed, because no imagery was named.
    assumed: bool,
    /// Recipes whose rates were not measured on this machine yet.
    strange: Vec<String>,
}

/// How the inputs of a plan are found.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Inputs {
    /// Not at all: as many scenes are assumed as the satellites take.
    Assumed,
    /// Searched.
    Searched,
    /// Searched, and kept for the run that follows.
    Frozen,
}

pub(crate) fn plan(args: &Tasks, mut config: Config) -> Result<()> {
    super::super::places(&mut config, &args.places);
    config.flag("memory", args.memory);
    let engine = engine_with(&config, |options| adjust(options, args))?;
    let mut inputs = Inputs::Searched;
    let list = tasks::list(args, &config, &engine, || {
        Ok(tasks::imagery(args, &config)?.unwrap_or_else(|| {
            inputs = Inputs::Assumed;
            Arc::new(Source::unknown())
        }))
    })?;
    let costed = cost(&engine, &list.tasks, inputs)?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&costed.to_json(&list))?);
    } else {
        progress::print(&costed.to_table(args.by_task));
    }
    costed.refuse_over(args.budget.as_ref())
}

/// The options of a command that makes or plans tasks.
pub(super) fn adjust(options: &mut geocrop_precompute::EngineOptions, args: &Tasks) {
    options.frozen = args.frozen;
    if let Some(pixels) = args.tile {
        options.tile_pixels = pixels as usize;
    }
}

/// Plans tasks one after another. One that cannot be planned stops a plan, and is left to the run otherwise.
pub(super) fn cost(engine: &Engine, tasks: &[Task], inputs: Inputs) -> Result<Costed> {
    let rates = engine
        .options()
        .rates
        .as_deref()
        .map_or_else(Rates::default, Rates::read);
    let stop = progress::listen_for_stop()?;
    let bar = (tasks.len() > 1).then(|| Bar::start("plan"));
    let mut planner = engine.planner();
    let mut costed = Costed {
        plans: Vec::with_capacity(tasks.len()),
        assumed: inputs == Inputs::Assumed,
        strange: Vec::new(),
    };
    for (done, task) in tasks.iter().enumerate() {
        if stop.load(std::sync::atomic::Ordering::Relaxed) {
            bail!("stopped while planning; nothing was done");
        }
        if let Some(bar) = &bar {
            bar.at(done as f64 / tasks.len() as f64, &task.name());
        }
        let progress = Progress::new();
        let plan = match inputs {
            Inputs::Assumed => planner.assume(task),
            Inputs::Searched => planner.plan(task, &progress),
            Inputs::Frozen => planner.freeze(task, &progress),
        };
        let mut plan = match (plan, inputs) {
            (Ok(plan), _) => plan,
            // The run meets the same error, says it beside the task, and does the rest.
            (Err(_), Inputs::Frozen) => continue,
            (Err(error), _) => return Err(error).with_context(|| task.name()),
        };
        // Thousands of scenes a task: a plan of a country keeps their number alone.
        if inputs == Inputs::Frozen {
            plan.scenes = Vec::new();
        }
        if !rates.knows(&plan.recipe) && !costed.strange.contains(&plan.recipe) {
            costed.strange.push(plan.recipe.clone());
        }
        let cost = if plan.up_to_date {
            Cost::default()
        } else {
            rates.cost(&plan.recipe, &plan.work)
        };
        costed.plans.push((plan, cost));
    }
    if let Some(bar) = bar {
        bar.finish(&format!("{} tasks", tasks.len()));
    }
    Ok(costed)
}

impl Costed {
    pub(super) fn total(&self) -> Cost {
        let mut total = Cost::default();
        for (_, cost) in &self.plans {
            total += *cost;
        }
        total
    }

    pub(super) fn refuse_over(&self, budget: Option<&Budget>) -> Result<()> {
        let costs: Vec<Cost> = self.plans.iter().map(|(_, cost)| *cost).collect();
        match budget.and_then(|budget| budget.refusal(&costs)) {
            Some(reason) => bail!("{reason}"),
            None => Ok(()),
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.assumed {
            remarks.push(
                "no imagery was named: a scene every five days is assumed (every ten before July 2017)"
                    .to_owned(),
            );
        }
        if !self.strange.is_empty() {
            remarks.push(format!(
                "{}: never run on this machine; the rates are those of a small server",
                self.strange.join(", ")
            ));
        }
        remarks
    }

    fn to_json(&self, list: &List) -> serde_json::Value {
        let total = self.total();
        let task = |(plan, cost): &(Plan, Cost)| {
            let mut value = json!(plan);
            value["task"] = json!(plan.name());
            value["cost"] = json!(cost);
            value
        };
        json!({
            "tasks": self.plans.iter().map(task).collect::<Vec<_>>(),
            "mosaics": list.mosaics.iter().map(Task::name).collect::<Vec<_>>(),
            "total": {
                "tasks": self.plans.len(),
                "to_do": self.plans.iter().filter(|(p, _)| !p.up_to_date).count(),
                "blocks": self.plans.iter().map(|(p, _)| p.blocks).sum::<usize>(),
                "input_bytes": self.plans.iter().map(|(p, _)| p.work.input_bytes).sum::<u64>(),
                "cpu_seconds": total.cpu_seconds,
                "output_bytes": total.output_bytes,
            },
            "remarks": self.remarks(),
            "peak_mb": peak_mb(),
        })
    }

    /// A line for each task, or for each layer when there are many of them.
    fn to_table(&self, by_task: bool) -> String {
        const MANY: usize = 40;
        let mut groups: BTreeMap<(usize, String), Sum> = BTreeMap::new();
        for (place, (plan, cost)) in self.plans.iter().enumerate() {
            let key = if by_task || self.plans.len() <= MANY {
                (place, plan.name())
            } else {
                (0, format!("{}/{}", plan.recipe, plan.period))
            };
            groups.entry(key).or_default().add(plan, cost);
        }
        let mut rows: Vec<Vec<String>> = groups
            .iter()
            .map(|((_, name), sum)| sum.row(name))
            .collect();
        let mut total = Sum::default();
        for (plan, cost) in &self.plans {
            total.add(plan, cost);
        }
        rows.push(total.row("total"));
        let header = [
            "task", "Mpx", "blocks", "scenes", "input", "CPU", "disk", "state",
        ];
        let mut text = table(&header, &rows);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let seconds = self.total().cpu_seconds;
        if seconds > 0.0 {
            let _ = write!(
                text,
                "\nabout {} with {threads} threads, if reading keeps up",
                duration(seconds / threads as f64)
            );
        }
        for remark in self.remarks() {
            let _ = write!(text, "\n{remark}");
        }
        text
    }
}

/// Plans added up.
#[derive(Default)]
struct Sum {
    tasks: usize,
    done: usize,
    pixels: u64,
    blocks: usize,
    scenes: usize,
    input: u64,
    cost: Cost,
}

impl Sum {
    fn add(&mut self, plan: &Plan, cost: &Cost) {
        self.tasks += 1;
        self.done += usize::from(plan.up_to_date);
        self.pixels += plan.work.pixels;
        self.blocks += plan.blocks;
        self.scenes += plan.work.dates;
        self.input += plan.work.input_bytes;
        self.cost += *cost;
    }

    fn row(&self, name: &str) -> Vec<String> {
        let state = match (self.tasks, self.done) {
            (1, 1) => "done".to_owned(),
            (1, 0) => "to do".to_owned(),
            (tasks, 0) => format!("{tasks} to do"),
            (tasks, done) if tasks == done => format!("{tasks} done"),
            (tasks, done) => format!("{} to do, {done} done", tasks - done),
        };
        vec![
            name.to_owned(),
            format!("{:.2}", self.pixels as f64 / 1e6),
            self.blocks.to_string(),
            self.scenes.to_string(),
            bytes(self.input),
            duration(self.cost.cpu_seconds),
            bytes(self.cost.output_bytes),
            state,
        ]
    }
}
