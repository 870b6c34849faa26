//! Everything a build reads, told apart from any other state of it without reading it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::build::BuildOptions;
use crate::bundle;
use crate::cache::nanoseconds;
use crate::content::Folder;
use crate::hash::{Digest, digest, of_parts};
use crate::stored::Stored;

/// File systems keep times in ticks of a few milliseconds: what was written so shortly before a build may be written
/// again in the same tick, and look the same.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// The program that builds: its version and its file, so that one compiled anew trusts nothing of the old one; and
/// whether diagrams are drawn by another program (`cli`).
pub(crate) fn program(cli: bool) -> Digest {
    let file = std::env::current_exe()
        .and_then(std::fs::metadata)
        .map_or((0, 0), |meta| (meta.len(), nanoseconds(meta.modified())));
    digest(format!("{} {file:?} {cli}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// The stamp of all inputs, or `None` where one of them is too new to be relied on. `began` is when the build did.
pub(crate) fn inputs(
    options: &BuildOptions,
    folder: &Folder,
    stored: &Stored,
    began: SystemTime,
) -> (Digest, bool) {
    let mut text = format!("{options:?}\n");
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut add = |name: &str, size: u64, modified: SystemTime| {
        use std::fmt::Write as _;
        let _ = writeln!(text, "{name}\t{size}\t{}", nanoseconds(Ok(modified)));
        newest = newest.max(modified);
    };
    for (name, size, modified) in folder.stamp() {
        add(name, size, modified);
    }
    if let Some(bundle) = &options.map_bundle {
        for name in bundle::FILES {
            let (size, modified) = look(&bundle.join(name));
            add(name, size, modified);
        }
    }
    let stamp = of_parts(&[text.as_bytes(), stored.stamp().bytes()]);
    (stamp, newest.max(stored.newest()) + TICK < began)
}

fn look(path: &Path) -> (u64, SystemTime) {
    std::fs::metadata(path)
        .and_then(|meta| Ok((meta.len(), meta.modified()?)))
        .unwrap_or((0, SystemTime::UNIX_EPOCH))
}
