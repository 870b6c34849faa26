//! `geocrop backup` and `geocrop restore`: what was there is there again, and a bad backup does no harm.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use geocrop_synthetic::Landscape;
use serde_json::{Value, json};

use crate::support::{Api, command, project, stderr, stdout};

const PASSWORD: &str = "a long enough password";

/// The binary in the folder of a service.
fn at(folder: &Path, args: &[&str]) -> Command {
    let mut command = command(args);
    command
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.with_file_name("cache"));
    command
}

/// Its answer, which must be success, as JSON.
fn done(folder: &Path, args: &[&str]) -> Value {
    let output = at(folder, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it says when it refuses.
fn refused(folder: &Path, args: &[&str], code: i32) -> String {
    let output: Output = at(folder, args).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    stderr(&output)
}

fn add_user(folder: &Path, name: &str) {
    let mut add = at(folder, &["user", "add", name, "--password-stdin"]);
    let mut add = add
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = add.stdin.take().unwrap();
    stdin.write_all(PASSWORD.as_bytes()).unwrap();
    drop(stdin);
    assert!(add.wait().unwrap().success());
}

/// A service with an account, some files in its store and a key.
fn service(root: &Path) -> PathBuf {
    let folder = root.join("service");
    let layer = folder.join("store/layers/ndvi/2024");
    fs::create_dir_all(&layer).unwrap();
    fs::write(folder.join("store/catalog.json"), "{}").unwrap();
    fs::write(layer.join("valley.tif"), vec![7; 3 << 20]).unwrap();
    let keys = folder.join("state/keys");
    fs::create_dir_all(&keys).unwrap();
    fs::write(keys.join("20261122T091530-1f3a.pem"), "a key").unwrap();
    fs::write(folder.join("geocrop.toml"), "store = 'store'\n").unwrap();
    add_user(&folder, "thandi");
    folder
}

fn backed_up(folder: &Path) -> PathBuf {
    let made = done(folder, &["backup", "--out", "../backups", "--json"]);
    folder.join(made["folder"].as_str().unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

struct Client {
    http: reqwest::blocking::Client,
    token: String,
}

impl Client {
    fn log_in(api: &Api, name: &str) -> Option<Self> {
        let http = reqwest::blocking::Client::new();
        let login = json!({ "username": name, "password": PASSWORD });
        let answer = http.post(format!("{}/v1/auth/token", api.address));
        let answer = answer.json(&login).send().unwrap();
        let answer: Value = answer.error_for_status().ok()?.json().unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Some(Self { http, token })
    }

    fn get(&self, api: &Api, path: &str) -> Vec<u8> {
        let request = self.http.get(format!("{}{path}", api.address));
        let answer = request.bearer_auth(&self.token).send().unwrap();
        let answer = answer.error_for_status().unwrap();
        answer.bytes().unwrap().to_vec()
    }

    fn job(&self, api: &Api, id: &str) -> Value {
        serde_json::from_slice(&self.get(api, &format!("/v1/jobs/{id}"))).unwrap()
    }

    /// A map of a few fields, made.
    fn map(&self, api: &Api) -> Value {
        let (west, south, east, north) = (30.998, -17.402, 30.999, -17.401);
        let ring = [
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south],
        ];
        let order = json!({ "kind": "ndvi", "period": "2024",
            "aoi": { "type": "Polygon", "coordinates": [ring] } });
        let request = self.http.post(format!("{}/v1/jobs", api.address));
        let answer = request.bearer_auth(&self.token).json(&order).send();
        let answer: Value = answer.unwrap().error_for_status().unwrap().json().unwrap();
        let id = answer["id"].as_str().unwrap();
        let begun = Instant::now();
        loop {
            let job = self.job(api, id);
            if job["status"] == "successful" {
                return job;
            }
            assert!(job["status"] != "failed", "{job}");
            assert!(begun.elapsed() < Duration::from_mins(2), "{job}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_service_saved_while_it_serves_is_the_same_after_it_was_destroyed() {
    let root = tempfile::tempdir().unwrap();
    Landscape::valley(64, 4)
        .write(&root.path().join("imagery"), &|_, _, _| true)
        .unwrap();
    let folder = root.path().join("service");
    fs::create_dir(&folder).unwrap();
    let settings = format!(
        "recipes = '{}'\nmodels = '{}'\nsources = '{}'\n",
        project().join("recipes").display(),
        project().join("models").display(),
        root.path().join("imagery/source.toml").display(),
    );
    fs::write(folder.join("geocrop.toml"), &settings).unwrap();
    add_user(&folder, "thandi");
    let api = Api::start(at(&folder, &["api", "--address", "127.0.0.1:0"]));
    let client = Client::log_in(&api, "thandi").unwrap();
    let job = client.map(&api);
    let id = job["id"].as_str().unwrap();
    let files: Vec<_> = job["results"].as_object().unwrap().values().collect();
    assert!(!files.is_empty());
    let path = |address: &Value| {
        let address = address.as_str().unwrap();
        let from = address.find("/v1/").unwrap();
        address[from..].to_owned()
    };
    let bytes: Vec<_> = files.iter().map(|f| client.get(&api, &path(f))).collect();

    let backup = backed_up(&folder);
    let again = ["backup", "--out", "../backups", "--keep", "1", "--json"];
    let second = done(&folder, &again);
    // What did not change is there once; what is left after the first went is whole.
    assert!(second["shared_files"].as_u64().unwrap() >= files.len() as u64);
    assert!(second["written_bytes"].as_u64().unwrap() < second["bytes"].as_u64().unwrap());
    assert_eq!(second["unsound_items"], json!([]));
    assert!(!backup.exists());
    let backup = folder.join(second["folder"].as_str().unwrap());
    add_user(&folder, "later");
    drop(api);
    fs::remove_dir_all(&folder).unwrap();

    let from = backup.to_str().unwrap().replace("service/../", "");
    let restored = root.path().join("restored");
    let args = ["restore", "--from", &from, "--to", "restored", "--json"];
    let told = done(root.path(), &args);
    assert_eq!(told["keys"], true);
    assert_eq!(
        fs::read_to_string(restored.join("geocrop.toml")).unwrap(),
        settings
    );
    let api = Api::start(at(&restored, &["api", "--address", "127.0.0.1:0"]));
    // The token that was given out before: the same keys check it.
    assert_eq!(client.job(&api, id)["finished"], job["finished"]);
    for (file, bytes) in files.iter().zip(bytes) {
        assert!(client.get(&api, &path(file)) == bytes, "{file}");
    }
    assert!(Client::log_in(&api, "thandi").is_some());
    assert!(Client::log_in(&api, "later").is_none());
}

#[test]
fn only_the_owner_reads_a_backup_and_the_keys_may_stay_out() {
    let root = tempfile::tempdir().unwrap();
    let folder = service(root.path());
    let backup = backed_up(&folder);
    assert_eq!(mode(&backup), 0o700);
    let key = "state/keys/20261122T091530-1f3a.pem";
    for secret in [key, "state/geocrop.sqlite", "geocrop.toml"] {
        assert_eq!(mode(&backup.join(secret)), 0o600, "{secret}");
    }
    // Unchanged files are other names of the same bytes, and not of the service's.
    let map = "store/layers/ndvi/2024/valley.tif";
    let inode = |folder: &Path| fs::metadata(folder.join(map)).unwrap().ino();
    let args = ["backup", "--out", "../backups", "--without-keys", "--json"];
    let second = done(&folder, &args);
    let second = folder.join(second["folder"].as_str().unwrap());
    assert_eq!(inode(&second), inode(&backup));
    assert_ne!(inode(&second), inode(&folder));
    assert!(!second.join("state/keys").exists());

    let from = second.display().to_string();
    let output = at(&folder, &["restore", "--from", &from, "--to", "../new"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("everybody logs in again"));
    let restored = root.path().join("new");
    assert!(restored.join(map).exists() && !restored.join("state/keys").exists());
}

/// Does something to a file.
type Harm<'a> = &'a dyn Fn(&Path);

#[test]
fn every_damaged_file_is_named_and_nothing_is_restored() {
    let root = tempfile::tempdir().unwrap();
    let folder = service(root.path());
    let good = backed_up(&folder);
    let harm: [(&str, Harm); 5] = [
        ("store/layers/ndvi/2024/valley.tif", &|file| {
            let mut bytes = fs::read(file).unwrap();
            bytes[1 << 20] ^= 1;
            fs::write(file, bytes).unwrap();
        }),
        ("state/geocrop.sqlite", &|file| {
            let length = fs::metadata(file).unwrap().len();
            let file = fs::OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(length / 2).unwrap();
        }),
        ("store/catalog.json", &|file| {
            fs::remove_file(file).unwrap();
        }),
        ("geocrop.toml", &|file| {
            fs::remove_file(file).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", file).unwrap();
        }),
        ("manifest.json", &|file| {
            let text = fs::read(file).unwrap();
            fs::write(file, &text[..text.len() / 2]).unwrap();
        }),
    ];
    for (name, damage) in harm {
        // Without hard links, or all of them would be damaged.
        let bad = root.path().join("bad/20260101T000000Z");
        fs::create_dir_all(bad.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-r").arg(&good).arg(&bad).status();
        assert!(copied.unwrap().success());
        damage(&bad.join(name));
        let from = bad.display().to_string();
        let words = refused(&folder, &["restore", "--from", &from, "--to", "../new"], 1);
        for part in [name, "restore an earlier one"] {
            assert!(words.contains(part), "{part}: {words}");
        }
        let words = refused(&folder, &["restore", "--from", &from, "--check"], 1);
        assert!(words.contains(name), "{words}");
        let mut left: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["backups", "bad", "service"]);
        fs::remove_dir_all(bad).unwrap();
    }
    let from = good.display().to_string();
    let checked = done(&folder, &["restore", "--from", &from, "--check", "--json"]);
    assert_eq!(checked["files"], 5);
}

#[test]
fn a_restore_writes_over_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = service(root.path());
    let from = backed_up(&folder).display().to_string();
    let words = refused(&folder, &["restore", "--from", &from, "--to", "."], 1);
    assert!(words.contains("something here already"), "{words}");
    assert_eq!(
        fs::read_to_string(folder.join("geocrop.toml")).unwrap(),
        "store = 'store'\n"
    );
    // An empty folder is a mount point's usual state.
    fs::create_dir(root.path().join("empty")).unwrap();
    done(
        &folder,
        &["restore", "--from", &from, "--to", "../empty", "--json"],
    );
    assert!(root.path().join("empty/state/geocrop.sqlite").exists());
}

#[test]
fn a_full_disk_leaves_no_half_backup_and_the_ones_before() {
    let possible = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !possible {
        eprintln!("skipped: this user may not mount file systems in a namespace (unshare)");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let folder = service(root.path());
    let from = backed_up(&folder).display().to_string();
    let disk = root.path().join("disk");
    fs::create_dir(&disk).unwrap();
    for verb in [
        "backup --out ../disk/backups",
        "restore --from \"$3\" --to ../disk/new",
    ] {
        let script = format!(
            "mount -t tmpfs -o size=2m disk \"$1\" && touch \"$1/before\" && \"$2\" {verb}; \
             code=$?; ls -A \"$1\" \"$1\"/*/; exit $code"
        );
        let mut shell = Command::new("unshare");
        shell
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                &script,
                "sh",
            ])
            .args([disk.to_str().unwrap(), env!("CARGO_BIN_EXE_geocrop"), &from])
            .current_dir(&folder);
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{verb}");
        assert!(
            stderr(&output).contains("the disk is full"),
            "{}",
            stderr(&output)
        );
        let there = stdout(&output);
        assert!(there.contains("before"), "{there}");
        for begun in ["unfinished", "restoring", "manifest.json", "new\n"] {
            assert!(!there.contains(begun), "{there}");
        }
    }
}

#[test]
fn what_other_servers_keep_is_wrong_usage_that_names_their_page() {
    let root = tempfile::tempdir().unwrap();
    let folder = service(root.path());
    let bucket = ["backup", "--out", "../b", "--store", "s3://maps"];
    let words = refused(&folder, &bucket, 2);
    assert!(words.contains("docs/operations/backups.md"), "{words}");
    let output = at(&folder, &["backup", "--out", "../b"])
        .env("GEOCROP_DATABASE_URL", "postgres://me:secret@db/geocrop")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("secret"), "{}", stderr(&output));
    assert!(!root.path().join("b").exists());
    let empty = root.path().join("elsewhere");
    fs::create_dir(&empty).unwrap();
    let words = refused(&empty, &["backup", "--out", "../b"], 1);
    assert!(words.contains("nothing to back up"), "{words}");
}
