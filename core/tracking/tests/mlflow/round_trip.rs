//! A run as it is at the server.

use std::time::Duration;

use geocrop_tracking::{Outcome, Patience, RunsFolder, TrackingError, sync};
use serde_json::json;

use crate::proxy::{Fault, Proxy};
use crate::remote::{Remote, folder, pairs, registration, server, tags};

/// A finished run with something of each kind; its number.
pub(crate) fn record(folder: &RunsFolder, experiment: &str, model: &str) -> String {
    let mut run = folder.start(experiment, "five folds: ü").unwrap();
    run.param("max depth", 6).unwrap();
    run.param("search/eta", 0.05).unwrap();
    for (step, value) in [0.7, 0.6, f64::NAN, f64::INFINITY].into_iter().enumerate() {
        run.metric("fold 1/loss", value, step as i64).unwrap();
    }
    run.tag("note", "zeile 1\nzeile 2 🌾").unwrap();
    run.artifact("model/model.json", b"{\"trees\": 500}")
        .unwrap();
    run.artifact("plots of ü/reliability curve.svg", b"<svg/>")
        .unwrap();
    let mut registration = registration(model);
    let now = chrono::Utc::now();
    registration.aliases.insert("production".to_owned(), now);
    run.register(&registration).unwrap();
    let id = run.id().to_owned();
    run.finish(Outcome::Finished).unwrap();
    id
}

/// Everything of such a run is there, once.
pub(crate) fn assert_whole(remote: &Remote, folder: &RunsFolder, id: &str, model: &str) {
    let here = folder.show(id).unwrap();
    let run = remote.run(&here.experiment, id);
    assert_eq!(run["info"]["run_name"], "five folds: ü");
    assert_eq!(run["info"]["status"], "FINISHED");
    assert_eq!(run["info"]["start_time"], here.started.timestamp_millis());
    assert_eq!(
        run["info"]["end_time"],
        here.ended.unwrap().timestamp_millis()
    );
    assert_eq!(pairs(&run["data"]["params"]), here.params);
    assert_eq!(tags(&run)["note"], "zeile 1\nzeile 2 🌾");
    // MLflow keeps infinity as the largest number.
    let points = [
        (json!(0.7), 0),
        (json!(0.6), 1),
        (json!("NaN"), 2),
        (json!(f64::MAX), 3),
    ];
    assert_eq!(remote.history(&run, "fold 1/loss"), points);
    assert_eq!(
        remote.stored(&run, "model/model.json").unwrap(),
        b"{\"trees\": 500}"
    );
    assert_eq!(
        remote
            .stored(&run, "plots of ü/reliability curve.svg")
            .unwrap(),
        b"<svg/>"
    );

    let versions = remote.versions(model);
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert_eq!(versions[0]["run_id"], run["info"]["run_id"]);
    assert_eq!(versions[0]["description"], "500 trees");
    assert_eq!(versions[0]["status"], "READY");
    assert_eq!(pairs(&versions[0]["tags"])["zone"], "south");
    let source = versions[0]["source"].as_str().unwrap();
    assert_eq!(
        source,
        format!("{}/model", run["info"]["artifact_uri"].as_str().unwrap())
    );
    assert_eq!(remote.aliased(model, "production").as_deref(), Some(id));
}

pub(crate) fn a_run_arrives_whole(remote: &Remote) {
    let (_dir, folder) = folder();
    let id = record(&folder, "arrives: ü/whole", "arrives whole");
    let report = sync(&folder, &remote.server()).unwrap();
    assert_eq!(report.sent, [id.as_str()]);
    assert_whole(remote, &folder, &id, "arrives whole");
    assert_eq!(folder.show(&id).unwrap().sent_to, [remote.mlflow.url()]);
}

pub(crate) fn what_is_there_is_not_sent_again(remote: &Remote) {
    let (_dir, folder) = folder();
    let first = record(&folder, "again", "again");
    let proxy = Proxy::start(remote.mlflow.port());
    let to = server(&proxy.url(), Patience::default());
    sync(&folder, &to).unwrap();
    proxy.take_seen();
    let report = sync(&folder, &to).unwrap();
    assert_eq!((report.sent.len(), report.complete), (0, 1));
    assert_eq!(proxy.take_seen(), Vec::<String>::new());
    // Another run is sent, and nothing of the first.
    let mut run = folder.start("again", "another").unwrap();
    run.metric("f1", 0.7, 0).unwrap();
    let second = run.id().to_owned();
    run.finish(Outcome::Finished).unwrap();
    let report = sync(&folder, &to).unwrap();
    assert_eq!((report.sent, report.complete), (vec![second], 1));
    let artifacts = proxy
        .take_seen()
        .iter()
        .filter(|seen| seen.starts_with("PUT"))
        .count();
    assert_eq!(artifacts, 0);
    // Without what was noted here, everything is found there.
    for run in folder.list().unwrap().runs {
        let experiments = std::fs::read_dir(folder.path()).unwrap();
        for experiment in experiments.map(|entry| entry.unwrap().path()) {
            let _ = std::fs::remove_file(experiment.join(&run.id).join("sync.json"));
        }
    }
    assert_eq!(sync(&folder, &to).unwrap().sent.len(), 2);
    assert_whole(remote, &folder, &first, "again");
}

