//! Models through the program: compared, promoted, taken back, taken in.

use std::fs;
use std::path::Path;

use geocrop_synthetic::Landscape;
use ndarray::Array1;
use serde_json::Value;

use crate::ask::mapped;
use crate::support::{command, project, shared_data, stderr, stdout};

const NAME: &str = "cropland-southeast-africa";

/// The program's answer and whether it was content; models of the project, a store of the test's.
fn model(store: &Path, args: &[&str]) -> (String, bool) {
    let store = store.to_str().unwrap();
    let args = [&["model"], args, &["--store", store]].concat();
    let output = command(&args)
        .env("GEOCROP_RUNS", Path::new(store).join("runs"))
        .output()
        .unwrap();
    (
        format!("{}{}", stdout(&output), stderr(&output)),
        output.status.success(),
    )
}

fn production(store: &Path) -> Option<String> {
    let alias = fs::read_to_string(store.join("models").join(NAME).join("production"));
    alias.ok().map(|text| text.trim().to_owned())
}

#[test]
fn a_worse_version_does_not_serve_unless_somebody_insists_and_the_way_back_is_kept() {
    let store = tempfile::tempdir().unwrap();
    let store = store.path();
    let (listed, _) = model(store, &["list", NAME]);
    assert!(
        listed.contains("1 ") && listed.contains("serves"),
        "{listed}"
    );

    // Version 2 serves by the project's folder. Version 1 is worse on the same samples.
    let (compared, _) = model(store, &["compare", NAME, "1"]);
    assert!(
        compared.contains("2 -> 1") && compared.contains("1: worse"),
        "{compared}"
    );
    let (refused, well) = model(store, &["promote", NAME, "1"]);
    assert!(
        !well && refused.contains("worse beyond noise: accuracy"),
        "{refused}"
    );
    assert_eq!(production(store), None, "nothing was written");
    let (unexplained, well) = model(store, &["promote", NAME, "1", "--force"]);
    assert!(!well && unexplained.contains("--why"), "{unexplained}");

    let forced = [
        "promote",
        NAME,
        "1",
        "--force",
        "--why",
        "to compare maps",
        "--by",
        "ann",
    ];
    let (serves, well) = model(store, &forced);
    assert!(well, "{serves}");
    assert_eq!(production(store).as_deref(), Some("1"));
    let (better, well) = model(store, &["promote", NAME, "2", "--by", "ann"]);
    assert!(well, "{better}");
    assert_eq!(production(store).as_deref(), Some("2"));
    let (back, well) = model(
        store,
        &["rollback", NAME, "--why", "maps of Mazowe", "--by", "bob"],
    );
    assert!(well, "{back}");
    assert_eq!(production(store).as_deref(), Some("1"));
    let (history, _) = model(store, &["list", NAME]);
    for line in [
        "2 -> 1 by ann, forced: to compare maps (against: it is worse beyond noise",
        "1 -> 2 by ann: better than 1",
        "2 -> 1 by bob: back: maps of Mazowe",
    ] {
        assert!(history.contains(line), "{line}\n{history}");
    }
}

#[test]
fn a_network_is_listed_and_nothing_pretends_to_judge_it() {
    let store = tempfile::tempdir().unwrap();
    let store = store.path();
    let (listed, well) = model(store, &["list"]);
    assert!(well && listed.contains(NAME), "{listed}");
    let (listed, _) = model(store, &["list", "dynamic-world"]);
    assert!(
        listed.contains("v1") && listed.contains("serves") && listed.contains("73.8 %"),
        "{listed}"
    );

    // The same network under another version, as other weights would be.
    let other = tempfile::tempdir().unwrap();
    let committed = project().join("models/dynamic-world/v1");
    fs::copy(
        committed.join("model.json"),
        other.path().join("model.json"),
    )
    .unwrap();
    let card = fs::read_to_string(committed.join("card.json")).unwrap();
    let card = card.replace("\"version\": \"v1\"", "\"version\": \"v2\"");
    fs::write(other.path().join("card.json"), card).unwrap();
    let (said, well) = model(store, &["register", other.path().to_str().unwrap()]);
    assert!(well && said.contains("dynamic-world/v2"), "{said}");

    let (refused, well) = model(store, &["compare", "dynamic-world", "v2"]);
    assert!(
        !well && refused.contains("is a network") && refused.contains("geocrop diff"),
        "{refused}"
    );
    let (refused, well) = model(store, &["promote", "dynamic-world", "v2"]);
    assert!(
        !well && refused.contains("cannot be compared with v1") && refused.contains("--force"),
        "{refused}"
    );
    let forced = [
        "promote",
        "dynamic-world",
        "v2",
        "--force",
        "--why",
        "new weights",
        "--by",
        "ann",
    ];
    let (serves, well) = model(store, &forced);
    assert!(well, "{serves}");
    let (listed, _) = model(store, &["list", "dynamic-world", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let serving = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["production"] == true);
    assert_eq!(serving.unwrap()["version"], "v2");
    let back = [
        "rollback",
        "dynamic-world",
        "--why",
        "as before",
        "--by",
        "bob",
    ];
    let (back, well) = model(store, &back);
    assert!(well && back.contains("dynamic-world/v1 serves"), "{back}");

    // A manifest of a network that nobody here can evaluate is not taken in.
    let text = fs::read_to_string(committed.join("model.json")).unwrap();
    let text = text.replace("dynamic-world-forward", "unet");
    fs::write(other.path().join("model.json"), text).unwrap();
    let (refused, well) = model(store, &["register", other.path().to_str().unwrap()]);
    assert!(
        !well && refused.contains("architecture is unet"),
        "{refused}"
    );
}

#[test]
fn a_store_that_refuses_leaves_what_serves() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    fs::create_dir_all(store.join("models")).unwrap();
    // Something else is where the alias would go.
    fs::write(store.join("models").join(NAME), "in the way").unwrap();
    let (refused, well) = model(&store, &["promote", NAME, "1", "--force", "--why", "trial"]);
    assert!(!well, "{refused}");
    let (unknown, well) = model(&store, &["promote", "wheat", "1"]);
    assert!(
        !well && unknown.contains("there is no models/wheat/1/model.json"),
        "{unknown}"
    );
}

