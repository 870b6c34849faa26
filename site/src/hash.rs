//! Hashes that name content: of files in the site, and of everything a page was made from.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256, cut to the 16 bytes that no accident makes alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct Digest([u8; 16]);

/// The digest of `bytes`.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    of_parts(&[bytes])
}

/// The digest of several parts; where one ends and the next begins counts.
pub(crate) fn of_parts(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let whole = hasher.finalize();
    let mut cut = [0; 16];
    cut.copy_from_slice(&whole[..16]);
    Digest(cut)
}

/// The first 12 hexadecimal digits of the SHA-256 of `bytes`: enough for a name.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

impl Digest {
    /// The bytes, to be hashed again with others.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_parts_end_counts() {
        assert_ne!(of_parts(&[b"ab", b"c"]), of_parts(&[b"a", b"bc"]));
    }

    #[test]
    fn short_hashes_are_the_beginning_of_sha256() {
        assert_eq!(short_hash(b""), "e3b0c44298fc");
    }
}
