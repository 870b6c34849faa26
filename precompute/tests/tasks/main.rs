//! Whole tasks over a made landscape.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod composites;
mod diff;
mod extract;
mod frozen;
mod labels;
mod large;
mod learnt;
mod native;
mod post;
mod readers;
mod remote;
mod support;
mod table;
mod task;
mod zonal;
