//! A real MLflow, with PostgreSQL behind it and artifacts in S3: one server for all cases, because it starts slowly.
//!
//! `./dev test` installs it and names its Python in `GEOCROP_TEST_MLFLOW`; without it the tests say so and skip.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod faults;
mod file_store;
mod proxy;
mod registry;
mod remote;
mod round_trip;

use std::path::PathBuf;

use geocrop_testbed::s3::S3;
use geocrop_testbed::{Mlflow, Postgres};

use remote::Remote;

/// The Python that has MLflow, or `None` after saying that there is none.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("GEOCROP_TEST_MLFLOW").map(PathBuf::from);
    if python.is_none() {
        println!("skipped: MLflow: GEOCROP_TEST_MLFLOW names no Python with it");
    }
    python
}

type Case = fn(&Remote);

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        &[$((stringify!($case), $module::$case)),*]
    };
}

const CASES: &[(&str, Case)] = cases![
    round_trip::a_run_arrives_whole,
    round_trip::what_is_there_is_not_sent_again,
    round_trip::each_way_to_end_arrives,
    round_trip::more_than_fits_into_one_request_arrives,
    round_trip::a_second_copy_of_a_run_is_deleted,
    round_trip::a_run_that_was_deleted_there_is_not_made_again,
    round_trip::a_server_that_lost_a_run_gets_it_again,
    registry::a_promotion_after_the_run_arrives,
    registry::an_alias_does_not_go_back_to_a_version_that_had_it_earlier,
    registry::a_rollback_arrives,
    registry::a_run_that_failed_registers_nothing,
    faults::a_server_lost_at_any_request_ends_up_with_one_run_and_one_version,
    faults::one_lost_answer_is_no_failure,
];

#[test]
fn runs_are_sent_to_a_real_server() {
    let Some(python) = python() else { return };
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: MLflow on PostgreSQL: {missing}"),
    };
    let store = S3::start();
    let mlflow = Mlflow::start(&python, &postgres.database().unwrap(), &store).unwrap();
    let remote = Remote::new(&mlflow, &store);
    for (name, case) in CASES {
        println!("{name}");
        case(&remote);
    }
}
