//! Writing pages with `site serve` beside, and publishing what came out.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::{command, geocrop, stderr, stdout};

const PAGE: &str = "+++\ntitle = \"Home\"\ndescription = \"All of it.\"\n+++\n\n";
const PATIENCE: Duration = Duration::from_mins(1);

fn write(folder: &Path, inside: &str, text: &str) {
    let path = folder.join(inside);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A running `site serve`; ended with the test.
struct Served {
    process: Child,
    port: u16,
    said: Receiver<String>,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut process = command(&["site", "serve", "--address", &format!("127.0.0.1:{port}")])
            .arg("--content")
            .arg(folder.join("content"))
            .arg("--store")
            .arg(folder.join("store"))
            .env("GEOCROP_CACHE", folder.join("cache"))
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let (send, said) = channel();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            process,
            port,
            said,
        }
    }

    /// Waits until the program says something with `words` in it.
    fn wait_for(&self, words: &str) {
        let mut heard = Vec::new();
        while let Ok(line) = self.said.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return;
            }
            heard.push(line);
        }
        panic!("\"{words}\" was not said: {heard:#?}");
    }

    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        // The port is announced before it is open.
        for _ in 0..200 {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
                write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
                stream.read_to_string(&mut answer).unwrap();
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("nobody answers on port {}", self.port);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_is_written_is_served_and_what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("store")).unwrap();
    write(folder, "content/index.md", &format!("{PAGE}First words.\n"));
    let served = Served::start(folder);
    served.wait_for("the site is on");
    let first = served.get("/");
    assert!(first.contains("First words."), "{first}");
    assert!(first.contains("/reload."), "pages watch for the next build");

    write(
        folder,
        "content/index.md",
        &format!("{PAGE}Second words.\n"),
    );
    served.wait_for("built again: 1 pages made");
    assert!(served.get("/").contains("Second words."));

    write(
        folder,
        "content/index.md",
        &format!("{PAGE}[Nowhere](/nowhere/)\n"),
    );
    served.wait_for("content/index.md:6: /nowhere/ leads to");
    assert!(
        served.get("/").contains("Second words."),
        "the site stays as it was"
    );
    write(folder, "content/index.md", &format!("{PAGE}Third words.\n"));
    served.wait_for("in order again");
    assert!(served.get("/").contains("Third words."));
}

#[test]
fn a_site_is_published_once_and_then_only_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("store")).unwrap();
    write(folder, "content/index.md", &format!("{PAGE}Words.\n"));
    let [content, store, dist] =
        ["content", "store", "dist"].map(|name| folder.join(name).display().to_string());
    let build = || {
        let built = geocrop(&[
            "site",
            "build",
            "--content",
            &content,
            "--store",
            &store,
            "--out",
            &dist,
        ]);
        assert!(built.status.success(), "{}", stderr(&built));
    };
    let publish = |more: &[&str]| {
        let mut args = vec![
            "site", "publish", "--site", &dist, "--store", &store, "--json",
        ];
        args.extend(more);
        let published = geocrop(&args);
        assert!(published.status.success(), "{}", stderr(&published));
        serde_json::from_str::<serde_json::Value>(&stdout(&published)).unwrap()
    };
    build();
    let planned = publish(&["--dry-run"]);
    assert!(!folder.join("store/site").exists(), "nothing is touched");
    let done = publish(&[]);
    assert_eq!(planned["added"], done["added"]);
    assert!(folder.join("store/site/index.html").exists());
    write(folder, "content/index.md", &format!("{PAGE}Other words.\n"));
    build();
    let changes = publish(&[]);
    let changed: Vec<&str> = changes["changed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    assert!(changed.contains(&"/index.html"), "{changed:?}");
    assert!(!changed.iter().any(|address| address.contains("style.")));
}
