//! From accepted to the end, with and without accidents.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use geocrop_database::jobs::{Delivery, Fault};
use geocrop_database::{
    Database, Ended, Estimate, JobFilter, JobKind, JobStatus, MAX_ATTEMPTS, NewJob, Priority,
};

use super::{DAY, LEASE, claim, delivery, new_job, read, slug, status, submit, user};

pub(crate) async fn a_job_of_a_whole_number_of_square_kilometres_is_taken_like_any_other(
    db: Database,
) {
    let ann = user(&db, "one", "ann").await;
    let new = NewJob {
        area_km2: Some(2.0),
        ..new_job(1)
    };
    let job = submit(&db, &ann, &new).await;
    let claim = claim(&db).await;
    assert_eq!(claim.run.job, job.id);
    assert_eq!(claim.run.area_km2, Some(2.0));
}

pub(crate) async fn numbers_may_be_there_and_missing_in_any_order(db: Database) {
    let ann = user(&db, "one", "ann").await;
    for (n, number) in [None, Some(2.5), None, Some(0.5)].into_iter().enumerate() {
        let new = NewJob {
            area_km2: number,
            estimate: Estimate {
                seconds: number,
                bytes: number.map(|_| 7),
            },
            ..new_job(n as u32 + 1)
        };
        let job = submit(&db, &ann, &new).await;
        assert_eq!((job.area_km2, job.estimate.seconds), (number, number));
        assert_eq!(claim(&db).await.run.area_km2, number);
    }
}

