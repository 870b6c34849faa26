//! The status page: a snapshot without measurements and with them, incidents, and what Prometheus is asked.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the message")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use chrono::{DateTime, TimeZone, Utc};
use geocrop_site::status::{MeasureError, Measured, Measurements, measure};
use geocrop_site::{BuildOptions, Report, build};
use geocrop_store::status::{Day, Part, State};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Site {
    folder: TempDir,
    options: BuildOptions,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |inside: &str| folder.path().join(inside);
        let store = path("store").to_string_lossy().into_owned();
        let options = BuildOptions::new(path("content"), store, path("out"), path("cache"));
        std::fs::create_dir_all(path("store")).unwrap();
        let site = Self { folder, options };
        site.write("content/index.md", "title = \"Home\"", "Text.");
        site.write(
            "content/status.md",
            "title = \"Status\"\norder = 1\ntemplate = \"status\"",
            "How it is measured.",
        );
        site
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn write(&self, inside: &str, front: &str, text: &str) {
        self.put(inside, &format!("+++\n{front}\n+++\n{text}\n"));
    }

    fn put(&self, inside: &str, text: &str) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn build(&self) -> Report {
        build(&self.options).unwrap()
    }

    fn read(&self, inside: &str) -> String {
        std::fs::read_to_string(self.path(inside)).unwrap()
    }

    fn page(&self) -> String {
        self.read("out/status/index.html")
    }

    /// A catalog of two layers, the later scene in the one that was published first.
    fn layers(&self) {
        for template in ["areas", "map"] {
            let front = format!("title = \"A\"\ntemplate = \"{template}\"");
            self.write(&format!("content/{template}.md"), &front, "");
        }
        let mut links = Vec::new();
        for (area, taken) in [("hill", "2024-12-24"), ("valley", "2024-03-01")] {
            let item = json!({
                "bbox": [30.9, -17.5, 31.0, -17.4],
                "properties": {
                    "geocrop:area": area, "geocrop:area_name": area, "geocrop:period": "2024",
                    "geocrop:recipe": "ndvi", "geocrop:recipe_hash": "ab", "geocrop:kind": "index",
                    "geocrop:synthetic": area == "hill",
                    "geocrop:scenes": [{ "id": format!("scene-{area}"), "datetime": format!("{taken}T07:52:00Z") }],
                },
            });
            self.put(
                &format!("store/layers/ndvi/2024/{area}.json"),
                &item.to_string(),
            );
            links.push(json!({ "rel": "item", "href": format!("./2024/{area}.json") }));
        }
        let file = std::fs::File::options()
            .write(true)
            .open(self.path("store/layers/ndvi/2024/hill.json"))
            .unwrap();
        file.set_modified(moment(2, 9).into()).unwrap();
        let file = std::fs::File::options()
            .write(true)
            .open(self.path("store/layers/ndvi/2024/valley.json"))
            .unwrap();
        file.set_modified(moment(3, 10).into()).unwrap();
        self.put(
            "store/layers/ndvi/collection.json",
            &json!({ "title": "NDVI", "links": links }).to_string(),
        );
        self.put(
            "store/catalog.json",
            &json!({ "links": [{ "rel": "child", "href": "./layers/ndvi/collection.json" }] })
                .to_string(),
        );
    }
}

fn moment(day: u32, hour: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, hour, 30, 0).unwrap()
}

fn measured(state: State) -> Measurements {
    let day = |up, degraded, down| Day {
        day: "2026-11-20".to_owned(),
        up: Some(up),
        degraded: Some(degraded),
        down: Some(down),
    };
    let mut history = vec![Day::unknown("2026-08-24".to_owned())];
    history.extend(vec![day(1440, 0, 0); 88]);
    history.push(day(1400, 40, 0));
    let found = Measured {
        state,
        since: Some(moment(20, 6)),
        history,
    };
    Measurements {
        taken: moment(21, 7),
        parts: BTreeMap::from([(Part::Store, found.clone()), (Part::Mlflow, found)]),
    }
}

