//! The threads that read and draw, so that those that serve connections never wait for a disk or a picture.
//!
//! Work is taken in the order in which it came, whoever it is for, and there is only so much of it in the queue: beyond
//! that a request is better told to come back. Work whose client has gone is not done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::http::StatusCode;
use geocrop_raster::xyz::Painter;
use tokio::sync::oneshot;

use crate::problem::Problem;

/// Requests that may wait: a few seconds' work.
const QUEUE: usize = 2048;
/// Threads for each processor where reading means waiting for a network.
const WAITING: usize = 8;

type Work = Box<dyn FnOnce(&mut Painter) + Send>;

/// Threads with a queue. They end when the crew is dropped.
pub(crate) struct Crew {
    queue: SyncSender<Work>,
}

impl Crew {
    /// One thread for each processor; more if files are not on this machine.
    pub(crate) fn new(local: bool) -> Self {
        let (queue, waiting) = sync_channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        let processors = thread::available_parallelism().map_or(2, usize::from);
        let threads = if local {
            processors
        } else {
            processors * WAITING
        };
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            let spawned = thread::Builder::new()
                .name(format!("geocrop-tiles-{number}"))
                .spawn(move || work(&waiting));
            if let Err(error) = spawned {
                tracing::error!(%error, "a thread that draws tiles could not be started");
            }
        }
        Self { queue }
    }

    /// Has something done, and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Painter) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |painter| {
            if !answer.is_closed() {
                // A client that has gone meanwhile needs no answer.
                let _ = answer.send(task(painter));
            }
        });
        self.queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => busy(),
        })?;
        // Without an answer the work has ended abnormally; the thread has said so.
        answered.await.map_err(|error| Problem::internal(&error))
    }
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "Too much to draw",
        format!("{QUEUE} requests wait to be drawn already."),
    )
    .hint("Try again in a few seconds, or read the map's PMTiles, which need no drawing.")
    .retry_after(2)
}

fn work(waiting: &Mutex<Receiver<Work>>) {
    let mut painter = Painter::new();
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(next) = next else { return };
        if catch_unwind(AssertUnwindSafe(|| next(&mut painter))).is_err() {
            tracing::error!("drawing ended abnormally");
            painter = Painter::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_a_problem_and_the_next_is_done() {
        let crew = Crew::new(true);
        let ended: Result<(), Problem> = crew.run(|_| panic!("a bug")).await;
        assert!(ended.is_err());
        assert_eq!(crew.run(|_| 7).await.unwrap(), 7);
    }
}
