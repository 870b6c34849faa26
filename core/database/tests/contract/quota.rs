//! How many jobs an account may have.

use geocrop_database::jobs::{Fault, IdempotencyKey};
use geocrop_database::{Database, DbError, JobStatus, Submission, Submitted};

use super::{DAY, claim, new_job, slug, status, submit, user};

pub(crate) async fn a_role_has_its_jobs_and_no_more(db: Database) {
    let ann = user(&db, "one", "ann").await;
    for n in 0..5 {
        let job = new_job(n);
        let submission = Submission {
            user: &ann,
            job: &job,
            limit: Some(5),
            idempotency: None,
        };
        db.submit(&submission).await.unwrap();
    }
    let sixth = new_job(6);
    let submission = Submission {
        user: &ann,
        job: &sixth,
        limit: Some(5),
        idempotency: None,
    };
    let refused = db.submit(&submission).await;
    assert!(
        matches!(refused, Err(DbError::Quota { limit: 5, used: 5 })),
        "{refused:?}"
    );
    assert_eq!(db.quota(&ann).await.unwrap().used, 5);
    submit(&db, &ann, &sixth).await;
}

pub(crate) async fn two_hundred_requests_at_once_give_exactly_five_jobs(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (db, ann) = (db.clone(), ann.clone());
        tasks.spawn(async move {
            let job = new_job(n);
            let submission = Submission {
                user: &ann,
                job: &job,
                limit: Some(5),
                idempotency: None,
            };
            db.submit(&submission).await
        });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(
            matches!(refused, DbError::Quota { limit: 5, used: 5 }),
            "{refused:?}"
        );
    }
    assert_eq!(db.quota(&ann).await.unwrap().used, 5);
}

pub(crate) async fn what_failed_here_or_was_cancelled_early_is_given_back(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let used = async || db.quota(&ann).await.unwrap().used;

    submit(&db, &ann, &new_job(1)).await;
    assert_eq!(used().await, 1);
    let ended = db
        .fail(
            &claim(&db).await,
            "the store did not answer",
            None,
            Fault::Ours,
        )
        .await
        .unwrap();
    assert_eq!(ended, Some(JobStatus::Failed));
    assert_eq!(used().await, 0);

    let early = submit(&db, &ann, &new_job(2)).await;
    db.dismiss(&early.tenant, early.id.as_str()).await.unwrap();
    assert_eq!(used().await, 0);

    let begun = submit(&db, &ann, &new_job(3)).await;
    claim(&db).await;
    db.dismiss(&begun.tenant, begun.id.as_str()).await.unwrap();
    assert_eq!(used().await, 1, "work was done for it");

    submit(&db, &ann, &new_job(4)).await;
    db.fail(
        &claim(&db).await,
        "there is no imagery there",
        None,
        Fault::Request,
    )
    .await
    .unwrap();
    assert_eq!(used().await, 2);
}

pub(crate) async fn a_repeated_request_is_the_same_job_and_another_under_its_key_is_refused(
    db: Database,
) {
    let ann = user(&db, "one", "ann").await;
    let bob = user(&db, "one", "bob").await;
    let job = new_job(1);
    let key = IdempotencyKey {
        key: "today".to_owned(),
        request_hash: "a".to_owned(),
    };
    let ask = Submission {
        user: &ann,
        job: &job,
        limit: Some(1),
        idempotency: Some(&key),
    };
    let Submitted::New(first) = db.submit(&ask).await.unwrap() else {
        panic!("nothing was asked before");
    };
    let again = db.submit(&ask).await.unwrap();
    assert!(matches!(&again, Submitted::Repeated(job) if job.id == first.id));
    let other = IdempotencyKey {
        request_hash: "b".to_owned(),
        ..key.clone()
    };
    let refused = db
        .submit(&Submission {
            idempotency: Some(&other),
            ..ask.clone()
        })
        .await;
    assert!(matches!(refused, Err(DbError::OtherRequest)), "{refused:?}");
    // Everybody has their own words.
    let theirs = db
        .submit(&Submission { user: &bob, ..ask })
        .await
        .unwrap()
        .job();
    assert_ne!(theirs.id, first.id);
}

pub(crate) async fn an_answer_that_was_there_costs_nothing(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = new_job(1);
    let ask = Submission {
        user: &ann,
        job: &job,
        limit: Some(0),
        idempotency: None,
    };
    let id = "11111111-2222-4333-8444-555555555555";
    let done = db
        .record_answered(&ask, id, "jobs/one/x/area.json", DAY)
        .await
        .unwrap()
        .job();
    assert_eq!(done.id, slug(id));
    assert!(done.precomputed && !done.counted);
    assert_eq!((done.status, done.progress), (JobStatus::Successful, 100));
    assert_eq!(done.result_key.as_deref(), Some("jobs/one/x/area.json"));
    assert_eq!(db.quota(&ann).await.unwrap().used, 0);
    assert_eq!(status(&db, &done).await, JobStatus::Successful);
    assert!(db.claim_next("w", DAY).await.unwrap().is_none());
}
