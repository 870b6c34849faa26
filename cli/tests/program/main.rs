//! The whole program, run as a user would run it.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod area;
mod ask;
mod backups;
mod bad_input;
#[cfg(feature = "train")]
mod chain;
mod dataset;
mod diff;
mod logs;
mod models;
mod network;
mod planning;
mod real_scenes;
mod site;
mod support;
#[cfg(feature = "train")]
mod training;
mod usage;
