//! Keys for scripts: shown once, kept as a hash, good until they expire or are taken back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use crate::scope::Scope;
use crate::secret::{Secret, hash, matches, new_id};
use crate::users::{by_id, millis, moment, now};
use crate::{Database, DbError, User};

/// How every key begins, so that people and scanners of leaked secrets know one.
pub const PREFIX: &str = "gck_";
/// How stale the time of the last use may be: not every request is worth a write.
const USED_PRECISION: i64 = 60_000;

/// A key as its owner sees it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// A UUID.
    pub id: String,
    /// What it is for, in its owner's words.
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends; `None`: never by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

type KeyRow = (String, String, i64, Option<i64>, Option<i64>);

fn key(row: KeyRow) -> Result<ApiKey, DbError> {
    let (id, name, created_at, expires_at, last_used_at) = row;
    Ok(ApiKey {
        id,
        name,
        created_at: moment(created_at)?,
        expires_at: expires_at.map(moment).transpose()?,
        last_used_at: last_used_at.map(moment).transpose()?,
    })
}

impl Database {
    /// Makes a key for an account: the key as it is listed, and the text that is shown once.
    pub async fn create_api_key(
        &self,
        user: &User,
        name: &str,
        lifetime: Option<Duration>,
    ) -> Result<(ApiKey, String), DbError> {
        let (id, secret, now) = (new_id(), Secret::new(), now());
        let expires_at = lifetime.map(|lifetime| now.saturating_add(millis(lifetime)));
        let mut work = self.one(Scope::System).await?;
        sqlx::query(
            "INSERT INTO api_keys (id, tenant_id, user_id, name, secret_hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id)
        .bind(user.tenant.as_str())
        .bind(&user.id)
        .bind(name)
        .bind(hash(secret.reveal()))
        .bind(now)
        .bind(expires_at)
        .execute(work.on())
        .await?;
        work.commit().await?;
        let text = format!("{PREFIX}{id}_{}", secret.reveal());
        Ok((key((id, name.to_owned(), now, expires_at, None))?, text))
    }

    /// The account that a key stands for.
    pub async fn api_key_user(&self, text: &str) -> Result<Option<User>, DbError> {
        let Some((id, secret)) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
        else {
            return Ok(None);
        };
        let now = now();
        let mut work = self.one(Scope::System).await?;
        let row: Option<(String, String, Option<i64>)> = sqlx::query_as(
            "SELECT user_id, secret_hash, last_used_at FROM api_keys
             WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(id)
        .bind(now)
        .fetch_optional(work.on())
        .await?;
        let Some((user_id, hashed, last_used)) = row else {
            return Ok(None);
        };
        if !matches(secret, &hashed) {
            return Ok(None);
        }
        if last_used.is_none_or(|last| now - last >= USED_PRECISION) {
            sqlx::query("UPDATE api_keys SET last_used_at = $1 WHERE id = $2")
                .bind(now)
                .bind(id)
                .execute(work.on())
                .await?;
        }
        let user = by_id(&mut work, &user_id).await?;
        work.commit().await?;
        Ok(user)
    }

    /// An account's keys that are still good, the newest first.
    pub async fn api_keys(&self, tenant: &Slug, user_id: &str) -> Result<Vec<ApiKey>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, name, created_at, expires_at, last_used_at FROM api_keys
             WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
             ORDER BY created_at DESC, id",
        )
        .bind(tenant.as_str())
        .bind(user_id)
        .bind(now())
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        rows.into_iter().map(key).collect()
    }

    /// Takes a key back. Whether the account had it.
    pub async fn revoke_api_key(&self, user: &User, id: &str) -> Result<bool, DbError> {
        let mut work = self.one(Scope::System).await?;
        let done = sqlx::query(
            "UPDATE api_keys SET revoked_at = $1
             WHERE tenant_id = $2 AND user_id = $3 AND id = $4 AND revoked_at IS NULL",
        )
        .bind(now())
        .bind(user.tenant.as_str())
        .bind(&user.id)
        .bind(id)
        .execute(work.on())
        .await?;
        work.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}
