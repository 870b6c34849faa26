//! `geocrop backup` and `geocrop restore`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use geocrop_backup::{Manifest, Service};
use serde_json::json;

use super::{precompute, user};
use crate::args::{Backup, Restore};
use crate::config::{Config, Origin, Usage};
use crate::progress::{self, Bar};

pub(crate) fn backup(args: &Backup, mut config: Config, file: &Path) -> Result<()> {
    config.flag("store", args.store.as_ref());
    let service = service(&config, file, !args.without_keys)?;
    let bar = Bar::start("backup");
    let stop = progress::listen_for_stop()?;
    let made = geocrop_backup::create(&service, &args.out, &watch(&bar, &stop))?;
    let removed = match args.keep {
        Some(count) => geocrop_backup::keep(&args.out, count as usize)?,
        None => Vec::new(),
    };
    let (files, bytes) = (made.manifest.files.len(), made.manifest.bytes());
    bar.finish(&format!(
        "{files} files, {}, of which {} new",
        precompute::bytes(bytes),
        precompute::bytes(made.written)
    ));
    for item in &made.unsound {
        progress::line(&format!(
            "{item}: in the store its files are not those that it names; make the map again (geocrop precompute run)"
        ));
    }
    for folder in &removed {
        progress::line(&format!("removed {}", folder.display()));
    }
    progress::line(if made.manifest.keys {
        "it holds the signing keys and the hashes of passwords: keep it where you keep secrets"
    } else {
        "it holds the hashes of passwords and no signing keys: after a restore everybody logs in again"
    });
    if args.json {
        let document = json!({
            "folder": made.folder,
            "created": made.manifest.created,
            "files": files,
            "bytes": bytes,
            "shared_files": made.shared,
            "written_bytes": made.written,
            "keys": made.manifest.keys,
            "unsound_items": made.unsound,
            "removed": removed,
        });
        progress::print(&document.to_string());
    } else {
        progress::print(&made.folder.display().to_string());
    }
    Ok(())
}

pub(crate) fn restore(args: &Restore) -> Result<()> {
    let stop = progress::listen_for_stop()?;
    let bar = Bar::start(if args.check { "check" } else { "restore" });
    let manifest = match &args.to {
        Some(to) => geocrop_backup::restore(&args.from, to, &watch(&bar, &stop))?,
        None => geocrop_backup::check(&args.from, &watch(&bar, &stop))?,
    };
    let (files, bytes) = (manifest.files.len(), manifest.bytes());
    bar.finish(&format!(
        "{files} files, {}, all as written",
        precompute::bytes(bytes)
    ));
    if let Some(to) = &args.to {
        told(&manifest, to);
    }
    if args.json {
        let document = json!({
            "from": args.from,
            "to": args.to,
            "created": manifest.created,
            "program": manifest.program,
            "files": files,
            "bytes": bytes,
            "keys": manifest.keys,
        });
        progress::print(&document.to_string());
    }
    Ok(())
}

/// What is left to do by hand.
fn told(manifest: &Manifest, to: &Path) {
    progress::line(&format!(
        "restored as of {}; start it there: cd '{}' && geocrop api",
        manifest.created.format("%Y-%m-%d %H:%M:%S UTC"),
        to.display()
    ));
    if !manifest.keys {
        progress::line(
            "the backup has no signing keys: new ones are made, and everybody logs in again",
        );
    }
    // The configuration came back as it was; it may name folders of the old machine.
    let Ok(config) = Config::load(&to.join("geocrop.toml")) else {
        return;
    };
    for (key, now) in [
        ("store", "store"),
        ("state", "state"),
        ("database.url", "sqlite://state/geocrop.sqlite"),
        ("auth.keys", "state/keys"),
    ] {
        let found = config.all().find(|(name, _)| *name == key);
        if let Some((_, setting)) = found
            && matches!(setting.origin, Origin::File(_))
            && setting.value != now
        {
            progress::line(&format!(
                "geocrop.toml says {key} = '{}'; here it is '{now}': change that line first",
                setting.shown()
            ));
        }
    }
}

/// The parts of the service that is configured, if all are folders and files of this machine.
fn service(config: &Config, file: &Path, with_keys: bool) -> Result<Service> {
    let elsewhere = |key: &str, what: &str| {
        Usage(format!(
            "{key}: 'geocrop backup' saves SQLite and folders, and this is {what}; that server's own means are in \
             docs/operations/backups.md"
        ))
    };
    let url = user::database_options(config)?.url;
    let database = url.strip_prefix("sqlite:").map(|path| {
        let path = path.strip_prefix("//").unwrap_or(path);
        PathBuf::from(path)
    });
    let database = database
        .filter(|path| !path.to_string_lossy().contains(":memory:"))
        .ok_or_else(|| elsewhere("database.url", "another database"))?;
    let store = config.get("store");
    let store = match store.split_once("://") {
        None => PathBuf::from(store),
        Some(("file", path)) => PathBuf::from(path),
        Some(_) => return Err(elsewhere("store", "a bucket").into()),
    };
    let keys = match config.optional("auth.keys") {
        Some(folder) => PathBuf::from(folder),
        None => user::state(config).join("keys"),
    };
    Ok(Service {
        database,
        store,
        // A service that never ran has none.
        keys: Some(keys).filter(|folder| with_keys && folder.is_dir()),
        config: Some(file.to_owned()).filter(|file| file.is_file()),
    })
}

fn watch<'a>(bar: &'a Bar, stop: &'a AtomicBool) -> impl Fn(f64) -> bool + use<'a> {
    |share| {
        bar.at(share, "");
        !stop.load(Ordering::Relaxed)
    }
}
