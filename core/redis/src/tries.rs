//! Buckets of tries that all processes take from.

use std::time::Duration;

use redis::Script;

use crate::{Redis, RedisError};

/// Takes one try of each bucket, or none; the milliseconds to wait, 0 when the tries were there. Time is the server's own,
/// so that processes whose clocks differ agree.
const TAKE: &str = r"
local burst, every = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = {}
for i, key in ipairs(KEYS) do
  local bucket = redis.call('HMGET', key, 'left', 'at')
  local tries = burst
  if bucket[1] then
    tries = math.min(burst, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) / every)
  end
  if tries < 1 then
    return math.max(1, math.ceil((1 - tries) * every))
  end
  left[i] = tries - 1
end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'left', tostring(left[i]), 'at', now)
  redis.call('PEXPIRE', key, math.ceil(burst * every))
end
return 0
";

/// Tries of one kind, counted by who makes them.
#[derive(Clone)]
pub struct SharedTries {
    redis: Redis,
    what: &'static str,
    burst: u32,
    every: Duration,
    take: Script,
}

impl SharedTries {
    /// `burst` tries at once, and one more each `every`.
    pub fn new(redis: Redis, what: &'static str, burst: u32, every: Duration) -> Self {
        Self {
            redis,
            what,
            burst,
            every,
            take: Script::new(TAKE),
        }
    }

    /// Takes one try of each of these, or none. `Some`: how long until there is one.
    ///
    /// # Errors
    /// [`RedisError`] when the server cannot say.
    pub async fn take(&self, who: &[String]) -> Result<Option<Duration>, RedisError> {
        let mut take = self.take.prepare_invoke();
        for name in who {
            take.key(format!("geocrop:tries:{}:{name}", self.what));
        }
        take.arg(self.burst)
            .arg(self.every.as_millis().max(1) as u64);
        let wait: u64 = self
            .redis
            .ask(|mut connection| async move { take.invoke_async(&mut connection).await })
            .await?;
        Ok((wait > 0).then(|| Duration::from_millis(wait)))
    }
}
