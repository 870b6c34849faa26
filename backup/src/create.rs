//! Taking a backup while the service runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use geocrop_store::stac::Item;
use geocrop_store::{ContentHash, Entry, ResultKeys, Store};

use crate::keep::{self, UNFINISHED};
use crate::manifest::{CONFIG, DATABASE, FORMAT, FileEntry, KEYS, MANIFEST, Manifest, STORE};
use crate::staging::{PRIVATE, Staging, private_folder};
use crate::{BackupError, Watch, database, files};

/// How often a result that changes while it is copied is copied again.
const ROUNDS: usize = 3;

/// The `file:checksum` of an asset.
const CHECKSUM: &str = "file:checksum";

/// Where the parts of a service are.
#[derive(Debug, Clone)]
pub struct Service {
    /// The file of `SQLite`.
    pub database: PathBuf,
    /// The store's folder.
    pub store: PathBuf,
    /// The folder of signing keys; `None` leaves them out.
    pub keys: Option<PathBuf>,
    /// The configuration, if there is one.
    pub config: Option<PathBuf>,
}

/// A backup that was taken.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its folder.
    pub folder: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// Files that share their bytes with the backup before.
    pub shared: usize,
    /// Bytes that were written.
    pub written: u64,
    /// Items whose files in the store are not those that they name, so that the backup has them no better.
    pub unsound: Vec<String>,
}

/// Takes a backup into a new folder of `out`, named after the moment.
///
/// First the database as it stands, then the store: whatever a row of the copy refers to was in the store before. A map
/// that is replaced meanwhile is copied again until its item and its files belong together. The folder appears whole or
/// not at all.
///
/// A file of the store with the size and the time of change that the backup before recorded is taken for the same and
/// becomes another name of that backup's file, where the file system can do that.
///
/// # Errors
/// [`BackupError::NothingThere`], [`BackupError::Inside`], [`BackupError::Busy`], [`BackupError::Full`],
/// [`BackupError::Copy`], [`BackupError::Unsound`], [`BackupError::Stopped`], [`BackupError::File`].
pub fn create(service: &Service, out: &Path, watch: Watch) -> Result<Created, BackupError> {
    expected_here(service, out)?;
    private_folder(out).map_err(|error| BackupError::file("write", out, error))?;
    let staging = Staging::begin(out, UNFINISHED, PRIVATE)?;
    let created = free_moment(out);

    let mut work = Work {
        store: Store::open(&service.store.to_string_lossy())?,
        root: staging.path().to_owned(),
        before: before(out)?,
        files: BTreeMap::new(),
        shared: 0,
        written: 0,
    };
    work.database(&service.database, created.into())?;
    if let Some(config) = &service.config {
        work.plain(config, CONFIG)?;
    }
    if let Some(keys) = &service.keys {
        work.keys(keys)?;
    }
    let unsound = work.store(watch)?;

    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created,
        keys: service.keys.is_some(),
        files: work.files.into_values().collect(),
    };
    let path = staging.path().join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| BackupError::file("write", &path, error.into()))?;
    files::write(&path, &text).map_err(|error| BackupError::file("write", &path, error))?;
    let folder = out.join(keep::name(created));
    staging.publish(&folder)?;
    Ok(Created {
        folder,
        manifest,
        shared: work.shared,
        written: work.written,
        unsound,
    })
}

/// Refuses folders without a service, and backups inside of what they back up.
fn expected_here(service: &Service, out: &Path) -> Result<(), BackupError> {
    if !service.database.is_file() {
        return Err(BackupError::NothingThere {
            what: "database",
            path: service.database.clone(),
        });
    }
    if !service.store.is_dir() {
        return Err(BackupError::NothingThere {
            what: "store",
            path: service.store.clone(),
        });
    }
    let absolute = |path: &Path| {
        // The end of a path that is to be made need not be there yet.
        let there = path.ancestors().find_map(|above| {
            let rest = path.strip_prefix(above).ok()?;
            let above = if above == Path::new("") {
                Path::new(".")
            } else {
                above
            };
            Some(above.canonicalize().ok()?.join(rest))
        });
        there.unwrap_or_else(|| path.to_owned())
    };
    let whole = absolute(out);
    for folder in [Some(&service.store), service.keys.as_ref()]
        .into_iter()
        .flatten()
    {
        if whole.starts_with(absolute(folder)) {
            return Err(BackupError::Inside {
                out: out.to_owned(),
                folder: folder.clone(),
            });
        }
    }
    Ok(())
}

