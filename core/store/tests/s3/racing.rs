//! Writers that finish at once lose no entry of the collection or the catalog.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use geocrop_store::publish::{publish, refresh_catalog, refresh_collection};
use geocrop_store::stac::{Catalog, Collection, Link};
use geocrop_store::{ResultKeys, Slug, Store, StoreError, layout};
use rand::Rng as _;

use crate::fixture::{collection, files, item, layer, slug};
use crate::layer::{Step, layered};
use crate::server::{Conditions, Server};

const WRITERS: usize = 8;
const ITEMS_EACH: usize = 2;

/// The folder for the child processes of `processes_that_finish_at_once_lose_no_entry`, and which one each is.
const FOLDER: &str = "GEOCROP_TEST_RACE_FOLDER";
const WRITER: &str = "GEOCROP_TEST_RACE_WRITER";

fn areas_of(writer: usize) -> impl Iterator<Item = String> {
    (0..ITEMS_EACH).map(move |n| format!("area-{writer}-{n}"))
}

fn links(links: &[Link], rel: &str) -> Vec<String> {
    let of = links.iter().filter(|link| link.rel == rel);
    of.map(|link| link.href.clone()).collect()
}

fn listed_items(store: &Store, recipe: &Slug) -> Vec<String> {
    let Some(bytes) = store.get(&layout::collection(recipe)).unwrap() else {
        return Vec::new();
    };
    let read: Collection = serde_json::from_slice(&bytes).unwrap();
    links(&read.links, "item")
}

fn publish_area(store: &Store, keys: &ResultKeys) {
    let area = keys.area();
    publish(store, keys, &files(keys, "map", area), item(area)).unwrap();
}

fn refresh(store: &Store) -> Result<(), StoreError> {
    refresh_collection(store, &slug("ndvi"), &collection)?;
    refresh_catalog(store)
}

/// Publishes what one writer has. With `at_once`, each entry must be there as soon as its writer has refreshed.
fn write(store: &Store, writer: usize, at_once: bool) {
    for area in areas_of(writer) {
        publish_area(store, &layer(&area));
        refresh(store).unwrap();
        if at_once {
            let listed = listed_items(store, &slug("ndvi"));
            assert!(
                listed.contains(&format!("./2024/{area}.json")),
                "{area}: {listed:?}"
            );
        }
    }
    // A recipe of its own, so that the catalog is raced for too.
    let recipe = slug(&format!("recipe-{writer}"));
    let keys = layout::layer(&recipe, &"2024".parse().unwrap(), &slug("area"));
    publish_area(store, &keys);
    refresh_collection(store, &recipe, &collection).unwrap();
    refresh_catalog(store).unwrap();
}

fn assert_all_listed(store: &Store, writers: usize) {
    let items: Vec<String> = (0..writers)
        .flat_map(areas_of)
        .map(|area| format!("./2024/{area}.json"))
        .collect();
    assert_eq!(listed_items(store, &slug("ndvi")), items);
    let bytes = store.get(layout::catalog()).unwrap().unwrap();
    let catalog: Catalog = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(links(&catalog.links, "child").len(), writers + 1);
}

/// The store, with pauses before the steps that a race is about.
fn hesitant(store: Store) -> Store {
    layered(store, |step, key| {
        let document = key.ends_with("collection.json") || key.ends_with("catalog.json");
        let slow = step == Step::List || (document && matches!(step, Step::Put | Step::Get));
        let pause = Duration::from_micros(rand::rng().random_range(0..4000));
        async move {
            if slow {
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
        .boxed()
    })
}

fn race(at_once: bool, open: impl Fn() -> Store) {
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            // Each has a handle of its own, as processes have.
            let store = hesitant(open());
            scope.spawn(move || write(&store, writer, at_once));
        }
    });
    assert_all_listed(&open(), WRITERS);
}

#[test]
fn threads_that_finish_at_once_lose_no_entry_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    race(true, || {
        Store::open(folder.path().to_str().unwrap()).unwrap()
    });
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "the layers and the catalog, and no lock");
}

