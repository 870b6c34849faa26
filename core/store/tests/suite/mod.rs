//! What every kind of store must do. One suite, run over each of them.

use std::thread;

use geocrop_store::{ContentType, Store, StoreError};

fn keys(store: &Store, prefix: &str) -> Vec<String> {
    store
        .list(prefix)
        .unwrap()
        .into_iter()
        .map(|entry| entry.key)
        .collect()
}

fn put(store: &Store, key: &str, text: &str) {
    store
        .put(key, text.as_bytes().to_vec(), ContentType::of_key(key))
        .unwrap();
}

pub(crate) fn conforms(store: &Store) {
    what_is_put_is_got(store);
    what_is_absent_is_said_to_be(store);
    listings_go_by_whole_segments_and_are_sorted(store);
    ranges_are_cut_at_the_end_and_guarded_by_the_tag(store);
    large_files_survive_the_way_there_and_back(store);
    a_file_of_whole_parts_has_no_empty_one(store);
    a_document_is_replaced_only_if_it_is_the_one_that_was_read(store);
    a_file_that_cannot_be_read_leaves_nothing(store);
    bad_keys_are_refused(store);
    many_threads_may_use_it_at_once(store);
    store.delete_prefix("suite").unwrap();
    assert_eq!(keys(store, "suite"), [""; 0]);
}

fn what_is_put_is_got(store: &Store) {
    put(store, "suite/a/one.json", "{}");
    assert_eq!(store.get("suite/a/one.json").unwrap().unwrap(), b"{}");
    assert_eq!(store.size("suite/a/one.json").unwrap(), 2);
    let before = store.head("suite/a/one.json").unwrap().unwrap();

    put(store, "suite/a/one.json", "[1]");
    assert_eq!(store.get("suite/a/one.json").unwrap().unwrap(), b"[1]");
    let after = store.head("suite/a/one.json").unwrap().unwrap();
    assert_ne!(before.etag, after.etag);

    put(store, "suite/a/empty.json", "");
    assert_eq!(store.get("suite/a/empty.json").unwrap().unwrap(), b"");
    store.delete_prefix("suite/a").unwrap();
}

