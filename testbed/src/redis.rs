//! A Redis server (or Valkey, which is told and answers the same way).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::{PATIENCE, find, run, wait_for_port};
use crate::{Missing, free_port};

/// A server with a password, on a port of its own.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    program: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// The password that the server asks for.
    const PASSWORD: &str = "only-for-tests";

    /// Starts an empty server that keeps nothing on disk.
    ///
    /// # Errors
    /// [`Missing`] when there is no `redis-server` or `valkey-server`, or it does not start.
    pub fn start() -> Result<Self, Missing> {
        let program = ["redis-server", "valkey-server"]
            .into_iter()
            .find_map(|name| find(name, &[]))
            .ok_or_else(|| Missing::new("Redis is not installed (apt package redis-server)"))?;
        let failed = |error| Missing::new(format!("no room for Redis: {error}"));
        let mut redis = Self {
            folder: tempfile::tempdir().map_err(failed)?,
            program,
            port: free_port().map_err(failed)?,
            child: None,
        };
        redis.restart()?;
        Ok(redis)
    }

    /// Starts the server again on the same port, as empty as at first.
    ///
    /// # Errors
    /// [`Missing`] when it does not start.
    pub fn restart(&mut self) -> Result<(), Missing> {
        self.kill();
        let log = self.folder.path().join("log");
        let failed = |error| Missing::new(format!("Redis does not start: {error}"));
        let mut child = Command::new(&self.program)
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--requirepass", Self::PASSWORD])
            .args(["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&log).map_err(failed)?)
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let up = wait_for_port(&mut child, self.port, &log, PATIENCE);
        self.child = Some(child);
        up
    }

    /// How many entries a stream has.
    ///
    /// # Errors
    /// [`Missing`] when there is no `redis-cli`, or the server does not answer.
    pub fn length(&self, stream: &str) -> Result<usize, Missing> {
        let client = find("redis-cli", &[])
            .or_else(|| find("valkey-cli", &[]))
            .ok_or_else(|| Missing::new("redis-cli is not installed (apt package redis-tools)"))?;
        let output = run(Command::new(client)
            .env("REDISCLI_AUTH", Self::PASSWORD)
            .args(["-p", &self.port.to_string(), "--raw", "XLEN", stream]))?;
        let words = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        words
            .parse()
            .map_err(|_| Missing::new(format!("Redis said: {words}")))
    }

    /// Ends the server at once; what it held is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The server's address with the password, as clients take it.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/", Self::PASSWORD, self.port)
    }

    /// The server's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
