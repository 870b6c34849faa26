//! A server that is a program with a port: Prometheus, Alertmanager, exporters.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::process::{PATIENCE, find, wait_for_port};
use crate::{Missing, free_port};

/// A running server in a folder of its own.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts the first of the programs that is there. `prepare` is given the folder and the port, and adds arguments
    /// and environment.
    ///
    /// # Errors
    /// [`Missing`] when there is none of the programs, or it does not start.
    pub fn start(
        programs: &[&str],
        package: &str,
        prepare: impl FnOnce(&mut Command, &Path, u16) -> std::io::Result<()>,
    ) -> Result<Self, Missing> {
        let name = programs.first().copied().unwrap_or_default();
        let program = programs
            .iter()
            .find_map(|name| find(name, &[]))
            .ok_or_else(|| Missing::new(format!("{name} is not installed ({package})")))?;
        Self::program(program.as_os_str(), prepare)
    }

    /// Starts a program by its path.
    ///
    /// # Errors
    /// [`Missing`] when it does not start.
    pub fn program(
        program: &OsStr,
        prepare: impl FnOnce(&mut Command, &Path, u16) -> std::io::Result<()>,
    ) -> Result<Self, Missing> {
        let name = program.to_string_lossy().into_owned();
        let failed =
            |error: std::io::Error| Missing::new(format!("{name} does not start: {error}"));
        let folder = tempfile::tempdir().map_err(failed)?;
        let port = free_port().map_err(failed)?;
        let log = folder.path().join("log");
        let words = File::create(&log).map_err(failed)?;
        let mut command = Command::new(program);
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(words.try_clone().map_err(failed)?)
            .stderr(words);
        prepare(&mut command, folder.path(), port).map_err(failed)?;
        let child = command.spawn().map_err(failed)?;
        let mut server = Self {
            folder,
            port,
            child,
        };
        wait_for_port(&mut server.child, port, &log, PATIENCE)?;
        Ok(server)
    }

    /// A Prometheus with this configuration.
    ///
    /// # Errors
    /// [`Missing`] when it is not installed or does not start, with what it said of the configuration.
    pub fn prometheus(config: &str) -> Result<Self, Missing> {
        Self::start(
            &["prometheus"],
            "apt package prometheus",
            |command, folder, port| {
                let file = folder.join("prometheus.yml");
                std::fs::write(&file, config)?;
                command
                    .arg(format!("--config.file={}", file.display()))
                    .arg(format!(
                        "--storage.tsdb.path={}",
                        folder.join("data").display()
                    ))
                    .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                    // An alert that fired before Alertmanager was found is sent again after this.
                    .arg("--rules.alert.resend-delay=1s");
                Ok(())
            },
        )
    }

    /// An Alertmanager with this configuration.
    ///
    /// # Errors
    /// As for [`Server::prometheus`].
    pub fn alertmanager(config: &str) -> Result<Self, Missing> {
        Self::start(
            &["prometheus-alertmanager", "alertmanager"],
            "apt package prometheus-alertmanager",
            |command, folder, port| {
                let file = folder.join("alertmanager.yml");
                std::fs::write(&file, config)?;
                command
                    .arg(format!("--config.file={}", file.display()))
                    .arg(format!("--storage.path={}", folder.join("data").display()))
                    .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                    .arg("--cluster.listen-address=");
                Ok(())
            },
        )
    }

    /// Its address, followed by the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
