//! How each part is looked at. What is said of it is for everybody: no addresses, no causes; those go to the log.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use geocrop_database::Check;
use geocrop_store::status::{Part, State};
use geocrop_store::{Store, StoreError, layout};

use super::newest::{Newest, Seen};
use super::{Round, StatusConfig, in_time};
use crate::ApiState;
use crate::objects::blocking;

/// How long a part has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long another server has to answer over HTTP.
const HTTP_PATIENCE: Duration = Duration::from_secs(3);
/// An answer that takes longer is a slow one.
const SLOW: Duration = Duration::from_secs(2);
/// The worker gives a sign of life every few seconds.
const WORKER_SILENCE: Duration = Duration::from_mins(1);
/// A job that waits longer than this has been passed over by more than one that is ahead of it.
const LONG_WAIT: TimeDelta = TimeDelta::minutes(30);
/// What a `PMTiles` archive of version 3 begins with.
const TILES_MAGIC: &[u8] = b"PMTiles\x03";

type Found = (State, String);

fn up(detail: impl Into<String>) -> Found {
    (State::Up, detail.into())
}

fn down(detail: impl Into<String>) -> Found {
    (State::Down, detail.into())
}

/// What the checks keep from one round to the next.
pub(super) struct Probes {
    http: Option<reqwest::Client>,
    itself: Option<String>,
    seen: Seen,
}

impl Probes {
    pub(super) fn new(address: Option<SocketAddr>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(HTTP_PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            // These servers are near: what the environment says of proxies is not for them.
            .no_proxy()
            .build();
        Self {
            http: http
                .inspect_err(|error| {
                    tracing::warn!(error = error as &dyn std::error::Error, "no HTTP client");
                })
                .ok(),
            itself: address.map(|address| format!("http://{}/healthz", reachable(address))),
            seen: Seen::default(),
        }
    }

    /// The newest layer and scene as of the last look.
    pub(super) fn newest(&self) -> Newest {
        self.seen.newest.clone()
    }

    /// Looks at every part once.
    pub(super) async fn look(&mut self, state: &ApiState, config: &StatusConfig) -> Round {
        let at = Utc::now();
        let itself = self.itself.clone();
        let get = |url: Option<String>| self.get(url);
        let below = |base: &Option<String>, path: &str| {
            base.as_ref()
                .map(|base| format!("{}{path}", base.trim_end_matches('/')))
        };
        let (api, mlflow, prometheus, store, queue, database) = tokio::join!(
            in_time(Part::Api, PATIENCE, SLOW, get(itself)),
            in_time(
                Part::Mlflow,
                PATIENCE,
                SLOW,
                get(below(&config.mlflow_url, "/health"))
            ),
            in_time(
                Part::Prometheus,
                PATIENCE,
                SLOW,
                get(below(&config.prometheus_url, "/-/healthy"))
            ),
            in_time(Part::Store, PATIENCE, SLOW, store(state)),
            in_time(Part::Queue, PATIENCE, SLOW, queue(state, at)),
            in_time(Part::Database, PATIENCE, SLOW, database(state)),
        );
        let tiles = in_time(Part::Tiles, PATIENCE, SLOW, tiles(state, &mut self.seen)).await;
        let found = [tiles, store, api, queue, database, mlflow, prometheus];
        let told: Vec<Part> = config.parts().collect();
        let checks: Vec<Check> = found
            .into_iter()
            .filter(|check| told.contains(&check.part))
            .collect();
        Round { at, checks }
    }

    async fn get(&self, url: Option<String>) -> Found {
        let (Some(client), Some(url)) = (&self.http, url) else {
            return (State::Unknown, "It cannot be looked at.".to_owned());
        };
        match client.get(&url).send().await {
            Ok(answer) if answer.status().is_success() => up("It answers."),
            Ok(answer) => down(format!(
                "It answers with status {}.",
                answer.status().as_u16()
            )),
            Err(error) => {
                tracing::info!(
                    error = &error as &dyn std::error::Error,
                    "a part does not answer"
                );
                down("It does not answer.")
            }
        }
    }
}

/// A server that listens on all addresses is asked on the nearest one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn database(state: &ApiState) -> Found {
    match state.database().check_writes().await {
        Ok(()) => up("It takes writes."),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the database takes no writes"
            );
            down("It takes no writes.")
        }
    }
}

async fn store(state: &ApiState) -> Found {
    let read = blocking(state.store(), |store| {
        Ok((is_there(store), store.get(layout::catalog())?))
    })
    .await;
    match read {
        Ok((false, _)) => down("It is not there."),
        Ok((true, None)) => up("It can be read; nothing is published yet."),
        Ok((true, Some(bytes))) => match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
            Ok(_) => up("The catalog can be read."),
            Err(_) => (State::Degraded, "The catalog is damaged.".to_owned()),
        },
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store cannot be read"
            );
            down("It cannot be read.")
        }
    }
}

/// A folder that is not there would read as an empty one.
fn is_there(store: &Store) -> bool {
    store.local_root().is_none_or(Path::is_dir)
}

async fn queue(state: &ApiState, now: DateTime<Utc>) -> Found {
    if state.board().worker_silence() > WORKER_SILENCE {
        return down("The worker gives no sign of life.");
    }
    if let Some(redis) = state.sharing().redis()
        && redis.ping().await.is_err()
    {
        let detail = "Redis does not answer: jobs begin a second later.".to_owned();
        return (State::Degraded, detail);
    }
    match state.database().waiting_jobs().await {
        Ok((0, _)) => up("No job waits."),
        Ok((waiting, oldest)) => {
            let waited = oldest.map_or(TimeDelta::zero(), |oldest| now - oldest);
            let detail = format!(
                "{waiting} {} for {} min at most.",
                if waiting == 1 {
                    "job waits,"
                } else {
                    "jobs wait,"
                },
                waited.num_minutes().max(0)
            );
            if waited > LONG_WAIT {
                (State::Degraded, detail)
            } else {
                up(detail)
            }
        }
        Err(_) => down("The queue cannot be read."),
    }
}

/// Reads the beginning of the newest layer's tiles, as the map does.
async fn tiles(state: &ApiState, seen: &mut Seen) -> Found {
    let before = std::mem::take(seen);
    // Should the look not come to its end, what was known is still told.
    seen.newest = before.newest.clone();
    let read = blocking(state.store(), move |store| {
        // Whatever fails, what is known of the layers is kept.
        if !is_there(store) {
            let key = layout::catalog().to_owned();
            return Ok((before, Some(Err(StoreError::NotFound { key }))));
        }
        let (seen, error) = before.refreshed(store, is_there);
        let start = match (error, seen.tiles.as_deref()) {
            (Some(error), _) => Some(Err(error)),
            (None, Some(key)) => Some(store.get_range(key, 0..TILES_MAGIC.len() as u64, None)),
            (None, None) => None,
        };
        Ok((seen, start))
    })
    .await;
    let Ok((now, start)) = read else {
        return down("They cannot be read.");
    };
    *seen = now;
    match start {
        None => (
            State::Unknown,
            "No layer with tiles is published yet.".to_owned(),
        ),
        Some(Ok(bytes)) if bytes == TILES_MAGIC => up("The newest tiles can be read."),
        Some(Ok(_)) => down("The newest tiles are damaged."),
        Some(Err(error)) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the newest tiles cannot be read"
            );
            down("The newest tiles cannot be read.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_the_nearest() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            assert_eq!(
                reachable(listens.parse().unwrap()).to_string(),
                asked,
                "{listens}"
            );
        }
    }
}
