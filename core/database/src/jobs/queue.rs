//! The queue as workers see it: claiming a run, keeping it, ending it.

use std::time::Duration;

use geocrop_store::{Period, Slug};

use super::document::parsed;
use super::{Job, JobKind, JobStatus, Priority};
use crate::connect::Dialect;
use crate::scope::{Scope, Work};
use crate::secret::new_id;
use crate::users::{millis, now};
use crate::{Database, DbError};

/// How often a run is tried before its jobs count as failed.
pub const MAX_ATTEMPTS: u32 = 3;

/// Something to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// A UUID.
    pub id: String,
    /// What sort of answer is wanted.
    pub kind: JobKind,
    /// Everything that the answer depends on besides what stands in the other fields, as JSON text.
    pub request: String,
    /// The tenant of the job that began it.
    pub tenant: Slug,
    /// The job that began it: the result is published in its folder first.
    pub job: Slug,
    /// How the map is made.
    pub recipe: Option<Slug>,
    /// The period it shows.
    pub period: Option<Period>,
    /// The area of interest, as GeoJSON text.
    pub aoi_geojson: Option<String>,
    /// Its area in square kilometres.
    pub area_km2: Option<f64>,
    /// How soon it was wanted.
    pub priority: Priority,
    /// How often it was begun, this time included.
    pub attempts: u32,
}

/// A run in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The run as it was taken.
    pub run: Run,
    token: String,
}

/// A job that waits for a run's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Whose job.
    pub tenant: Slug,
    /// Which job.
    pub job: Slug,
    /// The role of who asked: it says how long the result stays.
    pub role: Slug,
}

/// A result for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who gets it.
    pub recipient: Recipient,
    /// The store's key of its main document.
    pub result_key: String,
    /// How long it stays.
    pub keep: Duration,
}

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its jobs are successful.
    Done,
    /// These want the result as well, and have not got it yet; nothing was changed.
    Undelivered(Vec<Recipient>),
    /// The claim is no longer valid; nothing was changed.
    Lost,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Ours: the job does not count against the quota.
    Ours,
    /// What was asked for cannot be made: it does.
    Request,
}

/// What became of runs whose workers were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requeued {
    /// They wait again.
    pub waiting: u32,
    /// They had no attempt left.
    pub failed: u32,
}

type RunRow = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<f64>,
    i64,
    i64,
);

fn run(row: RunRow) -> Result<Run, DbError> {
    let (id, kind, request, tenant, job, recipe, period, aoi_geojson, area_km2, priority, attempts) =
        row;
    Ok(Run {
        id,
        kind: kind.parse()?,
        request,
        tenant: tenant.parse().map_err(DbError::corrupt)?,
        job: job.parse().map_err(DbError::corrupt)?,
        recipe: parsed(recipe)?,
        period: parsed(period)?,
        aoi_geojson,
        area_km2,
        priority: Priority::of_rank(priority)?,
        attempts: u32::try_from(attempts).map_err(DbError::corrupt)?,
    })
}

