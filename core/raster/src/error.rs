//! What can go wrong between a file and an array.

use std::path::{Path, PathBuf};

use crate::crs::Crs;

/// Shorthand used throughout the crate.
pub type Result<T> = std::result::Result<T, RasterError>;

/// A raster could not be read, written or placed on the earth.
///
/// Every message names the file or place, what was found, and what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The location is not a path or URL that this crate opens.
    #[error(
        "cannot read {location:?}: {reason}. Give a file path or a file://, http://, https:// or s3:// address"
    )]
    Location {
        /// As given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The file is missing, unreachable, or not a GeoTIFF.
    #[error("cannot open {location}: {reason}. {advice}")]
    Open {
        /// Path or URL, without its query.
        location: String,
        /// What GDAL, the file system or the server said.
        reason: String,
        /// What to try.
        advice: &'static str,
    },

    /// The file opened but its pixels could not be read.
    #[error(
        "cannot read band {band} of {location}: {reason}. The file is probably truncated or damaged, or the connection \
         broke: compare its size with the original and fetch it again"
    )]
    Read {
        /// Path or URL, without its query.
        location: String,
        /// One-based band number.
        band: usize,
        /// What GDAL said.
        reason: String,
    },

    /// The file's header promises more pixels than the file holds.
    #[error(
        "{location} does not hold what its header promises: {reason}. Fetch or write the file again; nothing was read \
         from it"
    )]
    Lying {
        /// Path or URL, without its query.
        location: String,
        /// What was found.
        reason: String,
    },

    /// A raster of classes was expected.
    #[error(
        "{location} holds {data_type} values, and a map of classes holds Byte (uint8). Give a map of classes, or convert \
         it, for example with `gdal_translate -ot Byte`"
    )]
    NotClasses {
        /// Path or URL, without its query.
        location: String,
        /// GDAL's name of the type.
        data_type: String,
    },

    /// A band number outside the file.
    #[error("{location} has {bands} band(s), but band {band} was asked for (bands count from 1)")]
    NoSuchBand {
        /// Path or URL, without its query.
        location: String,
        /// One-based band number asked for.
        band: usize,
        /// How many there are.
        bands: usize,
    },

    /// The file does not say where on earth it lies.
    #[error(
        "{location} has no {what}, so its pixels have no place on earth. Add it, for example with \
         `gdal_edit.py -a_srs EPSG:32736 -a_ullr ...`, and try again"
    )]
    NotGeoreferenced {
        /// Path or URL, without its query.
        location: String,
        /// The missing part.
        what: &'static str,
    },

    /// The coordinate reference system of a file has no EPSG code.
    #[error(
        "{location} uses a coordinate reference system without an EPSG code ({name}). Reproject the file to one that \
         has a code, for example with `gdalwarp -t_srs EPSG:6933`"
    )]
    NoEpsg {
        /// Path or URL, without its query.
        location: String,
        /// The system's own name.
        name: String,
    },

    /// Text that is not a coordinate reference system.
    #[error(
        "{text:?} is not a coordinate reference system: write EPSG and a code, for example EPSG:6933"
    )]
    CrsText {
        /// As given.
        text: String,
    },

    /// PROJ's database does not know the code.
    #[error(
        "{crs} is not known to PROJ ({reason}). Check the code on epsg.org, or use EPSG:6933 or a UTM zone"
    )]
    UnknownCrs {
        /// The code.
        crs: Crs,
        /// What GDAL said.
        reason: String,
    },

    /// Coordinates could not be projected.
    #[error(
        "cannot project coordinates from {from} to {to}: {reason}. The place probably lies outside the area where \
         {to} is defined"
    )]
    Projection {
        /// From.
        from: Crs,
        /// To.
        to: Crs,
        /// What PROJ said.
        reason: String,
    },

    /// Bounds and resolution do not make a grid.
    #[error("cannot lay a grid of {resolution} {crs} units over {bounds}: {reason}")]
    Grid {
        /// Of the grid.
        crs: Crs,
        /// Pixel size asked for.
        resolution: f64,
        /// The bounds, as text.
        bounds: String,
        /// What is wrong.
        reason: &'static str,
    },

    /// Areas in square metres need a projection with one area per pixel.
    #[error(
        "pixels of {crs} do not all have the same area in square metres. Use an equal-area grid such as EPSG:6933 for \
         statistics"
    )]
    NoPixelArea {
        /// The grid's CRS.
        crs: Crs,
    },

    /// The description of a raster to write contradicts itself.
    #[error("cannot write such a raster: {reason}")]
    Spec {
        /// What was found and what is possible.
        reason: String,
    },

    /// A block handed to a writer does not fit.
    #[error(
        "cannot write the block {window} into a raster of {width} x {height} px with {bands} band(s): {reason}"
    )]
    Block {
        /// Where the block was to go.
        window: String,
        /// Raster width.
        width: usize,
        /// Raster height.
        height: usize,
        /// Raster bands.
        bands: usize,
        /// What does not fit.
        reason: String,
    },

    /// Writing failed.
    #[error("cannot write {}: {reason}. Check that the disk is not full and that the folder is writable; nothing was left at the destination", path.display())]
    Write {
        /// The destination.
        path: PathBuf,
        /// What GDAL or the file system said.
        reason: String,
    },

    /// A raster cannot be shown as a picture or tiles.
    #[error("cannot draw {}: {reason}. One band of uint8 (with or without a palette) or three of uint8 can be drawn", path.display())]
    Draw {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        reason: String,
    },

    /// Features cannot be read.
    #[error("cannot read the features of {}: {reason}. One layer in GeoJSON or GeoPackage is expected", path.display())]
    Vector {
        /// The file.
        path: PathBuf,
        /// What GDAL or the file system said, or what was found.
        reason: String,
    },

    /// The caller asked to stop.
    #[error("stopped while writing {}; nothing was left at the destination", path.display())]
    Cancelled {
        /// The destination that was not written.
        path: PathBuf,
    },

    /// GDAL refused something that needs no file, which means that it is not installed properly.
    #[error("GDAL cannot {what}: {reason}. Check the installation with `gdalinfo --formats`")]
    Gdal {
        /// What was tried.
        what: &'static str,
        /// What GDAL said.
        reason: String,
    },
}

impl RasterError {
    pub(crate) fn write(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Write {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn draw(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Draw {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
