//! From batches in the store to a version that serves, by one command that may be cut short anywhere.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dataset::landscape;
use crate::support::{command, project, stderr, stdout};

const ABOUT: &str = "sha256 = ''\nname = 'maize'\nversion = '1'\nzone = 'a district'\nclasses = ['other', 'maize']\n\
    intended_use = 'trial'\nlimits = ['few samples']\n\
    [data]\ntitle = 't'\nsource = 's'\nlicence = 'CC-BY-4.0'\nattribution = 'a'\n";

/// A desk of its own: store, runs and files.
struct Desk {
    folder: tempfile::TempDir,
    mlflow: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            // Nobody listens there.
            mlflow: "http://127.0.0.1:9".to_owned(),
        };
        fs::write(desk.path("about.toml"), ABOUT).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was said, and whether all went well.
    fn geocrop(&self, args: &[&str]) -> (String, bool) {
        let output = command(args)
            .current_dir(self.folder.path())
            .env("GEOCROP_RUNS", self.path("runs"))
            .env("GEOCROP_STORE", self.path("store"))
            .env("GEOCROP_MODELS", self.path("models"))
            .env("GEOCROP_RECIPES", self.path("recipes"))
            .env("GEOCROP_MLFLOW_URL", &self.mlflow)
            .output()
            .unwrap();
        (
            format!("{}{}", stdout(&output), stderr(&output)),
            output.status.success(),
        )
    }

    fn add(&self, batch: &str, text: &str) {
        let file = format!("{batch}.csv");
        fs::write(self.path(&file), text).unwrap();
        let licence = ["--licence", "CC-BY-4.0", "--attribution", "a survey"];
        let args = [&["dataset", "add", "maize", &file][..], &licence].concat();
        let (said, well) = self.geocrop(&args);
        assert!(well, "{said}");
    }

    /// The chain; its word, and what was said.
    fn chain(&self, more: &[&str]) -> (String, String) {
        let args = [
            &["train", "--dataset", "maize", "--if-new", "--promote"][..],
            &["--plan", "plain", "--outcome", "outcome"],
            more,
        ];
        let _ = fs::remove_file(self.path("outcome"));
        let (said, well) = self.geocrop(&args.concat());
        let word = fs::read_to_string(self.path("outcome"));
        assert_eq!(well, word.is_ok(), "{said}");
        (word.unwrap_or_else(|_| "failed".to_owned()), said)
    }

    fn serves(&self) -> Option<String> {
        let alias = fs::read_to_string(self.path("store/models/maize/production"));
        alias.ok().map(|text| text.trim().to_owned())
    }

    fn json(&self, key: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path("store").join(key)).unwrap()).unwrap()
    }
}

const HEADER: &str = "Class,greenness,side,other\n";

/// Rows of a kind of land: `side` 1 has its classes the other way round, and `noise` of ten have a class by chance.
fn rows(numbers: Range<u32>, side: u32, noise: u32) -> String {
    let mut text = String::new();
    for row in numbers {
        let greenness = row * 7919 % 101;
        let by_chance = row * 31 % 10 < noise;
        let class = if by_chance {
            row * 127 % 97 % 2
        } else {
            u32::from(greenness > 50) ^ side
        };
        let _ = writeln!(text, "{class},{greenness},{side},{}", row * 613 % 89);
    }
    text
}

/// What is known at first.
fn land(count: u32) -> String {
    HEADER.to_owned() + &rows(0..count, 0, 3)
}

/// More of the land that is known, with fewer errors, and land that a model of the first has never seen and gets wrong.
fn more_land() -> String {
    HEADER.to_owned() + &rows(1000..1300, 0, 0) + &rows(2000..2150, 1, 1)
}

