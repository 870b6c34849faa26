//! Where pixels lie: bounds, windows and grids.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::crs::{Crs, Projection};
use crate::error::{RasterError, Result};

/// A rectangle in the units of some coordinate reference system.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Left edge.
    pub min_x: f64,
    /// Lower edge.
    pub min_y: f64,
    /// Right edge.
    pub max_x: f64,
    /// Upper edge.
    pub max_y: f64,
}

impl Bounds {
    /// Whether the two share some area; touching edges do not count.
    pub fn intersects(&self, other: &Self) -> bool {
        self.min_x < other.max_x
            && other.min_x < self.max_x
            && self.min_y < other.max_y
            && other.min_y < self.max_y
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            min_x: self.min_x.min(other.min_x),
            min_y: self.min_y.min(other.min_y),
            max_x: self.max_x.max(other.max_x),
            max_y: self.max_y.max(other.max_y),
        }
    }

    /// What both share, if anything.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        self.intersects(other).then(|| Self {
            min_x: self.min_x.max(other.min_x),
            min_y: self.min_y.max(other.min_y),
            max_x: self.max_x.min(other.max_x),
            max_y: self.max_y.min(other.max_y),
        })
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{}, {}, {}, {}]",
            self.min_x, self.min_y, self.max_x, self.max_y
        )
    }
}

/// A rectangle of pixels, counted from the top-left corner of a grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "of {} x {} px at column {}, row {}",
            self.width, self.height, self.x, self.y
        )
    }
}

/// A north-up grid of square pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Of the coordinates.
    pub crs: Crs,
    /// Left edge of the first column.
    pub x0: f64,
    /// Upper edge of the first row.
    pub y0: f64,
    /// Edge of a pixel in units of the CRS.
    pub resolution: f64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Bounds this close to a grid line (in pixels) lie on it: coordinates come from arithmetic that rounds.
const ON_THE_LINE: f64 = 1e-6;

/// GDAL counts pixels in 32 bits.
const LONGEST_SIDE: f64 = 2_147_483_647.0;

/// Digital Earth Africa's tiles: 96 km squares, counted from this corner of EPSG:6933. The corner is 181 tiles west
/// and 77 tiles south of 0/0, so that all tile numbers over Africa are positive.
const TILE_METRES: f64 = 96_000.0;
const TILES_WEST: i64 = 181;
const TILES_SOUTH: i64 = 77;

