//! `GET /metrics`: what was counted, and how things stand now, for Prometheus.

use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use geocrop_database::Priority;
use geocrop_store::status::State;

use super::status::found;
use crate::ApiState;

/// The format's media type.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything at this moment. What the database cannot say while it is away has no sample.
pub(crate) async fn metrics(Shared(state): Shared<ApiState>) -> Response {
    // One at a time: each sets numbers that the next would take away while they are read.
    let _alone = state.scrape().lock().await;
    parts(&state).await;
    jobs(&state).await;
    let metrics = state.metrics();
    let pool = state.database().pool_use();
    let connections = |which: &str| metrics.connections.with_label_values(&[which]);
    connections("idle").set(pool.idle.into());
    connections("used").set(pool.open.saturating_sub(pool.idle).into());
    metrics.connections_max.set(pool.limit.into());
    if let Some(redis) = state.sharing().redis() {
        let up = redis.ping().await.is_ok();
        metrics
            .redis_up
            .with_label_values::<&str>(&[])
            .set(up.into());
    }
    ([(header::CONTENT_TYPE, TEXT)], metrics.text()).into_response()
}

/// The parts of the service. One of which nothing is known has no sample.
async fn parts(state: &ApiState) {
    let metrics = state.metrics();
    let (_, found) = found(state);
    let kept = state.database().part_states().await.unwrap_or_default();
    metrics.part_up.reset();
    metrics.part_since.reset();
    for check in &found {
        let value = match check.state {
            State::Up => 1.0,
            State::Degraded => 0.5,
            State::Down => 0.0,
            State::Unknown => continue,
        };
        let part = [check.part.id()];
        metrics.part_up.with_label_values(&part).set(value);
        let since = kept
            .iter()
            .find(|kept| kept.part == check.part && kept.state == check.state);
        if let Some(since) = since {
            let since = since.since.timestamp() as f64;
            metrics.part_since.with_label_values(&part).set(since);
        }
    }
    metrics.newest_layer.reset();
    let newest = state.board().newest().layer;
    let published = newest.and_then(|layer| {
        let published = chrono::DateTime::parse_from_rfc3339(&layer.published);
        published.ok()
    });
    if let Some(published) = published {
        let newest = metrics.newest_layer.with_label_values::<&str>(&[]);
        newest.set(published.timestamp() as f64);
    }
}

async fn jobs(state: &ApiState) {
    let metrics = state.metrics();
    let (counts, depths) = tokio::join!(
        state.database().job_counts(),
        state.database().queue_depth()
    );
    metrics.jobs.reset();
    for count in counts.unwrap_or_default() {
        let labels = [&*count.status, &*count.kind, &*count.role];
        metrics.jobs.with_label_values(&labels).set(count.jobs);
    }
    metrics.queue_depth.reset();
    let Ok(depths) = depths else {
        return;
    };
    for priority in Priority::ALL {
        let waiting = depths
            .iter()
            .find(|depth| depth.priority == *priority)
            .map_or(0, |depth| depth.waiting);
        let depth = metrics.queue_depth.with_label_values(&[priority.as_str()]);
        depth.set(waiting);
    }
    let oldest = depths.iter().filter_map(|depth| depth.oldest).min();
    let waited = oldest.map_or(0.0, |oldest| {
        (Utc::now() - oldest).as_seconds_f64().max(0.0)
    });
    metrics.queue_oldest.set(waited);
}