#[test]
fn batches_become_versions_and_only_a_better_one_serves() {
    let desk = Desk::new();
    desk.add("first", &land(120));
    let (word, said) = desk.chain(&["--about", "about.toml"]);
    assert_eq!(word, "promoted", "{said}");
    assert_eq!(desk.serves().as_deref(), Some("1"));
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "current", "{said}");
    assert!(said.contains("nothing to do"), "{said}");
    assert!(!desk.path("store/models/maize/2").exists());

    desk.add("second", &more_land());
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "promoted", "{said}");
    assert_eq!(desk.serves().as_deref(), Some("2"));
    let card = desk.json("models/maize/2/card.json");
    assert_eq!(
        card["zone"], "a district",
        "the version before says what it is for"
    );
    assert_eq!(card["data"]["licence"], "CC-BY-4.0");
    let parts = &card["data"]["dataset"]["parts"];
    assert_eq!(
        (&parts[0]["rows"], &parts[1]["rows"]),
        (&120.into(), &450.into())
    );
    let judgement = desk.json("models/maize/2/judgement.json");
    assert_eq!(judgement["champion"], "1");
    assert_eq!(judgement["comparison"]["samples"], 570);
    assert_eq!(judgement["comparison"]["verdict"], "better");
    let (history, _) = desk.geocrop(&["model", "list", "maize"]);
    assert!(
        history.contains("1 -> 2 by geocrop train: better than 1 on 570 samples"),
        "{history}"
    );

    // The same samples again teach nothing, and must not be taken for proof.
    desk.add("third", &land(20));
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "kept", "{said}");
    assert!(
        said.contains("kept maize/2: 3 does not serve, because"),
        "{said}"
    );
    assert!(
        said.contains("20 row(s) of third that an earlier batch has"),
        "{said}"
    );
    assert_eq!(desk.serves().as_deref(), Some("2"));
    assert_eq!(desk.chain(&[]).0, "current");

    // What somebody has taken back is not brought again by the next hour.
    let (said, well) = desk.geocrop(&["model", "rollback", "maize", "--why", "the maps"]);
    assert!(well, "{said}");
    assert_eq!(desk.chain(&[]).0, "current");
    assert_eq!(desk.serves().as_deref(), Some("1"));
    let (runs, _) = desk.geocrop(&["runs", "list", "--json"]);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs.as_array().unwrap().len(), 3, "{runs}");
    assert_eq!(runs[0]["params"]["dataset"], "maize");
}

#[test]
fn a_version_that_was_taken_back_stays_so_until_there_are_new_samples() {
    let desk = Desk::new();
    desk.add("first", &land(120));
    assert_eq!(desk.chain(&["--about", "about.toml"]).0, "promoted");
    desk.add("second", &more_land());
    assert_eq!(desk.chain(&[]).0, "promoted");
    let (said, well) = desk.geocrop(&["model", "rollback", "maize", "--why", "the maps"]);
    assert!(well, "{said}");
    assert_eq!(desk.chain(&[]).0, "current");
    assert_eq!(desk.serves().as_deref(), Some("1"));
}

#[test]
fn what_is_cut_short_leaves_what_serves_and_the_next_run_finishes_it() {
    let desk = Desk::new();
    desk.add("first", &land(120));
    let about = ["--about", "about.toml"];
    // Something else lies where a file of the version would go.
    let in_the_way = desk.path("store/models/maize/1/card.json");
    fs::create_dir_all(in_the_way.join("x")).unwrap();
    let (word, said) = desk.chain(&about);
    assert_eq!(word, "failed", "{said}");
    assert!(!desk.path("store/models/maize/1/model.json").exists());
    assert_eq!(desk.serves(), None);
    let (runs, _) = desk.geocrop(&["runs", "list", "--json"]);
    let runs: Value = serde_json::from_str(&runs).unwrap();
    assert_eq!(runs[0]["status"], "failed");
    assert!(runs[0]["registration"].is_null(), "{runs}");
    fs::remove_dir_all(&in_the_way).unwrap();

    // The version is there, and what is told of its promotion is refused.
    let history = desk.path("store/models/maize/promotions.json");
    fs::create_dir_all(history.join("x")).unwrap();
    let (word, said) = desk.chain(&about);
    assert_eq!(word, "failed", "{said}");
    assert!(desk.path("store/models/maize/1/model.json").exists());
    assert_eq!(desk.serves(), None);
    fs::remove_dir_all(&history).unwrap();
    let (word, said) = desk.chain(&about);
    assert_eq!(word, "promoted", "{said}");
    assert_eq!(desk.serves().as_deref(), Some("1"));
    assert!(
        !desk.path("store/models/maize/2").exists(),
        "nothing was trained again"
    );

    // The history is written, the alias is not: as after a crash between the two.
    fs::remove_file(desk.path("store/models/maize/production")).unwrap();
    let (word, said) = desk.chain(&about);
    assert_eq!(word, "promoted", "{said}");
    assert_eq!(desk.serves().as_deref(), Some("1"));
}

