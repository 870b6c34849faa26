//! Masks: places where a map shows a fixed class, or nothing, whatever the model says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geocrop_raster::{Aoi, AoiLimits, Bounds, Grid, Outline, Window};
use geocrop_store::ContentHash;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::TaskError;
use crate::prepare::{RasterLayer, conversion};
use crate::recipe::{MaskPlace, Post, Recipe};

/// A country's protected areas, drawn finely, with room to spare.
const LIMITS: AoiLimits = AoiLimits {
    max_bytes: 100_000_000,
    max_vertices: 2_000_000,
    max_area_km2: None,
};

/// The masks of a recipe, ready to be laid over blocks.
pub(crate) struct Masks {
    masks: Vec<Mask>,
}

struct Mask {
    place: Place,
    value: Option<u8>,
}

enum Place {
    Beyond {
        layer: String,
        /// From the recipe's unit of the raster to the unit of the thresholds.
        convert: fn(f32) -> f32,
        above: f32,
        below: f32,
    },
    /// Each with its bounds in the grid's coordinate system. They may overlap.
    Inside(Vec<(Bounds, Outline)>),
}

/// A polygon file that a recipe names, frozen: part of what a map is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolygonFile {
    /// Absolute path.
    path: PathBuf,
    /// Of its content.
    pub(crate) sha256: String,
}

/// The polygon files of a recipe's masks, in their order. `datasets` is the folder of pulled data sets.
pub(crate) fn find_polygons(
    post: &Post,
    datasets: Option<&Path>,
) -> Result<Vec<PolygonFile>, TaskError> {
    let mut files = Vec::new();
    for mask in &post.masks {
        if let MaskPlace::Polygons { path, dataset } = &mask.place {
            files.push(find(path, dataset.as_deref(), datasets)?);
        }
    }
    Ok(files)
}

fn find(
    path: &Path,
    dataset: Option<&str>,
    datasets: Option<&Path>,
) -> Result<PolygonFile, TaskError> {
    let failed = |path: &Path, reason: String| TaskError::MaskFile {
        path: path.display().to_string(),
        reason,
    };
    let file = match (dataset, datasets) {
        (None, _) => path.to_owned(),
        (Some(_), Some(folder)) => folder.join(path),
        (Some(name), None) => {
            let reason =
                format!("it is in the data set '{name}', and no folder of data sets is known");
            return Err(failed(path, reason));
        }
    };
    let advice = match dataset {
        Some(name) => format!("run `geocrop data pull {name}`"),
        None => "the path is relative to the recipe".to_owned(),
    };
    let cannot = |error: std::io::Error| failed(&file, format!("{error}; {advice}"));
    let path = file.canonicalize().map_err(cannot)?;
    let sha256 = ContentHash::of_file(&path).map_err(cannot)?.to_string();
    Ok(PolygonFile { path, sha256 })
}

impl Masks {
    /// Opens the masks of a recipe with the polygon files that were found when the task was planned.
    pub(crate) fn open(recipe: &Recipe, polygons: &[PolygonFile]) -> Result<Self, TaskError> {
        let mut files = polygons.iter();
        let mut masks = Vec::with_capacity(recipe.post.masks.len());
        for mask in &recipe.post.masks {
            let place = match &mask.place {
                MaskPlace::Raster {
                    name,
                    unit,
                    above,
                    below,
                } => Place::Beyond {
                    layer: name.clone(),
                    convert: conversion(recipe.rasters[name].unit, *unit)
                        .expect("units were checked when the recipe was read"),
                    above: above.unwrap_or(f32::INFINITY),
                    below: below.unwrap_or(f32::NEG_INFINITY),
                },
                MaskPlace::Polygons { .. } => {
                    let file = files.next().expect("one file for each mask of polygons");
                    Place::Inside(polygons_of(file, recipe)?)
                }
            };
            masks.push(Mask {
                place,
                value: mask.value,
            });
        }
        Ok(Self { masks })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.masks.is_empty()
    }

    /// Lays the masks over the planes of a block, one after another. Pixels without data stay so. `changed` hears of
    /// each mask's number and its pixels that were changed.
    pub(crate) fn apply(
        &self,
        grid: &Grid,
        rasters: &BTreeMap<String, RasterLayer>,
        planes: &mut [Array2<u8>],
        nodata: u8,
        mut changed: impl FnMut(usize, &Array2<bool>),
    ) -> Result<(), TaskError> {
        for (number, mask) in self.masks.iter().enumerate() {
            let mut covered = mask.place.covers(grid, rasters)?;
            let value = mask.value.unwrap_or(nodata);
            for (covered, code) in covered.iter_mut().zip(&planes[0]) {
                *covered &= *code != nodata && *code != value;
            }
            for plane in &mut *planes {
                for (code, covered) in plane.iter_mut().zip(&covered) {
                    if *covered {
                        *code = value;
                    }
                }
            }
            changed(number, &covered);
        }
        Ok(())
    }
}

fn polygons_of(file: &PolygonFile, recipe: &Recipe) -> Result<Vec<(Bounds, Outline)>, TaskError> {
    let failed = |reason: String| TaskError::MaskFile {
        path: file.path.display().to_string(),
        reason,
    };
    let now = ContentHash::of_file(&file.path).map_err(|error| failed(error.to_string()))?;
    if now.to_string() != file.sha256 {
        return Err(failed(
            "it changed after the task was planned; run it again".into(),
        ));
    }
    let areas =
        Aoi::read_collection(&file.path, &LIMITS).map_err(|error| failed(error.to_string()))?;
    areas
        .into_iter()
        .map(|area| Ok((area.bounds_in(recipe.crs)?, area.outline(recipe.crs)?)))
        .collect()
}

impl Place {
    fn covers(
        &self,
        grid: &Grid,
        rasters: &BTreeMap<String, RasterLayer>,
    ) -> Result<Array2<bool>, TaskError> {
        match self {
            Self::Beyond {
                layer,
                convert,
                above,
                below,
            } => {
                let values = rasters[layer].read(grid)?;
                // No data compare as neither.
                let beyond = |value: f32| convert(value) > *above || convert(value) < *below;
                let covered = values.into_iter().map(beyond).collect();
                Ok(Array2::from_shape_vec((grid.height, grid.width), covered)
                    .expect("a layer has one value for each pixel"))
            }
            Self::Inside(polygons) => {
                let mut covered = Array2::from_elem((grid.height, grid.width), false);
                let here = grid.bounds();
                let all = Window {
                    x: 0,
                    y: 0,
                    width: grid.width,
                    height: grid.height,
                };
                for (_, outline) in polygons.iter().filter(|(b, _)| b.intersects(&here)) {
                    covered.zip_mut_with(&outline.coverage(grid, all), |all, one| *all |= one);
                }
                Ok(covered)
            }
        }
    }
}
