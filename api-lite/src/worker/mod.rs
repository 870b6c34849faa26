//! The worker: takes runs from the queue, as many at once as it is told, and works on each on a thread of its own.
//!
//! While a run goes on, its progress is written and its lease renewed. It is told to stop when nobody wants it any more,
//! when its lease was lost to another worker, and when the process shuts down and the time to finish is over; in the last
//! case it goes back to the queue.

mod bell;

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use geocrop_database::jobs::{Delivery, Fault, JobStatus, Recipient};
use geocrop_database::{Claim, DbError, Ended, Run};
use geocrop_store::{StoreError, layout};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

pub(crate) use bell::lane;

use self::bell::Bell;
use crate::accepted::parse_accepted;
use crate::metrics::StageClock;
use crate::objects::blocking;
use crate::{ApiState, JobRequest, Progress, RunFailure, RunOutcome, deliver};

/// How often news is written, at most.
const NEWS: Duration = Duration::from_millis(200);
/// The pause before a database that was away is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// A worker that was not heard of for so long, and holds nothing, is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(1);
/// How often runs are looked for whose worker was lost, at least.
const RECONCILE: Duration = Duration::from_secs(10);
/// The pause before the second attempt; each further one waits four times as long.
const BACKOFF: Duration = Duration::from_secs(10);

/// How a process works on the queue.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// A name that no other process has at the same time: at its start it takes back what it had before.
    pub name: String,
    /// Runs at once; 0: this process takes none.
    pub runs_at_once: usize,
    /// How long a run is the worker's without a sign of life, which it gives three times as often. So long the jobs of a
    /// worker that died wait.
    pub lease: Duration,
    /// How long running work may go on after the stop was asked for.
    pub time_to_finish: Duration,
    /// The pause before a failed run is tried again, the first time.
    pub backoff: Duration,
}

impl Default for WorkerConfig {
    /// One run at a time.
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            runs_at_once: 1,
            lease: Duration::from_mins(1),
            time_to_finish: Duration::from_secs(10),
            backoff: BACKOFF,
        }
    }
}

/// What a running job last said.
#[derive(Clone, PartialEq, Default)]
struct News {
    stage: String,
    percent: u8,
}

/// Works until `stopped` turns true, and what is at hand has ended.
pub(crate) async fn work(state: ApiState, stopped: watch::Receiver<bool>) {
    let name = &state.worker_config().name;
    loop {
        match state.database().requeue_of(name).await {
            Ok(requeued) if requeued.waiting + requeued.failed > 0 => {
                tracing::warn!(
                    waiting = requeued.waiting,
                    failed = requeued.failed,
                    "jobs were interrupted by the last stop"
                );
                break;
            }
            Ok(_) => break,
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the queue cannot be read"
            ),
        }
        if is_stopped(&stopped) {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
    let mut slots = JoinSet::new();
    for number in 0..state.worker_config().runs_at_once {
        slots.spawn(slot(state.clone(), number, stopped.clone()));
    }
    while let Some(ended) = slots.join_next().await {
        if let Err(error) = ended {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a worker ended abnormally"
            );
        }
    }
}

/// One run after the other.
async fn slot(state: ApiState, number: usize, mut stopped: watch::Receiver<bool>) {
    let mut bell = Bell::new(&state, number);
    while !is_stopped(&stopped) {
        state.board().worker_is_alive();
        let next = state
            .database()
            .claim_next(&state.worker_config().name, state.worker_config().lease)
            .await;
        let found = match next {
            Ok(Some(claim)) => {
                let id = claim.run.id.clone();
                if let Err(error) = run(&state, claim, &bell, &mut stopped).await {
                    // The lease runs out and the run is tried again.
                    tracing::error!(%id, error = &error as &dyn std::error::Error, "lost track of a run");
                }
                state.changes().notify_waiters();
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the queue cannot be read"
                );
                // With the ticket that is held: it is still good when the database is back.
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = asked_to_stop(&mut stopped) => {}
                }
                continue;
            }
        };
        tokio::select! {
            () = bell.rung(found) => {}
            () = asked_to_stop(&mut stopped) => {}
        }
    }
}

/// Brings back runs whose worker was lost, and tickets that Redis has lost, until `stopped` turns true. Every process does
/// it; it does no harm twice.
pub(crate) async fn reconcile(state: ApiState, mut stopped: watch::Receiver<bool>) {
    let every = RECONCILE.min(state.worker_config().lease / 2);
    while !is_stopped(&stopped) {
        match state.database().requeue_expired().await {
            Ok(requeued) if requeued.waiting > 0 => {
                tracing::warn!(
                    runs = requeued.waiting,
                    "runs lost their worker and wait again"
                );
                state.work().notify_one();
            }
            Ok(requeued) if requeued.failed > 0 => {
                tracing::warn!(
                    runs = requeued.failed,
                    "runs lost their worker for the last time"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the queue cannot be read"
            ),
        }
        make_tickets(&state).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = asked_to_stop(&mut stopped) => {}
        }
    }
}

