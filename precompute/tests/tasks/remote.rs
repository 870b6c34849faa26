//! Models on a server: the same map as from the model here, and clear words when the server does something else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use geocrop_model::Ensemble;
use geocrop_model::instances::{Limits, Takes, answer, parse};
use geocrop_precompute::{Outcome, Progress, Recipe, Task, TaskError};
use serde_json::json;

use crate::support::{Bench, landscape, project, task};

const NAME: &str = "cropland-southeast-africa";

/// A request that a server got.
struct Asked {
    line: String,
    token: Option<String>,
    body: Vec<u8>,
}

/// Status and body.
type Reply = (u16, Vec<u8>);

/// A server that answers by a function, one request to a connection.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
}

fn server(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/models/crops", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let (reply, counted) = (Arc::new(reply), Arc::clone(&requests));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (reply, counted) = (Arc::clone(&reply), Arc::clone(&counted));
            std::thread::spawn(move || {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = serve(stream, &*reply);
            });
        }
    });
    Server { url, requests }
}

fn serve(stream: TcpStream, reply: &dyn Fn(&Asked) -> Reply) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked {
        line: String::new(),
        token: None,
        body: Vec::new(),
    };
    reader.read_line(&mut asked.line)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => asked.token = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    asked.body = vec![0; length];
    reader.read_exact(&mut asked.body)?;
    let (status, body) = reply(&asked);
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn trees() -> Ensemble {
    Ensemble::load(project().join("models").join(NAME).join("2/model.json")).unwrap()
}

/// What the project's own model predicts, for rows in some order of its features.
fn predictions(model: &Ensemble, body: &[u8]) -> Vec<u8> {
    let takes = Takes::Row(model.feature_names().to_vec());
    let asked = parse(body, &takes, Limits { cells: 100_000 }).unwrap();
    let mut out = vec![0.0; asked.examples.count];
    model
        .predict_rows(&asked.examples.values, &mut out)
        .unwrap();
    answer(asked.form, &asked.examples, 1, &out)
}

fn metadata(version: &str, features: &[String]) -> Vec<u8> {
    json!({
        "model_spec": { "name": "crops", "version": version },
        "metadata": { "geocrop": { "features": features } },
    })
    .to_string()
    .into_bytes()
}

/// The valley's task with a model on a server; `more` goes into its table.
fn remote_task(url: &str, more: &str) -> Task {
    let file = project().join("recipes").join(format!("{NAME}.toml"));
    let text = std::fs::read_to_string(file).unwrap();
    let table = format!("[model]\nremote = {{ url = \"{url}\"{more} }}\n");
    let recipe = Recipe::parse(&text.replace("[model]\n", &table), "remote.toml").unwrap();
    Task {
        recipe: Arc::new(recipe),
        ..task(landscape(), NAME)
    }
}

fn classes(bench: &Bench) -> Vec<Vec<u8>> {
    let folder = bench.file(&format!("layers/{NAME}/2024"));
    ["valley.tif", "valley-confidence.tif"]
        .map(|name| {
            let path = folder.join(name).display().to_string();
            let mut reader = geocrop_raster::RasterReader::new();
            let grid = reader.info(&path).unwrap().grid().unwrap();
            let read = geocrop_raster::Resampling::Nearest;
            let values = reader.read(&path, 1, Some(-1.0), &grid, read).unwrap();
            values.iter().map(|v| *v as u8).collect()
        })
        .to_vec()
}

/// Why a task with this server fails.
fn refused(server: &Server, more: &str) -> String {
    let bench = Bench::new();
    let error = bench
        .engine
        .run(&remote_task(&server.url, more), &Progress::new())
        .unwrap_err();
    assert!(matches!(error, TaskError::Remote(_)), "{error}");
    let (files, _) = bench.files();
    assert!(
        !files.iter().any(|f| f.ends_with("valley.json")),
        "{files:?}"
    );
    error.to_string()
}

