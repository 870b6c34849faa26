//! The whole service with real parts: PostgreSQL, Redis, an S3 server, one API, several workers.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use geocrop_store::{Credentials, ResultKeys, S3Settings, Store, publish};
use geocrop_synthetic::Landscape;
use geocrop_testbed::s3::{ACCESS_KEY, BUCKET, Fault, S3, SECRET_KEY};
use geocrop_testbed::{Missing, Postgres, Redis};
use reqwest::StatusCode;
use serde_json::Value;

use crate::client::Client;

pub(crate) const PASSWORD: &str = "a long enough password";

/// Notes each end of a job, and refuses to let one that has ended change its mind.
const WITNESS: &str = "
CREATE TABLE ends (job TEXT NOT NULL, status TEXT NOT NULL);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  IF OLD.status IN ('successful', 'failed', 'dismissed') AND NEW.status <> OLD.status THEN
    RAISE EXCEPTION 'job % was % and is to be %', OLD.id, OLD.status, NEW.status;
  END IF;
  IF NEW.status IN ('successful', 'failed', 'dismissed') AND NEW.status <> OLD.status THEN
    INSERT INTO ends VALUES (NEW.id, NEW.status);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION witness();
";

pub(crate) struct House {
    // Dropped in this order: first who uses the others.
    workers: Vec<Mutex<Process>>,
    api: Process,
    address: String,
    redis: Mutex<Redis>,
    postgres: Postgres,
    database: String,
    s3: S3,
    folder: tempfile::TempDir,
}

/// A program that ends with the test.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What the programs said is told if the test fails.
impl Drop for House {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for name in ["api.log", "workers.log"] {
            let log = fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            eprintln!("--- the end of {name}:\n{}", last.join("\n"));
        }
    }
}

