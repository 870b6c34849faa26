//! A server that is busy, slow or cut off in the middle of whatever it is asked: the result is right all the same.

use std::path::Path;
use std::time::Duration;

use geocrop_store::{ContentHash, ContentType, Store, StoreError};
use hyper::{Method, StatusCode};

use crate::server::{BUCKET, Fault, Seen, Server};
use crate::suite::conforms;

/// More than two parts.
const LARGE: usize = 17 << 20;

fn bytes() -> Vec<u8> {
    (0..LARGE).map(|i| (i % 251) as u8).collect()
}

fn put(store: &Store, key: &str, text: &str) {
    store
        .put(key, text.as_bytes().to_vec(), ContentType::Json)
        .unwrap();
}

/// Every fault, so often that the last try succeeds.
fn faults() -> [(Fault, usize); 6] {
    [
        (
            Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
            2,
        ),
        (
            Fault::Status(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            2,
        ),
        (Fault::Slow, 1),
        (Fault::CutRequest, 2),
        (Fault::NoAnswer, 2),
        (Fault::CutAnswer(1), 2),
    ]
}

/// Does something once per fault, and sees that each fault was met.
fn under_faults(
    method: &Method,
    key: &'static str,
    query: &'static str,
    check: impl Fn(&Server, &Store),
) {
    let server = Server::start();
    let mut settings = server.settings();
    // How long a server that never answers is waited for.
    settings.patience.request = Duration::from_secs(3);
    let store = Store::open_with(&format!("s3://{BUCKET}"), &settings).unwrap();
    for (fault, times) in faults() {
        let what = format!("{method} {key}?{query} under {fault:?}");
        let method = method.clone();
        server.inject(fault, times, move |seen: &Seen| {
            seen.is(&method, key, query)
        });
        check(&server, &store);
        assert_eq!(server.heal(), 0, "{what}: not met");
        assert_eq!(server.unfinished_uploads(), 0, "{what}");
    }
}

#[test]
fn a_bucket_conforms() {
    let server = Server::start();
    conforms(&server.store());
    conforms(&server.store_at("below/a/prefix"));
    assert_eq!(server.unfinished_uploads(), 0);
}

#[test]
fn reading_survives_faults() {
    under_faults(&Method::GET, "a.json", "", |_, store| {
        put(store, "a.json", "0123456789");
        assert_eq!(store.get("a.json").unwrap().unwrap(), b"0123456789");
        assert_eq!(store.get("none.json").unwrap(), None);
    });
    under_faults(&Method::GET, "a.json", "", |_, store| {
        put(store, "a.json", "0123456789");
        let tag = store.head("a.json").unwrap().unwrap().etag;
        assert_eq!(
            store.get_range("a.json", 2..5, tag.as_deref()).unwrap(),
            b"234"
        );
    });
}

#[test]
fn asking_what_is_there_survives_faults() {
    under_faults(&Method::HEAD, "a.json", "", |_, store| {
        put(store, "a.json", "{}");
        assert_eq!(store.size("a.json").unwrap(), 2);
    });
    under_faults(&Method::GET, "", "list-type=2", |_, store| {
        put(store, "b/a.json", "{}");
        let keys: Vec<_> = store
            .list("b")
            .unwrap()
            .into_iter()
            .map(|e| e.key)
            .collect();
        assert_eq!(keys, ["b/a.json"]);
    });
}

#[test]
fn writing_and_removing_survive_faults() {
    under_faults(&Method::PUT, "a.json", "", |server, store| {
        put(store, "a.json", "written");
        assert_eq!(std::fs::read(server.file("a.json")).unwrap(), b"written");
    });
    under_faults(&Method::DELETE, "a.json", "", |server, store| {
        std::fs::write(server.file("a.json"), "old").unwrap();
        store.delete("a.json").unwrap();
        assert!(!server.file("a.json").exists());
    });
}

/// A conditional write whose answer is lost must not be taken for somebody else's: what is there tells.
#[test]
fn conditional_writing_survives_faults() {
    under_faults(&Method::PUT, "a.json", "", |server, store| {
        let _ = std::fs::remove_file(server.file("a.json"));
        let written = store
            .put_if("a.json", b"written".to_vec(), ContentType::Json, None)
            .unwrap();
        let there = std::fs::read(server.file("a.json")).unwrap();
        assert_eq!(there, b"written", "said to be written: {written}");
    });
}

fn large_file(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("large.tif");
    std::fs::write(&file, bytes()).unwrap();
    file
}

fn large_upload_survives(method: &Method, query: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let file = large_file(folder.path());
    under_faults(method, "large.tif", query, |server, store| {
        store.put_file("large.tif", &file).unwrap();
        assert!(std::fs::read(server.file("large.tif")).unwrap() == bytes());
        std::fs::remove_file(server.file("large.tif")).unwrap();
    });
}

#[test]
fn an_upload_in_parts_survives_faults_at_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let file = large_file(folder.path());
    let server = Server::start();
    let store = server.store();
    for (fault, times) in faults() {
        // An upload that was begun without our knowing is one that nobody can finish.
        let orphans = match fault {
            Fault::NoAnswer | Fault::CutAnswer(_) => times,
            _ => 0,
        };
        let before = server.unfinished_uploads();
        server.inject(fault, times, |seen| {
            seen.is(&Method::POST, "large.tif", "uploads")
        });
        store.put_file("large.tif", &file).unwrap();
        assert_eq!(server.heal(), 0);
        assert!(std::fs::read(server.file("large.tif")).unwrap() == bytes());
        assert_eq!(server.unfinished_uploads() - before, orphans);
    }
}

#[test]
fn an_upload_in_parts_survives_faults_at_a_part() {
    large_upload_survives(&Method::PUT, "partNumber=2");
}

#[test]
fn an_upload_in_parts_survives_faults_at_its_end() {
    large_upload_survives(&Method::POST, "uploadId");
}

#[test]
fn a_download_survives_faults() {
    let folder = tempfile::tempdir().unwrap();
    let file = large_file(folder.path());
    let hash = ContentHash::of_file(&file).unwrap();
    under_faults(&Method::GET, "large.tif", "", |_, store| {
        store.put_file("large.tif", &file).unwrap();
        let back = folder.path().join("back.tif");
        store
            .download_checked("large.tif", &back, Some(&hash))
            .unwrap();
        assert!(std::fs::read(&back).unwrap() == bytes());
    });
}

#[test]
fn a_server_that_stays_away_is_named_with_what_was_tried_and_how_often() {
    let server = Server::start();
    let store = server.store();
    for fault in [
        Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Fault::NoAnswer,
    ] {
        server.inject(fault, usize::MAX, |_| true);
        let error = store
            .put("layers/a.json", Vec::new(), ContentType::Json)
            .unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        let message = error.to_string();
        for part in [
            "s3://maps",
            "write layers/a.json",
            "after 3 retries",
            "S3_ENDPOINT",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        server.heal();
    }
    drop(server);
    let error = store.get("layers/a.json").unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("read layers/a.json"), "{error}");
}

#[test]
fn an_upload_that_fails_for_good_is_given_up_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = large_file(folder.path());
    let server = Server::start();
    let store = server.store();
    for (method, query) in [(Method::PUT, "partNumber=2"), (Method::POST, "uploadId")] {
        let busy = Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        server.inject(busy, usize::MAX, move |seen| {
            seen.is(&method, "large.tif", query)
        });
        let error = store.put_file("large.tif", &file).unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        server.heal();
        assert_eq!(store.list("").unwrap(), []);
        assert_eq!(server.unfinished_uploads(), 0);
    }
}
