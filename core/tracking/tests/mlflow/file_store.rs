//! MLflow opens the folder itself.

use std::path::Path;
use std::process::Command;

use geocrop_tracking::{Outcome, Status};
use serde_json::{Value, json};

use crate::python;
use crate::remote::folder;

/// Reads all runs of the folder with MLflow, then changes them and adds one.
const SCRIPT: &str = r#"
import json, sys, mlflow

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
found = []
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id]):
        path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="model/model.json")
        found.append({
            "id": run.info.run_id,
            "experiment": experiment.name,
            "name": run.info.run_name,
            "status": run.info.status,
            "params": run.data.params,
            "tags": run.data.tags,
            "points": [[str(m.value), m.step] for m in client.get_metric_history(run.info.run_id, "fold 1/loss")],
            "artifact": open(path).read(),
        })
        client.set_tag(run.info.run_id, "mlflow.note.content", "seen: ü")
        client.update_run(run.info.run_id, name="renamed 'there'")
mlflow.set_experiment("cropland: ü")
with mlflow.start_run(run_name="by MLflow"):
    mlflow.log_param("depth", 7)
    mlflow.log_metric("f1", 0.5, step=3)
    mlflow.log_text("text", "a/b.txt")
print(json.dumps(found))
"#;

fn opened(python: &Path, folder: &Path) -> Value {
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(folder)
        .env("MLFLOW_ALLOW_FILE_STORE", "true")
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let words = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(words.trim().lines().last().unwrap()).unwrap()
}

#[test]
fn mlflow_opens_the_folder_and_what_it_writes_there_is_read() {
    let Some(python) = python() else { return };
    let (_dir, folder) = folder();
    let mut run = folder.start("cropland: ü", "it's: \"a name\" # ü").unwrap();
    run.param("search/eta", 0.05).unwrap();
    for (step, value) in [0.7, f64::NAN, f64::INFINITY, 1e-300]
        .into_iter()
        .enumerate()
    {
        run.metric("fold 1/loss", value, step as i64).unwrap();
    }
    run.tag("note", "zeile 1\nzeile 2 🌾").unwrap();
    run.artifact("model/model.json", b"{}").unwrap();
    let id = run.id().to_owned();
    run.finish(Outcome::Finished).unwrap();

    let found = opened(&python, folder.path());
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let run = &found[0];
    assert_eq!(run["id"], id);
    assert_eq!(run["experiment"], "cropland: ü");
    assert_eq!(run["name"], "it's: \"a name\" # ü");
    assert_eq!(run["status"], "FINISHED");
    assert_eq!(run["params"], json!({"search/eta": "0.05"}));
    assert_eq!(run["tags"]["note"], "zeile 1\nzeile 2 🌾");
    assert_eq!(
        run["points"],
        json!([["0.7", 0], ["nan", 1], ["inf", 2], ["1e-300", 3]])
    );
    assert_eq!(run["artifact"], "{}");

    let listing = folder.list().unwrap();
    assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
    assert_eq!(listing.runs.len(), 2);
    let ours = folder.show(&id).unwrap();
    assert_eq!(ours.name, "renamed 'there'");
    assert_eq!(ours.tags["mlflow.note.content"], "seen: ü");
    let theirs = &listing.runs[0];
    assert_eq!(
        (theirs.name.as_str(), theirs.experiment.as_str()),
        ("by MLflow", "cropland: ü")
    );
    assert_eq!(theirs.status, Status::Finished);
    assert_eq!(theirs.params["depth"], "7");
    assert_eq!(
        (theirs.metrics["f1"][0].value, theirs.metrics["f1"][0].step),
        (0.5, 3)
    );
    assert_eq!(theirs.artifacts[0].path, "a/b.txt");
}
