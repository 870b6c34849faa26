//! A folder and memory do what every store must do. Buckets are in `s3`.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod suite;

use geocrop_store::{ContentType, Store, StoreError};
use suite::conforms;

fn put(store: &Store, key: &str, text: &str) {
    store
        .put(key, text.as_bytes().to_vec(), ContentType::of_key(key))
        .unwrap();
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("new/store").to_str().unwrap()).unwrap();
    conforms(&store);
    let root = store.local_root().unwrap();
    assert_eq!(
        std::fs::read_dir(root).unwrap().count(),
        0,
        "empty folders are not left behind"
    );
}

#[test]
fn memory_conforms() {
    conforms(&Store::open("memory://").unwrap());
}

#[test]
fn a_folder_is_opened_by_path_or_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let by_path = Store::open(folder.path().to_str().unwrap()).unwrap();
    put(&by_path, "a.json", "{}");
    assert!(by_path.url().starts_with("file:///"));
    let by_address = Store::open(by_path.url()).unwrap();
    assert_eq!(by_address.local_root(), by_path.local_root());
    assert!(by_address.exists("a.json").unwrap());
}

#[test]
fn an_address_of_no_store_says_what_one_looks_like() {
    for url in [
        "",
        "ftp://host/x",
        "s3://",
        "s3:///prefix",
        "file://relative/path",
    ] {
        let error = Store::open(url).unwrap_err();
        assert!(
            matches!(error, StoreError::InvalidUrl { .. }),
            "{url}: {error}"
        );
        assert!(error.to_string().contains("s3://bucket/prefix"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(Store::open(file.to_str().unwrap()).is_err());
}

#[test]
fn it_works_on_the_threads_of_another_runtime() {
    let store = Store::open("memory://").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let inner = store.clone();
        tokio::task::spawn_blocking(move || put(&inner, "a.json", "{}"))
            .await
            .unwrap();
        // It blocks, but it must not panic; nor may dropping a store here.
        assert!(store.exists("a.json").unwrap());
        drop(Store::open("memory://").unwrap());
        drop(store);
    });
}
