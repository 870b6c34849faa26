//! Programs that the checks ask. One that is not there gives a reason, and the test says it and ends.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::root;

/// A program of the Python packages in `requirements/platform.txt`.
///
/// # Errors
/// Why there is none.
pub fn checker(name: &str) -> Result<Command, String> {
    let python = env::var_os("GEOCROP_TEST_PLATFORM")
        .ok_or_else(|| format!("{name}: GEOCROP_TEST_PLATFORM names no Python with it"))?;
    let program = Path::new(&python).with_file_name(name);
    if !program.exists() {
        return Err(format!("{name}: it is not beside GEOCROP_TEST_PLATFORM"));
    }
    let mut command = Command::new(program);
    command.current_dir(root());
    Ok(command)
}

/// The program itself.
///
/// # Errors
/// Why there is none.
pub fn geocrop() -> Result<PathBuf, String> {
    env::var_os("GEOCROP_TEST_BINARY")
        .map(PathBuf::from)
        .ok_or_else(|| "GEOCROP_TEST_BINARY names no geocrop to ask".to_owned())
}

/// A program on the path.
///
/// # Errors
/// That it is not there.
pub fn program(name: &str) -> Result<Command, String> {
    let found = env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if !found {
        return Err(format!("{name} is not installed"));
    }
    let mut command = Command::new(name);
    command.current_dir(root());
    Ok(command)
}

/// What a program printed, both ways.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A program that runs until the value is dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it, quietly.
    ///
    /// # Errors
    /// What the system said.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status of `GET path` on this machine, waiting up to half a minute for somebody to listen.
pub fn status_of(port: u16, path: &str) -> Option<u16> {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if let Some(status) = get(port, path) {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

fn get(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    let _ = stream.take(4096).read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1)?.parse().ok()
}
