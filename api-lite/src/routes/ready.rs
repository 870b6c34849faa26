//! Whether this process can do its work at this moment: for whoever sends it requests.

use std::future::Future;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use geocrop_store::layout;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiState;
use crate::objects::blocking;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The parts that requests need.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`, `stopping` or `not-ready`.
    status: &'static str,
    /// Accounts and jobs.
    database: PartReadiness,
    /// Jobs that wait for workers.
    queue: PartReadiness,
    /// Where results are.
    store: PartReadiness,
}

/// One part.
#[derive(Serialize, ToSchema)]
struct PartReadiness {
    /// Whether it answers.
    ready: bool,
    /// What it said.
    detail: String,
}

impl PartReadiness {
    fn new(outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(detail) => Self {
                ready: true,
                detail,
            },
            Err(detail) => Self {
                ready: false,
                detail,
            },
        }
    }
}

/// Can the server do its work
///
/// Asks the database, the queue and the store. `503` while one of them does not answer or the server is being stopped.
#[utoipa::path(get, path = "/readyz", tag = "Service", responses(
    (status = 200, description = "Everything that requests need answers.", body = Readiness),
    (status = 503, description = "Something does not, or the server is being stopped.", body = Readiness),
))]
pub(crate) async fn ready(State(state): State<ApiState>) -> Response {
    let database = async {
        in_time(async {
            state.database().ping().await.map_err(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database does not answer"
                );
                "does not answer".to_owned()
            })
        })
        .await
        .map(|()| "answers".to_owned())
    };
    let queue = in_time(async {
        let (waiting, _) = state
            .database()
            .waiting_jobs()
            .await
            .map_err(|_| "cannot be read".to_owned())?;
        let redis = match state.sharing().redis() {
            None => "",
            Some(redis) if redis.ping().await.is_ok() => "; Redis answers",
            // Workers ask the database instead.
            Some(_) => "; Redis does not answer",
        };
        Ok(format!("{waiting} jobs wait{redis}"))
    });
    let store = in_time(async {
        blocking(state.store(), |store| store.exists(layout::catalog()))
            .await
            .map(|_| "answers".to_owned())
            .map_err(|error| {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the store does not answer"
                );
                "does not answer".to_owned()
            })
    });
    let (database, queue, store) = tokio::join!(database, queue, store);
    let (database, queue, store) = (
        PartReadiness::new(database),
        PartReadiness::new(queue),
        PartReadiness::new(store),
    );
    let status = if state.is_draining() {
        "stopping"
    } else if database.ready && queue.ready && store.ready {
        "ready"
    } else {
        "not-ready"
    };
    let code = if status == "ready" {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let readiness = axum::Json(Readiness {
        status,
        database,
        queue,
        store,
    });
    (code, [(header::CACHE_CONTROL, "no-store")], readiness).into_response()
}

async fn in_time<T>(answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())))
}
