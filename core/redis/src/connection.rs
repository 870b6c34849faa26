//! The connection that everything but waiting goes over.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisResult};

/// How long a command may take. Requests wait for it, so it is short.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long nothing is asked of a server that has failed.
const REST: Duration = Duration::from_secs(1);

/// Why something could not be had from the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The address is none.
    #[error(
        "the address of Redis is wrong: {0}; expected redis://[:password@]host[:port][/db] or rediss://..."
    )]
    Address(String),
    /// The server was away a moment ago and is not asked again yet.
    #[error("Redis is away")]
    Away,
    /// The server, or the way there.
    #[error("Redis: {0}")]
    Failed(#[from] redis::RedisError),
}

/// A server, asked when it is needed. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    client: Client,
    connection: ConnectionManager,
    begun: Instant,
    /// Milliseconds after `begun` until which the server is left alone.
    away_until: AtomicU64,
}

impl Redis {
    /// A server by its address, such as `redis://:secret@cache:6379/0`. It is not asked yet. Within a tokio runtime.
    ///
    /// # Errors
    /// [`RedisError::Address`].
    pub fn open(url: &str) -> Result<Self, RedisError> {
        let wrong = |error: redis::RedisError| RedisError::Address(error.to_string());
        let client = Client::open(url).map_err(wrong)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(100))
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection =
            ConnectionManager::new_lazy_with_config(client.clone(), config).map_err(wrong)?;
        Ok(Self(Arc::new(Shared {
            client,
            connection,
            begun: Instant::now(),
            away_until: AtomicU64::new(0),
        })))
    }

    /// Whether the server answers at this moment.
    ///
    /// # Errors
    /// [`RedisError`] when it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        // Asked even if it was away: this is how one finds out that it is back.
        let mut connection = self.0.connection.clone();
        let pong: RedisResult<()> = redis::cmd("PING").query_async(&mut connection).await;
        self.heard(&pong);
        Ok(pong?)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    /// Asks the server, unless it was away a moment ago.
    pub(crate) async fn ask<T: FromRedisValue, F>(
        &self,
        ask: impl FnOnce(ConnectionManager) -> F,
    ) -> Result<T, RedisError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let now = self.0.begun.elapsed().as_millis() as u64;
        if now < self.0.away_until.load(Ordering::Relaxed) {
            return Err(RedisError::Away);
        }
        let answer = ask(self.0.connection.clone()).await;
        self.heard(&answer);
        Ok(answer?)
    }

    /// Leaves a server alone for a while that did not answer. One that answered with an error is there.
    fn heard<T>(&self, answer: &RedisResult<T>) {
        let until = match answer {
            Err(error) if error.is_io_error() || error.is_timeout() => {
                (self.0.begun.elapsed() + REST).as_millis() as u64
            }
            _ => 0,
        };
        self.0.away_until.store(until, Ordering::Relaxed);
    }
}
