//! The finished files: gathered in memory, then put in place without a moment of a broken site.
//!
//! A first build is written aside and moved into place. Later ones replace what changed, file by file: assets first,
//! then pages, then the entry points; what is no longer wanted goes last.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::cache::{self, KeptFile, Prior, nanoseconds, path_of};
use crate::compress;
use crate::error::SiteError;
use crate::hash::{Digest, digest, short_hash};

/// The file that marks a folder as a built site, so that only such a folder is ever replaced.
pub(crate) const MARKER: &str = "build.json";

/// Files of the site by address (`/about/index.html`).
#[derive(Debug, Default)]
pub(crate) struct Output {
    files: BTreeMap<String, File>,
}

#[derive(Debug)]
struct File {
    /// None for a file of the earlier build that stays as it is.
    bytes: Option<Vec<u8>>,
    made_by: String,
}

/// What was done to the folder.
#[derive(Debug)]
pub(crate) struct Published {
    /// Every file of the site.
    pub(crate) files: Vec<KeptFile>,
    /// Files written and removed, their compressed copies not counted.
    pub(crate) changed: usize,
}

impl Output {
    /// Adds a file at `address`. `made_by` names its source in messages.
    pub(crate) fn add(
        &mut self,
        address: &str,
        bytes: Vec<u8>,
        made_by: &str,
    ) -> Result<(), SiteError> {
        self.insert(address, Some(bytes), made_by)
    }

    /// Keeps the file that the earlier build made at `address`.
    pub(crate) fn keep(&mut self, address: &str, made_by: &str) -> Result<(), SiteError> {
        self.insert(address, None, made_by)
    }

    fn insert(
        &mut self,
        address: &str,
        bytes: Option<Vec<u8>>,
        made_by: &str,
    ) -> Result<(), SiteError> {
        match self.files.get(address) {
            // The same picture in two layers has one content-addressed name.
            Some(there) if there.made_by == made_by && there.bytes == bytes => Ok(()),
            Some(there) if there.bytes.is_some() && there.bytes == bytes => Ok(()),
            Some(there) => Err(SiteError::SameAddress {
                address: address.to_owned(),
                first: there.made_by.clone(),
                second: made_by.to_owned(),
            }),
            None => {
                let made_by = made_by.to_owned();
                self.files
                    .insert(address.to_owned(), File { bytes, made_by });
                Ok(())
            }
        }
    }

    /// Adds a file under a name that holds the hash of its bytes, and returns its address.
    /// Such files may be cached for ever.
    pub(crate) fn add_hashed(
        &mut self,
        folder: &str,
        stem: &str,
        ending: &str,
        bytes: Vec<u8>,
    ) -> Result<String, SiteError> {
        let address = format!("{folder}{stem}.{}.{ending}", short_hash(&bytes));
        self.add(&address, bytes, stem)?;
        Ok(address)
    }

    /// The addresses of all files.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Makes `out` hold these files and the marker, and nothing else that a build wrote.
    pub(crate) fn publish(
        self,
        out: &Path,
        prior: &Prior,
        marker: &[u8],
    ) -> Result<Published, SiteError> {
        refuse_foreign(out)?;
        let count = self.files.len();
        let (kept, fresh) = self.sort_out(prior)?;
        let main = |address: &str| compress::original(address) == address;
        let wanted: HashSet<&str> = kept
            .iter()
            .map(|file| file.address.as_str())
            .chain(fresh.iter().map(|file| file.address.as_str()))
            .collect();
        let stale: Vec<&KeptFile> = prior
            .files()
            .iter()
            .filter(|file| !wanted.contains(file.address.as_str()))
            .filter(|file| file.address.trim_start_matches('/') != MARKER)
            .collect();
        let changed = fresh.iter().filter(|f| main(&f.address)).count()
            + stale.iter().filter(|f| main(&f.address)).count();

        let marker_address = format!("/{MARKER}");
        if fresh.is_empty()
            && stale.is_empty()
            && let Some(there) = prior.files().iter().find(|f| f.address == marker_address)
            && prior.intact(&marker_address).is_some()
        {
            let files = kept.into_iter().chain([there.clone()]).collect();
            return Ok(Published { files, changed: 0 });
        }
        let marker = Fresh {
            address: marker_address,
            hash: digest(marker),
            bytes: marker.to_vec(),
        };
        cache::forget(out);
        let mut files = kept;
        if prior.is_there() {
            files.extend(replace(out, &fresh, &marker)?);
            clear(out, stale.iter().map(|file| file.address.as_str()))?;
        } else {
            files.extend(swap(out, &fresh, &marker)?);
        }
        debug_assert!(files.len() > count, "every file is accounted for");
        Ok(Published { files, changed })
    }

