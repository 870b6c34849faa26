//! The `geocrop` binary: parses arguments, calls the libraries, shows progress, maps errors to exit
//! codes. 0 done, 1 failed, 2 wrong usage.

mod args;
mod commands;
mod config;
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
    start_log(args.verbose);
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

/// Log lines go to stderr, so that stdout stays what a program would read.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GEOCROP_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
