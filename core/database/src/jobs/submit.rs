//! Asking for something: quota, idempotency and the place in the queue in one step.

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use super::document::{JobRow, job_columns};
use super::{Job, NewJob};
use crate::connect::Dialect;
use crate::scope::{Scope, Work};
use crate::secret::new_id;
use crate::users::{hold, now};
use crate::{Database, DbError, User};

/// Milliseconds that a job stands back for each job that its tenant has in the queue already: about what one takes.
const TURN: i64 = 60_000;

/// Jobs ahead that are counted, at most: with more, a job stands at the end in any case, and counting them would take long.
const COUNTED: i64 = 1000;

/// What makes a repeated request known as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's word for the request.
    pub key: String,
    /// A hash of the request: the same word for another request is a mistake.
    pub request_hash: String,
}

/// A job to put into the queue.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    /// Who asks.
    pub user: &'a User,
    /// For what.
    pub job: &'a NewJob,
    /// How many jobs that count the account may have; `None`: any number.
    pub limit: Option<u32>,
    /// The caller's word for this request, if they have one.
    pub idempotency: Option<&'a IdempotencyKey>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// The job is in the queue.
    New(Job),
    /// The request was made before; this is its job.
    Repeated(Job),
}

impl Submitted {
    /// The job, whichever it is.
    pub fn job(self) -> Job {
        match self {
            Self::New(job) | Self::Repeated(job) => job,
        }
    }
}

impl Database {
    /// Puts a job into the queue, if the account's quota allows. Counting and insertion are one step, whoever asks at
    /// the same time. A job that asks for what is already being made shares the run.
    ///
    /// # Errors
    /// [`DbError::Quota`], [`DbError::NoSuchUser`], [`DbError::OtherRequest`].
    pub async fn submit(&self, submission: &Submission<'_>) -> Result<Submitted, DbError> {
        let (user, new) = (submission.user, submission.job);
        let mut work = self.write(Scope::Tenant(&user.tenant)).await?;
        hold(&mut work, self.dialect, &user.id).await?;
        if let Some(job) = repeated(&mut work, submission).await? {
            return Ok(Submitted::Repeated(job));
        }
        check_quota(&mut work, user, submission.limit).await?;
        let ahead: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM
                (SELECT 1 FROM jobs WHERE tenant_id = $1 AND status IN ('accepted', 'running') LIMIT $2) AS ahead",
        )
        .bind(user.tenant.as_str())
        .bind(COUNTED)
        .fetch_one(work.on())
        .await?;