pub(crate) async fn only_a_cancelled_run_is_cancelled(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let first = db
        .claim_next("slow", Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert!(!db.is_cancelled(&first).await.unwrap());
    assert_eq!(db.requeue_expired().await.unwrap().waiting, 1);
    let second = claim(&db).await;
    assert!(!db.is_cancelled(&first).await.unwrap(), "another has it");
    let delivery = Delivery {
        recipient: db.recipients(&second).await.unwrap().remove(0),
        result_key: "jobs/one/x/y.json".to_owned(),
        keep: LEASE,
    };
    let done = db.finish(&second, &[delivery], 1.0, None).await.unwrap();
    assert_eq!(done, Ended::Done);
    assert_eq!(status(&db, &job).await, JobStatus::Successful);
    assert!(!db.is_cancelled(&first).await.unwrap(), "another did it");

    let job = submit(&db, &ann, &new_job(2)).await;
    let claimed = claim(&db).await;
    db.dismiss(&ann.tenant, job.id.as_str()).await.unwrap();
    assert!(db.is_cancelled(&claimed).await.unwrap());
}

pub(crate) async fn what_is_ready_is_counted_by_priority(db: Database) {
    let ann = user(&db, "one", "ann").await;
    for (n, priority) in [Priority::Low, Priority::High, Priority::Low]
        .into_iter()
        .enumerate()
    {
        let new = NewJob {
            priority,
            ..new_job(n as u32 + 1)
        };
        submit(&db, &ann, &new).await;
    }
    let ready = async || {
        let ready = db.ready_runs().await.unwrap();
        ready.into_iter().map(|(_, runs)| runs).collect::<Vec<_>>()
    };
    assert_eq!(ready().await, [1, 0, 2]);
    let high = claim(&db).await;
    assert_eq!(ready().await, [0, 0, 2], "a claimed one is not ready");
    let later = Some(Duration::from_mins(10));
    db.fail(&high, "away", later, Fault::Ours).await.unwrap();
    assert_eq!(ready().await, [0, 0, 2], "nor one that is to wait");
}

pub(crate) async fn a_job_goes_from_accepted_to_successful(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let first = submit(&db, &ann, &new_job(1)).await;
    let second = submit(&db, &ann, &new_job(2)).await;
    assert_eq!(first.status, JobStatus::Accepted);
    assert_eq!(first.estimate.seconds, Some(12.0));

    let claimed = claim(&db).await;
    assert_eq!(claimed.run.job, first.id, "the one that waited longest");
    assert_eq!(claimed.run.recipe, Some(slug("ndvi")));
    assert_eq!(claimed.run.request, new_job(1).request);
    assert!(db.heartbeat(&claimed, "read", 40, LEASE).await.unwrap());
    let running = read(&db, &first).await;
    assert_eq!(
        (running.status, running.stage.as_str(), running.progress),
        (JobStatus::Running, "read", 40)
    );
    assert!(running.version > first.version);
    db.heartbeat(&claimed, "read", 40, LEASE).await.unwrap();
    assert_eq!(
        read(&db, &first).await.version,
        running.version,
        "nothing to see"
    );

    let delivered = delivery(&first, "jobs/one/x/field.json");
    assert_eq!(
        db.finish(&claimed, &[delivered], 3.5, Some(2000))
            .await
            .unwrap(),
        Ended::Done
    );
    let done = read(&db, &first).await;
    assert_eq!(done.status, JobStatus::Successful);
    assert_eq!(done.result_key.as_deref(), Some("jobs/one/x/field.json"));
    assert_eq!((done.seconds, done.bytes), (Some(3.5), Some(2000)));
    assert!(done.finished_at >= done.started_at && done.started_at.is_some());
    assert!(done.expires_at > done.finished_at);

    assert_eq!(claim(&db).await.run.job, second.id);
    assert!(db.claim_next("w", LEASE).await.unwrap().is_none());
}

pub(crate) async fn another_tenants_job_is_as_good_as_none(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let other = slug("other");
    assert_eq!(db.job(&other, job.id.as_str()).await.unwrap(), None);
    assert_eq!(db.dismiss(&other, job.id.as_str()).await.unwrap(), None);
    let filter = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    assert!(db.jobs(&other, &filter).await.unwrap().is_empty());
    assert_eq!(status(&db, &job).await, JobStatus::Accepted);
}

pub(crate) async fn a_dismissed_job_hears_no_more_from_its_worker(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let claim = claim(&db).await;
    db.dismiss(&job.tenant, job.id.as_str()).await.unwrap();
    assert!(!db.heartbeat(&claim, "read", 50, LEASE).await.unwrap());
    let delivered = [delivery(&job, "jobs/one/x/field.json")];
    assert_eq!(
        db.finish(&claim, &delivered, 1.0, None).await.unwrap(),
        Ended::Lost
    );
    let retry = Some(Duration::ZERO);
    assert_eq!(
        db.fail(&claim, "x", retry, Fault::Ours).await.unwrap(),
        None
    );
    assert!(!db.release(&claim).await.unwrap());
    assert_eq!(status(&db, &job).await, JobStatus::Dismissed);
    assert_eq!(db.requeue_of("w").await.unwrap().waiting, 0);
    let again = db.dismiss(&job.tenant, job.id.as_str()).await.unwrap();
    assert_eq!(again.unwrap().status, JobStatus::Dismissed);
}

pub(crate) async fn a_worker_that_was_thought_dead_cannot_speak_for_the_next(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let dead = db
        .claim_next("dead", Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(db.requeue_expired().await.unwrap().waiting, 1);
    let alive = claim(&db).await;
    assert_eq!(alive.run.attempts, 2);
    assert_eq!(read(&db, &job).await.attempts, 2);
    assert!(!db.heartbeat(&dead, "read", 50, LEASE).await.unwrap());
    let wrong = [delivery(&job, "jobs/one/x/wrong.json")];
    assert_eq!(
        db.finish(&dead, &wrong, 1.0, None).await.unwrap(),
        Ended::Lost
    );
    assert_eq!(
        db.requeue_expired().await.unwrap().waiting,
        0,
        "a lease in force is respected"
    );
    let right = [delivery(&job, "jobs/one/x/right.json")];
    assert_eq!(
        db.finish(&alive, &right, 1.0, None).await.unwrap(),
        Ended::Done
    );
    assert_eq!(
        read(&db, &job).await.result_key.as_deref(),
        Some("jobs/one/x/right.json")
    );
}

pub(crate) async fn a_job_is_tried_three_times_and_then_given_up(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let failing = submit(&db, &ann, &new_job(1)).await;
    for attempt in 1..=MAX_ATTEMPTS {
        let claim = claim(&db).await;
        assert_eq!(claim.run.attempts, attempt);
        db.fail(
            &claim,
            "the catalog did not answer",
            Some(Duration::ZERO),
            Fault::Ours,
        )
        .await
        .unwrap();
    }
    let failed = read(&db, &failing).await;
    assert_eq!(failed.status, JobStatus::Failed);
    assert_eq!(
        failed.message.as_deref(),
        Some("the catalog did not answer")
    );

    let crashing = submit(&db, &ann, &new_job(2)).await;
    for _ in 0..MAX_ATTEMPTS {
        claim(&db).await;
        db.requeue_of("w").await.unwrap();
    }
    let given_up = read(&db, &crashing).await;
    assert_eq!(given_up.status, JobStatus::Failed);
    assert!(given_up.message.unwrap().contains("lost at every attempt"));
    assert!(!given_up.counted);
    assert!(db.claim_next("w", LEASE).await.unwrap().is_none());
}

pub(crate) async fn a_job_that_failed_waits_before_it_is_tried_again(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let ended = db
        .fail(
            &claim(&db).await,
            "the catalog did not answer",
            Some(DAY),
            Fault::Ours,
        )
        .await
        .unwrap();
    assert_eq!(ended, Some(JobStatus::Accepted));
    assert!(db.claim_next("w", LEASE).await.unwrap().is_none());
    let waiting = read(&db, &job).await;
    assert_eq!(waiting.status, JobStatus::Accepted);
    assert!(waiting.message.is_some());
}

pub(crate) async fn a_job_given_back_at_shutdown_has_lost_no_attempt(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    assert!(db.release(&claim(&db).await).await.unwrap());
    assert_eq!(status(&db, &job).await, JobStatus::Accepted);
    assert_eq!(claim(&db).await.run.attempts, 1);
}

pub(crate) async fn a_worker_takes_back_only_its_own_runs(db: Database) {
    let ann = user(&db, "one", "ann").await;
    submit(&db, &ann, &new_job(1)).await;
    submit(&db, &ann, &new_job(2)).await;
    let mine = db.claim_next("mine", LEASE).await.unwrap().unwrap();
    let theirs = db.claim_next("theirs", LEASE).await.unwrap().unwrap();
    assert_eq!(db.requeue_of("mine").await.unwrap().waiting, 1);
    assert!(!db.heartbeat(&mine, "read", 1, LEASE).await.unwrap());
    assert!(db.heartbeat(&theirs, "read", 1, LEASE).await.unwrap());
}

pub(crate) async fn workers_at_once_never_take_the_same_run(db: Database) {
    let ann = user(&db, "one", "ann").await;
    for n in 0..30 {
        submit(&db, &ann, &new_job(n)).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..6 {
        let db = db.clone();
        workers.spawn(async move {
            let mut taken = Vec::new();
            while let Some(claim) = db.claim_next(&format!("w{n}"), LEASE).await.unwrap() {
                taken.push(claim.run.id);
            }
            taken
        });
    }
    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 30);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 30);
}

pub(crate) async fn the_urgent_come_first_and_a_crowd_of_one_tenant_does_not_block_another(
    db: Database,
) {
    let crowd = user(&db, "crowd", "ann").await;
    let single = user(&db, "single", "bob").await;
    for n in 0..30 {
        submit(&db, &crowd, &new_job(n)).await;
    }
    let one = submit(&db, &single, &new_job(40)).await;
    let low = NewJob {
        priority: Priority::Low,
        ..new_job(41)
    };
    let low = submit(&db, &single, &low).await;
    let high = NewJob {
        priority: Priority::High,
        ..new_job(42)
    };
    let high = submit(&db, &single, &high).await;
    let mut order = Vec::new();
    while let Some(claim) = db.claim_next("w", LEASE).await.unwrap() {
        order.push(claim.run.job);
    }
    let place = |job: &geocrop_store::Slug| order.iter().position(|id| id == job).unwrap();
    assert_eq!(place(&high.id), 0);
    assert!(place(&one.id) <= 2, "after the crowd's first at most");
    // Behind those that came first, before the crowd's last: it does not starve.
    assert!((5..32).contains(&place(&low.id)), "{}", place(&low.id));
}

pub(crate) async fn jobs_are_listed_page_by_page_and_by_state_and_kind(db: Database) {
    let ann = user(&db, "one", "ann").await;
    for n in 0..7 {
        let kind = if n % 2 == 0 {
            JobKind::Map
        } else {
            JobKind::Buffer
        };
        submit(&db, &ann, &NewJob { kind, ..new_job(n) }).await;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let filter = JobFilter {
            before,
            limit: 3,
            ..JobFilter::default()
        };
        let page = db.jobs(&slug("one"), &filter).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.created_at, last.id.to_string()));
        seen.extend(page.iter().map(|job| (job.created_at, job.id.to_string())));
    }
    assert_eq!(seen.len(), 7);
    assert!(
        seen.is_sorted_by(|a, b| a > b),
        "the newest first, none twice"
    );
    let filter = JobFilter {
        kind: Some(JobKind::Buffer),
        status: Some(JobStatus::Accepted),
        limit: 10,
        ..JobFilter::default()
    };
    assert_eq!(db.jobs(&slug("one"), &filter).await.unwrap().len(), 3);
    let filter = JobFilter {
        status: Some(JobStatus::Failed),
        limit: 10,
        ..JobFilter::default()
    };
    assert!(db.jobs(&slug("one"), &filter).await.unwrap().is_empty());
}

