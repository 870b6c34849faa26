//! Plain local `GeoTIFF`s, read without GDAL where that is faster: their coordinate system and their stored numbers.
//!
//! A season has hundreds of files, and each block of pixels needs all of them. What is here reads only what it knows
//! to mean one thing and says `None` to all else: then GDAL reads, and finds the words for what is wrong with a file.

mod directory;
mod geokeys;
mod pixels;

pub(crate) use geokeys::crs;
pub(crate) use pixels::Pixels;
