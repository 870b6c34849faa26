//! Every metric that a rule or a dashboard asks for is told by somebody.

use std::collections::BTreeSet;

use geocrop_testbed::{Missing, Postgres, Redis, Server, http};

use crate::files::{queries, rules};
use crate::promql;

/// What the program tells, without the endings of histograms.
pub(crate) const PROGRAM: [&str; 26] = [
    "geocrop_build_info",
    "geocrop_http_request_duration_seconds",
    "geocrop_http_requests_in_flight",
    "geocrop_jobs",
    "geocrop_queue_depth",
    "geocrop_queue_oldest_seconds",
    "geocrop_run_stage_seconds",
    "geocrop_run_seconds",
    "geocrop_cache_requests_total",
    "geocrop_database_connections",
    "geocrop_database_connections_max",
    "geocrop_redis_up",
    "geocrop_newest_layer_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "process_open_fds",
    "geocrop_part_up",
    "geocrop_part_since_seconds",
    "geocrop_model_requests_total",
    "geocrop_model_batches_total",
    "geocrop_model_rows_total",
    "geocrop_model_seconds_total",
    "geocrop_model_failed_total",
    "geocrop_model_refused_total",
    "geocrop_model_dropped_total",
];

/// What `node-exporter` tells with the collectors that run.
const NODE: [&str; 6] = [
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "node_cpu_seconds_total",
    "node_load5",
];
const POSTGRES: [&str; 4] = [
    "pg_stat_activity_count",
    "pg_settings_max_connections",
    "pg_database_size_bytes",
    "pg_replication_slots_pg_wal_lsn_diff",
];
const REDIS: [&str; 2] = ["redis_memory_used_bytes", "redis_memory_max_bytes"];
const ALERTMANAGER: [&str; 1] = ["alertmanager_notifications_failed_total"];

/// What cannot be started in a test: names as their documentation has them.
const NEVER_ASKED: [&str; 14] = [
    // kube-state-metrics, docs/metrics
    "kube_job_failed",
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_pod_container_status_restarts_total",
    "kube_pod_status_phase",
    // The kubelet and its cAdvisor
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "container_memory_working_set_bytes",
    "container_spec_memory_limit_bytes",
    "container_cpu_usage_seconds_total",
    "container_cpu_cfs_throttled_seconds_total",
    // cert-manager
    "certmanager_certificate_expiration_timestamp_seconds",
];

/// The name of the histogram that a series belongs to.
pub(crate) fn without_ending(name: &str) -> &str {
    let base = ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    base.filter(|base| PROGRAM.contains(base)).unwrap_or(name)
}

#[test]
fn every_metric_of_rules_and_dashboards_is_told_by_somebody() {
    let rules = rules();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    // Prometheus' own.
    known.insert("up");
    known.extend(PROGRAM);
    known.extend(NODE);
    known.extend(POSTGRES);
    known.extend(REDIS);
    known.extend(ALERTMANAGER);
    known.extend(NEVER_ASKED);
    known.extend(
        rules
            .iter()
            .filter(|rule| !rule.alert)
            .map(|rule| rule.name.as_str()),
    );
    let asked = rules.iter().map(|rule| (rule.name.clone(), &rule.expr));
    let queries = queries();
    let asked = asked.chain(
        queries
            .iter()
            .map(|query| (query.place.clone(), &query.expr)),
    );
    let mut unknown = Vec::new();
    let mut used = BTreeSet::new();
    for (place, expr) in asked {
        for name in promql::metrics(expr) {
            let base = without_ending(&name).to_owned();
            if !known.contains(base.as_str()) {
                unknown.push(format!("{place} asks for {name}"));
            }
            used.insert(base);
        }
    }
    assert!(
        unknown.is_empty(),
        "nobody tells these:\n{}",
        unknown.join("\n")
    );
    for rule in rules.iter().filter(|rule| !rule.alert) {
        assert!(used.contains(&rule.name), "nobody asks for {}", rule.name);
    }
}

/// The names of a text in Prometheus' format.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(str::to_owned)
        .collect()
}

fn assert_tells(exporter: &Server, wanted: &[&str]) {
    let text = http::get(&exporter.url("/metrics")).unwrap().body;
    let told = names(&text);
    for name in wanted {
        assert!(
            told.contains(*name),
            "no {name} in\n{text}\n{}",
            exporter.log()
        );
    }
}

#[test]
fn the_exporters_tell_what_is_asked_of_them() {
    // The same collectors as in the manifest.
    let node = Server::start(
        &["prometheus-node-exporter", "node_exporter"],
        "apt package prometheus-node-exporter",
        |command, _, port| {
            command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
            let manifest = std::fs::read_to_string(
                crate::files::folder().join("exporters/node-exporter.yaml"),
            )?;
            let given = manifest
                .lines()
                .map(str::trim)
                .filter_map(|line| line.strip_prefix("- "));
            command.args(given.filter(|argument| argument.starts_with("--collector.")));
            Ok(())
        },
    );
    told_or_skipped(node, &NODE);
    match postgres_exporter() {
        Ok((exporter, _postgres)) => assert_tells(&exporter, &POSTGRES),
        Err(missing) => println!("skipped: {missing}"),
    }
    match Redis::start() {
        Ok(redis) => told_or_skipped(
            Server::start(
                &["prometheus-redis-exporter", "redis_exporter"],
                "apt package prometheus-redis-exporter",
                |command, _, port| {
                    command
                        .arg(format!("-web.listen-address=127.0.0.1:{port}"))
                        .arg(format!("-redis.addr={}", redis.url()));
                    Ok(())
                },
            ),
            &REDIS,
        ),
        Err(missing) => println!("skipped: {missing}"),
    }
    told_or_skipped(
        Server::alertmanager(
            "route: {receiver: x}\nreceivers: [{name: x, webhook_configs: [{url: 'http://127.0.0.1:9'}]}]\n",
        ),
        &ALERTMANAGER,
    );
}

fn told_or_skipped(exporter: Result<Server, Missing>, wanted: &[&str]) {
    match exporter {
        Ok(exporter) => assert_tells(&exporter, wanted),
        Err(missing) => println!("skipped: {missing}"),
    }
}

fn postgres_exporter() -> Result<(Server, Postgres), Missing> {
    let postgres = Postgres::start()?;
    let url = postgres.database()?;
    postgres.sql(
        "postgres",
        "SELECT pg_create_physical_replication_slot('backup', true)",
    )?;
    let exporter = Server::start(
        &["prometheus-postgres-exporter", "postgres_exporter"],
        "apt package prometheus-postgres-exporter",
        |command, _, port| {
            command
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .env("DATA_SOURCE_NAME", format!("{url}?sslmode=disable"));
            Ok(())
        },
    )?;
    Ok((exporter, postgres))
}
