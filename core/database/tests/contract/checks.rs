//! The history of the service's parts: counts by day, since when, and what a break in the checks means.

use std::time::Duration;

use chrono::{DateTime, Days, TimeZone, Utc};
use geocrop_database::{Check, Database, PartState};
use geocrop_store::status::{Day, HISTORY_DAYS, Part, State};

const GAP: Duration = Duration::from_mins(3);

fn at(day: u32, hour: u32, minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, hour, minute, 0)
        .unwrap()
}

async fn found(db: &Database, at: DateTime<Utc>, part: Part, state: State) {
    let check = Check {
        part,
        state,
        detail: format!("It is {state}."),
    };
    db.record_checks(at, &[check], GAP).await.unwrap();
}

async fn state_of(db: &Database, part: Part) -> PartState {
    let states = db.part_states().await.unwrap();
    states.into_iter().find(|state| state.part == part).unwrap()
}

fn counts(day: &Day) -> Option<(u32, u32, u32)> {
    Some((day.up?, day.degraded?, day.down?))
}

pub(crate) async fn since_is_the_first_check_of_the_state_and_moves_when_the_part_goes_down_and_comes_back(
    db: Database,
) {
    for (minute, state, since) in [
        (0, State::Up, 0),
        (1, State::Up, 0),
        (2, State::Down, 2),
        (3, State::Down, 2),
        (4, State::Degraded, 4),
        (5, State::Up, 5),
        (6, State::Up, 5),
    ] {
        found(&db, at(20, 10, minute), Part::Store, state).await;
        let now = state_of(&db, Part::Store).await;
        assert_eq!(now.state, state);
        assert_eq!(now.since, at(20, 10, since), "minute {minute}");
        assert_eq!(now.checked_at, at(20, 10, minute));
        assert_eq!(now.detail, format!("It is {state}."));
    }
    let history = db
        .part_history(Part::Store, at(20, 0, 0).date_naive())
        .await
        .unwrap();
    assert_eq!(counts(&history[89]), Some((4, 1, 2)));
    assert_eq!(history[89].state(), State::Down);
    // Another part's days are its own.
    let history = db
        .part_history(Part::Api, at(20, 0, 0).date_naive())
        .await
        .unwrap();
    assert_eq!(history[89].state(), State::Unknown);
}

pub(crate) async fn a_break_in_the_checks_is_unknown_and_since_begins_anew_after_it(db: Database) {
    found(&db, at(17, 23, 59), Part::Api, State::Up).await;
    found(&db, at(18, 0, 2), Part::Api, State::Up).await;
    assert_eq!(
        state_of(&db, Part::Api).await.since,
        at(17, 23, 59),
        "three minutes are no break"
    );
    found(&db, at(20, 6, 0), Part::Api, State::Up).await;
    assert_eq!(state_of(&db, Part::Api).await.since, at(20, 6, 0));
    let history = db
        .part_history(Part::Api, at(20, 0, 0).date_naive())
        .await
        .unwrap();
    let last: Vec<_> = history[86..]
        .iter()
        .map(|day| (day.day.as_str(), counts(day)))
        .collect();
    assert_eq!(
        last,
        [
            ("2026-11-17", Some((1, 0, 0))),
            ("2026-11-18", Some((1, 0, 0))),
            ("2026-11-19", None),
            ("2026-11-20", Some((1, 0, 0))),
        ]
    );
}

pub(crate) async fn what_is_unknown_is_not_counted(db: Database) {
    found(&db, at(20, 6, 0), Part::Tiles, State::Unknown).await;
    assert!(db.part_states().await.unwrap().is_empty());
}

pub(crate) async fn ninety_days_are_kept_and_older_ones_swept(db: Database) {
    let first = at(20, 12, 0);
    found(&db, first, Part::Queue, State::Down).await;
    let kept = first + Days::new(u64::from(HISTORY_DAYS) - 1);
    found(&db, kept, Part::Queue, State::Up).await;
    let history = db
        .part_history(Part::Queue, kept.date_naive())
        .await
        .unwrap();
    assert_eq!(history.len(), 90);
    assert_eq!(history[0].day, "2026-11-20");
    assert_eq!(counts(&history[0]), Some((0, 0, 1)));
    assert_eq!(counts(&history[89]), Some((1, 0, 0)));

    found(&db, kept + Days::new(1), Part::Api, State::Up).await;
    let history = db
        .part_history(Part::Queue, kept.date_naive())
        .await
        .unwrap();
    assert_eq!(
        counts(&history[0]),
        None,
        "the sweep takes the days of all parts"
    );
    assert_eq!(counts(&history[89]), Some((1, 0, 0)));
}
