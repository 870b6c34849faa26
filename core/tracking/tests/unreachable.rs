//! Servers that are away, or answer what MLflow would not: the folder stays complete, and the error says what to do.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use geocrop_tracking::{
    Credentials, Outcome, Patience, RunsFolder, Server, SyncReport, TrackingError, sync,
};
use tempfile::TempDir;

const QUICK: Patience = Patience {
    tries: 2,
    first_pause: Duration::from_millis(1),
    answer: Duration::from_millis(500),
};

/// A folder with this many finished runs.
fn folder(runs: usize) -> (TempDir, RunsFolder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunsFolder::new(dir.path());
    for n in 0..runs {
        let mut run = folder.start("cropland", &format!("run {n}")).unwrap();
        run.metric("f1", 0.7, 0).unwrap();
        run.finish(Outcome::Finished).unwrap();
    }
    (dir, folder)
}

/// A server that gives everybody the same answer, for as long as the process lives, and how often it was asked. It never
/// answers where there is none.
fn that_answers(answer: Option<&str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, answer) = (Arc::new(AtomicUsize::new(0)), answer.map(str::to_owned));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        let mut silent: Vec<TcpStream> = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let Some(answer) = &answer else {
                silent.push(connection);
                continue;
            };
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn sent_to(
    address: &str,
    folder: &RunsFolder,
    credentials: Credentials,
) -> Result<SyncReport, TrackingError> {
    sync(folder, &Server::new(address, credentials, QUICK).unwrap())
}

/// What is said of a sync that fails; the runs are then as they were.
fn words(address: &str, runs: usize) -> String {
    let (_dir, folder) = folder(runs);
    let before = folder.list().unwrap().runs;
    let error = sent_to(address, &folder, Credentials::None).unwrap_err();
    assert_eq!(folder.list().unwrap().runs, before);
    let words = error.to_string();
    assert!(
        words.contains("`geocrop runs sync` sends what is missing"),
        "{words}"
    );
    assert!(
        words.contains(&folder.path().display().to_string()),
        "{words}"
    );
    words
}

#[test]
fn a_server_that_is_away_is_asked_for_one_run_only() {
    let port = geocrop_testbed::free_port().unwrap();
    let words = words(&format!("http://127.0.0.1:{port}"), 3);
    assert!(words.starts_with("3 of 3 runs"), "{words}");
    assert!(
        words.contains("in 2 tries") && words.contains("refused"),
        "{words}"
    );
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_again_and_again() {
    let (address, asked) = that_answers(None);
    let words = words(&address, 3);
    assert!(words.starts_with("3 of 3 runs"), "{words}");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "two tries of the first request"
    );
}

#[test]
fn a_server_in_trouble_is_asked_as_often_as_patience_lasts() {
    let (address, asked) = that_answers(Some(&http("500 Internal Server Error", "no disk")));
    let words = words(&address, 2);
    assert!(
        words.contains("it answered 500") && words.contains("no disk"),
        "{words}"
    );
    assert_eq!(
        asked.load(Ordering::SeqCst),
        4,
        "two tries for each of two runs"
    );
}

#[test]
fn a_page_that_is_not_mlflows_is_recognised() {
    for (status, body) in [
        ("200 OK", "<html>Log in</html>"),
        ("200 OK", ""),
        ("200 OK", "[]"),
        ("200 OK", "{}"),
    ] {
        let (address, _) = that_answers(Some(&http(status, body)));
        let words = words(&address, 1);
        assert!(words.contains("expected MLflow's JSON"), "{words}");
    }
    let (address, _) = that_answers(Some("nonsense\r\n\r\n"));
    assert!(words(&address, 1).contains("in 2 tries"));
}

#[test]
fn a_refusal_says_what_to_do_about_it() {
    for (status, advice) in [
        ("401 Unauthorized", "MLFLOW_TRACKING_TOKEN"),
        ("403 Forbidden", "--allowed-hosts"),
        ("404 Not Found", "mlflow.url is MLflow's own address"),
        (
            "302 Found",
            "put the address that it points to into mlflow.url",
        ),
    ] {
        let (address, asked) = that_answers(Some(&http(status, "no")));
        let words = words(&address, 1);
        assert!(words.contains(advice), "{words}");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "{status} is final");
    }
}

#[test]
fn secrets_are_in_no_error() {
    for answer in [
        http("401 Unauthorized", "no"),
        http("500 Oh", "no"),
        http("200 OK", "<html>"),
    ] {
        let (address, _) = that_answers(Some(&answer));
        let (_dir, folder) = folder(1);
        for credentials in [
            Credentials::Token("verysecret".to_owned()),
            Credentials::Basic {
                username: "ada".to_owned(),
                password: "verysecret".to_owned(),
            },
        ] {
            let error = sent_to(&address, &folder, credentials).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("verysecret"),
                "{error:?}"
            );
        }
    }
}

#[test]
fn two_processes_do_not_send_the_same_folder() {
    let (_dir, folder) = folder(1);
    let lock = std::fs::File::create(folder.path().join(".sync.lock")).unwrap();
    lock.lock().unwrap();
    let error = sent_to("http://127.0.0.1:1", &folder, Credentials::None).unwrap_err();
    assert!(matches!(error, TrackingError::Busy { .. }), "{error}");
}

#[test]
fn a_run_that_goes_on_and_a_folder_that_is_not_there_need_no_server() {
    let (dir, folder) = folder(0);
    let run = folder.start("cropland", "goes on").unwrap();
    let report = sent_to("http://127.0.0.1:1", &folder, Credentials::None).unwrap();
    assert_eq!((report.running, report.sent.len()), (1, 0));
    drop(run);
    let nowhere = RunsFolder::new(dir.path().join("nowhere"));
    let report = sent_to("http://127.0.0.1:1", &nowhere, Credentials::None).unwrap();
    assert_eq!(report, SyncReport::default());
}
