//! Accounts, quotas and the queue.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::time::Duration;

use geocrop_store::db::{Database, DbError, JobStatus, MAX_ATTEMPTS, NewJob, Role, User};
use geocrop_store::{Slug, StoreError};

const LEASE: Duration = Duration::from_mins(1);

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn new_job() -> NewJob {
    NewJob {
        recipe: slug("ndvi"),
        period: "2024".parse().unwrap(),
        aoi_geojson: r#"{"type":"Polygon","coordinates":[]}"#.to_owned(),
        area_km2: 1.5,
    }
}

async fn with_user(role: Role) -> (Database, User) {
    let db = Database::open("sqlite::memory:").await.unwrap();
    let user = db
        .create_user(&slug("public"), "visitor", "$argon2id$", role)
        .await
        .unwrap();
    (db, user)
}

async fn status(db: &Database, id: &Slug) -> JobStatus {
    db.job(&slug("public"), id.as_str())
        .await
        .unwrap()
        .unwrap()
        .status
}

#[tokio::test]
async fn a_job_of_a_whole_number_of_square_kilometres_is_taken_like_any_other() {
    let (db, user) = with_user(Role::Admin).await;
    let new = NewJob {
        area_km2: 2.0,
        ..new_job()
    };
    let job = db.create_job(&user.id, &new).await.unwrap();
    let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
    assert_eq!(claim.job.id, job.id);
    assert!((claim.job.area_km2 - 2.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn an_account_is_found_by_its_name_and_names_are_unique() {
    let (db, user) = with_user(Role::Recruiter).await;
    assert_eq!(db.find_user("visitor").await.unwrap(), Some(user.clone()));
    assert_eq!(db.user(&user.id).await.unwrap(), Some(user));
    assert_eq!(db.find_user("nobody").await.unwrap(), None);
    let again = db
        .create_user(&slug("other"), "visitor", "x", Role::Admin)
        .await;
    assert!(matches!(again, Err(DbError::UserExists { .. })));
    let blank = db
        .create_user(&slug("other"), "a b", "x", Role::Admin)
        .await;
    assert!(matches!(blank, Err(DbError::InvalidUserName { .. })));

    db.set_password("visitor", "new").await.unwrap();
    assert_eq!(
        db.find_user("visitor")
            .await
            .unwrap()
            .unwrap()
            .password_hash,
        "new"
    );
    assert!(matches!(
        db.set_password("nobody", "x").await,
        Err(DbError::NoSuchUser { .. })
    ));
}

#[tokio::test]
async fn a_recruiter_has_five_jobs_and_an_admin_any_number() {
    let (db, recruiter) = with_user(Role::Recruiter).await;
    for _ in 0..5 {
        db.create_job(&recruiter.id, &new_job()).await.unwrap();
    }
    let sixth = db.create_job(&recruiter.id, &new_job()).await;
    assert!(
        matches!(sixth, Err(DbError::Quota { limit: 5, used: 5 })),
        "{sixth:?}"
    );

    let admin = db
        .create_user(&slug("public"), "root", "x", Role::Admin)
        .await
        .unwrap();
    for _ in 0..6 {
        db.create_job(&admin.id, &new_job()).await.unwrap();
    }
    assert_eq!(db.quota(&admin).await.unwrap().limit, None);
}

#[tokio::test]
async fn requests_at_once_do_not_slip_past_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}",
        folder.path().join("new/geocrop.sqlite").display()
    );
    let db = Database::open(&url).await.unwrap();
    let user = db
        .create_user(&slug("public"), "visitor", "x", Role::Recruiter)
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (db, id) = (db.clone(), user.id.clone());
        tasks.spawn(async move { db.create_job(&id, &new_job()).await });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    assert!(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .all(|e| matches!(e, DbError::Quota { .. }))
    );
    db.close().await;
}

#[tokio::test]
async fn a_failed_job_is_not_charged_and_a_dismissed_one_is() {
    let (db, user) = with_user(Role::Recruiter).await;
    db.create_job(&user.id, &new_job()).await.unwrap();
    let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
    assert_eq!(db.quota(&user).await.unwrap().used, 1);
    assert_eq!(
        db.fail(&claim, "no clear view", false).await.unwrap(),
        Some(JobStatus::Failed)
    );
    assert_eq!(db.quota(&user).await.unwrap().used, 0);

    let job = db.create_job(&user.id, &new_job()).await.unwrap();
    db.dismiss(&job.tenant, job.id.as_str()).await.unwrap();
    assert_eq!(db.quota(&user).await.unwrap().used, 1);
}

