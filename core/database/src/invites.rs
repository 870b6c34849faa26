//! Invites: a link that lets somebody in without signing up.
//!
//! An invite has seats. Each first use takes one and makes a guest account without a password. An invite with a single
//! seat is a person's own: the link lets the same guest in again until it expires.

use std::time::Duration;

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use crate::scope::Scope;
use crate::secret::{Secret, hash, matches, new_id};
use crate::sessions::begin;
use crate::users::{by_id, insert, millis, moment, now};
use crate::{Database, DbError, Session, User};

/// What an invite gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// The guests' role.
    pub role: Slug,
    /// The tenant that guests become members of; `None`: each gets a tenant of their own.
    pub tenant: Option<Slug>,
    /// How many guests.
    pub seats: u32,
    /// Until when the link is good.
    pub lifetime: Duration,
    /// What it is for, in the words of whoever made it.
    pub note: String,
}

/// An invite as whoever made it sees it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// A UUID.
    pub id: String,
    /// The guests' role.
    pub role: Slug,
    /// What it is for.
    pub note: String,
    /// How many guests it lets in.
    pub seats: u32,
    /// How many came.
    pub used: u32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// What an invite offers: the secret's hash, the role, the guests' tenant, the seats, and the guest of a single seat.
type Offer = (String, String, Option<String>, i64, Option<String>);
type InviteRow = (String, String, String, i64, i64, i64, i64);

fn invite(row: InviteRow) -> Result<Invite, DbError> {
    let (id, role, note, seats, used, created_at, expires_at) = row;
    Ok(Invite {
        id,
        role: role.parse().map_err(DbError::corrupt)?,
        note,
        seats: u32::try_from(seats).map_err(DbError::corrupt)?,
        used: u32::try_from(used).map_err(DbError::corrupt)?,
        created_at: moment(created_at)?,
        expires_at: moment(expires_at)?,
    })
}

impl Database {
    /// Makes an invite: as it is listed, and the text for the link, which is shown once.
    pub async fn create_invite(
        &self,
        by: &User,
        new: &NewInvite,
    ) -> Result<(Invite, String), DbError> {
        let (id, secret, now) = (new_id(), Secret::new(), now());
        let expires_at = now.saturating_add(millis(new.lifetime));
        let mut work = self.one(Scope::System).await?;
        sqlx::query(
            "INSERT INTO invites (id, tenant_id, created_by, secret_hash, role, note, guest_tenant, seats, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&id)
        .bind(by.tenant.as_str())
        .bind(&by.id)
        .bind(hash(secret.reveal()))
        .bind(new.role.as_str())
        .bind(&new.note)
        .bind(new.tenant.as_ref().map(Slug::as_str))
        .bind(i64::from(new.seats))
        .bind(now)
        .bind(expires_at)
        .execute(work.on())
        .await?;
        work.commit().await?;
        let text = format!("{id}.{}", secret.reveal());
        let role = new.role.to_string();
        let row = (
            id,
            role,
            new.note.clone(),
            i64::from(new.seats),
            0,
            now,
            expires_at,
        );
        Ok((invite(row)?, text))
    }

    /// A tenant's invites that are still good, the newest first.
    pub async fn invites(&self, tenant: &Slug) -> Result<Vec<Invite>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<InviteRow> = sqlx::query_as(
            "SELECT id, role, note, seats, used, created_at, expires_at FROM invites
             WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id",
        )
        .bind(tenant.as_str())
        .bind(now())
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        rows.into_iter().map(invite).collect()
    }

    /// Takes an invite back; sessions that began with it go on. Whether the tenant had it.
    pub async fn revoke_invite(&self, tenant: &Slug, id: &str) -> Result<bool, DbError> {
        let mut work = self.one(Scope::System).await?;
        let done = sqlx::query(
            "UPDATE invites SET revoked_at = $1 WHERE tenant_id = $2 AND id = $3 AND revoked_at IS NULL",
        )
        .bind(now())
        .bind(tenant.as_str())
        .bind(id)
        .execute(work.on())
        .await?;
        work.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets a guest in with the text of a link. `None`: there is no such invite, it has ended, or all seats are taken.
    pub async fn accept_invite(
        &self,
        text: &str,
        session_lifetime: Duration,
    ) -> Result<Option<Session>, DbError> {
        let Some((id, secret)) = text.split_once('.') else {
            return Ok(None);
        };
        let mut work = self.write(Scope::System).await?;
        let row: Option<Offer> = sqlx::query_as(
            "SELECT secret_hash, role, guest_tenant, seats, guest_id FROM invites
             WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(id)
        .bind(now())
        .fetch_optional(work.on())
        .await?;
        let Some((hashed, role, tenant, seats, guest)) = row else {
            return Ok(None);
        };
        if !matches(secret, &hashed) {
            return Ok(None);
        }
        if let Some(guest) = guest {
            let Some(user) = by_id(&mut work, &guest).await? else {
                return Ok(None);
            };
            let session = begin(&mut work, user, session_lifetime).await?;
            work.commit().await?;
            return Ok(Some(session));
        }
        // Two guests at once cannot take the same seat.
        let taken =
            sqlx::query("UPDATE invites SET used = used + 1 WHERE id = $1 AND used < seats")
                .bind(id)
                .execute(work.on())
                .await?;
        if taken.rows_affected() == 0 {
            return Ok(None);
        }
        let name = format!("guest-{}", &new_id()[..8]);
        let tenant = tenant.unwrap_or_else(|| name.clone());
        let user = insert(
            &mut work,
            &tenant.parse().map_err(DbError::corrupt)?,
            &name,
            None,
            &role.parse().map_err(DbError::corrupt)?,
        )
        .await?;
        if seats == 1 {
            sqlx::query("UPDATE invites SET guest_id = $1 WHERE id = $2")
                .bind(&user.id)
                .bind(id)
                .execute(work.on())
                .await?;
        }
        let session = begin(&mut work, user, session_lifetime).await?;
        work.commit().await?;
        Ok(Some(session))
    }
}
