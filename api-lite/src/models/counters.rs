//! What the models have done, for whoever watches the server.

use prometheus::{Counter, CounterVec, IntCounter, IntCounterVec};

use crate::metrics::Maker;

/// The counts of all models, by name and version.
#[derive(Clone)]
pub(crate) struct ModelMetrics {
    requests: IntCounterVec,
    batches: IntCounterVec,
    rows: IntCounterVec,
    seconds: CounterVec,
    failed: IntCounterVec,
    refused: IntCounterVec,
    dropped: IntCounterVec,
}

/// Counts of one model since the server began. Batches hold several requests, so `batches` falls behind `requests` when
/// there is much to do.
pub(crate) struct Counters {
    pub(super) requests: IntCounter,
    pub(super) batches: IntCounter,
    pub(super) rows: IntCounter,
    pub(super) seconds: Counter,
    pub(super) failed: IntCounter,
    pub(super) refused: IntCounter,
    pub(super) dropped: IntCounter,
}

impl ModelMetrics {
    pub(crate) fn new(make: &Maker<'_>) -> prometheus::Result<Self> {
        const LABELS: [&str; 2] = ["model", "version"];
        let count = |name: &str, about: &str| {
            make.counts(&format!("geocrop_model_{name}_total"), about, &LABELS)
        };
        Ok(Self {
            requests: count("requests", "Requests that were answered.")?,
            batches: count("batches", "Calls of the model.")?,
            rows: count("rows", "Rows, or pixels of images, that were predicted.")?,
            seconds: make.sums("geocrop_model_seconds_total", "Time in the model.", &LABELS)?,
            failed: count("failed", "Requests that the model could not answer.")?,
            refused: count(
                "refused",
                "Requests that were refused because too many waited.",
            )?,
            dropped: count(
                "dropped",
                "Requests whose client was gone before their turn.",
            )?,
        })
    }

    /// Those of one model; the same ones when it is loaded again.
    pub(crate) fn of(&self, model: &str, version: &str) -> Counters {
        let labels = [model, version];
        Counters {
            requests: self.requests.with_label_values(&labels),
            batches: self.batches.with_label_values(&labels),
            rows: self.rows.with_label_values(&labels),
            seconds: self.seconds.with_label_values(&labels),
            failed: self.failed.with_label_values(&labels),
            refused: self.refused.with_label_values(&labels),
            dropped: self.dropped.with_label_values(&labels),
        }
    }
}