        let (job_id, now) = (new_id(), now());
        let rank_at = now + new.priority.delay() + ahead * TURN;
        work.become_(Scope::System).await?;
        let (run_id, running) = self
            .join_run(&mut work, submission, &job_id, rank_at)
            .await?;
        work.become_(Scope::Tenant(&user.tenant)).await?;
        let entry = Entry {
            id: &job_id,
            run: Some(&run_id),
            source: "computed",
            counted: 1,
            status: if running { "running" } else { "accepted" },
            started_at: running.then_some(now),
            finished_at: None,
            result_key: None,
            expires_at: None,
            now,
        };
        self.insert(&mut work, submission, &entry).await?;
        let job = job_of(&mut work, &job_id).await?;
        work.commit().await?;
        Ok(Submitted::New(job))
    }

    /// The job of the same request made before, if the request has a word of its own and was made.
    ///
    /// # Errors
    /// [`DbError::OtherRequest`].
    pub async fn made_before(&self, submission: &Submission<'_>) -> Result<Option<Job>, DbError> {
        if submission.idempotency.is_none() {
            return Ok(None);
        }
        let mut work = self.one(Scope::Tenant(&submission.user.tenant)).await?;
        let job = repeated(&mut work, submission).await?;
        work.commit().await?;
        Ok(job)
    }

    /// Notes a job that was answered from what was there: it is done, and costs nothing.
    ///
    /// # Errors
    /// [`DbError::NoSuchUser`], [`DbError::OtherRequest`].
    pub async fn record_answered(
        &self,
        submission: &Submission<'_>,
        job_id: &str,
        result_key: &str,
        keep: std::time::Duration,
    ) -> Result<Submitted, DbError> {
        let user = submission.user;
        let mut work = self.write(Scope::Tenant(&user.tenant)).await?;
        hold(&mut work, self.dialect, &user.id).await?;
        if let Some(job) = repeated(&mut work, submission).await? {
            return Ok(Submitted::Repeated(job));
        }
        let now = now();
        let entry = Entry {
            id: job_id,
            run: None,
            source: "precomputed",
            counted: 0,
            status: "successful",
            started_at: Some(now),
            finished_at: Some(now),
            result_key: Some(result_key),
            expires_at: Some(now.saturating_add(crate::users::millis(keep))),
            now,
        };
        self.insert(&mut work, submission, &entry).await?;
        let job = job_of(&mut work, job_id).await?;
        work.commit().await?;
        Ok(Submitted::New(job))
    }

    /// The run for a job: one that makes the same thing and has not ended, or a new one. Whether it is being worked on.
    async fn join_run(
        &self,
        work: &mut Work,
        submission: &Submission<'_>,
        job_id: &str,
        rank_at: i64,
    ) -> Result<(String, bool), DbError> {
        let new = submission.job;
        let alive = match self.dialect {
            Dialect::Sqlite => {
                "SELECT id, status FROM runs WHERE content_key = $1 AND status IN ('waiting', 'running')"
            }
            // Held, so that the run cannot end before this job is one of its own.
            Dialect::Postgres => {
                "SELECT id, status FROM runs WHERE content_key = $1 AND status IN ('waiting', 'running') FOR UPDATE"
            }
        };
        // Twice at most: between looking and inserting, somebody else may have begun the same run.
        for _ in 0..3 {
            let found: Option<(String, String)> = sqlx::query_as(alive)
                .bind(&new.content_key)
                .fetch_optional(work.on())
                .await?;
            if let Some((id, status)) = found {
                sqlx::query(
                    "UPDATE runs SET rank_at = CASE WHEN rank_at < $1 THEN rank_at ELSE $1 END,
                        priority = CASE WHEN priority < $2 THEN priority ELSE $2 END
                     WHERE id = $3",
                )
                .bind(rank_at)
                .bind(new.priority.rank())
                .bind(&id)
                .execute(work.on())
                .await?;
                return Ok((id, status == "running"));
            }
            let id = new_id();
            let done = sqlx::query(
                "INSERT INTO runs (id, content_key, kind, request, tenant_id, job_id, priority, rank_at, not_before, status,
                    created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 'waiting', $9)
                 ON CONFLICT (content_key) WHERE status IN ('waiting', 'running') DO NOTHING",
            )
            .bind(&id)
            .bind(&new.content_key)
            .bind(new.kind.as_str())
            .bind(&new.request)
            .bind(submission.user.tenant.as_str())
            .bind(job_id)
            .bind(new.priority.rank())
            .bind(rank_at)
            .bind(now())
            .execute(work.on())
            .await?;
            if done.rows_affected() == 1 {
                return Ok((id, false));
            }
        }
        Err(DbError::corrupt("a run neither exists nor can be made"))
    }

    async fn insert(
        &self,
        work: &mut Work,
        submission: &Submission<'_>,
        entry: &Entry<'_>,
    ) -> Result<(), DbError> {
        let (user, new) = (submission.user, submission.job);
        let sql = match self.dialect {
            Dialect::Sqlite => {
                "INSERT INTO jobs (id, tenant_id, user_id, run_id, kind, request, recipe, period, aoi_geojson, area_km2,
                    priority, source, counted, status, estimated_seconds, estimated_bytes, created_at, started_at,
                    finished_at, expires_at, result_key, progress)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                    CASE WHEN $21 IS NULL THEN 0 ELSE 100 END)"
            }
            Dialect::Postgres => {
                "INSERT INTO jobs (id, tenant_id, user_id, run_id, kind, request, recipe, period, aoi_geojson, area_km2,
                    priority, source, counted, status, estimated_seconds, estimated_bytes, created_at, started_at,
                    finished_at, expires_at, result_key, progress, aoi)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                    CASE WHEN $21 IS NULL THEN 0 ELSE 100 END, ST_SetSRID(ST_GeomFromGeoJSON($22), 4326))"
            }
        };
        let query = sqlx::query(sql)
            .bind(entry.id)
            .bind(user.tenant.as_str())
            .bind(&user.id)
            .bind(entry.run)
            .bind(new.kind.as_str())
            .bind(&new.request)
            .bind(new.recipe.as_ref().map(AsRef::<str>::as_ref))
            .bind(new.period.as_ref().map(AsRef::<str>::as_ref))
            .bind(&new.aoi_geojson);
        let mut query = bind_number(query, new.area_km2)
            .bind(new.priority.rank())
            .bind(entry.source)
            .bind(entry.counted)
            .bind(entry.status);
        query = bind_number(query, new.estimate.seconds)
            .bind(new.estimate.bytes)
            .bind(entry.now)
            .bind(entry.started_at)
            .bind(entry.finished_at)
            .bind(entry.expires_at)
            .bind(entry.result_key);
        if self.dialect == Dialect::Postgres {
            query = query.bind(&new.geometry);
        }
        query.execute(work.on()).await?;
        if let Some(idempotency) = submission.idempotency {
            sqlx::query(
                "INSERT INTO idempotency_keys (user_id, tenant_id, key, request_hash, job_id, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&user.id)
            .bind(user.tenant.as_str())
            .bind(&idempotency.key)
            .bind(&idempotency.request_hash)
            .bind(entry.id)
            .bind(entry.now)
            .execute(work.on())
            .await?;
        }
        Ok(())
    }
}