/// Now; a second later if there is a backup of this second already.
fn free_moment(out: &Path) -> DateTime<Utc> {
    loop {
        let now = Utc::now();
        if !out.join(keep::name(now)).exists() {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The newest backup that can be read.
struct Before {
    folder: PathBuf,
    files: BTreeMap<String, FileEntry>,
}

fn before(out: &Path) -> Result<Option<Before>, BackupError> {
    for folder in keep::backups(out)?.into_iter().rev() {
        if let Ok(manifest) = Manifest::read(&folder) {
            let files = manifest.files.into_iter();
            let files = files.map(|file| (file.path.clone(), file)).collect();
            return Ok(Some(Before { folder, files }));
        }
    }
    Ok(None)
}

struct Work {
    store: Store,
    root: PathBuf,
    before: Option<Before>,
    /// What the backup has, by path.
    files: BTreeMap<String, FileEntry>,
    shared: usize,
    written: u64,
}

impl Work {
    fn note(&mut self, file: FileEntry) {
        self.written += file.size;
        self.files.insert(file.path.clone(), file);
    }

    fn database(&mut self, from: &Path, moment: SystemTime) -> Result<(), BackupError> {
        let failed = |error| BackupError::file("write", Path::new(DATABASE), error);
        let to = files::place(&self.root, DATABASE).map_err(failed)?;
        database::copy(from, &to)?;
        let file = files::settle(&to, DATABASE, moment).map_err(failed)?;
        self.note(file);
        Ok(())
    }

    fn plain(&mut self, from: &Path, path: &str) -> Result<(), BackupError> {
        let file = files::copy(from, &self.root, path)
            .map_err(|error| BackupError::file("copy", from, error))?;
        self.note(file);
        Ok(())
    }

    fn keys(&mut self, folder: &Path) -> Result<(), BackupError> {
        let failed = |error| BackupError::file("read", folder, error);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            // Others are being written, or are none.
            if let Some(name) = name.filter(|_| path.extension().is_some_and(|e| e == "pem")) {
                self.plain(&path, &format!("{KEYS}/{name}"))?;
            }
        }
        Ok(())
    }

    /// Copies the store, and returns the items that do not fit their files.
    fn store(&mut self, watch: Watch) -> Result<Vec<String>, BackupError> {
        let entries = self.store.list("")?;
        let total = entries.iter().map(|entry| entry.size).sum::<u64>().max(1);
        let mut done = 0;
        for entry in &entries {
            self.object(entry)?;
            done += entry.size;
            if !watch(done as f64 / total as f64) {
                return Err(BackupError::Stopped);
            }
        }
        let mut items: Vec<_> = entries
            .iter()
            .filter_map(|entry| ResultKeys::from_item(&entry.key))
            .collect();
        for round in 0.. {
            items.retain(|keys| !self.fits(keys));
            if items.is_empty() || round == ROUNDS {
                break;
            }
            for keys in &items {
                self.again(keys)?;
            }
        }
        Ok(items.iter().map(ResultKeys::item).collect())
    }

    /// Copies an object, or shares it with the backup before. One that is gone since it was listed is left out.
    fn object(&mut self, entry: &Entry) -> Result<(), BackupError> {
        let path = format!("{STORE}/{}", entry.key);
        self.files.remove(&path);
        if self.share(entry, &path) {
            return Ok(());
        }
        let Some(root) = self.store.local_root() else {
            return Ok(());
        };
        let from = root.join(&entry.key);
        match files::copy(&from, &self.root, &path) {
            Ok(file) => self.note(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => {}
            Err(error) => return Err(BackupError::file("copy", &from, error)),
        }
        Ok(())
    }

    fn share(&mut self, entry: &Entry, path: &str) -> bool {
        let Some(Before { folder, files }) = &self.before else {
            return false;
        };
        let Some(known) = files.get(path) else {
            return false;
        };
        if known.size != entry.size || known.modified != entry.modified {
            return false;
        }
        let there = folder.join(path);
        if !fs::metadata(&there).is_ok_and(|found| found.len() == known.size) {
            return false;
        }
        let Ok(to) = files::place(&self.root, path) else {
            return false;
        };
        let linked = fs::hard_link(there, to).is_ok();
        if linked {
            self.files.insert(path.to_owned(), known.clone());
            self.shared += 1;
        }
        linked
    }

    /// Whether each file that the copy of an item names is there with the bytes that it says.
    fn fits(&self, keys: &ResultKeys) -> bool {
        let Ok(item) = fs::read(self.root.join(STORE).join(keys.item())) else {
            // Removed since it was listed.
            return true;
        };
        let Ok(item) = serde_json::from_slice::<Item>(&item) else {
            return false;
        };
        item.assets.values().all(|asset| {
            let said = asset.extra.get(CHECKSUM).and_then(|text| text.as_str());
            let said = said.and_then(ContentHash::from_multihash);
            let (Some(key), Some(said)) = (keys.referred(&asset.href), said) else {
                return true;
            };
            let copied = self.files.get(&format!("{STORE}/{key}"));
            copied.is_some_and(|file| file.sha256 == said.to_string())
        })
    }

    /// Copies all files of a result once more.
    fn again(&mut self, keys: &ResultKeys) -> Result<(), BackupError> {
        let item = keys.item();
        let folder = item.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_its = |key: &str| {
            let name = key.strip_prefix(folder)?.strip_prefix('/')?;
            keys.file(name)
        };
        let now = self.store.list(folder)?;
        let now: Vec<_> = now
            .iter()
            .filter(|entry| is_its(&entry.key).is_some())
            .collect();
        let gone: BTreeSet<_> = self
            .files
            .keys()
            .filter(|path| {
                let key = path.strip_prefix(STORE).and_then(|p| p.strip_prefix('/'));
                key.is_some_and(|key| {
                    is_its(key).is_some() && !now.iter().any(|entry| entry.key == key)
                })
            })
            .cloned()
            .collect();
        for path in gone {
            self.files.remove(&path);
            let path = self.root.join(path);
            fs::remove_file(&path).map_err(|error| BackupError::file("remove", &path, error))?;
        }
        for entry in now {
            let path = self.root.join(STORE).join(&entry.key);
            // What is there may be a name of the backup before, which must stay as it is.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(BackupError::file("remove", &path, error));
                }
                _ => self.object(entry)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_do_not_go_into_what_they_back_up() {
        let root = tempfile::tempdir().unwrap();
        let service = Service {
            database: root.path().join("state/geocrop.sqlite"),
            store: root.path().join("store"),
            keys: None,
            config: None,
        };
        let go_on = |_: f64| true;
        let error = create(&service, &root.path().join("backups"), &go_on).unwrap_err();
        assert!(matches!(error, BackupError::NothingThere { .. }), "{error}");
        assert!(!root.path().join("backups").exists());

        fs::create_dir_all(root.path().join("state")).unwrap();
        fs::create_dir_all(&service.store).unwrap();
        fs::write(&service.database, "").unwrap();
        for inside in ["store", "store/backups/daily"] {
            let error = create(&service, &root.path().join(inside), &go_on).unwrap_err();
            assert!(matches!(error, BackupError::Inside { .. }), "{error}");
            assert_eq!(fs::read_dir(&service.store).unwrap().count(), 0);
        }
    }
}
