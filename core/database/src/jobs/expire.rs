//! Results and uploads do not stay forever.

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use crate::scope::Scope;
use crate::users::now;
use crate::{Database, DbError};

/// A job whose result's time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Whose job.
    pub tenant: Slug,
    /// Which job.
    pub job: Slug,
}

impl Database {
    /// Jobs whose result's time is over and whose files are still to be removed.
    pub async fn expired(&self, limit: u32) -> Result<Vec<Expired>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT tenant_id, id FROM jobs WHERE result_key IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        )
        .bind(now())
        .bind(i64::from(limit))
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        rows.into_iter()
            .map(|(tenant, job)| {
                Ok(Expired {
                    tenant: tenant.parse().map_err(DbError::corrupt)?,
                    job: job.parse().map_err(DbError::corrupt)?,
                })
            })
            .collect()
    }

    /// Notes that a job's files are gone, and forgets what was uploaded for it. The job itself stays, as a record.
    pub async fn forget_result(&self, expired: &Expired) -> Result<(), DbError> {
        let mut work = self.one(Scope::System).await?;
        sqlx::query(
            "UPDATE jobs SET result_key = NULL, request = '{}', stage = 'expired', version = version + 1
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(expired.tenant.as_str())
        .bind(expired.job.as_str())
        .execute(work.on())
        .await?;
        work.commit().await
    }

    /// Removes idempotency keys and ended runs that are older than a moment. Returns how many rows that were.
    pub async fn sweep_records(&self, before: DateTime<Utc>) -> Result<u64, DbError> {
        let before = before.timestamp_millis();
        let mut work = self.write(Scope::System).await?;
        let keys = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
            .bind(before)
            .execute(work.on())
            .await?;
        // What was uploaded stands in the run too.
        let runs = sqlx::query(
            "UPDATE runs SET request = '{}' WHERE finished_at < $1 AND request <> '{}'",
        )
        .bind(before)
        .execute(work.on())
        .await?;
        work.commit().await?;
        Ok(keys.rows_affected() + runs.rows_affected())
    }
}
