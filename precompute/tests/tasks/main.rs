//! Whole tasks over a made landscape.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod composites;
mod diff;
mod frozen;
mod large;
mod post;
mod readers;
mod support;
mod task;