    /// Tells what stays from what is to be written, and compresses the latter.
    fn sort_out(self, prior: &Prior) -> Result<(Vec<KeptFile>, Vec<Fresh>), SiteError> {
        let sorted: Vec<(String, Option<Vec<Fresh>>)> = self
            .files
            .into_par_iter()
            .map(|(address, file)| {
                let Some(bytes) = file.bytes else {
                    return Ok((address, None));
                };
                let hash = digest(&bytes);
                if prior.intact(&address) == Some(hash) {
                    return Ok((address, None));
                }
                let mut fresh = Vec::with_capacity(3);
                for (ending, packed) in compress::copies(&address, &bytes)? {
                    fresh.push(Fresh {
                        address: format!("{address}.{ending}"),
                        hash: digest(&packed),
                        bytes: packed,
                    });
                }
                fresh.push(Fresh {
                    address: address.clone(),
                    hash,
                    bytes,
                });
                Ok((address, Some(fresh)))
            })
            .collect::<Result<_, SiteError>>()?;
        let mut stays = HashSet::new();
        let mut fresh = Vec::new();
        for (address, new) in sorted {
            match new {
                Some(new) => fresh.extend(new),
                None => {
                    for ending in [".gz", ".br", ""] {
                        stays.insert(format!("{address}{ending}"));
                    }
                }
            }
        }
        let kept = prior
            .files()
            .iter()
            .filter(|file| stays.contains(&file.address))
            .cloned()
            .collect();
        Ok((kept, fresh))
    }
}

/// A file to be written.
struct Fresh {
    address: String,
    hash: Digest,
    bytes: Vec<u8>,
}

impl Fresh {
    /// Writes the file to `path`.
    fn write(&self, path: &Path) -> Result<KeptFile, SiteError> {
        let written = std::fs::File::create(path).and_then(|mut file| {
            file.write_all(&self.bytes)?;
            file.metadata()
        });
        let meta = written.map_err(SiteError::io("writing", path))?;
        Ok(KeptFile {
            address: self.address.clone(),
            hash: self.hash,
            size: self.bytes.len() as u64,
            modified: nanoseconds(meta.modified()),
        })
    }

    /// Replaces the file in `out` in one step.
    fn replace(&self, out: &Path) -> Result<KeptFile, SiteError> {
        let path = path_of(out, &self.address);
        let part = beside(&path, "part");
        let kept = self.write(&part)?;
        std::fs::rename(&part, &path).map_err(SiteError::io("moving into place", &path))?;
        Ok(kept)
    }
}

/// When a file is put: what others refer to comes before them.
pub(crate) fn rank(address: &str) -> u8 {
    let plain = compress::original(address);
    match plain {
        "/build.json" => 3,
        "/index.html" | "/sitemap.xml" | "/feed.xml" | "/robots.txt" | "/map/layers.json"
        | "/search/index.json" => 2,
        _ => u8::from(plain.rsplit_once('.').is_some_and(|(_, e)| e == "html")),
    }
}

fn make_folders(out: &Path, files: &[Fresh]) -> Result<(), SiteError> {
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|file| path_of(out, &file.address).parent().map(Path::to_owned))
        .collect();
    folders.iter().try_for_each(|folder| {
        std::fs::create_dir_all(folder).map_err(SiteError::io("making", folder))
    })
}

