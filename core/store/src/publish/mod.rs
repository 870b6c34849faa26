//! How results become visible: the files first, the item that refers to them last.
//!
//! The item is the commit point. Before it is there, nobody is told of the files; after it, all of them are in place.
//! Tiles have a new name for new bytes, but the map keeps its name. So where a published file is about to change, the
//! old item is withdrawn first: a crash in between leaves no item rather than one whose checksums lie, and the next run
//! publishes again.

mod identity;
mod index;
mod sweep;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use identity::map_hash;
pub use index::{refresh_catalog, refresh_collection};
pub use sweep::{sweep, sweep_temporary};

use crate::object::Source;
use crate::stac::{self, Asset, Item, Link};
use crate::{ContentHash, ContentType, ResultKeys, Store, StoreError};

/// Where STAC's file extension has a file's checksum.
const CHECKSUM: &str = "file:checksum";

/// A finished file that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The asset of the item that it becomes.
    pub asset: String,
    /// Its bytes, or where they are.
    pub content: Content,
    /// Where it goes.
    pub key: String,
}

/// The bytes of a staged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In a local file.
    File(PathBuf),
    /// In memory.
    Bytes(Vec<u8>),
}

impl Staged {
    /// Stages a local file.
    pub fn file(asset: &str, key: String, path: impl Into<PathBuf>) -> Self {
        Self {
            asset: asset.to_owned(),
            content: Content::File(path.into()),
            key,
        }
    }

    /// Stages bytes.
    pub fn bytes(asset: &str, key: String, bytes: Vec<u8>) -> Self {
        Self {
            asset: asset.to_owned(),
            content: Content::Bytes(bytes),
            key,
        }
    }

    fn measure(&self) -> Result<(u64, ContentHash), StoreError> {
        match &self.content {
            Content::Bytes(bytes) => Ok((bytes.len() as u64, ContentHash::of_bytes(bytes))),
            Content::File(path) => std::fs::metadata(path)
                .and_then(|meta| Ok((meta.len(), ContentHash::of_file(path)?)))
                .map_err(|source| StoreError::from_file(path, source)),
        }
    }

    fn source(&self) -> Source<'_> {
        match &self.content {
            Content::Bytes(bytes) => Source::Bytes(bytes),
            Content::File(path) => Source::File(path),
        }
    }
}

/// Publishes a result: puts the files, then the item.
///
/// Completes the item from what is stored: each staged asset gets its `href`, `file:size` and `file:checksum`; a
/// layer's item gets its collection and the links to it and to the root (relative; no `self`, as in a self-contained
/// catalog). Files that are in place already are not written again. Files that only the replaced item referred to, such
/// as its tiles, are removed after the new item is in place. Before the item is put, every file is known to be in the
/// store with the size and the checksum that the item says.
///
/// # Errors
/// [`StoreError::UnknownAsset`] when a file's asset is not in the item; [`StoreError::Changed`] when a file is not what it
/// was when this began; [`StoreError::Damaged`] when the store keeps other bytes; anything the store says. On failure, what was
/// put and nothing refers to is removed again, and an item that was withdrawn is put back if all of its files are
/// still there.
pub fn publish(
    store: &Store,
    keys: &ResultKeys,
    files: &[Staged],
    mut item: Item,
) -> Result<(), StoreError> {
    // Until this is over, nobody may take what is not referred to yet for what nobody refers to any more.
    let _at_work = store.at_work(&keys.item())?;
    let previous = Previous::read(store, keys)?;
    let (mut fresh, mut changed) = (Vec::new(), Vec::new());
    for file in files {
        let (size, hash) = file.measure()?;
        describe(&mut item, keys, file, size, &hash)?;
        let measured = Measured { file, size, hash };
        if !previous.refers_to(&file.key) {
            fresh.push(measured);
        } else if !previous.has(store, &measured)? {
            changed.push(measured);
        }
    }
    item.add_extension(stac::FILE);
    link_to_catalog(&mut item, keys);
    let bytes = stac::to_bytes(&item);

    let mut attempt = Attempt {
        store,
        keys,
        previous: &previous,
        put: Vec::new(),
        withdrawn: false,
        replaced: false,
    };
    if let Err(error) = attempt.run(&fresh, &changed, bytes) {
        attempt.undo();
        return Err(error);
    }

    let current = references(&item, keys);
    for key in previous.references.difference(&current) {
        store.delete(key)?;
    }
    Ok(())
}

