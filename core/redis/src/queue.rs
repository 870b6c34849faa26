//! Tickets: each says that a run waits. A worker holds one while it works and tears it up at the end.
//!
//! A ticket does not say which run: the database alone knows whose turn it is. So a ticket too many costs a look into the
//! database and nothing else, and a ticket that was lost is made again by [`Queue::top_up`]. Each priority has a stream of
//! its own, so that one can see, and scale by, what waits in each.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamReadReply};
use redis::{AsyncConnectionConfig, RedisResult, Script};

use crate::{Redis, RedisError};

const GROUP: &str = "workers";

/// Adds tickets until as many are untaken as ARGV[2]. In one step: several processes that look at the same time add them
/// once.
const TOP_UP: &str = r"
redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
local taken = redis.call('XPENDING', KEYS[1], ARGV[1])[1]
local missing = tonumber(ARGV[2]) - (redis.call('XLEN', KEYS[1]) - taken)
for _ = 1, missing do
  redis.call('XADD', KEYS[1], '*', 'run', '')
end
return math.max(0, missing)
";

/// Forgets consumers that hold nothing and were not heard of for ARGV[2] milliseconds.
const TIDY: &str = r"
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #consumer, 2 do about[consumer[i]] = consumer[i + 1] end
  if about['pending'] == 0 and about['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about['name'])
  end
end
return 0
";

/// The streams of tickets.
#[derive(Clone)]
pub struct Queue {
    redis: Redis,
    /// Keys of the streams, the most urgent first.
    lanes: Vec<String>,
    top_up: Script,
    tidy: Script,
}

/// A ticket in the hands of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    lane: String,
    id: String,
    consumer: String,
}

impl Queue {
    /// A stream for each of these names, the most urgent first.
    pub fn new(redis: Redis, lanes: &[&str]) -> Self {
        Self {
            redis,
            lanes: lanes
                .iter()
                .map(|lane| format!("geocrop:queue:{lane}"))
                .collect(),
            top_up: Script::new(TOP_UP),
            tidy: Script::new(TIDY),
        }
    }

    /// Adds a ticket. `lane` counts from the most urgent, 0; `run` is for people who look.
    ///
    /// # Errors
    /// [`RedisError`]; [`Queue::top_up`] makes up for it.
    pub async fn push(&self, lane: usize, run: &str) -> Result<(), RedisError> {
        let key = self.lane(lane);
        self.redis
            .ask(|mut connection| async move {
                let mut add = redis::cmd("XADD");
                add.arg(key).arg("*").arg("run").arg(run);
                add.query_async(&mut connection).await
            })
            .await
    }

    /// Sees to it that at least `waiting` tickets of a lane are there for the taking. Returns how many were missing.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn top_up(&self, lane: usize, waiting: u32) -> Result<u32, RedisError> {
        let mut call = self.top_up.prepare_invoke();
        call.key(self.lane(lane)).arg(GROUP).arg(waiting);
        self.redis
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await
    }

    /// Forgets workers that were not heard of for so long and hold nothing.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn tidy(&self, silent: Duration) -> Result<(), RedisError> {
        for lane in &self.lanes {
            let mut call = self.tidy.prepare_invoke();
            call.key(lane).arg(GROUP).arg(silent.as_millis() as u64);
            let _: u32 = self
                .redis
                .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
                .await?;
        }
        Ok(())
    }

    /// Says that a ticket's holder is alive.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn keep(&self, ticket: &Ticket) -> Result<(), RedisError> {
        self.redis
            .ask(|mut connection| async move {
                let mut claim = redis::cmd("XCLAIM");
                claim.arg(&ticket.lane).arg(GROUP).arg(&ticket.consumer);
                claim.arg(0).arg(&ticket.id).arg("JUSTID");
                let _: Vec<String> = claim.query_async(&mut connection).await?;
                Ok(())
            })
            .await
    }

    /// Tears a ticket up.
    ///
    /// # Errors
    /// [`RedisError`]; then somebody finds it stale one day, looks into the database, and tears it up.
    pub async fn done(&self, ticket: &Ticket) -> Result<(), RedisError> {
        self.redis
            .ask(|mut connection| async move { torn(ticket).query_async(&mut connection).await })
            .await
    }

    /// Waits for tickets over a connection of its own. `consumer` is a name that nobody else has; a ticket whose holder
    /// was silent for `stale` may be taken over.
    pub fn listener(&self, consumer: impl Into<String>, stale: Duration) -> Listener {
        Listener {
            queue: self.clone(),
            consumer: consumer.into(),
            stale,
            connection: None,
        }
    }

    fn lane(&self, lane: usize) -> &str {
        &self.lanes[lane.min(self.lanes.len() - 1)]
    }
}