#[test]
fn an_mlflow_that_answers_500_changes_nothing_and_no_mlflow_is_no_word() {
    let mut desk = Desk::new();
    desk.add("first", &land(120));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    desk.mlflow = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(
                b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            );
        }
    });
    let (word, said) = desk.chain(&["--about", "about.toml"]);
    assert_eq!(word, "promoted", "{said}");
    assert!(said.contains("'geocrop runs sync' sends it"), "{said}");
    assert_eq!(desk.serves().as_deref(), Some("1"));
    desk.mlflow.clear();
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "current", "{said}");
    assert!(!said.contains("MLflow"), "{said}");
}

#[test]
fn what_cannot_be_learnt_from_is_refused_and_says_what_would_help() {
    let desk = Desk::new();
    let (said, well) = desk.geocrop(&["train", "--dataset", "maize", "--promote"]);
    assert!(!well && said.contains("there is no data set"), "{said}");
    let (said, well) = desk.geocrop(&["train", "--if-new", "--data", "x.csv", "--out", "out"]);
    assert!(
        !well && said.contains("cannot be used with '--data"),
        "{said}"
    );
    // Without a licence nobody may build on it: the model is kept, and does not serve.
    fs::write(desk.path("bare.csv"), land(120)).unwrap();
    let (said, well) = desk.geocrop(&["dataset", "add", "maize", "bare.csv"]);
    assert!(well, "{said}");
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "kept", "{said}");
    assert!(
        said.contains("its card does not say zone, intended_use, data.licence, data.attribution"),
        "{said}"
    );
    assert_eq!(desk.serves(), None);
    assert_eq!(desk.chain(&[]).0, "current");
    // Places have no features until a recipe makes them.
    fs::write(
        desk.path("places.csv"),
        "class,lon,lat,year\n0,30,-17,2021\n1,30.1,-17,2021\n",
    )
    .unwrap();
    let (said, well) = desk.geocrop(&["dataset", "add", "maize", "places.csv"]);
    assert!(well, "{said}");
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "failed", "{said}");
    assert!(
        said.contains("maize/places has places and no features: --recipe"),
        "{said}"
    );
    assert!(Path::new(&desk.path("store/models/maize/1/model.json")).exists());
    assert!(!desk.path("store/models/maize/2").exists());
}

#[test]
fn a_batch_that_was_replaced_judges_nobody() {
    let desk = Desk::new();
    desk.add("first", &land(120));
    assert_eq!(desk.chain(&["--about", "about.toml"]).0, "promoted");
    // Nearly all of its rows are those that the first version has seen.
    fs::write(desk.path("first.csv"), land(121)).unwrap();
    let args = [
        "dataset",
        "add",
        "maize",
        "first.csv",
        "--replace",
        "--licence",
        "CC-BY-4.0",
        "--attribution",
        "a survey",
    ];
    let (said, well) = desk.geocrop(&args);
    assert!(well, "{said}");
    let (word, said) = desk.chain(&[]);
    assert_eq!(word, "kept", "{said}");
    assert!(
        said.contains("no sample is left that it has not seen"),
        "{said}"
    );
    assert_eq!(desk.serves().as_deref(), Some("1"));
}

#[test]
fn places_get_their_features_on_the_way() {
    let desk = Desk::new();
    let text = landscape(&desk.path("scenes"));
    let (header, points) = text.split_once('\n').unwrap();
    let points: Vec<&str> = points.lines().collect();
    for (batch, points) in [("north", &points[..40]), ("south", &points[40..])] {
        desk.add(batch, &format!("{header}\n{}\n", points.join("\n")));
    }
    let recipes = project().join("recipes").display().to_string();
    let imagery = [
        "--recipe",
        "cropland-southeast-africa",
        "--source",
        "scenes/source.toml",
        "--recipes",
        &recipes,
        "--about",
        "about.toml",
        "--split",
        "blocks",
        "--block-km",
        "0.1",
    ];
    let (word, said) = desk.chain(&imagery);
    assert_eq!(word, "promoted", "{said}");
    let card = desk.json("models/maize/1/card.json");
    let parts = card["data"]["dataset"]["parts"].as_array().unwrap();
    let rows: u64 = parts
        .iter()
        .map(|part| part["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(card["data"]["rows"], rows);
    assert_eq!(
        (&parts[0]["batch"], &parts[1]["batch"]),
        (&"north".into(), &"south".into())
    );
    let scheme = card["cross_validation"]["scheme"].as_str().unwrap();
    assert!(scheme.contains("blocks"), "{scheme}");
    assert_eq!(desk.chain(&imagery).0, "current");
}
