//! Secrets that this program makes: ids, and random words of which only a hash is kept.

use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

/// 256 random bits as 43 letters, digits, `-` and `_`. Not shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(...)")
    }
}

impl Secret {
    pub(crate) fn new() -> Self {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let random: [u8; 43] = rand::random();
        Self(
            random
                .iter()
                .map(|byte| char::from(LETTERS[usize::from(byte & 63)]))
                .collect(),
        )
    }

    /// The secret itself; shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What is kept of a secret. A plain hash is enough for 256 random bits: there is nothing to guess.
pub(crate) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Whether a secret is the one that was hashed, in a time that does not tell where they differ.
pub(crate) fn matches(secret: &str, hashed: &str) -> bool {
    let given = hash(secret);
    given.len() == hashed.len()
        && given
            .bytes()
            .zip(hashed.bytes())
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// A random UUID (version 4), which is also a [`Slug`](geocrop_store::Slug).
pub fn new_id() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_4_uuid_and_a_slug() {
        let id = new_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(id.parse::<geocrop_store::Slug>().is_ok());
        assert_ne!(id, new_id());
    }

    #[test]
    fn a_secret_matches_its_own_hash_alone_and_does_not_print_itself() {
        let secret = Secret::new();
        assert_eq!(secret.reveal().len(), 43);
        let hashed = hash(secret.reveal());
        assert!(matches(secret.reveal(), &hashed));
        assert!(!matches(Secret::new().reveal(), &hashed));
        assert!(!matches("", &hashed));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }
}
