//! Results become visible whole or not at all, and the collection and the catalog tell of all of them.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod fixture;

use std::collections::BTreeSet;
use std::time::Duration;

use fixture::{assert_whole, collection, files, folder_store, item, keys_of, layer, slug};
use geocrop_store::publish::{
    Staged, map_hash, publish, refresh_catalog, refresh_collection, sweep_temporary,
};
use geocrop_store::stac::{Asset, Catalog, Collection};
use geocrop_store::{ContentHash, ContentType, Store, StoreError};

#[test]
fn a_published_item_says_what_is_stored_and_where_it_belongs() {
    let store = Store::open("memory://").unwrap();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let item = assert_whole(&store, &keys);
    assert_eq!(item.assets["map"].href, "./mazowe.tif");
    assert_eq!(
        item.assets["map"].media_type.as_deref(),
        Some(ContentType::Cog.as_str())
    );
    assert_eq!(item.collection.as_deref(), Some("ndvi"));
    let links: Vec<_> = item
        .links
        .iter()
        .map(|link| (link.rel.as_str(), link.href.as_str()))
        .collect();
    assert_eq!(
        links,
        [
            ("root", "../../../catalog.json"),
            ("parent", "../collection.json"),
            ("collection", "../collection.json")
        ]
    );
}

#[test]
fn a_files_asset_must_be_in_the_item() {
    let store = Store::open("memory://").unwrap();
    let keys = layer("mazowe");
    let stray = Staged::bytes("confidence", keys.confidence(), b"x".to_vec());
    let error = publish(&store, &keys, &[stray], item("mazowe")).unwrap_err();
    assert!(matches!(error, StoreError::UnknownAsset { .. }), "{error}");
    let elsewhere = Staged::bytes("map", layer("other").map(), b"x".to_vec());
    assert!(publish(&store, &keys, &[elsewhere], item("mazowe")).is_err());
    assert!(keys_of(&store).is_empty());
}

#[test]
fn publishing_the_same_again_writes_nothing() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let before = store.list("").unwrap();
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    assert_eq!(store.list("").unwrap(), before);
}

#[test]
fn a_replaced_items_tiles_are_gone_once_the_new_ones_are_there() {
    let store = Store::open("memory://").unwrap();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    publish(
        &store,
        &keys,
        &files(&keys, "new map", "new tiles"),
        item("mazowe"),
    )
    .unwrap();
    assert_whole(&store, &keys);
    let expected: BTreeSet<_> = [
        keys.item(),
        keys.map(),
        keys.tiles(&ContentHash::of_bytes(b"new tiles")),
    ]
    .into();
    assert_eq!(keys_of(&store), expected);
}

#[test]
fn a_map_is_told_from_the_one_that_takes_its_place_and_so_is_one_of_tiles() {
    let store = Store::open("memory://").unwrap();
    let put = |area: &str, map: &str| {
        let keys = layer(area);
        publish(&store, &keys, &files(&keys, map, "tiles"), item(area)).unwrap();
        keys
    };
    let (west, _) = (put("west", "a map"), put("east", "its neighbour"));
    let first = map_hash(&store, &west).unwrap();
    assert_eq!(first, ContentHash::of_bytes(b"a map"));

    let whole = layer("whole");
    let mut described = item("whole");
    let tiles = serde_json::json!(["west", "east"]);
    let extra = &mut described.properties.extra;
    extra.insert("geocrop:tiles".to_owned(), tiles);
    publish(
        &store,
        &whole,
        &files(&whole, "what shows them", "tiles"),
        described,
    )
    .unwrap();
    let of_both = map_hash(&store, &whole).unwrap();
    put("east", "its neighbour");
    assert_eq!(map_hash(&store, &whole).unwrap(), of_both);
    put("east", "another neighbour");
    assert_ne!(map_hash(&store, &whole).unwrap(), of_both);
    assert_eq!(map_hash(&store, &west).unwrap(), first);
    let error = map_hash(&store, &layer("nowhere")).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
}

#[test]
fn an_estimate_outlives_the_map_that_it_was_for() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let points = b"{}".to_vec();
    store
        .put(&keys.estimate(), points, ContentType::Json)
        .unwrap();
    publish(&store, &keys, &files(&keys, "new", "tiles"), item("mazowe")).unwrap();
    sweep_temporary(&store, Duration::ZERO).unwrap();
    assert!(store.get(&keys.estimate()).unwrap().is_some());
}

/// A folder where a file should go makes the store fail at that file.
fn block(store: &Store, key: &str) {
    let path = store.local_root().unwrap().join(key);
    if path.is_file() {
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::create_dir_all(path.join("in-the-way")).unwrap();
}

#[test]
fn a_failure_before_the_commit_leaves_nothing_behind() {
    for last in [
        layer("mazowe").tiles(&ContentHash::of_bytes(b"tiles")),
        layer("mazowe").item(),
    ] {
        let (_folder, store) = folder_store();
        let keys = layer("mazowe");
        block(&store, &last);
        publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap_err();
        assert!(keys_of(&store).is_empty(), "{last}");
    }
}

#[test]
fn a_failure_at_the_new_tiles_leaves_the_old_result_whole() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let before = store.list("").unwrap();
    block(&store, &keys.tiles(&ContentHash::of_bytes(b"new tiles")));
    publish(
        &store,
        &keys,
        &files(&keys, "new map", "new tiles"),
        item("mazowe"),
    )
    .unwrap_err();
    assert_eq!(store.list("").unwrap(), before);
    assert_whole(&store, &keys);
}