/// Copies the file of an asset of a published item out of the store, and checks it against what the item says.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such item, asset or file; [`StoreError::Damaged`] when the file is another
/// than the one that was published; anything the store says.
pub fn download(
    store: &Store,
    keys: &ResultKeys,
    asset: &str,
    file: &Path,
) -> Result<(), StoreError> {
    let item = read_item(store, keys)?;
    let absent = || StoreError::NotFound {
        key: format!("{}, asset {asset}", keys.item()),
    };
    let asset = item.assets.get(asset).ok_or_else(absent)?;
    let key = keys.referred(&asset.href).ok_or_else(absent)?;
    store.download_checked(&key, file, checksum(asset).as_ref())
}

/// Reads every file of a published item through, and compares it with the size and the checksum that the item says.
///
/// # Errors
/// [`StoreError::NotFound`] when the item or a file is not there; [`StoreError::Damaged`] for the first file that is not
/// what was published; anything the store says.
pub fn verify(store: &Store, keys: &ResultKeys) -> Result<(), StoreError> {
    for asset in read_item(store, keys)?.assets.values() {
        let (Some(key), Some(expected)) = (keys.referred(&asset.href), checksum(asset)) else {
            continue;
        };
        let (_, found) = store.hash(&key)?;
        if found != expected {
            return Err(StoreError::Damaged {
                store: store.url().to_owned(),
                key,
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }
    Ok(())
}

fn read_item(store: &Store, keys: &ResultKeys) -> Result<Item, StoreError> {
    let key = keys.item();
    let bytes = store
        .get(&key)?
        .ok_or_else(|| StoreError::NotFound { key: key.clone() })?;
    serde_json::from_slice(&bytes).map_err(|source| StoreError::InvalidDocument {
        key,
        kind: "STAC Item",
        source,
    })
}

fn checksum(asset: &Asset) -> Option<ContentHash> {
    ContentHash::from_multihash(asset.extra.get(CHECKSUM)?.as_str()?)
}

/// A staged file, and what the item will say of it.
struct Measured<'a> {
    file: &'a Staged,
    size: u64,
    hash: ContentHash,
}

impl Measured<'_> {
    fn put(&self, store: &Store) -> Result<(), StoreError> {
        store.upload(&self.file.key, self.file.source(), Some(&self.hash))
    }

    /// What is visible under the key is the last word, whatever the upload's answer was.
    fn is_in(&self, store: &Store) -> Result<bool, StoreError> {
        Ok(store
            .head(&self.file.key)?
            .is_some_and(|entry| entry.size == self.size))
    }
}

/// What was published under these keys before.
struct Previous {
    bytes: Option<Vec<u8>>,
    item: Option<Item>,
    references: BTreeSet<String>,
}

impl Previous {
    fn read(store: &Store, keys: &ResultKeys) -> Result<Self, StoreError> {
        let bytes = store.get(&keys.item())?;
        // An item that does not parse is as good as none: it is replaced.
        let item: Option<Item> = bytes
            .as_deref()
            .and_then(|bytes| serde_json::from_slice(bytes).ok());
        let references = item
            .as_ref()
            .map(|item| references(item, keys))
            .unwrap_or_default();
        Ok(Self {
            bytes,
            item,
            references,
        })
    }

    fn refers_to(&self, key: &str) -> bool {
        self.references.contains(key)
    }

    /// Whether the file with these bytes is in place.
    fn has(&self, store: &Store, file: &Measured<'_>) -> Result<bool, StoreError> {
        let published = self
            .item
            .as_ref()
            .and_then(|item| item.assets.get(&file.file.asset))
            .and_then(checksum);
        Ok(published == Some(file.hash) && file.is_in(store)?)
    }
}

/// One attempt to publish, which knows how to take itself back.
struct Attempt<'a> {
    store: &'a Store,
    keys: &'a ResultKeys,
    previous: &'a Previous,
    put: Vec<String>,
    withdrawn: bool,
    replaced: bool,
}

