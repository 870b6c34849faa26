//! Who asked a moment ago: whoever follows a job asks several times a second, and is the same each time.
//!
//! An entry is good for a second. What ends a session or takes a key back in this process empties the list at once; what
//! another process does is heard of within that second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use geocrop_database::User;

/// How long an answer of the database is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// Callers that are kept at most.
const MOST: usize = 10_000;

/// Callers by their token or key.
#[derive(Default)]
pub(crate) struct Callers(Mutex<Known>);

#[derive(Default)]
struct Known {
    users: HashMap<String, (User, Instant)>,
    /// Grows when everybody is forgotten.
    age: u64,
}

/// When a look into the database began: its answer is not believed if somebody was locked out meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Look(u64);

impl Callers {
    /// Whose token this was a moment ago.
    pub(crate) fn get(&self, token: &str) -> Result<User, Look> {
        let known = self.known();
        match known.users.get(token) {
            Some((user, until)) if Instant::now() < *until => Ok(user.clone()),
            _ => Err(Look(known.age)),
        }
    }

    /// Notes whose token it is, which ends by itself after `left`.
    pub(crate) fn put(&self, look: Look, token: &str, user: &User, left: Duration) {
        let now = Instant::now();
        let mut known = self.known();
        if known.users.len() >= MOST {
            known.users.retain(|_, (_, until)| now < *until);
        }
        if known.age == look.0 && known.users.len() < MOST {
            let until = now + BELIEVED.min(left);
            known.users.insert(token.to_owned(), (user.clone(), until));
        }
    }

    /// From now on everybody is looked up again.
    pub(crate) fn forget(&self) {
        let mut known = self.known();
        known.users.clear();
        known.age += 1;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> User {
        User {
            id: "1".to_owned(),
            tenant: "one".parse().unwrap(),
            name: "ann".to_owned(),
            password_hash: None,
            role: "recruiter".parse().unwrap(),
            created_at: chrono::Utc::now(),
        }
    }

    #[test]
    fn a_caller_is_known_until_somebody_is_locked_out() {
        const LONG: Duration = Duration::from_mins(10);
        let callers = Callers::default();
        let Err(look) = callers.get("t") else {
            panic!("nobody was there")
        };
        callers.put(look, "t", &ann(), LONG);
        assert!(callers.get("t").is_ok_and(|user| user.name == "ann"));
        assert!(callers.get("T").is_err(), "another token");
        callers.forget();
        assert!(callers.get("t").is_err());
        callers.put(look, "t", &ann(), LONG);
        assert!(callers.get("t").is_err(), "looked up before the lock-out");
        let Err(look) = callers.get("t") else {
            panic!("nobody is there")
        };
        callers.put(look, "t", &ann(), Duration::ZERO);
        assert!(callers.get("t").is_err(), "the token itself is over");
    }
}
