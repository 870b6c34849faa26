//! A PostgreSQL cluster with `PostGIS`.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use tempfile::TempDir;

use crate::process::{find, run};
use crate::{Missing, free_port};

/// A cluster of its own, with an administrator, that fresh databases are made in.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// The server refuses to run as root: then it runs as this user.
    user: Option<&'static str>,
}

impl Postgres {
    /// The administrator's name.
    pub const ADMIN: &str = "geocrop_admin";
    /// The administrator's password.
    pub const PASSWORD: &str = "only-for-tests";

    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// [`Missing`] when `PostgreSQL` or `PostGIS` is not installed, or the server does not start.
    pub fn start() -> Result<Self, Missing> {
        let programs = programs()
            .ok_or_else(|| Missing::new("PostgreSQL is not installed (apt package postgresql)"))?;
        let failed = |error: io::Error| Missing::new(format!("no room for PostgreSQL: {error}"));
        let folder = tempfile::tempdir().map_err(failed)?;
        let root = fs::metadata(folder.path()).map_err(failed)?.uid() == 0;
        let postgres = Self {
            user: root.then_some("postgres"),
            folder,
            programs,
            port: free_port().map_err(failed)?,
            databases: AtomicU32::new(0),
        };
        let password = postgres.folder.path().join("password");
        fs::write(&password, Self::PASSWORD).map_err(failed)?;
        if let Some(user) = postgres.user {
            // Readable for that user alone, as the folder was for us alone.
            run(Command::new("chown")
                .arg("-R")
                .arg(user)
                .arg(postgres.folder.path()))?;
        }
        fs::set_permissions(postgres.folder.path(), fs::Permissions::from_mode(0o700))
            .map_err(failed)?;
        postgres.program(
            "initdb",
            [
                OsStr::new("-D"),
                postgres.data().as_os_str(),
                OsStr::new("-U"),
                OsStr::new(Self::ADMIN),
                OsStr::new("-A"),
                OsStr::new("scram-sha-256"),
                OsStr::new("--pwfile"),
                password.as_os_str(),
                OsStr::new("-E"),
                OsStr::new("UTF8"),
                OsStr::new("--locale=C.UTF-8"),
                OsStr::new("--no-sync"),
            ],
        )?;
        postgres.resume()?;
        Ok(postgres)
    }

    /// Starts the stopped server again, with what was in it.
    ///
    /// # Errors
    /// [`Missing`] when it does not start.
    pub fn resume(&self) -> Result<(), Missing> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off \
             -c full_page_writes=off -c shared_buffers=64MB -c max_connections=100",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        self.program(
            "pg_ctl",
            [
                OsStr::new("-D"),
                self.data().as_os_str(),
                OsStr::new("-l"),
                log.as_os_str(),
                OsStr::new("-w"),
                OsStr::new("-t"),
                OsStr::new("60"),
                OsStr::new("-o"),
                OsStr::new(&options),
                OsStr::new("start"),
            ],
        )
        .map(|_| ())
    }

    /// Stops the server. `fast` ends open transactions, `immediate` is as if it had crashed.
    ///
    /// # Errors
    /// [`Missing`] when it does not stop.
    pub fn stop(&self, mode: &str) -> Result<(), Missing> {
        self.program(
            "pg_ctl",
            [
                OsStr::new("-D"),
                self.data().as_os_str(),
                OsStr::new("-m"),
                OsStr::new(mode),
                OsStr::new("-w"),
                OsStr::new("stop"),
            ],
        )
        .map(|_| ())
    }

    /// The address of a new, empty database, as its administrator.
    ///
    /// # Errors
    /// [`Missing`] when it cannot be made.
    pub fn database(&self) -> Result<String, Missing> {
        let name = format!(
            "geocrop_{}",
            self.databases.fetch_add(1, Ordering::Relaxed) + 1
        );
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(Self::ADMIN, Self::PASSWORD, &name))
    }

    /// The address of a database for a user.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Runs SQL as the administrator; what it prints, a row a line, columns parted by `|`.
    ///
    /// # Errors
    /// [`Missing`] with what the server said.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, Missing> {
        let output = run(Command::new(self.programs.join("psql"))
            .env("PGPASSWORD", Self::PASSWORD)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", Self::ADMIN, "-d", database])
            .args(["-v", "ON_ERROR_STOP=1", "-X", "-q", "-t", "-A", "-c", sql]))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The last part of a database's address: its name.
    pub fn name_of(url: &str) -> &str {
        url.rsplit('/').next().unwrap_or(url)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs one of the server's programs as the user that it may run as.
    fn program<'a>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = &'a OsStr>,
    ) -> Result<std::process::Output, Missing> {
        let program = self.programs.join(name);
        let mut command = match self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        // Our own folder may be closed to that user. What the server inherits stays open as long as it runs, so its
        // output must not be a pipe that we wait on: it goes to a file.
        let output = self.folder.path().join(format!("{name}.out"));
        let file = fs::File::create(&output)
            .map_err(|error| Missing::new(format!("{}: {error}", output.display())))?;
        let errors = file
            .try_clone()
            .map_err(|error| Missing::new(error.to_string()))?;
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(std::process::Stdio::null())
            .stdout(file)
            .stderr(errors)
            .status()
            .map_err(|error| Missing::new(format!("{name} does not start: {error}")))?;
        let words = fs::read(&output).unwrap_or_default();
        if status.success() {
            return Ok(std::process::Output {
                status,
                stdout: words,
                stderr: Vec::new(),
            });
        }
        Err(Missing::new(format!(
            "{name} failed ({status}): {}",
            String::from_utf8_lossy(&words)
        )))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.stop("immediate");
    }
}

/// The folder with `initdb`: on the path, or where Debian keeps each version's.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    versions.reverse();
    if let Ok(folder) = env::var("GEOCROP_TEST_POSTGRES") {
        versions.insert(0, PathBuf::from(folder));
    }
    versions
        .iter()
        .find(|folder| folder.join("initdb").is_file())
        .cloned()
        .or_else(|| find("initdb", &[]).and_then(|program| program.parent().map(Path::to_owned)))
}
