//! The map's program, as `npm run build` in `site/map` leaves it, put into the site under hashed names.

use std::path::Path;

use serde::Serialize;

use crate::error::SiteError;
use crate::output::Output;

/// The files that the bundler writes.
pub(crate) const FILES: [&str; 7] = [
    "start.js",
    "map.js",
    "map.css",
    "worker.js",
    "borders.json",
    "status.js",
    "capacity.js",
];

/// Addresses of the bundle's files in the site.
#[derive(Debug, Serialize)]
pub(crate) struct Bundle {
    script: String,
    style: String,
    worker: String,
    borders: String,
    /// What runs before the map's script.
    start: String,
    /// The script of the status page.
    status: String,
    /// The script of the capacity page.
    capacity: String,
}

/// Copies the bundle's files into `output`.
pub(crate) fn add(folder: &Path, output: &mut Output) -> Result<Bundle, SiteError> {
    let mut add = |file: &'static str, stem: &str, ending: &str| {
        let path = folder.join(file);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(SiteError::MapBundle {
                    path: folder.to_owned(),
                    expected: file,
                });
            }
            Err(e) => return Err(SiteError::io("reading", path)(e)),
        };
        output.add_hashed("/map/", stem, ending, bytes)
    };
    Ok(Bundle {
        script: add("map.js", "map", "js")?,
        style: add("map.css", "map", "css")?,
        worker: add("worker.js", "worker", "js")?,
        borders: add("borders.json", "borders", "json")?,
        start: add("start.js", "start", "js")?,
        status: add("status.js", "status", "js")?,
        capacity: add("capacity.js", "capacity", "js")?,
    })
}