/// Sees to it that there is a ticket for each run that may be taken: the database is the truth.
async fn make_tickets(state: &ApiState) {
    let Some(queue) = state.sharing().queue() else {
        return;
    };
    let Ok(ready) = state.database().ready_runs().await else {
        // Told of already.
        return;
    };
    for (priority, runs) in ready {
        match queue.top_up(lane(priority), runs).await {
            Ok(0) => {}
            Ok(missing) => tracing::info!(%priority, missing, "tickets were made again"),
            Err(error) => {
                tracing::warn!(%error, "workers are not woken");
                return;
            }
        }
    }
    if let Err(error) = queue.tidy(FORGOTTEN).await {
        tracing::debug!(%error, "workers that are gone are not forgotten yet");
    }
}

fn is_stopped(stopped: &watch::Receiver<bool>) -> bool {
    *stopped.borrow() || stopped.has_changed().is_err()
}

/// Ready when the process shuts down, or is gone already.
async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// A run from its beginning to whatever end. Everything that is logged meanwhile carries its id and the job's.
async fn run(
    state: &ApiState,
    claim: Claim,
    bell: &Bell,
    stopped: &mut watch::Receiver<bool>,
) -> Result<(), DbError> {
    let run = &claim.run;
    let span = tracing::error_span!("run", run = %run.id, job = %run.job, kind = %run.kind, attempt = run.attempts);
    let begun = Instant::now();
    let ended = carry_out(state, &claim, bell, stopped)
        .instrument(span)
        .await;
    let outcome = ended.as_ref().map_or("lost", |outcome| *outcome);
    state
        .metrics()
        .ran(run.kind.as_str(), outcome, begun.elapsed());
    ended.map(|_| ())
}

/// Returns the outcome in a word.
async fn carry_out(
    state: &ApiState,
    claim: &Claim,
    bell: &Bell,
    stopped: &mut watch::Receiver<bool>,
) -> Result<&'static str, DbError> {
    let run = &claim.run;
    tracing::info!("run begins");
    state.changes().notify_waiters();
    let begun = Instant::now();
    let outcome = attend(state, claim, bell, stopped).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let database = state.database();
    let (word, heard) = match outcome {
        Ok(outcome) => match outside(run, &outcome.result_key) {
            None => match deliver_alive(state, claim, bell, &outcome.result_key, seconds).await {
                Ok(heard) => ("done", heard),
                Err(Undelivered::Database(error)) => return Err(error),
                Err(Undelivered::Store(error)) => {
                    let message = format!("the result could not be delivered: {error}");
                    fail(state, claim, &message, true, Fault::Ours).await?
                }
            },
            Some(message) => fail(state, claim, &message, false, Fault::Ours).await?,
        },
        Err(Stopped::Shutdown) => {
            let heard = insist(state, || database.release(claim)).await?;
            state
                .sharing()
                .run_waits(run.priority, run.job.as_str())
                .await;
            ("released", heard)
        }
        Err(Stopped::Failed(failure)) => {
            let fault = if failure.by_request {
                Fault::Request
            } else {
                Fault::Ours
            };
            fail(state, claim, &failure.message, failure.retryable, fault).await?
        }
    };
    if heard {
        return Ok(word);
    }
    tracing::info!("nobody wants the run any more, or another worker has it");
    // If another worker has it, or had it and is done, the results are that one's.
    if insist(state, || database.is_cancelled(claim)).await? {
        forget(state, run).await;
    }
    Ok("unwanted")
}

