//! What several processes share for speed and can do without: wake-ups for workers, a cache, limits on tries.
//!
//! Redis (or Valkey) holds nothing that is not also elsewhere or can be made again. While it is away everything here
//! fails quickly, and callers go on without it; when it comes back empty, the queue's tickets are made again from the
//! database.
//!
//! | key | type | what |
//! |--|--|--|
//! | `geocrop:queue:<lane>` | stream | a ticket for each run that waits, one stream per priority; group `workers` |
//! | `geocrop:cache:<kind>:<key>` | string | answers that are costly to make; with a time to live |
//! | `geocrop:tries:<what>:<who>` | hash | a bucket of tries; with a time to live |
//!
//! Only the cache and the tries have a time to live, so that a server whose `maxmemory-policy` is `volatile-lru` drops
//! them and never a ticket.

mod cache;
mod connection;
mod queue;
mod tries;

pub use cache::Cache;
pub use connection::{Redis, RedisError};
pub use queue::{Listener, Queue, Ticket};
pub use tries::SharedTries;