impl Database {
    /// Takes the run whose turn it is, for as long as `lease`. `worker` is a name that says which process has it.
    pub async fn claim_next(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, DbError> {
        let (token, now) = (new_id(), now());
        let next = match self.dialect {
            Dialect::Sqlite => {
                "UPDATE runs SET status = 'running', attempts = attempts + 1, claim = $1, claimed_until = $2, worker = $3,
                    started_at = coalesce(started_at, $4), message = NULL
                 WHERE id = (SELECT id FROM runs WHERE status = 'waiting' AND not_before <= $4 ORDER BY rank_at, id LIMIT 1)
                 RETURNING id"
            }
            // Workers that look at the same moment do not wait for each other: each takes another run.
            Dialect::Postgres => {
                "UPDATE runs SET status = 'running', attempts = attempts + 1, claim = $1, claimed_until = $2, worker = $3,
                    started_at = coalesce(started_at, $4), message = NULL
                 WHERE id = (SELECT id FROM runs WHERE status = 'waiting' AND not_before <= $4 ORDER BY rank_at, id LIMIT 1
                    FOR UPDATE SKIP LOCKED)
                 RETURNING id"
            }
        };
        let mut work = self.write(Scope::System).await?;
        let id: Option<String> = sqlx::query_scalar(next)
            .bind(&token)
            .bind(now.saturating_add(millis(lease)))
            .bind(worker)
            .bind(now)
            .fetch_optional(work.on())
            .await?;
        let Some(id) = id else {
            return Ok(None);
        };
        let row: RunRow = sqlx::query_as(
            "SELECT runs.id, runs.kind, runs.request, runs.tenant_id, runs.job_id, jobs.recipe, jobs.period,
                jobs.aoi_geojson, jobs.area_km2, runs.priority, runs.attempts
             FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE runs.id = $1",
        )
        .bind(&id)
        .fetch_one(work.on())
        .await?;
        sqlx::query(
            "UPDATE jobs SET status = 'running', attempts = $1, started_at = coalesce(started_at, $2), stage = '',
                progress = 0, message = NULL, version = version + 1
             WHERE run_id = $3 AND status IN ('accepted', 'running')",
        )
        .bind(row.10)
        .bind(now)
        .bind(&id)
        .execute(work.on())
        .await?;
        work.commit().await?;
        Ok(Some(Claim {
            run: run(row)?,
            token,
        }))
    }

    /// Says how far the work is and renews the lease. `false`: nobody wants the run any more, or it is someone else's
    /// now; stop.
    pub async fn heartbeat(
        &self,
        claim: &Claim,
        stage: &str,
        progress: u8,
        lease: Duration,
    ) -> Result<bool, DbError> {
        let mut work = self.write(Scope::System).await?;
        let held = sqlx::query("UPDATE runs SET claimed_until = $1 WHERE id = $2 AND claim = $3")
            .bind(now().saturating_add(millis(lease)))
            .bind(&claim.run.id)
            .bind(&claim.token)
            .execute(work.on())
            .await?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "UPDATE jobs SET stage = $1, progress = $2, version = version + 1
             WHERE run_id = $3 AND status = 'running' AND (stage <> $1 OR progress <> $2)",
        )
        .bind(stage)
        .bind(i64::from(progress.min(100)))
        .bind(&claim.run.id)
        .execute(work.on())
        .await?;
        work.commit().await?;
        Ok(true)
    }

