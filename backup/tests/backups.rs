//! What only shows from the inside: maps that are replaced meanwhile, and databases of later programs.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::cell::Cell;
use std::fs;
use std::path::Path;

use chrono::{TimeZone as _, Utc};
use geocrop_backup::{BackupError, Service, check, create, keep, restore};
use geocrop_database::Database;
use geocrop_store::publish::{self, Staged};
use geocrop_store::stac::{Asset, Item};
use geocrop_store::{ContentType, ResultKeys, Store, layout};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

fn layer() -> ResultKeys {
    layout::layer(
        &"ndvi".parse().unwrap(),
        &"2024".parse().unwrap(),
        &"valley".parse().unwrap(),
    )
}

fn publish_map(store: &Store, map: &str) {
    let keys = layer();
    let day = |month, day| Utc.with_ymd_and_hms(2024, month, day, 0, 0, 0).unwrap();
    let place = json!({ "type": "Point", "coordinates": [31.0, -17.5] });
    let bbox = [31.0, -17.5, 31.0, -17.5];
    let mut item = Item::new("valley", place, bbox, day(1, 1), day(12, 31));
    for asset in ["map", "confidence"] {
        let asset = (asset.to_owned(), Asset::new("", ContentType::Binary));
        item.assets.insert(asset.0, asset.1);
    }
    let files = [
        Staged::bytes("map", keys.map(), map.into()),
        Staged::bytes("confidence", keys.confidence(), map.into()),
    ];
    publish::publish(store, &keys, &files, item).unwrap();
}

fn service(root: &Path) -> (Service, Store) {
    let service = Service {
        database: root.join("state/geocrop.sqlite"),
        store: root.join("store"),
        keys: None,
        config: None,
    };
    let store = Store::open(service.store.to_str().unwrap()).unwrap();
    sql(&service.database, "");
    (service, store)
}

/// The program's tables, and what is done to them.
fn sql(path: &Path, statement: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = format!("sqlite://{}", path.display());
    runtime.block_on(async {
        Database::open(&url).await.unwrap().close().await;
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

fn go_on(_: f64) -> bool {
    true
}

#[test]
fn a_map_that_is_replaced_while_it_is_copied_is_saved_as_one_or_the_other() {
    let root = tempfile::tempdir().unwrap();
    let (service, store) = service(root.path());
    let out = root.path().join("backups");
    // Whichever file has been copied when the new map comes.
    for moment in 0..3 {
        publish_map(&store, "the map before");
        let seen = Cell::new(0);
        let made = create(&service, &out, &|_| {
            if seen.replace(seen.get() + 1) == moment {
                publish_map(&store, "another map, made meanwhile");
            }
            true
        })
        .unwrap();
        assert!(seen.get() > moment, "nothing was replaced");
        assert_eq!(made.unsound, [""; 0]);
        check(&made.folder, &go_on).unwrap();
        let saved = Store::open(made.folder.join("store").to_str().unwrap()).unwrap();
        publish::verify(&saved, &layer()).unwrap();
    }
    // The backups before were not written into.
    for entry in fs::read_dir(&out).unwrap() {
        check(&entry.unwrap().path(), &go_on).unwrap();
    }
}

#[test]
fn a_map_that_is_damaged_in_the_store_is_told_and_saved_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let (service, store) = service(root.path());
    publish_map(&store, "a map");
    fs::write(service.store.join(layer().map()), "a mop").unwrap();
    let made = create(&service, &root.path().join("backups"), &go_on).unwrap();
    assert_eq!(made.unsound, [layer().item()]);
    let restored = root.path().join("restored");
    restore(&made.folder, &restored, &go_on).unwrap();
    let map = restored.join("store").join(layer().map());
    assert_eq!(fs::read_to_string(map).unwrap(), "a mop");
}

#[test]
fn tables_of_a_later_program_are_found_before_anything_is_there() {
    let root = tempfile::tempdir().unwrap();
    let (service, _) = service(root.path());
    sql(
        &service.database,
        "INSERT INTO _sqlx_migrations VALUES (99991231, 'of later', '2099-01-01', true, x'00', 1)",
    );
    let made = create(&service, &root.path().join("backups"), &go_on).unwrap();
    let restored = root.path().join("restored");
    let error = restore(&made.folder, &restored, &go_on).unwrap_err();
    assert!(matches!(error, BackupError::Unusable { .. }), "{error}");
    assert!(
        error.to_string().contains("newer version of the program"),
        "{error}"
    );
    let left = fs::read_dir(root.path()).unwrap().count();
    assert_eq!(left, 3, "state, store and backups alone");
}

#[test]
fn whoever_stops_a_backup_has_none_of_it_and_the_next_works() {
    let root = tempfile::tempdir().unwrap();
    let (service, store) = service(root.path());
    publish_map(&store, "a map");
    let out = root.path().join("backups");
    let error = create(&service, &out, &|_| false).unwrap_err();
    assert!(matches!(error, BackupError::Stopped), "{error}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    for _ in 0..3 {
        create(&service, &out, &go_on).unwrap();
    }
    fs::write(out.join("notes.txt"), "not a backup").unwrap();
    let removed = keep(&out, 2).unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3);
}
