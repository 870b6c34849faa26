//! Answers from what is published: the part of a layer's maps inside an area, without a job.

use std::path::Path;
use std::sync::Arc;

use geocrop_raster::cut::{self, Counts, Part};
use geocrop_raster::{Aoi, ClassFile, CogSpec, Outline};

use super::Layers;
use super::files::{FileError, OpenMap};
use super::index::{Area, Layer};

/// A published map that an answer rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemRef {
    /// The store's key of its STAC item.
    pub(crate) item_key: String,
    /// Its area's name for people.
    pub(crate) title: String,
}

/// What an area holds, from published maps.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) counts: Counts,
    pub(crate) pixel_area_m2: f64,
    /// The maps that some pixel is from.
    pub(crate) items: Vec<ItemRef>,
}

/// Counts the pixels of an area. `None` where the layer's maps do not cover it whole. Blocks.
pub(crate) fn count(
    layers: &Layers,
    layer: &Layer,
    aoi: &Aoi,
) -> Result<Option<Answer>, FileError> {
    with_parts(layers, layer, aoi, cut::count)
}

/// As [`count`], and writes the area as a COG, with nodata outside. `spec` has what the file says of itself. Blocks.
pub(crate) fn write(
    layers: &Layers,
    layer: &Layer,
    aoi: &Aoi,
    destination: &Path,
    spec: &CogSpec,
) -> Result<Option<Answer>, FileError> {
    with_parts(layers, layer, aoi, |parts, outline| {
        cut::write(parts, outline, destination, spec)
    })
}

fn with_parts(
    layers: &Layers,
    layer: &Layer,
    aoi: &Aoi,
    work: impl FnOnce(&[Part<'_>], &Outline) -> geocrop_raster::Result<Option<Counts>>,
) -> Result<Option<Answer>, FileError> {
    let bounds = aoi.lonlat_bounds();
    let mut open: Vec<(&Arc<Area>, Arc<OpenMap>)> = Vec::new();
    for area in layer.areas.iter().filter(|area| area.touches(bounds)) {
        open.push((area, layers.files.get(area, &area.map)?));
    }
    let parts: Vec<(usize, Part<'_>)> = open
        .iter()
        .enumerate()
        .filter_map(|(number, (_, map))| {
            let part = Part {
                file: map.source.class_file()?,
                outline: map.outline.as_ref()?,
            };
            Some((number, part))
        })
        .collect();
    let Some((first, _)) = parts.first() else {
        return Ok(None);
    };
    // Hectares are pixels only where all pixels are of one size.
    let first = &open[*first].1;
    let grid = first.source.class_file().and_then(ClassFile::grid);
    let (Some(pixel_area_m2), Some(grid)) = (first.pixel_area_m2, grid) else {
        return Ok(None);
    };
    let outline = aoi.outline(grid.crs)?;
    let (numbers, parts): (Vec<usize>, Vec<Part<'_>>) = parts.into_iter().unzip();
    let counted = work(&parts, &outline).inspect_err(|_| {
        for (area, _) in &open {
            layers.files.forget(&area.map);
        }
    })?;
    Ok(counted.map(|counts| Answer {
        items: numbers
            .iter()
            .zip(&counts.used)
            .filter(|(_, used)| **used)
            .map(|(number, _)| ItemRef {
                item_key: open[*number].0.item_key.clone(),
                title: open[*number].0.title.clone(),
            })
            .collect(),
        counts,
        pixel_area_m2,
    }))
}
