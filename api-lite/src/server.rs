//! Starting and stopping.

use std::future::{Future, IntoFuture};
use std::io;
use std::time::Duration;

use geocrop_store::db::DbError;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::auth::{PasswordError, TokenKeyError};
use crate::{ApiConfig, ApiState, routes, status, worker};

/// How long open requests and a running job have to come to their end.
const GRACE: Duration = Duration::from_secs(20);

/// Why the server could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The key that tokens are signed with.
    #[error(transparent)]
    TokenKey(#[from] TokenKeyError),
    /// Hashing passwords does not work here.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The network.
    #[error("the server cannot accept connections: {0}")]
    Accept(#[from] io::Error),
}

/// Serves until `shutdown` is ready, with one worker and a task that looks at the service's parts. Jobs that a crash interrupted go back to the queue first. At the
/// end no new request is taken, open ones are answered, and a running job is stopped and goes back to the queue.
///
/// # Errors
/// [`ServeError`]. Requests that fail are answered, not returned.
pub async fn serve(
    config: ApiConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let state = ApiState::new(config)?;
    let interrupted = state.database().requeue_interrupted().await?;
    if interrupted > 0 {
        tracing::warn!(
            jobs = interrupted,
            "jobs were interrupted by the last stop and wait again"
        );
    }

    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(worker::work(state.clone(), stopped.clone()));
    let watcher = tokio::spawn(status::watch(
        state.clone(),
        listener.local_addr().ok(),
        stopped.clone(),
    ));
    let mut stopping = stopped.clone();
    let server = axum::serve(listener, routes::router(state))
        .with_graceful_shutdown(async move {
            shutdown.await;
            stop.send_replace(true);
        })
        .into_future();
    let grace = async move {
        // An error means that the server is gone, and with it the wait.
        let _ = stopping.wait_for(|stop| *stop).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server => served?,
        () = grace => tracing::warn!("some requests did not end in time"),
    }
    watcher.abort();
    if tokio::time::timeout(GRACE, worker).await.is_err() {
        tracing::warn!("the running job did not stop in time; it is tried again at the next start");
    }
    Ok(())
}
