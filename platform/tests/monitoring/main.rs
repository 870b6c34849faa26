//! The monitoring is what it says: rules that Prometheus accepts and that fire when they should, pages for whoever is
//! woken, metrics that exist, dashboards that a Prometheus with the real program answers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod files;
mod live;
mod manifests;
mod metrics;
mod promql;
mod rules;
