//! Masks: places where a map shows a fixed class, or nothing, whatever the model says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use geocrop_raster::{Aoi, AoiLimits, Bounds, Grid};
use geocrop_store::ContentHash;
use ndarray::Array2;

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
    Inside(Vec<(Bounds, Aoi)>),
}

/// The sha256 of each polygon file that a recipe names, in the order of its masks: part of what a map is made from.
pub(crate) fn hash_polygons(
    post: &Post,
    datasets: Option<&Path>,
) -> Result<Vec<String>, TaskError> {
    let files = post.masks.iter().filter_map(|mask| match &mask.place {
        MaskPlace::Polygons { path, dataset } => Some((path, dataset.as_deref())),
        MaskPlace::Raster { .. } => None,
    });
    files
        .map(|(path, dataset)| {
            let file = locate(path, dataset, datasets)?;
            Ok(hash(&file, dataset)?.to_string())
        })
        .collect()
}

/// Where a polygon file lies on this machine.
fn locate(
    path: &Path,
    dataset: Option<&str>,
    datasets: Option<&Path>,
) -> Result<PathBuf, TaskError> {
    match (dataset, datasets) {
        (None, _) => Ok(path.to_owned()),
        (Some(_), Some(folder)) => Ok(folder.join(path)),
        (Some(name), None) => Err(TaskError::MaskFile {
            path: path.display().to_string(),
            reason: format!("it is in the data set '{name}', and no folder of data sets is known"),
        }),
    }
}

fn hash(file: &Path, dataset: Option<&str>) -> Result<ContentHash, TaskError> {
    ContentHash::of_file(file).map_err(|error| TaskError::MaskFile {
        path: file.display().to_string(),
        reason: match dataset {
            Some(name) => format!("{error}; run `geocrop data pull {name}`"),
            None => format!("{error}; the path is relative to the recipe"),
        },
    })
}

impl Masks {
    /// Opens the masks of a recipe. `hashes` are those of the polygon files when the task was planned.
    pub(crate) fn open(
        recipe: &Recipe,
        hashes: &[String],
        datasets: Option<&Path>,
    ) -> Result<Self, TaskError> {
        let mut hashes = hashes.iter();
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
                MaskPlace::Polygons { path, dataset } => {
                    let file = locate(path, dataset.as_deref(), datasets)?;
                    let planned = hashes.next().expect("one hash for each polygon file");
                    if hash(&file, dataset.as_deref())?.to_string() != *planned {
                        return Err(TaskError::MaskFile {
                            path: file.display().to_string(),
                            reason: "it changed after the task was planned; run it again".into(),
                        });
                    }
                    Place::Inside(polygons(&file, recipe)?)
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

fn polygons(file: &Path, recipe: &Recipe) -> Result<Vec<(Bounds, Aoi)>, TaskError> {
    let areas = Aoi::read_collection(file, &LIMITS).map_err(|error| TaskError::MaskFile {
        path: file.display().to_string(),
        reason: error.to_string(),
    })?;
    areas
        .into_iter()
        .map(|area| Ok((area.bounds_in(recipe.crs)?, area)))
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
                for (_, area) in polygons.iter().filter(|(b, _)| b.intersects(&here)) {
                    covered.zip_mut_with(&area.coverage(grid)?, |all, one| *all |= one);
                }
                Ok(covered)
            }
        }
    }
}
