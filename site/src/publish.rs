//! A built site put into a store, so that no reader ever meets a broken page.
//!
//! Assets come first (their names hold their hashes, so they disturb nobody), then pages, then the entry points. What the
//! new site lacks is kept for a grace period: a reader may still have a page open that asks for it. A document beside the
//! site remembers what was put and since when a file is stale. Before a file that readers see is replaced, that document
//! forgets its hash, so that an interrupted publication is finished by the next one; and if a step fails, files that were
//! replaced are put back.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use geocrop_store::{ContentType, Store, StoreError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::SiteError;
use crate::hash::{Digest, digest};
use crate::output::{MARKER, rank};

/// Where a site lies in a store.
const FOLDER: &str = "site";

/// What remembers the published files. It is no part of the site.
const RECORD: &str = "site-published.json";

/// The longest a stale file can be kept: ten years.
const LONGEST_GRACE: u32 = 3660;

/// How to publish.
#[derive(Debug, Clone, Copy)]
pub struct Publication {
    /// Days for which files that the new site lacks are kept.
    pub grace_days: u32,
    /// Whether to tell only what would be done.
    pub dry_run: bool,
    /// The present moment.
    pub now: DateTime<Utc>,
}

/// What a publication did, or would do. Addresses inside the site, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Files that the store lacked.
    pub added: Vec<String>,
    /// Files with new bytes.
    pub changed: Vec<String>,
    /// Stale files whose grace is over.
    pub removed: Vec<String>,
    /// Stale files that are kept for now.
    pub stale: Vec<String>,
    /// How many files are as they should be.
    pub unchanged: usize,
}

/// What the store holds of a site.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
struct Record {
    /// Every file that was put, by address. A hash is missing while the file is being replaced.
    files: BTreeMap<String, Option<Digest>>,
    /// Since when files are stale.
    stale: BTreeMap<String, DateTime<Utc>>,
}

/// Publishes the site in the folder `site` to `site/` of `store`.
///
/// # Errors
/// [`SiteError::NoSite`] when the folder holds no built site, and anything that the disk or the store says. Readers then
/// still have the old site, or, where the store refused even to take the old files back, pages that are each old or new
/// with all that they refer to; publishing again finishes it.
pub fn publish(site: &Path, store: &Store, how: Publication) -> Result<Changes, SiteError> {
    let files = read(site)?;
    let mut record = Record::read(store)?;
    let (changes, jobs) = plan(&files, &mut record, how);
    if how.dry_run || (jobs.is_empty() && changes.removed.is_empty() && !record.differs(store)?) {
        return Ok(changes);
    }

    // Until a file is put, nobody may rely on what the record says of it.
    let mut doubtful = record.clone();
    for job in &jobs {
        doubtful.files.insert(job.to_string(), None);
    }
    doubtful.write(store)?;
    put_all(store, &files, &jobs)?;
    for address in jobs {
        let hash = digest(&files[address]);
        record.files.insert(address.to_owned(), Some(hash));
    }
    record.write(store)?;

    if changes.removed.is_empty() {
        return Ok(changes);
    }
    for address in &changes.removed {
        store
            .delete(&key(address))
            .map_err(|e| fault(address, &e))?;
        record.files.remove(address);
        record.stale.remove(address);
    }
    record.write(store)?;
    Ok(changes)
}

/// Compares the site with what was published. The second of the pair is what must be put, in order; `record` learns what
/// is stale.
fn plan<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    record: &mut Record,
    how: Publication,
) -> (Changes, Vec<&'a str>) {
    let mut changes = Changes::default();
    let mut jobs = Vec::new();
    let hashes: Vec<Digest> = files.par_iter().map(|(_, bytes)| digest(bytes)).collect();
    for ((address, _), hash) in files.iter().zip(hashes) {
        match record.files.get(address) {
            Some(Some(there)) if *there == hash => {
                changes.unchanged += 1;
                continue;
            }
            Some(_) => changes.changed.push(address.clone()),
            None => changes.added.push(address.clone()),
        }
        jobs.push(address.as_str());
    }
    jobs.sort_by_key(|address| rank(address));

    record
        .stale
        .retain(|address, _| !files.contains_key(address));
    let grace = Duration::days(i64::from(how.grace_days.min(LONGEST_GRACE)));
    for address in record.files.keys().filter(|a| !files.contains_key(*a)) {
        let since = *record.stale.entry(address.clone()).or_insert(how.now);
        if how.now - since >= grace {
            changes.removed.push(address.clone());
        } else {
            changes.stale.push(address.clone());
        }
    }
    (changes, jobs)
}

