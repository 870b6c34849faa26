//! A folder on a disk that is full, read-only or in disorder: one clear error, and nothing half-published.
//!
//! The disks are real: small file systems in memory, mounted in a namespace of their own, where the kernel allows it to
//! this user.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod fixture;

use std::path::Path;
use std::process::Command;

use fixture::{assert_whole, files, folder_store, item, keys_of, layer};
use geocrop_store::publish::{Staged, publish};
use geocrop_store::stac::Item;
use geocrop_store::{ContentType, ResultKeys, Store, StoreError};

/// The mount point for the test that runs in the namespace.
const DISK: &str = "GEOCROP_TEST_DISK";

/// Runs an ignored test of this program in a namespace where a file system of 1 MiB is mounted for it.
fn on_a_small_disk(test: &str) {
    let possible = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("skipped: this user may not mount file systems in a namespace (unshare)");
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=1m disk \"$1\" && exec \"$2\" --exact \"$3\" --ignored")
        .arg("sh")
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(DISK, disk.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

fn disk() -> (String, Store) {
    let disk = std::env::var(DISK).unwrap();
    let store = Store::open(&format!("{disk}/store")).unwrap();
    (disk, store)
}

fn publish_map(store: &Store, keys: &ResultKeys, map: &[u8]) -> Result<(), StoreError> {
    let mut item: Item = item(keys.area());
    item.assets.remove("tiles");
    publish(
        store,
        keys,
        &[Staged::bytes("map", keys.map(), map.to_vec())],
        item,
    )
}

fn half_written(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                half_written(&path)
            } else {
                usize::from(path.to_string_lossy().contains('#'))
            }
        })
        .sum()
}

#[test]
fn a_full_disk_is_named_with_the_key_and_what_was_there_stays() {
    on_a_small_disk("on_a_full_disk");
}

#[test]
#[ignore = "run by a_full_disk_is_named_with_the_key_and_what_was_there_stays, on a disk of its own"]
fn on_a_full_disk() {
    let (disk, store) = disk();
    publish_map(&store, &layer("small"), &vec![1; 100 << 10]).unwrap();
    let before = keys_of(&store);

    // In one piece and in parts.
    for size in [2 << 20, 9 << 20] {
        let keys = layer("large");
        let error = publish_map(&store, &keys, &vec![2; size]).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        for part in [store.url(), &keys.map(), "free some space"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert_eq!(keys_of(&store), before);
        assert_eq!(half_written(Path::new(&disk)), 0);
    }
    // A map that replaces one may fail after the item was withdrawn; then the old item comes back.
    publish_map(&store, &layer("small"), &vec![3; 2 << 20]).unwrap_err();
    assert_eq!(store.size(&layer("small").map()).unwrap(), 100 << 10);
    publish_map(&store, &layer("small"), &vec![1; 100 << 10]).unwrap();

    // A full disk at the other end of a download.
    let bytes = vec![4; 700 << 10];
    store.put("a.tif", bytes, ContentType::Cog).unwrap();
    let copy = Path::new(&disk).join("copy.tif");
    let error = store.download("a.tif", &copy).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("copy.tif"), "{error}");
    assert!(!copy.exists());
}

#[test]
fn a_read_only_disk_is_named_with_the_key_and_can_be_read() {
    on_a_small_disk("on_a_read_only_disk");
}

#[test]
#[ignore = "run by a_read_only_disk_is_named_with_the_key_and_can_be_read, on a disk of its own"]
fn on_a_read_only_disk() {
    let (disk, store) = disk();
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
    let remounted = Command::new("mount")
        .args(["-o", "remount,ro", &disk])
        .status()
        .unwrap();
    assert!(remounted.success());

    let changed = files(&keys, "new map", "tiles");
    for error in [
        publish(&store, &keys, &changed, item("mazowe")).unwrap_err(),
        store
            .put("a.json", Vec::new(), ContentType::Json)
            .unwrap_err(),
        store.delete(&keys.map()).unwrap_err(),
        publish_map(&store, &layer("gokwe"), b"map").unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
        assert!(error.to_string().contains(store.url()), "{error}");
    }
    assert_whole(&store, &keys);
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();
}

#[test]
fn a_file_where_a_folder_should_be_is_named_with_the_key() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    std::fs::write(store.local_root().unwrap().join("layers"), "in the way").unwrap();
    let error = publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap_err();
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error:?}");
    for part in [store.url(), &keys.item()] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    assert_eq!(keys_of(&store), ["layers".to_owned()].into());
}

#[test]
fn a_folder_where_a_file_should_be_is_named_with_the_key() {
    let (_folder, store) = folder_store();
    let keys = layer("mazowe");
    let map = store.local_root().unwrap().join(keys.map());
    std::fs::create_dir_all(map.join("in-the-way")).unwrap();
    let error = publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap_err();
    assert!(matches!(error, StoreError::InTheWay { .. }), "{error:?}");
    assert!(error.to_string().contains(&keys.map()), "{error}");
    assert!(keys_of(&store).is_empty());
}
