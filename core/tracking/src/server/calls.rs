//! What is asked of MLflow. What makes something looks first whether it is there: an answer may have been lost on the way.

use serde_json::{Value, json};

use super::{Server, Trouble};
use crate::{Run, TrackingError};

/// The tag by which a run, and a version made from it, is found again.
const RUN_TAG: &str = "geocrop.run_id";

/// A run at the server.
#[derive(Debug)]
pub(crate) struct RemoteRun {
    pub(crate) id: String,
    pub(crate) artifact_uri: String,
    pub(crate) deleted: bool,
}

/// A version of a registered model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version<'a> {
    pub(crate) model: &'a str,
    pub(crate) number: &'a str,
}

impl Server {
    /// The number of the experiment, which is made if it is not there.
    pub(crate) fn experiment(&self, name: &str) -> Result<String, TrackingError> {
        const DOING: &str = "find or make the experiment";
        let find = || {
            let found = self.get(
                DOING,
                "experiments/get-by-name",
                &[("experiment_name", name)],
            );
            let Some(answer) = unless(found, "RESOURCE_DOES_NOT_EXIST")? else {
                return Ok(None);
            };
            self.text(DOING, &answer, &["experiment", "experiment_id"])
                .map(Some)
        };
        self.patiently(DOING, || {
            if let Some(id) = find()? {
                return Ok(id);
            }
            let made = self.post(DOING, "experiments/create", &json!({"name": name}));
            match unless(made, "RESOURCE_ALREADY_EXISTS")? {
                Some(answer) => self.text(DOING, &answer, &["experiment_id"]),
                // Another training was quicker.
                None => find()?.ok_or_else(|| self.strange(DOING, &Value::Null)),
            }
        })
    }

    /// The run, found by its tag, or made as one that is running.
    pub(crate) fn run(&self, experiment: &str, run: &Run) -> Result<RemoteRun, TrackingError> {
        const DOING: &str = "find or make the run";
        let user = run.tags.get("mlflow.user").map_or("", String::as_str);
        let new = json!({
            "experiment_id": experiment,
            "run_name": run.name,
            "user_id": user,
            "start_time": run.started.timestamp_millis(),
            "tags": [{"key": RUN_TAG, "value": run.id}],
        });
        self.patiently(DOING, || {
            let (mut found, deleted): (Vec<_>, Vec<_>) = self
                .tagged(DOING, experiment, run)?
                .into_iter()
                .partition(|run| !run.deleted);
            found.sort_by(|a, b| a.id.cmp(&b.id));
            match found.into_iter().chain(deleted).next() {
                Some(run) => Ok(run),
                None => self.remote(DOING, &self.post(DOING, "runs/create", &new)?["run"]),
            }
        })
    }

    /// Deletes what else has the run's tag: a request that seemed lost may have been carried out late.
    pub(crate) fn delete_others(
        &self,
        experiment: &str,
        run: &Run,
        kept: &str,
    ) -> Result<(), TrackingError> {
        const DOING: &str = "delete a second copy of the run";
        self.patiently(DOING, || {
            for other in self.tagged(DOING, experiment, run)? {
                if other.id != kept && !other.deleted {
                    self.post(DOING, "runs/delete", &json!({"run_id": other.id}))?;
                }
            }
            Ok(())
        })
    }

    /// What the server has with the run's tag.
    fn tagged(
        &self,
        doing: &'static str,
        experiment: &str,
        run: &Run,
    ) -> Result<Vec<RemoteRun>, Trouble> {
        let wanted = json!({
            "experiment_ids": [experiment],
            "filter": format!("tags.`{RUN_TAG}` = '{}'", run.id),
            "run_view_type": "ALL",
            "max_results": 100,
        });
        let found = self.post(doing, "runs/search", &wanted)?;
        let runs = found.get("runs").and_then(Value::as_array);
        runs.into_iter()
            .flatten()
            .map(|run| self.remote(doing, run))
            .collect()
    }