#[test]
fn a_model_from_elsewhere_is_taken_in_if_it_predicts_as_it_did_there() {
    let Some(data) = shared_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = (folder.path().join("store"), |name: &str| {
        folder.path().join(name)
    });
    // Samples of another zone stand for samples that it did not learn from.
    let table = data.join("deafrica/southern_training.txt");
    let file = project().join("models").join(NAME).join("1/model.json");
    let rows = geocrop_training::Table::read(&table).unwrap();
    let trees = geocrop_model::TreeEnsemble::load(&file).unwrap();
    let mut expected = vec![0.0; rows.rows];
    trees
        .predict_rows(
            &rows.in_order(trees.feature_names()).unwrap(),
            &mut expected,
        )
        .unwrap();
    let predictions = path("p.npy");
    let about = path("about.toml");
    fs::write(
        &about,
        "sha256 = ''\nname = 'borrowed'\nversion = '7'\nzone = 'south'\nclasses = ['no', 'yes']\nintended_use = 'trial'\n\
         limits = ['few']\n[data]\ntitle = 't'\nsource = 's'\nlicence = 'CC-BY-4.0'\nattribution = 'a'\n",
    )
    .unwrap();
    let import = |expected: &[f32]| {
        ndarray_npy::write_npy(&predictions, &Array1::from(expected.to_vec())).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (file, data) = (text(&file), text(&table));
        let (about, predictions) = (text(&about), text(&predictions));
        let args = [
            "import",
            &file,
            "--data",
            &data,
            "--about",
            &about,
            "--predictions",
            &predictions,
        ];
        model(&store, &args)
    };
    let mut wrong = expected.clone();
    wrong[17] += 0.01;
    let (refused, well) = import(&wrong);
    assert!(
        !well && refused.contains("it predicts up to 0.0"),
        "{refused}"
    );
    assert!(
        !store.join("models/borrowed").exists(),
        "nothing is half-registered"
    );

    let (taken, well) = import(&expected);
    assert!(
        well && taken.contains("borrowed/7 is in the store"),
        "{taken}"
    );
    let card: Value =
        serde_json::from_slice(&fs::read(store.join("models/borrowed/7/card.json")).unwrap())
            .unwrap();
    let scheme = card["cross_validation"]["scheme"].as_str().unwrap();
    assert!(scheme.contains("did not learn from"), "{scheme}");
    let report = fs::read_to_string(store.join("models/borrowed/7/report.html")).unwrap();
    for part in [
        "borrowed 7",
        "Reliability",
        "Importance",
        "taken in by geocrop",
    ] {
        assert!(report.contains(part), "{part}");
    }
    let (first, well) = model(&store, &["promote", "borrowed", "7"]);
    assert!(well, "{first}");

    // Its own samples judge nobody.
    let own = data.join("deafrica/south_eastern_training.txt");
    let (own, well) = model(
        &store,
        &["compare", NAME, "1", "--data", own.to_str().unwrap()],
    );
    assert!(!well && own.contains("learnt from"), "{own}");
    let (drift, well) = model(&store, &["drift", NAME, "--data", table.to_str().unwrap()]);
    assert!(well && drift.contains("large"), "{drift}");
}

#[test]
fn drift_of_a_layer_is_that_of_the_pixels_that_were_counted_when_its_maps_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let (land, store) = (folder.path().join("land"), folder.path().join("store"));
    fs::create_dir_all(&land).unwrap();
    let landscape = Landscape::valley(96, 6);
    landscape.write(&land, &|_, _, _| true).unwrap();
    let made = mapped(&land, NAME, store.to_str().unwrap());
    assert!(made.status.success(), "{}", stderr(&made));

    let year = format!("{NAME}/2024");
    let layer = |layer: &str| model(&store, &["drift", NAME, "--layer", layer]);
    let (found, well) = layer(&year);
    assert!(well && found.contains(" pixels of 1 maps"), "{found}");
    let first = found.lines().nth(1).unwrap();
    assert!(first.contains("rain") && first.contains("large"), "{found}");
    assert_eq!(layer(&format!("{year}/valley")), (found, true));

    let (none, well) = layer(&format!("{year}/nowhere"));
    assert!(!well && none.contains("precompute run"), "{none}");
    let (usage, well) = layer("valley");
    assert!(!well && usage.contains("RECIPE/PERIOD/AREA"), "{usage}");
    let other = format!("{NAME}/1");
    let (other, well) = model(&store, &["drift", &other, "--layer", &year]);
    // Both versions learnt from the same samples.
    assert!(well && other.starts_with(&format!("{NAME}/1")), "{other}");
}
