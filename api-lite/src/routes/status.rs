//! The service's state, for people and for programs.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{Days, NaiveDate, Utc};
use geocrop_database::Check;
use geocrop_store::status::{Day, HISTORY_DAYS, Part, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::time;
use crate::ApiState;
use crate::metrics::Kept;
use crate::problem::Problem;
use crate::status::{NewestLayer, NewestScene};

/// The service as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// When the parts were last looked at (RFC 3339); `null` before the first look.
    #[schema(required = true)]
    checked_at: Option<String>,
    /// The program's version.
    version: &'static str,
    /// The parts, those that are not configured left out.
    parts: Vec<PartStatus>,
    /// The layer that was published last; `null` where there is none.
    #[schema(required = true)]
    newest_layer: Option<NewestLayer>,
    /// The latest acquisition that a layer was made of; `null` where there is none.
    #[schema(required = true)]
    newest_scene: Option<NewestScene>,
}

/// One part of the service.
#[derive(Serialize, ToSchema)]
struct PartStatus {
    /// Its name for programs.
    #[schema(value_type = String, example = "store")]
    id: Part,
    /// Its name for people.
    name: &'static str,
    /// How it stands.
    #[schema(value_type = PartState)]
    state: State,
    /// Since when, without a break in the checks (RFC 3339); `null` where that is unknown.
    #[schema(required = true)]
    since: Option<String>,
    /// What was found, in a sentence.
    detail: String,
    /// 90 days of UTC, the oldest first, today last.
    #[schema(value_type = Vec<DayCounts>)]
    history: Vec<Day>,
}

/// How a part stands. `degraded`: it works, but slowly or not wholly. `unknown`: nobody looked, or there is nothing yet.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "describes the core's type in the API's document")]
pub(crate) enum PartState {
    Up,
    Degraded,
    Down,
    Unknown,
}

/// How the checks of one day came out. All counts are `null` for a day without checks: nothing is known of it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the core's type in the API's document")]
pub(crate) struct DayCounts {
    /// The day of UTC.
    #[schema(format = Date)]
    day: String,
    /// Checks that found the part up.
    #[schema(required = true)]
    up: Option<u32>,
    /// Checks that found it degraded.
    #[schema(required = true)]
    degraded: Option<u32>,
    /// Checks that found it down.
    #[schema(required = true)]
    down: Option<u32>,
}

/// The service as it stands
///
/// The server looks at its own parts once a minute and keeps 90 days of what it found. Times while the server was off
/// are unknown: they count neither as up nor as down.
#[utoipa::path(get, path = "/v1/status", tag = "Service", responses(
    (status = 200, description = "Each part with its history.", body = Status),
))]
pub(crate) async fn status(Shared(state): Shared<ApiState>) -> Result<Response, Problem> {
    // One for all servers behind the same name.
    let (sharing, key) = (state.sharing(), "v1");
    let kept = sharing.kept(Kept::Status, key, state.metrics()).await;
    let answer = if let Some(answer) = kept {
        answer
    } else {
        let document = document(&state).await;
        let answer = serde_json::to_vec(&document).map_err(|e| Problem::internal(&e))?;
        let answer = Bytes::from(answer);
        // Before the first look there is nothing worth keeping.
        if document.checked_at.is_some() {
            sharing.keep(Kept::Status, key, &answer);
        }
        answer
    };
    let media_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((media_type, answer).into_response())
}

async fn document(state: &ApiState) -> Status {
    let newest = state.board().newest();
    let (checked_at, found) = found(state);
    let today = Utc::now().date_naive();
    // While the database is away the history is unknown: that is told by what was found, not by an error.
    let kept = state.database().part_states().await.unwrap_or_default();
    let mut parts = Vec::new();
    for part in state.status_config().parts() {
        let history = state.database().part_history(part, today).await;
        let history = history.unwrap_or_else(|_| unknown_days(today));
        let check = found.iter().find(|check| check.part == part);
        let (now, detail) = check.map_or((State::Unknown, "It was not looked at yet."), |check| {
            (check.state, &check.detail)
        });
        let since = kept
            .iter()
            .find(|kept| kept.part == part && kept.state == now)
            .map(|kept| time(kept.since));
        parts.push(PartStatus {
            id: part,
            name: part.name(),
            state: now,
            since,
            detail: detail.to_owned(),
            history,
        });
    }
    Status {
        checked_at,
        version: env!("CARGO_PKG_VERSION"),
        parts,
        newest_layer: newest.layer,
        newest_scene: newest.scene,
    }
}

/// The days of a history that cannot be read.
fn unknown_days(today: NaiveDate) -> Vec<Day> {
    let days = (0..u64::from(HISTORY_DAYS)).rev();
    days.map(|ago| Day::unknown((today - Days::new(ago)).to_string()))
        .collect()
}

/// The last round, unless it is so old that nothing is known any more.
pub(super) fn found(state: &ApiState) -> (Option<String>, Vec<Check>) {
    let Some(round) = state.board().latest() else {
        return (None, Vec::new());
    };
    let age = (Utc::now() - round.at).to_std().unwrap_or_default();
    let checks = if age > state.status_config().gap() {
        Vec::new()
    } else {
        round.checks
    };
    (Some(time(round.at)), checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_cannot_be_read_is_ninety_unknown_days_that_end_today() {
        let today = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
        let days = unknown_days(today);
        assert_eq!(days.len(), 90);
        assert_eq!(days[0].day, "2026-08-25");
        assert_eq!(days[89].day, "2026-11-22");
        assert!(days.iter().all(|day| day.state() == State::Unknown));
    }
}
