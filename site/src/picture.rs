//! Pictures of maps: each layer's COG as a PNG of a size fit for a page.

use geocrop_store::Store;
use tempfile::TempDir;

use crate::cache::{KeptPicture, Prior};
use crate::catalog::{Kind, Layer};
use crate::error::SiteError;
use crate::hash::{Digest, digest};
use crate::output::Output;
use crate::stored::Stored;
use crate::view::{self, Picture};

/// The longer side of a picture in pixels: sharp on a phone and enough for half of a wide screen.
const LONGEST: usize = 1024;

/// A picture and when it was made.
pub(crate) enum Made {
    /// By an earlier build, from the same map.
    Before(KeptPicture),
    /// As a PNG, from the map with this tag.
    Now(Digest, Vec<u8>),
}

/// The map that the picture of `layer` shows; none where the item has no map of its own.
pub(crate) fn map_of(layer: &Layer) -> Option<String> {
    // A large area's map is a virtual raster of its tiles: its picture would be that of a country.
    layer
        .asset_key("map")
        .filter(|key| crate::catalog::is_cog(key))
}

/// Draws the map under `key` as a PNG.
fn draw(store: &Store, key: &str) -> Result<Vec<u8>, SiteError> {
    let stored = |problem: String| SiteError::Store {
        path: key.to_owned(),
        problem,
    };
    // GDAL wants a file; a store elsewhere is copied for as long as the drawing takes.
    let copy: TempDir;
    let path = if let Some(root) = store.local_root() {
        root.join(key)
    } else {
        copy = tempfile::tempdir().map_err(SiteError::io("making", std::env::temp_dir()))?;
        let path = copy.path().join("map.tif");
        store
            .download(key, &path)
            .map_err(|e| stored(e.to_string()))?;
        path
    };
    geocrop_raster::picture_png(&path, LONGEST).map_err(|source| SiteError::Picture {
        path: key.to_owned(),
        source,
    })
}

/// Finds or draws the picture of the map under `key`.
pub(crate) fn make(
    store: &Store,
    stored: &Stored,
    prior: &Prior,
    key: &str,
) -> Result<Made, SiteError> {
    // A map that the catalog names and the store lacks has no tag; drawing it tells what is wrong.
    let tag = stored.tag(key).unwrap_or_else(|| digest(b""));
    let before = prior.body.pictures.get(key);
    match before.filter(|kept| kept.tag == tag && prior.intact(&kept.src).is_some()) {
        Some(kept) => Ok(Made::Before(kept.clone())),
        None => Ok(Made::Now(tag, draw(store, key)?)),
    }
}

/// Puts the picture of `layer` into the site: the earlier build's, or else a new one. The second of the pair is for the
/// cache.
pub(crate) fn add(
    output: &mut Output,
    layer: &Layer,
    made: Made,
) -> Result<(Picture, KeptPicture), SiteError> {
    let p = &layer.properties;
    let stem = format!("{}-{}-{}", p.area, p.recipe, p.period);
    let kept = match made {
        Made::Before(kept) => {
            output.keep(&kept.src, &stem)?;
            kept
        }
        Made::Now(tag, png) => {
            let (width, height) = size(&png);
            KeptPicture {
                tag,
                src: output.add_hashed("/pictures/", &stem, "png", png)?,
                width,
                height,
            }
        }
    };
    let picture = Picture {
        src: kept.src.clone(),
        width: kept.width,
        height: kept.height,
        alt: view::alt(layer),
        crisp: p.kind != Kind::Rgb,
    };
    Ok((picture, kept))
}

/// Width and height from the header: the PNG specification puts them right after the first chunk's name.
fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| {
        png.get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    };
    (number(16), number(20))
}
