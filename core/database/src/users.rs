//! Accounts.

use chrono::{DateTime, Utc};
use geocrop_store::Slug;

use crate::connect::Dialect;
use crate::scope::{Scope, Work};
use crate::secret::new_id;
use crate::{Database, DbError};

/// An account. What its role may do is configuration, not the database's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// A UUID.
    pub id: String,
    /// Whose jobs the account sees.
    pub tenant: Slug,
    /// The name to log in with; unique over all tenants.
    pub name: String,
    /// The Argon2 hash of the password, in PHC form. `None`: nobody logs in with a password.
    pub password_hash: Option<String>,
    /// The name of its role.
    pub role: Slug,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The columns of [`UserRow`], of the table `users` or of a name for it.
macro_rules! user_columns {
    ($table:literal) => {
        concat!(
            $table,
            ".id, ",
            $table,
            ".tenant_id, ",
            $table,
            ".name, ",
            $table,
            ".password_hash, ",
            $table,
            ".role, ",
            $table,
            ".created_at"
        )
    };
}
pub(crate) use user_columns;

#[derive(sqlx::FromRow)]
pub(crate) struct UserRow {
    id: String,
    tenant_id: String,
    name: String,
    password_hash: Option<String>,
    role: String,
    created_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = DbError;

    fn try_from(row: UserRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id.parse().map_err(DbError::corrupt)?,
            name: row.name,
            password_hash: row.password_hash,
            role: row.role.parse().map_err(DbError::corrupt)?,
            created_at: moment(row.created_at)?,
        })
    }
}

impl Database {
    /// Makes an account, and its tenant if that is new. `password_hash` is in PHC form.
    ///
    /// # Errors
    /// [`DbError::UserExists`], [`DbError::InvalidUserName`].
    pub async fn create_user(
        &self,
        tenant: &Slug,
        name: &str,
        password_hash: Option<&str>,
        role: &Slug,
    ) -> Result<User, DbError> {
        let mut work = self.write(Scope::System).await?;
        let user = insert(&mut work, tenant, name, password_hash, role).await?;
        work.commit().await?;
        Ok(user)
    }

    /// Gives an account a new password, and ends its sessions: whoever knew the old one is out.
    ///
    /// # Errors
    /// [`DbError::NoSuchUser`].
    pub async fn set_password(&self, name: &str, password_hash: &str) -> Result<(), DbError> {
        let mut work = self.write(Scope::System).await?;
        let id: Option<String> =
            sqlx::query_scalar("UPDATE users SET password_hash = $1 WHERE name = $2 RETURNING id")
                .bind(password_hash)
                .bind(name)
                .fetch_optional(work.on())
                .await?;
        let Some(id) = id else {
            return Err(DbError::NoSuchUser {
                user: name.to_owned(),
            });
        };
        sqlx::query(
            "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL",
        )
        .bind(now())
        .bind(id)
        .execute(work.on())
        .await?;
        work.commit().await
    }

    /// Gives an account another role.
    ///
    /// # Errors
    /// [`DbError::NoSuchUser`].
    pub async fn set_role(&self, name: &str, role: &Slug) -> Result<(), DbError> {
        let mut work = self.one(Scope::System).await?;
        let done = sqlx::query("UPDATE users SET role = $1 WHERE name = $2")
            .bind(role.as_str())
            .bind(name)
            .execute(work.on())
            .await?;
        work.commit().await?;
        if done.rows_affected() == 0 {
            return Err(DbError::NoSuchUser {
                user: name.to_owned(),
            });
        }
        Ok(())
    }

    /// The account that logs in with a name.
    pub async fn find_user(&self, name: &str) -> Result<Option<User>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let row = sqlx::query_as::<_, UserRow>(concat!(
            "SELECT ",
            user_columns!("users"),
            " FROM users WHERE name = $1"
        ))
        .bind(name)
        .fetch_optional(work.on())
        .await?;
        work.commit().await?;
        row.map(User::try_from).transpose()
    }

    /// The account with an id.
    pub async fn user(&self, id: &str) -> Result<Option<User>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let user = by_id(&mut work, id).await?;
        work.commit().await?;
        Ok(user)
    }
}

pub(crate) async fn by_id(work: &mut Work, id: &str) -> Result<Option<User>, DbError> {
    sqlx::query_as::<_, UserRow>(concat!(
        "SELECT ",
        user_columns!("users"),
        " FROM users WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(work.on())
    .await?
    .map(User::try_from)
    .transpose()
}

pub(crate) async fn insert(
    work: &mut Work,
    tenant: &Slug,
    name: &str,
    password_hash: Option<&str>,
    role: &Slug,
) -> Result<User, DbError> {
    let visible = |c: char| !c.is_whitespace() && !c.is_control();
    if !(1..=64).contains(&name.chars().count()) || !name.chars().all(visible) {
        return Err(DbError::InvalidUserName {
            name: name.to_owned(),
        });
    }
    let now = now();
    sqlx::query("INSERT INTO tenants (id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(tenant.as_str())
        .bind(now)
        .execute(work.on())
        .await?;
    let id = new_id();
    let done = sqlx::query(
        "INSERT INTO users (id, tenant_id, name, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(&id)
    .bind(tenant.as_str())
    .bind(name)
    .bind(password_hash)
    .bind(role.as_str())
    .bind(now)
    .execute(work.on())
    .await?;
    if done.rows_affected() == 0 {
        return Err(DbError::UserExists {
            name: name.to_owned(),
        });
    }
    by_id(work, &id)
        .await?
        .ok_or_else(|| DbError::corrupt("a user that was made is not there"))
}

/// Holds an account until the transaction ends, so that what it may do is counted and used in one step. In SQLite the
/// whole database is held anyway.
pub(crate) async fn hold(work: &mut Work, dialect: Dialect, user_id: &str) -> Result<(), DbError> {
    if dialect == Dialect::Postgres {
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text")
            .bind(user_id)
            .execute(work.on())
            .await?;
    }
    Ok(())
}

pub(crate) fn now() -> i64 {
    Utc::now().timestamp_millis()
}

pub(crate) fn moment(milliseconds: i64) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| DbError::corrupt(format!("the time {milliseconds} is out of range")))
}

/// A span of time in milliseconds.
pub(crate) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
