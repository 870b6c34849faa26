//! Why there is no server.

use std::fmt;

/// Why a server could not be had: the program is not installed, or it did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub(crate) String);

impl Missing {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}
