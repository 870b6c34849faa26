//! Starting and stopping.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::auth::{PasswordError, TokenKeyError};
use crate::{ApiConfig, ApiState, connections, routes, status, sweeper, worker};

/// How long a job that was told to stop has to come to its end.
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
    /// The network.
    #[error("the server cannot accept connections: {0}")]
    Accept(#[from] io::Error),
}

/// Serves until `shutdown` is ready, with the workers that are configured and tasks that look at the service's parts and
/// remove what is over. At the end no new job is taken, open requests are answered, and running jobs end or go back to the
/// queue.
///
/// # Errors
/// [`ServeError`]. Requests that fail are answered, not returned.
pub async fn serve(
    config: ApiConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let time_to_finish = config.worker.time_to_finish;
    let state = ApiState::new(config)?;
    let (stop, stopped) = watch::channel(false);
    let workers = tokio::spawn(worker::work(state.clone(), stopped.clone()));
    let address = listener.local_addr().ok();
    let keepers = [
        tokio::spawn(worker::reconcile(state.clone(), stopped.clone())),
        tokio::spawn(sweeper::sweep(state.clone(), stopped.clone())),
        tokio::spawn(status::watch(state.clone(), address, stopped.clone())),
    ];
    let served = connections::serve(listener, routes::router(state.clone()), async move {
        shutdown.await;
        state.drain();
        stop.send_replace(true);
    })
    .await;
    for keeper in keepers {
        keeper.abort();
    }
    if tokio::time::timeout(time_to_finish + GRACE, workers)
        .await
        .is_err()
    {
        tracing::warn!("a running job did not stop in time; it is tried again when its lease ends");
    }
    served?;
    Ok(())
}

/// Works on the queue until `shutdown` is ready, without the API. With a listener, `/healthz`, `/readyz` and `/metrics`
/// answer there.
///
/// # Errors
/// [`ServeError`]. Jobs that fail are told to their users, not returned.
pub async fn work(
    config: ApiConfig,
    listener: Option<TcpListener>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let time_to_finish = config.worker.time_to_finish;
    let state = ApiState::new(config)?;
    let (stop, stopped) = watch::channel(false);
    let workers = tokio::spawn(worker::work(state.clone(), stopped.clone()));
    let keepers = [
        tokio::spawn(worker::reconcile(state.clone(), stopped.clone())),
        tokio::spawn(sweeper::sweep(state.clone(), stopped)),
    ];
    let draining = state.clone();
    let stopping = async move {
        shutdown.await;
        draining.drain();
        stop.send_replace(true);
    };
    let served = if let Some(listener) = listener {
        connections::serve(listener, routes::worker_router(state), stopping).await
    } else {
        stopping.await;
        Ok(())
    };
    for keeper in keepers {
        keeper.abort();
    }
    if tokio::time::timeout(time_to_finish + GRACE, workers)
        .await
        .is_err()
    {
        tracing::warn!("a running job did not stop in time; it is tried again when its lease ends");
    }
    served?;
    Ok(())
}
