//! The versions of a raster from full size down to one tile, and which tiles of one make a tile of the next.
//!
//! Sizes and windows are those of GDAL's COG driver: each version has half the columns and rows of the one before,
//! rounded down, until both fit one tile. Where a side is even, a coarse pixel covers two fine ones. Where it is odd,
//! coarse pixels are a little longer than two fine ones, so that each touches three and shares the outer ones with its
//! neighbours.

use std::ops::Range;

/// Edge of a tile in pixels.
pub(crate) const TILE: usize = 512;

/// The size of one version of the raster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Level {
    /// Full size and all overviews.
    pub(crate) fn pyramid(width: usize, height: usize) -> Vec<Self> {
        let mut levels = vec![Self { width, height }];
        let mut last = levels[0];
        while last.width > TILE || last.height > TILE {
            last = Self {
                width: coarser(last.width),
                height: coarser(last.height),
            };
            levels.push(last);
        }
        levels
    }

    /// Tiles from left to right.
    pub(crate) fn columns(self) -> usize {
        self.width.div_ceil(TILE)
    }

    /// Tiles from top to bottom.
    pub(crate) fn rows(self) -> usize {
        self.height.div_ceil(TILE)
    }

    pub(crate) fn tiles(self) -> usize {
        self.columns() * self.rows()
    }

    /// Where a tile is in lists of tiles: row by row.
    pub(crate) fn index(self, column: usize, row: usize) -> usize {
        row * self.columns() + column
    }

    /// Columns and rows of the tile that hold pixels of the raster.
    pub(crate) fn used(self, column: usize, row: usize) -> (usize, usize) {
        (
            TILE.min(self.width - column * TILE),
            TILE.min(self.height - row * TILE),
        )
    }
}

fn coarser(side: usize) -> usize {
    (side / 2).max(1)
}

/// One direction of the step from a version to the next coarser one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    fine: usize,
    coarse: usize,
}

impl Axis {
    /// From a side of so many pixels to the next.
    pub(crate) fn from(fine: usize) -> Self {
        Self {
            fine,
            coarse: coarser(fine),
        }
    }

    /// Fine pixels that a coarse one touches, from `2 x` its own number on: two, three if the side is odd, one if it
    /// is a single pixel.
    pub(crate) fn taps(self) -> usize {
        if self.fine == self.coarse {
            1
        } else {
            2 + self.fine % 2
        }
    }

    /// How much of each of these lies inside the coarse pixel.
    pub(crate) fn weights(self, pixel: usize) -> [f32; 3] {
        if self.taps() < 3 {
            return [1.0; 3];
        }
        let side = self.coarse as f32;
        [1.0 - pixel as f32 / side, 1.0, (pixel + 1) as f32 / side]
    }

    /// Which of these lies nearest: the first, or the second once the coarse pixels have moved by half a fine one.
    pub(crate) fn nearest(self, pixel: usize) -> usize {
        usize::from(self.taps() == 3 && 2 * pixel >= self.coarse)
    }

    /// The fine tiles that a coarse tile is made of.
    pub(crate) fn sources(self, tile: usize) -> Range<usize> {
        let pixels = self.coarse.min((tile + 1) * TILE);
        let end = 2 * (pixels - 1) + self.taps();
        2 * tile..end.div_ceil(TILE)
    }

    /// The coarse tiles that need a fine one.
    pub(crate) fn targets(self, tile: usize) -> impl Iterator<Item = usize> {
        let last = (tile / 2).min(self.coarse.div_ceil(TILE) - 1);
        (last.saturating_sub(1)..=last).filter(move |&target| self.sources(target).contains(&tile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_halved_until_both_fit_one_tile() {
        let sizes = |width, height| -> Vec<(usize, usize)> {
            Level::pyramid(width, height)
                .iter()
                .map(|level| (level.width, level.height))
                .collect()
        };
        assert_eq!(sizes(512, 512), [(512, 512)]);
        assert_eq!(sizes(2051, 1301), [(2051, 1301), (1025, 650), (512, 325)]);
        assert_eq!(sizes(2000, 3), [(2000, 3), (1000, 1), (500, 1)]);
    }

    #[test]
    fn every_pixel_of_a_side_weighs_the_same_in_the_next() {
        for fine in [1, 2, 3, 6, 7, 101, 1024, 1025] {
            let axis = Axis::from(fine);
            let mut weight = vec![0.0; fine];
            for pixel in 0..axis.coarse {
                for (tap, part) in axis.weights(pixel)[..axis.taps()].iter().enumerate() {
                    weight[2 * pixel + tap] += part;
                }
            }
            for part in weight {
                assert!((part - 1.0_f32).abs() < 1e-6, "{fine}: {part}");
            }
        }
    }

    #[test]
    fn sources_and_targets_are_the_same_relation() {
        for fine in [1, 511, 513, 1024, 1025, 1026, 2049, 3073, 5490, 10_981] {
            let axis = Axis::from(fine);
            let (fine_tiles, coarse_tiles) = (fine.div_ceil(TILE), axis.coarse.div_ceil(TILE));
            for tile in 0..fine_tiles {
                let expected: Vec<usize> = (0..coarse_tiles)
                    .filter(|&target| axis.sources(target).contains(&tile))
                    .collect();
                assert!(!expected.is_empty(), "{fine}: {tile} is not used");
                assert_eq!(axis.targets(tile).collect::<Vec<_>>(), expected, "{fine}");
            }
            for target in 0..coarse_tiles {
                assert!(axis.sources(target).end <= fine_tiles, "{fine}: {target}");
            }
        }
    }
}
