//! Batches go into a data set: all of them or none.
//!
//! The data set's document is written last, and only over the one that was read. A batch that replaces another lies in a
//! folder of its own, so until that moment everybody finds the old content whole; what a refused or killed addition left
//! behind is not referred to by anything.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{SubsecRound as _, Utc};
use geocrop_model::Legend;
use geocrop_store::{ContentHash, ContentType, Slug, Store, layout};
use serde::Serialize;

use crate::dataset::{
    self, BatchDocument, BatchEntry, BatchKind, Dataset, Provenance, SourceFile, short,
};
use crate::rows::listed;
use crate::{FeatureTable, Input, SamplesError, read};

/// How often a document that others changed meanwhile is read anew.
const TRIES: usize = 5;

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
        let (there, etag) = dataset::tagged(store, name)?;
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
            let folder = dataset::scratch()?;
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

fn hash(path: &Path) -> Result<ContentHash, SamplesError> {
    ContentHash::of_file(path).map_err(|source| read::unreadable(path, source))
}

fn pretty(document: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(document).expect("the document is plain data");
    text.push(b'\n');
    text
}
