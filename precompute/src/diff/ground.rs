//! Where maps lie, and their codes on a common grid.

use geocrop_raster::{Bounds, Grid, RasterInfo, RasterReader, Resampling, Window};
use ndarray::Array2;

use super::{DiffError, Map};
use crate::recipe::NODATA;

/// A map's rasters, opened.
pub(super) struct Ground<'a> {
    map: &'a Map,
    reader: RasterReader,
    /// In the order of the map's rasters.
    infos: Vec<RasterInfo>,
}

impl<'a> Ground<'a> {
    pub(super) fn of(map: &'a Map) -> Result<Self, DiffError> {
        let mut reader = RasterReader::new();
        let infos = map
            .rasters
            .iter()
            .map(|raster| reader.info(raster))
            .collect::<Result<_, _>>()?;
        Ok(Self { map, reader, infos })
    }

    /// The smallest grid that holds all rasters, which must be parts of one.
    pub(super) fn grid(&self) -> Result<Grid, DiffError> {
        let odd = || DiffError::NotNorthUp {
            map: self.map.name.clone(),
        };
        let grids: Vec<Grid> = self
            .infos
            .iter()
            .map(|info| info.grid().ok_or_else(odd))
            .collect::<Result<_, _>>()?;
        let first = grids.first().ok_or_else(odd)?;
        let (mut left, mut top, mut right, mut bottom) = (0, 0, 0, 0);
        for grid in &grids {
            let (x, y) = first.offset_of(grid).ok_or_else(odd)?;
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (
                right.max(x + grid.width as i64),
                bottom.max(y + grid.height as i64),
            );
        }
        Ok(Grid {
            x0: first.x0 + left as f64 * first.resolution,
            y0: first.y0 - top as f64 * first.resolution,
            width: (right - left) as usize,
            height: (bottom - top) as usize,
            ..first.clone()
        })
    }

    /// The codes of the map on a grid; nodata where it has none.
    pub(super) fn codes(&mut self, grid: &Grid) -> Result<Array2<u8>, DiffError> {
        let mut codes = Array2::from_elem((grid.height, grid.width), NODATA);
        let here = grid.bounds();
        for (raster, info) in self.map.rasters.iter().zip(&self.infos) {
            if !info.bounds_in(grid.crs)?.intersects(&here) {
                continue;
            }
            let values = self
                .reader
                .read(raster, 1, None, grid, Resampling::Nearest)?;
            for (code, value) in codes.iter_mut().zip(&values) {
                if !value.is_nan() {
                    *code = *value as u8;
                }
            }
        }
        Ok(codes)
    }
}

/// The part of the first map's grid that the second map covers, and whether the second one has another grid.
pub(super) fn shared(a: &Ground<'_>, b: &Ground<'_>) -> Result<(Grid, bool), DiffError> {
    let grid = a.grid()?;
    let apart = || DiffError::Apart {
        a: a.map.name.clone(),
        b: b.map.name.clone(),
    };
    let mut bounds: Option<Bounds> = None;
    let mut aligned = true;
    for info in &b.infos {
        let extent = info.bounds_in(grid.crs)?;
        bounds = Some(bounds.map_or(extent, |all| all.union(&extent)));
        aligned &= info.grid().is_some_and(|g| grid.offset_of(&g).is_some());
    }
    let bounds = bounds.ok_or_else(apart)?;
    // Whole pixels of the first grid; where the second map ends within one, its value or nodata decides.
    let span = |from: f64, to: f64, size: usize| {
        let first = (from + 1e-3).floor().clamp(0.0, size as f64) as usize;
        let end = (to - 1e-3).ceil().clamp(0.0, size as f64) as usize;
        (first < end).then_some((first, end))
    };
    let column = |x: f64| (x - grid.x0) / grid.resolution;
    let row = |y: f64| (grid.y0 - y) / grid.resolution;
    let columns = span(column(bounds.min_x), column(bounds.max_x), grid.width);
    let rows = span(row(bounds.max_y), row(bounds.min_y), grid.height);
    let ((left, right), (top, bottom)) = columns.zip(rows).ok_or_else(apart)?;
    let window = Window {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    };
    Ok((grid.sub(window), !aligned))
}