fn torn(ticket: &Ticket) -> redis::Pipeline {
    let mut both = redis::pipe();
    both.atomic();
    both.cmd("XACK")
        .arg(&ticket.lane)
        .arg(GROUP)
        .arg(&ticket.id);
    both.ignore();
    both.cmd("XDEL").arg(&ticket.lane).arg(&ticket.id).ignore();
    both
}

/// One that waits for tickets.
pub struct Listener {
    queue: Queue,
    consumer: String,
    stale: Duration,
    connection: Option<MultiplexedConnection>,
}

impl Listener {
    /// The next ticket: of the most urgent lane that has one, else one whose holder is silent, else whichever comes first
    /// within `patience`.
    ///
    /// # Errors
    /// [`RedisError`] when the server is away; the next call tries to reach it again.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Ticket>, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect(patience).await?,
        };
        let ticket = match self.look(&mut connection, patience).await {
            // The server has come back empty, or is new: it knows no group.
            Err(error) if is_no_group(&error) => {
                for lane in &self.queue.lanes {
                    make_group(&mut connection, lane).await?;
                }
                self.look(&mut connection, patience).await
            }
            outcome => outcome,
        }?;
        // After an error the connection is not used again.
        self.connection = Some(connection);
        Ok(ticket)
    }

    async fn connect(&self, patience: Duration) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(patience + Duration::from_secs(2)));
        let client = self.queue.redis.client();
        Ok(client
            .get_multiplexed_async_connection_with_config(&config)
            .await?)
    }

    async fn look(
        &self,
        connection: &mut MultiplexedConnection,
        patience: Duration,
    ) -> RedisResult<Option<Ticket>> {
        for lane in &self.queue.lanes {
            let found = self
                .read(connection, std::slice::from_ref(lane), None)
                .await?;
            if let Some(ticket) = found.into_iter().next() {
                return Ok(Some(ticket));
            }
        }
        for lane in &self.queue.lanes {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(lane).arg(GROUP).arg(&self.consumer);
            claim.arg(self.stale.as_millis() as u64).arg("0-0");
            claim.arg("COUNT").arg(1);
            let found: StreamAutoClaimReply = claim.query_async(connection).await?;
            if let Some(entry) = found.claimed.into_iter().next() {
                return Ok(Some(self.ticket(lane, entry.id)));
            }
        }
        let found = self
            .read(connection, &self.queue.lanes, Some(patience))
            .await?;
        let mut found = found.into_iter();
        let ticket = found.next();
        // Tickets that came into several lanes at the same moment come together; the rest are for others.
        for other in found {
            let mut back = torn(&other);
            back.cmd("XADD").arg(&other.lane).arg("*");
            back.arg("run").arg("").ignore();
            let () = back.query_async(connection).await?;
        }
        Ok(ticket)
    }

    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        lanes: &[String],
        wait: Option<Duration>,
    ) -> RedisResult<Vec<Ticket>> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(&self.consumer);
        read.arg("COUNT").arg(1);
        if let Some(wait) = wait {
            // Zero would be for ever.
            read.arg("BLOCK").arg(wait.as_millis().max(1) as u64);
        }
        read.arg("STREAMS").arg(lanes).arg(vec![">"; lanes.len()]);
        let reply: Option<StreamReadReply> = read.query_async(connection).await?;
        let streams = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(streams
            .into_iter()
            .flat_map(|stream| {
                let lane = stream.key;
                let ids = stream.ids.into_iter().map(|entry| entry.id);
                ids.map(|id| self.ticket(&lane, id)).collect::<Vec<_>>()
            })
            .collect())
    }

    fn ticket(&self, lane: &str, id: String) -> Ticket {
        Ticket {
            lane: lane.to_owned(),
            id,
            consumer: self.consumer.clone(),
        }
    }
}

fn is_no_group(error: &redis::RedisError) -> bool {
    // UNBLOCKED: the stream was removed while we waited.
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED"))
}

async fn make_group(connection: &mut MultiplexedConnection, lane: &str) -> RedisResult<()> {
    let mut create = redis::cmd("XGROUP");
    create.arg("CREATE").arg(lane).arg(GROUP).arg("0");
    create.arg("MKSTREAM");
    match create.query_async(connection).await {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        outcome => outcome,
    }
}
