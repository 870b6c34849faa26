//! Against a real server: tickets, tries and kept answers, and what happens when the server goes away.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use geocrop_redis::{Cache, Queue, Redis, RedisError, SharedTries};
use geocrop_testbed::Redis as Server;

const LANES: [&str; 3] = ["high", "normal", "low"];
const STALE: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_millis(100);

/// A server, or `None` after saying why there is none.
fn server() -> Option<Server> {
    Server::start()
        .inspect_err(|missing| println!("skipped: {missing}"))
        .ok()
}

fn queue(server: &Server) -> Queue {
    Queue::new(Redis::open(&server.url()).unwrap(), &LANES)
}

#[tokio::test]
async fn tickets_come_by_urgency_and_each_to_one_worker() {
    let Some(server) = server() else { return };
    let queue = queue(&server);
    for (lane, run) in [(2, "slow"), (0, "urgent"), (1, "usual")] {
        queue.push(lane, run).await.unwrap();
    }
    let (mut one, mut two) = (queue.listener("one", STALE), queue.listener("two", STALE));
    let first = one.next(SOON).await.unwrap().unwrap();
    let second = two.next(SOON).await.unwrap().unwrap();
    let third = one.next(SOON).await.unwrap().unwrap();
    let lanes: Vec<_> = [&first, &second, &third]
        .map(|ticket| format!("{ticket:?}"))
        .to_vec();
    for (ticket, lane) in lanes.iter().zip(LANES) {
        assert!(ticket.contains(lane), "{ticket} is of the lane {lane}");
    }
    for ticket in [&first, &second, &third] {
        queue.done(ticket).await.unwrap();
    }
    assert_eq!(one.next(SOON).await.unwrap(), None);
    tokio::time::sleep(STALE).await;
    assert_eq!(two.next(SOON).await.unwrap(), None, "torn up for good");
}

#[tokio::test]
async fn who_waits_is_woken_at_once_and_nothing_is_left_with_the_wrong_one() {
    let Some(server) = server() else { return };
    let queue = queue(&server);
    let mut listener = queue.listener("one", Duration::from_mins(1));
    assert_eq!(listener.next(SOON).await.unwrap(), None);
    let waiting = tokio::spawn(async move {
        let ticket = listener.next(Duration::from_secs(30)).await;
        (ticket, listener)
    });
    tokio::time::sleep(SOON).await;
    // Into all lanes: one is for the listener, the others are for whoever comes.
    for lane in 0..3 {
        queue.push(lane, "run").await.unwrap();
    }
    let (ticket, _listener) = waiting.await.unwrap();
    assert!(ticket.unwrap().is_some());
    let mut other = queue.listener("two", Duration::from_mins(1));
    assert!(other.next(SOON).await.unwrap().is_some());
    assert!(other.next(SOON).await.unwrap().is_some());
    assert_eq!(other.next(SOON).await.unwrap(), None);
}

#[tokio::test]
async fn the_ticket_of_a_silent_worker_is_taken_over_and_that_of_a_living_one_is_not() {
    let Some(server) = server() else { return };
    let queue = queue(&server);
    queue.push(1, "run").await.unwrap();
    let (mut one, mut two) = (queue.listener("one", STALE), queue.listener("two", STALE));
    let held = one.next(SOON).await.unwrap().unwrap();
    for _ in 0..4 {
        tokio::time::sleep(STALE / 2).await;
        queue.keep(&held).await.unwrap();
        assert_eq!(two.next(Duration::from_millis(1)).await.unwrap(), None);
    }
    tokio::time::sleep(STALE * 2).await;
    let taken = two.next(SOON).await.unwrap().expect("its holder is silent");
    queue.done(&taken).await.unwrap();
    // The silent one is back and ends its work: nothing of it disturbs.
    queue.done(&held).await.unwrap();
    tokio::time::sleep(STALE * 2).await;
    assert_eq!(one.next(SOON).await.unwrap(), None);
}

