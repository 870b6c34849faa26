//! Runs the real binary.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// What the program answers.
pub(crate) fn geocrop(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// The binary, in the project's folder, without the desk's own settings.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geocrop"));
    command.current_dir(project()).args(args);
    for (name, _) in std::env::vars() {
        if name.starts_with("GEOCROP_") {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The folder with real sample data, if this machine has it.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let folder = project().join("../shared/data");
    if folder.join("datasets.toml").exists() {
        return folder.canonicalize().ok();
    }
    eprintln!("skipped: no ../shared/data with real samples");
    None
}

/// A server that ends with the test.
pub(crate) struct Api {
    child: Child,
    pub(crate) address: String,
}

impl Api {
    /// Waits until `geocrop api` tells its address.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                let (_, address) = line.split_once("http://")?;
                Some(format!("http://{}", address.split_once('/')?.0))
            })
            .unwrap();
        // Nobody may stop reading: a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
