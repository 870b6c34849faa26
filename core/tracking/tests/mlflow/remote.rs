//! The server as the cases look at it, past the code that they test.

use std::collections::BTreeMap;
use std::fs;

use geocrop_testbed::Mlflow;
use geocrop_testbed::s3::S3;
use geocrop_tracking::{Credentials, Patience, Registration, RunsFolder, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) struct Remote<'a> {
    pub(crate) mlflow: &'a Mlflow,
    store: &'a S3,
    client: reqwest::blocking::Client,
}

impl<'a> Remote<'a> {
    pub(crate) fn new(mlflow: &'a Mlflow, store: &'a S3) -> Self {
        let client = reqwest::blocking::Client::new();
        Self {
            mlflow,
            store,
            client,
        }
    }

    /// The server as it is.
    pub(crate) fn server(&self) -> Server {
        server(&self.mlflow.url(), Patience::default())
    }

    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.mlflow.url());
        self.client
            .get(url)
            .query(query)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.mlflow.url());
        self.client
            .post(url)
            .json(body)
            .send()
            .unwrap()
            .json()
            .unwrap()
    }

    /// What the server has of a run here, as `view` says: `ACTIVE_ONLY` or `DELETED_ONLY`.
    pub(crate) fn runs(&self, experiment: &str, id: &str, view: &str) -> Vec<Value> {
        let found = self.get(
            "experiments/get-by-name",
            &[("experiment_name", experiment)],
        );
        let Some(experiment) = found["experiment"]["experiment_id"].as_str() else {
            return Vec::new();
        };
        let filter = format!("tags.`geocrop.run_id` = '{id}'");
        let body = json!({"experiment_ids": [experiment], "filter": filter, "run_view_type": view});
        let found = self.post("runs/search", &body);
        found["runs"].as_array().cloned().unwrap_or_default()
    }

    /// The only one.
    pub(crate) fn run(&self, experiment: &str, id: &str) -> Value {
        let mut runs = self.runs(experiment, id, "ACTIVE_ONLY");
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// The points of a metric: value and step.
    pub(crate) fn history(&self, run: &Value, metric: &str) -> Vec<(Value, i64)> {
        let id = run["info"]["run_id"].as_str().unwrap();
        let query = [
            ("run_id", id),
            ("metric_key", metric),
            ("max_results", "25000"),
        ];
        let found = self.get("metrics/get-history", &query);
        let points = found["metrics"].as_array().cloned().unwrap_or_default();
        // MLflow leaves out a step of 0.
        let step = |point: &Value| point["step"].as_i64().unwrap_or(0);
        points
            .iter()
            .map(|point| (point["value"].clone(), step(point)))
            .collect()
    }

    /// An artifact's bytes as they lie in S3.
    pub(crate) fn stored(&self, run: &Value, path: &str) -> Option<Vec<u8>> {
        let uri = run["info"]["artifact_uri"].as_str().unwrap();
        let below = uri.strip_prefix("mlflow-artifacts:/").unwrap();
        fs::read(self.store.file(&format!("mlflow/{below}/{path}"))).ok()
    }

    /// The versions of a model.
    pub(crate) fn versions(&self, model: &str) -> Vec<Value> {
        let filter = format!("name = '{model}'");
        let found = self.get("model-versions/search", &[("filter", filter.as_str())]);
        found["model_versions"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The run, here, of the version that has the alias.
    pub(crate) fn aliased(&self, model: &str, alias: &str) -> Option<String> {
        let found = self.get(
            "registered-models/alias",
            &[("name", model), ("alias", alias)],
        );
        let id = found["model_version"]["run_id"].as_str()?;
        let run = self.get("runs/get", &[("run_id", id)]);
        tags(&run["run"]).remove("geocrop.run_id")
    }
}

pub(crate) fn server(address: &str, patience: Patience) -> Server {
    Server::new(address, Credentials::None, patience).unwrap()
}

pub(crate) fn folder() -> (TempDir, RunsFolder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunsFolder::new(dir.path());
    (dir, folder)
}

pub(crate) fn registration(model: &str) -> Registration {
    Registration {
        model: model.to_owned(),
        source: "model".to_owned(),
        description: "500 trees".to_owned(),
        tags: BTreeMap::from([("zone".to_owned(), "south".to_owned())]),
        aliases: BTreeMap::new(),
    }
}

/// The pairs of a run's or a version's tags, or of a run's parameters.
pub(crate) fn pairs(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = list.as_array().into_iter().flatten();
    list.map(|pair| (text(&pair["key"]), text(&pair["value"])))
        .collect()
}

pub(crate) fn tags(run: &Value) -> BTreeMap<String, String> {
    pairs(&run["data"]["tags"])
}
