//! Zones on a grid, cut into cells: each pixel is read once, however many zones lie over it.

use std::collections::BTreeMap;

use geocrop_raster::{Bounds, Crs, Grid, Outline, Window};

use super::Zone;
use crate::TaskError;

/// The zones on a grid that covers them all.
pub(super) struct Frame {
    pub(super) grid: Grid,
    outlines: Vec<Outline>,
    /// The bounds of each zone.
    pub(super) bounds: Vec<Bounds>,
    pub(super) cells: Vec<Cell>,
}

/// A part of the grid that is read at once, and the zones in it with the part of theirs.
pub(super) struct Cell {
    pub(super) window: Window,
    zones: Vec<(usize, Window)>,
}

/// The pixels of a zone in a cell: runs of them, counted row by row.
pub(super) struct Covered {
    pub(super) zone: usize,
    runs: Vec<(u32, u32)>,
}

impl Covered {
    pub(super) fn pixels(&self) -> impl Iterator<Item = usize> {
        self.runs
            .iter()
            .flat_map(|(from, to)| *from as usize..*to as usize)
    }

    pub(super) fn count(&self) -> u64 {
        self.runs
            .iter()
            .map(|(from, to)| u64::from(to - from))
            .sum()
    }
}

impl Frame {
    /// `grid` makes a grid that holds bounds; its extent is all that the frame uses. `size` is the side of cells.
    pub(super) fn new(
        zones: &[Zone],
        crs: Crs,
        grid: impl FnOnce(Bounds) -> Result<Grid, TaskError>,
        size: usize,
    ) -> Result<Self, TaskError> {
        let outlines = zones
            .iter()
            .map(|zone| zone.aoi.outline(crs))
            .collect::<Result<Vec<_>, _>>()?;
        let bounds = zones
            .iter()
            .map(|zone| zone.aoi.bounds_in(crs))
            .collect::<Result<Vec<Bounds>, _>>()?;
        let all = bounds.iter().skip(1).fold(bounds[0], |all, b| all.union(b));
        let grid = grid(all)?;
        let mut cells: BTreeMap<(usize, usize), Cell> = BTreeMap::new();
        for (zone, bounds) in bounds.iter().enumerate() {
            let window = pixels(&grid, bounds);
            for row in window.y / size..(window.y + window.height).div_ceil(size) {
                for column in window.x / size..(window.x + window.width).div_ceil(size) {
                    let part = overlap(window, column * size, row * size, size);
                    cells
                        .entry((row, column))
                        .and_modify(|cell| {
                            cell.window = joined(cell.window, part);
                            cell.zones.push((zone, part));
                        })
                        .or_insert_with(|| Cell {
                            window: part,
                            zones: vec![(zone, part)],
                        });
                }
            }
        }
        Ok(Self {
            grid,
            outlines,
            bounds,
            cells: cells.into_values().collect(),
        })
    }

    /// The zones that have pixels in a cell, and which: a pixel belongs to a zone that holds its centre.
    pub(super) fn covered(&self, cell: &Cell) -> Vec<Covered> {
        let zone = |(zone, window): &(usize, Window)| {
            let coverage = self.outlines[*zone].coverage(&self.grid, *window);
            let (left, top) = (window.x - cell.window.x, window.y - cell.window.y);
            let mut runs: Vec<(u32, u32)> = Vec::new();
            for (row, line) in coverage.rows().into_iter().enumerate() {
                let first = (top + row) * cell.window.width + left;
                for (column, inside) in line.iter().enumerate() {
                    let pixel = (first + column) as u32;
                    match runs.last_mut() {
                        _ if !inside => {}
                        Some((_, end)) if *end == pixel => *end += 1,
                        _ => runs.push((pixel, pixel + 1)),
                    }
                }
            }
            Covered { zone: *zone, runs }
        };
        let mut covered: Vec<Covered> = cell.zones.iter().map(zone).collect();
        covered.retain(|zone| !zone.runs.is_empty());
        covered
    }
}

/// The pixels of a grid that bounds touch.
pub(crate) fn pixels(grid: &Grid, bounds: &Bounds) -> Window {
    let span = |from: f64, to: f64, size: usize| {
        let first = from.floor().clamp(0.0, size as f64) as usize;
        let end = to.ceil().clamp(0.0, size as f64) as usize;
        (first, end.max(first))
    };
    let column = |x: f64| (x - grid.x0) / grid.resolution;
    let row = |y: f64| (grid.y0 - y) / grid.resolution;
    let (left, right) = span(column(bounds.min_x), column(bounds.max_x), grid.width);
    let (top, bottom) = span(row(bounds.max_y), row(bounds.min_y), grid.height);
    Window {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    }
}

/// The part of a window in a square.
pub(crate) fn overlap(window: Window, x: usize, y: usize, size: usize) -> Window {
    let (left, top) = (window.x.max(x), window.y.max(y));
    Window {
        x: left,
        y: top,
        width: (window.x + window.width).min(x + size) - left,
        height: (window.y + window.height).min(y + size) - top,
    }
}

/// The smallest window that holds both.
pub(crate) fn joined(a: Window, b: Window) -> Window {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    Window {
        x,
        y,
        width: (a.x + a.width).max(b.x + b.width) - x,
        height: (a.y + a.height).max(b.y + b.height) - y,
    }
}
