//! Bringing pixels of a north-up raster onto a grid in another coordinate system, for rasters that are not finer than
//! the grid: nearest and bilinear.
//!
//! GDAL's warper approximates the transformation along each row of what it is asked for, so that a pixel's value depends
//! (by a hundredth of a pixel) on where a block was cut. Here the transformation is exact at the nodes of a lattice that
//! is anchored to the origin of the coordinate system, and bilinear between them: every cut gives the same bytes. It is
//! also several times as fast, because the bands of a scene, and the scenes of a season, share one lattice.

use std::cell::RefCell;
use std::rc::Rc;

use ndarray::Array2;

use crate::crs::{Crs, Projection};
use crate::error::Result;
use crate::grid::{Grid, Window};

/// Pixels between nodes. Over 160 m the transformations between the projections of one place are straight to a
/// millionth of a pixel; the oracle test states what is left.
const STEP: i64 = 16;

/// Source coordinates of the nodes under a grid.
pub(crate) struct Lattice {
    grid: Grid,
    crs: Crs,
    /// Of the grid's first pixel, counted from the origin of the coordinate system.
    first: (i64, i64),
    /// Node columns and rows, and the number of the first of each.
    size: (usize, usize),
    start: (i64, i64),
    xs: Vec<f64>,
    ys: Vec<f64>,
}

thread_local! {
    // A block's reads follow each other on a thread, and differ in the file alone.
    static LAST: RefCell<Option<Rc<Lattice>>> = const { RefCell::new(None) };
}

impl Lattice {
    /// The lattice of a grid in the source's coordinate system.
    ///
    /// # Errors
    /// When part of the grid has no place there.
    pub(crate) fn of(grid: &Grid, crs: Crs) -> Result<Rc<Self>> {
        LAST.with_borrow_mut(|last| {
            if let Some(lattice) = last
                && lattice.crs == crs
                && lattice.grid == *grid
            {
                return Ok(Rc::clone(lattice));
            }
            let lattice = Rc::new(Self::new(grid, crs)?);
            *last = Some(Rc::clone(&lattice));
            Ok(lattice)
        })
    }

    fn new(grid: &Grid, crs: Crs) -> Result<Self> {
        let resolution = grid.resolution;
        let (across, down) = (grid.x0 / resolution, -grid.y0 / resolution);
        let first = (across.round() as i64, down.round() as i64);
        // Grids of recipes lie on multiples of their pixels; others keep their fraction.
        let fraction = (across - first.0 as f64, down - first.1 as f64);
        let span = |first: i64, length: usize| {
            let start = first.div_euclid(STEP);
            let end = (first + length as i64 + STEP - 1).div_euclid(STEP);
            (start, (end - start + 1) as usize)
        };
        let (start_x, columns) = span(first.0, grid.width);
        let (start_y, rows) = span(first.1, grid.height);
        let mut xs = Vec::with_capacity(columns * rows);
        let mut ys = Vec::with_capacity(columns * rows);
        for row in 0..rows as i64 {
            for column in 0..columns as i64 {
                xs.push((((start_x + column) * STEP) as f64 + fraction.0) * resolution);
                ys.push(-(((start_y + row) * STEP) as f64 + fraction.1) * resolution);
            }
        }
        Projection::new(grid.crs, crs)?.points(&mut xs, &mut ys)?;
        Ok(Self {
            grid: grid.clone(),
            crs,
            first,
            size: (columns, rows),
            start: (start_x, start_y),
            xs,
            ys,
        })
    }

    /// The nodes as columns and rows of a raster.
    pub(crate) fn on(&self, source: &NorthUp) -> Nodes {
        let column = |x: &f64| (x - source.x0) / source.pixel_width;
        let row = |y: &f64| (source.y0 - y) / source.pixel_height;
        Nodes {
            columns: self.xs.iter().map(column).collect(),
            rows: self.ys.iter().map(row).collect(),
        }
    }
}

