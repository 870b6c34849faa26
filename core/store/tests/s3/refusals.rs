//! A store that does not let us write, or has no room, says so in one clear error and publishes nothing.

use geocrop_store::publish::publish;
use geocrop_store::{ContentType, Credentials, S3Settings, Store, StoreError};
use hyper::{Method, StatusCode};

use crate::fixture::{files, item, keys_of, layer};
use crate::server::{BUCKET, Fault, Server};

fn publish_under(server: &Server, fault: Fault) -> StoreError {
    let store = server.store();
    let keys = layer("mazowe");
    server.inject(fault, usize::MAX, |seen| {
        seen.is(&Method::PUT, ".pmtiles", "")
    });
    let error = publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap_err();
    server.heal();
    assert!(keys_of(&store).is_empty(), "{:?}", keys_of(&store));
    for part in ["s3://maps", "layers/ndvi/2024/mazowe.", ".pmtiles"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    error
}

#[test]
fn a_bucket_that_denies_writing_is_named_with_the_key() {
    let server = Server::start();
    let denied = Fault::Status(StatusCode::FORBIDDEN, "AccessDenied");
    let error = publish_under(&server, denied);
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    assert!(
        error.to_string().contains("no permission to write"),
        "{error}"
    );
}

#[test]
fn a_bucket_that_is_full_is_named_with_the_key_whatever_the_status() {
    let server = Server::start();
    for (status, code) in [
        (StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull"),
        (StatusCode::FORBIDDEN, "QuotaExceeded"),
    ] {
        let error = publish_under(&server, Fault::Status(status, code));
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("free some space"), "{error}");
    }
}

#[test]
fn a_wrong_key_is_a_refusal_and_does_not_show_the_secret() {
    let server = Server::start();
    let settings = S3Settings {
        credentials: Some(Credentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "not-the-secret".to_owned(),
        }),
        ..server.settings()
    };
    let store = Store::open_with(&format!("s3://{BUCKET}"), &settings).unwrap();
    let error = store.get("a.json").unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error:?}");
    for text in [error.to_string(), format!("{settings:?}")] {
        assert!(!text.contains("not-the-secret"), "{text}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_not_an_empty_one() {
    let server = Server::start();
    let store = Store::open_with("s3://other", &server.settings()).unwrap();
    let listing = store.list("").unwrap_err();
    // `s3s-fs` would make the bucket.
    let missing = Fault::Status(StatusCode::NOT_FOUND, "NoSuchBucket");
    server.inject(missing, usize::MAX, |seen| seen.method != Method::HEAD);
    let writing = store
        .put("a.json", Vec::new(), ContentType::Json)
        .unwrap_err();
    let reading = store.get("a.json").unwrap_err();
    for error in [listing, writing, reading] {
        assert!(matches!(error, StoreError::NoBucket { .. }), "{error:?}");
        assert!(error.to_string().contains("s3://other"), "{error}");
    }
}
