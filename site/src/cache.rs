//! What an earlier build left to be found again: which file was made from what, kept beside the site.
//!
//! It only saves time. A cache of another program, a damaged one, or one whose files were touched since gives the same
//! site as none. The first part is enough to see that nothing changed; the second knows every page. Both are in postcard's
//! form: the cache of a thousand pages is read on every build, and JSON took longer to parse than a page to make.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::front::FrontMatter;
use crate::hash::{Digest, digest};
use crate::links::Scan;
use crate::output::{MARKER, beside};
use crate::picture::KeptPicture;
use crate::search::Passage;

/// A file of the site as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub(crate) struct KeptFile {
    /// Address inside the site.
    pub(crate) address: String,
    /// Hash of its bytes.
    pub(crate) hash: Digest,
    /// Its bytes and the nanosecond of its writing: as long as both are the same, so is the file.
    pub(crate) size: u64,
    pub(crate) modified: u64,
}

/// The front matter of a file with this hash.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct KeptSource {
    pub(crate) hash: Digest,
    /// The file's bytes and the nanosecond of its writing, as long as both are the same it need not be read; none where
    /// it was too new to be told from what is written next.
    pub(crate) seen: Option<(u64, u64)>,
    pub(crate) front: FrontMatter,
    pub(crate) start: usize,
    pub(crate) lines_before: usize,
}

/// A page that was made from all that went into `key`.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct KeptPage {
    pub(crate) key: Digest,
    pub(crate) scan: Scan,
    /// What it says, for the search.
    pub(crate) passages: Vec<Passage>,
}

/// What a build did, as the next one reports it when there is nothing to do.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
pub(crate) struct Counts {
    pub(crate) pages: usize,
    pub(crate) assets: usize,
    pub(crate) outdated_estimates: usize,
    pub(crate) foreign_cards: usize,
}

/// The first part.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Head {
    /// Which program, as built.
    pub(crate) program: Digest,
    /// Everything that the build could read; none when something was written while it read.
    pub(crate) stamp: Option<Digest>,
    pub(crate) counts: Counts,
    /// Every file of the site.
    pub(crate) files: Vec<KeptFile>,
}

/// The second part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Body {
    /// By file.
    pub(crate) sources: BTreeMap<String, KeptSource>,
    /// By address.
    pub(crate) pages: BTreeMap<String, KeptPage>,
    /// By key of the map in the store, or by address of the photograph.
    pub(crate) pictures: BTreeMap<String, KeptPicture>,
}

/// The earlier build, as far as it can be relied on.
#[derive(Debug, Default)]
pub(crate) struct Prior {
    head: Option<Head>,
    /// Files that are still as they were written, by address.
    intact: HashMap<String, Digest>,
    /// Files that are not.
    lost: HashSet<String>,
    /// The second part, not read yet.
    pages: Vec<u8>,
    pub(crate) body: Body,
}

impl Prior {
    /// Reads what the last build into `out` left, if `program` made it.
    pub(crate) fn load(out: &Path, program: Digest) -> Self {
        let Ok(bytes) = std::fs::read(place(out)) else {
            return Self::default();
        };
        let Some((head, pages)) = take(&bytes) else {
            return Self::default();
        };
        let head = postcard::from_bytes::<Head>(head).ok();
        let Some(head) = head.filter(|head| head.program == program && out.join(MARKER).exists())
        else {
            return Self::default();
        };
        let standing: Vec<bool> = head
            .files
            .par_iter()
            .map(|file| {
                std::fs::metadata(path_of(out, &file.address)).is_ok_and(|meta| {
                    meta.len() == file.size && nanoseconds(meta.modified()) == file.modified
                })
            })
            .collect();
        let (mut intact, mut lost) = (HashMap::new(), HashSet::new());
        for (file, stands) in head.files.iter().zip(standing) {
            if stands {
                intact.insert(file.address.clone(), file.hash);
            } else {
                lost.insert(file.address.clone());
            }
        }
        Self {
            head: Some(head),
            intact,
            lost,
            pages: pages.to_owned(),
            body: Body::default(),
        }
    }

    /// What the build counted, if its site still stands whole and was made from `stamp`.
    pub(crate) fn unchanged(&self, stamp: Digest) -> Option<Counts> {
        self.head
            .as_ref()
            .filter(|head| head.stamp == Some(stamp) && self.lost.is_empty())
            .map(|head| head.counts)
    }

    /// Reads the second part too.
    pub(crate) fn read_pages(&mut self) {
        match take(&self.pages).and_then(|(body, _)| postcard::from_bytes(body).ok()) {
            Some(body) => self.body = body,
            None => *self = Self::default(),
        }
    }

    /// Whether the site can be brought up to date in place.
    pub(crate) fn is_there(&self) -> bool {
        self.head.is_some()
    }

    /// The files that the build wrote.
    pub(crate) fn files(&self) -> &[KeptFile] {
        self.head.as_ref().map_or(&[], |head| &head.files)
    }

    /// The hash of the file at `address`, if it and its compressed copies are still as they were written.
    pub(crate) fn intact(&self, address: &str) -> Option<Digest> {
        let lost = |ending: &str| self.lost.contains(&format!("{address}.{ending}"));
        if !self.lost.is_empty() && (lost("gz") || lost("br")) {
            return None;
        }
        self.intact.get(address).copied()
    }

    /// The page at `address`, if it was made from `key` and still stands in `file`.
    pub(crate) fn page(&self, address: &str, key: Digest, file: &str) -> Option<&KeptPage> {
        let page = self.body.pages.get(address)?;
        (page.key == key && self.intact(file).is_some()).then_some(page)
    }
}

/// Where the cache of the site at `out` lies.
fn place(out: &Path) -> PathBuf {
    beside(out, "cache")
}

/// Forgets the cache. Done before a site is changed in place, so that a half-changed one is built anew.
pub(crate) fn forget(out: &Path) {
    let _ = std::fs::remove_file(place(out));
}

/// Keeps what a build did. The cache only saves time: on a full or read-only disk the next build does without.
pub(crate) fn save(out: &Path, head: &Head, body: &Body) {
    let (Ok(head), Ok(body)) = (postcard::to_allocvec(head), postcard::to_allocvec(body)) else {
        return;
    };
    let mut bytes = Vec::with_capacity(head.len() + body.len() + 64);
    for part in [head, body] {
        bytes.extend_from_slice(digest(&part).bytes());
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&part);
    }
    let part = beside(out, "cache.part");
    let _ = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, place(out)));
}

/// The part that `bytes` begin with, and what follows it; none where it is damaged.
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (check, rest) = bytes.split_at_checked(16)?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    (digest(part).bytes() == check).then_some((part, rest))
}

/// The file at `address` of the site in `out`.
pub(crate) fn path_of(out: &Path, address: &str) -> PathBuf {
    out.join(address.trim_start_matches('/'))
}

/// Nanoseconds since 1970; 0 where the system does not know.
pub(crate) fn nanoseconds(time: std::io::Result<SystemTime>) -> u64 {
    time.ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos() as u64)
}