#[tokio::test]
async fn a_job_goes_from_accepted_to_successful() {
    let (db, user) = with_user(Role::Recruiter).await;
    let first = db.create_job(&user.id, &new_job()).await.unwrap();
    let second = db.create_job(&user.id, &new_job()).await.unwrap();
    assert_eq!(first.status, JobStatus::Accepted);

    let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
    assert_eq!(claim.job.id, first.id, "the one that waited longest");
    assert!(db.heartbeat(&claim, "read", 40, LEASE).await.unwrap());
    let running = db
        .job(&first.tenant, first.id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (running.status, running.stage.as_str(), running.progress),
        (JobStatus::Running, "read", 40)
    );

    assert!(db.finish(&claim, "jobs/public/x/field.json").await.unwrap());
    let done = db
        .job(&first.tenant, first.id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(done.status, JobStatus::Successful);
    assert_eq!(
        done.result_item.as_deref(),
        Some("jobs/public/x/field.json")
    );
    assert!(done.finished_at >= done.started_at && done.started_at.is_some());

    assert_eq!(
        db.claim_next_job(LEASE).await.unwrap().unwrap().job.id,
        second.id
    );
    assert_eq!(db.claim_next_job(LEASE).await.unwrap(), None);
    let listed: Vec<_> = db
        .jobs(&slug("public"), 10)
        .await
        .unwrap()
        .into_iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(listed, [second.id, first.id]);
}

#[tokio::test]
async fn another_tenants_job_is_as_good_as_none() {
    let (db, user) = with_user(Role::Recruiter).await;
    let job = db.create_job(&user.id, &new_job()).await.unwrap();
    let other = slug("other");
    assert_eq!(db.job(&other, job.id.as_str()).await.unwrap(), None);
    assert_eq!(db.dismiss(&other, job.id.as_str()).await.unwrap(), None);
    assert!(db.jobs(&other, 10).await.unwrap().is_empty());
    assert_eq!(status(&db, &job.id).await, JobStatus::Accepted);
}

#[tokio::test]
async fn a_dismissed_job_hears_no_more_from_its_worker() {
    let (db, user) = with_user(Role::Recruiter).await;
    let job = db.create_job(&user.id, &new_job()).await.unwrap();
    let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
    db.dismiss(&job.tenant, job.id.as_str()).await.unwrap();
    assert!(!db.heartbeat(&claim, "read", 50, LEASE).await.unwrap());
    assert!(!db.finish(&claim, "jobs/public/x/field.json").await.unwrap());
    assert_eq!(db.fail(&claim, "x", true).await.unwrap(), None);
    assert!(!db.release(&claim).await.unwrap());
    assert_eq!(status(&db, &job.id).await, JobStatus::Dismissed);
    assert_eq!(db.requeue_interrupted().await.unwrap(), 0);
}

#[tokio::test]
async fn a_worker_that_was_thought_dead_cannot_speak_for_the_next() {
    let (db, user) = with_user(Role::Recruiter).await;
    let job = db.create_job(&user.id, &new_job()).await.unwrap();
    let dead = db.claim_next_job(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(db.requeue_expired().await.unwrap(), 1);
    let alive = db.claim_next_job(LEASE).await.unwrap().unwrap();
    assert_eq!(alive.job.attempts, 2);
    assert!(!db.heartbeat(&dead, "read", 50, LEASE).await.unwrap());
    assert!(!db.finish(&dead, "jobs/public/x/wrong.json").await.unwrap());
    assert_eq!(
        db.requeue_expired().await.unwrap(),
        0,
        "a lease in force is respected"
    );
    assert!(db.finish(&alive, "jobs/public/x/right.json").await.unwrap());
    assert_eq!(
        db.job(&job.tenant, job.id.as_str())
            .await
            .unwrap()
            .unwrap()
            .result_item
            .as_deref(),
        Some("jobs/public/x/right.json")
    );
}

#[tokio::test]
async fn a_job_is_tried_three_times_and_then_given_up() {
    let (db, user) = with_user(Role::Recruiter).await;
    let failing = db.create_job(&user.id, &new_job()).await.unwrap();
    for attempt in 1..=MAX_ATTEMPTS {
        let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
        assert_eq!(claim.job.attempts, attempt);
        db.fail(&claim, "the catalog did not answer", true)
            .await
            .unwrap();
    }
    assert_eq!(status(&db, &failing.id).await, JobStatus::Failed);

    let crashing = db.create_job(&user.id, &new_job()).await.unwrap();
    for _ in 0..MAX_ATTEMPTS {
        db.claim_next_job(LEASE).await.unwrap().unwrap();
        db.requeue_interrupted().await.unwrap();
    }
    let given_up = db
        .job(&crashing.tenant, crashing.id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(given_up.status, JobStatus::Failed);
    assert!(
        given_up
            .message
            .unwrap()
            .contains("interrupted at every attempt")
    );
    assert_eq!(db.claim_next_job(LEASE).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_given_back_at_shutdown_has_lost_no_attempt() {
    let (db, user) = with_user(Role::Recruiter).await;
    let job = db.create_job(&user.id, &new_job()).await.unwrap();
    let claim = db.claim_next_job(LEASE).await.unwrap().unwrap();
    assert!(db.release(&claim).await.unwrap());
    assert_eq!(status(&db, &job.id).await, JobStatus::Accepted);
    assert_eq!(
        db.claim_next_job(LEASE)
            .await
            .unwrap()
            .unwrap()
            .job
            .attempts,
        1
    );
}

#[tokio::test]
async fn what_is_in_a_file_outlives_the_process_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geocrop.sqlite");
    let url = format!("sqlite://{}", path.display());
    let db = Database::open(&url).await.unwrap();
    let user = db
        .create_user(&slug("public"), "visitor", "x", Role::Recruiter)
        .await
        .unwrap();
    db.create_job(&user.id, &new_job()).await.unwrap();
    db.close().await;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let db = Database::open(&url).await.unwrap();
    assert_eq!(db.find_user("visitor").await.unwrap(), Some(user));
    assert_eq!(db.jobs(&slug("public"), 10).await.unwrap().len(), 1);
    db.close().await;
}

#[tokio::test]
async fn an_address_of_no_database_is_refused() {
    for url in ["geocrop.sqlite", "postgres://host/db", "sqlite://"] {
        assert!(
            matches!(Database::open(url).await, Err(DbError::InvalidUrl { .. })),
            "{url}"
        );
    }
    let error: StoreError = "Bad Slug".parse::<Slug>().unwrap_err();
    assert!(error.to_string().contains("Bad Slug"));
}
