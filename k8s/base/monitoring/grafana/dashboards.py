#!/usr/bin/env python3
"""Writes the dashboards: dashboards.py [--check].

JSON is what Grafana reads, and nothing that people should edit: a panel is a line here, and its place follows from its
order. --check writes nothing and ends with 1 where a file is not what this script makes.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
GREEN, YELLOW, RED = "green", "yellow", "red"


def panel(title, *queries, unit="short", kind="timeseries", width=12, height=8, limits=None, top=None, stack=False,
          text=None):
    """A panel. Each query is (PromQL, legend). `limits` colours: [(from, colour)...], the first from is None."""
    field = {"unit": unit, "min": 0}
    if top is not None:
        field["max"] = top
    if limits:
        field["thresholds"] = {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in limits]}
        field["color"] = {"mode": "thresholds"} if kind != "timeseries" else {"mode": "palette-classic"}
    if kind == "timeseries":
        field["custom"] = {
            "fillOpacity": 30 if stack else 8,
            "showPoints": "never",
            "stacking": {"mode": "normal" if stack else "none"},
            "thresholdsStyle": {"mode": "dashed" if limits else "off"},
        }
        options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    else:
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "auto"}
    return {
        "type": kind,
        "title": title,
        **({"description": text} if text else {}),
        "datasource": SOURCE,
        "size": (width, height),
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": legend,
             "instant": kind != "timeseries", "range": kind == "timeseries"}
            for number, (query, legend) in enumerate(queries)
        ],
    }


def figure(title, query, unit="short", limits=None, text=None, legend="", width=4):
    """One number, or one for each legend."""
    return panel(title, (query, legend), unit=unit, kind="stat", width=width, height=4, limits=limits, text=text)


def dashboard(name, title, panels, span="now-6h"):
    """A dashboard with its panels laid out from left to right, 24 columns a row."""
    x = y = tallest = 0
    for number, each in enumerate(panels):
        width, height = each.pop("size")
        if x + width > 24:
            x, y, tallest = 0, y + tallest, 0
        each["id"] = number + 1
        each["gridPos"] = {"x": x, "y": y, "w": width, "h": height}
        x, tallest = x + width, max(tallest, height)
    return {
        "uid": f"geocrop-{name}",
        "title": title,
        "tags": ["geocrop"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "1m",
        "time": {"from": span, "to": "now"},
        "timezone": "utc",
        "templating": {"list": []},
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "tags": ["geocrop"], "asDropdown": True, "title": "GeoCrop", "keepTime": True}],
        "panels": panels,
    }


COUNT = "geocrop_http_request_duration_seconds_count"
BUCKET = "geocrop_http_request_duration_seconds_bucket"


def bad_above(warn, bad):
    return [(None, GREEN), (warn, YELLOW), (bad, RED)]


def bad_below(bad, warn):
    return [(None, RED), (bad, YELLOW), (warn, GREEN)]


DASHBOARDS = {
    "api": dashboard("api", "API", [
        figure("API pods", 'sum(up{job="api"})', limits=[(None, RED), (1, GREEN)]),
        figure("Requests a second", f"sum(rate({COUNT}[5m]))", "reqps"),
        figure("Failing", "geocrop:http_errors:ratio_rate5m", "percentunit", bad_above(0.01, 0.05)),
        figure("95th percentile", f"histogram_quantile(0.95, sum by (le) (rate({BUCKET}[5m])))", "s",
               bad_above(1, 2)),
        figure("In flight", "sum(geocrop_http_requests_in_flight)"),
        figure("Version", "max by (version) (geocrop_build_info)", legend="{{version}}"),
        panel("Requests by route", (f"sum by (route) (rate({COUNT}[$__rate_interval]))", "{{route}}"), unit="reqps",
              stack=True),
        panel("Answers by status", (f"sum by (status) (rate({COUNT}[$__rate_interval]))", "{{status}}"), unit="reqps",
              stack=True),
        panel("95th percentile by route", ("geocrop:http_request_duration_seconds:p95_5m", "{{route}}"), unit="s",
              text="Until an answer begins."),
        panel("Median and tail of all routes",
              (f'histogram_quantile(0.5, sum by (le) (rate({BUCKET}[$__rate_interval])))', "50 %"),
              (f'histogram_quantile(0.95, sum by (le) (rate({BUCKET}[$__rate_interval])))', "95 %"),
              (f'histogram_quantile(0.99, sum by (le) (rate({BUCKET}[$__rate_interval])))', "99 %"),
              unit="s"),
        panel("Predictions: 95th percentile", ("geocrop:inference_duration_seconds:p95_5m", "all models"), unit="s",
              limits=bad_above(1, 2)),
        panel("Predictions: time in the model for a request",
              ("sum by (model) (rate(geocrop_model_seconds_total[$__rate_interval]))"
               " / sum by (model) (rate(geocrop_model_requests_total[$__rate_interval]))", "{{model}}"), unit="s"),
        panel("Predictions: requests", ("sum by (model) (rate(geocrop_model_requests_total[$__rate_interval]))", "{{model}}"),
              ("sum by (model) (rate(geocrop_model_refused_total[$__rate_interval]))", "{{model}} refused"),
              ("sum by (model) (rate(geocrop_model_failed_total[$__rate_interval]))", "{{model}} failed"), unit="reqps"),
        panel("Predictions: rows in a batch",
              ("sum by (model) (rate(geocrop_model_rows_total[$__rate_interval]))"
               " / sum by (model) (rate(geocrop_model_batches_total[$__rate_interval]))", "{{model}}")),
        panel("Cache: share of hits",
              ('sum by (cache) (rate(geocrop_cache_requests_total{outcome="hit"}[$__rate_interval]))'
               " / sum by (cache) (rate(geocrop_cache_requests_total[$__rate_interval]))", "{{cache}}"),
              unit="percentunit", top=1),
        panel("Redis", ("geocrop_redis_up", "{{instance}}"), top=1),
        panel("Database connections", ("sum by (instance, state) (geocrop_database_connections)", "{{instance}} {{state}}"),
              ("geocrop_database_connections_max", "{{instance}} limit")),
        panel("Memory of the process", ("process_resident_memory_bytes{job=~\"api|worker\"}", "{{instance}}"), unit="bytes"),
        panel("Processor", ("rate(process_cpu_seconds_total{job=~\"api|worker\"}[$__rate_interval])", "{{instance}}"),
              text="1 is one core."),
        panel("Open files", ("process_open_fds{job=~\"api|worker\"}", "{{instance}}")),
    ]),
    "jobs": dashboard("jobs", "Jobs", [
        figure("Waiting", "geocrop:queue_depth", limits=bad_above(20, 100)),
        figure("The oldest waits for", "geocrop:queue_oldest_seconds", "s", bad_above(600, 1800)),
        figure("Running", 'sum(max by (kind, role) (geocrop_jobs{status="running"})) or vector(0)'),
        figure("Failed", 'sum(max by (kind, role) (geocrop_jobs{status="failed"})) or vector(0)'),
        figure("Worker pods", 'sum(up{job="worker"}) or vector(0)'),
        figure("Runs in an hour", "sum(increase(geocrop_run_seconds_count[1h]))"),
        panel("The queue by priority", ("max by (priority) (geocrop_queue_depth)", "{{priority}}"), stack=True,
              limits=[(None, GREEN), (100, RED)]),
        panel("The oldest that waits", ("geocrop:queue_oldest_seconds", "waits"), unit="s",
              limits=[(None, GREEN), (1800, RED)]),
        panel("Jobs by status", ("sum by (status) (max by (status, kind, role) (geocrop_jobs))", "{{status}}")),
        panel("Jobs that wait or run, by role",
              ('sum by (role) (max by (status, kind, role) (geocrop_jobs{status=~"accepted|running"}))', "{{role}}")),
        panel("Runs by outcome", ("sum by (outcome) (increase(geocrop_run_seconds_count[$__rate_interval]))", "{{outcome}}"),
              stack=True),
        panel("Share of runs that fail, in the last hour", ("geocrop:runs_failed:ratio_rate1h", "{{kind}}"),
              unit="percentunit", top=1, limits=[(None, GREEN), (0.2, RED)]),
        panel("How long a run takes, median",
              ("histogram_quantile(0.5, sum by (kind, le) (rate(geocrop_run_seconds_bucket[1h])))", "{{kind}}"), unit="s"),
        panel("How long a run takes, 95th percentile",
              ("histogram_quantile(0.95, sum by (kind, le) (rate(geocrop_run_seconds_bucket[1h])))", "{{kind}}"), unit="s"),
        panel("Where the time goes", ("sum by (kind, stage) (rate(geocrop_run_stage_seconds_sum[1h]))", "{{kind}} {{stage}}"),
              stack=True, width=24, text="Seconds of each stage in a second: 1 is one worker that does nothing else."),
    ]),
    "precompute": dashboard("precompute", "Precomputation", [
        figure("Age of the newest layer", "geocrop:newest_layer:age_seconds", "s", bad_above(32 * 86400, 40 * 86400), width=6),
        figure("Failed Jobs", 'count(kube_job_failed{namespace="geocrop", job_name=~"precompute.*", condition="true"} == 1)'
               " or vector(0)", limits=[(None, GREEN), (1, RED)], width=6),
        figure("Since the last success",
               'time() - max(kube_cronjob_status_last_successful_time{namespace="geocrop", cronjob=~"precompute.*"})', "s",
               width=6),
        figure("Pods at work", 'sum(kube_pod_status_phase{namespace="geocrop", pod=~"precompute.*", phase="Running"})'
               " or vector(0)", width=6),
        panel("Age of the newest layer", ("geocrop:newest_layer:age_seconds", "newest layer"), unit="s",
              limits=[(None, GREEN), (40 * 86400, RED)]),
        panel("Parts that it needs", ('geocrop:part_up{part=~"store|tiles|mlflow"}', "{{part}}"), top=1),
        panel("Memory of its pods",
              ('sum by (pod) (container_memory_working_set_bytes{namespace="geocrop", pod=~"precompute.*"})', "{{pod}}"),
              unit="bytes"),
        panel("Processors of its pods",
              ('sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="geocrop", pod=~"precompute.*"}'
               "[$__rate_interval]))", "{{pod}}"), text="1 is one core."),
    ], span="now-30d"),
    "cluster": dashboard("cluster", "Cluster", [
        figure("Memory", "max(node:memory_used:ratio)", "percentunit", bad_above(0.8, 0.9)),
        figure("Disk", "max(node:disk_used:ratio)", "percentunit", bad_above(0.8, 0.9)),
        figure("Processors", "max(node:cpu_used:ratio_rate5m)", "percentunit", bad_above(0.8, 0.95)),
        figure("Oldest backup", "max(backup:age_seconds)", "s", bad_above(25 * 3600, 26 * 3600)),
        figure("Next certificate ends in", "min(certificate:expires_in_seconds)", "s", bad_below(14 * 86400, 21 * 86400)),
        figure("Unreadable targets", "count(up == 0) or vector(0)", limits=[(None, GREEN), (1, RED)]),
        panel("Memory of nodes", ("node:memory_used:ratio", "{{node}}"), unit="percentunit", top=1,
              limits=[(None, GREEN), (0.9, RED)]),
        panel("Disk of nodes", ("node:disk_used:ratio", "{{node}}"), unit="percentunit", top=1,
              limits=[(None, GREEN), (0.9, RED)]),
        panel("Processors of nodes", ("node:cpu_used:ratio_rate5m", "{{node}}"), unit="percentunit", top=1),
        panel("Load", ("node_load5", "{{node}}")),
        panel("Memory of containers, the ten largest",
              ("topk(10, sum by (namespace, pod) (container_memory_working_set_bytes))", "{{namespace}} {{pod}}"), unit="bytes"),
        panel("Nearest to their memory limit", ("topk(10, max by (pod, container) (container:memory_used:ratio))",
                                                 "{{pod}} {{container}}"), unit="percentunit", top=1,
              limits=[(None, GREEN), (0.9, RED)]),
        panel("Held back by the processor limit",
              ("topk(10, sum by (namespace, pod) (rate(container_cpu_cfs_throttled_seconds_total[$__rate_interval])))",
               "{{namespace}} {{pod}}"), unit="s"),
        panel("Restarts", ("topk(10, sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[1h])) > 0)",
                           "{{namespace}} {{pod}}")),
        panel("Deployments short of pods",
              ("sum by (namespace, deployment) (kube_deployment_spec_replicas - kube_deployment_status_replicas_available) > 0",
               "{{namespace}} {{deployment}}")),
        panel("Volumes", ("1 - kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes",
                          "{{namespace}} {{persistentvolumeclaim}}"), unit="percentunit", top=1,
              text="Empty with K3s' local-path, whose volumes are folders on the node's disk."),
        panel("PostgreSQL: connections", ("sum by (datname, state) (pg_stat_activity_count)", "{{datname}} {{state}}"),
              ("max(pg_settings_max_connections)", "limit")),
        panel("PostgreSQL: size", ("pg_database_size_bytes", "{{datname}}"), unit="bytes"),
        panel("PostgreSQL: log held back by slots", ("pg_replication_slots_pg_wal_lsn_diff", "{{slot_name}}"), unit="bytes"),
        panel("Valkey: memory", ("redis_memory_used_bytes", "used"), ("redis_memory_max_bytes", "limit"), unit="bytes"),
        panel("Backups: age", ("backup:age_seconds", "{{cronjob}}"), unit="s", limits=[(None, GREEN), (26 * 3600, RED)]),
        panel("Certificates: time left", ("certificate:expires_in_seconds", "{{name}}"), unit="s"),
    ]),
    "slo": dashboard("slo", "Service level", [
        figure("Succeeded, 30 days",
               f'1 - (sum(increase({COUNT}{{status=~"5.."}}[30d])) or vector(0)) / sum(increase({COUNT}[30d]))', "percentunit",
               bad_below(0.995, 0.998), text="The objective is 99.5 %.", width=6),
        figure("Error budget left",
               f'1 - ((sum(increase({COUNT}{{status=~"5.."}}[30d])) or vector(0)) / sum(increase({COUNT}[30d]))) / 0.005',
               "percentunit", bad_below(0, 0.25), width=6),
        figure("API there, 30 days", "avg_over_time(geocrop:api_up[30d])", "percentunit", bad_below(0.99, 0.995),
               width=6),
        figure("Layers fresh enough", "geocrop:newest_layer:age_seconds < bool (40 * 86400)", limits=[(None, RED), (1, GREEN)],
               width=6),
        panel("Parts", ("geocrop:part_up", "{{part}}"), top=1, width=12,
              text="1 up, 0.5 degraded, 0 down. The status page shows the same."),
        panel("Parts: share of the last 30 days", ("avg_over_time(geocrop:part_up[30d])", "{{part}}"),
              unit="percentunit", kind="bargauge", width=12, top=1, limits=bad_below(0.99, 0.995)),
        panel("In this state for", ("time() - max by (part) (geocrop_part_since_seconds)", "{{part}}"), unit="s",
              kind="bargauge"),
        panel("How fast the budget burns",
              ("geocrop:http_errors:ratio_rate1h / 0.005", "one hour"), ("geocrop:http_errors:ratio_rate6h / 0.005", "six hours"),
              limits=[(None, GREEN), (6, RED)], text="1 uses the budget up in just 30 days; the alert is at 6."),
        panel("95th percentile by route",
              ("geocrop:http_request_duration_seconds:p95_5m", "{{route}}"), unit="s"),
        panel("Since the start of each process", ("time() - process_start_time_seconds{job=~\"api|worker\"}", "{{instance}}"),
              unit="s"),
    ], span="now-7d"),
}


def main():
    check = sys.argv[1:] == ["--check"]
    wrong = []
    for name, content in DASHBOARDS.items():
        path = FOLDER / f"{name}.json"
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(path.name)
    wrong += [path.name for path in FOLDER.glob("*.json") if path.stem not in DASHBOARDS] if check else []
    if wrong:
        sys.exit(f"not what dashboards.py makes: {', '.join(wrong)}; run {sys.argv[0]}")


if __name__ == "__main__":
    main()
