//! What wakes a worker: a job of this process, a ticket in Redis, or the clock.

use std::time::Duration;

use geocrop_database::Priority;
use geocrop_redis::{Listener, Queue, Ticket};

use crate::ApiState;

/// How long to sleep when there is nothing to do; a new job of this process wakes the worker at once.
const ALONE: Duration = Duration::from_secs(5);
/// The same where other processes may bring jobs, and there is no Redis to tell of them.
const AMONG_OTHERS: Duration = Duration::from_secs(1);
/// How long to wait for a ticket. Then the worker looks into the database all the same.
const TICKETS: Duration = Duration::from_secs(5);

/// The queue's stream for a priority.
pub(crate) fn lane(priority: Priority) -> usize {
    let urgent_first = Priority::ALL.iter();
    urgent_first.take_while(|other| **other != priority).count()
}

/// What wakes one worker.
pub(super) struct Bell {
    state: ApiState,
    tickets: Option<(Queue, Listener)>,
    ticket: Option<Ticket>,
}

impl Bell {
    /// `slot` tells the workers of one process apart.
    pub(super) fn new(state: &ApiState, slot: usize) -> Self {
        let tickets = state.sharing().queue().map(|queue| {
            let name = format!("{} {slot}", state.worker_config().name);
            (
                queue.clone(),
                queue.listener(name, state.worker_config().lease),
            )
        });
        Self {
            state: state.clone(),
            tickets,
            ticket: None,
        }
    }

    /// Ready when it is time to look into the database. `found`: the last look found something.
    pub(super) async fn rung(&mut self, found: bool) {
        let Some((queue, listener)) = &mut self.tickets else {
            if !found {
                self.local().await;
            }
            return;
        };
        if let Some(ticket) = self.ticket.take()
            && let Err(error) = queue.done(&ticket).await
        {
            tracing::debug!(%error, "a ticket stays; somebody finds it stale");
        }
        match listener.next(TICKETS).await {
            Ok(ticket) => self.ticket = ticket,
            Err(error) => {
                tracing::debug!(%error, "no tickets can be had; the database is asked instead");
                if !found {
                    self.local().await;
                }
            }
        }
    }

    async fn local(&self) {
        let alone = !self.state.database().is_shared() && self.tickets.is_none();
        let idle = if alone { ALONE } else { AMONG_OTHERS };
        tokio::select! {
            () = self.state.work().notified() => {}
            () = tokio::time::sleep(idle) => {}
        }
    }

    /// The worker is alive and at work.
    pub(super) async fn still_at_work(&self) {
        if let (Some((queue, _)), Some(ticket)) = (&self.tickets, &self.ticket)
            && let Err(error) = queue.keep(ticket).await
        {
            tracing::debug!(%error, "a ticket could not be kept; another worker may look for nothing");
        }
    }
}
