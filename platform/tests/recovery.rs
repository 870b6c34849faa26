//! What is backed up can be had again: the scripts of the cluster's backups against a real `PostgreSQL` and rclone, with a
//! folder in the place of the S3 server.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use geocrop_platform::root;
use geocrop_testbed::{Missing, Postgres};
use serde_json::Value;

fn scripts() -> PathBuf {
    root().join("k8s/base/backups/scripts")
}

fn rclone_is_there() -> bool {
    let there = Command::new("rclone").arg("version").output().is_ok();
    if !there {
        println!("skipped: rclone is not installed (apt package rclone)");
    }
    there
}

/// A database server with the scripts, a place of backups and folders for them.
struct Drill {
    postgres: Postgres,
    receiver: Option<Child>,
}

impl Drill {
    fn new() -> Result<Self, Missing> {
        let drill = Self {
            postgres: Postgres::start()?,
            receiver: None,
        };
        // The project's folder may be closed to the server's user.
        for name in ["scripts", "work", "wal", "backup"] {
            let folder = drill.path(name);
            fs::create_dir_all(&folder).unwrap();
            drill.give(&folder);
        }
        for entry in fs::read_dir(scripts()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let copy = drill.path("scripts").join(path.file_name().unwrap());
                fs::copy(&path, &copy).unwrap();
                drill.give(&copy);
            }
        }
        Ok(drill)
    }

    /// Gives a file to the server's user.
    fn give(&self, path: &Path) {
        let owner = fs::metadata(self.postgres.data()).unwrap();
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.postgres.folder().join(name)
    }

    fn command(&self, script: &str, target: &str) -> Command {
        let mut command = self.postgres.command("/bin/bash");
        command
            .arg(self.path("scripts").join(script))
            .env("PGUSER", "backup")
            .env("PGPASSWORD", "taken-by-backup")
            .env("PGDATA", self.postgres.data())
            .env("WORK", self.path("work"))
            .env("WAL", self.path("wal"))
            .env("BACKUP", self.path("backup"))
            .env("KEEP_DAYS", "14")
            .env("ONCE", "1")
            .env("TARGET", target)
            .env("RCLONE_CONFIG", "/dev/null");
        command
    }

    fn try_run(&self, script: &str, target: &str) -> Output {
        self.command(script, target).output().unwrap()
    }

    fn run(&self, script: &str, target: &str) -> String {
        said(script, &self.try_run(script, target))
    }

    fn sql(&self, sql: &str) -> String {
        self.postgres.sql("postgres", sql).unwrap()
    }

    /// What is in the table, as one word.
    fn content(&self) -> String {
        self.sql("SELECT count(*) || ' ' || md5(string_agg(id || ' ' || words, ',' ORDER BY id)) FROM fields")
    }

    /// The moment that a restore may name.
    fn now(&self) -> String {
        // Commits of before and after are in other seconds.
        sleep(Duration::from_millis(1100));
        let now = self.sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
        sleep(Duration::from_millis(1100));
        now
    }

    /// The database is made ready for copies, as in the cluster when it starts.
    fn prepare(&self) {
        let mut prepare = self.command("prepare-database.sh", "");
        prepare
            .env("POSTGRES_USER", Postgres::ADMIN)
            .env("PGPASSWORD", Postgres::PASSWORD)
            .env("BACKUP_PASSWORD", "taken-by-backup")
            .env("MONITOR_PASSWORD", "seen-by-monitor");
        said("prepare-database.sh", &prepare.output().unwrap());
    }

    fn receive(&mut self) {
        let mut command = self.command("receive-wal.sh", "");
        self.receiver = Some(command.spawn().unwrap());
        self.until("the receiver reads its slot", |drill| {
            drill.sql(
                "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'backup' AND active",
            ) == "1"
        });
    }

    /// Waits until everything that was written has been closed by the server's own clock, received and sent.
    fn settle(&self) {
        let last = self.sql("SELECT pg_walfile_name(pg_current_wal_lsn())");
        self.until("the last segment is sent", |drill| {
            drill.run("send-wal.sh", "");
            drill
                .path("backup/postgres/wal")
                .join(format!("{last}.gz"))
                .exists()
        });
    }

    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "waited for: {what}"
            );
            sleep(Duration::from_millis(100));
        }
    }

    fn end_receiver(&mut self) {
        if let Some(mut receiver) = self.receiver.take() {
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
    }

    /// The machine is gone, with all that was on it but the place of backups.
    fn destroy(&mut self) {
        self.end_receiver();
        self.postgres.stop("immediate").unwrap();
        for entry in fs::read_dir(self.postgres.data()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    }

    fn restore(&self, target: &str) {
        self.run("fetch.sh", target);
        self.run("restore.sh", target);
        if let Err(missing) = self.postgres.resume() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            panic!("{missing}\n{log}");
        }
        self.until("the server has replayed and opened", |drill| {
            drill.sql("SELECT pg_is_in_recovery()") == "f"
        });
    }
}

impl Drop for Drill {
    fn drop(&mut self) {
        self.end_receiver();
    }
}

