//! The collection of a recipe and the catalog of all: what a reader starts from.
//!
//! Both are pure functions of what is published. **Two writers that finish at once lose nothing.** Each puts its item
//! before it refreshes. A refresh reads the document and its tag, *then* lists the items, and replaces the document only
//! if it still has that tag; otherwise it begins anew. Say that a document that lists an item is replaced. Whoever
//! replaces it has read its tag when it was there already, and so has listed the items when the item was there already:
//! the new document lists it too. That holds at every moment, and if any writer dies at any moment.
//!
//! Some servers take the condition and ignore it. So whoever has written lists again, and begins anew if something has
//! changed. On such a server, take the last write of the document: its writer found nothing new after it, so every item
//! that was put before that listing is in; an item put later has a writer who has yet to refresh, and would write. There
//! an entry may be missing for a moment, until the writer that overwrote it has listed again; and for longer only if that
//! writer dies in between, until the next refresh of that layer, for whatever reason, mends it.
//!
//! Both arguments need listings that show finished writes at once, which folders and S3 give.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::layout;
use crate::stac::{self, Catalog, Collection, Item, Link};
use crate::{ContentType, Entry, Patience, Slug, Store, StoreError, Tagged};

/// How often a document is begun anew before its writer gives up on other writers.
const MAX_ATTEMPTS: usize = 64;

/// How long a writer makes way for others before it begins anew.
const WAY: Patience = Patience {
    request: Duration::ZERO,
    tries: MAX_ATTEMPTS,
    total: Duration::MAX,
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(500),
};

/// Brings a recipe's collection up to date with its items. `make` says all but the links; it must depend on nothing but
/// the items, which come sorted by key. A collection that is right already is not written. With no items left, the
/// collection is removed.
///
/// # Errors
/// [`StoreError::InvalidDocument`] for an item that does not parse; [`StoreError::Unsettled`] when other writers never
/// stop; anything the store says.
pub fn refresh_collection(
    store: &Store,
    recipe: &Slug,
    make: &dyn Fn(&[Item]) -> Collection,
) -> Result<(), StoreError> {
    let folder = layout::recipe_folder(recipe);
    let list = || {
        let mut entries = store.list(&folder)?;
        entries.retain(|entry| layout::is_item(&entry.key));
        Ok(entries)
    };
    let mut known = BTreeMap::new();
    settle(store, &layout::collection(recipe), list, |entries| {
        let (mut items, mut links) = (Vec::new(), Vec::new());
        for entry in entries {
            // Removed since it was listed: the next listing will say so.
            let Some(item) = read_unless_known(store, &mut known, entry)? else {
                continue;
            };
            let path = entry.key.strip_prefix(&folder).unwrap_or(&entry.key);
            links.push(Link::to_item(&format!(".{path}")).titled(item.properties.title.as_deref()));
            items.push(item);
        }
        if items.is_empty() {
            return Ok(None);
        }
        let mut collection = make(&items);
        collection
            .links
            .retain(|link| !matches!(link.rel.as_str(), "root" | "parent" | "item" | "self"));
        collection.links.splice(
            0..0,
            [
                Link::new("root", "../../catalog.json"),
                Link::new("parent", "../../catalog.json"),
            ],
        );
        collection.links.append(&mut links);
        Ok(Some(stac::to_bytes(&collection)))
    })
}

/// Brings the root catalog up to date with the collections. One that is right already is not written.
///
/// # Errors
/// As [`refresh_collection`].
pub fn refresh_catalog(store: &Store) -> Result<(), StoreError> {
    let list = || {
        let mut entries = store.list(layout::layers_folder())?;
        entries.retain(|entry| layout::recipe_of_collection(&entry.key).is_some());
        Ok(entries)
    };
    settle(store, layout::catalog(), list, |entries| {
        let mut catalog = Catalog::new(
            "geocrop",
            "Land-cover and crop maps made by GeoCrop, one collection per recipe.",
        );
        catalog.title = Some("GeoCrop maps".to_owned());
        catalog.links.push(Link::new("root", "./catalog.json"));
        for entry in entries {
            let Some(collection): Option<Collection> = read(store, &entry.key, "STAC Collection")?
            else {
                continue;
            };
            catalog.links.push(
                Link::new("child", &format!("./{}", entry.key)).titled(collection.title.as_deref()),
            );
        }
        Ok(Some(stac::to_bytes(&catalog)))
    })
}

/// Writes the document at `key` until it belongs to the latest listing. `render` gives its bytes, or `None` for a
/// document that should not be.
fn settle(
    store: &Store,
    key: &str,
    list: impl Fn() -> Result<Vec<Entry>, StoreError>,
    mut render: impl FnMut(&[Entry]) -> Result<Option<Vec<u8>>, StoreError>,
) -> Result<(), StoreError> {
    let mut pauses = WAY.pauses();
    loop {
        // In this order: see the head of this file.
        let there = store.get_tagged(key)?;
        let entries = list()?;
        let wanted = render(&entries)?;
        let written = match (there, wanted) {
            (None, None) => return Ok(()),
            (Some(there), Some(wanted)) if there.bytes == wanted => return Ok(()),
            // A server without tags has no conditions either.
            (Some(Tagged { etag: None, .. }), Some(wanted)) => {
                store.put(key, wanted, ContentType::Json)?;
                true
            }
            (there, Some(wanted)) => {
                let tag = there.and_then(|there| there.etag);
                store.put_if(key, wanted, ContentType::Json, tag.as_deref())?
            }
            (Some(_), None) => {
                store.delete(key)?;
                true
            }
        };
        if written && list()? == entries {
            return Ok(());
        }
        let Some(pause) = pauses.next() else {
            return Err(StoreError::Unsettled {
                key: key.to_owned(),
                attempts: MAX_ATTEMPTS,
            });
        };
        thread::sleep(pause);
    }
}

/// Reads an item, unless the one with this tag was read before. Layers have thousands of items, and where many writers
/// meet, a collection is rendered again and again.
fn read_unless_known(
    store: &Store,
    known: &mut BTreeMap<String, (Entry, Item)>,
    entry: &Entry,
) -> Result<Option<Item>, StoreError> {
    if let Some((read, item)) = known.get(&entry.key)
        && entry.etag.is_some()
        && read == entry
    {
        return Ok(Some(item.clone()));
    }
    let item: Option<Item> = read(store, &entry.key, "STAC Item")?;
    if let Some(item) = &item {
        known.insert(entry.key.clone(), (entry.clone(), item.clone()));
    }
    Ok(item)
}

fn read<T: serde::de::DeserializeOwned>(
    store: &Store,
    key: &str,
    kind: &'static str,
) -> Result<Option<T>, StoreError> {
    store
        .get(key)?
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .map_err(|source| StoreError::InvalidDocument {
            key: key.to_owned(),
            kind,
            source,
        })
}
