//! An MLflow server that keeps its runs in `PostgreSQL` and their artifacts in S3.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::wait_for_port;
use crate::{Missing, free_port, s3};

/// Making its tables takes a minute on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// A running server with one worker.
#[derive(Debug)]
pub struct Mlflow {
    _folder: TempDir,
    port: u16,
    child: Child,
}

impl Mlflow {
    /// Starts MLflow with the Python that has it, on an empty database, with artifacts below `mlflow/` of the bucket.
    ///
    /// # Errors
    /// [`Missing`] when it does not start, with its last words.
    pub fn start(python: &Path, database: &str, store: &s3::S3) -> Result<Self, Missing> {
        let failed =
            |error: std::io::Error| Missing::new(format!("MLflow does not start: {error}"));
        let folder = tempfile::tempdir().map_err(failed)?;
        let port = free_port().map_err(failed)?;
        let log = folder.path().join("log");
        let words = File::create(&log).map_err(failed)?;
        let child = Command::new(python)
            .args(["-m", "mlflow", "server", "--host", "127.0.0.1"])
            .args(["--port", &port.to_string(), "--workers", "1"])
            .arg("--backend-store-uri")
            .arg(database.replacen("postgres://", "postgresql+psycopg://", 1))
            .arg("--serve-artifacts")
            .arg(format!(
                "--artifacts-destination=s3://{}/mlflow",
                s3::BUCKET
            ))
            // Its runner of jobs is eight processes that nobody here needs.
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .env("MLFLOW_S3_ENDPOINT_URL", store.address())
            .env("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", s3::SECRET_KEY)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(words.try_clone().map_err(failed)?)
            .stderr(words)
            // It starts processes of its own, which are ended with it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut server = Self {
            _folder: folder,
            port,
            child,
        };
        wait_for_port(&mut server.child, port, &log, PATIENCE)?;
        Ok(server)
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        let group = format!("kill -KILL -{}", self.child.id());
        let _ = Command::new("sh").args(["-c", &group]).status();
        let _ = self.child.wait();
    }
}
