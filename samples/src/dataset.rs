//! Data sets in the store: batches of samples or tables, and one document that says which of them count.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use geocrop_model::Legend;
use geocrop_store::{ContentHash, Slug, Store, layout};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::checks::Checks;
use crate::rows::ReadOptions;
use crate::{Input, Sample, SamplesError, read};

/// What a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchKind {
    /// Labelled places: `samples.geojson`.
    Samples,
    /// Classes and features without places: `table.txt`, as it came.
    Table,
}

impl BatchKind {
    /// The content's file in the batch's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Samples => "samples.geojson",
            Self::Table => "table.txt",
        }
    }
}

/// `dataset.json`: a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Slug; its folder.
    pub name: Slug,
    /// For people.
    pub title: String,
    /// The classes; without them they are numbers.
    pub legend: Option<Legend>,
    /// The sha256 of the batches' versions, in hexadecimal digits: another one for any other content.
    pub version: String,
    /// By name.
    pub batches: BTreeMap<Slug, BatchEntry>,
}

/// A batch, as the data set knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    /// What it is.
    pub kind: BatchKind,
    /// The sha256 of its content, in hexadecimal digits.
    pub version: String,
    /// Where its files are in the store.
    pub folder: String,
    /// Samples, or rows of a table.
    pub samples: u64,
    /// Samples of each class.
    pub classes: BTreeMap<u8, u64>,
    /// Samples of each year; tables have none.
    pub years: BTreeMap<String, u64>,
}

impl BatchEntry {
    /// The key of its content.
    pub fn content(&self) -> String {
        format!("{}/{}", self.folder, self.kind.file())
    }

    /// The key of its `batch.json`.
    pub fn document(&self) -> String {
        format!("{}/batch.json", self.folder)
    }
}

/// Where a batch comes from, in the words of who adds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// What others may do with it.
    pub licence: Option<String>,
    /// Whom to name.
    pub attribution: Option<String>,
    /// How the samples were drawn. Accuracy may be estimated only from a probability design.
    pub design: Option<String>,
}

/// The file that a batch was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its name, without folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// `batch.json`: all that is known of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchDocument {
    /// The batch.
    pub name: Slug,
    /// As in the data set.
    pub batch: BatchEntry,
    /// When it was added.
    pub added: DateTime<Utc>,
    /// What it was read from.
    pub source: SourceFile,
    /// The sha256 of the stored content.
    pub sha256: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// West, south, east, north in degrees; tables have none.
    pub bounds: Option<[f64; 4]>,
    /// A table's features, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// What was found in the samples.
    pub checks: Option<Checks>,
}

impl Dataset {
    /// The data set of a name, if there is one.
    pub fn find(store: &Store, name: &Slug) -> Result<Option<Self>, SamplesError> {
        Ok(tagged(store, name)?.0)
    }

    /// As [`find`](Self::find).
    ///
    /// # Errors
    /// [`SamplesError::NoDataset`] when there is none.
    pub fn load(store: &Store, name: &Slug) -> Result<Self, SamplesError> {
        if let Some(found) = Self::find(store, name)? {
            return Ok(found);
        }
        let known: Vec<String> = Self::list(store)?
            .into_iter()
            .map(|dataset| dataset.name.to_string())
            .collect();
        Err(SamplesError::NoDataset {
            name: name.to_string(),
            store: store.url().to_owned(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        })
    }

    /// Every data set of a store, by name.
    pub fn list(store: &Store) -> Result<Vec<Self>, SamplesError> {
        let mut found = Vec::new();
        for entry in store.list(layout::datasets_folder())? {
            if let Some(name) = layout::name_of_dataset(&entry.key) {
                found.extend(Self::find(store, &name)?);
            }
        }
        Ok(found)
    }

    /// What is known of a batch.
    pub fn document(store: &Store, entry: &BatchEntry) -> Result<BatchDocument, SamplesError> {
        let key = entry.document();
        let bytes = store
            .get(&key)?
            .ok_or_else(|| damaged(&key, "it is missing"))?;
        serde_json::from_slice(&bytes).map_err(|error| damaged(&key, &error.to_string()))
    }

    /// The samples of a batch, in their order, read and checked anew.
    ///
    /// # Errors
    /// [`SamplesError::Damaged`] when they are not those of the recorded version.
    pub fn samples(
        &self,
        store: &Store,
        entry: &BatchEntry,
        progress: &dyn Fn(f64),
    ) -> Result<Vec<Sample>, SamplesError> {
        let key = entry.content();
        let folder = scratch()?;
        let path = folder.path().join(entry.kind.file());
        store.download(&key, &path)?;
        let options = ReadOptions {
            legend: self.legend.as_ref(),
            ..ReadOptions::default()
        };
        let input = read(&path, &options, progress).map_err(|e| damaged(&key, &e.to_string()))?;
        let Input::Samples(batch) = input else {
            return Err(damaged(&key, "it is a table of features"));
        };
        if batch.version == entry.version {
            return Ok(batch.samples);
        }
        let found = format!("its samples have the version {}", short(&batch.version));
        Err(damaged(&key, &found))
    }

    /// Puts a table into a file, and looks whether its bytes are still those that were added.
    ///
    /// # Errors
    /// [`SamplesError::Damaged`] when they are not.
    pub fn fetch_table(store: &Store, entry: &BatchEntry, to: &Path) -> Result<(), SamplesError> {
        let key = entry.content();
        store.download(&key, to)?;
        let found = ContentHash::of_file(to).map_err(|source| SamplesError::Read {
            path: to.to_owned(),
            source,
        })?;
        if found.to_string() == entry.version {
            return Ok(());
        }
        Err(damaged(&key, &format!("its sha256 is {found}")))
    }

    /// Looks whether a table's bytes are still those that were added.
    ///
    /// # Errors
    /// [`SamplesError::Damaged`] when they are not.
    pub fn check_table(store: &Store, entry: &BatchEntry) -> Result<(), SamplesError> {
        let key = entry.content();
        let (_, found) = store.hash(&key)?;
        if found.to_string() == entry.version {
            return Ok(());
        }
        Err(damaged(&key, &format!("its sha256 is {found}")))
    }

    /// Brings the version up to the content.
    pub(crate) fn seal(&mut self) {
        let mut hasher = Sha256::new();
        if let Some(legend) = &self.legend {
            hasher.update(serde_json::to_vec(legend).expect("a legend is plain data"));
        }
        for (name, entry) in &self.batches {
            hasher.update(format!("{name} {}\n", entry.version));
        }
        self.version = format!("{:x}", hasher.finalize());
    }
}

/// A data set and the tag of its document, if it is there.
pub(crate) fn tagged(
    store: &Store,
    name: &Slug,
) -> Result<(Option<Dataset>, Option<String>), SamplesError> {
    let key = layout::dataset(name);
    let Some(found) = store.get_tagged(&key)? else {
        return Ok((None, None));
    };
    let dataset: Dataset =
        serde_json::from_slice(&found.bytes).map_err(|error| damaged(&key, &error.to_string()))?;
    Ok((Some(dataset), found.etag))
}

/// A folder for files in the making.
pub(crate) fn scratch() -> Result<tempfile::TempDir, SamplesError> {
    tempfile::tempdir().map_err(|source| SamplesError::Scratch {
        path: std::env::temp_dir(),
        source,
    })
}

/// Enough of a version for people.
pub fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

fn damaged(key: &str, reason: &str) -> SamplesError {
    SamplesError::Damaged {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}
