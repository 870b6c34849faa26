//! The pods that a set of manifests makes, whatever makes them.

use serde_json::{Map, Value, json};

/// One kind of pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// What makes it: `Deployment`, `StatefulSet`, `DaemonSet`, `CronJob`, `Job` or `WorkflowTemplate`.
    pub kind: String,
    /// The maker's name.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The pod's labels.
    pub labels: Map<String, Value>,
    /// The pod's specification.
    pub spec: Value,
    /// How many there are at once when nothing changes.
    pub count: u64,
    /// How many there may be when an autoscaler has its way.
    pub most: u64,
    /// How many more there are while they are replaced.
    pub surge: u64,
}

impl Pod {
    /// `Deployment geocrop/api`, for messages.
    pub fn title(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    /// Whether it runs until it is stopped.
    pub fn is_lasting(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "Deployment" | "StatefulSet" | "DaemonSet"
        )
    }

    /// The containers that run at the same time.
    pub fn containers(&self) -> &[Value] {
        list(&self.spec, "/containers")
    }

    /// All containers, with those that run before.
    pub fn all_containers(&self) -> impl Iterator<Item = &Value> {
        let before = list(&self.spec, "/initContainers");
        before.iter().chain(self.containers())
    }

    /// What one pod asks for (`requests`) or may take (`limits`), in MiB. Containers that run before are gone when the others
    /// start: the larger need counts.
    pub fn memory_mib(&self, of: &str) -> f64 {
        let pointer = format!("/resources/{of}/memory");
        let need = |container: &Value| mib(&text(container, &pointer)).unwrap_or(f64::INFINITY);
        let together: f64 = self.containers().iter().map(need).sum();
        let before = list(&self.spec, "/initContainers").iter().map(need);
        before.fold(together, f64::max)
    }
}

/// The pods of the documents. Autoscalers among the documents say how many there may be.
pub fn pods(documents: &[Value]) -> Vec<Pod> {
    documents
        .iter()
        .filter_map(|document| {
            let mut pod = pod(document)?;
            let scaled = documents
                .iter()
                .filter(|other| {
                    matches!(
                        text(other, "/kind").as_str(),
                        "HorizontalPodAutoscaler" | "ScaledObject"
                    ) && text(other, "/metadata/namespace") == pod.namespace
                        && text(other, "/spec/scaleTargetRef/kind") == pod.kind
                        && text(other, "/spec/scaleTargetRef/name") == pod.name
                })
                .filter_map(|scaler| {
                    number(scaler, "/spec/maxReplicas")
                        .or_else(|| number(scaler, "/spec/maxReplicaCount"))
                });
            pod.most = scaled.fold(pod.count, u64::max);
            Some(pod)
        })
        .collect()
}

fn pod(document: &Value) -> Option<Pod> {
    let kind = text(document, "/kind");
    let (template, count) = match kind.as_str() {
        "Deployment" | "StatefulSet" => (
            document.pointer("/spec/template")?.clone(),
            number(document, "/spec/replicas").unwrap_or(1),
        ),
        "DaemonSet" => (document.pointer("/spec/template")?.clone(), 1),
        "Job" => (
            document.pointer("/spec/template")?.clone(),
            number(document, "/spec/parallelism").unwrap_or(1),
        ),
        "CronJob" => (
            document.pointer("/spec/jobTemplate/spec/template")?.clone(),
            number(document, "/spec/jobTemplate/spec/parallelism").unwrap_or(1),
        ),
        "WorkflowTemplate" => (
            workflow(document)?,
            number(document, "/spec/parallelism").unwrap_or(1),
        ),
        _ => return None,
    };
    // What Kubernetes takes where nothing is said is a quarter, rounded up: here one.
    let surge = match kind.as_str() {
        "Deployment" if text(document, "/spec/strategy/type") == "Recreate" => 0,
        "Deployment" => number(document, "/spec/strategy/rollingUpdate/maxSurge").unwrap_or(1),
        _ => 0,
    };
    Some(Pod {
        name: text(document, "/metadata/name"),
        namespace: text(document, "/metadata/namespace"),
        labels: template
            .pointer("/metadata/labels")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        spec: template.get("spec")?.clone(),
        count,
        most: count,
        surge,
        kind,
    })
}

/// The template of the one container that a workflow fans out, in the form of a pod's.
fn workflow(document: &Value) -> Option<Value> {
    let shard = list(document, "/spec/templates")
        .iter()
        .find(|template| template.get("container").is_some())?;
    Some(json!({
        "metadata": shard.get("metadata").cloned().unwrap_or_default(),
        "spec": {
            "containers": [shard["container"]],
            "volumes": shard.get("volumes").cloned().unwrap_or_default(),
            "securityContext": document.pointer("/spec/securityContext"),
            "serviceAccountName": document.pointer("/spec/serviceAccountName"),
            "imagePullSecrets": document.pointer("/spec/imagePullSecrets"),
        },
    }))
}

/// The text at a place, or nothing. Numbers are texts here.
pub fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The list at a place, or an empty one.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer)?.as_u64()
}

/// A quantity of memory in MiB.
pub fn mib(quantity: &str) -> Option<f64> {
    let units = [("Ki", 1.0 / 1024.0), ("Mi", 1.0), ("Gi", 1024.0)];
    let (digits, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((quantity.strip_suffix(unit)?, *factor)))?;
    Some(digits.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_with_its_unit_or_not_at_all() {
        assert_eq!(mib("512Mi"), Some(512.0));
        assert_eq!(mib("2Gi"), Some(2048.0));
        assert_eq!(mib("512"), None);
        assert_eq!(mib(""), None);
    }

    #[test]
    fn an_autoscaler_says_how_many_there_may_be() {
        let documents = [
            json!({
                "kind": "Deployment",
                "metadata": {"name": "worker", "namespace": "geocrop"},
                "spec": {"replicas": 2, "template": {"spec": {"containers": []}}},
            }),
            json!({
                "kind": "ScaledObject",
                "metadata": {"name": "any", "namespace": "geocrop"},
                "spec": {"maxReplicaCount": 6, "scaleTargetRef": {"kind": "Deployment", "name": "worker"}},
            }),
        ];
        let found = pods(&documents);
        assert_eq!((found[0].count, found[0].most, found[0].surge), (2, 6, 1));
    }
}
