//! The queue of jobs.
//!
//! A worker *claims* a job: it gets a token and a lease, and renews the lease while it works. Whatever it says later is
//! heard only with that token, so a worker that was thought dead cannot speak for a job that another one has taken over,
//! nor for one that was dismissed. A job whose lease runs out goes back to the queue, [`MAX_ATTEMPTS`] times in all.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Database, DbError, Role, moment, new_id};
use crate::{Period, Slug, StoreError};

/// How often a job is tried before it counts as failed.
pub const MAX_ATTEMPTS: u32 = 3;

/// Where a job stands; the names are those of OGC API - Processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waits for a worker.
    Accepted,
    /// A worker is at it.
    Running,
    /// Done; the result is published.
    Successful,
    /// Given up.
    Failed,
    /// Cancelled by its user.
    Dismissed,
}

impl JobStatus {
    /// The status's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Running => "running",
            Self::Successful => "successful",
            Self::Failed => "failed",
            Self::Dismissed => "dismissed",
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobStatus {
    type Err = DbError;

    fn from_str(text: &str) -> Result<Self, DbError> {
        [
            Self::Accepted,
            Self::Running,
            Self::Successful,
            Self::Failed,
            Self::Dismissed,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| DbError::Corrupt {
            reason: format!("the job status {text:?}"),
        })
    }
}

/// What a user asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// How the map is made.
    pub recipe: Slug,
    /// The period it shows.
    pub period: Period,
    /// The area of interest, as GeoJSON text.
    pub aoi_geojson: String,
    /// Its area in square kilometres.
    pub area_km2: f64,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// A UUID.
    pub id: Slug,
    /// Whose it is.
    pub tenant: Slug,
    /// The id of the account that asked.
    pub user: String,
    /// How the map is made.
    pub recipe: Slug,
    /// The period it shows.
    pub period: Period,
    /// The area of interest, as GeoJSON text.
    pub aoi_geojson: String,
    /// Its area in square kilometres.
    pub area_km2: f64,
    /// Where it stands.
    pub status: JobStatus,
    /// What the worker is doing; empty before it starts.
    pub stage: String,
    /// Per cent done, 0 to 100.
    pub progress: u8,
    /// Why it failed, or why it waits again.
    pub message: Option<String>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it came to its end.
    pub finished_at: Option<DateTime<Utc>>,
    /// The store's key of the resulting item.
    pub result_item: Option<String>,
}

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The job as it was taken.
    pub job: Job,
    token: String,
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: String,
    tenant_id: String,
    user_id: String,
    recipe: String,
    period: String,
    aoi_geojson: String,
    area_km2: f64,
    status: String,
    stage: String,
    progress: u8,
    message: Option<String>,
    attempts: u32,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    result_item: Option<String>,
}

impl TryFrom<JobRow> for Job {
    type Error = DbError;

    fn try_from(row: JobRow) -> Result<Self, DbError> {
        let corrupt = |error: StoreError| DbError::Corrupt {
            reason: error.to_string(),
        };
        Ok(Self {
            id: row.id.parse().map_err(corrupt)?,
            tenant: row.tenant_id.parse().map_err(corrupt)?,
            user: row.user_id,
            recipe: row.recipe.parse().map_err(corrupt)?,
            period: row.period.parse().map_err(corrupt)?,
            aoi_geojson: row.aoi_geojson,
            area_km2: row.area_km2,
            status: row.status.parse()?,
            stage: row.stage,
            progress: row.progress,
            message: row.message,
            attempts: row.attempts,
            created_at: moment(row.created_at)?,
            started_at: row.started_at.map(moment).transpose()?,
            finished_at: row.finished_at.map(moment).transpose()?,
            result_item: row.result_item,
        })
    }
}

