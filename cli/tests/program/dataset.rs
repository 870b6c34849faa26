//! `geocrop dataset`: samples from files into a store, and features at them, as a user meets it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use geocrop_raster::{Aoi, AoiLimits};
use geocrop_synthetic::Landscape;
use serde_json::Value;

use crate::support::{geocrop, project, shared_data, stderr, stdout};

const RECIPE: &str = "cropland-southeast-africa";

/// A store, and files beside it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self.path(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let store = self.path("store");
        let all: Vec<&str> = ["dataset"]
            .iter()
            .chain(args)
            .copied()
            .chain(["--store", &store])
            .collect();
        geocrop(&all)
    }

    fn works(&self, args: &[&str]) -> Output {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        output
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.works(args);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What is said when it fails with an exit code.
    fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        stderr(&output)
    }

    /// Files of the store.
    fn stored(&self) -> usize {
        let mut open = vec![self.folder.path().join("store")];
        let mut count = 0;
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    count += 1;
                }
            }
        }
        count
    }
}

const SURVEY: &str = "\
lon,lat,class,year,group
31.05,-17.45,cropland,2021,farm-1
31.06,-17.45,other,2021,farm-1
31.07,-17.46,1,2022,farm-2
31.08,-17.46,0,2022,farm-2
";

#[test]
fn a_survey_is_added_counted_and_found_unchanged_in_another_format() {
    let desk = Desk::new();
    let csv = desk.file("Survey 2021.csv", SURVEY);
    let added = desk.works(&[
        "add",
        "crops",
        &csv,
        "--legend",
        RECIPE,
        "--licence",
        "CC-BY-4.0",
    ]);
    let said = stderr(&added);
    assert!(
        said.contains("crops/survey-2021: 4 samples, added"),
        "{said}"
    );

    let stats = stdout(&desk.works(&["stats", "crops"]));
    for part in [
        "4 samples in 1 batch(es)",
        "1 Cropland",
        "50.0 %",
        "2022",
        "survey-2021",
    ] {
        assert!(stats.contains(part), "{part}: {stats}");
    }
    let stats = desk.json(&["stats", "crops", "--json"]);
    assert_eq!(stats["batches"]["survey-2021"]["classes"]["1"], 2);
    assert_eq!(stats["legend"][1]["name"], "cropland");
    let listed = desk.json(&["list", "--json"]);
    assert_eq!(listed[0]["version"], stats["version"]);
    assert!(stdout(&desk.works(&["list"])).contains("crops"));

    // The stored samples are a file of samples themselves.
    let stored = desk.path("store/datasets/crops/survey-2021/samples.geojson");
    let again = desk.works(&["add", "crops", &stored, "--batch", "survey-2021"]);
    assert!(
        stderr(&again).contains("there already"),
        "{}",
        stderr(&again)
    );
    assert_eq!(desk.json(&["stats", "crops", "--json"]), stats);
    let checked = desk.works(&["check", "crops"]);
    assert!(
        stderr(&checked).contains("as they were added"),
        "{}",
        stderr(&checked)
    );

    let later = desk.file("later.csv", "lon,lat,class,year\n31.05,-17.45,other,2021\n");
    let said = stderr(&desk.works(&["add", "crops", &later]));
    assert!(said.contains("has one sample"), "{said}");
    let checked = stderr(&desk.works(&["check", "crops"]));
    assert!(
        checked.contains("later/1 and survey-2021/") && checked.contains("contradict"),
        "{checked}"
    );
    let changed = desk.file("survey-2021.csv", &SURVEY.replace("farm-2", "farm-3"));
    let said = desk.fails(&["add", "crops", &changed], 1);
    assert!(said.contains("--replace"), "{said}");
    desk.works(&["add", "crops", &changed, "--replace"]);
    desk.works(&["check", "crops"]);
}