/// Where the pixels of a raster lie, without turning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NorthUp {
    x0: f64,
    y0: f64,
    pixel_width: f64,
    pixel_height: f64,
}

impl NorthUp {
    /// From GDAL's affine coefficients; `None` when the raster is turned or upside down.
    pub(crate) fn of([x0, pixel_width, row_turn, y0, column_turn, down]: [f64; 6]) -> Option<Self> {
        let plain = row_turn == 0.0 && column_turn == 0.0 && pixel_width > 0.0 && down < 0.0;
        plain.then_some(Self {
            x0,
            y0,
            pixel_width,
            pixel_height: -down,
        })
    }
}

/// A lattice's nodes in columns and rows of a raster, counted from its upper left corner.
pub(crate) struct Nodes {
    columns: Vec<f64>,
    rows: Vec<f64>,
}

impl Nodes {
    /// Pixels of the raster for one of the grid, on the finer axis: above 1 the grid is the coarser one.
    pub(crate) fn shrinking(&self, lattice: &Lattice) -> f64 {
        let (across, _) = lattice.size;
        let step = |a: usize, b: usize| {
            let (dx, dy) = (
                self.columns[b] - self.columns[a],
                self.rows[b] - self.rows[a],
            );
            dx.hypot(dy) / STEP as f64
        };
        // The corner and the far corner: the scale hardly changes in between.
        let last = self.columns.len() - 1;
        let ends = [
            step(0, 1),
            step(0, across),
            step(last - 1, last),
            step(last - across, last),
        ];
        ends.into_iter().fold(0.0, f64::max)
    }

    /// The window of a raster of a size that has all pixels that bilinear interpolation looks at; `None` when the
    /// raster lies elsewhere.
    pub(crate) fn window(&self, width: usize, height: usize) -> Option<Window> {
        let span = |places: &[f64], size: usize| {
            let low = places.iter().copied().fold(f64::INFINITY, f64::min);
            let high = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let first = (low.floor() - 1.0).max(0.0);
            let end = (high.ceil() + 1.0).min(size as f64);
            (first < end).then_some((first as usize, (end - first) as usize))
        };
        let (x, width) = span(&self.columns, width)?;
        let (y, height) = span(&self.rows, height)?;
        Some(Window {
            x,
            y,
            width,
            height,
        })
    }
}

/// A window of a raster with NaN where there are no data.
pub(crate) struct Part<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) window: Window,
}

impl Part<'_> {
    /// A pixel of the raster; NaN outside the window.
    fn at(&self, column: i64, row: i64) -> f32 {
        let (x, y) = (column - self.window.x as i64, row - self.window.y as i64);
        let inside = (0..self.window.width as i64).contains(&x)
            && (0..self.window.height as i64).contains(&y);
        if inside {
            self.values[y as usize * self.window.width + x as usize]
        } else {
            f32::NAN
        }
    }

    fn nearest(&self, column: f64, row: f64) -> f32 {
        self.at(column.floor() as i64, row.floor() as i64)
    }

    /// The weighted mean of the four pixels around a place. Missing ones take no part, and where the pixel under the
    /// place itself is missing there is no value: data do not grow.
    fn bilinear(&self, column: f64, row: f64) -> f32 {
        let (left, top) = ((column - 0.5).floor(), (row - 0.5).floor());
        let (right_share, low_share) = ((column - 0.5 - left) as f32, (row - 0.5 - top) as f32);
        let weights = [
            (1.0 - right_share) * (1.0 - low_share),
            right_share * (1.0 - low_share),
            (1.0 - right_share) * low_share,
            right_share * low_share,
        ];
        let (x, y) = (
            left as i64 - self.window.x as i64,
            top as i64 - self.window.y as i64,
        );
        let (width, height) = (self.window.width as i64, self.window.height as i64);
        if x >= 0 && y >= 0 && x + 1 < width && y + 1 < height {
            let at = (y * width + x) as usize;
            let (upper, lower) = (
                &self.values[at..at + 2],
                &self.values[at + width as usize..],
            );
            let sum = upper[0] * weights[0]
                + upper[1] * weights[1]
                + lower[0] * weights[2]
                + lower[1] * weights[3];
            if !sum.is_nan() {
                return sum;
            }
        }
        self.bilinear_of_some(column, row, weights)
    }

    fn bilinear_of_some(&self, column: f64, row: f64, weights: [f32; 4]) -> f32 {
        if self.nearest(column, row).is_nan() {
            return f32::NAN;
        }
        let (left, top) = ((column - 0.5).floor() as i64, (row - 0.5).floor() as i64);
        let places = [
            (left, top),
            (left + 1, top),
            (left, top + 1),
            (left + 1, top + 1),
        ];
        let (mut sum, mut weight) = (0.0, 0.0);
        for ((x, y), share) in places.into_iter().zip(weights) {
            let value = self.at(x, y);
            if !value.is_nan() {
                sum += value * share;
                weight += share;
            }
        }
        sum / weight
    }
}

