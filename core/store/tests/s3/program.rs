//! The same against server programs that others made.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use geocrop_store::publish::{publish, sweep, sweep_temporary};
use geocrop_store::{Store, StoreError};

use crate::fixture::{assert_whole, files, item, layer};
use crate::server::settings;
use crate::suite::conforms;

/// moto's server, from the tests' Python environment or the path.
struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    fn start() -> Option<Self> {
        let program = Self::program()?;
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()))
            .expect("moto says where it runs");
        // It writes a line per request, and would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let moto = Self { process, address };
        moto.make_bucket();
        Some(moto)
    }

    fn program() -> Option<PathBuf> {
        const NAME: &str = "moto_server";
        let beside_python = std::env::var_os("GEOCROP_TEST_PYTHON")
            .and_then(|python| Some(Path::new(&python).parent()?.join(NAME)));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join(NAME));
        beside_python.into_iter().chain(on_path).find(|program| {
            // A version manager's stand-in is there even if the program is not.
            program.is_file()
                && Command::new(program)
                    .arg("--help")
                    .output()
                    .is_ok_and(|output| output.status.success())
        })
    }

    /// It asks nobody for a signature.
    fn make_bucket(&self) {
        let host = self.address.trim_start_matches("http://");
        let mut connection = TcpStream::connect(host).unwrap();
        write!(
            connection,
            "PUT /maps HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn store(&self, prefix: &str) -> Store {
        let mut settings = settings(&self.address);
        settings.patience.request = Duration::from_secs(30);
        Store::open_with(&format!("s3://maps/{prefix}"), &settings).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn moto_conforms() {
    let Some(moto) = Moto::start() else {
        eprintln!("skipped: no moto_server beside GEOCROP_TEST_PYTHON or on the path");
        return;
    };
    conforms(&moto.store(""));
    conforms(&moto.store("below"));
}

#[test]
fn unfinished_uploads_are_swept_from_moto_when_they_are_old() {
    let Some(moto) = Moto::start() else {
        eprintln!("skipped: no moto_server beside GEOCROP_TEST_PYTHON or on the path");
        return;
    };
    let store = moto.store("below");
    let keys = layer("mazowe");
    publish(&store, &keys, &files(&keys, "map", "tiles"), item("mazowe")).unwrap();

    // An upload that begins and never ends.
    let dying = crate::layer::layered(store.clone(), |step, _| {
        Box::pin(async move {
            match step {
                crate::layer::Step::Part => std::future::pending().await,
                _ => Ok(()),
            }
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    std::fs::write(&file, vec![7; 9 << 20]).unwrap();
    std::thread::spawn(move || dying.put_file("layers/ndvi/2024/gokwe.tif", &file));

    assert_eq!(sweep(&store).unwrap(), [""; 0], "it is not a day old");
    let swept = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let removed = sweep_temporary(&store, Duration::ZERO).unwrap();
        (!removed.is_empty()).then_some(removed)
    });
    assert_eq!(swept.unwrap(), ["layers/ndvi/2024/gokwe.tif"]);
    assert_eq!(sweep_temporary(&store, Duration::ZERO).unwrap(), [""; 0]);
    assert_whole(&store, &keys);
}

/// Set `GEOCROP_TEST_S3` to `s3://bucket/prefix`, and the variables that [`Store::open`] names, to run this.
#[test]
fn the_bucket_that_the_environment_names_conforms() -> Result<(), StoreError> {
    let Ok(url) = std::env::var("GEOCROP_TEST_S3") else {
        eprintln!("skipped: GEOCROP_TEST_S3 names no bucket");
        return Ok(());
    };
    conforms(&Store::open(&url)?);
    Ok(())
}
