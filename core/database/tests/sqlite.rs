//! The contract on SQLite, and what is SQLite's own.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod contract;

use geocrop_database::{Database, DbError};

macro_rules! tests {
    ($($module:ident::$case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}", folder.path().join("new folder/geocrop.sqlite").display());
                let db = Database::open(&url).await.unwrap();
                contract::$module::$case(db.clone()).await;
                db.close().await;
            }
        )*
    };
}
contract::for_each_case!(tests);

#[tokio::test]
async fn a_database_in_memory_needs_no_file() {
    let db = Database::open("sqlite::memory:").await.unwrap();
    contract::queue::a_job_goes_from_accepted_to_successful(db).await;
}

#[tokio::test]
async fn what_is_in_a_file_outlives_the_process_and_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geocrop.sqlite");
    let url = format!("sqlite://{}", path.display());
    let db = Database::open(&url).await.unwrap();
    let ann = contract::user(&db, "one", "ann").await;
    let job = contract::submit(&db, &ann, &contract::new_job(1)).await;
    db.close().await;
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let db = Database::open(&url).await.unwrap();
    assert_eq!(db.find_user("ann").await.unwrap(), Some(ann));
    assert_eq!(contract::read(&db, &job).await, job);
    assert!(!db.is_shared());
    db.close().await;
}

#[tokio::test]
async fn an_address_of_no_database_is_refused() {
    for url in ["geocrop.sqlite", "mysql://host/db", "sqlite://"] {
        let opened = Database::open(url).await;
        assert!(
            matches!(opened, Err(DbError::InvalidUrl { .. })),
            "{url}: {opened:?}"
        );
    }
}
