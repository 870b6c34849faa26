//! Builds after builds: what did not change stays, and the site is the same as one built from nothing.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use geocrop_site::{BuildOptions, Report, build};
use tempfile::TempDir;

/// A site of a few pages without maps.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.page("index.md", "Home", "order = 1", "[About](/about/)");
        site.page(
            "about.md",
            "About",
            "aliases = [\"/who/\"]",
            "```rust\nlet a = 1;\n```",
        );
        for n in 0..20 {
            let text = format!("## Part {n}\n\nText of [the first](/guide/p0/#part-0).");
            site.page(
                &format!("guide/p{n}.md"),
                &format!("Page {n}"),
                "date = 2025-01-01",
                &text,
            );
        }
        site
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Writes a page, as of a minute ago: what is written within a tick of the clock is always read again.
    fn page(&self, inside: &str, title: &str, more: &str, text: &str) {
        let path = self.path("content").join(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let page = format!("+++\ntitle = \"{title}\"\n{more}\n+++\n\n{text}\n");
        std::fs::write(&path, page).unwrap();
        let file = std::fs::File::options().append(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_mins(1))
            .unwrap();
    }

    fn options(&self, out: &str) -> BuildOptions {
        let mut options = BuildOptions::new(
            self.path("content"),
            "memory://",
            self.path(out),
            self.path("cache"),
        );
        options.base_url = Some("https://maps.example.org".to_owned());
        options
    }

    fn build(&self) -> Report {
        build(&self.options("out")).unwrap()
    }

    /// The site in `out` must be, byte for byte, what a build from nothing makes.
    fn assert_as_from_nothing(&self) {
        let _ = std::fs::remove_dir_all(self.path("fresh"));
        let _ = std::fs::remove_file(self.path(".fresh.cache"));
        build(&self.options("fresh")).unwrap();
        let (here, fresh) = (files(&self.path("out")), files(&self.path("fresh")));
        assert!(here.len() > 40, "{:?}", here.keys());
        assert_eq!(
            here.keys().collect::<Vec<_>>(),
            fresh.keys().collect::<Vec<_>>()
        );
        for (name, bytes) in &here {
            assert!(fresh[name] == *bytes, "{name} differs");
        }
    }
}

/// Every file below `root` with its bytes, but the one that holds the time.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "build.json" {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn nothing_changed_means_nothing_done() {
    let site = Site::new();
    let first = site.build();
    assert_eq!((first.pages, first.rendered), (22, 22));
    let marker = std::fs::read(site.path("out/build.json")).unwrap();
    let second = site.build();
    assert_eq!((second.pages, second.assets), (first.pages, first.assets));
    assert_eq!((second.rendered, second.changed), (0, 0));
    assert_eq!(std::fs::read(site.path("out/build.json")).unwrap(), marker);
    site.assert_as_from_nothing();
}

#[test]
fn one_edited_page_is_the_only_one_made_and_written() {
    let site = Site::new();
    site.build();
    site.page("guide/p7.md", "Page 7", "date = 2025-01-01", "Other words.");
    let report = site.build();
    assert_eq!((report.rendered, report.changed), (1, 1));
    site.assert_as_from_nothing();
}

#[test]
fn a_change_of_what_all_pages_show_makes_all_of_them() {
    let site = Site::new();
    site.build();
    site.page("about.md", "About", "order = 2", "In the navigation now.");
    assert_eq!(site.build().rendered, 22);
    site.assert_as_from_nothing();
    assert!(!site.path("out/who").exists(), "the alias is gone");
}

#[test]
fn a_removed_page_is_gone_and_links_to_it_are_told() {
    let site = Site::new();
    site.build();
    std::fs::remove_file(site.path("content/guide/p9.md")).unwrap();
    site.build();
    assert!(!site.path("out/guide/p9").exists());
    site.assert_as_from_nothing();
    // The pages that link to this one did not change, and are checked all the same.
    let before = files(&site.path("out"));
    std::fs::remove_file(site.path("content/guide/p0.md")).unwrap();
    let message = build(&site.options("out")).unwrap_err().to_string();
    assert!(
        message.contains("content/guide/p5.md:8: /guide/p0/#part-0"),
        "{message}"
    );
    assert!(files(&site.path("out")) == before);
}

#[test]
fn a_file_of_the_site_that_was_touched_is_made_again() {
    let site = Site::new();
    site.build();
    for (file, text) in [
        ("guide/p3/index.html", "vandal"),
        ("guide/p4/index.html.gz", "x"),
        ("robots.txt", ""),
    ] {
        std::fs::write(site.path("out").join(file), text).unwrap();
    }
    std::fs::remove_file(site.path("out/who/index.html")).unwrap();
    assert_eq!(site.build().rendered, 2);
    site.assert_as_from_nothing();
}

#[test]
fn a_damaged_cache_is_no_cache() {
    let site = Site::new();
    site.build();
    let cache = site.path(".out.cache");
    let whole = std::fs::read(&cache).unwrap();
    let size = whole.len();
    // Checks, lengths and contents of both parts.
    for damage in [0, 17, 40, size / 4, size / 2, size - 20] {
        let mut bytes = whole.clone();
        bytes[damage] ^= 1;
        std::fs::write(&cache, bytes).unwrap();
        site.page(
            "guide/p7.md",
            "Page 7",
            "date = 2025-01-01",
            &format!("{damage}"),
        );
        assert_eq!(site.build().rendered, 22, "byte {damage}");
        site.assert_as_from_nothing();
    }
    std::fs::write(&cache, &whole[..whole.len() / 2]).unwrap();
    site.page("guide/p7.md", "Page 7", "date = 2025-01-01", "Cut.");
    site.build();
    site.assert_as_from_nothing();
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let site = Site::new();
    site.build();
    let several = files(&site.path("out"));
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    one.install(|| build(&site.options("single")).unwrap());
    assert!(files(&site.path("single")) == several);
}

#[test]
fn two_files_for_one_address_are_told_even_when_one_is_known() {
    let site = Site::new();
    site.build();
    site.page("guide/p2/index.md", "Twin", "", "Same address.");
    let message = build(&site.options("out")).unwrap_err().to_string();
    assert!(message.contains("/guide/p2/ is made twice"), "{message}");
}
