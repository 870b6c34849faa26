//! Data sets in the store: batches of samples or tables, and one document that says which of them count.
//!
//! The document is written last, and only over the one that was read. A batch that replaces another lies in a folder of
//! its own, so until that moment everybody finds the old content whole; what a refused or killed addition left behind is
//! not referred to by anything.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SubsecRound as _, Utc};
use geocrop_model::Legend;
use geocrop_store::{ContentHash, ContentType, Slug, Store, layout};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::checks::Checks;
use crate::rows::{ReadOptions, listed};
use crate::{FeatureTable, Input, Sample, SamplesError, read};

/// How often a document that others changed meanwhile is read anew.
const TRIES: usize = 5;

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

/// A file to be added.
#[derive(Debug)]
pub struct NewBatch<'a> {
    /// The batch's name.
    pub name: Slug,
    /// The file that was read.
    pub path: &'a Path,
    /// What it holds.
    pub input: Input,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// What is to be said of the data set as a whole, and how.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// A new title.
    pub title: Option<String>,
    /// The classes.
    pub legend: Option<Legend>,
    /// Whether a batch of the same name and other content is replaced.
    pub replace: bool,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Added {
    /// It is new.
    New,
    /// It took the place of another.
    Replaced,
    /// The same content was there.
    Unchanged,
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

    fn seal(&mut self) {
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

/// Adds batches to a data set, all of them or none, and makes it if it is not there.
///
/// # Errors
/// [`SamplesError::BatchThere`], [`SamplesError::OtherLegend`], or what the store refuses with; the data set is then what
/// it was before.
pub fn add(
    store: &Store,
    name: &Slug,
    batches: &[NewBatch<'_>],
    options: &AddOptions,
) -> Result<Vec<Added>, SamplesError> {
    for _ in 0..TRIES {
        let (there, etag) = tagged(store, name)?;
        let mut dataset = there.clone().unwrap_or_else(|| Dataset {
            name: name.clone(),
            title: name.to_string(),
            legend: None,
            version: String::new(),
            batches: BTreeMap::new(),
        });
        adopt(&mut dataset, options)?;
        let (mut outcomes, mut replaced) = (Vec::new(), Vec::new());
        for batch in batches {
            let before = dataset.batches.get(&batch.name).cloned();
            let entry = place(name, batch, before.as_ref())?;
            let outcome = match &before {
                Some(before) if before.version == entry.version => Added::Unchanged,
                Some(before) if !options.replace => {
                    return Err(SamplesError::BatchThere {
                        dataset: name.to_string(),
                        batch: batch.name.to_string(),
                        there: short(&before.version).to_owned(),
                        new: short(&entry.version).to_owned(),
                    });
                }
                Some(before) => {
                    replaced.push(before.clone());
                    Added::Replaced
                }
                None => Added::New,
            };
            if outcome != Added::Unchanged {
                write(store, batch, &entry)?;
                dataset.batches.insert(batch.name.clone(), entry);
            }
            outcomes.push(outcome);
        }
        dataset.seal();
        if there.as_ref() == Some(&dataset) {
            return Ok(outcomes);
        }
        let key = layout::dataset(name);
        let bytes = pretty(&dataset);
        if store.put_if(&key, bytes, ContentType::Json, etag.as_deref())? {
            for old in replaced {
                // Nothing refers to it any more; that it cannot be removed is no reason to fail.
                let _ = store.delete(&old.document());
                let _ = store.delete(&old.content());
            }
            return Ok(outcomes);
        }
    }
    Err(SamplesError::Busy {
        dataset: name.to_string(),
    })
}

/// Takes over what is said of the data set as a whole.
fn adopt(dataset: &mut Dataset, options: &AddOptions) -> Result<(), SamplesError> {
    if let Some(title) = &options.title {
        dataset.title.clone_from(title);
    }
    let Some(given) = &options.legend else {
        return Ok(());
    };
    let values = |classes: &mut dyn Iterator<Item = u8>| {
        classes
            .map(|v| v.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut used = dataset
        .batches
        .values()
        .flat_map(|b| b.classes.keys().copied());
    let there = match &dataset.legend {
        Some(there) => (there != given).then(|| listed(there)),
        None if used.clone().any(|value| given.get(value).is_none()) => Some(values(&mut used)),
        None => None,
    };
    if let Some(there) = there {
        return Err(SamplesError::OtherLegend {
            dataset: dataset.name.to_string(),
            there,
            given: listed(given),
        });
    }
    dataset.legend = Some(given.clone());
    Ok(())
}

/// Where a batch goes, and what the data set says of it.
fn place(
    name: &Slug,
    batch: &NewBatch<'_>,
    before: Option<&BatchEntry>,
) -> Result<BatchEntry, SamplesError> {
    let (kind, version, samples, classes, years) = match &batch.input {
        Input::Samples(found) => (
            BatchKind::Samples,
            found.version.clone(),
            found.samples.len() as u64,
            found.classes(),
            found.years(),
        ),
        Input::Table(FeatureTable { rows, classes, .. }) => {
            let hash = hash(batch.path)?.to_string();
            (
                BatchKind::Table,
                hash,
                *rows,
                classes.clone(),
                BTreeMap::new(),
            )
        }
    };
    let inside = before.map(|_| short(&version));
    Ok(BatchEntry {
        kind,
        folder: layout::dataset_batch(name, &batch.name, inside),
        samples,
        classes,
        years,
        version,
    })
}

fn write(store: &Store, batch: &NewBatch<'_>, entry: &BatchEntry) -> Result<(), SamplesError> {
    let source = SourceFile {
        name: batch
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        bytes: read::length(batch.path),
        sha256: hash(batch.path)?.to_string(),
    };
    let content = entry.content();
    let sha256 = match &batch.input {
        Input::Samples(found) => {
            let folder = scratch()?;
            let path = folder.path().join(entry.kind.file());
            let file = std::fs::File::create(&path);
            file.and_then(|file| found.write_geojson(std::io::BufWriter::new(file)))
                .map_err(|source| SamplesError::Scratch {
                    path: path.clone(),
                    source,
                })?;
            store.put_file(&content, &path)?;
            hash(&path)?.to_string()
        }
        Input::Table(_) => {
            store.put_file(&content, batch.path)?;
            source.sha256.clone()
        }
    };
    let (bounds, features, checks) = match &batch.input {
        Input::Samples(found) => (Some(found.bounds()), Vec::new(), Some(found.checks.clone())),
        Input::Table(table) => (None, table.features.clone(), None),
    };
    let document = BatchDocument {
        name: batch.name.clone(),
        batch: entry.clone(),
        added: Utc::now().trunc_subsecs(0),
        source,
        sha256,
        provenance: batch.provenance.clone(),
        bounds,
        features,
        checks,
    };
    store.put(&entry.document(), pretty(&document), ContentType::Json)?;
    Ok(())
}

fn tagged(store: &Store, name: &Slug) -> Result<(Option<Dataset>, Option<String>), SamplesError> {
    let key = layout::dataset(name);
    let Some(found) = store.get_tagged(&key)? else {
        return Ok((None, None));
    };
    let dataset: Dataset =
        serde_json::from_slice(&found.bytes).map_err(|error| damaged(&key, &error.to_string()))?;
    Ok((Some(dataset), found.etag))
}

fn scratch() -> Result<tempfile::TempDir, SamplesError> {
    tempfile::tempdir().map_err(|source| SamplesError::Scratch {
        path: std::env::temp_dir(),
        source,
    })
}

fn hash(path: &Path) -> Result<ContentHash, SamplesError> {
    ContentHash::of_file(path).map_err(|source| read::unreadable(path, source))
}

fn pretty(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("the document is plain data");
    text.push(b'\n');
    text
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
