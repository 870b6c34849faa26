//! The `geocrop` binary: parses arguments, calls the libraries, shows progress, maps errors to exit
//! codes. 0 done, 1 failed, 2 wrong usage.

mod args;
mod commands;
mod config;
mod log;
mod memory;
mod models;
mod progress;
mod runner;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    if !matches!(args.command, args::Command::Site(_)) {
        memory::one_heap();
    }
    match commands::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        // The answer is printed already; only the exit code is left to give.
        Err(error) if error.is::<commands::Differ>() => ExitCode::FAILURE,
        Err(error) => {
            progress::print_error(&commands::reason(&error));
            ExitCode::from(if error.is::<config::Usage>() { 2 } else { 1 })
        }
    }
}
