//! Pictures in the sizes that screens ask for: of maps, drawn from their COGs, and of the photographs beside the pages.

use std::path::Path;

use geocrop_raster::RasterError;
use geocrop_store::Store;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cache::Prior;
use crate::catalog::{Kind, Layer};
use crate::content::Attachment;
use crate::error::SiteError;
use crate::hash::{Digest, digest};
use crate::output::Output;
use crate::stored::Stored;
use crate::view::{self, Picture};

/// The longer sides in pixels: a card on a phone, a card on a sharp screen, half of a wide screen.
const SIDES: [usize; 3] = [320, 640, 1024];

/// Endings of photographs that get smaller copies; drawings (SVG) need none, and moving pictures would stand still.
const PHOTOGRAPHS: [&str; 4] = ["jpeg", "jpg", "png", "webp"];

/// A picture of a file that had this tag.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct KeptPicture {
    tag: Digest,
    /// Whether its colours are classes.
    classes: bool,
    /// Address, width and height of each size, smallest first.
    sizes: Vec<(String, u32, u32)>,
}

/// A picture and when it was made.
pub(crate) enum Made {
    /// By an earlier build, from the same file.
    Before(KeptPicture),
    /// From the file with this tag.
    Now(Digest, Drawn),
}

/// A picture in all its sizes, smallest first.
pub(crate) struct Drawn {
    classes: bool,
    /// Width, height and the file.
    sizes: Vec<(u32, u32, Vec<u8>)>,
}

/// The map that the picture of `layer` shows; none where the item has no map of its own.
pub(crate) fn map_of(layer: &Layer) -> Option<String> {
    // A large area's map is a virtual raster of its tiles: its picture would be that of a country.
    layer
        .asset_key("map")
        .filter(|key| crate::catalog::is_cog(key))
}

/// Gives `work` the file under `key`. GDAL wants one: a store elsewhere is copied for as long as that takes.
pub(crate) fn with_file<T>(
    store: &Store,
    key: &str,
    work: impl FnOnce(&Path) -> Result<T, RasterError>,
) -> Result<T, SiteError> {
    let copy: TempDir;
    let path = if let Some(root) = store.local_root() {
        root.join(key)
    } else {
        copy = tempfile::tempdir().map_err(SiteError::io("making", std::env::temp_dir()))?;
        let path = copy.path().join("map.tif");
        store
            .download(key, &path)
            .map_err(|error| SiteError::Store {
                path: key.to_owned(),
                problem: error.to_string(),
            })?;
        path
    };
    work(&path).map_err(|source| SiteError::Picture {
        path: key.to_owned(),
        source,
    })
}

fn draw(path: &Path) -> Result<Drawn, RasterError> {
    let largest = geocrop_raster::picture(path, SIDES[SIDES.len() - 1])?;
    let longer = largest.width.max(largest.height);
    let mut drawn = Drawn {
        classes: largest.classes,
        sizes: Vec::new(),
    };
    let mut add = |picture: &geocrop_raster::Picture| {
        let side = |pixels| u32::try_from(pixels).unwrap_or(u32::MAX);
        let file = picture.webp()?;
        drawn
            .sizes
            .push((side(picture.width), side(picture.height), file));
        Ok(())
    };
    for side in SIDES.into_iter().filter(|side| *side < longer) {
        // Read anew and not shrunk here: the file's own overviews keep classes what they are.
        add(&geocrop_raster::picture(path, side)?)?;
    }
    add(&largest)?;
    Ok(drawn)
}

/// Finds or draws the picture of the map under `key`.
pub(crate) fn of_map(
    store: &Store,
    stored: &Stored,
    prior: &Prior,
    key: &str,
) -> Result<Made, SiteError> {
    // A map that the catalog names and the store lacks has no tag; drawing it tells what is wrong.
    let tag = stored.tag(key).unwrap_or_else(|| digest(b""));
    before(prior, key, tag).map_or_else(
        || Ok(Made::Now(tag, with_file(store, key, draw)?)),
        |kept| Ok(Made::Before(kept)),
    )
}

/// Finds or makes the sizes of a photograph beside the pages; none where the file is no photograph.
pub(crate) fn of_photograph(
    prior: &Prior,
    attachment: &Attachment,
) -> Result<Option<Made>, SiteError> {
    let ending = attachment.address.rsplit('.').next().unwrap_or_default();
    if !PHOTOGRAPHS.contains(&ending) {
        return Ok(None);
    }
    let tag = digest(&attachment.bytes);
    if let Some(kept) = before(prior, &attachment.address, tag) {
        return Ok(Some(Made::Before(kept)));
    }
    let drawn = draw(&attachment.path).map_err(|source| SiteError::Picture {
        path: attachment.file.clone(),
        source,
    })?;
    Ok(Some(Made::Now(tag, drawn)))
}

fn before(prior: &Prior, key: &str, tag: Digest) -> Option<KeptPicture> {
    let kept = prior.body.pictures.get(key)?;
    let stands = |(src, ..): &(String, u32, u32)| prior.intact(src).is_some();
    (kept.tag == tag && kept.sizes.iter().all(stands)).then(|| kept.clone())
}

/// Puts a picture into the site: the earlier build's, or else a new one. The second of the pair is for the cache.
pub(crate) fn add(
    output: &mut Output,
    stem: &str,
    alt: String,
    made: Made,
) -> Result<(Picture, KeptPicture), SiteError> {
    let kept = match made {
        Made::Before(kept) => {
            for (src, ..) in &kept.sizes {
                output.keep(src, stem)?;
            }
            kept
        }
        Made::Now(tag, drawn) => {
            let mut sizes = Vec::with_capacity(drawn.sizes.len());
            for (width, height, file) in drawn.sizes {
                let name = format!("{stem}-{width}");
                let src = output.add_hashed("/pictures/", &name, "webp", file)?;
                sizes.push((src, width, height));
            }
            KeptPicture {
                tag,
                classes: drawn.classes,
                sizes,
            }
        }
    };
    let listed: Vec<String> = kept
        .sizes
        .iter()
        .map(|(src, width, _)| format!("{src} {width}w"))
        .collect();
    let (src, width, height) = kept.sizes.last().cloned().unwrap_or_default();
    let picture = Picture {
        src,
        srcset: if listed.len() > 1 {
            listed.join(", ")
        } else {
            String::new()
        },
        width,
        height,
        alt,
        crisp: kept.classes,
    };
    Ok((picture, kept))
}

/// Puts the picture of `layer` into the site.
pub(crate) fn add_map(
    output: &mut Output,
    layer: &Layer,
    made: Made,
) -> Result<(Picture, KeptPicture), SiteError> {
    let p = &layer.properties;
    let stem = format!("{}-{}-{}", p.area, p.recipe, p.period);
    let (mut picture, kept) = add(output, &stem, view::alt(layer), made)?;
    picture.crisp = p.kind != Kind::Rgb;
    Ok((picture, kept))
}

/// Puts the sizes of a photograph into the site.
pub(crate) fn add_photograph(
    output: &mut Output,
    address: &str,
    made: Made,
) -> Result<(Picture, KeptPicture), SiteError> {
    let name = address.trim_start_matches('/').replace('/', "-");
    let stem = name
        .rsplit_once('.')
        .map_or(name.as_str(), |(stem, _)| stem);
    add(output, stem, String::new(), made)
}