#[test]
fn a_failure_at_a_file_that_keeps_its_name_never_leaves_an_item_that_lies() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();

    let stats = |text: &str| Staged::bytes("statistics", keys.statistics(), text.into());
    let with_statistics = || {
        let mut item = item("mazowe");
        item.assets
            .insert("statistics".to_owned(), Asset::new("", ContentType::Json));
        item
    };
    let mut both = files(&keys, "map", "tiles");
    both.push(stats("1"));
    publish(&store, &keys, &both, with_statistics()).unwrap();

    // The first changed file fails: nothing was replaced yet, so the old item comes back.
    block(&store, &keys.map());
    publish(
        &store,
        &keys,
        &files(&keys, "new map", "tiles"),
        item("mazowe"),
    )
    .unwrap_err();
    assert!(store.exists(&keys.item()).unwrap());
    std::fs::remove_dir_all(store.local_root().unwrap().join(keys.map())).unwrap();
    publish(&store, &keys, &both, with_statistics()).unwrap();

    // The second changed file fails after the first was replaced: the result is withdrawn as a whole.
    let mut changed = files(&keys, "new map", "tiles");
    changed.push(stats("2"));
    block(&store, &keys.statistics());
    publish(&store, &keys, &changed, with_statistics()).unwrap_err();
    assert!(keys_of(&store).is_empty());

    // And the next run, when the trouble is over, publishes it.
    std::fs::remove_dir_all(store.local_root().unwrap().join(keys.statistics())).unwrap();
    publish(&store, &keys, &changed, with_statistics()).unwrap();
    assert_whole(&store, &keys);
}

#[test]
fn the_collection_and_the_catalog_list_what_is_there_and_only_change_when_it_does() {
    let (_folder, store) = folder_store();
    for area in ["mazowe", "gokwe"] {
        let keys = layer(area);
        publish(&store, &keys, &files(&keys, "map", area), item(area)).unwrap();
    }
    let refresh = || {
        refresh_collection(&store, &slug("ndvi"), &collection).unwrap();
        refresh_catalog(&store).unwrap();
    };
    refresh();
    let read: Collection =
        serde_json::from_slice(&store.get("layers/ndvi/collection.json").unwrap().unwrap())
            .unwrap();
    let links: Vec<_> = read
        .links
        .iter()
        .map(|link| (link.rel.as_str(), link.href.as_str()))
        .collect();
    assert_eq!(
        links,
        [
            ("root", "../../catalog.json"),
            ("parent", "../../catalog.json"),
            ("item", "./2024/gokwe.json"),
            ("item", "./2024/mazowe.json")
        ]
    );
    let catalog: Catalog =
        serde_json::from_slice(&store.get("catalog.json").unwrap().unwrap()).unwrap();
    let children: Vec<_> = catalog
        .links
        .iter()
        .filter(|link| link.rel == "child")
        .map(|link| link.href.as_str())
        .collect();
    assert_eq!(children, ["./layers/ndvi/collection.json"]);

    let before = store.list("").unwrap();
    refresh();
    assert_eq!(store.list("").unwrap(), before);

    store.delete_prefix("layers/ndvi/2024").unwrap();
    refresh();
    assert!(!store.exists("layers/ndvi/collection.json").unwrap());
    let catalog: Catalog =
        serde_json::from_slice(&store.get("catalog.json").unwrap().unwrap()).unwrap();
    assert!(catalog.links.iter().all(|link| link.rel != "child"));
}

#[test]
fn writers_that_finish_at_once_lose_no_entry() {
    const WRITERS: usize = 6;
    let store = Store::open("memory://").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..3 {
                    let area = format!("area-{writer}-{n}");
                    let keys = layer(&area);
                    publish(store, &keys, &files(&keys, "map", &area), item(&area)).unwrap();
                    refresh_collection(store, &slug("ndvi"), &collection).unwrap();
                }
            });
        }
    });
    let read: Collection =
        serde_json::from_slice(&store.get("layers/ndvi/collection.json").unwrap().unwrap())
            .unwrap();
    assert_eq!(
        read.links.iter().filter(|link| link.rel == "item").count(),
        WRITERS * 3
    );
}

#[test]
fn an_item_that_does_not_parse_is_named() {
    let store = Store::open("memory://").unwrap();
    store
        .put(&layer("mazowe").item(), b"{".to_vec(), ContentType::GeoJson)
        .unwrap();
    let error = refresh_collection(&store, &slug("ndvi"), &collection).unwrap_err();
    assert!(
        error.to_string().contains("layers/ndvi/2024/mazowe.json"),
        "{error}"
    );

    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    refresh_collection(&store, &slug("ndvi"), &collection).unwrap();
}

#[test]
fn what_a_crash_left_is_swept_and_nothing_else() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let published = keys_of(&store);
    let orphan = keys.tiles(&ContentHash::of_bytes(b"never referred to"));
    store
        .put(&orphan, b"x".to_vec(), ContentType::PmTiles)
        .unwrap();
    let half_written = store
        .local_root()
        .unwrap()
        .join("layers/ndvi/2024/mazowe.tif#1");
    std::fs::write(&half_written, "half").unwrap();

    assert_eq!(
        sweep_temporary(&store, Duration::from_hours(1)).unwrap(),
        [""; 0]
    );
    assert!(half_written.exists());

    let removed = sweep_temporary(&store, Duration::ZERO).unwrap();
    assert_eq!(
        removed,
        ["layers/ndvi/2024/mazowe.tif#1".to_owned(), orphan]
    );
    assert!(!half_written.exists());
    assert_eq!(keys_of(&store), published);
    assert_whole(&store, &keys);
}
