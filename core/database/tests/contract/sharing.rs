//! Several jobs, one run.

use geocrop_database::{Database, Ended, JobStatus};

use super::{LEASE, claim, delivery, new_job, read, status, submit, user};

pub(crate) async fn two_who_ask_for_the_same_share_one_run(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let bob = user(&db, "two", "bob").await;
    let first = submit(&db, &ann, &new_job(1)).await;
    let second = submit(&db, &bob, &new_job(1)).await;
    let claim = claim(&db).await;
    assert!(db.claim_next("w", LEASE).await.unwrap().is_none());
    assert!(db.heartbeat(&claim, "read", 40, LEASE).await.unwrap());
    for job in [&first, &second] {
        let now = read(&db, job).await;
        assert_eq!((now.status, now.progress), (JobStatus::Running, 40));
    }
    let one = delivery(&first, "jobs/one/a/area.json");
    let two = delivery(&second, "jobs/two/b/area.json");
    assert_eq!(
        db.recipients(&claim).await.unwrap(),
        [one.recipient.clone(), two.recipient.clone()]
    );
    let ended = db
        .finish(&claim, std::slice::from_ref(&one), 1.0, None)
        .await
        .unwrap();
    assert_eq!(ended, Ended::Undelivered(vec![two.recipient.clone()]));
    assert_eq!(
        status(&db, &first).await,
        JobStatus::Running,
        "all or nothing"
    );
    assert_eq!(
        db.finish(&claim, &[one, two], 1.0, None).await.unwrap(),
        Ended::Done
    );
    assert_eq!(
        read(&db, &second).await.result_key.as_deref(),
        Some("jobs/two/b/area.json")
    );
    // What has ended is not joined.
    let third = submit(&db, &ann, &new_job(1)).await;
    assert_eq!(third.status, JobStatus::Accepted);
    assert!(db.claim_next("w", LEASE).await.unwrap().is_some());
}

pub(crate) async fn who_joins_while_it_runs_is_served_too(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let first = submit(&db, &ann, &new_job(1)).await;
    let claim = claim(&db).await;
    let late = submit(&db, &ann, &new_job(1)).await;
    assert_eq!(late.status, JobStatus::Running);
    let own = delivery(&first, "jobs/one/a/area.json");
    let ended = db
        .finish(&claim, std::slice::from_ref(&own), 1.0, Some(10))
        .await
        .unwrap();
    let theirs = delivery(&late, "jobs/one/b/area.json");
    assert_eq!(ended, Ended::Undelivered(vec![theirs.recipient.clone()]));
    assert_eq!(
        db.finish(&claim, &[own, theirs], 1.0, Some(10))
            .await
            .unwrap(),
        Ended::Done
    );
    assert_eq!(read(&db, &late).await.bytes, Some(10));
}

pub(crate) async fn the_run_goes_on_for_the_one_who_stays(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let bob = user(&db, "two", "bob").await;
    let first = submit(&db, &ann, &new_job(1)).await;
    let second = submit(&db, &bob, &new_job(1)).await;
    let claim = claim(&db).await;
    db.dismiss(&first.tenant, first.id.as_str()).await.unwrap();
    assert!(db.heartbeat(&claim, "read", 50, LEASE).await.unwrap());
    assert_eq!(db.recipients(&claim).await.unwrap().len(), 1);
    db.dismiss(&second.tenant, second.id.as_str())
        .await
        .unwrap();
    assert!(
        !db.heartbeat(&claim, "read", 60, LEASE).await.unwrap(),
        "nobody wants it any more"
    );
    assert_eq!(
        db.finish(&claim, &[], 1.0, None).await.unwrap(),
        Ended::Lost
    );
    assert_eq!(status(&db, &first).await, JobStatus::Dismissed);
}