#[test]
fn what_is_wrong_is_named_with_line_and_column_and_nothing_is_registered() {
    let desk = Desk::new();
    let swapped = desk.file("swapped.csv", "lon,lat,class,year\n-17.45,31.05,1,2021\n");
    let said = desk.fails(&["add", "crops", &swapped, "--legend", RECIPE], 1);
    assert!(
        said.contains("line 2, column lat") && said.contains("swapped"),
        "{said}"
    );
    let wrong = desk.file(
        "wrong.csv",
        "lon,lat,class,year\n31.05,nan,wheat,soon\n31,-17,1,2021\n",
    );
    let said = desk.fails(&["add", "crops", &wrong, "--legend", RECIPE], 1);
    for part in [
        "column lat",
        "not in the legend, which has 0 other",
        "column year",
        "3 mistake(s)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let good = desk.file("good.csv", SURVEY);
    let said = desk.fails(&["add", "crops", &good, &wrong, "--legend", RECIPE], 1);
    assert!(said.contains("wrong.csv"), "{said}");
    let named = desk.file("named.csv", "lon,lat,klass,year\n31.05,-17,1,2021\n");
    let said = desk.fails(&["add", "crops", &named], 1);
    assert!(
        said.contains("--class-column") && said.contains("klass"),
        "{said}"
    );
    assert_eq!(desk.stored(), 0);

    let said = desk.fails(&["add", "Crops!", &good], 2);
    assert!(said.contains("a-z"), "{said}");
    let said = desk.fails(&["add", "crops", &good, &good, "--batch", "one"], 2);
    assert!(said.contains("--batch"), "{said}");
    let said = desk.fails(&["add", "crops", &good, "--legend", "ndvi"], 2);
    assert!(said.contains("has no classes"), "{said}");
    let said = desk.fails(&["stats", "crops"], 1);
    assert!(said.contains("there is no data set crops"), "{said}");
    assert_eq!(desk.stored(), 0);
}

#[test]
fn a_file_is_checked_without_being_added() {
    let desk = Desk::new();
    let csv = desk.file(
        "survey.csv",
        &SURVEY
            .replace(",year", ",")
            .replace(",2021", ",")
            .replace(",2022", ","),
    );
    let said = desk.fails(&["check", &csv, "--legend", RECIPE], 1);
    assert!(said.contains("--date"), "{said}");
    let report = desk.json(&[
        "check", &csv, "--legend", RECIPE, "--date", "2021", "--json",
    ]);
    assert_eq!(report["samples"], 4);
    assert_eq!(report["years"]["2021"], 4);
    let area = project().join("aois/banket.geojson").display().to_string();
    let args = [
        "check", &csv, "--legend", RECIPE, "--date", "2021", "--aoi", &area,
    ];
    let said = stderr(&desk.works(&args));
    assert!(said.contains("4 sample(s) lie outside"), "{said}");
    assert_eq!(desk.stored(), 0);
}

/// A landscape, and points all over it: `lon,lat,class,date`.
pub(crate) fn landscape(dir: &Path) -> String {
    Landscape::valley(64, 4)
        .write(dir, &|_, _, _| true)
        .unwrap();
    let aoi = Aoi::read(&dir.join("aois/valley.geojson"), &AoiLimits::default()).unwrap();
    let [west, south, east, north] = aoi.lonlat_bounds();
    let mut text = "lon,lat,class,date\n".to_owned();
    for place in 0..100 {
        let (across, up) = (f64::from(place % 10) + 0.5, f64::from(place / 10) + 0.5);
        let lon = west + (east - west) * across / 10.0;
        let lat = south + (north - south) * up / 10.0;
        writeln!(text, "{lon},{lat},{},2024-03-15", place % 2).unwrap();
    }
    text
}

#[test]
fn features_are_extracted_at_the_samples_with_what_they_were_made_of() {
    let desk = Desk::new();
    let mut text = landscape(&desk.folder.path().join("scenes"));
    text += "35.0,-17.4,1,2024\n";
    text += "31.0,-17.4,1,2019\n";
    let csv = desk.file("points.csv", &text);
    desk.works(&["add", "valley", &csv, "--legend", RECIPE]);
    let (source, out) = (desk.path("scenes/source.toml"), desk.path("features.csv"));
    let extract = |more: &[&str]| {
        let base = [
            "extract", "valley", "--recipe", RECIPE, "--source", &source, "--out", &out,
        ];
        let all: Vec<&str> = base.iter().chain(more).copied().collect();
        desk.run(&all)
    };
    let output = extract(&[]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("2 sample(s) outside of the imagery"),
        "{said}"
    );

    let table = std::fs::read_to_string(&out).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..4], ["Class", "lon", "lat", "period"]);
    assert_eq!(header[4..], geocrop_features());
    let rows = table.lines().count() - 1;
    assert!(rows > 80, "{said}");
    let record: Value =
        serde_json::from_slice(&std::fs::read(desk.path("features.json")).unwrap()).unwrap();
    let stats = desk.json(&["stats", "valley", "--json"]);
    assert_eq!(record["dataset"]["version"], stats["version"]);
    assert_eq!(record["rows"], rows);
    assert_eq!(record["left_out"].as_array().unwrap().len(), 102 - rows);
    assert_eq!(record["recipe"]["name"], RECIPE);
    assert!(record["locks"][0]["inputs"].is_object(), "{record}");

    let output = extract(&["--period", "2019"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("outside the imagery"),
        "{}",
        stderr(&output)
    );
    let output = extract(&["--period", "2018"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("dataset stats valley"),
        "{}",
        stderr(&output)
    );
    // What is there stays when nothing comes of it.
    assert_eq!(std::fs::read_to_string(&out).unwrap(), table);

    let predicted = desk.path("predicted.csv");
    let model = project().join("models").join(RECIPE).join("1/model.json");
    let model = model.display().to_string();
    let args = [
        "predict", "--model", &model, "--table", &out, "--out", &predicted,
    ];
    let output = geocrop(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        std::fs::read_to_string(&predicted).unwrap().lines().count(),
        rows + 1
    );
}

/// The recipe's features in its order, as the published training tables have them.
fn geocrop_features() -> Vec<String> {
    let season = [
        "blue",
        "green",
        "red",
        "nir",
        "swir_1",
        "swir_2",
        "red_edge_1",
        "red_edge_2",
        "red_edge_3",
        "bcdev",
        "edev",
        "sdev",
        "NDVI",
        "LAI",
        "MNDWI",
        "rain",
    ];
    let seasons = ["S1", "S2"].iter();
    let all = seasons.flat_map(|s| season.iter().map(move |name| format!("{name}_{s}")));
    all.chain(["slope".to_owned()]).collect()
}

#[test]
fn a_ready_made_table_comes_in_as_it_is() {
    let Some(data) = shared_data() else { return };
    let desk = Desk::new();
    let file = data.join("deafrica/south_eastern_training.txt");
    let path = file.display().to_string();
    let said = stderr(&desk.works(&["add", "deafrica", &path, "--licence", "CC-BY-4.0"]));
    assert!(said.contains("3341 rows of features, added"), "{said}");
    let stored = desk.path("store/datasets/deafrica/south-eastern-training/table.txt");
    assert!(std::fs::read(stored).unwrap() == std::fs::read(&file).unwrap());
    desk.works(&["check", "deafrica"]);
    let said = desk.fails(
        &[
            "extract", "deafrica", "--recipe", RECIPE, "--source", "x", "--out", "y.csv",
        ],
        1,
    );
    assert!(said.contains("have no places"), "{said}");
}