#[test]
fn a_map_from_a_server_is_the_map_from_the_model_here() {
    let here = Bench::new();
    let local = here.make(&task(landscape(), NAME));
    let model = trees();
    let names = model.feature_names().to_vec();
    let batches = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&batches);
    let server = server(move |asked| {
        if asked.line.starts_with("GET") {
            return (200, metadata("3", &names));
        }
        assert!(
            asked.line.contains("/v1/models/crops/versions/3:predict"),
            "{}",
            asked.line
        );
        let answer = predictions(&model, &asked.body);
        let told: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        let rows = told["predictions"].as_array().unwrap().len();
        seen.lock().unwrap().push(rows);
        (200, answer)
    });
    let there = Bench::new();
    let task = remote_task(&server.url, ", rows = 1000");
    let remote = there.make(&task);
    assert_eq!(classes(&there), classes(&here));
    assert_eq!(remote.statistics.classes, local.statistics.classes);
    assert!(batches.lock().unwrap().iter().all(|rows| *rows <= 1000));
    let item = there.item(&remote.item_key);
    assert_eq!(item.properties.extra["geocrop:model"]["version"], "3");
    let lock = std::fs::read_to_string(there.file(&format!("layers/{NAME}/2024/valley.lock.json")));
    assert!(lock.is_ok_and(|text| text.contains(&server.url)));
    let again = there.engine.run(&task, &Progress::new()).unwrap();
    assert!(matches!(again, Outcome::Unchanged { .. }));
}

#[test]
fn inputs_by_name_two_probabilities_and_a_server_without_metadata_do_as_well() {
    let here = Bench::new();
    here.make(&task(landscape(), NAME));
    for named in [true, false] {
        let model = trees();
        let names = model.feature_names().to_vec();
        let inputs: serde_json::Map<_, _> = names
            .iter()
            .map(|n| (n.clone(), json!({ "dtype": "DT_FLOAT" })))
            .collect();
        let server = server(move |asked| {
            if asked.line.starts_with("GET") {
                let told = json!({ "metadata": { "signature_def": { "signature_def": {
                    "serving_default": { "inputs": inputs } } } } });
                return if named {
                    (200, told.to_string().into_bytes())
                } else {
                    (404, Vec::new())
                };
            }
            assert!(asked.line.contains("/v1/models/crops:predict"));
            let answer = predictions(&model, &asked.body);
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            let both = answer["predictions"].as_array().unwrap().iter().map(|p| {
                let second = p.as_f64().unwrap() as f32;
                json!([1.0 - second, second])
            });
            (
                200,
                json!({ "predictions": both.collect::<Vec<_>>() })
                    .to_string()
                    .into_bytes(),
            )
        });
        let there = Bench::new();
        // Without a word of the server the rows come in the recipe's order, which is the model's here.
        there.make(&remote_task(&server.url, ""));
        let (mut a, mut b) = (classes(&there), classes(&here));
        assert_eq!(a.remove(0), b.remove(0), "{named}");
    }
}

#[test]
fn a_new_version_makes_the_map_anew() {
    let version = Arc::new(AtomicUsize::new(1));
    let model = trees();
    let (names, now) = (model.feature_names().to_vec(), Arc::clone(&version));
    let server = server(move |asked| {
        if asked.line.starts_with("GET") {
            let version = now.load(Ordering::SeqCst).to_string();
            return (200, metadata(&version, &names));
        }
        (200, predictions(&model, &asked.body))
    });
    let bench = Bench::new();
    let task = remote_task(&server.url, "");
    bench.make(&task);
    version.store(2, Ordering::SeqCst);
    bench.make(&task);
}

