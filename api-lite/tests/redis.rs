//! Several processes with a real Redis between them, and without it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::time::Duration;

use common::maps::{self, LAYER};
use common::{PASSWORD, Place, Server, problem};
use geocrop_api::Rate;
use geocrop_testbed::Redis;
use reqwest::StatusCode;
use serde_json::json;

/// A Redis, and a place that uses it.
async fn place() -> Option<(Redis, Place)> {
    let redis = match Redis::start() {
        Ok(redis) => redis,
        Err(missing) => {
            println!("skipped: {missing}");
            return None;
        }
    };
    let mut place = Place::new().await;
    place.redis = Some(redis.url());
    Some((redis, place))
}

/// A process that takes requests, and one that works.
async fn pair(place: &mut Place) -> (Server, Server) {
    place.worker.runs_at_once = 0;
    "api".clone_into(&mut place.worker.name);
    let api = place.start().await;
    place.worker.runs_at_once = 2;
    "worker".clone_into(&mut place.worker.name);
    (api, place.start().await)
}

/// A sample of the process' metrics.
async fn sample(server: &Server, series: &str) -> Option<f64> {
    let text = server.get("/metrics").send().await.unwrap();
    let text = text.text().await.unwrap();
    text.lines().find_map(|line| {
        let value = line.strip_prefix(series)?.strip_prefix(' ')?;
        value.parse().ok()
    })
}

/// Tickets that are left in all streams.
async fn tickets(redis: &Redis) -> usize {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut left = 0;
    for lane in ["high", "normal", "low"] {
        let length: usize = redis::cmd("XLEN")
            .arg(format!("geocrop:queue:{lane}"))
            .query_async(&mut connection)
            .await
            .unwrap();
        left += length;
    }
    left
}

#[tokio::test]
async fn jobs_are_done_with_redis_without_it_and_when_it_is_back_empty() {
    let Some((mut redis, mut place)) = place().await else {
        return;
    };
    let (api, worker) = pair(&mut place).await;
    let token = api.log_in("root").await;
    let several = async || {
        let mut jobs = Vec::new();
        for _ in 0..4 {
            jobs.push(api.ordered(&token, "ndvi").await);
        }
        for job in jobs {
            api.until(&token, &job, "successful").await;
        }
    };
    several().await;
    assert_eq!(sample(&worker, "geocrop_redis_up").await, Some(1.0));
    let done = "geocrop_run_seconds_count{kind=\"map\",outcome=\"done\"}";
    assert_eq!(sample(&worker, done).await, Some(4.0));
    for _ in 0..500 {
        if tickets(&redis).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(tickets(&redis).await, 0, "each was torn up");

    redis.kill();
    several().await;
    assert_eq!(sample(&worker, "geocrop_redis_up").await, Some(0.0));
    let ready = api.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK, "it is not needed");
    let ready: serde_json::Value = ready.json().await.unwrap();
    let detail = ready["queue"]["detail"].as_str().unwrap();
    assert!(detail.ends_with("Redis does not answer"), "{detail}");

    redis.restart().unwrap();
    several().await;
    api.stop().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_tile_that_one_process_drew_is_not_drawn_by_another() {
    let Some((mut redis, mut place)) = place().await else {
        return;
    };
    let grid = maps::equal_area();
    let bounds = grid.lonlat_bounds().unwrap();
    maps::publish_map(&place.store(), "west", &grid, maps::rectangle(bounds));
    let (one, two) = pair(&mut place).await;
    let middle = [
        f64::midpoint(bounds[0], bounds[2]),
        f64::midpoint(bounds[1], bounds[3]),
    ];
    let (x, y) = maps::tile_at(12, middle);
    let path = format!("/v1/tiles/{LAYER}/12/{x}/{y}.png");
    let tile = async |server: &Server, path: &str| {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "image/png");
        answer.bytes().await.unwrap()
    };
    let drawn = tile(&one, &path).await;
    let hit = "geocrop_cache_requests_total{cache=\"tiles\",outcome=\"hit\"}";
    // It is put away after it was sent.
    for _ in 0..500 {
        assert_eq!(tile(&two, &path).await, drawn);
        if sample(&two, hit).await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sample(&two, hit).await.is_some(), "it was found");
    assert_eq!(sample(&one, hit).await, None);
    let other = tile(&two, &format!("{path}?hide=1")).await;
    assert_ne!(other, drawn, "another question has another answer");

    redis.kill();
    assert_eq!(tile(&one, &path).await, drawn, "drawn anew");
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn tries_to_log_in_are_counted_for_all_processes_and_by_each_when_redis_is_gone() {
    let Some((mut redis, mut place)) = place().await else {
        return;
    };
    place.auth.login_rate = Rate {
        burst: 3,
        every: Duration::from_mins(10),
    };
    let (one, two) = pair(&mut place).await;
    let guess = async |server: &Server, name: &str| {
        server
            .client
            .post(server.url("/v1/auth/token"))
            .json(&json!({ "username": name, "password": format!("not {PASSWORD}") }))
            .send()
            .await
            .unwrap()
    };
    for server in [&one, &two, &one] {
        problem(guess(server, "ann").await, 401, "invalid-credentials").await;
    }
    problem(guess(&two, "ann").await, 429, "too-many-tries").await;
    problem(guess(&one, "bob").await, 429, "too-many-tries").await;

    redis.kill();
    for server in [&one, &two] {
        for _ in 0..3 {
            problem(guess(server, "ann").await, 401, "invalid-credentials").await;
        }
        problem(guess(server, "ann").await, 429, "too-many-tries").await;
    }
    one.stop().await;
    two.stop().await;
}
