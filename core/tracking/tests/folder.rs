//! Runs in a folder, with no server at all.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use chrono::Utc;
use geocrop_tracking::{Outcome, Recorder, Registration, RunsFolder, Status, TrackingError};
use tempfile::TempDir;

fn folder() -> (TempDir, RunsFolder) {
    let dir = tempfile::tempdir().unwrap();
    let runs = RunsFolder::new(dir.path().join("runs"));
    (dir, runs)
}

fn registration(source: &str) -> Registration {
    Registration {
        model: "cropland".to_owned(),
        source: source.to_owned(),
        description: String::new(),
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
    }
}

/// The folder that a run is kept in.
fn place(runs: &RunsFolder, id: &str) -> PathBuf {
    let experiments = fs::read_dir(runs.path()).unwrap();
    let places = experiments.map(|entry| entry.unwrap().path().join(id));
    places.into_iter().find(|place| place.is_dir()).unwrap()
}

/// As if the process had been killed: nothing is written any more, and the system lets go of its lock.
fn kill(run: Recorder) {
    let lock = run.folder().join("writing.lock");
    fs::remove_file(&lock).unwrap();
    fs::write(&lock, "").unwrap();
    std::mem::forget(run);
}

#[test]
fn a_run_comes_back_as_it_was_recorded() {
    let (dir, runs) = folder();
    let mut run = runs
        .start("cropland: Zimbabwe/ü", "it's \"500\" trees")
        .unwrap();
    let id = run.id().to_owned();
    run.param("max depth", 6).unwrap();
    run.param("search/eta", 0.05).unwrap();
    for (step, value) in [0.7, f64::NAN, f64::INFINITY, 1e-300, -0.5]
        .into_iter()
        .enumerate()
    {
        run.metric("fold 1/loss", value, step as i64).unwrap();
    }
    run.tag("data", "zeile 1\nzeile 2 🌾").unwrap();
    run.artifact("model/card.json", b"{}").unwrap();
    fs::write(dir.path().join("model.json"), b"trees").unwrap();
    run.artifact_file("model/model.json", &dir.path().join("model.json"))
        .unwrap();
    run.register(&registration("model")).unwrap();
    assert_eq!(runs.show(&id).unwrap().status, Status::Running);
    run.finish(Outcome::Finished).unwrap();

    let run = runs.show(&id[..6]).unwrap();
    assert_eq!(run.experiment, "cropland: Zimbabwe/ü");
    assert_eq!(run.name, "it's \"500\" trees");
    assert_eq!(run.status, Status::Finished);
    assert!(run.ended.unwrap() >= run.started);
    assert_eq!(run.params["max depth"], "6");
    assert_eq!(run.params["search/eta"], "0.05");
    let points = &run.metrics["fold 1/loss"];
    let steps: Vec<i64> = points.iter().map(|point| point.step).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4]);
    let values: Vec<String> = points
        .iter()
        .map(|point| format!("{:?}", point.value))
        .collect();
    assert_eq!(values, ["0.7", "NaN", "inf", "1e-300", "-0.5"]);
    assert_eq!(run.tags["data"], "zeile 1\nzeile 2 🌾");
    let artifacts: Vec<(&str, u64)> = run
        .artifacts
        .iter()
        .map(|a| (a.path.as_str(), a.size))
        .collect();
    assert_eq!(artifacts, [("model/card.json", 2), ("model/model.json", 5)]);
    assert_eq!(run.registration, Some(registration("model")));
    assert!(run.sent_to.is_empty());
    let left = fs::read_dir(place(&runs, &id)).unwrap();
    let left: Vec<String> = left
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.contains("unfinished") || name.contains("lock")),
        "{left:?}"
    );
}

#[test]
fn a_run_whose_process_was_killed_is_listed_as_interrupted_with_all_it_has() {
    let (_dir, runs) = folder();
    let mut run = runs.start("cropland", "killed").unwrap();
    run.metric("loss", 0.5, 1).unwrap();
    let place = run.folder().to_owned();
    kill(run);
    // The power went in the middle of a line.
    let loss = place.join("metrics/loss");
    let text = fs::read_to_string(&loss).unwrap();
    fs::write(&loss, format!("{text}17953639")).unwrap();
    let listing = runs.list().unwrap();
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    assert_eq!(listing.runs[0].status, Status::Interrupted);
    assert_eq!(listing.runs[0].metrics["loss"].len(), 1);
}

#[test]
fn a_run_that_is_given_up_has_failed() {
    let (_dir, runs) = folder();
    let run = runs
        .start("cropland", "an error ends the training")
        .unwrap();
    let id = run.id().to_owned();
    drop(run);
    let run = runs.show(&id).unwrap();
    assert_eq!(run.status, Status::Failed);
    assert!(run.ended.is_some());
}

