//! `kill -9` at every step of publishing: what is visible is whole, and the next run makes it new.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_util::FutureExt;
use geocrop_store::publish::{
    Staged, publish, refresh_catalog, refresh_collection, sweep, sweep_temporary, verify,
};
use geocrop_store::stac::{Catalog, Collection};
use geocrop_store::{ContentHash, Store, StoreError, layout};

use crate::fixture::{assert_whole, collection, item, keys_of, layer, slug};
use crate::layer::layered;
use crate::server::{Fault, Server, settings};

/// Where the child publishes: a folder, or a bucket at the server's address.
const STORE: &str = "GEOCROP_TEST_KILL_STORE";
const ADDRESS: &str = "GEOCROP_TEST_KILL_ADDRESS";
/// Before which step of a folder the child stops, and the file that it makes then.
const STOP_AT: &str = "GEOCROP_TEST_KILL_STEP";
const MARK: &str = "GEOCROP_TEST_KILL_MARK";

/// More than one part, so that a kill meets an upload half-way.
const MAP: usize = 9 << 20;

fn map(state: u8) -> Vec<u8> {
    vec![state; MAP]
}

/// Publishes the result in one of its states and tells of it, as a task does.
fn publish_state(store: &Store, state: u8) -> Result<(), StoreError> {
    let keys = layer("mazowe");
    let tiles = format!("tiles {state}").into_bytes();
    let staged = [
        Staged::bytes("map", keys.map(), map(state)),
        Staged::bytes("tiles", keys.tiles(&ContentHash::of_bytes(&tiles)), tiles),
    ];
    publish(store, &keys, &staged, item("mazowe"))?;
    refresh_collection(store, &slug("ndvi"), &collection)?;
    refresh_catalog(store)
}

const OLD: u8 = 1;
const NEW: u8 = 2;

/// What somebody sees who reads now: nothing half, nothing that lies.
fn assert_old_or_new_or_withdrawn(store: &Store, step: usize) {
    let keys = layer("mazowe");
    if store.exists(&keys.item()).unwrap() {
        verify(store, &keys).unwrap_or_else(|error| panic!("step {step}: {error}"));
        let map = store.get(&keys.map()).unwrap().unwrap();
        assert!(matches!(map[0], OLD | NEW) && map.iter().all(|b| *b == map[0]));
    }
    if let Some(bytes) = store.get(&layout::collection(&slug("ndvi"))).unwrap() {
        serde_json::from_slice::<Collection>(&bytes).unwrap();
    }
    if let Some(bytes) = store.get(layout::catalog()).unwrap() {
        serde_json::from_slice::<Catalog>(&bytes).unwrap();
    }
}

/// The next run: the result is new and whole, and nothing else is there.
fn assert_the_next_run_mends(store: &Store, step: usize) {
    publish_state(store, NEW).unwrap_or_else(|error| panic!("step {step}: {error}"));
    sweep_temporary(store, Duration::ZERO).unwrap();
    let keys = layer("mazowe");
    assert_whole(store, &keys);
    assert!(store.get(&keys.map()).unwrap().unwrap() == map(NEW));
    let expected = [
        keys.item(),
        keys.map(),
        keys.tiles(&ContentHash::of_bytes(b"tiles 2")),
        layout::collection(&slug("ndvi")),
        layout::catalog().to_owned(),
    ];
    assert_eq!(keys_of(store), expected.into(), "step {step}");
}

fn child(envs: &[(&str, &str)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::publishes_until_it_is_killed",
            "--ignored",
        ])
        .envs(envs.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "run by the other tests of this module, in a process that they kill"]
