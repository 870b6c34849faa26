//! Whole tasks over a made landscape.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod composites;
mod labels;
mod native;
mod readers;
mod support;
mod task;
