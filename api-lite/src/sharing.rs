//! What this process shares with others over Redis, where there is one: wake-ups, tries, kept answers.
//!
//! Nothing here is needed. Without Redis, or while it is away, workers ask the database from time to time, tries are
//! counted by each process alone, and answers are made anew.

use std::time::Duration;

use axum::body::Bytes;
use geocrop_database::Priority;
use geocrop_redis::{Cache, Queue, Redis, SharedTries};

use crate::limits::Tries;
use crate::metrics::{Kept, Metrics};
use crate::problem::Problem;
use crate::{Rate, worker};

/// How long a drawn tile is kept. Its key changes with the map, so this only keeps the cache small.
const TILES: Duration = Duration::from_hours(1);
/// How old the state that everybody is shown may be.
const STATUS: Duration = Duration::from_secs(5);

/// What is shared.
pub(crate) struct Sharing {
    redis: Option<Redis>,
    queue: Option<Queue>,
    tiles: Option<Cache>,
    status: Option<Cache>,
    logins: Option<SharedTries>,
    /// Counted here while Redis cannot.
    own_logins: Tries,
}

impl Sharing {
    pub(crate) fn new(redis: Option<Redis>, logins: Rate) -> Self {
        let lanes: Vec<&str> = Priority::ALL.iter().map(|p| p.as_str()).collect();
        let cache = |kind, keep| redis.clone().map(|redis| Cache::new(redis, kind, keep));
        Self {
            queue: redis.clone().map(|redis| Queue::new(redis, &lanes)),
            tiles: cache("tile", TILES),
            status: cache("status", STATUS),
            logins: redis
                .clone()
                .map(|redis| SharedTries::new(redis, "login", logins.burst, logins.every)),
            own_logins: Tries::new(logins),
            redis,
        }
    }

    pub(crate) fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    pub(crate) fn queue(&self) -> Option<&Queue> {
        self.queue.as_ref()
    }

    /// Takes a try to log in from each of these, or from none.
    ///
    /// # Errors
    /// A problem with `Retry-After` when one of them has none left.
    pub(crate) async fn try_to_log_in(&self, who: &[String]) -> Result<(), Problem> {
        if let Some(shared) = &self.logins {
            match shared.take(who).await {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => return Err(crate::limits::too_many(wait)),
                Err(error) => tracing::debug!(%error, "tries are counted here alone"),
            }
        }
        self.own_logins.take(who)
    }

    /// Tells a worker, of whichever process, that a run waits.
    pub(crate) async fn run_waits(&self, priority: Priority, job: &str) {
        let Some(queue) = &self.queue else {
            return;
        };
        if let Err(error) = queue.push(worker::lane(priority), job).await {
            // The next look at the database makes up for it.
            tracing::debug!(%error, job, "no worker was woken");
        }
    }

    fn cache(&self, kept: Kept) -> Option<&Cache> {
        match kept {
            Kept::Tiles => self.tiles.as_ref(),
            Kept::Status => self.status.as_ref(),
            Kept::Statistics => None,
        }
    }

    /// An answer that was made before, by whichever process.
    pub(crate) async fn kept(&self, kept: Kept, key: &str, metrics: &Metrics) -> Option<Bytes> {
        let found = self.cache(kept)?.get(key).await;
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(%error, key, "nothing kept can be had");
            None
        });
        metrics.looked(kept, found.is_some());
        found.map(Bytes::from)
    }

    /// Keeps an answer for others. Nobody waits for it.
    pub(crate) fn keep(&self, kept: Kept, key: &str, answer: &Bytes) {
        let Some(cache) = self.cache(kept).cloned() else {
            return;
        };
        let (key, answer) = (key.to_owned(), answer.clone());
        tokio::spawn(async move {
            if let Err(error) = cache.put(&key, &answer).await {
                tracing::debug!(%error, key, "an answer was not kept");
            }
        });
    }
}
