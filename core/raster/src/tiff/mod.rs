//! Plain local `GeoTIFF`s, read without GDAL where that is faster: their coordinate system and their stored numbers.
//!
//! A season has hundreds of files, and each block of pixels needs all of them. What is here reads only what it knows
//! to mean one thing and says `None` to all else: then GDAL reads, and finds the words for what is wrong with a file.

mod classes;
mod directory;
mod geokeys;
mod pixels;

use std::fs::File;
use std::path::Path;

pub use classes::ClassFile;
pub(crate) use classes::Room;
use directory::Directory;
pub(crate) use pixels::Pixels;

use crate::crs::Crs;

/// A little-endian TIFF or `BigTIFF` whose first directory was read.
pub(crate) struct Tiff {
    file: File,
    tags: Directory,
}

impl Tiff {
    /// `None` where the file is not one, or cannot be read.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let tags = Directory::read(&file)?;
        Some(Self { file, tags })
    }

    /// Its coordinate system, where the keys say no more than a code.
    pub(crate) fn crs(&self) -> Option<Crs> {
        geokeys::crs(&self.file, &self.tags)
    }

    /// Its numbers, where they can be read.
    pub(crate) fn pixels(&self) -> Option<Pixels> {
        Pixels::of(self.file.try_clone().ok()?, &self.tags)
    }
}