fn said(script: &str, output: &Output) -> String {
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{script}: {words}");
    words
}

#[test]
fn a_destroyed_database_is_restored_to_a_moment_between_two_copies() {
    if !rclone_is_there() {
        return;
    }
    let mut drill = match Drill::new() {
        Ok(drill) => drill,
        Err(missing) => return println!("skipped: {missing}"),
    };
    // Twice: on a database that has it already, nothing goes wrong.
    for _ in 0..2 {
        drill.prepare();
    }
    assert_eq!(drill.sql("SHOW archive_timeout"), "5min");
    let rules = fs::read_to_string(drill.postgres.data().join("pg_hba.conf")).unwrap();
    assert_eq!(rules.matches("replication backup").count(), 1);
    // Five minutes are too long for a test. That the server closes segments without archiving is what is tested.
    drill.sql("ALTER SYSTEM SET archive_timeout = '1s'");
    drill.sql("SELECT pg_reload_conf()");

    drill.receive();
    drill.sql("CREATE TABLE fields (id bigint PRIMARY KEY, words text NOT NULL)");
    drill.sql(
        "INSERT INTO fields SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 5000) n",
    );
    drill.run("take-base.sh", "");
    drill.run("send-base.sh", "");
    drill.sql(
        "INSERT INTO fields SELECT n, 'after the copy ' || n FROM generate_series(5001, 6000) n",
    );
    let between = drill.now();
    let good = drill.content();
    drill.sql("DELETE FROM fields WHERE id % 3 = 0");
    let spoilt = drill.content();
    assert_ne!(good, spoilt);
    drill.settle();

    // The mistake is undone: as it was just before.
    drill.destroy();
    drill.restore(&between);
    assert_eq!(drill.content(), good);
    drill.sql("INSERT INTO fields VALUES (0, 'it takes writes')");
    let refused = drill.try_run("restore.sh", "");
    assert!(
        !refused.status.success(),
        "what is there is never written over"
    );
    assert_eq!(drill.sql("SELECT count(*) FROM fields WHERE id = 0"), "1");

    // The machine burnt down: all there is, the mistake among it.
    drill.destroy();
    drill.restore("");
    assert_eq!(drill.content(), spoilt);

    // From before the first copy there is nothing, and that is said.
    let early = drill.try_run("fetch.sh", "2020-01-01T00:00:00Z");
    assert!(!early.status.success());
    assert!(String::from_utf8_lossy(&early.stderr).contains("no copy is as old"));
}

#[test]
fn a_damaged_copy_is_not_taken_for_a_good_one() {
    if !rclone_is_there() {
        return;
    }
    let mut drill = match Drill::new() {
        Ok(drill) => drill,
        Err(missing) => return println!("skipped: {missing}"),
    };
    drill.prepare();
    drill.run("take-base.sh", "");
    drill.run("send-base.sh", "");
    let copy = fs::read_dir(drill.path("backup/postgres/base"))
        .unwrap()
        .next()
        .unwrap();
    let copy = copy.unwrap().path();
    let mut bytes = fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(&copy, bytes).unwrap();
    fs::create_dir_all(drill.path("backup/postgres/wal")).unwrap();
    drill.destroy();
    drill.run("fetch.sh", "");
    let broken = drill.try_run("restore.sh", "");
    assert!(!broken.status.success());
}

/// Runs a script of the store's copy between two folders.
fn copy_store(place: &Path) {
    let output = Command::new("/bin/sh")
        .arg(scripts().join("copy-store.sh"))
        .env("STORE", place.join("store"))
        .env("BACKUP", place.join("backup"))
        .env("KEEP_DAYS", "30")
        .env("RCLONE_CONFIG", "/dev/null")
        .output()
        .unwrap();
    said("copy-store.sh", &output);
}

