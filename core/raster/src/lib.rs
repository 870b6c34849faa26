//! Pixels in and out, and nothing else.
//!
//! Everything that touches a raster file goes through this crate: grids and windows ([`Grid`], [`Window`]),
//! areas of interest ([`Aoi`]) and other vector files ([`VectorFile`]), reading and warping ([`RasterReader`]), Cloud Optimized GeoTIFF files
//! ([`BlockWriter`]),
//! map tiles ([`write_pmtiles`], or one at a time: [`xyz`]) and pictures ([`picture`]). GDAL does the work underneath; above, everyone sees
//! plain arrays. The crate knows no models, no recipes and no web server.
//!
//! Conventions: arrays are `[row, column]` with row 0 in the north, windows count pixels from the top-left corner,
//! coordinates are always x (or longitude) first, and missing data in `f32` arrays is NaN.

pub mod aoi;
mod categories;
mod cog;
mod crs;
pub mod cut;
mod error;
mod ffi;
mod grid;
mod image;
mod location;
mod lookup;
mod mosaic;
mod picture;
mod plain;
mod range;
mod read;
mod resample;
mod setup;
mod stats;
mod tiff;
mod tiles;
mod vector;
mod warp;
mod write;
pub mod xyz;

pub use aoi::{Aoi, AoiError, AoiLimits, Outline};
pub use categories::Categories;
pub use crs::{Crs, Projection};
pub use error::{RasterError, Result};
pub use grid::{Bounds, Grid, Window};
pub use mosaic::write_vrt;
pub use picture::{Picture, picture};
pub use plain::{PlainSample, write_plain};
pub use range::RangeReader;
pub use read::{BandInfo, RasterInfo, RasterReader, Resampling, Stored};
pub use setup::configure;
pub use stats::{histogram, sample};
pub use tiff::ClassFile;
pub use tiles::{
    TILE_SIZE, TileReport, TileResampling, TileSpec, write_mosaic_pmtiles, write_pmtiles,
};
pub use vector::{VectorFeature, VectorFile, VectorShape};
pub use write::{BlockWriter, CogSpec, Overviews, Palette};
