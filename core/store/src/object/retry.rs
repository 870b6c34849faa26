//! How long a server is waited for, and which failures are worth another try.
//!
//! Most retries happen inside `object_store`: server errors, refused and cut connections and, for requests that may be
//! repeated, timeouts. It gives up at once where an answer breaks off in the middle of a listing, and where it does not
//! know that a request may be repeated, such as a removal. [`Store::attempt`] repeats those, a few times. Pauses grow and are random,
//! so that shards which met one failure do not come back in step ("decorrelated jitter",
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::error::Error as _;
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use rand::Rng as _;

use super::Store;

/// A pause is at most this many times the one before.
const GROWTH: f64 = 3.0;

/// How often an operation is begun whose answer is lost.
const LOST: usize = 3;

/// How long a server is waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Patience {
    /// The longest time for one request, its answer's body included. A part of 8 MiB must get through in it.
    pub request: Duration,
    /// The most tries of one request.
    pub tries: usize,
    /// No try is begun after this time. Signatures are valid for five minutes on the strictest servers.
    pub total: Duration,
    /// The shortest pause between two tries, and the first one.
    pub first_pause: Duration,
    /// The longest pause between two tries.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// A minute for one request (8 MiB at 1.1 Mbit/s), twelve tries, three minutes in all: a server that is restarted
    /// is waited for, one that is gone is told of soon enough.
    fn default() -> Self {
        Self {
            request: Duration::from_mins(1),
            tries: 12,
            total: Duration::from_mins(3),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
        }
    }
}

impl Patience {
    /// Gives a bucket's client these limits, and leaves what else the environment says of it.
    pub(super) fn limit(&self, builder: AmazonS3Builder) -> AmazonS3Builder {
        const CONNECT: Duration = Duration::from_secs(10);
        let set = |builder: AmazonS3Builder, key, limit: Duration| {
            let text = format!("{}ms", limit.as_millis());
            builder.with_config(AmazonS3ConfigKey::Client(key), text)
        };
        let builder = set(builder, ClientConfigKey::Timeout, self.request);
        let connect = self.request.min(CONNECT);
        set(builder, ClientConfigKey::ConnectTimeout, connect).with_retry(self.retry_config())
    }

    pub(super) fn retry_config(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: self.first_pause,
                max_backoff: self.longest_pause.max(self.first_pause),
                base: GROWTH,
            },
            max_retries: self.tries.saturating_sub(1),
            retry_timeout: self.total,
        }
    }

    /// The pauses between tries: one fewer than tries, none after the total time.
    pub(crate) fn pauses(&self) -> Pauses<'_> {
        Pauses {
            patience: self,
            begun: Instant::now(),
            left: self.tries.saturating_sub(1),
            next: self.first_pause,
        }
    }
}

/// See [`Patience::pauses`].
pub(crate) struct Pauses<'a> {
    patience: &'a Patience,
    begun: Instant,
    left: usize,
    next: Duration,
}

impl Iterator for Pauses<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.left == 0 || self.begun.elapsed() > self.patience.total {
            return None;
        }
        self.left -= 1;
        let longest = self.next.mul_f64(GROWTH).min(self.patience.longest_pause);
        let shortest = self.patience.first_pause.min(longest);
        let chosen = rand::rng().random_range(shortest..=longest);
        Some(std::mem::replace(&mut self.next, chosen))
    }
}

impl Store {
    /// Runs an operation that may be repeated, and repeats it while its answer is lost on the way.
    pub(super) fn attempt<T, F>(&self, start: impl Fn() -> F) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let mut pauses = self.patience.pauses().take(LOST - 1);
        loop {
            match self.wait(start()) {
                Err(error) if was_lost(&error) => match pauses.next() {
                    Some(pause) => thread::sleep(pause),
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }
}

/// Whether a request or its answer was lost or damaged between here and the server. Connections that cannot be made
/// are not among these: `object_store` has repeated them often enough.
pub(super) fn was_lost(error: &object_store::Error) -> bool {
    /// What servers say of a body that did not arrive as it was sent.
    const DAMAGED: [&str; 4] = [
        "<Code>XAmzContentSHA256Mismatch</Code>",
        "<Code>BadDigest</Code>",
        "<Code>IncompleteBody</Code>",
        "<Code>RequestTimeout</Code>",
    ];
    match http_kind(error) {
        Some(HttpErrorKind::Connect | HttpErrorKind::Unknown) => false,
        Some(_) => true,
        None => {
            let said = error.to_string();
            DAMAGED.iter().any(|code| said.contains(code))
        }
    }
}

/// The kind of the network's failure at the root of an error, if the network is to blame.
pub(crate) fn http_kind(error: &object_store::Error) -> Option<HttpErrorKind> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return Some(http.kind());
        }
        next = error.source();
    }
    None
}

/// The status that the server answered with. `object_store` keeps it to itself, so it is read from the message.
pub(crate) fn status(error: &object_store::Error) -> Option<u16> {
    const BEFORE: &str = "status code: ";
    let said = error.to_string();
    let at = said.find(BEFORE)? + BEFORE.len();
    said.get(at..at + 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end_with_the_tries() {
        let patience = Patience {
            tries: 40,
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(300),
            ..Patience::default()
        };
        let pauses: Vec<Duration> = patience.pauses().collect();
        assert_eq!(pauses.len(), 39);
        assert_eq!(pauses[0], patience.first_pause);
        for pair in pauses.windows(2) {
            assert!(pair[1] >= patience.first_pause && pair[1] <= patience.longest_pause);
            assert!(pair[1] <= pair[0].mul_f64(GROWTH));
        }
        // 38 random pauses that start at 10 ms and stay below 30 ms would be a growth that does not grow.
        assert!(pauses.iter().max() > Some(&Duration::from_millis(30)));
    }

    #[test]
    fn no_pause_is_given_after_the_total_time() {
        let patience = Patience {
            total: Duration::ZERO,
            ..Patience::default()
        };
        thread::sleep(Duration::from_millis(1));
        assert_eq!(patience.pauses().nth(1), None);
    }
}
