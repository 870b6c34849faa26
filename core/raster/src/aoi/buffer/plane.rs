//! The buffer itself, in a plane that touches the earth at the geometry's centre.

use gdal::cpl::CslStringList;
use gdal::errors::GdalError;
use gdal::spatial_ref::{CoordTransform, SpatialRef};
use gdal::vector::{Geometry, OGRwkbGeometryType};
use geo::{Coord, LineString, MultiPolygon, Polygon};

use super::shape::{Line, Shape, densified};
use super::{BufferError, MOST_STRETCH};
use crate::crs::Crs;
use crate::error::RasterError;

/// Mean radius of the earth, in metres.
const EARTH: f64 = 6_371_008.8;
/// How near to a pole the result may come, in metres.
const POLE_MARGIN: f64 = 10_000.0;
/// Corners of the result.
const MOST_CORNERS: f64 = 2e5;
/// Digits of degrees that are kept: a millimetre.
const PRECISION: f64 = 1e8;

/// A buffer in degrees, not yet wound.
pub(super) struct Grown {
    pub(super) geometry: MultiPolygon<f64>,
    pub(super) stretch: f64,
    pub(super) cut: bool,
}

fn failed(error: &GdalError) -> BufferError {
    BufferError::Failed {
        reason: error.to_string(),
    }
}

fn no_projection(error: &RasterError) -> BufferError {
    BufferError::Failed {
        reason: error.to_string(),
    }
}

/// Buffers a shape in longitude and latitude.
pub(super) fn grown(shape: &Shape, metres: f64, segments: u32) -> Result<Grown, BufferError> {
    let centre = centre(shape);
    let lonlat = Crs::LON_LAT.spatial_ref().map_err(|e| no_projection(&e))?;
    let local = SpatialRef::from_proj4(&format!(
        "+proj=aeqd +lat_0={:.9} +lon_0={:.9} +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs",
        centre.y, centre.x
    ))
    .map_err(|e| failed(&e))?;
    let there = CoordTransform::new(&lonlat, &local).map_err(|e| failed(&e))?;
    let back = CoordTransform::new(&local, &lonlat).map_err(|e| failed(&e))?;

    let plane = shape.clone().moved(|xs, ys| {
        there
            .transform_coords(xs, ys, &mut [])
            .map_err(|e| failed(&e))
    })?;
    let farthest = plane.coords().map(|c| c.x.hypot(c.y)).fold(0.0, f64::max);
    let reach = farthest + metres.max(0.0);
    // A buffer around one point is right at any distance.
    let angle = if farthest > 0.0 { reach / EARTH } else { 0.0 };
    let stretch = if angle > 0.0 {
        angle / angle.sin() - 1.0
    } else {
        0.0
    };
    if angle > 1.0 || stretch > MOST_STRETCH {
        return Err(BufferError::TooWide {
            reach_km: reach / 1000.0,
        });
    }
    let to_pole = (90.0 - centre.y.abs()).to_radians() * EARTH;
    if reach + POLE_MARGIN >= to_pole {
        return Err(BufferError::Pole);
    }

    let polygons = polygons_of(&buffered(&plane, metres, segments)?);
    if polygons.is_empty() {
        return Err(BufferError::Vanished {
            metres: metres.abs(),
        });
    }
    let step = step(
        &polygons,
        metres,
        centre.y.abs() + (reach / EARTH).to_degrees(),
    );
    let polygons = polygons
        .iter()
        .map(|rings| rings.iter().map(|ring| densified(ring, step)).collect())
        .collect();
    let degrees = Shape {
        polygons,
        ..Shape::default()
    }
    .moved(|xs, ys| {
        back.transform_coords(xs, ys, &mut [])
            .map_err(|e| failed(&e))?;
        // Counted from the centre on, so that no ring jumps around the earth.
        for x in xs {
            *x = centre.x + (*x - centre.x + 540.0).rem_euclid(360.0) - 180.0;
        }
        Ok(())
    })?;
    let cut = degrees.coords().any(|c| c.x.abs() > 180.0);
    let polygons = if cut {
        cut_in_two(&degrees)?
    } else {
        degrees.polygons
    };
    Ok(Grown {
        geometry: rounded(polygons),
        stretch,
        cut,
    })
}

/// The middle of all corners, as seen from the centre of the earth: no trouble at the antimeridian.
fn centre(shape: &Shape) -> Coord<f64> {
    let mut sum = [0.0; 3];
    for corner in shape.coords() {
        let (lon, lat) = (corner.x.to_radians(), corner.y.to_radians());
        let unit = [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()];
        for (sum, part) in sum.iter_mut().zip(unit) {
            *sum += part;
        }
    }
    let [x, y, z] = sum;
    Coord {
        x: y.atan2(x).to_degrees(),
        y: z.atan2(x.hypot(y)).to_degrees(),
    }
}

