//! Pictures of maps: each layer's COG as a PNG of a size fit for a page.

use geocrop_store::Store;
use tempfile::TempDir;

use crate::catalog::{Kind, Layer};
use crate::error::SiteError;
use crate::output::Output;
use crate::view::{self, Picture};

/// The longer side of a picture in pixels: sharp on a phone and enough for half of a wide screen.
const LONGEST: usize = 1024;

/// Draws the map of `layer` as a PNG, or `None` where the item has no map.
pub(crate) fn draw(store: &Store, layer: &Layer) -> Result<Option<Vec<u8>>, SiteError> {
    // A large area's map is a virtual raster of its tiles: its picture would be that of a country.
    let Some(key) = layer
        .asset_key("map")
        .filter(|key| crate::catalog::is_cog(key))
    else {
        return Ok(None);
    };
    let stored = |problem: String| SiteError::Store {
        path: key.clone(),
        problem,
    };
    // GDAL wants a file; a store elsewhere is copied for as long as the drawing takes.
    let copy: TempDir;
    let path = if let Some(root) = store.local_root() {
        root.join(&key)
    } else {
        copy = tempfile::tempdir().map_err(SiteError::io("making", std::env::temp_dir()))?;
        let path = copy.path().join("map.tif");
        store
            .download(&key, &path)
            .map_err(|e| stored(e.to_string()))?;
        path
    };
    geocrop_raster::picture_png(&path, LONGEST)
        .map(Some)
        .map_err(|source| SiteError::Picture {
            path: key.clone(),
            source,
        })
}

/// Adds a drawn picture to the site and describes it for the pages.
pub(crate) fn add(output: &mut Output, layer: &Layer, png: Vec<u8>) -> Result<Picture, SiteError> {
    let (width, height) = size(&png);
    let p = &layer.properties;
    let stem = format!("{}-{}-{}", p.area, p.recipe, p.period);
    Ok(Picture {
        src: output.add_hashed("/pictures/", &stem, "png", png)?,
        width,
        height,
        alt: view::alt(layer),
        crisp: p.kind != Kind::Rgb,
    })
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
