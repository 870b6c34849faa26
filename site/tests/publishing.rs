//! A site on its way into a store that may fail at any step: readers never meet a broken page.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

#[allow(
    dead_code,
    reason = "this crate's tests watch for some of the steps only"
)]
#[path = "../../core/store/tests/s3/layer.rs"]
mod layer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Days, Utc};
use futures_util::FutureExt;
use geocrop_site::{BuildOptions, Changes, Publication, SiteError, build, publish};
use geocrop_store::Store;
use layer::layered;
use tempfile::TempDir;

/// Two states of a site, built.
struct Sites {
    folder: TempDir,
}

impl Sites {
    fn new() -> Self {
        let sites = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, words) in [("old", "Old words"), ("new", "New words")] {
            sites.write(name, "index.md", "Home", &format!("{words}. ![A](/a.svg)"));
            sites.write(
                name,
                "about.md",
                "About",
                &format!("{words}. ![{name}](/{name}.svg)"),
            );
            sites.write(name, &format!("only-{name}.md"), "Only", words);
            for picture in ["a", name] {
                let path = sites.path(name).join(format!("content/{picture}.svg"));
                std::fs::write(path, format!("<svg><!-- {name} --></svg>")).unwrap();
            }
            let folder = sites.path(name);
            let options = BuildOptions::new(
                folder.join("content"),
                "memory://",
                folder.join("out"),
                folder.join("cache"),
            );
            build(&options).unwrap();
        }
        sites
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, file: &str, title: &str, text: &str) {
        let folder = self.path(name).join("content");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join(file),
            format!("+++\ntitle = \"{title}\"\n+++\n\n{text}\n"),
        )
        .unwrap();
    }

    fn publish(&self, name: &str, store: &Store, how: Publication) -> Result<Changes, SiteError> {
        publish(&self.path(name).join("out"), store, how)
    }
}

fn day(n: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Days::new(20_000 + n)
}

fn on(n: u64) -> Publication {
    Publication {
        grace_days: 7,
        dry_run: false,
        now: day(n),
    }
}

/// Everything below `site/` with its bytes.
fn published(store: &Store) -> BTreeMap<String, Vec<u8>> {
    let entries = store.list("site").unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key.clone(), store.get(&entry.key).unwrap().unwrap()))
        .collect()
}

#[test]
fn only_what_changed_is_put_and_what_is_stale_stays_for_its_grace() {
    let (sites, store) = (Sites::new(), Store::open("memory://").unwrap());
    let first = sites.publish("old", &store, on(0)).unwrap();
    assert!(first.added.contains(&"/index.html".to_owned()) && first.changed.is_empty());
    assert_eq!(published(&store).len(), first.added.len());
    let second = sites.publish("new", &store, on(1)).unwrap();
    assert!(
        second.changed.contains(&"/about/index.html".to_owned()),
        "{second:?}"
    );
    assert!(second.added.contains(&"/only-new/index.html".to_owned()));
    assert!(second.stale.contains(&"/old.svg".to_owned()) && second.removed.is_empty());
    assert!(
        second.unchanged > 2,
        "the style and the icon are as they were"
    );
    assert!(published(&store).contains_key("site/old.svg"));

    let early = sites.publish("new", &store, on(7)).unwrap();
    assert_eq!((early.changed.len(), early.removed.len()), (0, 0));
    let late = sites.publish("new", &store, on(8)).unwrap();
    assert_eq!(late.removed, second.stale);
    let left = published(&store);
    assert!(!left.contains_key("site/old.svg") && left.contains_key("site/new.svg"));
    let idle = sites.publish("new", &store, on(9)).unwrap();
    assert_eq!(
        (idle.stale.len(), idle.removed.len(), idle.unchanged),
        (0, 0, left.len())
    );
}

#[test]
fn a_stale_file_that_is_wanted_again_begins_its_grace_anew() {
    let (sites, store) = (Sites::new(), Store::open("memory://").unwrap());
    for (name, n) in [("old", 0), ("new", 1), ("old", 6)] {
        sites.publish(name, &store, on(n)).unwrap();
    }
    let again = sites.publish("new", &store, on(10)).unwrap();
    assert!(again.removed.is_empty() && again.stale.contains(&"/old.svg".to_owned()));
}

#[test]
fn a_dry_run_tells_and_touches_nothing() {
    let (sites, store) = (Sites::new(), Store::open("memory://").unwrap());
    sites.publish("old", &store, on(0)).unwrap();
    let before = store.list("").unwrap();
    let dry = Publication {
        dry_run: true,
        grace_days: 0,
        ..on(3)
    };
    let told = sites.publish("new", &store, dry).unwrap();
    assert_eq!(store.list("").unwrap(), before);
    let done = sites
        .publish(
            "new",
            &store,
            Publication {
                grace_days: 0,
                ..on(3)
            },
        )
        .unwrap();
    assert_eq!(told, done);
    assert!(!done.removed.is_empty());
}

/// The store, failing at its `from`th step and, if `for_good`, at every later one.
fn failing(store: Store, from: usize, for_good: bool, steps: &Arc<AtomicUsize>) -> Store {
    let steps = Arc::clone(steps);
    layered(store, move |_, key| {
        let now = steps.fetch_add(1, Ordering::SeqCst);
        let fails = now == from || (for_good && now > from);
        let key = key.to_owned();
        async move {
            if fails {
                let source = format!("no answer for {key}").into();
                return Err(object_store::Error::Generic {
                    store: "test",
                    source,
                });
            }
            Ok(())
        }
        .boxed()
    })
}

#[test]
fn whatever_step_fails_readers_have_the_old_site_and_the_next_try_finishes() {
    let sites = Sites::new();
    let reference = Store::open("memory://").unwrap();
    sites.publish("old", &reference, on(0)).unwrap();
    let old = published(&reference);
    sites
        .publish(
            "new",
            &reference,
            Publication {
                grace_days: 0,
                ..on(1)
            },
        )
        .unwrap();
    let new = published(&reference);
    let how = Publication {
        grace_days: 0,
        ..on(1)
    };
    for for_good in [false, true] {
        let mut failures = 0;
        for step in 0.. {
            let plain = Store::open("memory://").unwrap();
            sites.publish("old", &plain, on(0)).unwrap();
            let steps = Arc::new(AtomicUsize::new(0));
            let store = failing(plain.clone(), step, for_good, &steps);
            let outcome = sites.publish("new", &store, how);
            if steps.load(Ordering::SeqCst) <= step {
                outcome.unwrap();
                break;
            }
            outcome.unwrap_err();
            failures += 1;
            let left = published(&plain);
            for (key, bytes) in &left {
                let known = old.get(key) == Some(bytes) || new.get(key) == Some(bytes);
                assert!(known, "step {step}: {key} is neither old nor new");
            }
            let front_is_new = left["site/index.html"] == new["site/index.html"];
            let wanted = if front_is_new { &new } else { &old };
            for (key, bytes) in wanted {
                let there = left.get(key);
                assert!(there.is_some(), "step {step}: {key} is missing");
                assert!(
                    for_good || there == Some(bytes),
                    "step {step}: {key} is not of this site"
                );
            }
            sites.publish("new", &plain, how).unwrap();
            assert!(
                published(&plain) == new,
                "step {step}: the next try did not finish"
            );
        }
        assert!(failures > 20, "{failures}");
    }
}

#[test]
fn a_folder_without_a_site_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "thesis").unwrap();
    let store = Store::open("memory://").unwrap();
    let message = publish(folder.path(), &store, on(0))
        .unwrap_err()
        .to_string();
    assert!(message.contains("geocrop site build"), "{message}");
}