#[test]
fn threads_that_finish_at_once_lose_no_entry_in_memory() {
    let store = Store::open("memory://").unwrap();
    race(true, || store.clone());
}

#[test]
fn threads_that_finish_at_once_lose_no_entry_in_a_bucket_with_conditional_writes() {
    let server = Server::start();
    race(true, || server.store());
}

#[test]
fn threads_that_finish_at_once_lose_no_entry_in_a_bucket_that_ignores_conditions() {
    let server = Server::that(Conditions::Ignored);
    race(false, || server.store());
}

#[test]
fn threads_that_finish_at_once_lose_no_entry_in_a_bucket_that_refuses_conditions() {
    let server = Server::that(Conditions::Refused);
    race(false, || server.store());
}

#[test]
fn processes_that_finish_at_once_lose_no_entry() {
    const PROCESSES: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..PROCESSES)
        .map(|writer| {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "racing::writes_as_a_process_of_its_own",
                    "--ignored",
                ])
                .env(FOLDER, folder.path())
                .env(WRITER, writer.to_string())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_all_listed(&open_folder(folder.path()), PROCESSES);
}

fn open_folder(folder: &Path) -> Store {
    Store::open(folder.to_str().unwrap()).unwrap()
}

#[test]
#[ignore = "run by processes_that_finish_at_once_lose_no_entry, in other processes"]
fn writes_as_a_process_of_its_own() {
    let folder = std::env::var(FOLDER).unwrap();
    let writer = std::env::var(WRITER).unwrap().parse().unwrap();
    write(&hesitant(open_folder(Path::new(&folder))), writer, true);
}

/// One writer has listed the items and is about to write the collection when another publishes and refreshes. Then the
/// first one's write comes, and it dies right after. Returns what the collection lists.
fn overtaken_writer_that_dies(open: impl Fn() -> Store) -> Vec<String> {
    publish_area(&open(), &layer("first"));
    let (reached, at_the_write) = mpsc::channel();
    let (release, go_on) = mpsc::channel::<()>();
    let go_on = Arc::new(std::sync::Mutex::new(go_on));
    let writes = Arc::new(AtomicUsize::new(0));
    let dying = layered(open(), move |step, key| {
        let writing = step == Step::Put && key.ends_with("collection.json");
        let earlier = if writing {
            writes.fetch_add(1, Ordering::SeqCst)
        } else {
            writes.load(Ordering::SeqCst)
        };
        let (reached, go_on) = (reached.clone(), Arc::clone(&go_on));
        async move {
            if writing && earlier == 0 {
                reached.send(()).unwrap();
                tokio::task::spawn_blocking(move || go_on.lock().unwrap().recv().unwrap())
                    .await
                    .unwrap();
            } else if earlier > 0 {
                return Err(object_store::Error::NotSupported {
                    source: "dead".into(),
                });
            }
            Ok(())
        }
        .boxed()
    });
    std::thread::scope(|scope| {
        let first = scope.spawn(|| refresh(&dying));
        at_the_write.recv().unwrap();
        publish_area(&open(), &layer("second"));
        refresh(&open()).unwrap();
        release.send(()).unwrap();
        first.join().unwrap().unwrap_err();
    });
    listed_items(&open(), &slug("ndvi"))
}

const BOTH: [&str; 2] = ["./2024/first.json", "./2024/second.json"];

#[test]
fn an_overtaken_writer_takes_nobodys_entry_with_it_when_it_dies() {
    let memory = Store::open("memory://").unwrap();
    assert_eq!(overtaken_writer_that_dies(|| memory.clone()), BOTH);
    let server = Server::start();
    assert_eq!(overtaken_writer_that_dies(|| server.store()), BOTH);
}

#[test]
fn where_conditions_are_ignored_the_next_refresh_mends_what_a_dead_writer_overwrote() {
    let server = Server::that(Conditions::Ignored);
    let listed = overtaken_writer_that_dies(|| server.store());
    assert_eq!(
        listed,
        BOTH[..1],
        "the server keeps no condition, so this is lost"
    );
    refresh(&server.store()).unwrap();
    assert_eq!(listed_items(&server.store(), &slug("ndvi")), BOTH);
}
