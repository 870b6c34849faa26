//! `sync.json` beside a run: what which server has of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Registration, Server};

/// By address, so that another server gets everything.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncFile {
    servers: BTreeMap<String, Sent>,
}

/// What one server has.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    /// The run's number there.
    pub(crate) run_id: String,
    /// How many batches of parameters, metrics and tags; an ended run is always cut into the same ones.
    pub(crate) batches: usize,
    /// Which artifacts.
    pub(crate) artifacts: BTreeSet<String>,
    /// Whether it has been told that the run has ended: then it has all of the above.
    pub(crate) ended: bool,
    /// The model as it was registered.
    pub(crate) registered: Option<Registration>,
}

impl SyncFile {
    /// What the server has, to be changed.
    pub(crate) fn at(&mut self, server: &Server) -> &mut Sent {
        self.servers.entry(server.address().to_owned()).or_default()
    }

    /// Notes a run there that has nothing yet.
    pub(crate) fn begin(&mut self, server: &Server, run_id: &str) {
        *self.at(server) = Sent {
            run_id: run_id.to_owned(),
            ..Sent::default()
        };
    }

    /// The addresses of the servers that have the run and the model as it is to be registered.
    pub(crate) fn complete(&self, registration: Option<&Registration>) -> Vec<String> {
        let complete = self.servers.iter().filter(|(_, sent)| {
            sent.ended && (registration.is_none() || sent.registered.as_ref() == registration)
        });
        complete.map(|(address, _)| address.clone()).collect()
    }
}
