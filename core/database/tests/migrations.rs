//! A database of an earlier version keeps what is in it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::borrow::Cow;
use std::time::Duration;

use geocrop_database::{Database, JobFilter, JobStatus};
use geocrop_testbed::Postgres;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use tokio::runtime::Runtime;

/// The tables as the first migrations made them, with rows in them.
async fn old_copy(address: &str, all: &Migrator, migrations: usize, rows: &[&str]) {
    install_default_drivers();
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .connect(address)
        .await
        .unwrap();
    let old = Migrator {
        migrations: Cow::Owned(all.migrations[..migrations].to_vec()),
        ..Migrator::DEFAULT
    };
    old.run(&pool).await.unwrap();
    for sql in rows {
        sqlx::query(sqlx::AssertSqlSafe(*sql))
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
}

/// A job in every state, before jobs had runs.
const JOBS_WITHOUT_RUNS: &[&str] = &[
    "INSERT INTO tenants VALUES ('one', 1)",
    "INSERT INTO users VALUES ('u1', 'one', 'ann', '$argon2id$', 'recruiter', 2)",
    "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, created_at) VALUES
        ('waiting', 'one', 'u1', 'ndvi', '2024', '{\"type\":\"Polygon\"}', 2.0, 'accepted', 1000)",
    "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, attempts, claim,
        claimed_until, created_at, started_at) VALUES
        ('begun', 'one', 'u1', 'ndvi', '2024', '{}', 1.5, 'running', 1, 'token', 5, 900, 950)",
    "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, progress, attempts,
        created_at, started_at, finished_at, result_item) VALUES
        ('done', 'one', 'u1', 'ndvi', '2024', '{}', 1.5, 'successful', 100, 1, 800, 810, 820, 'jobs/one/done/a.json')",
    "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, message, attempts,
        created_at, started_at, finished_at) VALUES
        ('failed', 'one', 'u1', 'ndvi', '2024', '{}', 1.5, 'failed', 'clouds', 3, 700, 710, 720)",
    "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, created_at, finished_at)
        VALUES ('dismissed', 'one', 'u1', 'ndvi', '2024', '{}', 1.5, 'dismissed', 600, 620)",
    "INSERT INTO part_days (day, part, up) VALUES ('2026-11-20', 'api', 7)",
];

#[tokio::test]
async fn accounts_jobs_and_history_of_an_earlier_version_stay_and_the_queue_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geocrop.sqlite");
    let all = sqlx::migrate!("migrations/sqlite");
    let address = format!("sqlite://{}?mode=rwc", path.display());
    old_copy(&address, &all, 2, JOBS_WITHOUT_RUNS).await;

    let db = Database::open(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let ann = db.find_user("ann").await.unwrap().unwrap();
    assert_eq!(ann.password_hash.as_deref(), Some("$argon2id$"));
    assert_eq!(ann.role.as_str(), "recruiter");
    assert_eq!(
        db.quota(&ann).await.unwrap().used,
        4,
        "the failed one was not counted"
    );
    let filter = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    let jobs = db.jobs(&ann.tenant, &filter).await.unwrap();
    let states: Vec<_> = jobs
        .iter()
        .map(|job| (job.id.as_str(), job.status))
        .collect();
    assert_eq!(
        states,
        [
            ("waiting", JobStatus::Accepted),
            ("begun", JobStatus::Running),
            ("done", JobStatus::Successful),
            ("failed", JobStatus::Failed),
            ("dismissed", JobStatus::Dismissed),
        ]
    );
    assert_eq!(jobs[2].result_key.as_deref(), Some("jobs/one/done/a.json"));
    assert_eq!(jobs[3].message.as_deref(), Some("clouds"));

    // The lease of the one that was begun is over; it goes first, for it waits longest.
    assert_eq!(db.requeue_expired().await.unwrap().waiting, 1);
    let lease = Duration::from_mins(1);
    let next = db.claim_next("w", lease).await.unwrap().unwrap();
    assert_eq!((next.run.job.as_str(), next.run.attempts), ("begun", 2));
    let next = db.claim_next("w", lease).await.unwrap().unwrap();
    assert_eq!(next.run.job.as_str(), "waiting");
    assert_eq!(next.run.area_km2, Some(2.0));
    let today = chrono::NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
    let history = db
        .part_history(geocrop_store::status::Part::Api, today)
        .await
        .unwrap();
    assert_eq!(history[87].up, Some(7));
    db.close().await;
}

#[test]
fn the_tables_of_an_earlier_version_on_postgresql_keep_what_is_in_them() {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: an old copy on PostgreSQL: {missing}"),
    };
    let address = postgres.database().unwrap();
    Runtime::new().unwrap().block_on(async {
        let all = sqlx::migrate!("migrations/postgres");
        let rows = [
            "INSERT INTO tenants VALUES ('one', 1)",
            "INSERT INTO users (id, tenant_id, name, password_hash, role, created_at)
             VALUES ('u1', 'one', 'ann', '$argon2id$', 'recruiter', 2)",
            "INSERT INTO runs (id, content_key, kind, request, tenant_id, job_id, priority, rank_at, not_before, status,
                created_at)
             VALUES ('r1', 'k', 'map', '{}', 'one', 'j1', 1, 1000, 0, 'waiting', 1000)",
            "INSERT INTO jobs (id, tenant_id, user_id, run_id, kind, request, source, counted, recipe, period, area_km2,
                aoi_geojson, priority, status, created_at)
             VALUES ('j1', 'one', 'u1', 'r1', 'map', '{}', 'computed', 1, 'ndvi', '2024', 2.5,
                '{\"type\":\"Point\",\"coordinates\":[31,-17]}', 1, 'accepted', 1000)",
        ];
        old_copy(&address, &all, 1, &rows).await;

        let db = Database::open(&address).await.unwrap();
        let ann = db.find_user("ann").await.unwrap().unwrap();
        assert_eq!(db.quota(&ann).await.unwrap().used, 1);
        let next = db.claim_next("w", Duration::from_mins(1)).await.unwrap().unwrap();
        assert_eq!((next.run.job.as_str(), next.run.area_km2), ("j1", Some(2.5)));
        db.close().await;
    });
}
