//! The service's state: a task that looks at each part once a minute and keeps what it found.
//!
//! What is found goes into the database, by day. While the database does not take it, it is kept in memory and written
//! when the database is back, so that an outage of the database is in the history too.

mod newest;
mod probes;

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use geocrop_database::{Check, Database};
use geocrop_store::status::{Part, State};
use tokio::sync::watch;

pub(crate) use newest::{Newest, NewestLayer, NewestScene};
use probes::Probes;

use crate::ApiState;

/// Rounds that are kept in memory while the database is away: a day's.
const UNWRITTEN: usize = 1440;

/// What the server looks at besides its own parts, and how often it looks.
#[derive(Debug, Clone)]
pub struct StatusConfig {
    /// Time between two looks.
    pub every: Duration,
    /// Address of an `MLflow` server. Without it that part is not told of.
    pub mlflow_url: Option<String>,
    /// Address of a Prometheus server. Without it that part is not told of.
    pub prometheus_url: Option<String>,
}

impl Default for StatusConfig {
    /// Once a minute, and nothing but the server's own parts.
    fn default() -> Self {
        Self {
            every: Duration::from_mins(1),
            mlflow_url: None,
            prometheus_url: None,
        }
    }
}

impl StatusConfig {
    /// The longest time between two looks that is no break.
    pub(crate) fn gap(&self) -> Duration {
        self.every * 3 + Duration::from_secs(5)
    }

    /// The parts that are told of, in the order in which they are.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> {
        let (mlflow, prometheus) = (self.mlflow_url.is_some(), self.prometheus_url.is_some());
        Part::ALL.into_iter().filter(move |part| match part {
            Part::Mlflow => mlflow,
            Part::Prometheus => prometheus,
            _ => true,
        })
    }
}

/// All parts at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) at: DateTime<Utc>,
    pub(crate) checks: Vec<Check>,
}

/// What the task last found, for the requests to read.
#[derive(Debug, Default)]
pub(crate) struct Board {
    latest: Mutex<Option<Round>>,
    newest: Mutex<Newest>,
    /// When the worker last gave a sign of life, in milliseconds since 1970; 0 before the first.
    worker: AtomicI64,
}

impl Board {
    /// Notes that the worker is alive.
    pub(crate) fn worker_is_alive(&self) {
        self.worker
            .store(Utc::now().timestamp_millis(), Ordering::Relaxed);
    }

    /// How long the worker has been silent.
    fn worker_silence(&self) -> Duration {
        let silence = Utc::now().timestamp_millis() - self.worker.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(silence).unwrap_or(0))
    }

    pub(crate) fn latest(&self) -> Option<Round> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn newest(&self) -> Newest {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, round: Round, newest: Newest) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(round);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = newest;
    }
}

/// Looks at the parts until `stopped` turns true. `address` is where the server listens.
pub(crate) async fn watch(
    state: ApiState,
    address: Option<SocketAddr>,
    mut stopped: watch::Receiver<bool>,
) {
    let config = state.status_config().clone();
    let mut probes = Probes::new(address);
    let mut unwritten = VecDeque::new();
    let mut ticks = tokio::time::interval(config.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let round = tokio::select! {
            round = probes.look(&state, &config) => round,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        state.board().set(round.clone(), probes.newest());
        unwritten.push_back(round);
        if unwritten.len() > UNWRITTEN {
            unwritten.pop_front();
        }
        write(state.database(), &mut unwritten, config.gap()).await;
    }
}

/// Writes the rounds in their order, as far as the database takes them.
async fn write(database: &Database, unwritten: &mut VecDeque<Round>, gap: Duration) {
    while let Some(round) = unwritten.front() {
        let written = database.record_checks(round.at, &round.checks, gap).await;
        if let Err(error) = written {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the state of the parts could not be written; it is kept"
            );
            break;
        }
        unwritten.pop_front();
    }
}

/// A check that takes longer than `slow` found a part that is degraded, and after `patience` one that is down.
async fn in_time(
    part: Part,
    patience: Duration,
    slow: Duration,
    look: impl Future<Output = (State, String)>,
) -> Check {
    let began = tokio::time::Instant::now();
    let (state, detail) = match tokio::time::timeout(patience, look).await {
        Ok((State::Up, _)) if began.elapsed() > slow => {
            (State::Degraded, "It answers slowly.".to_owned())
        }
        Ok(found) => found,
        Err(_) => (State::Down, "It does not answer.".to_owned()),
    };
    Check {
        part,
        state,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_degraded_and_none_is_down() {
        let check = async |seconds| {
            in_time(
                Part::Store,
                Duration::from_secs(10),
                Duration::from_secs(2),
                async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    (State::Up, String::new())
                },
            )
            .await
            .state
        };
        assert_eq!(check(1).await, State::Up);
        assert_eq!(check(3).await, State::Degraded);
        assert_eq!(check(30).await, State::Down);
    }

    #[tokio::test]
    async fn what_the_database_does_not_take_is_written_when_it_is_back() {
        let away = Database::open("sqlite::memory:").await.unwrap();
        away.close().await;
        let at = Utc::now();
        let round = |state| Round {
            at,
            checks: vec![Check {
                part: Part::Database,
                state,
                detail: String::new(),
            }],
        };
        let mut unwritten = VecDeque::from([round(State::Down), round(State::Up)]);
        let gap = StatusConfig::default().gap();
        write(&away, &mut unwritten, gap).await;
        assert_eq!(unwritten.len(), 2, "nothing is lost");

        let back = Database::open("sqlite::memory:").await.unwrap();
        write(&back, &mut unwritten, gap).await;
        assert!(unwritten.is_empty());
        let history = back.part_history(Part::Database, at.date_naive()).await;
        let today = history.unwrap().pop().unwrap();
        assert_eq!((today.up, today.down), (Some(1), Some(1)));
    }

    #[test]
    fn what_is_not_configured_is_not_told_of() {
        let mut config = StatusConfig::default();
        assert_eq!(config.parts().count(), 5);
        config.mlflow_url = Some("http://127.0.0.1:5000".to_owned());
        assert!(config.parts().any(|part| part == Part::Mlflow));
    }
}
