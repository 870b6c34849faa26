//! A server that goes away at any moment.

use std::time::Duration;

use geocrop_tracking::{Patience, RunsFolder, sync};

use crate::proxy::{Fault, Proxy};
use crate::remote::{Remote, folder, server};
use crate::round_trip::{assert_whole, record};

/// What happens before the request is carried out, in turns. Whether it is carried out is what matters to the server.
const BEFORE: [Fault; 3] = [Fault::Closed, Fault::Status500, Fault::Garbage];

pub(crate) fn a_server_lost_at_any_request_ends_up_with_one_run_and_one_version(remote: &Remote) {
    let proxy = Proxy::start(remote.mlflow.port());
    let once = Patience {
        tries: 1,
        first_pause: Duration::ZERO,
        ..Patience::default()
    };
    let to = server(&proxy.url(), once);
    let mut requests = 0;
    loop {
        let faults = [Fault::Unanswered, BEFORE[requests % BEFORE.len()]];
        let mut met = 0;
        for fault in faults {
            let (_dir, folder) = folder();
            let model = format!("lost at {requests} {fault:?}");
            let id = record(&folder, "lost at any request", &model);
            proxy.meet_nth(requests, fault);
            if sync(&folder, &to).is_ok() {
                assert!(proxy.heal(), "a fault that was met is told");
                continue;
            }
            met += 1;
            assert_nothing_half_registered(remote, &folder, &id, &model);
            sync(&folder, &to).unwrap();
            assert_whole(remote, &folder, &id, &model);
            proxy.take_seen();
            assert_eq!(sync(&folder, &to).unwrap().complete, 1);
            assert_eq!(proxy.take_seen(), Vec::<String>::new());
        }
        if met == 0 {
            break;
        }
        requests += 1;
    }
    assert!(
        requests > 15,
        "only {requests} requests were there to be met"
    );
}

fn assert_nothing_half_registered(remote: &Remote, folder: &RunsFolder, id: &str, model: &str) {
    let experiment = folder.show(id).unwrap().experiment;
    let runs = remote.runs(&experiment, id, "ACTIVE_ONLY");
    assert!(runs.len() <= 1, "{runs:?}");
    if !remote.versions(model).is_empty() {
        assert_eq!(runs[0]["info"]["status"], "FINISHED");
        for path in ["model/model.json", "plots of ü/reliability curve.svg"] {
            assert!(
                remote.stored(&runs[0], path).is_some(),
                "{path} of a registered version"
            );
        }
    }
}

pub(crate) fn one_lost_answer_is_no_failure(remote: &Remote) {
    let proxy = Proxy::start(remote.mlflow.port());
    let patience = Patience {
        tries: 2,
        first_pause: Duration::ZERO,
        ..Patience::default()
    };
    let to = server(&proxy.url(), patience);
    for path in [
        "experiments/create",
        "runs/create",
        "runs/log-batch",
        "PUT",
        "registered-models/create",
        "model-versions/create",
        "registered-models/alias",
    ] {
        for fault in [Fault::Unanswered, Fault::Status500] {
            let (_dir, folder) = folder();
            let name = format!("no failure {} {fault:?}", path.replace('/', " "));
            let id = record(&folder, &name, &name);
            proxy.meet(path, fault);
            sync(&folder, &to).unwrap();
            assert!(!proxy.heal(), "{path} was asked for");
            assert_whole(remote, &folder, &id, &name);
        }
    }
}
