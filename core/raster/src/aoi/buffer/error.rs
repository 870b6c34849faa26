//! Everything that can be wrong with a geometry that is to be buffered.

use super::{LEAST_METRES, MOST_METRES, MOST_SEGMENTS, MOST_STRETCH};
use crate::aoi::AoiError;

/// Why there is no buffer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BufferError {
    /// Not GeoJSON, too much of it, or a result that is too large.
    #[error(transparent)]
    Geometry(#[from] AoiError),
    /// The distance.
    #[error(
        "{metres} is no distance for a buffer: give {LEAST_METRES} to {MOST_METRES} metres, or as many below zero to shrink polygons"
    )]
    Metres {
        /// As given.
        metres: f64,
    },
    /// The roundness.
    #[error("{segments} segments to a quarter circle: give 1 to {MOST_SEGMENTS}")]
    Segments {
        /// As given.
        segments: u32,
    },
    /// Points and lines have no inside.
    #[error(
        "points and lines cannot be buffered by {metres} m: they have no inside. Give a distance above zero, or polygons"
    )]
    NoInside {
        /// As given.
        metres: f64,
    },
    /// The coordinate reference system is not known.
    #[error(
        "{text:?} is no coordinate reference system that is understood here: {reason}. Give an authority's code such as EPSG:32736, or a PROJ string such as \"+proj=utm +zone=36 +south +datum=WGS84\""
    )]
    Crs {
        /// As given, shortened.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Coordinates that do not belong to the coordinate reference system.
    #[error(
        "the coordinates have no place on earth in {crs} ({reason}): is it their coordinate reference system, and does x (easting or longitude) come first?"
    )]
    NoPlace {
        /// Of the coordinates.
        crs: String,
        /// What was found.
        reason: String,
    },
    /// Too wide for distances to be right everywhere.
    #[error(
        "the buffer would reach {reach_km:.0} km from its centre, where distances are off by more than {} %: buffer its parts one by one", MOST_STRETCH * 100.0
    )]
    TooWide {
        /// From the centre.
        reach_km: f64,
    },
    /// Longitude means nothing there.
    #[error("the buffer would reach a pole, which has no longitude: maps of GeoCrop end before")]
    Pole,
    /// Nothing is left.
    #[error("nothing is left after shrinking by {metres} m: shrink by less")]
    Vanished {
        /// As given, without its sign.
        metres: f64,
    },
    /// GEOS gave up.
    #[error("the geometry cannot be buffered: {reason}. Repair it first (QGIS: Fix geometries)")]
    Failed {
        /// What was said.
        reason: String,
    },
}