#[test]
fn the_store_is_copied_and_what_went_is_kept_for_a_while() {
    if !rclone_is_there() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let file = |path: &str| place.path().join(path);
    let write = |path: &str, words: &str| {
        let path = file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, words).unwrap();
    };
    write("store/layers/ndvi/2024/field.tif", "a map");
    write("store/layers/ndvi/2024/field.json", "an item");
    write("store/layers/ndvi/2023/old.tif", "an old map");
    write("store/jobs/default/1/map.tif", "it expires by itself");
    // Of a day long past.
    write(
        "backup/store-before/2020-01-01/layers/x.tif",
        "nobody missed it",
    );
    copy_store(place.path());
    assert_eq!(
        fs::read_to_string(file("backup/store/layers/ndvi/2024/field.json")).unwrap(),
        "an item"
    );
    assert!(!file("backup/store/jobs").exists());
    assert!(!file("backup/store-before/2020-01-01").exists());

    write("store/layers/ndvi/2024/field.tif", "a newer map");
    fs::remove_file(file("store/layers/ndvi/2023/old.tif")).unwrap();
    copy_store(place.path());
    assert_eq!(
        fs::read_to_string(file("backup/store/layers/ndvi/2024/field.tif")).unwrap(),
        "a newer map"
    );
    assert!(!file("backup/store/layers/ndvi/2023/old.tif").exists());
    let day = fs::read_dir(file("backup/store-before"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let kept = |path: &str| fs::read_to_string(day.join(path)).unwrap();
    assert_eq!(kept("layers/ndvi/2024/field.tif"), "a map");
    assert_eq!(kept("layers/ndvi/2023/old.tif"), "an old map");
}

/// The pods of a rendered folder, with the names of what makes them.
fn pods(folder: &str) -> Vec<(String, Value)> {
    let objects = geocrop_platform::rendered(folder).unwrap();
    let pods = objects.iter().filter_map(|object| {
        let spec = &object["spec"];
        let template = spec
            .get("template")
            .or_else(|| spec["jobTemplate"]["spec"].get("template"))?;
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        Some((name, template["spec"].clone()))
    });
    pods.collect()
}

#[test]
fn the_cluster_runs_the_scripts_that_the_drill_ran() {
    if Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .is_err()
    {
        return println!("skipped: kubectl is not installed");
    }
    for folder in [
        "k8s/base/backups",
        "k8s/base/backups/gitea",
        "k8s/base/backups/restore",
    ] {
        let objects = geocrop_platform::rendered(folder).unwrap();
        let given = objects.iter().find(|object| {
            let name = object["metadata"]["name"].as_str().unwrap();
            object["kind"] == "ConfigMap" && name.starts_with("backup-scripts-")
        });
        let given = given.unwrap_or_else(|| panic!("{folder} has no scripts"));
        let pods = pods(folder);
        assert!(!pods.is_empty(), "{folder}");
        for (name, pod) in pods {
            // The alert about old backups finds them by their names.
            assert!(
                name.starts_with("backup-") || name == "restore-postgres",
                "{name}"
            );
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
            assert_eq!(
                pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
                "{name}"
            );
            let containers = ["initContainers", "containers"];
            let containers = containers
                .iter()
                .filter_map(|kind| pod[kind].as_array())
                .flatten();
            for container in containers {
                let script = container["command"][1]
                    .as_str()
                    .unwrap()
                    .strip_prefix("/scripts/")
                    .unwrap();
                let text = given["data"][script].as_str();
                let text =
                    text.unwrap_or_else(|| panic!("{name} runs {script}, which is not given"));
                assert_eq!(text, fs::read_to_string(scripts().join(script)).unwrap());
                for kind in ["requests", "limits"] {
                    for what in ["cpu", "memory"] {
                        assert!(
                            container["resources"][kind][what].is_string(),
                            "{name}: {kind} {what}"
                        );
                    }
                }
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
                assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
                assert_eq!(context["capabilities"]["drop"][0], "ALL", "{name}");
                for variable in variables(text) {
                    assert!(
                        has(container, &objects, &variable),
                        "{name}: {script} asks for {variable}, and the container has none"
                    );
                }
            }
        }
    }
}

/// The variables that a script of these takes from outside: those in capitals.
fn variables(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    // PostgreSQL's programs take theirs without a word in the script.
    if ["pg_basebackup --", "pg_receivewal --"]
        .iter()
        .any(|program| script.contains(program))
    {
        found.extend(["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"].map(str::to_owned));
    }
    for line in script
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        for part in line.split('$').skip(1) {
            let part = part.strip_prefix('{').unwrap_or(part);
            let end = part
                .find(|c: char| !(c.is_ascii_uppercase() || c == '_'))
                .unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            // What has a default may be missing.
            if !name.is_empty() && !rest.starts_with(":-") && !found.contains(&name.to_owned()) {
                found.push(name.to_owned());
            }
        }
    }
    found
}

/// Whether a container has a variable, of its own or of the `ConfigMap` that it takes whole.
fn has(container: &Value, objects: &[Value], variable: &str) -> bool {
    let own = container["env"].as_array().into_iter().flatten();
    let mut maps = objects.iter().filter(|object| {
        let whole = container["envFrom"].as_array().into_iter().flatten();
        let mut names = whole.map(|source| &source["configMapRef"]["name"]);
        object["kind"] == "ConfigMap" && names.any(|name| *name == object["metadata"]["name"])
    });
    own.into_iter().any(|each| each["name"] == variable)
        || maps.any(|map| map["data"].get(variable).is_some())
}

#[test]
fn nothing_but_job_results_expires_by_a_rule() {
    for name in ["lifecycle.json", "lifecycle-versions.json"] {
        let path = root().join("k8s/base/backups").join(name);
        let rules: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        for rule in rules["Rules"].as_array().unwrap() {
            assert_eq!(rule["Status"], "Enabled", "{name}: {rule}");
            if rule.get("Expiration").is_some() {
                assert_eq!(rule["Filter"]["Prefix"], "jobs/", "{name}: {rule}");
                // A day more than the longest time that a role keeps its results, if the configuration says nothing.
                assert_eq!(rule["Expiration"]["Days"], 31, "{name}: {rule}");
            }
        }
    }
}
