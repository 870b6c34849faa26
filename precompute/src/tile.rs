//! Cutting a large area into tiles, each a task of its own.
//!
//! Tiles come from one regular tiling of the recipe's grid and not from the area, so that two areas that overlap ask
//! for the same pixels in the same tiles. In EPSG:6933 with tiles of 96 km they are Digital Earth Africa's, with their
//! names (`x199y092`); otherwise columns and rows are counted from the origin of the coordinate system.

use geocrop_raster::{Bounds, Grid, Outline};
use serde::{Deserialize, Serialize};

use crate::TaskError;
use crate::recipe::Recipe;

/// Side of a tile in pixels unless told otherwise: 96 km at 10 m.
pub const TILE_PIXELS: usize = 9600;

/// One tile of a large area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tile {
    /// Part of the results' names: lower-case letters and digits.
    pub name: String,
    /// In the units of the recipe's coordinate system.
    pub bounds: Bounds,
}

/// The tiles that an area touches, from the north-west, row by row; none when it fits into one tile's width and height.
pub(crate) fn tiles(
    recipe: &Recipe,
    outline: &Outline,
    grid: &Grid,
    pixels: usize,
) -> Result<Vec<Tile>, TaskError> {
    if grid.width <= pixels && grid.height <= pixels {
        return Ok(Vec::new());
    }
    let side = pixels as f64 * recipe.resolution;
    let bounds = grid.bounds();
    let columns = (bounds.min_x / side).floor() as i64..(bounds.max_x / side).ceil() as i64;
    let rows = (bounds.min_y / side).floor() as i64..(bounds.max_y / side).ceil() as i64;
    let mut tiles = Vec::new();
    for row in rows.rev() {
        for column in columns.clone() {
            let bounds = Bounds {
                min_x: column as f64 * side,
                min_y: row as f64 * side,
                max_x: (column + 1) as f64 * side,
                max_y: (row + 1) as f64 * side,
            };
            if outline.touches(&bounds) {
                let name = name(recipe, bounds, column, row)?;
                tiles.push(Tile { name, bounds });
            }
        }
    }
    Ok(tiles)
}

fn name(recipe: &Recipe, bounds: Bounds, column: i64, row: i64) -> Result<String, TaskError> {
    let grid = Grid::covering(recipe.crs, recipe.resolution, bounds)?;
    if (grid.width as f64 * recipe.resolution - 96_000.0).abs() < 1e-6
        && let Some(index) = grid.tile_index()
    {
        return Ok(index);
    }
    let side = |letters: [char; 2], n: i64| format!("{}{}", letters[usize::from(n < 0)], n.abs());
    Ok(format!(
        "{}{}",
        side(['e', 'w'], column),
        side(['n', 's'], row)
    ))
}