    /// The jobs that wait for a run's result.
    pub async fn recipients(&self, claim: &Claim) -> Result<Vec<Recipient>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let alive = alive(&mut work, &claim.run.id).await?;
        work.commit().await?;
        Ok(alive)
    }

    /// Whether a run was cancelled because nobody wanted it any more. Not so one that another worker has, or has done.
    pub async fn is_cancelled(&self, claim: &Claim) -> Result<bool, DbError> {
        let mut work = self.one(Scope::System).await?;
        let status: Option<String> = sqlx::query_scalar("SELECT status FROM runs WHERE id = $1")
            .bind(&claim.run.id)
            .fetch_optional(work.on())
            .await?;
        work.commit().await?;
        Ok(status.as_deref() == Some("cancelled"))
    }

    /// The work is done, and the result published for each of these jobs under its key.
    pub async fn finish(
        &self,
        claim: &Claim,
        delivered: &[Delivery],
        seconds: f64,
        bytes: Option<i64>,
    ) -> Result<Ended, DbError> {
        let now = now();
        let mut work = self.write(Scope::System).await?;
        // First of all: from here on no job can join.
        if !end_run(&mut work, claim, "done", None, now).await? {
            return Ok(Ended::Lost);
        }
        let undelivered: Vec<_> = alive(&mut work, &claim.run.id)
            .await?
            .into_iter()
            .filter(|job| !delivered.iter().any(|done| done.recipient == *job))
            .collect();
        if !undelivered.is_empty() {
            return Ok(Ended::Undelivered(undelivered));
        }
        for delivery in delivered {
            sqlx::query(
                "UPDATE jobs SET status = 'successful', progress = 100, stage = 'done', result_key = $1, finished_at = $2,
                    seconds = $3, bytes = $4, expires_at = $5, version = version + 1
                 WHERE id = $6 AND run_id = $7 AND status IN ('accepted', 'running')",
            )
            .bind(&delivery.result_key)
            .bind(now)
            .bind(seconds)
            .bind(bytes)
            .bind(now.saturating_add(millis(delivery.keep)))
            .bind(delivery.recipient.job.as_str())
            .bind(&claim.run.id)
            .execute(work.on())
            .await?;
        }
        work.commit().await?;
        Ok(Ended::Done)
    }

    /// The work failed. With `retry`, and attempts left, the run waits again, at least that long; otherwise its jobs have
    /// failed. Returns where they stand now; `None`: the claim is no longer valid, and nothing was changed.
    pub async fn fail(
        &self,
        claim: &Claim,
        message: &str,
        retry: Option<Duration>,
        fault: Fault,
    ) -> Result<Option<JobStatus>, DbError> {
        let now = now();
        let mut work = self.write(Scope::System).await?;
        let run = &claim.run;
        if let Some(pause) = retry.filter(|_| run.attempts < MAX_ATTEMPTS) {
            let held = sqlx::query(
                "UPDATE runs SET status = 'waiting', message = $1, not_before = $2, claim = NULL, claimed_until = NULL,
                    worker = NULL
                 WHERE id = $3 AND claim = $4",
            )
            .bind(message)
            .bind(now.saturating_add(millis(pause)))
            .bind(&run.id)
            .bind(&claim.token)
            .execute(work.on())
            .await?;
            if held.rows_affected() == 0 {
                return Ok(None);
            }
            wait_again(&mut work, &run.id, Some(message)).await?;
            work.commit().await?;
            return Ok(Some(JobStatus::Accepted));
        }
        if !end_run(&mut work, claim, "failed", Some(message), now).await? {
            return Ok(None);
        }
        give_up(&mut work, &run.id, message, fault, now).await?;
        work.commit().await?;
        Ok(Some(JobStatus::Failed))
    }

    /// Gives a run back unfinished, as if it had not been begun: the worker is shutting down.
    pub async fn release(&self, claim: &Claim) -> Result<bool, DbError> {
        let mut work = self.write(Scope::System).await?;
        let held = sqlx::query(
            "UPDATE runs SET status = 'waiting', attempts = attempts - 1, claim = NULL, claimed_until = NULL, worker = NULL
             WHERE id = $1 AND claim = $2",
        )
        .bind(&claim.run.id)
        .bind(&claim.token)
        .execute(work.on())
        .await?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
        wait_again(&mut work, &claim.run.id, None).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Cancels a job that has not ended. The run ends with the last job that wants it. A job cancelled before a worker
    /// took it does not count. Returns the job as it stands; `None` when the tenant has no such job.
    pub async fn dismiss(&self, tenant: &Slug, id: &str) -> Result<Option<Job>, DbError> {
        let mut work = self.write(Scope::System).await?;
        let run: Option<Option<String>> =
            sqlx::query_scalar("SELECT run_id FROM jobs WHERE tenant_id = $1 AND id = $2")
                .bind(tenant.as_str())
                .bind(id)
                .fetch_optional(work.on())
                .await?;
        let Some(run) = run else {
            return Ok(None);
        };
        let now = now();
        if let (Some(run), Dialect::Postgres) = (&run, self.dialect) {
            // Runs are held before their jobs, everywhere: nobody waits in a circle.
            sqlx::query("SELECT id FROM runs WHERE id = $1 FOR UPDATE")
                .bind(run)
                .execute(work.on())
                .await?;
        }
        sqlx::query(
            "UPDATE jobs SET status = 'dismissed', finished_at = $1, version = version + 1,
                counted = CASE WHEN started_at IS NULL THEN 0 ELSE counted END
             WHERE tenant_id = $2 AND id = $3 AND status IN ('accepted', 'running')",
        )
        .bind(now)
        .bind(tenant.as_str())
        .bind(id)
        .execute(work.on())
        .await?;
        if let Some(run) = run
            && alive(&mut work, &run).await?.is_empty()
        {
            sqlx::query(
                "UPDATE runs SET status = 'cancelled', finished_at = $1, claim = NULL, claimed_until = NULL
                 WHERE id = $2 AND status IN ('waiting', 'running')",
            )
            .bind(now)
            .bind(run)
            .execute(work.on())
            .await?;
        }
        work.commit().await?;
        self.job(tenant, id).await
    }

    /// Puts runs whose lease has ended back into the queue; those without an attempt left have failed.
    pub async fn requeue_expired(&self) -> Result<Requeued, DbError> {
        self.requeue("", now()).await
    }

    /// Puts the runs of one worker back into the queue, whatever their lease: for the start of a worker of that name.
    pub async fn requeue_of(&self, worker: &str) -> Result<Requeued, DbError> {
        self.requeue(worker, i64::MAX).await
    }

    async fn requeue(&self, worker: &str, expired_by: i64) -> Result<Requeued, DbError> {
        const GIVEN_UP: &str = "given up: the worker was lost at every attempt, perhaps for want of memory; try a smaller area";
        let now = now();
        let mut work = self.write(Scope::System).await?;
        let failed: Vec<String> = sqlx::query_scalar(
            "UPDATE runs SET status = 'failed', message = $1, finished_at = $2, claim = NULL, claimed_until = NULL
             WHERE status = 'running' AND claimed_until <= $3 AND attempts >= $4 AND ($5 = '' OR worker = $5)
             RETURNING id",
        )
        .bind(GIVEN_UP)
        .bind(now)
        .bind(expired_by)
        .bind(i64::from(MAX_ATTEMPTS))
        .bind(worker)
        .fetch_all(work.on())
        .await?;
        for id in &failed {
            give_up(&mut work, id, GIVEN_UP, Fault::Ours, now).await?;
        }
        let waiting: Vec<String> = sqlx::query_scalar(
            "UPDATE runs SET status = 'waiting', claim = NULL, claimed_until = NULL, worker = NULL
             WHERE status = 'running' AND claimed_until <= $1 AND ($2 = '' OR worker = $2)
             RETURNING id",
        )
        .bind(expired_by)
        .bind(worker)
        .fetch_all(work.on())
        .await?;
        for id in &waiting {
            wait_again(&mut work, id, Some("interrupted; waits to be tried again")).await?;
        }
        work.commit().await?;
        Ok(Requeued {
            waiting: u32::try_from(waiting.len()).unwrap_or(u32::MAX),
            failed: u32::try_from(failed.len()).unwrap_or(u32::MAX),
        })
    }
}