fn publishes_until_it_is_killed() {
    let url = std::env::var(STORE).unwrap();
    let store = match std::env::var(ADDRESS) {
        Ok(address) => {
            let mut settings = settings(&address);
            // Only the kill ends the wait.
            settings.patience.request = Duration::from_mins(10);
            Store::open_with(&url, &settings).unwrap()
        }
        Err(_) => Store::open(&url).unwrap(),
    };
    let stop_at: usize = std::env::var(STOP_AT).map_or(usize::MAX, |step| step.parse().unwrap());
    let mark = std::env::var(MARK).unwrap_or_default();
    let steps = AtomicUsize::new(0);
    let store = layered(store, move |_, _| {
        let stop = steps.fetch_add(1, Ordering::SeqCst) == stop_at;
        let mark = mark.clone();
        async move {
            if stop {
                std::fs::write(mark, "").unwrap();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
        .boxed()
    });
    publish_state(&store, NEW).unwrap();
}

/// Starts a child that publishes into a folder, and waits until it has stopped before a step; `None` if it took all of
/// them and ended.
fn stopped_at(step: usize, folder: &Path, mark: &Path) -> Option<Child> {
    let _ = std::fs::remove_file(mark);
    let mut child = child(&[
        (STORE, folder.to_str().unwrap()),
        (STOP_AT, &step.to_string()),
        (MARK, mark.to_str().unwrap()),
    ]);
    loop {
        if mark.exists() {
            return Some(child);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn half_written(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut half_written(&path));
        } else if path.to_string_lossy().contains('#') {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_folder_survives_a_kill_at_any_step() {
    let scratch = tempfile::tempdir().unwrap();
    let mark = scratch.path().join("stopped");
    let (mut kills, mut halves) = (0, 0);
    for step in 0.. {
        let folder = scratch.path().join(format!("store-{step}"));
        let store = Store::open(folder.to_str().unwrap()).unwrap();
        publish_state(&store, OLD).unwrap();
        let Some(child) = stopped_at(step, &folder, &mark) else {
            break;
        };
        kill(child);
        kills += 1;
        halves += half_written(&folder).len();
        assert_old_or_new_or_withdrawn(&store, step);
        assert_the_next_run_mends(&store, step);
        let left = half_written(&folder);
        assert!(left.is_empty(), "step {step}: {left:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
    assert!(kills > 15, "only {kills} steps were met");
    assert!(halves > 0, "no kill met a half-written file");
}

#[test]
fn a_bucket_survives_a_kill_after_any_request() {
    let mut kills = 0;
    for step in 0.. {
        let server = Server::start();
        let store = server.store();
        publish_state(&store, OLD).unwrap();
        let (stop, stopped) = mpsc::channel();
        server.inject_after(step, Fault::Stop(stop), 1, |_| true);
        let mut child = child(&[(STORE, store.url()), (ADDRESS, server.address())]);
        let met = loop {
            if stopped.recv_timeout(Duration::from_millis(2)).is_ok() {
                break true;
            }
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success());
                break false;
            }
        };
        server.heal();
        if !met {
            break;
        }
        kill(child);
        kills += 1;
        assert_old_or_new_or_withdrawn(&store, step);
        assert_the_next_run_mends(&store, step);
    }
    assert!(kills > 15, "only {kills} requests were met");
}

#[test]
fn what_a_living_writer_has_half_written_is_not_swept_and_a_dead_ones_is() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("store");
    let store = Store::open(folder.to_str().unwrap()).unwrap();
    let mark = scratch.path().join("stopped");
    for step in 0.. {
        let child = stopped_at(step, &folder, &mark).expect("some step is half-way");
        let found = half_written(&folder);
        if found.is_empty() {
            kill(child);
            continue;
        }
        assert_eq!(sweep(&store).unwrap(), [""; 0]);
        assert_eq!(half_written(&folder), found);
        kill(child);
        assert_eq!(sweep(&store).unwrap(), ["layers/ndvi/2024/mazowe.tif#1"]);
        assert!(half_written(&folder).is_empty());
        return;
    }
}

#[test]
fn tiles_that_a_living_writer_has_yet_to_refer_to_are_not_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let (reached, at_the_item) = mpsc::channel();
    let (release, go_on) = mpsc::channel::<()>();
    let go_on = Arc::new(std::sync::Mutex::new(go_on));
    let writer = layered(store.clone(), move |step, key| {
        let item = step == crate::layer::Step::Put && key == layer("mazowe").item();
        let (reached, go_on) = (reached.clone(), Arc::clone(&go_on));
        async move {
            if item {
                reached.send(()).unwrap();
                tokio::task::spawn_blocking(move || go_on.lock().unwrap().recv().unwrap())
                    .await
                    .unwrap();
            }
            Ok(())
        }
        .boxed()
    });
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publish_state(&writer, NEW));
        at_the_item.recv().unwrap();
        assert_eq!(sweep(&store).unwrap(), [""; 0]);
        release.send(()).unwrap();
        publishing.join().unwrap().unwrap();
    });
    assert_whole(&store, &layer("mazowe"));
}