impl Attempt<'_> {
    fn run(
        &mut self,
        fresh: &[Measured<'_>],
        changed: &[Measured<'_>],
        item: Vec<u8>,
    ) -> Result<(), StoreError> {
        for file in fresh {
            file.put(self.store)?;
            self.put.push(file.file.key.clone());
        }
        if self.previous.bytes.is_some() && !changed.is_empty() {
            self.store.delete(&self.keys.item())?;
            self.withdrawn = true;
        }
        for file in changed {
            let put = file.put(self.store);
            // If only the answer was lost, the file may have been replaced all the same.
            self.replaced |= matches!(
                put,
                Ok(()) | Err(StoreError::Unreachable { .. } | StoreError::Damaged { .. })
            );
            put?;
            self.put.push(file.file.key.clone());
        }
        for file in fresh.iter().chain(changed) {
            if !file.is_in(self.store)? {
                return Err(StoreError::Changed {
                    key: file.file.key.clone(),
                });
            }
        }
        if self.withdrawn || self.previous.bytes.as_ref() != Some(&item) {
            self.store
                .put(&self.keys.item(), item, ContentType::GeoJson)?;
        }
        Ok(())
    }

    /// Best effort: the error that brought us here is the one to tell, and the next run cleans up all the same. A server
    /// that does not answer is not asked again for each file.
    fn undo(&self) {
        let lost =
            |done: Result<(), StoreError>| matches!(done, Err(StoreError::Unreachable { .. }));
        for key in &self.put {
            if lost(self.store.delete(key)) {
                return;
            }
        }
        if self.withdrawn && !self.replaced {
            if let Some(bytes) = &self.previous.bytes {
                lost(
                    self.store
                        .put(&self.keys.item(), bytes.clone(), ContentType::GeoJson),
                );
            }
        } else if self.withdrawn {
            for key in &self.previous.references {
                if lost(self.store.delete(key)) {
                    return;
                }
            }
        }
    }
}

/// The keys of the result's files that an item refers to.
fn references(item: &Item, keys: &ResultKeys) -> BTreeSet<String> {
    item.assets
        .values()
        .filter_map(|asset| keys.referred(&asset.href))
        .collect()
}

fn describe(
    item: &mut Item,
    keys: &ResultKeys,
    file: &Staged,
    size: u64,
    hash: &ContentHash,
) -> Result<(), StoreError> {
    let unknown = || StoreError::UnknownAsset {
        item: keys.item(),
        asset: file.asset.clone(),
        key: file.key.clone(),
    };
    let href = keys.href(&file.key).ok_or_else(unknown)?;
    let asset = item.assets.get_mut(&file.asset).ok_or_else(unknown)?;
    asset.href = href;
    asset.media_type = Some(ContentType::of_key(&file.key).as_str().to_owned());
    asset.extra.insert("file:size".to_owned(), size.into());
    asset
        .extra
        .insert(CHECKSUM.to_owned(), hash.multihash().into());
    Ok(())
}

/// A layer's item is three folders below the root and one below its collection. A job's stands alone.
fn link_to_catalog(item: &mut Item, keys: &ResultKeys) {
    item.links
        .retain(|link| !matches!(link.rel.as_str(), "root" | "parent" | "collection" | "self"));
    if let Some(recipe) = keys.recipe() {
        item.collection = Some(recipe.to_string());
        let links = [
            Link::new("root", "../../../catalog.json"),
            Link::new("parent", "../collection.json"),
            Link::new("collection", "../collection.json"),
        ];
        item.links.splice(0..0, links);
    }
}
