//! What the models have done, for whoever watches the server.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of one model since the server began. Batches hold several requests, so `batches` falls behind `requests` when
/// there is much to do.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) cells: AtomicU64,
    pub(super) nanoseconds: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) dropped: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, number: usize) {
        counter.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn spent(&self, time: Duration) {
        Self::add(&self.nanoseconds, time.as_nanos() as usize);
    }

    fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// A counter of this module: its name, what it counts, and where it stands.
type Metric = (&'static str, &'static str, fn(&Counters) -> f64);

const METRICS: [Metric; 7] = [
    ("requests_total", "Requests that were answered.", |c| {
        Counters::read(&c.requests) as f64
    }),
    ("batches_total", "Calls of the model.", |c| {
        Counters::read(&c.batches) as f64
    }),
    (
        "rows_total",
        "Rows, or pixels of images, that were predicted.",
        |c| Counters::read(&c.cells) as f64,
    ),
    ("seconds_total", "Time in the model.", |c| {
        Counters::read(&c.nanoseconds) as f64 / 1e9
    }),
    (
        "failed_total",
        "Requests that the model could not answer.",
        |c| Counters::read(&c.failed) as f64,
    ),
    (
        "refused_total",
        "Requests that were refused because too many waited.",
        |c| Counters::read(&c.refused) as f64,
    ),
    (
        "dropped_total",
        "Requests whose client was gone before their turn.",
        |c| Counters::read(&c.dropped) as f64,
    ),
];

/// The counters in Prometheus' text format; nothing while no model was asked.
pub(super) fn text<'c>(
    models: &(impl Iterator<Item = (&'c str, &'c str, &'c Counters)> + Clone),
) -> String {
    let mut text = String::new();
    if models.clone().next().is_none() {
        return text;
    }
    for (name, help, value) in METRICS {
        let name = format!("geocrop_model_{name}");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for (model, version, counters) in models.clone() {
            let value = value(counters);
            let _ = writeln!(
                text,
                "{name}{{model=\"{model}\",version=\"{version}\"}} {value}"
            );
        }
    }
    text
}
