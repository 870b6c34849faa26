//! Questions about jobs.

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use super::document::{JobRow, job_columns};
use super::{Job, JobKind, JobStatus, Priority};
use crate::scope::Scope;
use crate::users::{moment, now};
use crate::{Database, DbError, User};

/// How much of its quota an account has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Jobs that count.
    pub used: u32,
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobFilter {
    /// Only those that stand so.
    pub status: Option<JobStatus>,
    /// Only those of this kind.
    pub kind: Option<JobKind>,
    /// Only those older than this job: the moment it was asked for, and its id.
    pub before: Option<(DateTime<Utc>, String)>,
    /// As many at most.
    pub limit: u32,
}

/// How many jobs there are of a sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCount {
    /// Of which kind.
    pub kind: String,
    /// How they stand.
    pub status: String,
    /// The role of who asked.
    pub role: String,
    /// How many.
    pub jobs: i64,
}

/// What waits in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDepth {
    /// Runs of which priority.
    pub priority: Priority,
    /// How many wait.
    pub waiting: i64,
    /// Since when the first of them does.
    pub oldest: Option<DateTime<Utc>>,
}

impl Database {
    /// A job of a tenant. Another tenant's is as good as none.
    pub async fn job(&self, tenant: &Slug, id: &str) -> Result<Option<Job>, DbError> {
        let mut work = self.one(Scope::Tenant(tenant)).await?;
        let row = sqlx::query_as::<_, JobRow>(concat!(
            "SELECT ",
            job_columns!(),
            " FROM jobs WHERE tenant_id = $1 AND id = $2"
        ))
        .bind(tenant.as_str())
        .bind(id)
        .fetch_optional(work.on())
        .await?;
        work.commit().await?;
        row.map(Job::try_from).transpose()
    }

    /// The latest jobs of a tenant, newest first.
    pub async fn jobs(&self, tenant: &Slug, filter: &JobFilter) -> Result<Vec<Job>, DbError> {
        let (before, id) = match &filter.before {
            Some((moment, id)) => (moment.timestamp_millis(), id.as_str()),
            None => (i64::MAX, ""),
        };
        let mut work = self.one(Scope::Tenant(tenant)).await?;
        let rows = sqlx::query_as::<_, JobRow>(concat!(
            "SELECT ",
            job_columns!(),
            " FROM jobs WHERE tenant_id = $1 AND (created_at < $2 OR (created_at = $2 AND id < $3))
                AND ($4 = '' OR status = $4) AND ($5 = '' OR kind = $5)
              ORDER BY created_at DESC, id DESC LIMIT $6"
        ))
        .bind(tenant.as_str())
        .bind(before)
        .bind(id)
        .bind(filter.status.map_or("", JobStatus::as_str))
        .bind(filter.kind.map_or("", JobKind::as_str))
        .bind(i64::from(filter.limit))
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    /// How much of its quota an account has used.
    pub async fn quota(&self, user: &User) -> Result<Quota, DbError> {
        let mut work = self.one(Scope::Tenant(&user.tenant)).await?;
        let used: i64 =
            sqlx::query_scalar("SELECT count(*) FROM jobs WHERE user_id = $1 AND counted = 1")
                .bind(&user.id)
                .fetch_one(work.on())
                .await?;
        work.commit().await?;
        Ok(Quota {
            used: u32::try_from(used).map_err(DbError::corrupt)?,
        })
    }

    /// How many jobs there are, by kind, state and the role of who asked.
    pub async fn job_counts(&self) -> Result<Vec<JobCount>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT jobs.kind, jobs.status, users.role, count(*) FROM jobs JOIN users ON users.id = jobs.user_id
             GROUP BY jobs.kind, jobs.status, users.role",
        )
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        Ok(rows
            .into_iter()
            .map(|(kind, status, role, jobs)| JobCount {
                kind,
                status,
                role,
                jobs,
            })
            .collect())
    }

    /// What waits in the queue, by priority; those without any are left out.
    pub async fn queue_depth(&self) -> Result<Vec<QueueDepth>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT priority, count(*), min(created_at) FROM runs WHERE status = 'waiting' GROUP BY priority",
        )
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        rows.into_iter()
            .map(|(priority, waiting, oldest)| {
                Ok(QueueDepth {
                    priority: Priority::of_rank(priority)?,
                    waiting,
                    oldest: oldest.map(moment).transpose()?,
                })
            })
            .collect()
    }

    /// How many runs may be taken at this moment, by priority, all of them named.
    pub async fn ready_runs(&self) -> Result<Vec<(Priority, u32)>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT priority, count(*) FROM runs WHERE status = 'waiting' AND not_before <= $1 GROUP BY priority",
        )
        .bind(now())
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        let ready = |priority: Priority| {
            let row = rows.iter().find(|row| row.0 == priority.rank());
            u32::try_from(row.map_or(0, |row| row.1)).unwrap_or(u32::MAX)
        };
        let all = Priority::ALL.iter();
        Ok(all.map(|priority| (*priority, ready(*priority))).collect())
    }

    /// How many jobs wait, and since when the first of them does.
    pub async fn waiting_jobs(&self) -> Result<(u32, Option<DateTime<Utc>>), DbError> {
        let mut work = self.one(Scope::System).await?;
        let (waiting, oldest): (i64, Option<i64>) =
            sqlx::query_as("SELECT count(*), min(created_at) FROM jobs WHERE status = 'accepted'")
                .fetch_one(work.on())
                .await?;
        work.commit().await?;
        Ok((
            u32::try_from(waiting).map_err(DbError::corrupt)?,
            oldest.map(moment).transpose()?,
        ))
    }
}
