//! Data sets in a store: what is added is there whole, what is refused changes nothing.

use std::path::Path;

use geocrop_samples::{
    AddOptions, Added, BatchKind, Dataset, Input, NewBatch, Provenance, ReadOptions, SamplesError,
    add, read,
};
use geocrop_store::{ContentType, Slug, Store};

use crate::support::{CSV, file, legend};

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn options(replace: bool) -> AddOptions {
    AddOptions {
        title: Some("Crops of the valley".to_owned()),
        legend: Some(legend()),
        replace,
    }
}

fn batch<'a>(name: &str, path: &'a Path) -> NewBatch<'a> {
    let legend = legend();
    let options = ReadOptions {
        legend: Some(&legend),
        ..ReadOptions::default()
    };
    NewBatch {
        name: slug(name),
        path,
        input: read(path, &options, &|_| {}).unwrap(),
        provenance: Provenance {
            licence: Some("CC-BY-4.0".to_owned()),
            design: Some("convenience".to_owned()),
            ..Provenance::default()
        },
    }
}

fn put(store: &Store, name: &str, content: &str, replace: bool) -> Result<Added, SamplesError> {
    let written = file(&format!("{name}.csv"), content);
    let batches = [batch(name, &written.path)];
    Ok(add(store, &slug("crops"), &batches, &options(replace))?[0])
}

fn keys(store: &Store) -> Vec<String> {
    let entries = store.list("").unwrap();
    entries.into_iter().map(|entry| entry.key).collect()
}

#[test]
fn a_batch_is_there_with_all_that_is_known_of_it() {
    let store = Store::open("memory://").unwrap();
    assert_eq!(put(&store, "survey-2021", CSV, false).unwrap(), Added::New);
    assert_eq!(
        keys(&store),
        [
            "datasets/crops/dataset.json",
            "datasets/crops/survey-2021/batch.json",
            "datasets/crops/survey-2021/samples.geojson"
        ]
    );
    let dataset = Dataset::load(&store, &slug("crops")).unwrap();
    let entry = &dataset.batches[&slug("survey-2021")];
    assert_eq!((entry.kind, entry.samples), (BatchKind::Samples, 3));
    let samples = dataset.samples(&store, entry, &|_| {}).unwrap();
    assert_eq!(samples.len(), 3);
    let document = Dataset::document(&store, entry).unwrap();
    assert_eq!(document.source.name, "survey-2021.csv");
    assert_eq!(document.provenance.licence.as_deref(), Some("CC-BY-4.0"));
    assert_eq!(
        document.bounds,
        Some([30.138_388, -17.498_822, 31.051, -17.45])
    );
    assert_eq!(document.checks.unwrap().rows, 3);
    assert_eq!(Dataset::list(&store).unwrap(), [dataset]);
    let error = Dataset::load(&store, &slug("maize"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("there are: crops"), "{error}");
}

#[test]
fn the_same_batch_again_is_nothing_and_another_needs_leave() {
    let store = Store::open("memory://").unwrap();
    put(&store, "survey", CSV, false).unwrap();
    let before = store.get("datasets/crops/dataset.json").unwrap();
    let mut lines: Vec<&str> = CSV.lines().collect();
    lines[1..].reverse();
    assert_eq!(
        put(&store, "survey", &lines.join("\n"), false).unwrap(),
        Added::Unchanged
    );
    let other = CSV.replace("maize", "beans");
    let error = put(&store, "survey", &other, false).unwrap_err();
    assert!(matches!(error, SamplesError::BatchThere { .. }), "{error}");
    assert_eq!(store.get("datasets/crops/dataset.json").unwrap(), before);

    assert_eq!(
        put(&store, "survey", &other, true).unwrap(),
        Added::Replaced
    );
    let dataset = Dataset::load(&store, &slug("crops")).unwrap();
    let entry = &dataset.batches[&slug("survey")];
    let samples = dataset.samples(&store, entry, &|_| {}).unwrap();
    assert!(samples.iter().any(|s| s.note.as_deref() == Some("beans")));
    assert_eq!(keys(&store).len(), 3, "{:?}", keys(&store));
}

#[test]
fn a_store_that_refuses_the_write_keeps_the_old_batch_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().display().to_string()).unwrap();
    put(&store, "survey", CSV, false).unwrap();
    let before = Dataset::load(&store, &slug("crops")).unwrap();

    // A file lies where the new content's folder would be.
    let other = CSV.replace("maize", "beans");
    let written = file("survey.csv", &other);
    let Input::Samples(new) = batch("survey", &written.path).input else {
        panic!("not samples")
    };
    let way = format!(
        "datasets/crops/survey/{}",
        geocrop_samples::short(&new.version)
    );
    std::fs::write(folder.path().join(way), "in the way").unwrap();
    let error = put(&store, "survey", &other, true).unwrap_err();
    assert!(matches!(error, SamplesError::Store(_)), "{error}");
    let after = Dataset::load(&store, &slug("crops")).unwrap();
    assert_eq!(after, before);
    let samples = after.samples(&store, &after.batches[&slug("survey")], &|_| {});
    assert_eq!(samples.unwrap().len(), 3);

    // The document cannot be written: a new data set stays unknown.
    std::fs::create_dir_all(folder.path().join("datasets/maize/dataset.json/x")).unwrap();
    let written = file("survey.csv", CSV);
    let batches = [batch("survey", &written.path)];
    assert!(add(&store, &slug("maize"), &batches, &options(false)).is_err());
    assert_eq!(Dataset::list(&store).unwrap(), [after]);
}