#[test]
fn a_busy_server_is_asked_again() {
    let model = trees();
    let names = model.feature_names().to_vec();
    let busy = AtomicUsize::new(3);
    let server = server(move |asked| {
        if busy
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok()
        {
            return (503, br#"{"error": "loading"}"#.to_vec());
        }
        if asked.line.starts_with("GET") {
            return (200, metadata("1", &names));
        }
        (200, predictions(&model, &asked.body))
    });
    Bench::new().make(&remote_task(&server.url, ""));
}

#[test]
fn a_token_comes_from_the_environment_and_goes_to_the_server() {
    let server = server(|asked| {
        let folder = env!("CARGO_MANIFEST_DIR");
        if asked.token.as_deref() == Some(&format!("Bearer {folder}")) {
            (500, b"knows you".to_vec())
        } else {
            (401, b"does not know you".to_vec())
        }
    });
    let error = refused(&server, ", token_env = \"CARGO_MANIFEST_DIR\"");
    assert!(
        error.contains("500") && error.contains("knows you"),
        "{error}"
    );
    assert!(refused(&server, "").contains("401"));
    let missing = refused(&server, ", token_env = \"NOT_SET_ANYWHERE\"");
    assert!(missing.contains("NOT_SET_ANYWHERE"), "{missing}");
}

fn told(value: &serde_json::Value) -> Reply {
    (
        200,
        json!({ "predictions": value }).to_string().into_bytes(),
    )
}

#[test]
fn a_server_that_does_something_else_is_named_with_what_it_did() {
    let predicting = |reply: fn(usize) -> Reply| {
        server(move |asked| {
            if asked.line.starts_with("GET") {
                return (404, Vec::new());
            }
            let body: String = String::from_utf8(asked.body.clone())
                .unwrap()
                .replace("NaN", "null");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            reply(body["instances"].as_array().unwrap().len())
        })
    };
    for (reply, words) in [
        (
            (|n| told(&json!(vec![0.5; n + 1]))) as fn(usize) -> Reply,
            "more predictions",
        ),
        (|n| told(&json!(vec![[0.1, 0.2, 0.7]; n])), "3 numbers"),
        (
            |_| (500, br#"{"error": "tensor exploded"}"#.to_vec()),
            "tensor exploded",
        ),
        (
            |_| (404, br#"{"error": "Servable not found"}"#.to_vec()),
            "Servable not found",
        ),
        (|_| (200, b"<html>".to_vec()), "no JSON"),
        (|_| told(&json!([null])), "row 1"),
        // Right at first, then too few.
        (
            |n| told(&json!(vec![0.5; n.min(5)])),
            "5 predictions came back",
        ),
    ] {
        let server = predicting(reply);
        let error = refused(&server, "");
        assert!(error.contains(words), "{words}: {error}");
        assert!(
            error.contains(&format!("{}:predict", server.url)),
            "{error}"
        );
    }
    let other = server(|_| (200, metadata("1", &["wind_S1".to_owned()])));
    let error = refused(&other, "");
    assert!(error.contains("does not make wind_S1"), "{error}");
}

#[test]
fn a_server_that_hangs_or_is_not_there_does_not_hold_the_task() {
    let hanging = server(|_| {
        std::thread::sleep(Duration::from_secs(20));
        (200, Vec::new())
    });
    let error = refused(&hanging, ", timeout = 0.2");
    assert!(
        error.contains("after 2 attempts") && error.contains("timeout"),
        "{error}"
    );
    assert_eq!(hanging.requests.load(Ordering::SeqCst), 2);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = Server {
        url: format!("http://{}/v1/models/crops", nobody.local_addr().unwrap()),
        requests: Arc::default(),
    };
    drop(nobody);
    let error = refused(&gone, "");
    assert!(
        error.contains("after 5 attempts") && error.contains(&gone.url),
        "{error}"
    );

    let stopped = Progress::new();
    stopped.cancel();
    let ended = Bench::new()
        .engine
        .run(&remote_task(&gone.url, ""), &stopped);
    assert!(matches!(ended, Err(TaskError::Cancelled)));
}
