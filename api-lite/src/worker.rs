//! The worker: takes jobs from the queue, one at a time, and runs each on a thread of its own.
//!
//! While a job runs, its progress is written and its lease renewed. It is told to stop when it is dismissed, when its
//! lease was lost to another worker, and when the server shuts down; in the last case it goes back to the queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use geocrop_store::db::{Claim, DbError};
use geocrop_store::layout;
use tokio::sync::{oneshot, watch};

use crate::objects::blocking;
use crate::routes::accepted_aoi;
use crate::{ApiState, JobRequest, Progress, RunFailure, RunOutcome};

/// How long a job is the worker's without a sign of life.
const LEASE: Duration = Duration::from_mins(1);
/// How often a sign of life is given when there is no news.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How often news is written, at most.
const NEWS: Duration = Duration::from_millis(200);
/// How long to sleep when there is nothing to do; a new job wakes the worker at once.
const IDLE: Duration = Duration::from_secs(5);

/// What a running job last said.
#[derive(Clone, PartialEq, Default)]
struct News {
    stage: String,
    percent: u8,
}

/// Works until `stopped` turns true.
pub(crate) async fn work(state: ApiState, mut stopped: watch::Receiver<bool>) {
    while !is_stopped(&stopped) {
        state.board().worker_is_alive();
        match next_job(&state).await {
            Ok(Some(claim)) => {
                let id = claim.job.id.clone();
                if let Err(error) = run(&state, claim, &mut stopped).await {
                    // The lease runs out and the job is tried again.
                    tracing::error!(%id, error = &error as &dyn std::error::Error, "lost track of a job");
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the queue cannot be read"
                );
            }
        }
        tokio::select! {
            () = state.work().notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = asked_to_stop(&mut stopped) => {}
        }
    }
}

fn is_stopped(stopped: &watch::Receiver<bool>) -> bool {
    *stopped.borrow() || stopped.has_changed().is_err()
}

/// Ready when the server shuts down, or is gone already.
async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

async fn next_job(state: &ApiState) -> Result<Option<Claim>, DbError> {
    state.database().requeue_expired().await?;
    state.database().claim_next_job(LEASE).await
}

async fn run(
    state: &ApiState,
    claim: Claim,
    stopped: &mut watch::Receiver<bool>,
) -> Result<(), DbError> {
    let job = &claim.job;
    tracing::info!(id = %job.id, recipe = %job.recipe, attempt = job.attempts, "job begins");
    let stop = Arc::new(AtomicBool::new(false));
    state.set_current(Some((job.id.clone(), Arc::clone(&stop))));
    let outcome = attend(state, &claim, &stop, stopped).await;
    state.set_current(None);

    let database = state.database();
    let heard = match outcome? {
        Ok(outcome) => match outside(&claim, &outcome.item_key) {
            None => database.finish(&claim, &outcome.item_key).await?,
            Some(message) => database.fail(&claim, &message, false).await?.is_some(),
        },
        Err(_) if is_stopped(stopped) => database.release(&claim).await?,
        Err(failure) => {
            tracing::warn!(id = %job.id, message = failure.message, "job failed");
            database
                .fail(&claim, &failure.message, failure.retryable)
                .await?
                .is_some()
        }
    };
    if !heard {
        tracing::info!(id = %job.id, "job was dismissed or taken over");
        forget_if_dismissed(state, &claim).await?;
    }
    Ok(())
}

/// What a job that nobody wants any more has published is nobody's.
async fn forget_if_dismissed(state: &ApiState, claim: &Claim) -> Result<(), DbError> {
    let job = &claim.job;
    let now = state.database().job(&job.tenant, job.id.as_str()).await?;
    if now.is_some_and(|job| job.status != geocrop_store::db::JobStatus::Dismissed) {
        return Ok(());
    }
    let folder = layout::job_folder(&job.tenant, &job.id);
    if let Err(error) = blocking(state.store(), move |store| store.delete_prefix(&folder)).await {
        tracing::warn!(id = %job.id, error = &error as &dyn std::error::Error, "results of a dismissed job stay");
    }
    Ok(())
}

/// A result must be where its job's results belong: that is where users may read.
fn outside(claim: &Claim, item_key: &str) -> Option<String> {
    let folder = layout::job_folder(&claim.job.tenant, &claim.job.id);
    let inside = layout::is_item(item_key)
        && item_key
            .strip_prefix(&folder)
            .is_some_and(|rest| rest.starts_with('/'));
    (!inside)
        .then(|| format!("the result was published as {item_key}; expected an item in {folder}/"))
}

/// Runs the job on a thread and keeps the database informed until it ends.
async fn attend(
    state: &ApiState,
    claim: &Claim,
    stop: &Arc<AtomicBool>,
    stopped: &mut watch::Receiver<bool>,
) -> Result<Result<RunOutcome, RunFailure>, DbError> {
    let news = Arc::new(Mutex::new(News::default()));
    let mut ended = start(state, claim, stop, &news);
    let mut written = News::default();
    let mut last_sign = Instant::now();
    let mut ticks = tokio::time::interval(NEWS);
    loop {
        tokio::select! {
            outcome = &mut ended => {
                return Ok(outcome.unwrap_or_else(|_| Err(RunFailure {
                    message: "the program failed on this job (its log says where); please report it".to_owned(),
                    retryable: false,
                })));
            }
            () = asked_to_stop(stopped), if !stop.load(Ordering::Relaxed) => {
                stop.store(true, Ordering::Relaxed);
            }
            _ = ticks.tick() => {
                state.board().worker_is_alive();
                let latest = news.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if latest != written || last_sign.elapsed() >= HEARTBEAT {
                    if !state.database().heartbeat(claim, &latest.stage, latest.percent, LEASE).await? {
                        stop.store(true, Ordering::Relaxed);
                    }
                    written = latest;
                    last_sign = Instant::now();
                }
            }
        }
    }
}

/// Starts the job's thread. Not a `spawn_blocking` one: a runtime waits for those, and a job that does not heed the stop
/// must not keep the process alive.
fn start(
    state: &ApiState,
    claim: &Claim,
    stop: &Arc<AtomicBool>,
    news: &Arc<Mutex<News>>,
) -> oneshot::Receiver<Result<RunOutcome, RunFailure>> {
    let (sender, receiver) = oneshot::channel();
    let (runner, job) = (Arc::clone(state.runner()), claim.job.clone());
    let (stop, news) = (Arc::clone(stop), Arc::clone(news));
    let progress: Progress = Box::new(move |stage| {
        *news.lock().unwrap_or_else(PoisonError::into_inner) = News {
            stage: stage.name.to_owned(),
            percent: (stage.fraction.clamp(0.0, 1.0) * 100.0) as u8,
        };
        !stop.load(Ordering::Relaxed)
    });
    let run = move || {
        let aoi = accepted_aoi(&job).map_err(|error| RunFailure {
            message: error.to_string(),
            retryable: false,
        })?;
        let request = JobRequest {
            tenant: job.tenant,
            job: job.id,
            recipe: job.recipe,
            period: job.period,
            aoi,
        };
        runner.run(&request, progress)
    };
    // A panic drops the sender, and so is noticed.
    let spawned = thread::Builder::new()
        .name("geocrop-job".to_owned())
        .spawn(move || {
            let _ = sender.send(run());
        });
    if let Err(error) = spawned {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "no thread for a job"
        );
    }
    receiver
}