#[test]
fn of_several_batches_all_are_added_or_none() {
    let store = Store::open("memory://").unwrap();
    put(&store, "old", CSV, false).unwrap();
    let before = Dataset::load(&store, &slug("crops")).unwrap();
    let (new, old) = (
        file("new.csv", CSV),
        file("old.csv", CSV.replace("maize", "beans")),
    );
    let batches = [batch("new", &new.path), batch("old", &old.path)];
    let error = add(&store, &slug("crops"), &batches, &options(false)).unwrap_err();
    assert!(matches!(error, SamplesError::BatchThere { .. }), "{error}");
    assert_eq!(Dataset::load(&store, &slug("crops")).unwrap(), before);
}

#[test]
fn samples_that_were_changed_in_the_store_are_noticed() {
    let store = Store::open("memory://").unwrap();
    put(&store, "survey", CSV, false).unwrap();
    let dataset = Dataset::load(&store, &slug("crops")).unwrap();
    let entry = &dataset.batches[&slug("survey")];
    let text = String::from_utf8(store.get(&entry.content()).unwrap().unwrap()).unwrap();
    let changed = text.replace("\"class\":1", "\"class\":0");
    store
        .put(&entry.content(), changed.into_bytes(), ContentType::GeoJson)
        .unwrap();
    let error = dataset.samples(&store, entry, &|_| {}).unwrap_err();
    assert!(matches!(error, SamplesError::Damaged { .. }), "{error}");
}

#[test]
fn another_legend_is_refused_for_a_data_set_that_has_one() {
    let store = Store::open("memory://").unwrap();
    put(&store, "survey", CSV, false).unwrap();
    let mut classes: Vec<_> = legend().iter().cloned().collect();
    classes[1].name = "maize".to_owned();
    let other = AddOptions {
        legend: Some(geocrop_model::Legend::new(classes).unwrap()),
        ..AddOptions::default()
    };
    let written = file("more.csv", CSV);
    let error = add(
        &store,
        &slug("crops"),
        &[batch("more", &written.path)],
        &other,
    )
    .unwrap_err();
    assert!(matches!(error, SamplesError::OtherLegend { .. }), "{error}");
}

#[test]
fn a_ready_made_table_comes_in_byte_for_byte() {
    let store = Store::open("memory://").unwrap();
    let text = "# Class red nir\n1.000000 0.076900 nan\n0.000000 0.1 0.2\n";
    let written = file("Training.txt", text);
    let batches = [batch("training", &written.path)];
    add(&store, &slug("crops"), &batches, &options(false)).unwrap();
    let dataset = Dataset::load(&store, &slug("crops")).unwrap();
    let entry = &dataset.batches[&slug("training")];
    assert_eq!(entry.content(), "datasets/crops/training/table.txt");
    assert_eq!(
        store.get(&entry.content()).unwrap().unwrap(),
        text.as_bytes()
    );
    let document = Dataset::document(&store, entry).unwrap();
    assert_eq!(document.features, ["red", "nir"]);
    assert_eq!(document.sha256, entry.version);
    Dataset::check_table(&store, entry).unwrap();
    store
        .put(
            &entry.content(),
            b"# Class red nir\n".to_vec(),
            ContentType::Text,
        )
        .unwrap();
    assert!(Dataset::check_table(&store, entry).is_err());
}
