//! The history of the service's parts: what each check found, summed by day.
//!
//! A break in the checks longer than the allowed `gap` is unknown time: it adds to no count, and what a part's state is
//! "since" begins anew after it.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, Utc};

use geocrop_store::status::{Day, HISTORY_DAYS, Part, State};

use crate::connect::Dialect;
use crate::scope::Scope;
use crate::users::{millis, moment};
use crate::{Database, DbError};

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub part: Part,
    /// How it stands. [`State::Unknown`] is not counted.
    pub state: State,
    /// One sentence for everybody to read.
    pub detail: String,
}

/// Where a part stood when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartState {
    /// Which part.
    pub part: Part,
    /// How it stood.
    pub state: State,
    /// What was found.
    pub detail: String,
    /// The first of the unbroken run of checks that found this state.
    pub since: DateTime<Utc>,
    /// The last of them.
    pub checked_at: DateTime<Utc>,
}

impl Database {
    /// Whether the database takes writes: begins one and gives it up.
    pub async fn check_writes(&self) -> Result<(), DbError> {
        let mut work = self.write(Scope::System).await?;
        if self.dialect == Dialect::Postgres {
            // Beginning says nothing there; a standby refuses this.
            sqlx::query("DELETE FROM part_days WHERE day < '0'")
                .execute(work.on())
                .await?;
        }
        Ok(())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        let mut work = self.one(Scope::System).await?;
        sqlx::query("SELECT 1").execute(work.on()).await?;
        Ok(())
    }

    /// Adds a round of checks made at one moment, and drops days older than [`HISTORY_DAYS`].
    pub async fn record_checks(
        &self,
        at: DateTime<Utc>,
        checks: &[Check],
        gap: Duration,
    ) -> Result<(), DbError> {
        let mut work = self.write(Scope::System).await?;
        let now = at.timestamp_millis();
        let broken = now.saturating_sub(millis(gap));
        for check in checks {
            let (up, degraded, down) = match check.state {
                State::Up => (1_i64, 0_i64, 0_i64),
                State::Degraded => (0, 1, 0),
                State::Down => (0, 0, 1),
                State::Unknown => continue,
            };
            sqlx::query(
                "INSERT INTO part_states (part, state, detail, since, checked_at) VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT (part) DO UPDATE SET
                    since = CASE WHEN part_states.state = excluded.state AND part_states.checked_at >= $5
                        THEN part_states.since ELSE excluded.since END,
                    state = excluded.state, detail = excluded.detail, checked_at = excluded.checked_at",
            )
            .bind(check.part.id())
            .bind(check.state.as_str())
            .bind(&check.detail)
            .bind(now)
            .bind(broken)
            .execute(work.on())
            .await?;
            sqlx::query(
                "INSERT INTO part_days (day, part, up, degraded, down) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (day, part) DO UPDATE SET
                    up = part_days.up + excluded.up, degraded = part_days.degraded + excluded.degraded,
                    down = part_days.down + excluded.down",
            )
            .bind(at.date_naive().to_string())
            .bind(check.part.id())
            .bind(up)
            .bind(degraded)
            .bind(down)
            .execute(work.on())
            .await?;
        }
        // Days written as 2026-11-30 sort as they follow each other.
        sqlx::query("DELETE FROM part_days WHERE day < $1")
            .bind(first_day(at.date_naive()).to_string())
            .execute(work.on())
            .await?;
        work.commit().await
    }

    /// Where each part stood at its last check, in no order. Parts of a newer program are left out.
    pub async fn part_states(&self) -> Result<Vec<PartState>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(String, String, String, i64, i64)> =
            sqlx::query_as("SELECT part, state, detail, since, checked_at FROM part_states")
                .fetch_all(work.on())
                .await?;
        work.commit().await?;
        rows.into_iter()
            .filter_map(|(part, state, detail, since, checked_at)| {
                let (part, state) = (part.parse().ok()?, state.parse().ok()?);
                Some((part, state, detail, since, checked_at))
            })
            .map(|(part, state, detail, since, checked_at)| {
                Ok(PartState {
                    part,
                    state,
                    detail,
                    since: moment(since)?,
                    checked_at: moment(checked_at)?,
                })
            })
            .collect()
    }

    /// The last [`HISTORY_DAYS`] days of a part up to `today`, the oldest first, without a day left out.
    pub async fn part_history(&self, part: Part, today: NaiveDate) -> Result<Vec<Day>, DbError> {
        let mut work = self.one(Scope::System).await?;
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT day, up, degraded, down FROM part_days WHERE part = $1 AND day >= $2 ORDER BY day",
        )
        .bind(part.id())
        .bind(first_day(today).to_string())
        .fetch_all(work.on())
        .await?;
        work.commit().await?;
        let count = |count: i64| u32::try_from(count).map_err(DbError::corrupt);
        let mut rows = rows.into_iter().peekable();
        first_day(today)
            .iter_days()
            .take(HISTORY_DAYS as usize)
            .map(|day| {
                let day = day.to_string();
                match rows.next_if(|row| row.0 == day) {
                    Some((_, up, degraded, down)) => Ok(Day {
                        day,
                        up: Some(count(up)?),
                        degraded: Some(count(degraded)?),
                        down: Some(count(down)?),
                    }),
                    None => Ok(Day::unknown(day)),
                }
            })
            .collect()
    }
}

/// The first day of the history that ends with `today`.
fn first_day(today: NaiveDate) -> NaiveDate {
    today - Days::new(u64::from(HISTORY_DAYS) - 1)
}