impl House {
    pub(crate) fn build(workers: usize) -> Result<Self, Missing> {
        let postgres = Postgres::start()?;
        let redis = Redis::start()?;
        let s3 = S3::start();
        let url = postgres.database()?;
        let folder = tempfile::tempdir().unwrap();
        landscape(folder.path());
        let project = project().canonicalize().unwrap();
        let settings = format!(
            "store = \"s3://{BUCKET}\"\nrecipes = '{}'\nmodels = '{}'\nsources = '{}'\nstate = '{}'\n\
             [worker]\nlease_seconds = 5\n[roles.recruiter]\njobs = {}\n",
            project.join("recipes").display(),
            project.join("models").display(),
            folder.path().join("source.toml").display(),
            folder.path().join("state").display(),
            crate::JOBS,
        );
        fs::write(folder.path().join("geocrop.toml"), settings).unwrap();
        let mut house = Self {
            workers: Vec::new(),
            // Replaced at once; there must be one to begin with.
            api: Process(Command::new("true").spawn().unwrap()),
            address: String::new(),
            database: Postgres::name_of(&url).to_owned(),
            redis: Mutex::new(redis),
            postgres,
            s3,
            folder,
        };
        fs::write(house.folder.path().join("url"), &url).unwrap();
        for (name, tenant) in [("ann", "north"), ("bob", "north"), ("eve", "south")] {
            house.add_user(name, tenant);
        }
        house.postgres.sql(&house.database, WITNESS)?;
        let mut api = house.command(&["api", "--no-worker", "--address", "127.0.0.1:0"]);
        let mut api = api.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(api.stderr.take().unwrap()).lines();
        house.address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                let (_, address) = line.split_once("http://")?;
                Some(format!("http://{}", address.split_once('/')?.0))
            })
            .unwrap();
        // Nobody may stop reading: a full pipe would stop the server.
        let mut log = fs::File::create(house.folder.path().join("api.log")).unwrap();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = writeln!(log, "{line}");
            }
        });
        house.api = Process(api);
        house.workers = (0..workers).map(|_| Mutex::new(house.worker())).collect();
        Ok(house)
    }

    /// The program with the house's parts.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_geocrop"));
        for (name, _) in std::env::vars() {
            if ["GEOCROP_", "AWS_", "S3_"]
                .iter()
                .any(|p| name.starts_with(p))
            {
                command.env_remove(name);
            }
        }
        let url = fs::read_to_string(self.folder.path().join("url")).unwrap();
        let redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        command
            .current_dir(self.folder.path())
            .args(args)
            .env("GEOCROP_DATABASE_URL", url)
            .env("GEOCROP_REDIS_URL", redis.url())
            .env("S3_ENDPOINT", self.s3.address())
            .env("S3_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    fn add_user(&self, name: &str, tenant: &str) {
        let mut add = self.command(&["user", "add", name, "--tenant", tenant, "--password-stdin"]);
        let mut add = add.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = add.stdin.take().unwrap();
        stdin.write_all(PASSWORD.as_bytes()).unwrap();
        drop(stdin);
        assert!(add.wait().unwrap().success());
    }

    fn worker(&self) -> Process {
        let mut worker = self.command(&["worker"]);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("workers.log"))
            .unwrap();
        Process(worker.stderr(log).spawn().unwrap())
    }

    pub(crate) fn client(&self, name: &str) -> Client {
        Client::log_in(&self.address, name)
    }

    /// As if its machine had lost power; another one is started.
    pub(crate) fn kill_a_worker(&self, which: usize) {
        let mut worker = self.workers[which].lock().unwrap();
        worker.kill();
        *worker = self.worker();
    }

    pub(crate) fn restart_database(&self, how: &str) {
        self.postgres.stop(how).unwrap();
        self.postgres.resume().unwrap();
    }

    pub(crate) fn empty_redis(&self, away: Duration) {
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        redis.kill();
        thread::sleep(away);
        redis.restart().unwrap();
    }

    pub(crate) fn store_is_away(&self, time: Duration) {
        let away = Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        self.s3.inject(away, usize::MAX, |_| true);
        thread::sleep(time);
        self.s3.heal();
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.postgres.sql(&self.database, sql).unwrap()
    }

    pub(crate) fn unfinished(&self) -> usize {
        let open = "SELECT count(*) FROM jobs WHERE status IN ('accepted', 'running')";
        self.sql(open).parse().unwrap()
    }

    /// For people: how the jobs stand.
    pub(crate) fn state(&self) -> String {
        let each =
            "SELECT status, count(*), max(attempts) FROM jobs GROUP BY status ORDER BY status";
        let states = self.sql(each).replace('\n', ", ");
        format!("status|jobs|attempts {states}")
    }

    /// Every file of a map is there, with the bytes that its item names.
    pub(crate) fn verify_map(&self, job: &Value) {
        let settings = S3Settings {
            endpoint: Some(self.s3.address().to_owned()),
            region: Some("us-east-1".to_owned()),
            credentials: Some(Credentials {
                access_key_id: ACCESS_KEY.to_owned(),
                secret_access_key: SECRET_KEY.to_owned(),
            }),
            ..S3Settings::default()
        };
        let store = Store::open_with(&format!("s3://{BUCKET}"), &settings).unwrap();
        let id = job["id"].as_str().unwrap();
        let key = self.sql(&format!("SELECT result_key FROM jobs WHERE id = '{id}'"));
        let keys = ResultKeys::from_item(&key).unwrap();
        publish::verify(&store, &keys).unwrap();
    }

    /// Tickets of runs that are over go by themselves.
    pub(crate) fn until_no_ticket_is_left(&self) {
        let redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..200 {
            let left: usize = ["high", "normal", "low"]
                .iter()
                .map(|lane| redis.length(&format!("geocrop:queue:{lane}")).unwrap())
                .sum();
            if left == 0 {
                return;
            }
            thread::sleep(Duration::from_millis(250));
        }
        panic!("tickets are left over");
    }
}

/// A few fields, seen four times in a year.
fn landscape(dir: &Path) {
    Landscape::valley(64, 4)
        .write(dir, &|_, _, _| true)
        .unwrap();
}