    /// Sends parameters, metrics or tags: `kind` is MLflow's word for them. What is there already stays as it is.
    pub(crate) fn log(
        &self,
        run: &str,
        kind: &'static str,
        entries: &[Value],
    ) -> Result<(), TrackingError> {
        const DOING: &str = "take parameters, metrics and tags";
        let body = json!({"run_id": run, kind: entries});
        self.patiently(DOING, || self.post(DOING, "runs/log-batch", &body))
            .map(|_| ())
    }

    /// Sends a file to the run's artifacts.
    pub(crate) fn upload(
        &self,
        run: &RemoteRun,
        path: &str,
        from: &std::path::Path,
    ) -> Result<(), TrackingError> {
        const DOING: &str = "take an artifact";
        let root =
            below_artifacts(&run.artifact_uri).ok_or_else(|| TrackingError::NoArtifactProxy {
                address: self.address().to_owned(),
                uri: run.artifact_uri.clone(),
            })?;
        let path = format!("{root}/{path}");
        self.patiently(DOING, || self.put(DOING, &path, from))
    }

    /// Sets how the run has ended, in MLflow's word.
    pub(crate) fn end(
        &self,
        run: &str,
        status: &'static str,
        ended: Option<i64>,
    ) -> Result<(), TrackingError> {
        const DOING: &str = "end the run";
        let mut body = json!({"run_id": run, "status": status});
        if let Some(ended) = ended {
            body["end_time"] = ended.into();
        }
        self.patiently(DOING, || self.post(DOING, "runs/update", &body))
            .map(|_| ())
    }

    /// Makes the registered model unless it is there.
    pub(crate) fn registered_model(&self, name: &str) -> Result<(), TrackingError> {
        const DOING: &str = "register the model";
        self.patiently(DOING, || {
            let found = self.get(DOING, "registered-models/get", &[("name", name)]);
            if unless(found, "RESOURCE_DOES_NOT_EXIST")?.is_none() {
                let made = self.post(DOING, "registered-models/create", &json!({"name": name}));
                unless(made, "RESOURCE_ALREADY_EXISTS")?;
            }
            Ok(())
        })
    }

    /// The number of the version that is made from the run, which is registered if it is not there.
    pub(crate) fn version(
        &self,
        model: &str,
        run: &RemoteRun,
        source: &str,
    ) -> Result<String, TrackingError> {
        const DOING: &str = "register the version";
        let wanted = format!("name = '{model}' and run_id = '{}'", run.id);
        let new = json!({
            "name": model,
            "run_id": run.id,
            "source": format!("{}/{source}", run.artifact_uri),
        });
        let number = |version: &Value| self.text(DOING, version, &["version"]);
        self.patiently(DOING, || {
            let found = self.get(
                DOING,
                "model-versions/search",
                &[("filter", wanted.as_str())],
            )?;
            let found = found.get("model_versions").and_then(Value::as_array);
            match found.and_then(|versions| versions.first()) {
                Some(version) => number(version),
                None => number(&self.post(DOING, "model-versions/create", &new)?["model_version"]),
            }
        })
    }

    /// Describes the version and sets its tags.
    pub(crate) fn describe<'a>(
        &self,
        version: Version,
        description: &str,
        tags: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<(), TrackingError> {
        const DOING: &str = "describe the version";
        let body =
            json!({"name": version.model, "version": version.number, "description": description});
        // MLflow has PATCH for this; over POST it answers 405.
        self.patiently(DOING, || self.patch(DOING, "model-versions/update", &body))?;
        for (key, value) in tags {
            self.tag_version(version, key, value)?;
        }
        Ok(())
    }

    pub(crate) fn tag_version(
        &self,
        version: Version,
        key: &str,
        value: &str,
    ) -> Result<(), TrackingError> {
        const DOING: &str = "tag the version";
        let body =
            json!({"name": version.model, "version": version.number, "key": key, "value": value});
        self.patiently(DOING, || self.post(DOING, "model-versions/set-tag", &body))
            .map(|_| ())
    }