/// Replaces files one by one, in an order that leaves no page without what it refers to.
fn replace(out: &Path, fresh: &[Fresh], marker: &Fresh) -> Result<Vec<KeptFile>, SiteError> {
    make_folders(out, fresh)?;
    let mut written = Vec::with_capacity(fresh.len() + 1);
    for turn in 0..=2 {
        let now: Vec<&Fresh> = fresh.iter().filter(|f| rank(&f.address) == turn).collect();
        let done: Vec<KeptFile> = now
            .into_par_iter()
            .map(|file| file.replace(out))
            .collect::<Result<_, _>>()?;
        written.extend(done);
    }
    written.push(marker.replace(out)?);
    Ok(written)
}

/// Removes files of the earlier build, and folders that they leave empty.
fn clear<'a>(out: &Path, addresses: impl Iterator<Item = &'a str>) -> Result<(), SiteError> {
    for address in addresses {
        let path = path_of(out, address);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(SiteError::io("removing", path)(e));
            }
            _ => {}
        }
        let mut folder = path.parent();
        while let Some(inside) = folder.filter(|f| *f != out) {
            if std::fs::remove_dir(inside).is_err() {
                break;
            }
            folder = inside.parent();
        }
    }
    Ok(())
}

/// Writes everything to a folder beside `out` and swaps the two.
fn swap(out: &Path, fresh: &[Fresh], marker: &Fresh) -> Result<Vec<KeptFile>, SiteError> {
    let aside = beside(out, "new");
    let old = beside(out, "old");
    remove(&aside)?;
    make_folders(&aside, fresh)?;
    std::fs::create_dir_all(&aside).map_err(SiteError::io("making", &aside))?;
    let mut written: Vec<KeptFile> = fresh
        .par_iter()
        .map(|file| file.write(&path_of(&aside, &file.address)))
        .collect::<Result<_, _>>()?;
    written.push(marker.write(&path_of(&aside, &marker.address))?);
    remove(&old)?;
    if out.exists() {
        std::fs::rename(out, &old).map_err(SiteError::io("moving away", out))?;
    }
    if let Err(error) = std::fs::rename(&aside, out) {
        // The old site must stay reachable; the first error is the one to report.
        let _ = std::fs::rename(&old, out);
        return Err(SiteError::io("moving into place", out)(error));
    }
    remove(&old)?;
    Ok(written)
}

/// A hidden neighbour of `path`: `.dist.cache` of `dist`.
pub(crate) fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path
        .file_name()
        .map_or_else(|| "site".to_owned(), |n| n.to_string_lossy().into_owned());
    path.with_file_name(format!(".{name}.{what}"))
}

fn remove(folder: &Path) -> Result<(), SiteError> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(SiteError::io("removing", folder)(e))
        }
        _ => Ok(()),
    }
}

/// Replacing a folder removes what is in it: only an empty folder or an earlier site may go.
fn refuse_foreign(out: &Path) -> Result<(), SiteError> {
    let Ok(mut entries) = std::fs::read_dir(out) else {
        return Ok(());
    };
    if entries.next().is_none() || out.join(MARKER).exists() {
        return Ok(());
    }
    Err(SiteError::io("replacing", out)(std::io::Error::new(
        std::io::ErrorKind::AlreadyExists,
        format!("it is neither empty nor a built site (no {MARKER}); name another folder"),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_site_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("home");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("thesis.txt"), "years of work").unwrap();
        let error = Output::default()
            .publish(&out, &Prior::default(), b"{}")
            .unwrap_err();
        assert!(error.to_string().contains("name another folder"), "{error}");
        assert!(out.join("thesis.txt").exists());
    }

    #[test]
    fn two_sources_of_one_address_are_refused() {
        let mut output = Output::default();
        output.add("/a", b"1".to_vec(), "x.md").unwrap();
        output.add("/a", b"1".to_vec(), "x.md").unwrap();
        let error = output.add("/a", b"2".to_vec(), "y.md").unwrap_err();
        assert!(error.to_string().contains("y.md"), "{error}");
        output.keep("/b", "x.md").unwrap();
        assert!(output.keep("/b", "y.md").is_err());
    }

    #[test]
    fn what_pages_need_is_put_before_them_and_the_front_page_after() {
        let order = [
            "/style.1.css",
            "/about/index.html.br",
            "/index.html",
            "/build.json",
        ];
        assert!(order.is_sorted_by_key(|address| rank(address)));
    }
}
