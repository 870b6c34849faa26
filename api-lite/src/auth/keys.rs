//! The keys that tokens are signed with: Ed25519, one file each, in a folder that several processes may share.
//!
//! The newest key signs, all of them check. A key is named after the second it was made (`20261122T091530-1f3a.pem`), so
//! the order of names is the order of age; its name without the ending is the token's `kid`. Keys are replaced by
//! themselves once they are [`ROTATION`] old where the folder can be written; where it cannot (a mounted secret), whoever
//! mounts it does. A process that meets a `kid` it does not know looks into the folder again.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDateTime, Utc};
use jsonwebtoken::{DecodingKey, EncodingKey};

/// After this time the next key is made.
pub(crate) const ROTATION: Duration = Duration::from_hours(30 * 24);
/// How long a replaced key still checks tokens: longer than any of them is good.
const OVERLAP: Duration = Duration::from_hours(24);
/// How often an unknown `kid` may make the folder be read.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const HEAD: &str = "-----BEGIN PRIVATE KEY-----";
const FOOT: &str = "-----END PRIVATE KEY-----";

/// What is wrong with the keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeyError {
    /// The folder or a file in it cannot be read or made.
    #[error("{}: cannot read or make the token keys: {source}; check the folder and who owns it", path.display())]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read a key.
    #[error("{}: the token key is open to others (mode {mode:03o}); expected 600: run `chmod 600` on it, or remove it to get a new one", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file does not hold a key.
    #[error("{}: not a token key: expected an Ed25519 private key in PEM (PKCS #8); remove the file to get a new one (everybody logs in again)", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// No key could be made.
    #[error("no key can be made: the system gives no random numbers")]
    Random,
}

/// A key and its public half.
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) signing: EncodingKey,
    pub(crate) checking: DecodingKey,
    pair: Ed25519KeyPair,
}

impl Key {
    /// The public half, as JSON Web Keys have it (RFC 8037).
    pub(crate) fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// A signature of some bytes, for addresses that open without a token.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(bytes).as_ref())
    }

    /// Whether the signature is this key's for these bytes.
    pub(crate) fn signed(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            self.pair.public_key().as_ref(),
        )
        .verify(bytes, &signature)
        .is_ok()
    }
}

/// All keys of a folder.
pub(crate) struct Keys {
    folder: PathBuf,
    by_kid: RwLock<BTreeMap<String, Arc<Key>>>,
    looked: Mutex<Instant>,
}

impl Keys {
    /// Reads the folder; makes it and a first key if there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, TokenKeyError> {
        let mut keys = read(folder)?;
        if keys.is_empty() {
            let key = make(folder)?;
            keys.insert(key.kid.clone(), Arc::new(key));
        }
        Ok(Self {
            folder: folder.to_owned(),
            by_kid: RwLock::new(keys),
            looked: Mutex::new(Instant::now()),
        })
    }

    /// The key that signs.
    pub(crate) fn newest(&self) -> Arc<Key> {
        let keys = self.by_kid.read().unwrap_or_else(PoisonError::into_inner);
        let (_, key) = keys
            .last_key_value()
            .expect("there is a key from the start, and the last one is never removed");
        Arc::clone(key)
    }

    /// The key of a name. One that another process has made since is found too.
    pub(crate) fn get(&self, kid: &str) -> Option<Arc<Key>> {
        let found = |keys: &BTreeMap<String, Arc<Key>>| keys.get(kid).cloned();
        let known = found(&self.by_kid.read().unwrap_or_else(PoisonError::into_inner));
        if known.is_some() {
            return known;
        }
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.elapsed() < LOOK_AGAIN {
                return None;
            }
            *looked = Instant::now();
        }
        self.reload();
        found(&self.by_kid.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All keys, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Key>> {
        let keys = self.by_kid.read().unwrap_or_else(PoisonError::into_inner);
        keys.values().cloned().collect()
    }

    /// Makes the next key when the newest is old, and drops those that nobody needs any more. A folder that cannot be
    /// written is left alone.
    pub(crate) fn rotate_if_due(&self) {
        self.reload();
        let age = |kid: &str| made_at(kid).map(|made| Utc::now().signed_duration_since(made));
        let old = |span: Duration| {
            move |age: chrono::TimeDelta| age.to_std().is_ok_and(|age| age >= span)
        };
        if age(&self.newest().kid).is_some_and(old(ROTATION)) {
            match make(&self.folder) {
                Ok(_) => self.reload(),
                Err(error) => {
                    tracing::warn!(%error, "the token key is old, and no new one can be made");
                }
            }
        }
        let all = self.all();
        for pair in all.windows(2) {
            // Replaced when the next one was made.
            if age(&pair[1].kid).is_some_and(old(OVERLAP)) {
                let _ = fs::remove_file(self.folder.join(format!("{}.pem", pair[0].kid)));
            }
        }
        self.reload();
    }

    fn reload(&self) {
        match read(&self.folder) {
            Ok(keys) if !keys.is_empty() => {
                *self.by_kid.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the token keys cannot be read again"),
        }
    }
}

/// Makes a key in a folder, next to those that are there.
///
/// # Errors
/// [`TokenKeyError`].
pub fn make_token_key(folder: &Path) -> Result<String, TokenKeyError> {
    make(folder).map(|key| key.kid)
}

fn read(folder: &Path) -> Result<BTreeMap<String, Arc<Key>>, TokenKeyError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TokenKeyError::File { path, source }
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(failed(folder)(error)),
    };
    let mut keys = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        let Some(kid) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".pem"))
            .filter(|kid| made_at(kid).is_some())
        else {
            continue;
        };
        let text = match fs::read_to_string(&path) {
            // Another process has just dropped it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text.map_err(failed(&path))?,
        };
        let mode = fs::metadata(&path)
            .map_err(failed(&path))?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 && !is_mounted(&path) {
            return Err(TokenKeyError::Exposed { path, mode });
        }
        let key =
            parse(kid, &text).ok_or_else(|| TokenKeyError::Malformed { path: path.clone() })?;
        keys.insert(kid.to_owned(), Arc::new(key));
    }
    Ok(keys)
}

