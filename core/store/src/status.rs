//! The words in which the service's state is told: its parts, how one can stand, and how its days went. The server
//! measures with them, the site shows them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Days of history that are kept and shown, today included.
pub const HISTORY_DAYS: u32 = 90;

/// The gauge under which Prometheus has the parts: 1 up, 0.5 degraded, 0 down; without a sample nothing is known. The
/// label `part` holds [`Part::id`].
pub const STATE_METRIC: &str = "geocrop_part_up";
/// The gauge with the moment since which a part stands as it does, in seconds since 1970.
pub const SINCE_METRIC: &str = "geocrop_part_since_seconds";

/// A part of the service that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The HTTP server.
    Api,
    /// Where results are.
    Store,
    /// The map's tiles.
    Tiles,
    /// Jobs and the worker that runs them.
    Queue,
    /// Accounts, jobs and this history.
    Database,
    /// The register of models, where there is one.
    Mlflow,
    /// What collects the metrics, where there is one.
    Prometheus,
}

impl Part {
    /// All parts, those that readers miss first at the top.
    pub const ALL: [Self; 7] = [
        Self::Tiles,
        Self::Store,
        Self::Api,
        Self::Queue,
        Self::Database,
        Self::Mlflow,
        Self::Prometheus,
    ];

    /// The name for programs.
    pub fn id(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Store => "store",
            Self::Tiles => "tiles",
            Self::Queue => "queue",
            Self::Database => "database",
            Self::Mlflow => "mlflow",
            Self::Prometheus => "prometheus",
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Store => "Store",
            Self::Tiles => "Map tiles",
            Self::Queue => "Job queue",
            Self::Database => "Database",
            Self::Mlflow => "MLflow",
            Self::Prometheus => "Prometheus",
        }
    }

    /// What works while it does, in a few words.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Api => "Logging in, asking for maps",
            Self::Store => "The published maps and their catalog",
            Self::Tiles => "What the map draws",
            Self::Queue => "Maps that are made on demand",
            Self::Database => "Accounts, jobs, this history",
            Self::Mlflow => "The register of models",
            Self::Prometheus => "The collected metrics",
        }
    }

    /// Whether every installation has it; the others are told of where they are configured.
    pub fn is_built_in(self) -> bool {
        !matches!(self, Self::Mlflow | Self::Prometheus)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|part| part.id() == text)
            .ok_or_else(|| {
                let ids: Vec<_> = Self::ALL.iter().map(|part| part.id()).collect();
                format!("\"{text}\" is no part; there are {}", ids.join(", "))
            })
    }
}

/// How a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Up,
    /// It works, but slowly or not wholly.
    Degraded,
    /// It does not work.
    Down,
    /// Nobody looked, or there is nothing to look at yet.
    Unknown,
}

impl State {
    /// The name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Up, Self::Degraded, Self::Down, Self::Unknown]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is no state"))
    }
}

/// How the checks of one part came out on one day of UTC. No counts: nobody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day, as `2026-11-30`.
    pub day: String,
    /// Checks that found the part up.
    pub up: Option<u32>,
    /// Checks that found it degraded.
    pub degraded: Option<u32>,
    /// Checks that found it down.
    pub down: Option<u32>,
}

impl Day {
    /// A day of which nothing is known.
    pub fn unknown(day: String) -> Self {
        Self {
            day,
            up: None,
            degraded: None,
            down: None,
        }
    }

    /// Checks in all.
    pub fn checks(&self) -> u32 {
        [self.up, self.degraded, self.down]
            .into_iter()
            .flatten()
            .sum()
    }

    /// The day in one word: down where at least a tenth of its checks were, degraded where any check was not up.
    pub fn state(&self) -> State {
        let (checks, down) = (self.checks(), self.down.unwrap_or(0));
        if checks == 0 {
            State::Unknown
        } else if u64::from(down) * 10 >= u64::from(checks) {
            State::Down
        } else if down > 0 || self.degraded.unwrap_or(0) > 0 {
            State::Degraded
        } else {
            State::Up
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(up: u32, degraded: u32, down: u32) -> Day {
        Day {
            day: "2026-11-30".to_owned(),
            up: Some(up),
            degraded: Some(degraded),
            down: Some(down),
        }
    }

    #[test]
    fn a_day_is_down_from_a_tenth_of_its_checks_on_and_unknown_without_any() {
        assert_eq!(day(1440, 0, 0).state(), State::Up);
        assert_eq!(day(1439, 1, 0).state(), State::Degraded);
        assert_eq!(day(1439, 0, 1).state(), State::Degraded);
        assert_eq!(day(9, 0, 1).state(), State::Down);
        assert_eq!(day(0, 0, 0).state(), State::Unknown);
        assert_eq!(
            Day::unknown("2026-11-30".to_owned()).state(),
            State::Unknown
        );
    }

    #[test]
    fn names_are_read_back() {
        for part in Part::ALL {
            assert_eq!(part.id().parse::<Part>(), Ok(part));
            assert_eq!(
                serde_json::to_value(part).unwrap(),
                serde_json::json!(part.id())
            );
        }
        assert!("stoer".parse::<Part>().unwrap_err().contains("store"));
        for state in [State::Up, State::Degraded, State::Down, State::Unknown] {
            assert_eq!(state.as_str().parse::<State>(), Ok(state));
        }
    }
}