fn what_is_absent_is_said_to_be(store: &Store) {
    assert_eq!(store.get("suite/none.json").unwrap(), None);
    assert_eq!(store.head("suite/none.json").unwrap(), None);
    assert!(!store.exists("suite/none.json").unwrap());
    assert!(matches!(
        store.size("suite/none.json"),
        Err(StoreError::NotFound { .. })
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none.json");
    assert!(matches!(
        store.download("suite/none.json", &file),
        Err(StoreError::NotFound { .. })
    ));
    assert!(!file.exists());
    store.delete("suite/none.json").unwrap();
    assert_eq!(keys(store, "suite/no/such/folder"), [""; 0]);
}

fn listings_go_by_whole_segments_and_are_sorted(store: &Store) {
    for key in [
        "suite/l/b.tif",
        "suite/l/a/c.tif",
        "suite/l-2/a.tif",
        "suite/l/a.tif",
    ] {
        put(store, key, key);
    }
    assert_eq!(
        keys(store, "suite/l"),
        ["suite/l/a.tif", "suite/l/a/c.tif", "suite/l/b.tif"]
    );
    assert_eq!(keys(store, "suite/l/"), keys(store, "suite/l"));
    assert_eq!(
        store.list("suite/l").unwrap()[0].size,
        "suite/l/a.tif".len() as u64
    );
    assert!(keys(store, "").contains(&"suite/l-2/a.tif".to_owned()));
    assert_eq!(store.delete_prefix("suite/l").unwrap(), 3);
    assert_eq!(keys(store, "suite"), ["suite/l-2/a.tif"]);
    store.delete("suite/l-2/a.tif").unwrap();
}

fn ranges_are_cut_at_the_end_and_guarded_by_the_tag(store: &Store) {
    let key = "suite/range.pmtiles";
    put(store, key, "0123456789");
    let etag = store.head(key).unwrap().unwrap().etag;
    assert_eq!(store.get_range(key, 2..5, etag.as_deref()).unwrap(), b"234");
    assert_eq!(store.get_range(key, 8..50, None).unwrap(), b"89");
    put(store, key, "changed");
    assert!(matches!(
        store.get_range(key, 0..3, etag.as_deref()),
        Err(StoreError::Changed { .. })
    ));
    store.delete(key).unwrap();
}

/// Over two parts, so that the upload is a multipart one where there is such a thing.
fn large_files_survive_the_way_there_and_back(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let (there, back) = (folder.path().join("there"), folder.path().join("new/back"));
    let bytes: Vec<u8> = (0..(17_u32 << 20)).map(|i| (i % 251) as u8).collect();
    std::fs::write(&there, &bytes).unwrap();
    store.put_file("suite/large.tif", &there).unwrap();
    store.download("suite/large.tif", &back).unwrap();
    assert!(std::fs::read(&back).unwrap() == bytes);
    assert_eq!(keys(store, "suite"), ["suite/large.tif"]);
    assert_eq!(
        std::fs::read_dir(back.parent().unwrap()).unwrap().count(),
        1
    );
    store.delete("suite/large.tif").unwrap();
}

fn a_file_of_whole_parts_has_no_empty_one(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole");
    std::fs::write(&file, vec![7; 16 << 20]).unwrap();
    store.put_file("suite/whole.tif", &file).unwrap();
    assert_eq!(store.size("suite/whole.tif").unwrap(), 16 << 20);
    std::fs::write(&file, "").unwrap();
    store.put_file("suite/whole.tif", &file).unwrap();
    assert_eq!(store.size("suite/whole.tif").unwrap(), 0);
    store.delete("suite/whole.tif").unwrap();
}

fn a_document_is_replaced_only_if_it_is_the_one_that_was_read(store: &Store) {
    let key = "suite/document.json";
    let put_if = |text: &str, tag: Option<&str>| {
        store
            .put_if(key, text.as_bytes().to_vec(), ContentType::Json, tag)
            .unwrap()
    };
    let read = || {
        let read = store.get_tagged(key).unwrap().unwrap();
        (String::from_utf8(read.bytes).unwrap(), read.etag.unwrap())
    };
    assert!(put_if("first", None));
    assert!(!put_if("second", None), "something is there already");
    let (text, tag) = read();
    assert_eq!(text, "first");
    assert!(put_if("other", Some(&tag)));
    assert!(!put_if("late", Some(&tag)), "it was replaced meanwhile");
    let (text, tag) = read();
    assert_eq!(text, "other");
    store.delete(key).unwrap();
    assert!(!put_if("late", Some(&tag)), "it was removed meanwhile");
    assert!(!store.exists(key).unwrap());
}

fn a_file_that_cannot_be_read_leaves_nothing(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = store.put_file("suite/x.tif", &missing).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(store.put_file("suite/x.tif", folder.path()).is_err());
    assert_eq!(keys(store, "suite"), [""; 0]);
}

fn bad_keys_are_refused(store: &Store) {
    for key in [
        "", "/", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a/.", "a\\b", "a\0b",
    ] {
        assert!(
            matches!(
                store.put(key, Vec::new(), ContentType::Binary),
                Err(StoreError::InvalidKey { .. })
            ),
            "{key:?}"
        );
        assert!(
            matches!(store.get(key), Err(StoreError::InvalidKey { .. })),
            "{key:?}"
        );
    }
    assert!(store.delete_prefix("").is_err());
}

fn many_threads_may_use_it_at_once(store: &Store) {
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for n in 0..4 {
                    let key = format!("suite/t/{writer}-{n}.json");
                    put(store, &key, &key);
                    // All write this one; whoever reads it must see one writer's text whole.
                    put(
                        store,
                        "suite/t/shared.json",
                        &format!("{writer}").repeat(5000),
                    );
                    let shared = store.get("suite/t/shared.json").unwrap().unwrap();
                    assert_eq!(shared.len(), 5000);
                    assert!(shared.iter().all(|&c| c == shared[0]));
                    assert_eq!(store.get(&key).unwrap().unwrap(), key.as_bytes());
                }
            });
        }
    });
    assert_eq!(store.delete_prefix("suite/t").unwrap(), 33);
}