#[tokio::test]
async fn lost_tickets_are_made_again_once() {
    let Some(mut server) = server() else { return };
    let queue = queue(&server);
    let mut listener = queue.listener("one", STALE);
    for _ in 0..5 {
        queue.push(1, "run").await.unwrap();
    }
    assert_eq!(queue.top_up(1, 5).await.unwrap(), 0, "nothing is missing");
    let held = listener.next(SOON).await.unwrap().unwrap();
    assert_eq!(
        queue.top_up(1, 4).await.unwrap(),
        0,
        "one is being worked on"
    );

    server.restart().unwrap();
    // The first asks may find that the old connections are gone.
    let missing = async || loop {
        match queue.top_up(1, 5).await {
            Ok(missing) => break missing,
            Err(_) => tokio::time::sleep(SOON).await,
        }
    };
    assert_eq!(missing().await, 5, "it has come back empty");
    let (one, two) = tokio::join!(queue.top_up(1, 5), queue.top_up(1, 5));
    assert_eq!((one.unwrap(), two.unwrap()), (0, 0));
    // What was held before means nothing any more, and does no harm.
    queue.keep(&held).await.unwrap();
    queue.done(&held).await.unwrap();
    let mut found = 0;
    for _ in 0..20 {
        match listener.next(SOON).await {
            Ok(Some(ticket)) => {
                queue.done(&ticket).await.unwrap();
                found += 1;
            }
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert_eq!(found, 5);
    queue.tidy(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_removed_while_one_waits_is_made_anew() {
    let Some(server) = server() else { return };
    let queue = queue(&server);
    let mut listener = queue.listener("one", STALE);
    assert_eq!(listener.next(SOON).await.unwrap(), None);
    let client = redis::Client::open(server.url()).unwrap();
    let waiting = tokio::spawn(async move { listener.next(Duration::from_secs(10)).await });
    tokio::time::sleep(SOON).await;
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let () = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();
    queue.push(2, "run").await.unwrap();
    let ticket = waiting.await.unwrap().unwrap();
    assert!(ticket.is_some(), "the emptied server wakes as before");
}

#[tokio::test]
async fn processes_take_tries_from_the_same_bucket() {
    let Some(server) = server() else { return };
    let every = Duration::from_mins(1);
    let tries = || SharedTries::new(Redis::open(&server.url()).unwrap(), "login", 3, every);
    let (here, there) = (tries(), tries());
    let who = |name: &str| vec![name.to_owned(), "1.2.3.4".to_owned()];
    for process in [&here, &there, &here] {
        assert_eq!(process.take(&who("ann")).await.unwrap(), None);
    }
    let wait = there.take(&who("ann")).await.unwrap().unwrap();
    assert!(wait > Duration::from_secs(50) && wait <= every, "{wait:?}");
    let wait = there.take(&who("bob")).await.unwrap();
    assert!(wait.is_some(), "the address has none left");
    let only_bob = [String::from("bob")];
    for _ in 0..3 {
        let wait = here.take(&only_bob).await.unwrap();
        assert_eq!(wait, None, "the refused try cost bob nothing");
    }
    assert!(here.take(&only_bob).await.unwrap().is_some());
}

#[tokio::test]
async fn answers_are_kept_for_their_time() {
    let Some(server) = server() else { return };
    let cache = |keep| Cache::new(Redis::open(&server.url()).unwrap(), "tile", keep);
    let (long, short) = (
        cache(Duration::from_mins(1)),
        cache(Duration::from_millis(50)),
    );
    assert_eq!(long.get("a").await.unwrap(), None);
    long.put("a", b"\x89PNG\0").await.unwrap();
    short.put("b", b"gone soon").await.unwrap();
    assert_eq!(long.get("a").await.unwrap().unwrap(), b"\x89PNG\0");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(short.get("b").await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_away_costs_little_time_and_is_found_again() {
    let Some(mut server) = server() else { return };
    let redis = Redis::open(&server.url()).unwrap();
    let cache = Cache::new(redis.clone(), "tile", Duration::from_mins(1));
    cache.put("a", b"1").await.unwrap();
    server.kill();
    assert!(cache.get("a").await.is_err());
    assert!(redis.ping().await.is_err());
    assert!(
        matches!(cache.get("a").await, Err(RedisError::Away)),
        "it is not asked again at once"
    );
    server.restart().unwrap();
    for _ in 0..50 {
        if redis.ping().await.is_ok() {
            break;
        }
        tokio::time::sleep(SOON).await;
    }
    assert_eq!(cache.get("a").await.unwrap(), None, "back, and empty");
}

#[test]
fn an_address_that_is_none_is_told() {
    let error = Redis::open("http://cache").err().unwrap().to_string();
    assert!(error.contains("redis://"), "{error}");
}
