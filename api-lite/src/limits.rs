//! How often somebody may try: a bucket of tries for each address and each account, filled again with time.
//!
//! Kept in this process; [`Sharing`](crate::sharing::Sharing) counts them for all where there is Redis. What is rare and
//! costly is counted here; quotas of jobs are in the database.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Problem;
use axum::http::StatusCode;

/// Buckets that are kept at most; the fullest go first.
const BUCKETS: usize = 100_000;

/// How many tries at once, and how fast they come back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tries at once.
    pub burst: u32,
    /// Time until one try has come back.
    pub every: Duration,
}

/// Tries, counted by who makes them.
pub(crate) struct Tries {
    rate: Rate,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Instant) {
        let back = now.duration_since(self.at).as_secs_f64() / rate.every.as_secs_f64();
        self.left = (self.left + back).min(f64::from(rate.burst));
        self.at = now;
    }
}

impl Tries {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// Takes one try of each of these, or none.
    ///
    /// # Errors
    /// A problem with `Retry-After` when one of them has none left.
    pub(crate) fn take(&self, who: &[String]) -> Result<(), Problem> {
        self.take_at(who, Instant::now()).map_err(too_many)
    }

    fn take_at(&self, who: &[String], now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for name in who {
            let bucket = buckets.entry(name.clone()).or_insert(Bucket {
                left: f64::from(self.rate.burst),
                at: now,
            });
            bucket.fill(self.rate, now);
            if bucket.left < 1.0 {
                return Err(self.rate.every.mul_f64(1.0 - bucket.left));
            }
        }
        for name in who {
            if let Some(bucket) = buckets.get_mut(name) {
                bucket.left -= 1.0;
            }
        }
        if buckets.len() > BUCKETS {
            let rate = self.rate;
            buckets.retain(|_, bucket| {
                bucket.fill(rate, now);
                bucket.left < f64::from(rate.burst)
            });
        }
        Ok(())
    }
}

/// The next try is there after so long.
pub(crate) fn too_many(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-tries",
        "Too many tries",
        "There were too many tries from this address or for this account.",
    )
    .hint(format!("Try again in {seconds} seconds."))
    .retry_after(seconds)
}

/// Under which name an address is counted: an IPv6 customer has a whole network of them.
pub(crate) fn of_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            if let Some(address) = address.to_ipv4_mapped() {
                return address.to_string();
            }
            let network = address.segments();
            format!(
                "{:x}:{:x}:{:x}:{:x}::/64",
                network[0], network[1], network[2], network[3]
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back_one_by_one() {
        let rate = Rate {
            burst: 3,
            every: Duration::from_secs(10),
        };
        let tries = Tries::new(rate);
        let ann = ["ann".to_owned()];
        let start = Instant::now();
        for _ in 0..3 {
            assert!(tries.take_at(&ann, start).is_ok());
        }
        let wait = tries.take_at(&ann, start).unwrap_err();
        assert_eq!(wait.as_secs(), 10);
        assert!(tries.take_at(&["bob".to_owned()], start).is_ok());
        let later = start + Duration::from_secs(10);
        assert!(tries.take_at(&ann, later).is_ok());
        assert!(tries.take_at(&ann, later).is_err());
        // Neither an empty bucket costs the other one a try.
        let both = ["ann".to_owned(), "eve".to_owned()];
        for _ in 0..9 {
            assert!(tries.take_at(&both, later).is_err());
        }
        for _ in 0..3 {
            assert!(tries.take_at(&["eve".to_owned()], later).is_ok());
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let of = |text: &str| of_address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
