//! The pages of a store's models: cards, versions, promotions.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::path::{Path, PathBuf};

use geocrop_site::{BuildOptions, Report, build};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A site of three written pages, and a store without layers.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let page = |title: &str, more: &str, text: &str| {
            format!(
                "+++\ntitle = \"{title}\"\ndescription = \"About {title}.\"\n{more}\n+++\n\n{text}\n"
            )
        };
        site.write("content/index.md", &page("Home", "", "[Models](/models/)"));
        site.write("content/about.md", &page("About", "", "Words."));
        site.write(
            "content/models.md",
            &page("Models", "template = \"models\"", "All of them."),
        );
        std::fs::create_dir_all(site.path("store")).unwrap();
        site
    }

    /// With the models of this repository, which version 1 of one and the network begin with.
    fn with_committed() -> Self {
        let site = Self::new();
        for (name, version) in [(CROPLAND, "1"), (CROPLAND, "2"), ("dynamic-world", "v1")] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
            let card = std::fs::read_to_string(folder.join(name).join(version).join("card.json"));
            site.version(name, version, &card.unwrap());
        }
        site.serve(CROPLAND, "2", &[]);
        site.serve("dynamic-world", "v1", &[]);
        site
    }

    fn version(&self, name: &str, version: &str, card: &str) {
        let folder = format!("store/models/{name}/{version}");
        self.write(&format!("{folder}/model.json"), "{}");
        self.write(&format!("{folder}/card.json"), card);
    }

    fn serve(&self, name: &str, version: &str, history: &[Value]) {
        let folder = format!("store/models/{name}");
        self.write(&format!("{folder}/production"), &format!("{version}\n"));
        if !history.is_empty() {
            self.write(
                &format!("{folder}/promotions.json"),
                &json!(history).to_string(),
            );
        }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn write(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, inside: &str) -> String {
        let path = self.path(inside);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    fn build(&self) -> Report {
        let store = self.path("store").to_string_lossy().into_owned();
        build(&BuildOptions::new(
            self.path("content"),
            store,
            self.path("out"),
            self.path("cache"),
        ))
        .unwrap()
    }

    fn assert_has(&self, page: &str, wanted: &[&str]) {
        let html = self.read(&format!("out{page}index.html"));
        for words in wanted {
            assert!(
                html.contains(words),
                "{words} is missing in {page}:\n{html}"
            );
        }
    }
}

const CROPLAND: &str = "cropland-southeast-africa";

#[test]
fn the_page_of_a_model_is_the_card_of_the_version_that_serves() {
    let site = Site::with_committed();
    site.build();
    site.assert_has(
        "/models/cropland-southeast-africa/",
        &[
            "Tells pixels of 10 m that were sown and harvested",
            "Version 2</span><span class=\"badge serves\">Serves",
            "What it cannot do",
            "<li>All samples are of 2019.",
            "82.2 %<span class=\"about\">80.8 % to 83.4 %</span>",
            "5 folds of runs of 25 consecutive rows",
            "<th scope=\"row\">not cropland</th><td class=\"number\">1,588</td><td class=\"number\">277</td>",
            "With other folds each time, 5 times in all",
            "<svg class=\"chart reliability\" role=\"img\"",
            "CC-BY-4.0",
            "<code>nir_S2</code>",
            "<code>(nir_S1 - swir_1_S1) / (nir_S1 + swir_1_S1)</code>",
            "<th scope=\"row\">learning rate</th><td class=\"number\">0.1</td>",
            "href=\"/store/models/cropland-southeast-africa/2/model.json\"",
            "href=\"/store/models/cropland-southeast-africa/2/card.json\"",
            "<a href=\"/models/cropland-southeast-africa/1/\">1</a>",
            "<a href=\"/models/\">Models</a>",
        ],
    );
    site.assert_has(
        "/models/cropland-southeast-africa/1/",
        &[
            "Does not serve",
            "<a href=\"/models/cropland-southeast-africa/\">Version 2 serves.</a>",
        ],
    );
    site.assert_has(
        "/models/",
        &[
            "<a href=\"/models/cropland-southeast-africa/\">cropland-southeast-africa</a></th><td>2</td><td>82.2 %</td>",
            "<td>v1</td><td>73.8 %<span class=\"about\">Agreement with the consensus of experts</span></td><td>–</td>",
        ],
    );
}

#[test]
fn a_card_without_a_cross_validation_shows_what_others_state_with_its_source() {
    let site = Site::with_committed();
    site.build();
    site.assert_has(
        "/models/dynamic-world/",
        &[
            "Agreement with the consensus of experts</th><td>73.8 %</td>",
            "<a href=\"https://doi.org/10.1038/s41597-022-01307-4\">",
            "Level-2A",
            "flooded vegetation",
        ],
    );
    let html = site.read("out/models/dynamic-world/index.html");
    for absent in ["<svg class=\"chart", "Class by class", "Training settings"] {
        assert!(!html.contains(absent), "{absent} in:\n{html}");
    }
}

#[test]
fn a_store_without_models_builds_and_says_so() {
    let site = Site::new();
    let report = site.build();
    assert_eq!(report.pages, 3);
    site.assert_has("/models/", &["This store has no models."]);
}

#[test]
fn a_promotion_makes_the_models_pages_again_and_no_others() {
    let site = Site::with_committed();
    assert_eq!(site.build().rendered, 8, "three written, five of models");
    assert_eq!(site.build().rendered, 0);
    let change = json!({ "from": "2", "to": "1", "at": "2026-11-22T12:00:00Z", "by": "ann", "why": "to <compare>", "forced": true });
    site.serve(CROPLAND, "1", &[change]);
    assert_eq!(
        site.build().rendered,
        4,
        "the list, the model and its two versions"
    );
    site.assert_has(
        "/models/cropland-southeast-africa/",
        &[
            "Version 1</span><span class=\"badge serves\">Serves",
            "<th scope=\"row\" class=\"day\">2026-11-22</th><td>2</td><td>1</td><td>ann</td>",
            "badge note\">Forced</span> to &lt;compare&gt;",
        ],
    );
    site.assert_has("/models/cropland-southeast-africa/2/", &["Does not serve"]);

    // A version that nobody promoted changes the lists of versions, and no area.
    site.version(CROPLAND, "3", "{}");
    assert_eq!(site.build().rendered, 4, "the model and its three versions");
    std::fs::remove_dir_all(site.path("store/models/dynamic-world")).unwrap();
    assert_eq!(site.build().rendered, 1, "the list");
    assert!(!site.path("out/models/dynamic-world").exists());
}

#[test]
fn a_report_becomes_a_page_that_may_style_itself_and_run_nothing() {
    let site = Site::with_committed();
    let report = "<!doctype html><html><head><style>p{color:red}</style></head><p>Plots</p></html>";
    let there = "store/models/cropland-southeast-africa/2/report.html";
    site.write(there, report);
    site.build();
    let page = site.read("out/models/cropland-southeast-africa/2/report.html");
    assert!(page.contains("<p>Plots</p>"), "{page}");
    assert!(
        page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'"),
        "{page}"
    );
    let link = "href=\"/models/cropland-southeast-africa/2/report.html\"";
    site.assert_has("/models/cropland-southeast-africa/", &[link]);

    site.write(there, "no page at all");
    site.build();
    let html = site.read("out/models/cropland-southeast-africa/index.html");
    assert!(!html.contains(link), "{html}");
}

#[test]
fn what_is_missing_is_said() {
    let site = Site::new();
    // Without an alias; without a card; with an alias to a version that is elsewhere.
    site.version("new", "1", "{\"intended_use\": \"Fields.\"}");
    site.write("store/models/bare/1/model.json", "{}");
    site.serve("bare", "1", &[]);
    site.version("moved", "1", "{}");
    site.serve("moved", "2", &[]);
    // Not whole yet, and none of ours.
    site.write("store/models/half/1/card.json", "{}");
    site.write("store/models/Odd Name/1/model.json", "{}");
    assert_eq!(site.build().pages, 3 + 6);
    site.assert_has("/models/new/", &["No version of this model serves yet."]);
    site.assert_has("/models/new/1/", &["Fields.", "Does not serve"]);
    site.assert_has("/models/bare/", &["came without a card"]);
    site.assert_has(
        "/models/moved/",
        &["Version 2 serves, but its files are not in this store."],
    );
    assert!(!site.path("out/models/half").exists());
}

#[test]
fn a_damaged_card_is_named_and_the_site_stays_as_it_was() {
    let site = Site::with_committed();
    site.build();
    let before = site.read("out/models/index.html");
    site.version(CROPLAND, "2", "{");
    let store = site.path("store").to_string_lossy().into_owned();
    let options = BuildOptions::new(
        site.path("content"),
        store,
        site.path("out"),
        site.path("cache"),
    );
    let message = build(&options).unwrap_err().to_string();
    assert!(
        message.contains("models/cropland-southeast-africa/2/card.json"),
        "{message}"
    );
    assert_eq!(site.read("out/models/index.html"), before);
}

#[test]
fn a_card_of_an_older_program_is_left_out_and_said_and_all_else_is_built() {
    let site = Site::with_committed();
    // Accuracy was a number before it had an interval.
    site.version(CROPLAND, "0", r#"{"cross_validation": {"accuracy": 0.77}}"#);
    let options = BuildOptions::new(
        site.path("content"),
        site.path("store").to_string_lossy().into_owned(),
        site.path("out"),
        site.path("cache"),
    );
    assert_eq!(build(&options).unwrap().foreign_cards, 1);
    assert!(
        site.path("out/models/cropland-southeast-africa/0/index.html")
            .exists()
    );
    assert!(
        site.read("out/models/cropland-southeast-africa/index.html")
            .contains("82.2")
    );
}
