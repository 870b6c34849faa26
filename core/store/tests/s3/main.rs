//! Buckets: an S3 server in this process, with faults, and a real one where there is one.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../suite/mod.rs"]
mod suite;

mod damage;
mod faults;
mod killed;
mod layer;
mod program;
mod racing;
mod refusals;
mod server;