/// The buffer of a shape in the plane.
fn buffered(shape: &Shape, metres: f64, segments: u32) -> Result<Geometry, BufferError> {
    let line = |kind, corners: &[Coord<f64>]| -> Result<Geometry, GdalError> {
        let mut line = Geometry::empty(kind)?;
        for corner in corners {
            line.add_point_2d((corner.x, corner.y));
        }
        Ok(line)
    };
    let mut groups = Vec::new();
    if !shape.points.is_empty() {
        let mut all = Geometry::empty(OGRwkbGeometryType::wkbMultiPoint).map_err(|e| failed(&e))?;
        for point in &shape.points {
            line(OGRwkbGeometryType::wkbPoint, &[*point])
                .and_then(|point| all.add_geometry(point))
                .map_err(|e| failed(&e))?;
        }
        groups.push(all);
    }
    if !shape.lines.is_empty() {
        let kind = OGRwkbGeometryType::wkbMultiLineString;
        let mut all = Geometry::empty(kind).map_err(|e| failed(&e))?;
        for corners in &shape.lines {
            line(OGRwkbGeometryType::wkbLineString, corners)
                .and_then(|line| all.add_geometry(line))
                .map_err(|e| failed(&e))?;
        }
        groups.push(all);
    }
    for rings in &shape.polygons {
        let kind = OGRwkbGeometryType::wkbPolygon;
        let mut polygon = Geometry::empty(kind).map_err(|e| failed(&e))?;
        for ring in rings {
            line(OGRwkbGeometryType::wkbLinearRing, ring)
                .and_then(|ring| polygon.add_geometry(ring))
                .map_err(|e| failed(&e))?;
        }
        // People draw bow ties; what they enclose is meant.
        let polygon = if polygon.is_valid() {
            polygon
        } else {
            polygon
                .make_valid(&CslStringList::new())
                .map_err(|e| failed(&e))?
        };
        groups.push(polygon);
    }
    let mut result: Option<Geometry> = None;
    let no_union = || BufferError::Failed {
        reason: "its parts cannot be joined".to_owned(),
    };
    if metres <= 0.0 {
        // Parts that touch or overlap are one area, which shrinks from its outside only.
        let mut whole: Option<Geometry> = None;
        for group in groups {
            whole = Some(match whole {
                None => group,
                Some(whole) => whole.union(&group).ok_or_else(no_union)?,
            });
        }
        let whole = whole.ok_or_else(no_union)?;
        return whole.buffer(metres, segments).map_err(|e| failed(&e));
    }
    for group in groups {
        let grown = group.buffer(metres, segments).map_err(|e| failed(&e))?;
        result = Some(match result {
            None => grown,
            Some(result) => result.union(&grown).ok_or_else(no_union)?,
        });
    }
    result.ok_or_else(no_union)
}

/// The rings of all polygons of a geometry.
fn polygons_of(geometry: &Geometry) -> Vec<Vec<Line>> {
    let parts = 0..geometry.geometry_count();
    if geometry.geometry_type() != OGRwkbGeometryType::wkbPolygon {
        return parts
            .flat_map(|part| polygons_of(&geometry.get_geometry(part)))
            .collect();
    }
    let ring = |part| {
        let mut points = Vec::new();
        geometry.get_geometry(part).get_points(&mut points);
        points.into_iter().map(|(x, y, _)| Coord { x, y }).collect()
    };
    let rings: Vec<Line> = parts.map(ring).filter(|r: &Line| r.len() >= 4).collect();
    if rings.is_empty() {
        Vec::new()
    } else {
        vec![rings]
    }
}

/// How long an edge of the plane may be and still lie within a five-thousandth of the distance (or two centimetres) of
/// the straight line in degrees.
fn step(polygons: &[Vec<Line>], metres: f64, latitude: f64) -> f64 {
    let tolerance = (metres.abs() * 2e-4).max(0.02);
    let bend = latitude.min(89.0).to_radians().tan().max(0.05);
    let step = (8.0 * EARTH * tolerance / bend).sqrt();
    let edges = polygons.iter().flatten().flat_map(|ring| ring.windows(2));
    let length: f64 = edges
        .map(|pair| (pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y))
        .sum();
    step.max(length / MOST_CORNERS)
}

/// Parts beyond 180 degrees come back on the other side.
fn cut_in_two(shape: &Shape) -> Result<Vec<Vec<Line>>, BufferError> {
    let plane = buffered(shape, 0.0, 1)?;
    let mut polygons = Vec::new();
    for shift in [-360.0, 0.0, 360.0] {
        let side =
            Geometry::bbox(shift - 180.0, -90.0, shift + 180.0, 90.0).map_err(|e| failed(&e))?;
        let Some(part) = plane.intersection(&side) else {
            continue;
        };
        let mut part = polygons_of(&part);
        for corner in part.iter_mut().flatten().flatten() {
            corner.x -= shift;
        }
        polygons.extend(part);
    }
    Ok(polygons)
}

/// To a millimetre, without corners that are the same twice or rings that are nothing.
fn rounded(polygons: Vec<Vec<Line>>) -> MultiPolygon<f64> {
    let round = |value: f64| (value * PRECISION).round() / PRECISION;
    let ring = |ring: Line| {
        let corners = ring.into_iter().map(|c| Coord {
            x: round(c.x),
            y: round(c.y),
        });
        let mut corners: Line = corners.collect();
        corners.dedup();
        if corners.len() > 1 && corners.first() != corners.last() {
            corners.push(corners[0]);
        }
        LineString(corners)
    };
    let polygon = |rings: Vec<Line>| {
        let mut rings = rings.into_iter().map(ring);
        let outline = rings.next().filter(|ring| ring.0.len() >= 4)?;
        Some(Polygon::new(
            outline,
            rings.filter(|ring| ring.0.len() >= 4).collect(),
        ))
    };
    MultiPolygon(polygons.into_iter().filter_map(polygon).collect())
}
