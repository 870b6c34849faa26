//! Tiles of full size while their pixels come in, in blocks that need not fit the tiles.

use std::collections::HashMap;

use ndarray::{Array2, ArrayViewMut2, s};

use super::levels::{Level, TILE};
use super::pyramid::TileId;
use crate::grid::Window;

/// A tile that is ready to be packed; no pixels if none came.
pub(crate) type Assembled = (TileId, Option<Vec<u8>>);

pub(crate) struct Assembly {
    level: Level,
    bands: usize,
    fill: u8,
    /// By index of the tile.
    open: HashMap<usize, Open>,
    complete: Vec<Assembled>,
    /// Tiles that are complete, now or before.
    done: Vec<bool>,
}

struct Open {
    /// Band after band.
    pixels: Vec<u8>,
    /// Band and part of the tile of each block that came.
    parts: Vec<(usize, Part)>,
    /// Pixels of all bands that have not come.
    left: usize,
}

/// A rectangle of the raster: columns and rows.
#[derive(Clone, Copy)]
struct Part {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Part {
    fn of(window: Window) -> Self {
        Self {
            left: window.x,
            right: window.x + window.width,
            top: window.y,
            bottom: window.y + window.height,
        }
    }

    /// What of it lies in a tile.
    fn within(self, column: usize, row: usize) -> Self {
        Self {
            left: self.left.max(column * TILE),
            right: self.right.min((column + 1) * TILE),
            top: self.top.max(row * TILE),
            bottom: self.bottom.min((row + 1) * TILE),
        }
    }

    fn overlaps(self, other: Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

impl Assembly {
    pub(crate) fn new(level: Level, bands: usize, fill: u8) -> Self {
        Self {
            level,
            bands,
            fill,
            open: HashMap::new(),
            complete: Vec::new(),
            done: vec![false; level.tiles()],
        }
    }

    /// Whether some pixel of a block has come before.
    pub(crate) fn has_any_of(&self, window: Window, band: usize) -> bool {
        let block = Part::of(window);
        tiles_under(block).any(|(column, row)| {
            let index = self.level.index(column, row);
            let part = block.within(column, row);
            let written = |open: &Open| {
                let mut parts = open.parts.iter();
                parts.any(|&(of, before)| of == band && before.overlaps(part))
            };
            self.done[index] || self.open.get(&index).is_some_and(written)
        })
    }

    /// Takes a block that lies inside the raster and holds at least one pixel. `band` counts from 0.
    pub(crate) fn add(&mut self, window: Window, band: usize, pixels: &Array2<u8>) {
        let block = Part::of(window);
        for (column, row) in tiles_under(block) {
            let index = self.level.index(column, row);
            let part = block.within(column, row);
            let (width, height) = self.level.used(column, row);
            let open = self.open.entry(index).or_insert_with(|| Open {
                pixels: vec![self.fill; TILE * TILE * self.bands],
                parts: Vec::new(),
                left: width * height * self.bands,
            });
            let plane = &mut open.pixels[band * TILE * TILE..][..TILE * TILE];
            let from = pixels.slice(s![
                part.top - block.top..part.bottom - block.top,
                part.left - block.left..part.right - block.left
            ]);
            if let Ok(mut plane) = ArrayViewMut2::from_shape((TILE, TILE), plane) {
                let (x, y) = (column * TILE, row * TILE);
                plane
                    .slice_mut(s![
                        part.top - y..part.bottom - y,
                        part.left - x..part.right - x
                    ])
                    .assign(&from);
            }
            open.left -= from.len();
            open.parts.push((band, part));
            if open.left == 0
                && let Some(open) = self.open.remove(&index)
            {
                self.done[index] = true;
                self.complete.push((at(column, row), Some(open.pixels)));
            }
        }
    }

    /// The complete tiles, once there are enough to be worked on together.
    pub(crate) fn batch(&mut self, enough: usize) -> Vec<Assembled> {
        if self.complete.len() < enough {
            return Vec::new();
        }
        std::mem::take(&mut self.complete)
    }

    /// All tiles not handed out yet: whole, in part, and those that nothing was written to.
    pub(crate) fn rest(self) -> Vec<Assembled> {
        let Self {
            level,
            mut open,
            complete: mut rest,
            done,
            ..
        } = self;
        for row in 0..level.rows() {
            for column in 0..level.columns() {
                let index = level.index(column, row);
                if !done[index] {
                    let pixels = open.remove(&index).map(|open| open.pixels);
                    rest.push((at(column, row), pixels));
                }
            }
        }
        rest
    }
}

fn at(column: usize, row: usize) -> TileId {
    TileId {
        level: 0,
        column,
        row,
    }
}

/// Column and row of the tiles that a rectangle touches.
fn tiles_under(part: Part) -> impl Iterator<Item = (usize, usize)> {
    let columns = part.left / TILE..part.right.div_ceil(TILE);
    let rows = part.top / TILE..part.bottom.div_ceil(TILE);
    rows.flat_map(move |row| columns.clone().map(move |column| (column, row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(x: usize, y: usize, width: usize, height: usize) -> Window {
        Window {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_tile_is_complete_when_the_last_pixel_of_its_last_band_came() {
        let level = Level {
            width: 700,
            height: 20,
        };
        let mut assembly = Assembly::new(level, 2, 9);
        assembly.add(window(0, 0, 600, 20), 0, &Array2::from_elem((20, 600), 1));
        assembly.add(window(0, 0, 512, 19), 1, &Array2::from_elem((19, 512), 2));
        assert!(assembly.batch(1).is_empty());
        assembly.add(window(0, 19, 512, 1), 1, &Array2::from_elem((1, 512), 3));
        let batch = assembly.batch(1);
        assert_eq!(batch.len(), 1);
        let (tile, pixels) = &batch[0];
        let pixels = pixels.as_ref().unwrap();
        assert_eq!((tile.column, tile.row), (0, 0));
        assert_eq!((pixels[0], pixels[TILE * TILE]), (1, 2));
        assert_eq!(pixels[TILE * TILE + 19 * TILE], 3);
        let rest = assembly.rest();
        assert_eq!(rest.len(), 1);
        let pixels = rest[0].1.as_ref().unwrap();
        assert_eq!((pixels[87], pixels[88]), (1, 9));
    }

    #[test]
    fn pixels_that_came_before_are_noticed_band_by_band() {
        let level = Level {
            width: 1024,
            height: 512,
        };
        let mut assembly = Assembly::new(level, 2, 0);
        assembly.add(window(500, 0, 24, 512), 0, &Array2::zeros((512, 24)));
        assert!(assembly.has_any_of(window(520, 10, 100, 1), 0));
        assert!(!assembly.has_any_of(window(524, 10, 100, 1), 0));
        assert!(!assembly.has_any_of(window(520, 10, 100, 1), 1));
        for band in 0..2 {
            assembly.add(window(524, 0, 500, 512), band, &Array2::zeros((512, 500)));
        }
        assembly.add(window(500, 0, 24, 512), 1, &Array2::zeros((512, 24)));
        assert_eq!(assembly.batch(1).len(), 1);
        assert!(assembly.has_any_of(window(1023, 511, 1, 1), 1));
    }
}