/// Binds a number that may be missing. sqlx's driver for any database tells `PostgreSQL` that a missing `f64` is of four
/// bytes, and a missing `f32` of eight; the statement, prepared once, would then refuse the number that comes next.
fn bind_number(
    query: Query<'_, Any, AnyArguments>,
    number: Option<f64>,
) -> Query<'_, Any, AnyArguments> {
    match number {
        Some(number) => query.bind(number),
        None => query.bind(None::<f32>),
    }
}

/// What of a new row is not the submission's.
struct Entry<'a> {
    id: &'a str,
    run: Option<&'a str>,
    source: &'a str,
    counted: i64,
    status: &'a str,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    result_key: Option<&'a str>,
    expires_at: Option<i64>,
    now: i64,
}

/// The job of the same request made before.
async fn repeated(work: &mut Work, submission: &Submission<'_>) -> Result<Option<Job>, DbError> {
    let Some(idempotency) = submission.idempotency else {
        return Ok(None);
    };
    let known: Option<(String, String)> = sqlx::query_as(
        "SELECT request_hash, job_id FROM idempotency_keys WHERE user_id = $1 AND key = $2",
    )
    .bind(&submission.user.id)
    .bind(&idempotency.key)
    .fetch_optional(work.on())
    .await?;
    match known {
        None => Ok(None),
        Some((hash, _)) if hash != idempotency.request_hash => Err(DbError::OtherRequest),
        Some((_, job)) => job_of(work, &job).await.map(Some),
    }
}

async fn check_quota(work: &mut Work, user: &User, limit: Option<u32>) -> Result<(), DbError> {
    let there: Option<String> = sqlx::query_scalar("SELECT id FROM users WHERE id = $1")
        .bind(&user.id)
        .fetch_optional(work.on())
        .await?;
    if there.is_none() {
        return Err(DbError::NoSuchUser {
            user: user.id.clone(),
        });
    }
    let Some(limit) = limit else {
        return Ok(());
    };
    let used: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE user_id = $1 AND counted = 1")
            .bind(&user.id)
            .fetch_one(work.on())
            .await?;
    let used = u32::try_from(used).map_err(DbError::corrupt)?;
    if used >= limit {
        return Err(DbError::Quota { limit, used });
    }
    Ok(())
}

async fn job_of(work: &mut Work, id: &str) -> Result<Job, DbError> {
    // Not RETURNING: SQLite returns a whole number in a REAL column as an integer there.
    sqlx::query_as::<_, JobRow>(concat!(
        "SELECT ",
        job_columns!(),
        " FROM jobs WHERE id = $1"
    ))
    .bind(id)
    .fetch_one(work.on())
    .await?
    .try_into()
}
