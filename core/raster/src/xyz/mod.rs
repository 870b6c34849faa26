//! One map tile at a time, straight from a COG: for clients that want `{z}/{x}/{y}` and no PMTiles.
//!
//! The pixels are those that `TiTiler` (rio-tiler over rasterio's `WarpedVRT`) gives for the same file: nearest, from the
//! overview that GDAL's virtual warped rasters choose ([`level`](TileSource::level)), looked up where GDAL's approximate
//! transformation puts them ([`approximate`]). A plain COG of classes is read by [`ClassFile`], without GDAL; any other
//! local raster of classes goes through GDAL's warper, which is slower and gives the same pixels.

mod approximate;
mod colors;
mod lookup;
mod painter;
mod projected;
mod source;

use std::f64::consts::PI;

pub use colors::{Colors, Rgba};
pub use painter::Painter;
pub use source::TileSource;

use crate::crs::Crs;
use crate::grid::{Bounds, Grid};

/// Half the edge of the Web Mercator square.
const HALF_WORLD: f64 = PI * 6_378_137.0;

/// The deepest zoom level: a pixel of a few centimetres.
pub const DEEPEST_TILE: u8 = 24;

/// A tile of the web map (`WebMercatorQuad`, the upper left one of a zoom level is 0/0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebTile {
    z: u8,
    x: u32,
    y: u32,
    /// Edge in pixels.
    side: usize,
}

impl WebTile {
    /// `None` where there is no such tile. `side` is its edge in pixels, usually 256 or 512.
    pub fn new(z: u8, x: u32, y: u32, side: usize) -> Option<Self> {
        let there = z <= DEEPEST_TILE && x < 1 << z && y < 1 << z && (1..=1024).contains(&side);
        there.then_some(Self { z, x, y, side })
    }

    /// Edge in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Its pixels on the earth.
    pub(crate) fn grid(&self) -> Grid {
        let edge = 2.0 * HALF_WORLD / f64::from(1_u32 << self.z);
        Grid {
            crs: Crs::WEB_MERCATOR,
            x0: f64::from(self.x) * edge - HALF_WORLD,
            y0: HALF_WORLD - f64::from(self.y) * edge,
            resolution: edge / self.side as f64,
            width: self.side,
            height: self.side,
        }
    }

    /// Web Mercator.
    pub fn bounds(&self) -> Bounds {
        self.grid().bounds()
    }

    /// West, south, east, north in degrees.
    pub fn lonlat_bounds(&self) -> [f64; 4] {
        let bounds = self.bounds();
        let degrees = |metres: f64| metres / HALF_WORLD * 180.0;
        let latitude = |metres: f64| (metres / HALF_WORLD * PI).sinh().atan().to_degrees();
        [
            degrees(bounds.min_x),
            latitude(bounds.min_y),
            degrees(bounds.max_x),
            latitude(bounds.max_y),
        ]
    }
}

#[cfg(test)]
mod tests;
