//! What a process counts, for Prometheus: each name in one place.
//!
//! Some numbers are counted as things happen; the rest are asked for when somebody looks, see
//! [`routes::metrics`](crate::routes::metrics). Labels are from short lists (routes, not addresses), so that nobody can make
//! more series by asking for more.

use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use geocrop_store::status::{SINCE_METRIC, STATE_METRIC};

use crate::models::ModelMetrics;

/// Requests: from what memory answers to what the longest patience allows.
const REQUEST_SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];
/// Runs and their stages: from a buffer to a large map.
const WORK_SECONDS: [f64; 12] = [
    0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 14400.0,
];

/// Answers that are kept, see [`Metrics::looked`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    Tiles,
    Statistics,
    Status,
}

/// Everything that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    /// By route, method and status.
    pub(crate) requests: HistogramVec,
    pub(crate) in_flight: IntGauge,
    /// By kind and outcome.
    runs: HistogramVec,
    /// By kind and stage.
    stages: HistogramVec,
    /// By cache and outcome.
    caches: IntCounterVec,
    // What follows is set when somebody looks.
    pub(crate) jobs: IntGaugeVec,
    pub(crate) queue_depth: IntGaugeVec,
    pub(crate) queue_oldest: Gauge,
    pub(crate) connections: IntGaugeVec,
    pub(crate) connections_max: IntGauge,
    pub(crate) redis_up: IntGaugeVec,
    pub(crate) newest_layer: GaugeVec,
    pub(crate) part_up: GaugeVec,
    pub(crate) part_since: GaugeVec,
    models: ModelMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self::with(Registry::new()).expect("names and labels are valid and differ")
    }

    fn with(registry: Registry) -> prometheus::Result<Self> {
        let make = Maker(&registry);
        make.about_this_process()?;
        Ok(Self {
            requests: make.seconds(
                "geocrop_http_request_duration_seconds",
                "Time until a request's answer begins.",
                &["route", "method", "status"],
                &REQUEST_SECONDS,
            )?,
            in_flight: make.gauge(
                "geocrop_http_requests_in_flight",
                "Requests that are being answered.",
            )?,
            runs: make.seconds(
                "geocrop_run_seconds",
                "Time that a worker spent on a run, once.",
                &["kind", "outcome"],
                &WORK_SECONDS,
            )?,
            stages: make.seconds(
                "geocrop_run_stage_seconds",
                "Time that a run spent in a stage.",
                &["kind", "stage"],
                &WORK_SECONDS,
            )?,
            caches: make.counts(
                "geocrop_cache_requests_total",
                "Answers that were kept (hit) or had to be made (miss).",
                &["cache", "outcome"],
            )?,
            jobs: make.gauges(
                "geocrop_jobs",
                "Jobs that are known, by where they stand, kind, and role of who asked.",
                &["status", "kind", "role"],
            )?,
            queue_depth: make.gauges(
                "geocrop_queue_depth",
                "Runs that wait for a worker.",
                &["priority"],
            )?,
            queue_oldest: make.kept(Gauge::new(
                "geocrop_queue_oldest_seconds",
                "How long the run that has waited longest has waited.",
            )?)?,
            connections: make.gauges(
                "geocrop_database_connections",
                "Open connections of this process to the database.",
                &["state"],
            )?,
            connections_max: make.gauge(
                "geocrop_database_connections_max",
                "Connections that this process may open.",
            )?,
            redis_up: make.gauges(
                "geocrop_redis_up",
                "Whether Redis answers this process; no sample where none is configured.",
                &[],
            )?,
            newest_layer: make.moments(
                "geocrop_newest_layer_seconds",
                "When the newest layer was published, in seconds since 1970.",
                &[],
            )?,
            part_up: make.moments(
                STATE_METRIC,
                "State of a part of the service: 1 up, 0.5 degraded, 0 down.",
                &["part"],
            )?,
            part_since: make.moments(
                SINCE_METRIC,
                "When the part came to be as it is, in seconds since 1970.",
                &["part"],
            )?,
            models: ModelMetrics::new(&make)?,
            registry,
        })
    }

    /// What the models count; copies count together.
    pub(crate) fn models(&self) -> ModelMetrics {
        self.models.clone()
    }

    /// Somebody looked for an answer that may be kept.
    pub(crate) fn looked(&self, kept: Kept, found: bool) {
        let cache = match kept {
            Kept::Tiles => "tiles",
            Kept::Statistics => "statistics",
            Kept::Status => "status",
        };
        let outcome = if found { "hit" } else { "miss" };
        self.caches.with_label_values(&[cache, outcome]).inc();
    }

    /// A worker has spent so long on a run.
    pub(crate) fn ran(&self, kind: &str, outcome: &str, time: Duration) {
        let seconds = self.runs.with_label_values(&[kind, outcome]);
        seconds.observe(time.as_secs_f64());
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        text.unwrap_or_else(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the metrics cannot be written"
            );
            String::new()
        })
    }
}

