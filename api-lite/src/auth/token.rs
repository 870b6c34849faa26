//! Access tokens: JWTs signed with Ed25519, good for minutes.
//!
//! Algorithm, issuer and audience are pinned, the header must name a key of ours, and a token must say all of who, in
//! which session, from whom, for whom and until when. It carries no rights: those are looked up with every request, and
//! the session must not have ended.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keys::{Keys, TokenKeyError};
use crate::problem::Problem;

const ALGORITHM: Algorithm = Algorithm::EdDSA;
const ISSUER: &str = "geocrop";
const AUDIENCE: &str = "geocrop-api";
/// Seconds that two clocks may differ by.
const LEEWAY: u64 = 5;

#[derive(Serialize, Deserialize)]
struct Claims {
    /// The account.
    sub: String,
    /// The session.
    sid: String,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
}

/// Whom a token is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) user: String,
    pub(crate) session: String,
    /// How long the token is still good.
    pub(crate) left: Duration,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    keys: Keys,
    validation: Validation,
    lifetime: Duration,
}

impl Tokens {
    /// Reads the keys from their folder, or makes both.
    pub(crate) fn open(folder: &Path, lifetime: Duration) -> Result<Self, TokenKeyError> {
        let mut validation = Validation::new(ALGORITHM);
        validation.leeway = LEEWAY;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self {
            keys: Keys::open(folder)?,
            validation,
            lifetime,
        })
    }

    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A token for an account in a session.
    pub(crate) fn issue(&self, user_id: &str, session: &str) -> Result<String, Problem> {
        let now = jsonwebtoken::get_current_timestamp();
        let claims = Claims {
            sub: user_id.to_owned(),
            sid: session.to_owned(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            exp: now + self.lifetime.as_secs(),
        };
        let key = self.keys.newest();
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(key.kid.clone());
        jsonwebtoken::encode(&header, &claims, &key.signing)
            .map_err(|error| Problem::internal(&error))
    }

    /// Whom a token is for.
    pub(crate) fn verify(&self, token: &str) -> Result<Bearer, Problem> {
        let invalid = || Problem::unauthorized("The token is not valid.");
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid())?;
        let key = header
            .kid
            .and_then(|kid| self.keys.get(&kid))
            .ok_or_else(invalid)?;
        jsonwebtoken::decode::<Claims>(token, &key.checking, &self.validation)
            .map(|token| Bearer {
                user: token.claims.sub,
                session: token.claims.sid,
                left: Duration::from_secs(
                    token
                        .claims
                        .exp
                        .saturating_sub(jsonwebtoken::get_current_timestamp()),
                ),
            })
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Problem::unauthorized("The token has expired.")
                    .hint("POST {\"refresh_token\"} to /v1/auth/token for a new one."),
                _ => invalid(),
            })
    }

    /// The public keys, for others that check our tokens (RFC 7517).
    pub(crate) fn public_keys(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .all()
            .iter()
            .map(|key| {
                json!({
                    "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.kid, "x": key.public()
                })
            })
            .collect();
        json!({ "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_key_and_another_servers_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let minute = Duration::from_mins(1);
        let ours = Tokens::open(&folder.path().join("ours"), minute).unwrap();
        let theirs = Tokens::open(&folder.path().join("theirs"), minute).unwrap();
        let token = ours.issue("me", "here").unwrap();
        let bearer = ours.verify(&token).unwrap();
        assert_eq!(
            (bearer.user.as_str(), bearer.session.as_str()),
            ("me", "here")
        );
        assert!(ours.verify(&theirs.issue("me", "here").unwrap()).is_err());
        let header = jsonwebtoken::decode_header(&token).unwrap();
        let published = ours.public_keys();
        assert_eq!(published["keys"][0]["kid"], header.kid.unwrap());
        assert_eq!(published["keys"][0]["x"].as_str().unwrap().len(), 43);
    }

    #[test]
    fn a_key_that_another_process_made_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let minute = Duration::from_mins(1);
        let one = Tokens::open(folder.path(), minute).unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        super::super::make_token_key(folder.path()).unwrap();
        let two = Tokens::open(folder.path(), minute).unwrap();
        let token = two.issue("me", "here").unwrap();
        assert!(one.verify(&token).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_check_panic_or_succeed(text in ".{0,300}") {
            use std::sync::OnceLock;
            static TOKENS: OnceLock<(tempfile::TempDir, Tokens)> = OnceLock::new();
            let (_, tokens) = TOKENS.get_or_init(|| {
                let folder = tempfile::tempdir().unwrap();
                let tokens = Tokens::open(folder.path(), Duration::from_mins(1)).unwrap();
                (folder, tokens)
            });
            proptest::prop_assert!(tokens.verify(&text).is_err());
        }
    }
}