#[test]
fn names_that_lead_out_of_the_folder_write_nothing() {
    let (dir, runs) = folder();
    let mut run = runs.start("../../evil", "../evil").unwrap();
    for name in ["../evil", "/evil", "a/../../../evil", ""] {
        assert!(matches!(
            run.param(name, 1),
            Err(TrackingError::Name { .. })
        ));
        assert!(matches!(
            run.metric(name, 1.0, 0),
            Err(TrackingError::Name { .. })
        ));
        assert!(matches!(run.tag(name, 1), Err(TrackingError::Name { .. })));
        assert!(matches!(
            run.artifact(name, b""),
            Err(TrackingError::Name { .. })
        ));
        assert!(matches!(
            run.register(&registration(name)),
            Err(TrackingError::Name { .. })
        ));
    }
    run.finish(Outcome::Finished).unwrap();
    let beside: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(beside, ["runs"]);
    assert_eq!(runs.list().unwrap().runs[0].experiment, "../../evil");
}

#[test]
fn a_place_that_takes_no_folder_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let error = RunsFolder::new(file.join("runs"))
        .start("cropland", "run")
        .unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains(&file.display().to_string()) && words.contains("permissions"),
        "{words}"
    );
}

#[test]
fn a_parameter_keeps_its_value() {
    let (_dir, runs) = folder();
    let mut run = runs.start("cropland", "run").unwrap();
    run.param("depth", 6).unwrap();
    run.param("depth", 6).unwrap();
    let words = run.param("depth", 7).unwrap_err().to_string();
    assert!(
        words.contains("`depth`") && words.contains("`6`") && words.contains("`7`"),
        "{words}"
    );
    assert_eq!(runs.show(run.id()).unwrap().params["depth"], "6");
}

#[test]
fn a_model_is_registered_only_from_what_the_run_has() {
    let (_dir, runs) = folder();
    let mut run = runs.start("cropland", "run").unwrap();
    let words = run
        .register(&registration("model.json"))
        .unwrap_err()
        .to_string();
    assert!(
        words.contains("`model.json`") && words.contains("record it first"),
        "{words}"
    );
    let id = run.id().to_owned();
    let words = runs.give_alias(&id, "production").unwrap_err().to_string();
    assert!(words.contains("stands for no model"), "{words}");
    run.artifact("model.json", b"{}").unwrap();
    run.register(&registration("model.json")).unwrap();
    run.finish(Outcome::Finished).unwrap();

    let before = Utc::now();
    runs.give_alias(&id, "production").unwrap();
    assert!(matches!(
        runs.give_alias(&id, "v1"),
        Err(TrackingError::Name { .. })
    ));
    let aliases = runs.show(&id).unwrap().registration.unwrap().aliases;
    assert_eq!(aliases.len(), 1);
    assert!(aliases["production"] >= before);
}

#[test]
fn one_damaged_run_does_not_hide_the_others() {
    let (_dir, runs) = folder();
    let good = runs.start("cropland", "good").unwrap();
    let good_id = good.id().to_owned();
    good.finish(Outcome::Finished).unwrap();
    for damage in [
        "",
        "status: [",
        "run_id: x\nstart_time: 1\nstatus: 9\n",
        "\u{0}",
    ] {
        let bad = runs.start("cropland", "bad").unwrap();
        let meta = bad.folder().join("meta.yaml");
        bad.finish(Outcome::Finished).unwrap();
        fs::write(meta, damage).unwrap();
    }
    // What MLflow or a file manager may leave there is no run.
    fs::create_dir_all(runs.path().join("models/cropland")).unwrap();
    fs::create_dir_all(runs.path().join(".trash")).unwrap();
    fs::write(runs.path().join("notes.txt"), "notes").unwrap();
    let listing = runs.list().unwrap();
    assert_eq!(
        listing.runs.iter().map(|run| &run.id).collect::<Vec<_>>(),
        [&good_id]
    );
    assert_eq!(listing.damaged.len(), 4);
    for error in &listing.damaged {
        assert!(error.to_string().contains("meta.yaml"), "{error}");
    }
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_number_if_that_is_enough() {
    let (_dir, runs) = folder();
    assert!(
        runs.list().unwrap().runs.is_empty(),
        "a folder that is not there"
    );
    for _ in 0..17 {
        runs.start("cropland", "run")
            .unwrap()
            .finish(Outcome::Finished)
            .unwrap();
    }
    let all = runs.list().unwrap().runs;
    assert_eq!(runs.show(&all[3].id).unwrap(), all[3]);
    // Of 17 runs two begin alike.
    let first = |id: &str| id[..1].to_owned();
    let twice = all.iter().find(|run| {
        all.iter()
            .filter(|other| first(&other.id) == first(&run.id))
            .count()
            > 1
    });
    let words = runs
        .show(&first(&twice.unwrap().id))
        .unwrap_err()
        .to_string();
    assert!(words.contains("expected one"), "{words}");
    for wanted in ["", "..", "zz"] {
        let words = runs.show(wanted).unwrap_err().to_string();
        assert!(words.starts_with("0 runs in"), "{words}");
    }
}

#[test]
fn trainings_that_begin_at_once_share_their_experiment() {
    let (_dir, runs) = folder();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut run = runs.start("cropland", "run").unwrap();
                run.param("depth", 6).unwrap();
                run.finish(Outcome::Finished).unwrap();
            });
        }
    });
    let listing = runs.list().unwrap();
    assert_eq!(listing.runs.len(), 8);
    assert!(listing.damaged.is_empty());
    assert_eq!(
        fs::read_dir(runs.path()).unwrap().count(),
        1,
        "one experiment"
    );
}
