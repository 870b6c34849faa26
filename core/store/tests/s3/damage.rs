//! Bytes that are not what they should be are noticed: on the way, in the store, and before the item is there.

use geocrop_store::publish::{self, publish};
use geocrop_store::{ContentHash, StoreError};
use hyper::Method;

use crate::fixture::{assert_whole, files, item, layer};
use crate::server::{Fault, Seen, Server};

/// The map of the fixture: a part of an upload or a whole one.
fn a_map(seen: &Seen) -> bool {
    seen.is(&Method::PUT, "mazowe.tif", "")
}

#[test]
fn damage_on_the_way_is_noticed_by_the_server_and_the_upload_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::write(&file, vec![7; 9 << 20]).unwrap();
    let server = Server::start();
    let store = server.store();
    for content in [&b"small"[..], &vec![7; 9 << 20]] {
        std::fs::write(&file, content).unwrap();
        server.inject(Fault::DamageRequest, 1, a_map);
        store.put_file("mazowe.tif", &file).unwrap();
        assert_eq!(server.heal(), 0);
        assert!(std::fs::read(server.file("mazowe.tif")).unwrap() == content);
        assert_eq!(server.unfinished_uploads(), 0);
    }
}

#[test]
fn damage_that_the_server_does_not_notice_shows_in_its_tag_and_the_upload_is_repeated() {
    let server = Server::start();
    let store = server.store();
    let keys = layer("mazowe");
    server.inject(Fault::DamageStored, 1, a_map);
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    assert_eq!(server.heal(), 0);
    assert_whole(&store, &keys);
}

#[test]
fn what_is_damaged_again_and_again_is_not_published() {
    let server = Server::start();
    let store = server.store();
    let keys = layer("mazowe");
    server.inject(Fault::DamageStored, usize::MAX, a_map);
    let error = publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    for part in [keys.map(), ContentHash::of_bytes(b"map").to_string()] {
        assert!(error.to_string().contains(&part), "{error}");
    }
    assert!(!store.exists(&keys.item()).unwrap());
}

#[test]
fn a_server_with_tags_of_its_own_is_read_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let server = Server::start();
    let store = server.store();
    let writes = |seen: &Seen| seen.method == Method::PUT || seen.method == Method::POST;
    server.inject(Fault::OtherTag, usize::MAX, writes);
    for (content, reads) in [(vec![7; 9 << 20], 2), (b"small".to_vec(), 0)] {
        std::fs::write(&file, content).unwrap();
        server.take_seen();
        store.put_file("mazowe.tif", &file).unwrap();
        let seen = server.take_seen();
        assert_eq!(
            seen.iter().filter(|s| s.method == Method::GET).count(),
            reads
        );
    }
}

#[test]
fn a_published_file_is_checked_against_its_item_when_it_is_fetched() {
    let server = Server::start();
    let store = server.store();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    publish::verify(&store, &keys).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.tif");
    publish::download(&store, &keys, "map", &file).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"map");
    let error = publish::download(&store, &keys, "confidence", &file).unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");

    std::fs::remove_file(&file).unwrap();
    std::fs::write(server.file(&keys.map()), "mop").unwrap();
    for error in [
        publish::download(&store, &keys, "map", &file).unwrap_err(),
        publish::verify(&store, &keys).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains(&keys.map()), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
