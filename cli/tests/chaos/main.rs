//! Everything breaks at once, and nobody's job is lost: real workers are killed, a real PostgreSQL crashes, a real Redis
//! is emptied, and the store answers 503, while 200 jobs are asked for and worked on.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)] // tests may

mod client;
mod house;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use client::Client;
use house::House;

/// Jobs in all.
const JOBS: usize = 200;
/// The accounts that ask, in turn: two of one tenant and one of another.
const USERS: [&str; 3] = ["ann", "bob", "eve"];
/// Worker processes.
const WORKERS: usize = 3;
/// How long a mended house may take to come to an end with everything.
const PATIENCE: Duration = Duration::from_mins(4);

/// What job number `n` asks for: quick ones mostly, maps from imagery, and some that cannot be made.
fn order(n: usize) -> Value {
    let (lon, lat) = (
        30.998 + (n % 10) as f64 * 2e-4,
        -17.402 + (n / 10) as f64 * 2e-4,
    );
    match n % 10 {
        // A map of a few fields, each another one.
        0 | 5 => {
            let (east, north) = (lon + 1e-3, lat + 1e-3);
            let ring = [
                [lon, lat],
                [east, lat],
                [east, north],
                [lon, north],
                [lon, lat],
            ];
            json!({ "kind": "ndvi", "period": "2024", "fresh": true,
                "aoi": { "type": "Polygon", "coordinates": [ring] } })
        }
        // A point has no inside that could be left.
        9 => {
            json!({ "kind": "buffer", "metres": -5.0, "aoi": { "type": "Point", "coordinates": [lon, lat] } })
        }
        _ => {
            json!({ "kind": "buffer", "metres": 50.0 + n as f64,
                "aoi": { "type": "Point", "coordinates": [lon, lat] } })
        }
    }
}

fn cannot_be_made(n: usize) -> bool {
    n % 10 == 9
}

#[test]
fn every_job_ends_once_with_its_whole_result_whatever_breaks_meanwhile() {
    let house = match House::build(WORKERS) {
        Ok(house) => house,
        Err(missing) => return println!("skipped: {missing}"),
    };
    let clients = USERS.map(|name| house.client(name));
    let over = AtomicBool::new(false);
    let mut jobs: Vec<(usize, String)> = thread::scope(|scope| {
        let breaking = scope.spawn(|| break_things(&house, &over));
        let asking: Vec<_> = clients
            .iter()
            .enumerate()
            .map(|(which, client)| {
                scope.spawn(move || {
                    (which..JOBS)
                        .step_by(USERS.len())
                        .map(|n| {
                            let id = client.submit(&order(n), &format!("job {n}"));
                            // They come over the whole time, not all before the first kill.
                            thread::sleep(Duration::from_millis(300));
                            (n, id)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let asked: Vec<_> = asking.into_iter().map(ScopedJoinHandle::join).collect();
        // Whatever came of it: nothing is broken any more.
        over.store(true, Ordering::Relaxed);
        let broken = breaking.join().unwrap();
        let jobs = asked.into_iter().flat_map(Result::unwrap).collect();
        println!("while {JOBS} jobs came: {broken}");
        assert!(broken.kills >= 5 && broken.database > 0 && broken.redis > 0 && broken.store > 0);
        jobs
    });
    jobs.sort_unstable();

    let begun = Instant::now();
    while house.unfinished() > 0 {
        assert!(begun.elapsed() < PATIENCE, "{}", house.state());
        thread::sleep(Duration::from_millis(500));
    }
    println!(
        "all ended {:.0} s later: {}",
        begun.elapsed().as_secs_f64(),
        house.state()
    );

    // Exactly these jobs are there, and each has ended exactly once.
    let ids = house.sql("SELECT id FROM jobs ORDER BY id");
    let mut asked: Vec<&str> = jobs.iter().map(|(_, id)| id.as_str()).collect();
    asked.sort_unstable();
    assert_eq!(ids.lines().collect::<Vec<_>>(), asked);
    let ends = "SELECT count(*), count(DISTINCT job) FROM ends";
    assert_eq!(house.sql(ends), format!("{JOBS}|{JOBS}"));
    let open =
        "SELECT count(*) FROM runs WHERE status IN ('waiting', 'running') OR claim IS NOT NULL";
    assert_eq!(house.sql(open), "0");

    // Each has what it asked for, or the reason why not.
    let mut given_up = 0;
    for (n, id) in &jobs {
        let client = &clients[n % USERS.len()];
        let job = client.get(&format!("/v1/jobs/{id}"));
        if job["status"] == "successful" {
            assert!(!cannot_be_made(*n), "{job}");
            complete(&house, client, *n, &job);
            continue;
        }
        assert_eq!(job["status"], "failed", "{job}");
        let reason = job["message"].as_str().unwrap();
        assert!(!reason.is_empty());
        if !cannot_be_made(*n) {
            println!("job {n} was given up: {reason}");
            given_up += 1;
        }
    }
    assert!(given_up <= JOBS / 20, "{given_up} were given up");

    // What counts against each account is what was made for it, and what it asked for in vain.
    for (which, name) in USERS.iter().enumerate() {
        let me = clients[which].get("/v1/me");
        let (mut successful, mut in_vain) = (0, 0);
        for (n, id) in jobs.iter().filter(|(n, _)| n % USERS.len() == which) {
            let status = house.sql(&format!("SELECT status FROM jobs WHERE id = '{id}'"));
            if status == "successful" {
                successful += 1;
            } else if cannot_be_made(*n) {
                in_vain += 1;
            }
        }
        assert_eq!(
            me["quota"]["jobs"]["used"],
            successful + in_vain,
            "{name}: {me}"
        );
    }
    house.until_no_ticket_is_left();
}

/// The files of a successful job are there, and are what they should be.
fn complete(house: &House, client: &Client, n: usize, job: &Value) {
    let results = job["results"].as_object().unwrap();
    assert!(!results.is_empty(), "{job}");
    for address in results.values() {
        let bytes = client.bytes(address.as_str().unwrap());
        assert!(!bytes.is_empty(), "{address}");
    }
    match job["kind"].as_str().unwrap() {
        "buffer" => {
            let file = results.values().next().unwrap().as_str().unwrap();
            let made: Value = serde_json::from_slice(&client.bytes(file)).unwrap();
            assert_eq!(made["properties"]["buffer_m"], 50.0 + n as f64);
        }
        "ndvi" => house.verify_map(job),
        other => panic!("a job of kind {other}"),
    }
}

/// How often what broke.
#[derive(Debug, Default)]
struct Broken {
    kills: usize,
    database: usize,
    redis: usize,
    store: usize,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} workers killed, PostgreSQL crashed {} times, Redis was emptied {} times, the store was away {} times",
            self.kills, self.database, self.redis, self.store
        )
    }
}

/// Breaks one thing after the other until it is over, and leaves the house mended.
fn break_things(house: &House, over: &AtomicBool) -> Broken {
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut broken = Broken::default();
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(random.random_range(500..1500)));
        house.kill_a_worker(random.random_range(0..WORKERS));
        broken.kills += 1;
        // Each of the others comes in every round of three, in whatever order.
        match round % 3 {
            0 => {
                let how = ["fast", "immediate"].choose(&mut random).unwrap();
                house.restart_database(how);
                broken.database += 1;
            }
            1 => {
                house.empty_redis(Duration::from_millis(random.random_range(0..2000)));
                broken.redis += 1;
            }
            _ => {
                house.store_is_away(Duration::from_millis(random.random_range(500..2500)));
                broken.store += 1;
            }
        }
        round += 1;
    }
    broken
}