/// The jobs of a run that have not ended.
async fn alive(work: &mut Work, run: &str) -> Result<Vec<Recipient>, DbError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT jobs.tenant_id, jobs.id, users.role FROM jobs JOIN users ON users.id = jobs.user_id
         WHERE jobs.run_id = $1 AND jobs.status IN ('accepted', 'running') ORDER BY jobs.created_at, jobs.id",
    )
    .bind(run)
    .fetch_all(work.on())
    .await?;
    rows.into_iter()
        .map(|(tenant, job, role)| {
            Ok(Recipient {
                tenant: tenant.parse().map_err(DbError::corrupt)?,
                job: job.parse().map_err(DbError::corrupt)?,
                role: role.parse().map_err(DbError::corrupt)?,
            })
        })
        .collect()
}

/// Ends a run, if the claim is still good.
async fn end_run(
    work: &mut Work,
    claim: &Claim,
    status: &str,
    message: Option<&str>,
    now: i64,
) -> Result<bool, DbError> {
    let held = sqlx::query(
        "UPDATE runs SET status = $1, message = $2, finished_at = $3, claim = NULL, claimed_until = NULL
         WHERE id = $4 AND claim = $5",
    )
    .bind(status)
    .bind(message)
    .bind(now)
    .bind(&claim.run.id)
    .bind(&claim.token)
    .execute(work.on())
    .await?;
    Ok(held.rows_affected() == 1)
}

async fn give_up(
    work: &mut Work,
    run: &str,
    message: &str,
    fault: Fault,
    now: i64,
) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE jobs SET status = 'failed', message = $1, finished_at = $2, version = version + 1,
            counted = CASE WHEN $3 = 1 THEN 0 ELSE counted END
         WHERE run_id = $4 AND status IN ('accepted', 'running')",
    )
    .bind(message)
    .bind(now)
    .bind(i64::from(fault == Fault::Ours))
    .bind(run)
    .execute(work.on())
    .await?;
    Ok(())
}

async fn wait_again(work: &mut Work, run: &str, message: Option<&str>) -> Result<(), DbError> {
    sqlx::query(
        "UPDATE jobs SET status = 'accepted', stage = '', progress = 0, message = $1, version = version + 1,
            attempts = (SELECT attempts FROM runs WHERE id = $2)
         WHERE run_id = $2 AND status IN ('accepted', 'running')",
    )
    .bind(message)
    .bind(run)
    .execute(work.on())
    .await?;
    Ok(())
}