/// Makes what is counted and enters it into the register.
pub(crate) struct Maker<'r>(&'r Registry);

impl Maker<'_> {
    fn kept<C: Collector + Clone + 'static>(&self, collector: C) -> prometheus::Result<C> {
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    pub(crate) fn counts(
        &self,
        name: &str,
        about: &str,
        labels: &[&str],
    ) -> prometheus::Result<IntCounterVec> {
        self.kept(IntCounterVec::new(Opts::new(name, about), labels)?)
    }

    pub(crate) fn sums(
        &self,
        name: &str,
        about: &str,
        labels: &[&str],
    ) -> prometheus::Result<CounterVec> {
        self.kept(CounterVec::new(Opts::new(name, about), labels)?)
    }

    fn gauge(&self, name: &str, about: &str) -> prometheus::Result<IntGauge> {
        self.kept(IntGauge::new(name, about)?)
    }

    fn gauges(&self, name: &str, about: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.kept(IntGaugeVec::new(Opts::new(name, about), labels)?)
    }

    fn moments(&self, name: &str, about: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.kept(GaugeVec::new(Opts::new(name, about), labels)?)
    }

    fn seconds(
        &self,
        name: &str,
        about: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, about).buckets(buckets.to_vec());
        self.kept(HistogramVec::new(options, labels)?)
    }

    /// Version, memory, processor time, open files.
    fn about_this_process(&self) -> prometheus::Result<()> {
        let about = self.gauges("geocrop_build_info", "The program's version.", &["version"])?;
        about.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        self.0.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(())
    }
}

/// Measures how long a run is in each of its stages.
pub(crate) struct StageClock {
    stages: HistogramVec,
    kind: &'static str,
    stage: String,
    since: Instant,
}

impl StageClock {
    pub(crate) fn new(metrics: &Metrics, kind: &'static str) -> Self {
        Self {
            stages: metrics.stages.clone(),
            kind,
            stage: String::new(),
            since: Instant::now(),
        }
    }

    /// The run is in this stage now.
    pub(crate) fn enter(&mut self, stage: &str) {
        if self.stage != stage {
            self.leave();
            stage.clone_into(&mut self.stage);
            self.since = Instant::now();
        }
    }

    fn leave(&self) {
        if !self.stage.is_empty() {
            let seconds = self.stages.with_label_values(&[self.kind, &self.stage]);
            seconds.observe(self.since.elapsed().as_secs_f64());
        }
    }
}

impl Drop for StageClock {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_counted_when_it_is_left_and_the_last_at_the_end() {
        let metrics = Metrics::new();
        let mut clock = StageClock::new(&metrics, "map");
        for stage in ["plan", "plan", "map", "map", "write"] {
            clock.enter(stage);
        }
        let count = |stage: &str| {
            let seconds = metrics.stages.with_label_values(&["map", stage]);
            seconds.get_sample_count()
        };
        assert_eq!((count("plan"), count("map"), count("write")), (1, 1, 0));
        drop(clock);
        assert_eq!(count("write"), 1);
    }

    #[test]
    fn what_is_counted_is_told_by_its_name() {
        let metrics = Metrics::new();
        metrics.looked(Kept::Tiles, true);
        metrics.ran("map", "done", Duration::from_secs(2));
        let text = metrics.text();
        for line in [
            "geocrop_cache_requests_total{cache=\"tiles\",outcome=\"hit\"} 1",
            "geocrop_run_seconds_count{kind=\"map\",outcome=\"done\"} 1",
            "geocrop_run_seconds_bucket{kind=\"map\",outcome=\"done\",le=\"1\"} 0",
            "process_resident_memory_bytes ",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
