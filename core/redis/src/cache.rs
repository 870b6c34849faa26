//! Answers that are costly to make, kept for a while where all processes find them.

use std::time::Duration;

use crate::{Redis, RedisError};

/// One kind of answers.
#[derive(Clone)]
pub struct Cache {
    redis: Redis,
    kind: &'static str,
    keep: Duration,
}

impl Cache {
    /// Answers of a kind, each kept for `keep` at most.
    pub fn new(redis: Redis, kind: &'static str, keep: Duration) -> Self {
        Self { redis, kind, keep }
    }

    fn key(&self, key: &str) -> String {
        format!("geocrop:cache:{}:{key}", self.kind)
    }

    /// What is kept under a key.
    ///
    /// # Errors
    /// [`RedisError`] when the server cannot say.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, RedisError> {
        let key = self.key(key);
        self.redis
            .ask(|mut connection| async move {
                redis::cmd("GET")
                    .arg(key)
                    .query_async(&mut connection)
                    .await
            })
            .await
    }

    /// Keeps an answer.
    ///
    /// # Errors
    /// [`RedisError`] when the server does not take it.
    pub async fn put(&self, key: &str, answer: &[u8]) -> Result<(), RedisError> {
        let key = self.key(key);
        let keep = self.keep.as_millis().max(1) as u64;
        self.redis
            .ask(|mut connection| async move {
                let mut set = redis::cmd("SET");
                set.arg(key).arg(answer).arg("PX").arg(keep);
                set.query_async(&mut connection).await
            })
            .await
    }
}