/// Says the last word on a run, also to a database that is away for a moment: work that is done is not thrown away. The
/// claim's token guards against saying it too late.
async fn insist<T, F>(state: &ApiState, say: impl Fn() -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    let (begun, patience) = (Instant::now(), state.worker_config().lease / 2);
    loop {
        match say().await {
            Err(DbError::Unavailable(error)) if begun.elapsed() < patience => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database is away; it is told again"
                );
                tokio::time::sleep(AGAIN).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether the run is tried again or has failed, in a word; whether the claim was still good.
async fn fail(
    state: &ApiState,
    claim: &Claim,
    message: &str,
    retryable: bool,
    fault: Fault,
) -> Result<(&'static str, bool), DbError> {
    let run = &claim.run;
    tracing::warn!(message, "run failed");
    let pause = state.worker_config().backoff * 4_u32.pow(run.attempts.saturating_sub(1).min(6));
    let retry = retryable.then_some(pause);
    let ended = insist(state, || {
        state.database().fail(claim, message, retry, fault)
    })
    .await?;
    let word = match ended {
        Some(JobStatus::Accepted) => "retried",
        _ => "failed",
    };
    Ok((word, ended.is_some()))
}

enum Undelivered {
    Database(DbError),
    Store(StoreError),
}

impl From<DbError> for Undelivered {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// [`deliver_all`], with signs of life meanwhile: a store that takes longer than a lease must not make another worker do
/// the run again.
async fn deliver_alive(
    state: &ApiState,
    claim: &Claim,
    bell: &Bell,
    result_key: &str,
    seconds: f64,
) -> Result<bool, Undelivered> {
    // Side by side, never one within the other: a delivery that holds the only connection that writes must go on while a
    // sign of life waits for it.
    tokio::select! {
        delivered = deliver_all(state, claim, result_key, seconds) => delivered,
        never = signs_of_life(state, claim, bell) => match never {},
    }
}

/// Renews the lease for as long as it is polled. Whether the claim still holds is asked by the delivery itself.
async fn signs_of_life(state: &ApiState, claim: &Claim, bell: &Bell) -> Infallible {
    let lease = state.worker_config().lease;
    loop {
        tokio::time::sleep(lease / 3).await;
        state.board().worker_is_alive();
        let sign = state.database().heartbeat(claim, "deliver", 100, lease);
        match sign.await {
            Ok(_) => bell.still_at_work().await,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "no sign of life could be given"
            ),
        }
    }
}

/// Brings the result to everybody who waits for it, also to those who join meanwhile. `false`: the claim was lost.
async fn deliver_all(
    state: &ApiState,
    claim: &Claim,
    result_key: &str,
    seconds: f64,
) -> Result<bool, Undelivered> {
    let run = &claim.run;
    let key = result_key.to_owned();
    let bytes = blocking(state.store(), move |store| deliver::size(store, &key))
        .await
        .map_err(Undelivered::Store)?;
    let mut deliveries: Vec<Delivery> = Vec::new();
    let database = state.database();
    let mut waiting = insist(state, || database.recipients(claim)).await?;
    loop {
        for recipient in waiting {
            let result_key = bring(state, run, result_key, &recipient).await?;
            let keep = state
                .roles()
                .get(recipient.role.as_str())
                .map_or(Duration::ZERO, |role| role.keep);
            deliveries.push(Delivery {
                recipient,
                result_key,
                keep,
            });
        }
        let finish = || database.finish(claim, &deliveries, seconds, Some(bytes));
        match insist(state, finish).await? {
            Ended::Undelivered(more) => waiting = more,
            Ended::Lost => return Ok(false),
            Ended::Done => {
                tracing::info!(seconds, bytes, "run done");
                if !deliveries.iter().any(|done| done.recipient.job == run.job) {
                    // Whoever began it has left; the others have their copies.
                    forget(state, run).await;
                }
                return Ok(true);
            }
        }
    }
}

/// The result in a recipient's own folder.
async fn bring(
    state: &ApiState,
    run: &Run,
    result_key: &str,
    recipient: &Recipient,
) -> Result<String, Undelivered> {
    if recipient.job == run.job {
        return Ok(result_key.to_owned());
    }
    let (key, recipient) = (result_key.to_owned(), recipient.clone());
    blocking(state.store(), move |store| {
        deliver::copy(store, &key, &recipient)
    })
    .await
    .map_err(Undelivered::Store)
}

/// What a run that nobody wants any more has published is nobody's.
async fn forget(state: &ApiState, run: &Run) {
    let folder = layout::job_folder(&run.tenant, &run.job);
    if let Err(error) = blocking(state.store(), move |store| store.delete_prefix(&folder)).await {
        tracing::warn!(job = %run.job, error = &error as &dyn std::error::Error, "results that nobody wants stay");
    }
}

/// A result must be where its job's results belong: that is where users may read.
fn outside(run: &Run, result_key: &str) -> Option<String> {
    let folder = layout::job_folder(&run.tenant, &run.job);
    let inside = result_key
        .strip_prefix(&folder)
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|file| !file.is_empty() && !file.contains('/'));
    (!inside)
        .then(|| format!("the result was published as {result_key}; expected a file in {folder}/"))
}

/// Why a run has no result.
enum Stopped {
    /// The process shuts down.
    Shutdown,
    /// It failed, or nobody wants it.
    Failed(RunFailure),
}

/// Runs the job on a thread and keeps the database informed until it ends.
async fn attend(
    state: &ApiState,
    claim: &Claim,
    bell: &Bell,
    stopped: &mut watch::Receiver<bool>,
) -> Result<Result<RunOutcome, Stopped>, DbError> {
    let lease = state.worker_config().lease;
    let stop = Arc::new(AtomicBool::new(false));
    let news = Arc::new(Mutex::new(News::default()));
    let mut dismissals = state.dismissals();
    let mut ended = start(state, &claim.run, &stop, &news);
    let mut written = News::default();
    let mut last_sign = Instant::now();
    let mut ticks = tokio::time::interval(NEWS);
    let mut out_of_time: Option<Instant> = None;
    loop {
        let mut look = false;
        tokio::select! {
            outcome = &mut ended => {
                return Ok(match outcome {
                    Ok(Ok(outcome)) => Ok(outcome),
                    Ok(Err(_)) if out_of_time.is_some_and(|end| end <= Instant::now()) => Err(Stopped::Shutdown),
                    Ok(Err(failure)) => Err(Stopped::Failed(failure)),
                    Err(_) => Err(Stopped::Failed(RunFailure {
                        message: "the program failed on this job (its log says where); please report it".to_owned(),
                        retryable: false,
                        by_request: false,
                    })),
                });
            }
            Ok(()) = dismissals.changed() => look = true,
            _ = ticks.tick() => {}
        }
        if out_of_time.is_none() && is_stopped(stopped) {
            out_of_time = Some(Instant::now() + state.worker_config().time_to_finish);
        }
        if out_of_time.is_some_and(|end| end <= Instant::now()) {
            stop.store(true, Ordering::Relaxed);
        }
        let latest = news.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !look && latest == written && last_sign.elapsed() < lease / 3 {
            continue;
        }
        state.board().worker_is_alive();
        match state
            .database()
            .heartbeat(claim, &latest.stage, latest.percent, lease)
            .await
        {
            Ok(true) => {
                if latest != written {
                    state.changes().notify_waiters();
                }
                written = latest;
                last_sign = Instant::now();
                bell.still_at_work().await;
            }
            Ok(false) => stop.store(true, Ordering::Relaxed),
            // The database may be back before the lease ends; after that the run is no longer ours.
            Err(error) if last_sign.elapsed() < lease => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "no sign of life could be given"
                );
            }
            Err(error) => {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }
}

/// Starts the run's thread. Not a `spawn_blocking` one: a runtime waits for those, and a job that does not heed the stop
/// must not keep the process alive.
fn start(
    state: &ApiState,
    run: &Run,
    stop: &Arc<AtomicBool>,
    news: &Arc<Mutex<News>>,
) -> oneshot::Receiver<Result<RunOutcome, RunFailure>> {
    let (sender, receiver) = oneshot::channel();
    let (runner, run) = (Arc::clone(state.runner()), run.clone());
    let (stop, news) = (Arc::clone(stop), Arc::clone(news));
    let clock = Mutex::new(StageClock::new(state.metrics(), run.kind.as_str()));
    let progress: Progress = Box::new(move |stage| {
        let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.enter(stage.name);
        *news.lock().unwrap_or_else(PoisonError::into_inner) = News {
            stage: stage.name.to_owned(),
            percent: (stage.fraction.clamp(0.0, 1.0) * 100.0) as u8,
        };
        !stop.load(Ordering::Relaxed)
    });
    let span = tracing::Span::current();
    let work = move || span.in_scope(|| runner.run(&request(run)?, progress));
    // A panic drops the sender, and so is noticed.
    let spawned = thread::Builder::new()
        .name("geocrop-job".to_owned())
        .spawn(move || {
            let _ = sender.send(work());
        });
    if let Err(error) = spawned {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "no thread for a job"
        );
    }
    receiver
}

/// What the run asks for, as the runner takes it.
fn request(run: Run) -> Result<JobRequest, RunFailure> {
    let unusable = |message: String| RunFailure {
        message,
        retryable: false,
        by_request: true,
    };
    let aoi = run
        .aoi_geojson
        .map(|text| parse_accepted(&text))
        .transpose()
        .map_err(|error| unusable(error.to_string()))?;
    let parameters = serde_json::from_str(&run.request)
        .map_err(|error| unusable(format!("the request cannot be read: {error}")))?;
    Ok(JobRequest {
        tenant: run.tenant,
        job: run.job,
        kind: run.kind,
        recipe: run.recipe,
        period: run.period,
        aoi,
        parameters,
    })
}
