//! How the rest of the process reaches its workers.

use tokio::sync::Notify;

/// The workers of this process.
#[derive(Debug, Default)]
pub(crate) struct Running {
    wanted: Notify,
}

impl Running {
    /// Asks each worker to look at once whether its run is still wanted.
    pub(crate) fn look(&self) {
        self.wanted.notify_waiters();
    }

    /// Ready when somebody asked to look.
    pub(crate) async fn asked_to_look(&self) {
        self.wanted.notified().await;
    }
}