pub(crate) async fn the_queue_tells_its_depth_and_since_when_the_first_job_waits(db: Database) {
    assert_eq!(db.waiting_jobs().await.unwrap(), (0, None));
    let ann = user(&db, "one", "ann").await;
    let first = submit(&db, &ann, &new_job(1)).await;
    submit(&db, &ann, &new_job(2)).await;
    let (waiting, oldest) = db.waiting_jobs().await.unwrap();
    assert_eq!(waiting, 2);
    assert!((oldest.unwrap() - first.created_at).abs() <= TimeDelta::milliseconds(1));
    claim(&db).await;
    assert_eq!(db.waiting_jobs().await.unwrap().0, 1);
    let depth = db.queue_depth().await.unwrap();
    assert_eq!(depth.len(), 1);
    assert_eq!((depth[0].priority, depth[0].waiting), (Priority::Normal, 1));
    let counts = db.job_counts().await.unwrap();
    assert_eq!(counts.iter().map(|count| count.jobs).sum::<i64>(), 2);
    assert!(
        counts
            .iter()
            .all(|count| count.role == "recruiter" && count.kind == "map")
    );
    db.check_writes().await.unwrap();
    assert!(db.pool_use().open >= 1);
}

pub(crate) async fn a_result_expires_and_the_job_stays(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let job = submit(&db, &ann, &new_job(1)).await;
    let delivered = [Delivery {
        keep: Duration::ZERO,
        ..delivery(&job, "jobs/one/x/field.json")
    }];
    db.finish(&claim(&db).await, &delivered, 1.0, None)
        .await
        .unwrap();
    let expired = db.expired(10).await.unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].job, job.id);
    db.forget_result(&expired[0]).await.unwrap();
    assert!(db.expired(10).await.unwrap().is_empty());
    let kept = read(&db, &job).await;
    assert_eq!(kept.status, JobStatus::Successful);
    assert_eq!(kept.result_key, None);
    assert_eq!(kept.request, "{}");
    let later = chrono::Utc::now() + TimeDelta::days(1);
    assert_eq!(db.sweep_records(later).await.unwrap(), 1);
}