/// How values between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    Nearest,
    Bilinear,
}

/// The raster's values on the lattice's grid: `[row, column]`, NaN where there are none.
pub(crate) fn resample(
    lattice: &Lattice,
    nodes: &Nodes,
    part: &Part<'_>,
    between: Between,
) -> Array2<f32> {
    let (width, height) = (lattice.grid.width, lattice.grid.height);
    let mut out = Array2::from_elem((height, width), f32::NAN);
    for (row, mut line) in out.outer_iter_mut().enumerate() {
        let line = line
            .as_slice_mut()
            .expect("rows of a fresh array lie in one piece");
        let place = lattice.first.1 + row as i64;
        let cell_row = (place.div_euclid(STEP) - lattice.start.1) as usize;
        let down = (place.rem_euclid(STEP) as f64 + 0.5) / STEP as f64;
        let node = |values: &[f64], column: usize| {
            let upper = values[cell_row * lattice.size.0 + column];
            let lower = values[(cell_row + 1) * lattice.size.0 + column];
            upper + (lower - upper) * down
        };
        let mut from = 0;
        while from < width {
            let place = lattice.first.0 + from as i64;
            let cell = (place.div_euclid(STEP) - lattice.start.0) as usize;
            let offset = place.rem_euclid(STEP);
            let count = ((STEP - offset) as usize).min(width - from);
            let (x, y) = (node(&nodes.columns, cell), node(&nodes.rows, cell));
            let dx = (node(&nodes.columns, cell + 1) - x) / STEP as f64;
            let dy = (node(&nodes.rows, cell + 1) - y) / STEP as f64;
            for (k, value) in line[from..from + count].iter_mut().enumerate() {
                let across = (offset + k as i64) as f64 + 0.5;
                let (column, row) = (x + dx * across, y + dy * across);
                *value = match between {
                    Between::Nearest => part.nearest(column, row),
                    Between::Bilinear => part.bilinear(column, row),
                };
            }
            from += count;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zimbabwe(width: usize, height: usize) -> Grid {
        Grid {
            crs: Crs::EQUAL_AREA,
            x0: 2_990_030.0,
            y0: -2_190_050.0,
            resolution: 10.0,
            width,
            height,
        }
    }

    #[test]
    fn places_between_nodes_are_right_to_a_thousandth_of_a_pixel() {
        // A lattice of one node per pixel would be exact: compare places with PROJ's own.
        let grid = zimbabwe(130, 90);
        let utm = Crs::from_epsg(32736);
        let lattice = Lattice::new(&grid, utm).unwrap();
        let source = NorthUp::of([0.0, 10.0, 0.0, 0.0, 0.0, -10.0]).unwrap();
        let nodes = lattice.on(&source);
        let projection = Projection::new(grid.crs, utm).unwrap();
        let mut worst: f64 = 0.0;
        for (row, column) in [(0, 0), (89, 129), (7, 50), (33, 64), (64, 7), (80, 100)] {
            let mut xs = [grid.x0 + (f64::from(column) + 0.5) * 10.0];
            let mut ys = [grid.y0 - (f64::from(row) + 0.5) * 10.0];
            projection.points(&mut xs, &mut ys).unwrap();
            let (place_x, place_y) = (
                lattice.first.0 + i64::from(column),
                lattice.first.1 + i64::from(row),
            );
            let (cell_x, cell_y) = (
                (place_x.div_euclid(STEP) - lattice.start.0) as usize,
                (place_y.div_euclid(STEP) - lattice.start.1) as usize,
            );
            let (u, v) = (
                (place_x.rem_euclid(STEP) as f64 + 0.5) / STEP as f64,
                (place_y.rem_euclid(STEP) as f64 + 0.5) / STEP as f64,
            );
            let between = |values: &[f64]| {
                let at = |x: usize, y: usize| values[(cell_y + y) * lattice.size.0 + cell_x + x];
                let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
                let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * u;
                upper + (lower - upper) * v
            };
            worst = worst
                .max((between(&nodes.columns) - xs[0] / 10.0).abs())
                .max((between(&nodes.rows) + ys[0] / 10.0).abs());
        }
        assert!(worst < 1e-3, "{worst} pixels");
    }

    #[test]
    fn every_cut_of_a_grid_gives_the_same_bits() {
        let whole = zimbabwe(150, 110);
        let utm = Crs::from_epsg(32736);
        let values: Vec<f32> = (0..400 * 400)
            .map(|i| ((i * 7919) % 10_007) as f32)
            .collect();
        let lattice = Lattice::new(&whole, utm).unwrap();
        let (x, y) = (lattice.xs[0], lattice.ys[0]);
        let source = NorthUp::of([x - 500.0, 10.0, 0.0, y + 500.0, 0.0, -10.0]).unwrap();
        let window = Window {
            x: 0,
            y: 0,
            width: 400,
            height: 400,
        };
        let on = |grid: &Grid| {
            let lattice = Lattice::new(grid, utm).unwrap();
            let nodes = lattice.on(&source);
            let part = Part {
                values: &values,
                window,
            };
            resample(&lattice, &nodes, &part, Between::Bilinear)
        };
        let all = on(&whole);
        assert!(all.iter().all(|v| !v.is_nan()));
        for window in whole.blocks(37) {
            let part = on(&whole.sub(window));
            for ((row, column), value) in part.indexed_iter() {
                let same = all[(window.y + row, window.x + column)];
                assert_eq!(value.to_bits(), same.to_bits(), "{window} {row} {column}");
            }
        }
    }

    #[test]
    fn missing_pixels_take_no_part_and_data_do_not_grow() {
        let values = [1.0, f32::NAN, 3.0, 5.0];
        let part = Part {
            values: &values,
            window: Window {
                x: 0,
                y: 0,
                width: 2,
                height: 2,
            },
        };
        // In the middle of the four, nearer to the lower right one: 1, 3 and 5 with their weights.
        let value = part.bilinear(1.1, 1.1);
        let expected = (0.4 * 0.4 * 1.0 + 0.4 * 0.6 * 3.0 + 0.6 * 0.6 * 5.0) / (1.0 - 0.6 * 0.4);
        assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        assert!(part.bilinear(1.2, 0.9).is_nan(), "under the missing pixel");
        assert!((part.nearest(0.2, 1.7) - 3.0).abs() < 1e-6);
        assert!(part.nearest(2.0, 1.0).is_nan(), "beyond the edge");
        assert!(
            (part.bilinear(0.1, 1.9) - 3.0).abs() < 1e-6,
            "in the corner"
        );
    }
}
