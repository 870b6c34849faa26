//! Places sorted by period and neighbourhood, and laid on the grid of the recipe's maps.

use std::collections::BTreeMap;

use geo::{Coord, LineString, MultiPolygon, Polygon};
use geocrop_raster::{Aoi, Bounds, Grid, Outline, Projection, Window};

use super::{LON_LAT, Plot, PlotPlace};
use crate::TaskError;
use crate::ask::zonal::frame::{joined, overlap, pixels};
use crate::recipe::{Period, Recipe};
use crate::tile::TILE_PIXELS;

/// Places of one period that one search and one grid serve.
pub(super) struct Part {
    pub(super) period: Period,
    pub(super) grid: Grid,
    pub(super) plots: Vec<Wanted>,
    /// From the grid to degrees.
    pub(super) back: Projection,
}

/// A place on the grid.
pub(super) struct Wanted {
    /// Its number among all plots.
    pub(super) plot: usize,
    /// In the grid's coordinates.
    pub(super) bounds: Bounds,
    /// Of an area.
    outline: Option<Outline>,
}

/// Part of the grid that is read at once, and the places in it, each with the part of theirs.
pub(super) struct Cell {
    pub(super) window: Window,
    /// Places by their number in the part.
    places: Vec<(usize, Window)>,
}

/// Sorts plots into parts, none wider than a tile of a large map but by its areas. Plots for which the grid's coordinate
/// system has no place come back apart.
pub(super) fn parts(recipe: &Recipe, plots: &[Plot]) -> Result<(Vec<Part>, Vec<usize>), TaskError> {
    let there = Projection::new(LON_LAT, recipe.crs)?;
    let side = TILE_PIXELS as f64 * recipe.resolution;
    let mut sorted: BTreeMap<(Period, i64, i64), Vec<Wanted>> = BTreeMap::new();
    let mut nowhere = Vec::new();
    for (plot, asked) in plots.iter().enumerate() {
        let Ok(wanted) = Wanted::lay(plot, &asked.place, recipe, &there) else {
            nowhere.push(plot);
            continue;
        };
        let tile = |value: f64| (value / side).floor() as i64;
        let key = (
            asked.period,
            tile(wanted.bounds.min_x),
            tile(wanted.bounds.min_y),
        );
        sorted.entry(key).or_default().push(wanted);
    }
    let part = |((period, ..), plots): ((Period, i64, i64), Vec<Wanted>)| {
        let bounds = plots
            .iter()
            .skip(1)
            .fold(plots[0].bounds, |all, wanted| all.union(&wanted.bounds));
        Ok(Part {
            period,
            grid: Grid::covering(recipe.crs, recipe.resolution, bounds)?,
            plots,
            back: Projection::new(recipe.crs, LON_LAT)?,
        })
    };
    let parts = sorted.into_iter().map(part);
    Ok((parts.collect::<Result<_, TaskError>>()?, nowhere))
}

impl Wanted {
    fn lay(
        plot: usize,
        place: &PlotPlace,
        recipe: &Recipe,
        there: &Projection,
    ) -> Result<Self, TaskError> {
        match place {
            PlotPlace::Point { lon, lat } => {
                let (mut x, mut y) = ([*lon], [*lat]);
                there.points(&mut x, &mut y)?;
                Ok(Self {
                    plot,
                    bounds: Bounds {
                        min_x: x[0],
                        min_y: y[0],
                        max_x: x[0],
                        max_y: y[0],
                    },
                    outline: None,
                })
            }
            PlotPlace::Area(polygons) => {
                let aoi = aoi(polygons.clone());
                Ok(Self {
                    plot,
                    bounds: aoi.bounds_in(recipe.crs)?,
                    outline: Some(aoi.outline(recipe.crs)?),
                })
            }
        }
    }

    /// The pixels that it may need.
    fn window(&self, grid: &Grid) -> Window {
        if self.outline.is_some() {
            return pixels(grid, &self.bounds);
        }
        let pixel = |from_edge: f64, size: usize| {
            let at = (from_edge / grid.resolution + 1e-6).floor().max(0.0) as usize;
            at.min(size - 1)
        };
        Window {
            x: pixel(self.bounds.min_x - grid.x0, grid.width),
            y: pixel(grid.y0 - self.bounds.max_y, grid.height),
            width: 1,
            height: 1,
        }
    }
}

impl Part {
    /// The blocks of `size` pixels that hold places, each cut to what these need.
    pub(super) fn cells(&self, size: usize) -> Vec<Cell> {
        let mut cells: BTreeMap<(usize, usize), Cell> = BTreeMap::new();
        for (place, wanted) in self.plots.iter().enumerate() {
            let window = wanted.window(&self.grid);
            for row in window.y / size..(window.y + window.height).div_ceil(size) {
                for column in window.x / size..(window.x + window.width).div_ceil(size) {
                    let part = overlap(window, column * size, row * size, size);
                    let cell = cells.entry((row, column)).or_insert_with(|| Cell {
                        window: part,
                        places: Vec::new(),
                    });
                    cell.window = joined(cell.window, part);
                    cell.places.push((place, part));
                }
            }
        }
        cells.into_values().collect()
    }

    /// The pixels of each place in a cell, counted row by row in the cell's window.
    pub(super) fn covered(&self, cell: &Cell) -> Vec<(usize, Vec<usize>)> {
        let place = |(place, window): &(usize, Window)| {
            let at = |row: usize, column: usize| {
                let (y, x) = (
                    window.y + row - cell.window.y,
                    window.x + column - cell.window.x,
                );
                y * cell.window.width + x
            };
            let pixels = match &self.plots[*place].outline {
                None => vec![at(0, 0)],
                Some(outline) => {
                    let coverage = outline.coverage(&self.grid, *window);
                    let inside = coverage.indexed_iter().filter(|(_, inside)| **inside);
                    inside.map(|((row, column), _)| at(row, column)).collect()
                }
            };
            (*place, pixels)
        };
        cell.places.iter().map(place).collect()
    }

    /// The part's bounds in degrees, as an area.
    pub(super) fn area(&self) -> Result<Aoi, TaskError> {
        let [west, south, east, north] = self.grid.lonlat_bounds()?;
        let corners = [
            (west, south),
            (east, south),
            (east, north),
            (west, north),
            (west, south),
        ];
        let ring = LineString(corners.iter().map(|&(x, y)| Coord { x, y }).collect());
        Ok(aoi(MultiPolygon(vec![Polygon::new(ring, Vec::new())])))
    }
}

fn aoi(geometry: MultiPolygon<f64>) -> Aoi {
    Aoi {
        slug: "samples".to_owned(),
        name: "Samples".to_owned(),
        kind: None,
        geometry,
        approximate: false,
    }
}