fn parts(html: &str) -> Vec<&str> {
    html.split("data-part=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

#[test]
fn without_measurements_every_part_is_unknown_and_the_page_says_so() {
    let site = Site::new();
    site.build();
    let html = site.page();
    assert_eq!(parts(&html), ["tiles", "store", "api", "queue", "database"]);
    assert_eq!(html.matches("part-state unknown").count(), 5);
    assert_eq!(html.matches("90 days: 90 unknown").count(), 5);
    assert!(html.contains("holds no measurements"));
    assert!(html.contains("No incident has been recorded"));
    assert!(html.contains("How it is measured."));
    // Nothing is built in that could change without an input.
    assert!(!html.contains("Measured 20"), "{html}");
    // Without the bundle there is no script, and no leave for one.
    assert!(!html.contains("<script") && !html.contains("script-src"));
}

#[test]
fn measurements_are_shown_with_their_time_and_told_in_words() {
    let mut site = Site::new();
    site.options.measured = Some(measured(State::Degraded));
    site.build();
    let html = site.page();
    // What is not everywhere is shown where it is measured.
    assert_eq!(
        parts(&html),
        ["tiles", "store", "api", "queue", "database", "mlflow"]
    );
    assert!(html.contains("Measured 2026-11-21 07:30 UTC"));
    assert!(html.contains("Degraded: Store, MLflow"));
    assert!(
        html.contains("since <time datetime=\"2026-11-20T06:30:00Z\">2026-11-20 06:30 UTC</time>")
    );
    assert!(html.contains("aria-label=\"Store, 90 days: 88 up, 1 degraded, 1 unknown\""));
    assert!(html.contains("<title>2026-11-20: 1440 checks, 40 degraded</title>"));
    assert!(
        !html.contains("style=\""),
        "the policy allows no inline style"
    );
}

#[test]
fn other_measurements_make_the_page_anew_and_equal_ones_do_not() {
    let mut site = Site::new();
    site.options.measured = Some(measured(State::Up));
    site.build();
    std::thread::sleep(std::time::Duration::from_millis(30));
    site.build();
    assert_eq!(site.build().rendered, 0);
    site.options.measured = Some(measured(State::Down));
    let report = site.build();
    assert_eq!(report.rendered, 1, "the status page alone");
    assert!(site.page().contains("Down: Store, MLflow"));
    let first = site.page();
    std::fs::remove_dir_all(site.path("out")).unwrap();
    site.build();
    assert_eq!(site.page(), first, "built from nothing it is the same");
}

#[test]
fn the_newest_layer_and_scene_are_those_of_the_catalog() {
    let site = Site::new();
    site.layers();
    site.build();
    let html = site.page();
    assert!(
        html.contains("<a href=\"/areas/valley/#ndvi-2024\">valley, NDVI, 2024</a>"),
        "{html}"
    );
    assert!(html.contains("2026-11-03 10:30 UTC"));
    assert!(html.contains("scene-hill (synthetic)"));
    assert!(html.contains("2024-12-24 07:52 UTC"));
}

#[test]
fn the_script_and_its_leave_come_with_the_bundle() {
    let mut site = Site::new();
    for file in [
        "map.js",
        "map.css",
        "worker.js",
        "start.js",
        "borders.json",
        "status.js",
        "capacity.js",
    ] {
        site.put(&format!("bundle/{file}"), file);
    }
    site.options.map_bundle = Some(site.path("bundle"));
    site.options.api_href = Some("https://api.example.org/v1".to_owned());
    site.build();
    let html = site.page();
    assert!(html.contains("data-href-status=\"https://api.example.org/v1/status\""));
    assert!(html.contains("script-src &#39;self&#39;"));
    assert!(
        html.contains("connect-src &#39;self&#39; https://api.example.org"),
        "{html}"
    );
    assert_eq!(html.matches("<script").count(), 1);
    let home = site.read("out/index.html");
    assert!(!home.contains("<script") && !home.contains("script-src"));
}

#[test]
fn incidents_are_listed_open_ones_first_and_have_pages_and_a_place_in_the_feed() {
    let mut site = Site::new();
    site.options.base_url = Some("https://maps.example.org".to_owned());
    for (name, front) in [
        (
            "disk",
            "title = \"Disk full\"\ndate = 2026-10-02\nresolved = 2026-10-03\nparts = [\"store\", \"tiles\"]",
        ),
        (
            "slow",
            "title = \"Slow queue\"\ndate = 2026-09-01\nparts = [\"queue\"]",
        ),
        (
            "old",
            "title = \"Old one\"\ndate = 2026-08-01\nresolved = 2026-08-01\nparts = [\"api\"]",
        ),
    ] {
        site.write(
            &format!("content/incidents/{name}.md"),
            &format!("{front}\ntemplate = \"incident\""),
            "- **10:15 UTC, investigating.** Writes fail.",
        );
    }
    site.build();
    let html = site.page();
    let at = |text: &str| {
        html.find(text)
            .unwrap_or_else(|| panic!("{text} is not in {html}"))
    };
    assert!(at("Slow queue") < at("Disk full") && at("Disk full") < at("Old one"));
    assert!(html.contains("href=\"/incidents/disk/\""));
    assert_eq!(html.matches("incident open").count(), 1);
    assert!(!html.contains("No incident has been recorded"));

    let page = site.read("out/incidents/disk/index.html");
    assert!(page.contains("<a href=\"/status/\">Status</a>"));
    assert!(page.contains("Map tiles") && page.contains("Writes fail."));
    assert!(page.contains("resolved <time datetime=\"2026-10-03\">"));
    assert!(
        site.read("out/incidents/slow/index.html")
            .contains("not resolved yet")
    );
    let feed = site.read("out/feed.xml");
    assert!(feed.contains("https://maps.example.org/incidents/slow/"));
}

#[test]
fn an_incident_about_nothing_stops_the_build_with_its_line() {
    let site = Site::new();
    site.write(
        "content/incidents/a.md",
        "title = \"A\"\ndate = 2026-10-02\ntemplate = \"incident\"\nparts = [\"stoer\"]",
        "",
    );
    let message = build(&site.options).unwrap_err().to_string();
    assert!(
        message.starts_with("content/incidents/a.md:5:"),
        "{message}"
    );
    assert!(message.contains("stoer"), "{message}");
}

/// A server with Prometheus' answers; returns its address and, at the end, what it was asked.
fn prometheus(
    answers: impl Fn(&str) -> Value + Send + 'static,
    requests: usize,
) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = vec![0; 8192];
            let length = stream.read(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let line = text.lines().next().unwrap().to_owned();
            let body =
                json!({ "status": "success", "data": { "result": answers(&line) } }).to_string();
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
            asked.push(line);
        }
        asked
    });
    (address, asked)
}

