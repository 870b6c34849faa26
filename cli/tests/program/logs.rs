//! What the server writes for programs: JSON lines, and traces for a collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::support::{command, geocrop, stderr};

/// Takes what is posted to it, one request a connection or more, and answers that it is well.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, posted) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(connection);
                loop {
                    let (mut first, mut length) = (String::new(), 0);
                    if reader.read_line(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).unwrap();
                        let line = line.trim().to_ascii_lowercase();
                        if let Some(text) = line.strip_prefix("content-length:") {
                            length = text.trim().parse().unwrap();
                        }
                        if line.is_empty() {
                            break;
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let _ = sender.send((first, body));
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer).unwrap();
                }
            });
        }
    });
    (address, posted)
}

#[test]
fn each_line_names_the_request_and_the_collector_gets_its_span() {
    const ID: &str = "edge-20261122";
    let (collector, posted) = collector();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store").display().to_string();
    let args = [
        "api",
        "--address",
        "127.0.0.1:0",
        "--source",
        "sources/earth-search.toml",
        "--store",
        &store,
    ];
    let mut server = command(&args);
    server
        .env("GEOCROP_STATE", dir.path().join("state"))
        .env("XDG_CACHE_HOME", dir.path().join("cache"))
        .env("GEOCROP_LOG", "info")
        .env("GEOCROP_LOG_FORMAT", "json")
        .env("GEOCROP_OTLP_ENDPOINT", &collector)
        .stderr(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| {
            let (_, address) = line.strip_prefix("listening on ")?.split_once("http://")?;
            Some(format!("http://{}", address.split_once('/')?.0))
        })
        .unwrap();
    let client = reqwest::blocking::Client::new();
    let answer = client
        .get(format!("{address}/v1/jobs/nothing"))
        .header("x-request-id", ID)
        .send()
        .unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    let stop = Command::new("kill").arg(server.id().to_string()).status();
    assert!(stop.unwrap().success());
    // What is left of the traces is sent before the end.
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(server.wait().unwrap().success(), "{lines:#?}");

    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is no JSON")))
        .collect();
    let answered = lines
        .iter()
        .find(|line| line["span"]["request_id"] == ID)
        .unwrap_or_else(|| panic!("{lines:#?}"));
    assert_eq!(answered["message"], "answered");
    assert_eq!(answered["status"], 401);
    assert_eq!(answered["span"]["route"], "/v1/jobs/{id}");

    let (first, body) = posted
        .recv_timeout(Duration::from_secs(30))
        .expect("the collector hears of it");
    assert!(first.starts_with("POST /v1/traces "), "{first}");
    for text in ["geocrop", "request_id", ID, "/v1/jobs/{id}"] {
        let found = body.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(found, "{text} is in the span");
    }
}

#[test]
fn settings_of_logs_that_are_none_are_told() {
    for (name, value, words) in [
        ("GEOCROP_LOG_FORMAT", "xml", "expected 'text' or 'json'"),
        ("GEOCROP_CORS_ORIGINS", "maps.example.org", "is no origin"),
        ("GEOCROP_WORKER_JOBS_AT_ONCE", "9", "fewer jobs at once"),
        ("GEOCROP_REDIS_URL", "http://cache", "redis://"),
    ] {
        let args = ["api", "--source", "sources/earth-search.toml"];
        let dir = tempfile::tempdir().unwrap();
        let output = command(&args)
            .env("GEOCROP_STATE", dir.path())
            .env("GEOCROP_ADDRESS", "127.0.0.1:0")
            .env(name, value)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    assert!(geocrop(&["doctor"]).status.success());
}
