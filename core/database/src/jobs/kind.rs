//! The words for what jobs are and how they stand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::DbError;

/// A word list that is told to programs and kept in the database under the same names.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name for programs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = DbError;

            fn from_str(text: &str) -> Result<Self, DbError> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| DbError::corrupt(format!(concat!("the ", $what, " {:?}"), text)))
            }
        }
    };
}

words! {
    /// What sort of answer a job wants.
    JobKind, "kind of job" {
        /// A map by any recipe.
        Map = "map",
        /// The map of greenness.
        Ndvi = "ndvi",
        /// An area, wider or narrower by some metres.
        Buffer = "buffer",
        /// Hectares per class and greenness by date, for each of many areas.
        ZonalStats = "zonal-stats",
        /// Classes for rows of features.
        Predict = "predict",
    }
}

words! {
    /// Where a job stands; the names are those of OGC API - Processes.
    JobStatus, "job status" {
        /// Waits for a worker.
        Accepted = "accepted",
        /// A worker is at it.
        Running = "running",
        /// Done; the result is published.
        Successful = "successful",
        /// Given up.
        Failed = "failed",
        /// Cancelled by its user.
        Dismissed = "dismissed",
    }
}

impl JobStatus {
    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Running)
    }
}

words! {
    /// How soon a job is taken.
    Priority, "priority" {
        /// Before others.
        High = "high",
        /// In its turn.
        Normal = "normal",
        /// After others, but not forever.
        Low = "low",
    }
}

impl Priority {
    /// Milliseconds that a job stands behind one of high priority that was asked for at the same moment.
    pub(crate) fn delay(self) -> i64 {
        const MINUTE: i64 = 60_000;
        match self {
            Self::High => 0,
            Self::Normal => 5 * MINUTE,
            Self::Low => 20 * MINUTE,
        }
    }

    /// How it is kept: 0 is the most urgent.
    pub(crate) fn rank(self) -> i64 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    pub(crate) fn of_rank(rank: i64) -> Result<Self, DbError> {
        match rank {
            0 => Ok(Self::High),
            1 => Ok(Self::Normal),
            2 => Ok(Self::Low),
            other => Err(DbError::corrupt(format!("the priority {other}"))),
        }
    }
}
