//! Finding and starting programs.

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Missing;

/// How long a server may take until it answers. A loaded machine with a cold disk needs most of it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A program on the path, or in one of the folders.
pub(crate) fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Runs a program to its end; its last words are the reason when it fails.
pub(crate) fn run(command: &mut Command) -> Result<Output, Missing> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Missing::new(format!("{name} does not start: {error}")))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(Missing::new(format!(
        "{name} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

/// Whether somebody listens on the port.
pub(crate) fn listens(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Waits until the process listens on the port.
pub(crate) fn wait_for_port(
    child: &mut Child,
    port: u16,
    log: &Path,
    patience: Duration,
) -> Result<(), Missing> {
    let start = Instant::now();
    loop {
        if listens(port) {
            return Ok(());
        }
        let ended = child.try_wait().ok().flatten();
        if ended.is_some() || start.elapsed() > patience {
            let words = std::fs::read_to_string(log).unwrap_or_default();
            return Err(Missing::new(format!(
                "a server does not listen on port {port}: {words}"
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
