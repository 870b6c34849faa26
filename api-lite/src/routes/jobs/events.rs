//! A job's progress as it happens: server-sent events.
//!
//! An event is the job as it stands; its id is the job's version. A client that comes back with the id of the last event
//! that it saw gets the next change, or at once the present state if there was one meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use geocrop_database::Job;

use super::document::JobDocument;
use super::find;
use crate::ApiState;
use crate::problem::{Problem, ProblemDocument};
use crate::request::Caller;

/// How often the database is asked; changes of this process are heard of at once.
const LOOK: Duration = Duration::from_millis(500);
/// How often a client is told that the connection is alive.
const ALIVE: Duration = Duration::from_secs(15);

/// Follow a job as it happens
///
/// Server-sent events: each holds the job as `GET /v1/jobs/{id}` has it, and its id is good as `Last-Event-ID`. The stream
/// ends with the job.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "Jobs", security(("token" = [])),
    params(("id" = String, Path, description = "The job's id."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen.")), responses(
    (status = 200, description = "The events.", content_type = "text/event-stream", body = String),
    (status = 401, description = "The token is missing, wrong or too old.", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no such job of your tenant.", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    Caller(user): Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = find(&state, &user, id).await?;
    let seen = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0);
    let follower = Follower {
        state,
        job,
        seen,
        ended: false,
    };
    let events = stream::unfold(follower, Follower::next);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

struct Follower {
    state: ApiState,
    job: Job,
    /// The version that the client has.
    seen: i64,
    ended: bool,
}

impl Follower {
    /// The next event, when there is one.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.ended {
            return None;
        }
        loop {
            if self.job.version > self.seen || self.job.status.is_final() {
                self.seen = self.job.version;
                self.ended = self.job.status.is_final();
                let document = JobDocument::whole(&self.state, self.job.clone())
                    .await
                    .ok()?;
                let event = Event::default()
                    .event("job")
                    .id(self.seen.to_string())
                    .json_data(document)
                    .ok()?;
                return Some((Ok(event), self));
            }
            if self.state.is_draining() {
                // The client comes back, to another process or to this one's successor.
                return None;
            }
            tokio::select! {
                () = self.state.changes().notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            // Without the database there is no news; the next look may have some.
            let found = self
                .state
                .database()
                .job(&self.job.tenant, self.job.id.as_str())
                .await;
            if let Ok(Some(job)) = found {
                self.job = job;
            }
        }
    }
}