    /// The number of the version that has the alias.
    pub(crate) fn aliased(
        &self,
        model: &str,
        alias: &str,
    ) -> Result<Option<String>, TrackingError> {
        const DOING: &str = "tell the aliases of the model";
        let answer = self.patiently(DOING, || {
            self.get(DOING, "registered-models/get", &[("name", model)])
        })?;
        let aliases = answer["registered_model"]
            .get("aliases")
            .and_then(Value::as_array);
        let found = aliases
            .into_iter()
            .flatten()
            .find(|known| known["alias"].as_str() == Some(alias));
        Ok(found
            .and_then(|found| found["version"].as_str())
            .map(str::to_owned))
    }

    /// The value of a version's tag.
    pub(crate) fn version_tag(
        &self,
        version: Version,
        key: &str,
    ) -> Result<Option<String>, TrackingError> {
        const DOING: &str = "tell the tags of the version";
        let query = [("name", version.model), ("version", version.number)];
        let answer = self.patiently(DOING, || self.get(DOING, "model-versions/get", &query))?;
        let tags = answer["model_version"]
            .get("tags")
            .and_then(Value::as_array);
        let found = tags
            .into_iter()
            .flatten()
            .find(|tag| tag["key"].as_str() == Some(key));
        Ok(found
            .and_then(|tag| tag["value"].as_str())
            .map(str::to_owned))
    }

    /// Gives the version the alias, and takes it from the one that had it.
    pub(crate) fn set_alias(&self, version: Version, alias: &str) -> Result<(), TrackingError> {
        const DOING: &str = "give the version its alias";
        let body = json!({"name": version.model, "alias": alias, "version": version.number});
        self.patiently(DOING, || self.post(DOING, "registered-models/alias", &body))
            .map(|_| ())
    }

    fn remote(&self, doing: &'static str, run: &Value) -> Result<RemoteRun, Trouble> {
        Ok(RemoteRun {
            id: self.text(doing, run, &["info", "run_id"])?,
            artifact_uri: self.text(doing, run, &["info", "artifact_uri"])?,
            deleted: run["info"]["lifecycle_stage"].as_str() == Some("deleted"),
        })
    }

    /// Text somewhere in an answer that must have it.
    fn text(&self, doing: &'static str, answer: &Value, path: &[&str]) -> Result<String, Trouble> {
        let found = path.iter().try_fold(answer, |value, name| value.get(name));
        found
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| self.strange(doing, answer))
    }

    fn strange(&self, doing: &'static str, answer: &Value) -> Trouble {
        Trouble::Lasting(TrackingError::Answer {
            address: self.address().to_owned(),
            doing,
            found: super::beginning(&answer.to_string()),
        })
    }
}

/// The answer, or `None` where the server refused for this reason.
fn unless(answer: Result<Value, Trouble>, reason: &str) -> Result<Option<Value>, Trouble> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Trouble::Lasting(TrackingError::Refused { code, .. })) if code == reason => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The path below the server's own artifacts: `mlflow-artifacts:/1/abc` or `mlflow-artifacts://host/1/abc`.
fn below_artifacts(uri: &str) -> Option<&str> {
    let path = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match path.strip_prefix("//") {
        Some(path) => path.split_once('/')?.1,
        None => path.strip_prefix('/')?,
    };
    Some(path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::below_artifacts;

    #[test]
    fn only_artifacts_that_the_server_takes_itself_have_a_path_there() {
        assert_eq!(
            below_artifacts("mlflow-artifacts:/1/abc/artifacts"),
            Some("1/abc/artifacts")
        );
        assert_eq!(
            below_artifacts("mlflow-artifacts://host:80/1/abc/"),
            Some("1/abc")
        );
        assert_eq!(below_artifacts("s3://bucket/1/abc"), None);
        assert_eq!(below_artifacts("/mlruns/1"), None);
    }
}
