//! Models in the store: versions that never change, and which of them serves.
//!
//! `models/<name>/<version>/model.json` is a version's commit point, written after everything beside it.
//! `models/<name>/production` holds the version that serves; it is written last of all, so that a store that refuses leaves
//! what served before. `models/<name>/promotions.json` tells who changed it when and why.

use serde::{Deserialize, Serialize};

use crate::{ContentHash, ContentType, Slug, Store, StoreError};

/// The file that makes a version.
const MODEL: &str = "model.json";
/// The alias of the version that serves.
const PRODUCTION: &str = "production";
const PROMOTIONS: &str = "promotions.json";

/// The models of a store.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Store,
}

/// A change of the version that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The version before; none if there was none.
    pub from: Option<String>,
    /// The version that serves since.
    pub to: String,
    /// When, as RFC 3339.
    pub at: String,
    /// Who did it.
    pub by: String,
    /// What spoke for it, or the words of who insisted.
    pub why: String,
    /// Whether it was done against a rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
}

/// Why a model is not registered or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The store failed; the version that serves is as before.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A version never changes.
    #[error(
        "models/{name}/{version} is in the store with another {file}; a version never changes, so choose another one"
    )]
    Exists {
        /// The model.
        name: String,
        /// The version.
        version: String,
        /// The file that differs.
        file: String,
    },
    /// Nothing to go back to.
    #[error("{name} has no version to go back to: {reason}")]
    NoWayBack {
        /// The model.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A history that this program did not write.
    #[error("models/{name}/promotions.json cannot be read: {source}; mend it or move it away")]
    History {
        /// The model.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Registry {
    /// The models of this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Puts a version into the store. The same files again are no change.
    ///
    /// # Errors
    /// [`RegistryError::Exists`] for other files under the same name, and whatever the store says. The version is there
    /// whole or not at all.
    pub fn register(
        &self,
        name: &Slug,
        version: &str,
        files: &[(&str, Vec<u8>)],
    ) -> Result<(), RegistryError> {
        let key = |file: &str| format!("models/{name}/{version}/{file}");
        // Whatever a registration that was cut short has left may be written over; a version that is whole may not.
        if let Some(there) = self.store.get(&key(MODEL))? {
            let model = files.iter().find(|(file, _)| *file == MODEL);
            if model.is_some_and(|(_, bytes)| {
                ContentHash::of_bytes(bytes) == ContentHash::of_bytes(&there)
            }) {
                return Ok(());
            }
            return Err(RegistryError::Exists {
                name: name.to_string(),
                version: version.to_owned(),
                file: MODEL.to_owned(),
            });
        }
        let (model, beside): (Vec<_>, Vec<_>) = files.iter().partition(|(file, _)| *file == MODEL);
        for (file, bytes) in beside.into_iter().chain(model) {
            let key = key(file);
            self.store
                .put(&key, bytes.clone(), ContentType::of_key(&key))?;
        }
        Ok(())
    }

    /// A file of a version, if it is there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn file(
        &self,
        name: &Slug,
        version: &str,
        file: &str,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        Ok(self.store.get(&format!("models/{name}/{version}/{file}"))?)
    }

    /// The version that serves, if one does.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn production(&self, name: &Slug) -> Result<Option<String>, RegistryError> {
        let alias = self.store.get(&format!("models/{name}/{PRODUCTION}"))?;
        Ok(alias.map(|text| String::from_utf8_lossy(&text).trim().to_owned()))
    }

    /// The changes of the version that serves, the first one first.
    ///
    /// # Errors
    /// When the store does not answer, or holds something else.
    pub fn history(&self, name: &Slug) -> Result<Vec<Promotion>, RegistryError> {
        let Some(bytes) = self.store.get(&format!("models/{name}/{PROMOTIONS}"))? else {
            return Ok(Vec::new());
        };
        serde_json::from_slice(&bytes).map_err(|source| RegistryError::History {
            name: name.to_string(),
            source,
        })
    }

    /// Lets another version serve. What is told of it is written first: if the alias then cannot be, the old version goes
    /// on serving, and the next change says from which.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn promote(&self, name: &Slug, promotion: Promotion) -> Result<(), RegistryError> {
        let to = promotion.to.clone();
        let mut history = self.history(name)?;
        history.push(promotion);
        let text = serde_json::to_vec_pretty(&history).expect("texts are JSON");
        let key = |file: &str| format!("models/{name}/{file}");
        self.store.put(&key(PROMOTIONS), text, ContentType::Json)?;
        self.store.put(
            &key(PRODUCTION),
            format!("{to}\n").into_bytes(),
            ContentType::Binary,
        )?;
        Ok(())
    }

    /// The version that served before the one that serves now.
    ///
    /// # Errors
    /// [`RegistryError::NoWayBack`] when nothing tells of one.
    pub fn before(&self, name: &Slug) -> Result<String, RegistryError> {
        let no_way = |reason| RegistryError::NoWayBack {
            name: name.to_string(),
            reason,
        };
        let now = self
            .production(name)?
            .ok_or_else(|| no_way("no version serves"))?;
        let history = self.history(name)?;
        let entry = history.iter().rev().find(|entry| entry.to == now);
        entry
            .and_then(|entry| entry.from.clone())
            .ok_or_else(|| no_way("nothing tells of one that served before"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (Registry, Slug) {
        let store = Store::open("memory://").unwrap();
        (Registry::new(store), "crops".parse().unwrap())
    }

    fn promotion(from: Option<&str>, to: &str) -> Promotion {
        Promotion {
            from: from.map(str::to_owned),
            to: to.to_owned(),
            at: "2026-11-22T12:00:00Z".to_owned(),
            by: "ann".to_owned(),
            why: "better".to_owned(),
            forced: false,
        }
    }

    #[test]
    fn a_version_is_there_whole_and_never_changes() {
        let (registry, name) = registry();
        let files = |model: &str| {
            vec![
                (MODEL, model.as_bytes().to_vec()),
                ("card.json", b"{}".to_vec()),
            ]
        };
        registry.register(&name, "1", &files("a")).unwrap();
        registry.register(&name, "1", &files("a")).unwrap();
        let error = registry.register(&name, "1", &files("b")).unwrap_err();
        assert!(error.to_string().contains("never changes"), "{error}");
        assert_eq!(registry.file(&name, "1", MODEL).unwrap().unwrap(), b"a");
        assert_eq!(
            registry.file(&name, "1", "card.json").unwrap().unwrap(),
            b"{}"
        );
        assert_eq!(
            registry.production(&name).unwrap(),
            None,
            "registering promotes nothing"
        );
    }

    #[test]
    fn the_version_that_serves_changes_and_goes_back_with_its_history() {
        let (registry, name) = registry();
        assert!(registry.before(&name).is_err());
        registry.promote(&name, promotion(None, "1")).unwrap();
        assert!(
            registry
                .before(&name)
                .unwrap_err()
                .to_string()
                .contains("served before")
        );
        registry.promote(&name, promotion(Some("1"), "2")).unwrap();
        assert_eq!(registry.production(&name).unwrap().as_deref(), Some("2"));
        assert_eq!(registry.before(&name).unwrap(), "1");
        registry.promote(&name, promotion(Some("2"), "1")).unwrap();
        assert_eq!(registry.production(&name).unwrap().as_deref(), Some("1"));
        assert_eq!(registry.before(&name).unwrap(), "2");
        assert_eq!(registry.history(&name).unwrap().len(), 3);
    }
}
