//! What every database must do. SQLite and PostgreSQL run the same list.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

pub(crate) mod accounts;
pub(crate) mod areas;
pub(crate) mod checks;
pub(crate) mod queue;
pub(crate) mod quota;
pub(crate) mod sharing;

use std::time::Duration;

use geocrop_database::jobs::{Delivery, Recipient};
use geocrop_database::{
    Claim, Database, Estimate, Job, JobKind, JobStatus, NewJob, Priority, Submission, User,
};
use geocrop_store::Slug;

pub(crate) const LEASE: Duration = Duration::from_mins(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// Calls a macro with every case of the contract.
macro_rules! for_each_case {
    ($call:ident) => {
        $call! {
            accounts::an_account_is_found_by_its_name_and_names_are_unique,
            accounts::a_new_password_ends_the_sessions,
            accounts::a_refresh_token_is_good_once_and_a_copied_one_ends_the_session,
            accounts::a_session_that_was_ended_or_is_over_is_none,
            accounts::an_api_key_opens_until_it_is_taken_back,
            accounts::an_invite_lets_one_person_in_again_and_as_many_as_it_has_seats,
            areas::areas_that_were_asked_for_are_listed_over_all_tenants,
            checks::since_is_the_first_check_of_the_state_and_moves_when_the_part_goes_down_and_comes_back,
            checks::a_break_in_the_checks_is_unknown_and_since_begins_anew_after_it,
            checks::what_is_unknown_is_not_counted,
            checks::ninety_days_are_kept_and_older_ones_swept,
            queue::a_job_of_a_whole_number_of_square_kilometres_is_taken_like_any_other,
            queue::numbers_may_be_there_and_missing_in_any_order,
            queue::only_a_cancelled_run_is_cancelled,
            queue::what_is_ready_is_counted_by_priority,
            queue::a_job_goes_from_accepted_to_successful,
            queue::another_tenants_job_is_as_good_as_none,
            queue::a_dismissed_job_hears_no_more_from_its_worker,
            queue::a_worker_that_was_thought_dead_cannot_speak_for_the_next,
            queue::a_job_is_tried_three_times_and_then_given_up,
            queue::a_job_that_failed_waits_before_it_is_tried_again,
            queue::a_job_given_back_at_shutdown_has_lost_no_attempt,
            queue::a_worker_takes_back_only_its_own_runs,
            queue::workers_at_once_never_take_the_same_run,
            queue::the_urgent_come_first_and_a_crowd_of_one_tenant_does_not_block_another,
            queue::jobs_are_listed_page_by_page_and_by_state_and_kind,
            queue::the_queue_tells_its_depth_and_since_when_the_first_job_waits,
            queue::a_result_expires_and_the_job_stays,
            quota::a_role_has_its_jobs_and_no_more,
            quota::two_hundred_requests_at_once_give_exactly_five_jobs,
            quota::what_failed_here_or_was_cancelled_early_is_given_back,
            quota::a_repeated_request_is_the_same_job_and_another_under_its_key_is_refused,
            quota::an_answer_that_was_there_costs_nothing,
            sharing::two_who_ask_for_the_same_share_one_run,
            sharing::who_joins_while_it_runs_is_served_too,
            sharing::the_run_goes_on_for_the_one_who_stays,
        }
    };
}
pub(crate) use for_each_case;

pub(crate) fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

/// A map of the area number `n`; another number is another area.
pub(crate) fn new_job(n: u32) -> NewJob {
    let geometry = format!(
        r#"{{"type":"Polygon","coordinates":[[[31,-17],[31.0{n},-17],[31.0{n},-17.1],[31,-17.1],[31,-17]]]}}"#
    );
    NewJob {
        kind: JobKind::Map,
        request: format!(r#"{{"recipe":"ndvi","period":"2024","n":{n}}}"#),
        recipe: Some(slug("ndvi")),
        period: Some("2024".parse().unwrap()),
        aoi_geojson: Some(geometry.clone()),
        geometry: Some(geometry),
        area_km2: Some(1.5),
        priority: Priority::Normal,
        content_key: format!("map of {n}"),
        estimate: Estimate {
            seconds: Some(12.0),
            bytes: Some(1000),
        },
    }
}

pub(crate) async fn user(db: &Database, tenant: &str, name: &str) -> User {
    db.create_user(&slug(tenant), name, Some("$argon2id$"), &slug("recruiter"))
        .await
        .unwrap()
}

/// Puts a job into the queue without a limit.
pub(crate) async fn submit(db: &Database, user: &User, job: &NewJob) -> Job {
    db.submit(&Submission {
        user,
        job,
        limit: None,
        idempotency: None,
    })
    .await
    .unwrap()
    .job()
}

pub(crate) async fn claim(db: &Database) -> Claim {
    db.claim_next("w", LEASE).await.unwrap().unwrap()
}

pub(crate) async fn read(db: &Database, job: &Job) -> Job {
    db.job(&job.tenant, job.id.as_str()).await.unwrap().unwrap()
}

pub(crate) async fn status(db: &Database, job: &Job) -> JobStatus {
    read(db, job).await.status
}

/// The delivery of a result to a job, for a day.
pub(crate) fn delivery(job: &Job, key: &str) -> Delivery {
    Delivery {
        recipient: Recipient {
            tenant: job.tenant.clone(),
            job: job.id.clone(),
            role: slug("recruiter"),
        },
        result_key: key.to_owned(),
        keep: DAY,
    }
}
