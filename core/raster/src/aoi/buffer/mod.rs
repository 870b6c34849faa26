//! A geometry grown or shrunk by metres, wherever on earth and in whatever coordinates it comes.
//!
//! Degrees are no metres, and a metre of a national grid is one only in the middle of its zone. So the geometry goes to
//! an azimuthal equidistant projection around its own centre: from there every distance is right, and across the line of
//! sight lengths are stretched by `c / sin c`, where `c` is the angle from the centre (J. P. Snyder, Map Projections: A
//! Working Manual, USGS 1987, equation 25-2). That stretch is told with the result, and a geometry so wide that it
//! exceeds [`MOST_STRETCH`] is refused: half a per cent, at 1,100 km from the centre. GEOS makes the buffer. Its arcs are
//! polygons inside of the true circle, by 0.08 % of the distance with 20 segments to a quarter, and in hollow corners it
//! may cut off up to 1 % of the distance.
//!
//! The result is valid GeoJSON: longitude and latitude, right-handed, cut in two at the antimeridian.

mod error;
mod plane;
mod reference;
mod shape;

use geo::MultiPolygon;
use serde_json::{Value, json};

pub use error::BufferError;

use super::coverage::ring_area_km2;
use super::{AoiLimits, validity};
use reference::Reference;
use shape::Shape;

/// How far lengths across the line of sight may be stretched, of their length.
pub const MOST_STRETCH: f64 = 0.005;
/// The largest distance, in metres.
pub const MOST_METRES: f64 = 500_000.0;
/// The smallest one but 0: less is below what coordinates hold.
pub const LEAST_METRES: f64 = 0.01;
/// The largest number of segments to a quarter circle.
pub const MOST_SEGMENTS: u32 = 90;

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct BufferOptions {
    /// How far to grow; negative shrinks polygons, and 0 only brings them into the form of the result.
    pub metres: f64,
    /// Of the coordinates, x (or longitude) first whatever the authority says: `EPSG:32736`, an OGC address of such a
    /// code, or a PROJ string. Without it the text's own `crs` member holds, and else longitude and latitude.
    pub crs: Option<String>,
    /// Segments to a quarter circle.
    pub segments: u32,
    /// How large the input may be; `max_area_km2` limits the result.
    pub limits: AoiLimits,
}

impl BufferOptions {
    /// So many metres, in longitude and latitude, 20 segments to a quarter circle.
    pub fn metres(metres: f64) -> Self {
        Self {
            metres,
            crs: None,
            segments: 20,
            limits: AoiLimits::default(),
        }
    }
}

/// A buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Buffered {
    /// Degrees. Exterior rings run counter-clockwise, holes clockwise, all rings are closed.
    pub geometry: MultiPolygon<f64>,
    /// Area on the WGS 84 ellipsoid.
    pub area_km2: f64,
    /// By how much of their length distances may be too short at the edge of the result.
    pub stretch: f64,
    /// Whether it was cut at the antimeridian.
    pub cut: bool,
}

impl Buffered {
    /// The geometry as a GeoJSON object: a Polygon if there is only one.
    pub fn to_geojson_geometry(&self) -> Value {
        let polygon = |polygon: &geo::Polygon<f64>| -> Vec<Vec<[f64; 2]>> {
            validity::rings(polygon)
                .map(|ring| ring.0.iter().map(|c| [c.x, c.y]).collect())
                .collect()
        };
        match self.geometry.0.as_slice() {
            [one] => json!({ "type": "Polygon", "coordinates": polygon(one) }),
            all => {
                let all: Vec<_> = all.iter().map(polygon).collect();
                json!({ "type": "MultiPolygon", "coordinates": all })
            }
        }
    }
}

/// Grows or shrinks a geometry by metres. The text is a GeoJSON geometry of any type, a Feature, or a
/// `FeatureCollection`, whose features become one.
///
/// # Errors
/// One [`BufferError`] per thing that can be wrong; each says what to do.
pub fn buffer(text: &str, options: &BufferOptions) -> Result<Buffered, BufferError> {
    let metres = options.metres;
    let sane = metres == 0.0 || (LEAST_METRES..=MOST_METRES).contains(&metres.abs());
    if !sane {
        return Err(BufferError::Metres { metres });
    }
    if !(1..=MOST_SEGMENTS).contains(&options.segments) {
        return Err(BufferError::Segments {
            segments: options.segments,
        });
    }
    let (shape, own) = Shape::parse(text, &options.limits)?;
    let crs = options.crs.as_deref().or(own.as_deref());
    if metres <= 0.0 && !(shape.points.is_empty() && shape.lines.is_empty()) {
        return Err(BufferError::NoInside { metres });
    }
    let reference = Reference::parse(crs.unwrap_or(reference::LONGITUDE_LATITUDE))?;
    let made = plane::grown(&reference.to_degrees(shape)?, metres, options.segments)?;

    let geometry = validity::wound(made.geometry);
    // Each part by itself: one that was cut reaches around the earth, which the parts do not.
    for polygon in &geometry.0 {
        validity::check(&MultiPolygon(vec![polygon.clone()]))?;
    }
    let rings = geometry.0.iter().flat_map(validity::rings);
    let area_km2 = rings.map(ring_area_km2).sum::<f64>().abs();
    match options.limits.max_area_km2 {
        Some(limit) if area_km2 > limit => {
            Err(super::AoiError::AreaTooLarge { area_km2, limit }.into())
        }
        _ => Ok(Buffered {
            geometry,
            area_km2,
            stretch: made.stretch,
            cut: made.cut,
        }),
    }
}
