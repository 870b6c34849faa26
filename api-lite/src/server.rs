//! Starting and stopping.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

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
    let mut process = Process::start(config)?;
    let (state, stopped) = (process.state.clone(), process.stop.subscribe());
    let address = listener.local_addr().ok();
    let watch = status::watch(state.clone(), address, stopped);
    process.keepers.spawn(watch);
    let stopping = process.stopping(shutdown);
    let served = connections::serve(listener, routes::router(state), stopping).await;
    process.end().await;
    Ok(served?)
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
    let process = Process::start(config)?;
    let stopping = process.stopping(shutdown);
    let served = if let Some(listener) = listener {
        let router = routes::worker_router(process.state.clone());
        connections::serve(listener, router, stopping).await
    } else {
        stopping.await;
        Ok(())
    };
    process.end().await;
    Ok(served?)
}

/// What goes on beside the requests.
struct Process {
    state: ApiState,
    stop: watch::Sender<bool>,
    workers: JoinHandle<()>,
    /// Tasks that may end at any moment.
    keepers: JoinSet<()>,
}

impl Process {
    fn start(config: ApiConfig) -> Result<Self, ServeError> {
        let state = ApiState::new(config)?;
        let stop = watch::Sender::new(false);
        let workers = tokio::spawn(worker::work(state.clone(), stop.subscribe()));
        let mut keepers = JoinSet::new();
        keepers.spawn(worker::reconcile(state.clone(), stop.subscribe()));
        keepers.spawn(sweeper::sweep(state.clone(), stop.subscribe()));
        Ok(Self {
            state,
            stop,
            workers,
            keepers,
        })
    }

    /// Ready when the stop was asked for; from then on no new job is taken.
    fn stopping(
        &self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (state, stop) = (self.state.clone(), self.stop.clone());
        async move {
            shutdown.await;
            state.drain();
            stop.send_replace(true);
        }
    }

    /// Waits for the workers; everything else ends at once.
    async fn end(mut self) {
        // Also when the network failed, and nobody has asked to stop.
        self.stop.send_replace(true);
        self.keepers.abort_all();
        let patience = self.state.worker_config().time_to_finish + GRACE;
        if tokio::time::timeout(patience, &mut self.workers)
            .await
            .is_err()
        {
            tracing::warn!(
                "a running job did not stop in time; it is tried again when its lease ends"
            );
        }
    }
}