pub(crate) fn each_way_to_end_arrives(remote: &Remote) {
    let (_dir, folder) = folder();
    for (outcome, word) in [
        (Outcome::Failed, "FAILED"),
        (Outcome::Killed, "KILLED"),
        (Outcome::Finished, "FINISHED"),
    ] {
        let run = folder.start("ends", word).unwrap();
        let id = run.id().to_owned();
        run.finish(outcome).unwrap();
        sync(&folder, &remote.server()).unwrap();
        assert_eq!(remote.run("ends", &id)["info"]["status"], word);
    }
    let run = folder.start("ends", "goes on").unwrap();
    let id = run.id().to_owned();
    assert_eq!(sync(&folder, &remote.server()).unwrap().running, 1);
    assert!(remote.runs("ends", &id, "ACTIVE_ONLY").is_empty());
    // The process is killed: its lock goes, its words stay.
    std::fs::remove_file(run.folder().join("writing.lock")).unwrap();
    std::mem::forget(run);
    assert_eq!(sync(&folder, &remote.server()).unwrap().sent, [id.as_str()]);
    let run = remote.run("ends", &id);
    assert_eq!(run["info"]["status"], "FAILED");
    assert!(run["info"].get("end_time").is_none());
}

pub(crate) fn more_than_fits_into_one_request_arrives(remote: &Remote) {
    let (_dir, folder) = folder();
    let mut run = folder.start("large", "large").unwrap();
    for n in 0..150 {
        run.param(&format!("p{n}"), "ü".repeat(7000)).unwrap();
        run.tag(&format!("t{n}"), n).unwrap();
    }
    for step in 0..2500 {
        run.metric("loss", 1.0 / (step + 1) as f64, step).unwrap();
    }
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    run.artifact("large.bin", &large).unwrap();
    let id = run.id().to_owned();
    run.finish(Outcome::Finished).unwrap();
    sync(&folder, &remote.server()).unwrap();
    let run = remote.run("large", &id);
    let params = pairs(&run["data"]["params"]);
    assert_eq!(params.len(), 150);
    assert!(params.values().all(|value| value.chars().count() == 6000));
    assert_eq!(tags(&run)["t149"], "149");
    let points = remote.history(&run, "loss");
    assert_eq!(points.len(), 2500);
    assert!(
        points.iter().zip(0..).all(|((_, step), n)| *step == n),
        "in order"
    );
    assert!(
        remote.stored(&run, "large.bin").unwrap() == large,
        "all bytes"
    );
}

pub(crate) fn a_second_copy_of_a_run_is_deleted(remote: &Remote) {
    let (_dir, folder) = folder();
    let id = record(&folder, "twice", "twice");
    // A request that timed out here was carried out there, late.
    let found = remote.post("experiments/create", &json!({"name": "twice"}));
    let copy = json!({
        "experiment_id": found["experiment_id"], "start_time": 1,
        "tags": [{"key": "geocrop.run_id", "value": id}],
    });
    remote.post("runs/create", &copy);
    remote.post("runs/create", &copy);
    assert_eq!(remote.runs("twice", &id, "ACTIVE_ONLY").len(), 2);
    sync(&folder, &remote.server()).unwrap();
    assert_eq!(remote.runs("twice", &id, "ACTIVE_ONLY").len(), 1);
    assert_eq!(remote.runs("twice", &id, "DELETED_ONLY").len(), 1);
}

pub(crate) fn a_run_that_was_deleted_there_is_not_made_again(remote: &Remote) {
    let (_dir, folder) = folder();
    let id = record(&folder, "deleted", "deleted");
    let proxy = Proxy::start(remote.mlflow.port());
    let once = Patience {
        tries: 1,
        first_pause: Duration::ZERO,
        ..Patience::default()
    };
    let to = server(&proxy.url(), once);
    // The first artifact does not arrive.
    proxy.meet("PUT", Fault::Closed);
    sync(&folder, &to).unwrap_err();
    let run = remote.run("deleted", &id);
    assert_eq!(
        run["info"]["status"], "RUNNING",
        "half a run does not look like a whole one"
    );
    remote.post("runs/delete", &json!({"run_id": run["info"]["run_id"]}));
    let error = sync(&folder, &to).unwrap_err();
    let TrackingError::Unsent { first, .. } = &error else {
        panic!("{error}");
    };
    assert!(matches!(**first, TrackingError::Deleted { .. }), "{error}");
    assert!(remote.runs("deleted", &id, "ACTIVE_ONLY").is_empty());
    remote.post("runs/restore", &json!({"run_id": run["info"]["run_id"]}));
    sync(&folder, &to).unwrap();
    remote.run("deleted", &id);
}

pub(crate) fn a_server_that_lost_a_run_gets_it_again(remote: &Remote) {
    let (_dir, folder) = folder();
    let id = record(&folder, "lost", "lost");
    let proxy = Proxy::start(remote.mlflow.port());
    let once = Patience {
        tries: 1,
        first_pause: Duration::ZERO,
        ..Patience::default()
    };
    let to = server(&proxy.url(), once);
    proxy.meet("runs/update", Fault::Closed);
    sync(&folder, &to).unwrap_err();
    // Its tag is changed, so that nothing there is this run any more: as after a restored backup.
    let run = remote.run("lost", &id);
    let other = json!({"run_id": run["info"]["run_id"], "key": "geocrop.run_id", "value": "other"});
    remote.post("runs/set-tag", &other);
    sync(&folder, &to).unwrap();
    assert_whole(remote, &folder, &id, "lost");
}
