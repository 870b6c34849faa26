//! What lies in the store, from one listing: sizes for the pages, tags to see what changed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use geocrop_store::{Entry, Store, StoreError};

use crate::error::SiteError;
use crate::hash::{Digest, digest};

/// The catalog's root.
const CATALOG: &str = "catalog.json";

/// Where the models are.
const MODELS: &str = "models";

/// The files that pages may link to, by key.
#[derive(Debug)]
pub(crate) struct Stored {
    entries: BTreeMap<String, Entry>,
    in_folder: bool,
}

impl Stored {
    /// Lists the layers, the models and the catalog.
    pub(crate) fn list(store: &Store) -> Result<Self, SiteError> {
        let fault = |path: &str, error: &StoreError| SiteError::Store {
            path: path.to_owned(),
            problem: error.to_string(),
        };
        let layers = store.list("layers").map_err(|e| fault("layers", &e))?;
        let models = store.list(MODELS).map_err(|e| fault(MODELS, &e))?;
        let root = store.head(CATALOG).map_err(|e| fault(CATALOG, &e))?;
        Ok(Self {
            entries: layers
                .into_iter()
                .chain(models)
                .chain(root)
                .map(|entry| (entry.key.clone(), entry))
                .collect(),
            in_folder: store.local_root().is_some(),
        })
    }

    /// Bytes of the file under `key`.
    pub(crate) fn size(&self, key: &str) -> Option<u64> {
        self.entries.get(key).map(|entry| entry.size)
    }

    /// The keys of the models' files, in their order.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        let keys = self.entries.keys().map(String::as_str);
        keys.filter(|key| key.strip_prefix(MODELS).is_some_and(|k| k.starts_with('/')))
    }

    /// When the file under `key` was last written.
    pub(crate) fn modified(&self, key: &str) -> Option<DateTime<Utc>> {
        self.entries.get(key).map(|entry| entry.modified)
    }

    /// What tells these bytes of a file from others.
    pub(crate) fn tag(&self, key: &str) -> Option<Digest> {
        self.entries.get(key).map(|e| digest(tag(e).as_bytes()))
    }

    /// What tells this state of the store from another.
    pub(crate) fn stamp(&self) -> Digest {
        let lines: Vec<String> = self.entries.values().map(tag).collect();
        digest(lines.join("\n").as_bytes())
    }

    /// When the last file was written, where tags follow that moment; those of buckets follow the bytes.
    pub(crate) fn newest(&self) -> SystemTime {
        self.entries
            .values()
            .filter(|_| self.in_folder)
            .map(|entry| SystemTime::from(entry.modified))
            .max()
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

fn tag(entry: &Entry) -> String {
    let etag = entry.etag.as_deref().unwrap_or_default();
    let modified = entry.modified.timestamp_nanos_opt().unwrap_or_default();
    format!("{}\t{}\t{modified}\t{etag}", entry.key, entry.size)
}
