//! What tells a published map from one that is made later under the same name.

use std::fmt::Write as _;

use serde_json::Value;

use super::{checksum, read_item};
use crate::stac::Item;
use crate::{ContentHash, ResultKeys, Slug, Store, StoreError};

/// The sha256 of a published map, as its item says. The map of a large area is its tiles, and the virtual raster over
/// them stays the same when one of them changes: its hash is that of the list of the tiles' names and hashes.
///
/// What was measured on a map is true of the map with this hash, and of no other.
///
/// # Errors
/// [`StoreError::NotFound`] when the item, that of a tile, or the checksum of a map is not there;
/// [`StoreError::InvalidDocument`] for an item that does not parse; anything the store says.
pub fn map_hash(store: &Store, keys: &ResultKeys) -> Result<ContentHash, StoreError> {
    let item = read_item(store, keys)?;
    let extra = &item.properties.extra;
    let Some(tiles) = extra.get("geocrop:tiles").and_then(Value::as_array) else {
        return of_file(&item, keys);
    };
    let mut list = String::new();
    for tile in tiles {
        let area: Slug = tile.as_str().unwrap_or_default().parse()?;
        let part = keys.beside(&area);
        let hash = of_file(&read_item(store, &part)?, &part)?;
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{area} {hash}");
    }
    Ok(ContentHash::of_bytes(list.as_bytes()))
}

fn of_file(item: &Item, keys: &ResultKeys) -> Result<ContentHash, StoreError> {
    let map = item.assets.get("map");
    map.and_then(checksum).ok_or_else(|| StoreError::NotFound {
        key: format!("{}, the checksum of its map", keys.item()),
    })
}
