//! Hectares per class: the pixels of a map under each zone, counted.

use std::sync::{Mutex, PoisonError};

use geocrop_raster::{Grid, RasterInfo, Resampling};
use rayon::prelude::*;

use super::frame::Frame;
use super::{ZonalError, Zone};
use crate::files::with_reader;
use crate::recipe::NODATA;
use crate::{Progress, TaskError};

/// How many pixels of a zone have each code.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) codes: Vec<u64>,
    /// All of the zone.
    pub(super) pixels: u64,
}

/// The pixels of a map, as files on one grid.
pub(super) struct Ground {
    rasters: Vec<(String, RasterInfo)>,
    grid: Grid,
}

impl Ground {
    pub(super) fn open(rasters: &[String]) -> Result<Self, TaskError> {
        let odd = |raster: &String| ZonalError::NotNorthUp {
            raster: raster.clone(),
        };
        let rasters = rasters
            .iter()
            .map(|raster| {
                let info = with_reader(|reader| reader.info(raster))?;
                Ok((raster.clone(), info))
            })
            .collect::<Result<Vec<_>, TaskError>>()?;
        let (first, info) = rasters.first().ok_or(ZonalError::NothingAsked)?;
        let grid = info.grid().ok_or_else(|| odd(first))?;
        for (raster, info) in &rasters {
            let own = info.grid().ok_or_else(|| odd(raster))?;
            if grid.offset_of(&own).is_none() {
                return Err(ZonalError::OtherGrid {
                    a: first.clone(),
                    b: raster.clone(),
                }
                .into());
            }
        }
        Ok(Self { rasters, grid })
    }

    pub(super) fn frame(&self, zones: &[Zone], size: usize) -> Result<Frame, TaskError> {
        let own = &self.grid;
        Frame::new(
            zones,
            own.crs,
            |bounds| {
                let left = ((bounds.min_x - own.x0) / own.resolution).floor();
                let right = ((bounds.max_x - own.x0) / own.resolution).ceil();
                let top = ((own.y0 - bounds.max_y) / own.resolution).floor();
                let bottom = ((own.y0 - bounds.min_y) / own.resolution).ceil();
                Ok(Grid {
                    x0: own.x0 + left * own.resolution,
                    y0: own.y0 - top * own.resolution,
                    width: (right - left).max(1.0) as usize,
                    height: (bottom - top).max(1.0) as usize,
                    ..own.clone()
                })
            },
            size,
        )
    }

    /// The codes on a part of the grid, nodata where no file has one. The first file that knows a pixel decides: maps of
    /// neighbouring areas may overlap, and no pixel counts twice.
    fn codes(&self, grid: &Grid) -> Result<Vec<u8>, TaskError> {
        let mut codes = vec![NODATA; grid.width * grid.height];
        for (raster, info) in &self.rasters {
            if !info.bounds_in(grid.crs)?.intersects(&grid.bounds()) {
                continue;
            }
            let values =
                with_reader(|reader| reader.read(raster, 1, None, grid, Resampling::Nearest))?;
            for (code, value) in codes.iter_mut().zip(&values) {
                if *code == NODATA && !value.is_nan() {
                    *code = *value as u8;
                }
            }
        }
        Ok(codes)
    }

    /// Counts the codes under each zone.
    pub(super) fn count(
        &self,
        frame: &Frame,
        zones: usize,
        progress: &Progress,
    ) -> Result<Vec<Counts>, TaskError> {
        let nothing = Counts {
            codes: vec![0; 256],
            pixels: 0,
        };
        // Whole numbers: it does not matter which cell comes first.
        let counts = Mutex::new(vec![nothing; zones]);
        frame.cells.par_iter().try_for_each(|cell| {
            progress.check()?;
            let covered = frame.covered(cell);
            if !covered.is_empty() {
                let codes = self.codes(&frame.grid.sub(cell.window))?;
                let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
                for zone in &covered {
                    let counts = &mut counts[zone.zone];
                    counts.pixels += zone.count();
                    for pixel in zone.pixels() {
                        counts.codes[usize::from(codes[pixel])] += 1;
                    }
                }
            }
            progress.advance();
            Ok::<(), TaskError>(())
        })?;
        Ok(counts.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}
