//! Everything that can be wrong with an area of interest.

use std::path::PathBuf;

/// Why a text or file is not an area of interest. Places are one-based: polygon 1, ring 1 is the first outline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AoiError {
    /// Nothing but white space.
    #[error("the AOI is empty: expected GeoJSON with a Polygon or MultiPolygon")]
    Empty,

    /// Bytes that are not UTF-8.
    #[error(
        "the AOI is not text: expected GeoJSON in UTF-8 (a shapefile or GeoPackage can be converted with ogr2ogr)"
    )]
    NotText,

    /// The text does not parse.
    #[error("the AOI is not JSON at line {line}, column {column}: {reason}{hint}")]
    NotJson {
        /// One-based.
        line: usize,
        /// One-based.
        column: usize,
        /// What the parser said.
        reason: String,
        /// What to do, starting with a separator.
        hint: &'static str,
    },

    /// JSON, but not GeoJSON.
    #[error(
        "the AOI is JSON but not GeoJSON: found {found}, expected an object whose \"type\" is Polygon, MultiPolygon or Feature"
    )]
    NotGeoJson {
        /// What stands there.
        found: String,
    },

    /// Several features, or one in a list.
    #[error(
        "the AOI is a FeatureCollection of {features} feature(s), but an AOI is one Polygon or MultiPolygon: save the feature you mean on its own"
    )]
    FeatureCollection {
        /// How many.
        features: usize,
    },

    /// One feature of a collection of polygons is wrong.
    #[error("feature {number}: {source}")]
    Feature {
        /// One-based.
        number: usize,
        /// What is wrong with it.
        source: Box<AoiError>,
    },

    /// Points, lines and collections have no area.
    #[error(
        "the AOI is a {found}, but only a Polygon or MultiPolygon has an area: draw the outline, or buffer the {found} first"
    )]
    WrongGeometry {
        /// GeoJSON's name of the type.
        found: String,
    },

    /// A Feature with `"geometry": null`.
    #[error("the AOI is a Feature without a geometry: draw its outline and save it again")]
    NoGeometry,

    /// Missing or empty coordinates.
    #[error("the AOI has no coordinates in {place}: expected rings of [longitude, latitude] pairs")]
    NoCoordinates {
        /// Which part.
        place: String,
    },

    /// Something else than a number (also `null` and text) where a coordinate should be.
    #[error(
        "the AOI has {found} at {place}: expected [longitude, latitude] as two numbers in degrees"
    )]
    NotAPosition {
        /// Which position.
        place: String,
        /// What stands there.
        found: String,
    },

    /// First and last position differ.
    #[error("the AOI's {place} is not closed: it starts at [{}, {}] and ends at [{}, {}]. Repeat the first position at the end", first[0], first[1], last[0], last[1])]
    Unclosed {
        /// Which ring.
        place: String,
        /// Longitude, latitude.
        first: [f64; 2],
        /// Longitude, latitude.
        last: [f64; 2],
    },

    /// Fewer than three different corners.
    #[error(
        "the AOI's {place} has {positions} position(s): a closed ring needs at least 4, the last the same as the first"
    )]
    TooFewPositions {
        /// Which ring.
        place: String,
        /// After leaving out repeated ones.
        positions: usize,
    },

    /// The outline crosses or touches itself, or two outlines cross.
    #[error(
        "the AOI's outline crosses itself near longitude {lon:.6}, latitude {lat:.6}: move the corners there apart, or repair the shape (QGIS: Fix geometries)"
    )]
    SelfCrossing {
        /// Degrees.
        lon: f64,
        /// Degrees.
        lat: f64,
    },

    /// A hole that is not in its polygon.
    #[error(
        "the AOI's {place} is a hole outside its polygon, near longitude {lon:.6}, latitude {lat:.6}: make it a polygon of its own in a MultiPolygon, or remove it"
    )]
    HoleOutside {
        /// Which ring.
        place: String,
        /// Degrees.
        lon: f64,
        /// Degrees.
        lat: f64,
    },

    /// One part of a `MultiPolygon` lies in another.
    #[error("the AOI's polygons {first} and {second} overlap: merge them (QGIS: Dissolve)")]
    Overlap {
        /// One-based.
        first: usize,
        /// One-based.
        second: usize,
    },

    /// All corners on a line, or too close together.
    #[error(
        "the AOI's {place} has no area: its corners lie on one line or in one spot. Draw an outline around the place"
    )]
    ZeroArea {
        /// Which ring.
        place: String,
    },

    /// A `crs` member that names something else than longitude and latitude on WGS 84.
    #[error(
        "the AOI is in {name}, but GeoJSON is longitude and latitude (CRS84, EPSG:4326): convert it, for example with `ogr2ogr -t_srs EPSG:4326 out.geojson in.geojson`"
    )]
    OtherCrs {
        /// As the file has it.
        name: String,
    },

    /// A position that is not on earth.
    #[error(
        "the AOI has the position [{lon}, {lat}] at {place}, outside longitude -180 to 180 and latitude -90 to 90: {hint}"
    )]
    OutOfRange {
        /// Which position.
        place: String,
        /// First number.
        lon: f64,
        /// Second number.
        lat: f64,
        /// What it looks like and what to do.
        hint: &'static str,
    },

    /// More than half around the earth.
    #[error(
        "the AOI spans {span:.1} degrees of longitude, so it crosses the antimeridian: split it at 180 degrees and save the parts as two AOIs"
    )]
    Antimeridian {
        /// Degrees.
        span: f64,
    },

    /// Too long.
    #[error(
        "the AOI is {bytes} bytes long, at most {limit} are read: simplify the outline (mapshaper, or QGIS: Simplify)"
    )]
    TooManyBytes {
        /// Found.
        bytes: u64,
        /// Allowed.
        limit: u64,
    },

    /// Too detailed.
    #[error(
        "the AOI has {vertices} vertices, at most {limit} are allowed: simplify the outline (mapshaper, or QGIS: Simplify)"
    )]
    TooManyVertices {
        /// Found.
        vertices: usize,
        /// Allowed.
        limit: usize,
    },

    /// Too large.
    #[error(
        "the AOI covers {area_km2:.1} km2, at most {limit:.1} km2 are allowed: draw a smaller area or split it"
    )]
    AreaTooLarge {
        /// Found.
        area_km2: f64,
        /// Allowed.
        limit: f64,
    },

    /// The file or folder cannot be read.
    #[error("cannot read the AOI {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// One of the above, in a file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<AoiError>,
    },

    /// Two files for one place in the store.
    #[error("{} and {} both have the slug {slug:?}: give one of them another \"slug\" property", first.display(), second.display())]
    DuplicateSlug {
        /// Shared.
        slug: String,
        /// Found first.
        first: PathBuf,
        /// Found later.
        second: PathBuf,
    },

    /// A folder without areas.
    #[error("{} holds no AOI: expected at least one file that ends in .geojson", path.display())]
    NoneFound {
        /// The folder.
        path: PathBuf,
    },
}
