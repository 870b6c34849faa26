//! Passwords, hashed with Argon2id (RFC 9106).
//!
//! A hash takes about 20 MB and a good part of a second on purpose. So only a few run at once, off the threads that
//! serve requests, and a name that nobody has costs the same as a wrong password: the time does not tell which it was.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::problem::Problem;
use axum::http::StatusCode;

/// Hashes at once.
const AT_ONCE: usize = 2;
/// How long a login waits for its turn before it is turned away.
const PATIENCE: Duration = Duration::from_secs(10);
/// In bytes. Longer passwords add nothing but work.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=1024;

/// Why a password cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too short or too long.
    #[error("the password has {found} bytes; expected {} to {}", LENGTHS.start(), LENGTHS.end())]
    Length {
        /// Bytes.
        found: usize,
    },
    /// The hash failed.
    #[error("the password cannot be hashed: {0}; is there memory and a source of random numbers?")]
    Hash(String),
}

/// Hashes a password with a new salt, in PHC form, for
/// [`Database::create_user`](geocrop_database::Database::create_user). Takes its time: not for asynchronous code.
///
/// # Errors
/// [`PasswordError`].
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if !LENGTHS.contains(&password.len()) {
        return Err(PasswordError::Length {
            found: password.len(),
        });
    }
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Checks passwords, a few at a time.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    /// Of no password; what unknown names are checked against.
    decoy: String,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, PasswordError> {
        let decoy: [u8; 16] = rand::random();
        let decoy = decoy.map(|byte| char::from(b'a' + byte % 26));
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            decoy: hash_password(&decoy.iter().collect::<String>())?,
        })
    }

    /// Whether the password belongs to the hash. `None` for the hash is an unknown name: never, in the same time.
    pub(crate) async fn matches(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Problem> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let busy = || {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The server is busy",
                "Too many logins at once.",
            )
            .hint("Try again in a few seconds.")
        };
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(busy)?;
        let verified = tokio::task::spawn_blocking(move || {
            // The turn ends with the work, also when the client has gone away meanwhile.
            let _turn = turn;
            LENGTHS.contains(&password.len())
                && PasswordHash::new(&hash).is_ok_and(|hash| {
                    Argon2::default()
                        .verify_password(password.as_bytes(), &hash)
                        .is_ok()
                })
        })
        .await
        .map_err(|error| Problem::internal(&error))?;
        Ok(verified && known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_salted_argon2id_and_lengths_are_bounded() {
        let (one, other) = (
            hash_password("correct horse").unwrap(),
            hash_password("correct horse").unwrap(),
        );
        assert!(one.starts_with("$argon2id$v=19$"), "{one}");
        assert_ne!(one, other);
        assert!(
            hash_password("short")
                .unwrap_err()
                .to_string()
                .contains("8 to 1024")
        );
        assert!(hash_password(&"x".repeat(1025)).is_err());
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_name_matches() {
        let passwords = Passwords::new().unwrap();
        let hash = hash_password("correct horse").unwrap();
        assert!(
            passwords
                .matches("correct horse".to_owned(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .matches("wrong horse".to_owned(), Some(hash))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .matches("correct horse".to_owned(), None)
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .matches("correct horse".to_owned(), Some("no hash".to_owned()))
                .await
                .unwrap()
        );
    }
}