impl Grid {
    /// The smallest grid that covers `bounds` and whose lines are multiples of the resolution, counted from 0/0.
    ///
    /// All grids of one CRS and resolution are therefore aligned with one another. At 10, 20, 30 and 60 m in EPSG:6933
    /// they are also aligned with Digital Earth Africa's 96 km tiles, so its products need no resampling.
    ///
    /// ```
    /// use geocrop_raster::{Bounds, Crs, Grid};
    /// let bounds = Bounds { min_x: 3.0, min_y: 0.0, max_x: 21.0, max_y: 10.0 };
    /// let grid = Grid::covering(Crs::EQUAL_AREA, 10.0, bounds)?;
    /// assert_eq!((grid.x0, grid.y0, grid.width, grid.height), (0.0, 10.0, 3, 1));
    /// # Ok::<(), geocrop_raster::RasterError>(())
    /// ```
    pub fn covering(crs: Crs, resolution: f64, bounds: Bounds) -> Result<Self> {
        let refuse = |reason| RasterError::Grid {
            crs,
            resolution,
            bounds: bounds.to_string(),
            reason,
        };
        if !(resolution.is_finite() && resolution > 0.0) {
            return Err(refuse("the resolution must be a number above zero"));
        }
        let Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        } = bounds;
        if ![min_x, min_y, max_x, max_y].iter().all(|v| v.is_finite()) {
            return Err(refuse("the bounds must be finite"));
        }
        if min_x > max_x || min_y > max_y {
            return Err(refuse(
                "the bounds must be given as min x, min y, max x, max y",
            ));
        }
        let down = |value: f64| (value / resolution + ON_THE_LINE).floor();
        let up = |value: f64| (value / resolution - ON_THE_LINE).ceil();
        let (left, top) = (down(min_x), up(max_y));
        let width = (up(max_x) - left).max(1.0);
        let height = (top - down(min_y)).max(1.0);
        if width > LONGEST_SIDE || height > LONGEST_SIDE {
            return Err(refuse(
                "more than 2147483647 pixels on a side: use a coarser resolution or a smaller area",
            ));
        }
        Ok(Self {
            crs,
            x0: left * resolution,
            y0: top * resolution,
            resolution,
            width: width as usize,
            height: height as usize,
        })
    }

    /// The outer edges, in units of the CRS.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            min_x: self.x0,
            min_y: self.y0 - self.height as f64 * self.resolution,
            max_x: self.x0 + self.width as f64 * self.resolution,
            max_y: self.y0,
        }
    }

    /// West, south, east, north in degrees; edges are followed, not only the corners.
    pub fn lonlat_bounds(&self) -> Result<[f64; 4]> {
        let bounds = Projection::new(self.crs, Crs::LON_LAT)?.bounds(self.bounds())?;
        Ok([bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y])
    }

    /// The part of the grid under a window. The window may reach over the edge.
    #[must_use]
    pub fn sub(&self, window: Window) -> Self {
        Self {
            x0: self.x0 + window.x as f64 * self.resolution,
            y0: self.y0 - window.y as f64 * self.resolution,
            width: window.width,
            height: window.height,
            ..self.clone()
        }
    }

    /// The window that is the whole grid.
    pub fn window(&self) -> Window {
        Window {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// Cuts the grid into blocks of `size` pixels, row by row; blocks at the right and lower edge are smaller.
    ///
    /// # Panics
    /// When `size` is zero.
    pub fn blocks(&self, size: usize) -> Vec<Window> {
        self.blocks_from(size, (0, 0))
    }

    /// As [`blocks`](Self::blocks), with cuts at column and row `first` and every `size` pixels from there in both
    /// directions.
    ///
    /// # Panics
    /// When `size` is zero.
    pub fn blocks_from(&self, size: usize, first: (usize, usize)) -> Vec<Window> {
        assert!(size > 0, "blocks need at least one pixel");
        let cuts = |side: usize, first: usize| -> Vec<(usize, usize)> {
            let mut starts: Vec<usize> = (first % size..side).step_by(size).collect();
            if starts.first() != Some(&0) && side > 0 {
                starts.insert(0, 0);
            }
            let ends = starts.iter().skip(1).copied().chain([side]);
            let pairs = starts.iter().copied().zip(ends);
            pairs.map(|(start, end)| (start, end - start)).collect()
        };
        let columns = cuts(self.width, first.0);
        let rows = cuts(self.height, first.1).into_iter();
        rows.flat_map(|(y, height)| {
            columns.iter().map(move |&(x, width)| Window {
                x,
                y,
                width,
                height,
            })
        })
        .collect()
    }

    /// The grid with a margin of so many pixels on every side.
    #[must_use]
    pub fn padded(&self, pixels: usize) -> Self {
        let margin = pixels as f64 * self.resolution;
        Self {
            x0: self.x0 - margin,
            y0: self.y0 + margin,
            width: self.width + 2 * pixels,
            height: self.height + 2 * pixels,
            ..self.clone()
        }
    }

    /// Column and row of `other`'s first pixel on this grid, when the two differ by whole pixels only: same CRS, same
    /// pixel size, lines on lines. Then pixels of one are pixels of the other and nothing needs to be resampled.
    pub fn offset_of(&self, other: &Self) -> Option<(i64, i64)> {
        // As much as moves the far edge of a 10 000 px image by a thousandth of a pixel.
        let same_size = (self.resolution - other.resolution).abs() <= 1e-7 * self.resolution;
        if self.crs != other.crs || !same_size {
            return None;
        }
        let whole = |pixels: f64| {
            ((pixels - pixels.round()).abs() < 1e-3 && pixels.abs() < LONGEST_SIDE)
                .then_some(pixels.round() as i64)
        };
        Some((
            whole((other.x0 - self.x0) / self.resolution)?,
            whole((self.y0 - other.y0) / self.resolution)?,
        ))
    }

    /// Area of one pixel in square metres.
    ///
    /// Exact on an equal-area grid and within 0.2 % inside a UTM zone.
    ///
    /// # Errors
    /// On a geographic CRS and in Web Mercator, where the area changes from row to row.
    pub fn pixel_area_m2(&self) -> Result<f64> {
        let reference = self.crs.spatial_ref()?;
        if !reference.is_projected() || self.crs == Crs::WEB_MERCATOR {
            return Err(RasterError::NoPixelArea { crs: self.crs });
        }
        let metres = self.resolution * reference.linear_units();
        Ok(metres * metres)
    }

    /// GDAL's affine coefficients: `[x0, pixel width, 0, y0, 0, -pixel height]`.
    pub fn geo_transform(&self) -> [f64; 6] {
        [
            self.x0,
            self.resolution,
            0.0,
            self.y0,
            0.0,
            -self.resolution,
        ]
    }

    /// Digital Earth Africa's name (`x###y###`) of the 96 km tile that holds the whole grid; `None` when the grid
    /// touches several tiles or is not in EPSG:6933.
    pub fn tile_index(&self) -> Option<String> {
        let mut tiles = self.tile_indices().into_iter();
        match (tiles.next(), tiles.next()) {
            (Some(tile), None) => Some(tile),
            _ => None,
        }
    }

    /// The names of all Digital Earth Africa tiles that the grid touches, row by row from the north-west; none unless
    /// the grid is in EPSG:6933.
    pub fn tile_indices(&self) -> Vec<String> {
        if self.crs != Crs::EQUAL_AREA {
            return Vec::new();
        }
        let bounds = self.bounds();
        let slack = ON_THE_LINE * self.resolution;
        let first = |edge: f64| ((edge + slack) / TILE_METRES).floor() as i64;
        let last = |edge: f64| ((edge - slack) / TILE_METRES).ceil() as i64 - 1;
        let columns = first(bounds.min_x)..=last(bounds.max_x);
        let rows = first(bounds.min_y)..=last(bounds.max_y);
        rows.rev()
            .flat_map(|y| columns.clone().map(move |x| (x, y)))
            .map(|(x, y)| format!("x{:03}y{:03}", x + TILES_WEST, y + TILES_SOUTH))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min_x: f64, min_y: f64, max_x: f64, max_y: f64) -> Bounds {
        Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        }
    }

    fn grid(x0: f64, y0: f64, width: usize, height: usize) -> Grid {
        Grid {
            crs: Crs::EQUAL_AREA,
            x0,
            y0,
            resolution: 10.0,
            width,
            height,
        }
    }

    #[test]
    fn a_grid_snaps_outwards_and_bounds_on_a_line_stay_there() {
        let snapped =
            Grid::covering(Crs::EQUAL_AREA, 10.0, bounds(-15.0, -25.0, 15.0, 25.0)).unwrap();
        assert_eq!(snapped, grid(-20.0, 30.0, 4, 6));
        let third = 0.1 + 0.2; // not exactly 0.3
        let on_line = Grid::covering(Crs::LON_LAT, 0.1, bounds(0.0, 0.0, third, 0.1)).unwrap();
        assert_eq!((on_line.width, on_line.height), (3, 1));
    }

    #[test]
    fn covering_again_with_its_own_bounds_changes_nothing() {
        let first = Grid::covering(
            Crs::EQUAL_AREA,
            30.0,
            bounds(2_894_561.3, -2_268_003.1, 2_899_999.9, -2_260_000.0),
        )
        .unwrap();
        let again = Grid::covering(Crs::EQUAL_AREA, 30.0, first.bounds()).unwrap();
        assert_eq!(first, again);
    }

    #[test]
    fn grids_without_sense_are_errors() {
        let unit = bounds(0.0, 0.0, 1.0, 1.0);
        for resolution in [0.0, -10.0, f64::NAN, f64::INFINITY] {
            assert!(Grid::covering(Crs::EQUAL_AREA, resolution, unit).is_err());
        }
        for wrong in [
            bounds(1.0, 0.0, 0.0, 1.0),
            bounds(0.0, 0.0, f64::NAN, 1.0),
            bounds(0.0, 0.0, 1e300, 1.0),
        ] {
            assert!(
                Grid::covering(Crs::EQUAL_AREA, 10.0, wrong).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn blocks_cover_every_pixel_once_row_by_row() {
        let blocks = grid(0.0, 0.0, 5, 3).blocks(2);
        assert_eq!(blocks.len(), 6);
        assert_eq!(
            blocks[2],
            Window {
                x: 4,
                y: 0,
                width: 1,
                height: 2
            }
        );
        assert_eq!(blocks.iter().map(|b| b.width * b.height).sum::<usize>(), 15);
    }

    #[test]
    fn padding_and_cutting_move_the_corner() {
        let padded = grid(100.0, 200.0, 5, 3).padded(2);
        assert_eq!(padded, grid(80.0, 220.0, 9, 7));
        let back = padded.sub(Window {
            x: 2,
            y: 2,
            width: 5,
            height: 3,
        });
        assert_eq!(back, grid(100.0, 200.0, 5, 3));
    }

    #[test]
    fn only_grids_that_differ_by_whole_pixels_have_an_offset() {
        let here = grid(100.0, 200.0, 5, 3);
        assert_eq!(here.offset_of(&grid(80.0, 230.0, 1, 1)), Some((-2, -3)));
        assert_eq!(here.offset_of(&grid(105.0, 200.0, 5, 3)), None);
        for other in [
            Grid {
                resolution: 20.0,
                ..here.clone()
            },
            Grid {
                crs: Crs::WEB_MERCATOR,
                ..here.clone()
            },
        ] {
            assert_eq!(here.offset_of(&other), None, "{other:?}");
        }
    }

    #[test]
    fn pixel_area_is_refused_where_it_varies() {
        let area = grid(0.0, 0.0, 1, 1).pixel_area_m2().unwrap();
        assert!((area - 100.0).abs() < 1e-9);
        for crs in [Crs::LON_LAT, Crs::WEB_MERCATOR] {
            let grid = Grid {
                crs,
                ..grid(0.0, 0.0, 1, 1)
            };
            assert!(grid.pixel_area_m2().is_err(), "{crs}");
        }
    }

    #[test]
    fn tiles_are_numbered_from_the_corner_that_digital_earth_africa_uses() {
        // 0/0 is the corner of tile x181y077; Harare lies in x211y053.
        assert_eq!(
            grid(0.0, 10.0, 1, 1).tile_index().as_deref(),
            Some("x181y077")
        );
        assert_eq!(
            grid(-17_376_000.0, -7_392_000.0 + 96_000.0, 9600, 9600)
                .tile_index()
                .as_deref(),
            Some("x000y000")
        );
        assert_eq!(grid(-10.0, 10.0, 2, 2).tile_index(), None);
        assert_eq!(
            grid(-10.0, 10.0, 2, 2).tile_indices(),
            ["x180y077", "x181y077", "x180y076", "x181y076"]
        );
    }

    #[test]
    fn longitude_and_latitude_bounds_hold_the_grid() {
        let [west, south, east, north] = grid(2_894_580.0, -2_268_000.0, 100, 100)
            .lonlat_bounds()
            .unwrap();
        assert!((west - 29.9998).abs() < 1e-3 && west < east);
        assert!(south < north && (-18.2..-17.8).contains(&south));
    }

    #[test]
    fn bounds_that_only_touch_do_not_intersect() {
        let left = bounds(0.0, 0.0, 1.0, 1.0);
        let right = bounds(1.0, 0.0, 2.0, 1.0);
        assert!(!left.intersects(&right));
        assert_eq!(left.intersection(&right), None);
        assert_eq!(left.union(&right), bounds(0.0, 0.0, 2.0, 1.0));
    }
}
