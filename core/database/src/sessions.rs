//! Sessions: who is logged in, until when.
//!
//! A session has one refresh token at a time, and each use replaces it. A replaced token that comes back was copied by
//! somebody: the session ends for both (RFC 9700, section 4.14).

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::scope::{Scope, Work};
use crate::secret::{Secret, hash, matches, new_id};
use crate::users::{UserRow, by_id, millis, moment, now, user_columns};
use crate::{Database, DbError, User};

/// A session and the token that continues it.
#[derive(Debug, Clone)]
pub struct Session {
    /// A UUID; short-lived tokens name it.
    pub id: String,
    /// Who is logged in.
    pub user: User,
    /// What continues it: `<id>.<secret>`. Only its hash is kept.
    pub refresh_token: String,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
}

impl Database {
    /// Begins a session of an account.
    pub async fn begin_session(&self, user: &User, lifetime: Duration) -> Result<Session, DbError> {
        let mut work = self.write(Scope::System).await?;
        let session = begin(&mut work, user.clone(), lifetime).await?;
        work.commit().await?;
        Ok(session)
    }

    /// Continues a session with its refresh token, which is replaced. `None`: there is no such session, or it has ended.
    pub async fn continue_session(&self, refresh_token: &str) -> Result<Option<Session>, DbError> {
        let Some((id, secret)) = refresh_token.split_once('.') else {
            return Ok(None);
        };
        let mut work = self.write(Scope::System).await?;
        let row: Option<(String, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT user_id, refresh_hash, previous_hash, expires_at FROM sessions
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(id)
        .bind(now())
        .fetch_optional(work.on())
        .await?;
        let Some((user_id, current, previous, expires_at)) = row else {
            return Ok(None);
        };
        if !matches(secret, &current) {
            if previous.is_some_and(|previous| matches(secret, &previous)) {
                revoke(&mut work, id).await?;
                work.commit().await?;
            }
            return Ok(None);
        }
        let next = Secret::new();
        // Of two that use the same token at once, one is late.
        let done = sqlx::query(
            "UPDATE sessions SET refresh_hash = $1, previous_hash = refresh_hash WHERE id = $2 AND refresh_hash = $3",
        )
        .bind(hash(next.reveal()))
        .bind(id)
        .bind(&current)
        .execute(work.on())
        .await?;
        let user = by_id(&mut work, &user_id).await?;
        work.commit().await?;
        let Some(user) = user.filter(|_| done.rows_affected() == 1) else {
            return Ok(None);
        };
        Ok(Some(Session {
            id: id.to_owned(),
            user,
            refresh_token: format!("{id}.{}", next.reveal()),
            expires_at: moment(expires_at)?,
        }))
    }

    /// The account of a session that has not ended.
    pub async fn session_user(&self, id: &str) -> Result<Option<User>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let row = sqlx::query_as::<_, UserRow>(concat!(
            "SELECT ",
            user_columns!("users"),
            " FROM sessions JOIN users ON users.id = sessions.user_id
             WHERE sessions.id = $1 AND sessions.revoked_at IS NULL AND sessions.expires_at > $2"
        ))
        .bind(id)
        .bind(now())
        .fetch_optional(work.on())
        .await?;
        work.commit().await?;
        row.map(User::try_from).transpose()
    }

    /// Ends a session. Whether it was there to end.
    pub async fn end_session(&self, id: &str) -> Result<bool, DbError> {
        let mut work = self.write(Scope::System).await?;
        let ended = revoke(&mut work, id).await?;
        work.commit().await?;
        Ok(ended)
    }

    /// Removes sessions that ended before a moment. Returns how many.
    pub async fn sweep_sessions(&self, before: DateTime<Utc>) -> Result<u64, DbError> {
        let mut work = self.one(Scope::System).await?;
        let done = sqlx::query("DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1")
            .bind(before.timestamp_millis())
            .execute(work.on())
            .await?;
        work.commit().await?;
        Ok(done.rows_affected())
    }
}

pub(crate) async fn begin(
    work: &mut Work,
    user: User,
    lifetime: Duration,
) -> Result<Session, DbError> {
    let (id, secret, now) = (new_id(), Secret::new(), now());
    let expires_at = now.saturating_add(millis(lifetime));
    sqlx::query(
        "INSERT INTO sessions (id, tenant_id, user_id, refresh_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&id)
    .bind(user.tenant.as_str())
    .bind(&user.id)
    .bind(hash(secret.reveal()))
    .bind(now)
    .bind(expires_at)
    .execute(work.on())
    .await?;
    Ok(Session {
        refresh_token: format!("{id}.{}", secret.reveal()),
        id,
        user,
        expires_at: moment(expires_at)?,
    })
}

async fn revoke(work: &mut Work, id: &str) -> Result<bool, DbError> {
    let done =
        sqlx::query("UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(now())
            .bind(id)
            .execute(work.on())
            .await?;
    Ok(done.rows_affected() == 1)
}