#[test]
fn prometheus_answers_become_states_and_days() {
    let now = moment(21, 7);
    // A day's sum stands at its end: 2026-11-20's at midnight of the 21st.
    let end = Utc
        .with_ymd_and_hms(2026, 11, 21, 0, 0, 0)
        .unwrap()
        .timestamp();
    let (url, asked) = prometheus(
        move |line| {
            let values = |minutes: &str| json!([{ "metric": { "part": "store" }, "values": [[end, minutes]] }]);
            if line.contains("geocrop_part_since_seconds") {
                json!([{ "metric": { "part": "store" }, "value": [0, "1795000000"] }])
            } else if !line.contains("query_range") {
                json!([{ "metric": { "part": "store" }, "value": [0, "0.5"] }, { "metric": { "part": "other" }, "value": [0, "1"] }])
            } else if line.contains("bool+1") || line.contains("bool%201") {
                values("1400")
            } else if line.contains("0.5") {
                values("40")
            } else {
                values("0")
            }
        },
        5,
    );
    let found = measure(&format!("{url}/"), now).unwrap();
    assert_eq!(found.taken, now);
    assert_eq!(found.parts.len(), 1);
    let store = &found.parts[&Part::Store];
    assert_eq!(store.state, State::Degraded);
    assert_eq!(store.since.unwrap().timestamp(), 1_795_000_000);
    assert_eq!(store.history.len(), 90);
    assert_eq!(store.history[89], Day::unknown("2026-11-21".to_owned()));
    let yesterday = &store.history[88];
    assert_eq!(yesterday.day, "2026-11-20");
    assert_eq!(
        (yesterday.up, yesterday.degraded, yesterday.down),
        (Some(1400), Some(40), Some(0))
    );
    assert_eq!(store.history[0].day, "2026-08-24");
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("GET /api/v1/query?"), "{asked:?}");
    assert_eq!(
        asked
            .iter()
            .filter(|line| line.contains("step=86400"))
            .count(),
        3
    );
}

#[test]
fn a_prometheus_that_knows_nothing_or_is_away_is_an_error_to_warn_of() {
    let (url, asked) = prometheus(|_| json!([]), 5);
    assert!(matches!(
        measure(&url, moment(21, 7)),
        Err(MeasureError::Nothing)
    ));
    asked.join().unwrap();
    // The listener is gone, and nobody answers there.
    assert!(matches!(
        measure(&url, moment(21, 7)),
        Err(MeasureError::Http(_))
    ));
}
