//! One thin file per command: settings in, a library called, the outcome shown.

mod api;
mod area;
mod backup;
mod buffer;
mod capacity;
mod composite;
mod data;
mod dataset;
mod demo;
mod diff;
mod doctor;
mod model;
mod network;
mod precompute;
mod predict;
mod reproduce;
mod runs;
mod site;
mod train;
mod user;
mod zonal;

use anyhow::Result;

pub(crate) use diff::Differ;

use crate::args::{Args, Command, Data, Places, PlanCommand, Precompute, Site, User};
use crate::config::Config;
use crate::log;

/// Runs the command that was asked for.
pub(crate) fn run(args: Args) -> Result<()> {
    let file = args.config;
    let config = Config::load(&file)?;
    let _log = log::start(&config, args.verbose)?;
    match args.command {
        Command::Demo(args) => demo::run(&args, &config),
        Command::Precompute(Precompute::Plan(args)) => precompute::plan(&args, config),
        Command::Precompute(Precompute::Run(args)) => precompute::run(&args, config),
        Command::Reproduce(args) => reproduce::run(&args, config),
        Command::Train(args) => train::run(&args, config),
        Command::Model(command) => model::run(&command, config),
        Command::Runs(command) => runs::run(&command, &config),
        Command::Predict(args) => predict::run(&args, config),
        Command::Composite(args) => composite::run(&args),
        Command::Diff(args) => diff::run(&args, config),
        Command::Area(command) => area::run(&command, config),
        Command::Buffer(args) => buffer::run(&args),
        Command::ZonalStats(args) => zonal::run(&args, config),
        Command::Network(args) => network::run(&args, &config),
        Command::Site(Site::Build(args)) => site::build(&args, config),
        Command::Site(Site::Serve(args)) => site::serve(&args, config),
        Command::Site(Site::Publish(args)) => site::publish(&args, config),
        Command::Api(args) => api::run(&args, config),
        Command::Worker(args) => api::work(&args, config),
        Command::Invite(args) => user::invite(&args, &config),
        Command::User(User::Add(args)) => user::add(&args, &config),
        Command::Plan(PlanCommand::Capacity(args)) => capacity::run(&args, config),
        Command::Backup(args) => backup::backup(&args, config, &file),
        Command::Restore(args) => backup::restore(&args),
        Command::Dataset(command) => dataset::run(&command, config),
        Command::Data(Data::Pull(args)) => data::pull(&args, &config),
        Command::Data(Data::List) => data::list(&config),
        Command::Doctor(args) => doctor::run(&args, config),
    }
}

/// An error with what lies behind it, each part once: some messages name their cause themselves.
pub(crate) fn reason(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for part in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = part;
        } else if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

/// Puts the flags that most commands share over the configuration.
fn places(config: &mut Config, places: &Places) {
    config.flag("store", places.store.as_ref());
    config.flag("recipes", places.recipes.as_ref().map(|p| p.display()));
    config.flag("models", places.models.as_ref().map(|p| p.display()));
}

/// A pool of `threads` for the work that follows, or all.
fn threads(count: Option<usize>) -> Result<()> {
    if let Some(count) = count {
        // The pool is global: this is called once per process.
        geocrop_precompute::use_threads(count)?;
    }
    Ok(())
}