/// Puts the files in turn: nothing of a turn before everything of the turn before.
fn put_all(
    store: &Store,
    files: &BTreeMap<String, Vec<u8>>,
    jobs: &[&str],
) -> Result<(), SiteError> {
    let mut replaced: Vec<(&str, Vec<u8>)> = Vec::new();
    for turn in jobs.chunk_by(|a, b| rank(a) == rank(b)) {
        let outcome = old_bytes(store, turn).and_then(|old| {
            replaced.extend(old);
            turn.par_iter().try_for_each(|address| {
                store
                    .put(
                        &key(address),
                        files[*address].clone(),
                        content_type(address),
                    )
                    .map_err(|e| fault(address, &e))
            })
        });
        if let Err(error) = outcome {
            // The last to be put is the first to go back. The first error is the one to report.
            for (address, bytes) in replaced.into_iter().rev() {
                let _ = store.put(&key(address), bytes, content_type(address));
            }
            return Err(error);
        }
    }
    Ok(())
}

/// What is about to be replaced.
fn old_bytes<'a>(store: &Store, turn: &[&'a str]) -> Result<Vec<(&'a str, Vec<u8>)>, SiteError> {
    let old: Vec<Option<(&str, Vec<u8>)>> = turn
        .par_iter()
        .map(|address| {
            let bytes = store.get(&key(address)).map_err(|e| fault(address, &e))?;
            Ok(bytes.map(|bytes| (*address, bytes)))
        })
        .collect::<Result<_, SiteError>>()?;
    Ok(old.into_iter().flatten().collect())
}

impl Record {
    fn read(store: &Store) -> Result<Self, SiteError> {
        match store.get(RECORD).map_err(|e| fault(RECORD, &e))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| SiteError::Store {
                path: RECORD.to_owned(),
                problem: format!("{e}. Remove it to have every file of the site put again"),
            }),
            None => Ok(Self::default()),
        }
    }

    /// Whether the store's record is another, such as one that does not know yet what is stale.
    fn differs(&self, store: &Store) -> Result<bool, SiteError> {
        Ok(Self::read(store)? != *self)
    }

    fn write(&self, store: &Store) -> Result<(), SiteError> {
        let bytes = serde_json::to_vec(self).map_err(|e| SiteError::Store {
            path: RECORD.to_owned(),
            problem: e.to_string(),
        })?;
        store
            .put(RECORD, bytes, ContentType::Json)
            .map_err(|e| fault(RECORD, &e))
    }
}

/// Every file of a built site by address.
fn read(site: &Path) -> Result<BTreeMap<String, Vec<u8>>, SiteError> {
    if !site.join(MARKER).is_file() {
        return Err(SiteError::NoSite(site.to_owned()));
    }
    let mut files = BTreeMap::new();
    let mut folders = vec![(site.to_owned(), String::new())];
    while let Some((folder, inside)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(SiteError::io("reading", &folder))? {
            let entry = entry.map_err(SiteError::io("reading", &folder))?;
            let (name, path) = (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path(),
            );
            let address = format!("{inside}/{name}");
            if path.is_dir() {
                folders.push((path, address));
            } else if !name.starts_with('.') {
                let bytes = std::fs::read(&path).map_err(SiteError::io("reading", &path))?;
                files.insert(address, bytes);
            }
        }
    }
    Ok(files)
}

fn key(address: &str) -> String {
    format!("{FOLDER}{address}")
}

fn content_type(address: &str) -> ContentType {
    ContentType::of_key(address.trim_start_matches('/'))
}

fn fault(address: &str, error: &StoreError) -> SiteError {
    SiteError::Store {
        path: address.to_owned(),
        problem: error.to_string(),
    }
}