/// A secret that Kubernetes mounts is a link into a folder of its own, and readable for the pod's group.
fn is_mounted(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink())
}

fn make(folder: &Path) -> Result<Key, TokenKeyError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| TokenKeyError::Random)?;
    let der = pair.to_pkcs8v1().map_err(|_| TokenKeyError::Random)?;
    let now: DateTime<Utc> = SystemTime::now().into();
    let kid = format!(
        "{}-{:04x}",
        now.format("%Y%m%dT%H%M%S"),
        rand::random::<u16>()
    );
    let path = folder.join(format!("{kid}.pem"));
    let failed = |source| TokenKeyError::File {
        path: path.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let text = format!("{HEAD}\n{}\n{FOOT}\n", STANDARD.encode(der.as_ref()));
    // Whole or not at all: another process may look at this moment.
    let draft = folder.join(format!(".{kid}.new"));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(failed)?;
    parse(&kid, &text).ok_or(TokenKeyError::Random)
}

fn parse(kid: &str, text: &str) -> Option<Key> {
    let body = text.trim().strip_prefix(HEAD)?.strip_suffix(FOOT)?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(body).ok()?;
    let pair = Ed25519KeyPair::from_pkcs8(&der).ok()?;
    Some(Key {
        kid: kid.to_owned(),
        signing: EncodingKey::from_ed_der(&der),
        checking: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        pair,
    })
}

/// When a key was made, by its name.
fn made_at(kid: &str) -> Option<DateTime<Utc>> {
    let (made, random) = kid.split_once('-')?;
    (!random.is_empty()).then_some(())?;
    NaiveDateTime::parse_from_str(made, "%Y%m%dT%H%M%S")
        .ok()
        .map(|made| made.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_first_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private/keys");
        let kid = Keys::open(&path).unwrap().newest().kid.clone();
        let file = path.join(format!("{kid}.pem"));
        assert_eq!(files(&path), [format!("{kid}.pem")]);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Keys::open(&path).unwrap().newest().kid, kid);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Keys::open(&path),
            Err(TokenKeyError::Exposed { mode: 0o644, .. })
        ));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "guess me\n").unwrap();
        assert!(matches!(
            Keys::open(&path),
            Err(TokenKeyError::Malformed { .. })
        ));
    }

    #[test]
    fn an_old_key_is_replaced_and_still_checks_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let kid = make(folder.path()).unwrap().kid;
        let old = "20200101T000000-0001";
        fs::rename(
            folder.path().join(format!("{kid}.pem")),
            folder.path().join(format!("{old}.pem")),
        )
        .unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        assert_eq!(keys.newest().kid, old);
        keys.rotate_if_due();
        let new = keys.newest().kid.clone();
        assert_ne!(new, old);
        assert!(keys.get(old).is_some());
        keys.rotate_if_due();
        assert_eq!(keys.newest().kid, new, "once");

        // Two days later the old one goes.
        let aged = "20200201T000000-0002";
        fs::rename(
            folder.path().join(format!("{new}.pem")),
            folder.path().join(format!("{aged}.pem")),
        )
        .unwrap();
        keys.rotate_if_due();
        assert!(keys.get(old).is_none());
        assert!(keys.get(aged).is_some());
    }

    #[test]
    fn a_signature_is_of_these_bytes_by_this_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = make(folder.path()).unwrap();
        let other = make(folder.path()).unwrap();
        let signature = key.sign(b"jobs/a/b");
        assert!(key.signed(b"jobs/a/b", &signature));
        assert!(!key.signed(b"jobs/a/c", &signature));
        assert!(!other.signed(b"jobs/a/b", &signature));
        assert!(!key.signed(b"jobs/a/b", "no signature"));
    }
}
