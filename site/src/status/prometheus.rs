//! Measurements of the parts from Prometheus' HTTP API.
//!
//! Four questions: how each part stands now and since when, and for each of the last days how many minutes it was up,
//! degraded and down. Minutes without a sample count for nothing: they are unknown. Prometheus
//! carries a sample on for five minutes, so that a break begins that much later here than in the server's own history.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, Utc};
use geocrop_store::status::{Day, HISTORY_DAYS, Part, SINCE_METRIC, STATE_METRIC, State};
use serde::Deserialize;

use super::{Measured, Measurements};

/// How long Prometheus has to answer one question.
const PATIENCE: Duration = Duration::from_secs(10);
const DAY_SECONDS: i64 = 86_400;

/// Why there are no measurements.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// It cannot be asked.
    #[error("Prometheus cannot be asked: {0}")]
    Http(#[from] reqwest::Error),
    /// It answers with something else than numbers.
    #[error("Prometheus answers \"{0}\"")]
    Answer(String),
    /// It knows nothing of this service.
    #[error("Prometheus has no sample of {STATE_METRIC}; does it collect the server's /metrics?")]
    Nothing,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: Labels,
    /// Of an instant query.
    #[serde(default)]
    value: Option<(f64, String)>,
    /// Of a range query.
    #[serde(default)]
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    part: String,
}

/// Asks the Prometheus server at `url` (`http://host:9090`) what it knows of the parts up to `now`.
///
/// # Errors
/// [`MeasureError`]: it cannot be reached, or knows nothing of this service.
pub fn measure(url: &str, now: DateTime<Utc>) -> Result<Measurements, MeasureError> {
    let client = reqwest::blocking::Client::builder()
        .timeout(PATIENCE)
        .build()?;
    let base = url.trim_end_matches('/');
    let ask = |path: &str, query: &[(&str, String)]| -> Result<Vec<Series>, MeasureError> {
        let answer = client
            .get(format!("{base}/api/v1/{path}"))
            .query(query)
            .send()?;
        // Refusals are JSON as well, with the reason in them.
        let answer: Answer = answer.json()?;
        if answer.status == "success" {
            Ok(answer.data.result)
        } else {
            Err(MeasureError::Answer(answer.error))
        }
    };
    // Several servers, or one that moved: what the worst of them says.
    let at = now.timestamp().to_string();
    let instant = |metric: &str| {
        let query = format!("min by (part) ({metric})");
        ask("query", &[("query", query), ("time", at.clone())])
    };
    // A day's sum stands at its end.
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let ends = midnight + Days::new(1);
    let begins = ends - Days::new(u64::from(HISTORY_DAYS) - 1);
    let daily = |value: &str| {
        let minutes = format!("(min by (part) ({STATE_METRIC}) == bool {value})[1d:1m]");
        ask(
            "query_range",
            &[
                ("query", format!("sum_over_time({minutes})")),
                ("start", begins.timestamp().to_string()),
                ("end", ends.timestamp().to_string()),
                ("step", DAY_SECONDS.to_string()),
            ],
        )
    };
    let [states, since] = [instant(STATE_METRIC)?, instant(SINCE_METRIC)?];
    let days = [daily("1")?, daily("0.5")?, daily("0")?];
    let parts: BTreeMap<Part, Measured> = Part::ALL
        .into_iter()
        .filter_map(|part| {
            let history = history(part, &days, begins);
            let value = value_of(part, &states);
            let measured = value.is_some() || history.iter().any(|day| day.checks() > 0);
            measured.then(|| {
                let found = Measured {
                    state: value.map_or(State::Unknown, state_of),
                    since: value
                        .and(value_of(part, &since))
                        .and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0)),
                    history,
                };
                (part, found)
            })
        })
        .collect();
    if parts.is_empty() {
        return Err(MeasureError::Nothing);
    }
    Ok(Measurements { taken: now, parts })
}

fn value_of(part: Part, series: &[Series]) -> Option<f64> {
    let of_part = series
        .iter()
        .find(|series| series.metric.part == part.id())?;
    of_part.value.as_ref()?.1.parse().ok()
}

fn state_of(value: f64) -> State {
    if value >= 1.0 {
        State::Up
    } else if value > 0.0 {
        State::Degraded
    } else {
        State::Down
    }
}

/// The days of a part from its minutes up, degraded and down; `begins` is the end of the first.
fn history(part: Part, days: &[Vec<Series>; 3], begins: DateTime<Utc>) -> Vec<Day> {
    let [up, degraded, down] = days.each_ref().map(|series| {
        let of_part = series.iter().find(|series| series.metric.part == part.id());
        let values = of_part.into_iter().flat_map(|series| &series.values);
        values
            .filter_map(|(at, minutes)| Some((*at as i64, minutes.parse::<f64>().ok()? as u32)))
            .collect::<BTreeMap<i64, u32>>()
    });
    (0..i64::from(HISTORY_DAYS))
        .map(|nth| {
            let end = begins.timestamp() + nth * DAY_SECONDS;
            let day = DateTime::from_timestamp(end - DAY_SECONDS, 0)
                .map_or_else(String::new, |start| start.date_naive().to_string());
            let [up, degraded, down] = [&up, &degraded, &down].map(|days| days.get(&end).copied());
            let day = Day {
                day,
                up,
                degraded,
                down,
            };
            if day.checks() == 0 {
                Day::unknown(day.day)
            } else {
                day
            }
        })
        .collect()
}