impl Database {
    /// Puts a job into the queue, if the account's quota allows. Failed jobs do not count, dismissed ones do.
    ///
    /// # Errors
    /// [`DbError::Quota`], [`DbError::NoSuchUser`].
    pub async fn create_job(&self, user_id: &str, new: &NewJob) -> Result<Job, DbError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let (tenant, role): (String, String) =
            sqlx::query_as("SELECT tenant_id, role FROM users WHERE id = ?")
                .bind(user_id)
                .fetch_optional(&mut *transaction)
                .await?
                .ok_or_else(|| DbError::NoSuchUser {
                    user: user_id.to_owned(),
                })?;
        if let Some(limit) = role.parse::<Role>()?.job_limit() {
            let used: u32 = sqlx::query_scalar(
                "SELECT count(*) FROM jobs WHERE user_id = ? AND status <> 'failed'",
            )
            .bind(user_id)
            .fetch_one(&mut *transaction)
            .await?;
            if used >= limit {
                return Err(DbError::Quota { limit, used });
            }
        }
        let id = new_id();
        sqlx::query(
            "INSERT INTO jobs (id, tenant_id, user_id, recipe, period, aoi_geojson, area_km2, status, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, 'accepted', ?)",
        )
        .bind(&id)
        .bind(tenant)
        .bind(user_id)
        .bind(new.recipe.as_str())
        .bind(new.period.as_str())
        .bind(&new.aoi_geojson)
        .bind(new.area_km2)
        .bind(now())
        .execute(&mut *transaction)
        .await?;
        // Not RETURNING: SQLite returns a whole number in a REAL column as an integer there.
        let row = sqlx::query_as::<_, JobRow>("SELECT * FROM jobs WHERE id = ?")
            .bind(&id)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        row.try_into()
    }

    /// A job of a tenant. Another tenant's is as good as none.
    pub async fn job(&self, tenant: &Slug, id: &str) -> Result<Option<Job>, DbError> {
        sqlx::query_as::<_, JobRow>("SELECT * FROM jobs WHERE tenant_id = ? AND id = ?")
            .bind(tenant.as_str())
            .bind(id)
            .fetch_optional(&self.pool)
            .await?
            .map(Job::try_from)
            .transpose()
    }

    /// The latest jobs of a tenant, newest first.
    pub async fn jobs(&self, tenant: &Slug, limit: u32) -> Result<Vec<Job>, DbError> {
        sqlx::query_as::<_, JobRow>(
            "SELECT * FROM jobs WHERE tenant_id = ? ORDER BY created_at DESC, rowid DESC LIMIT ?",
        )
        .bind(tenant.as_str())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(Job::try_from)
        .collect()
    }

    /// Takes the job that waited longest, for as long as `lease`.
    pub async fn claim_next_job(&self, lease: Duration) -> Result<Option<Claim>, DbError> {
        let (token, now) = (new_id(), now());
        let id: Option<String> = sqlx::query_scalar(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1, claim = ?1, claimed_until = ?2,
                started_at = coalesce(started_at, ?3), stage = '', progress = 0, message = NULL
             WHERE id = (SELECT id FROM jobs WHERE status = 'accepted' ORDER BY created_at, rowid LIMIT 1)
             RETURNING id",
        )
        .bind(&token)
        .bind(until(now, lease))
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        let Some(id) = id else {
            return Ok(None);
        };
        let row = sqlx::query_as::<_, JobRow>("SELECT * FROM jobs WHERE id = ?")
            .bind(&id)
            .fetch_one(&self.pool)
            .await?;
        Ok(Some(Claim {
            job: row.try_into()?,
            token,
        }))
    }

    /// Says how far the work is and renews the lease. `false`: the job was dismissed or is someone else's now; stop.
    pub async fn heartbeat(
        &self,
        claim: &Claim,
        stage: &str,
        progress: u8,
        lease: Duration,
    ) -> Result<bool, DbError> {
        let done = sqlx::query(
            "UPDATE jobs SET stage = ?, progress = ?, claimed_until = ? WHERE id = ? AND claim = ?",
        )
        .bind(stage)
        .bind(progress.min(100))
        .bind(until(now(), lease))
        .bind(claim.job.id.as_str())
        .bind(&claim.token)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The work is done and the result published. `false`: the claim is no longer valid, and nothing was changed.
    pub async fn finish(&self, claim: &Claim, result_item: &str) -> Result<bool, DbError> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'successful', progress = 100, stage = 'done', result_item = ?, finished_at = ?,
                claim = NULL, claimed_until = NULL
             WHERE id = ? AND claim = ?",
        )
        .bind(result_item)
        .bind(now())
        .bind(claim.job.id.as_str())
        .bind(&claim.token)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The work failed. With `retry`, and attempts left, the job waits again; otherwise it has failed. Returns where it
    /// stands now; `None`: the claim is no longer valid, and nothing was changed.
    pub async fn fail(
        &self,
        claim: &Claim,
        message: &str,
        retry: bool,
    ) -> Result<Option<JobStatus>, DbError> {
        let again = retry && claim.job.attempts < MAX_ATTEMPTS;
        let status = if again {
            JobStatus::Accepted
        } else {
            JobStatus::Failed
        };
        let done = sqlx::query(
            "UPDATE jobs SET status = ?, message = ?, finished_at = ?, claim = NULL, claimed_until = NULL
             WHERE id = ? AND claim = ?",
        )
        .bind(status.as_str())
        .bind(message)
        .bind((!again).then(now))
        .bind(claim.job.id.as_str())
        .bind(&claim.token)
        .execute(&self.pool)
        .await?;
        Ok((done.rows_affected() == 1).then_some(status))
    }

    /// Gives a job back unfinished, as if it had not been begun: the worker is shutting down.
    pub async fn release(&self, claim: &Claim) -> Result<bool, DbError> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'accepted', attempts = attempts - 1, stage = '', progress = 0,
                claim = NULL, claimed_until = NULL
             WHERE id = ? AND claim = ?",
        )
        .bind(claim.job.id.as_str())
        .bind(&claim.token)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Cancels a job that has not ended. Returns it as it stands; `None` when the tenant has no such job.
    pub async fn dismiss(&self, tenant: &Slug, id: &str) -> Result<Option<Job>, DbError> {
        sqlx::query(
            "UPDATE jobs SET status = 'dismissed', finished_at = ?, claim = NULL, claimed_until = NULL
             WHERE tenant_id = ? AND id = ? AND status IN ('accepted', 'running')",
        )
        .bind(now())
        .bind(tenant.as_str())
        .bind(id)
        .execute(&self.pool)
        .await?;
        self.job(tenant, id).await
    }

    /// Puts jobs whose lease ran out back into the queue; those without attempts left have failed. Returns how many
    /// jobs that were.
    pub async fn requeue_expired(&self) -> Result<u64, DbError> {
        self.requeue(now()).await
    }

    /// Puts every running job back into the queue, whatever its lease. For the start of a process that alone works on
    /// this database: nobody else can be at it.
    pub async fn requeue_interrupted(&self) -> Result<u64, DbError> {
        self.requeue(i64::MAX).await
    }

    async fn requeue(&self, expired_by: i64) -> Result<u64, DbError> {
        let done = sqlx::query(
            "UPDATE jobs SET claim = NULL, claimed_until = NULL, stage = '', progress = 0,
                status = CASE WHEN attempts < ?1 THEN 'accepted' ELSE 'failed' END,
                finished_at = CASE WHEN attempts < ?1 THEN NULL ELSE ?2 END,
                message = CASE WHEN attempts < ?1 THEN 'interrupted; waits to be tried again'
                    ELSE 'given up: interrupted at every attempt; try a smaller area' END
             WHERE status = 'running' AND claimed_until <= ?3",
        )
        .bind(MAX_ATTEMPTS)
        .bind(now())
        .bind(expired_by)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

fn now() -> i64 {
    Utc::now().timestamp_millis()
}

fn until(now: i64, lease: Duration) -> i64 {
    now.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}
