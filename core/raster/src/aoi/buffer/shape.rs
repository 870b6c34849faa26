//! Points, lines and polygons out of GeoJSON of any type.

use geo::Coord;
use serde_json::{Map, Value};

use super::BufferError;
use crate::aoi::{AoiError, AoiLimits};

/// Corners of a line or ring.
pub(super) type Line = Vec<Coord<f64>>;

/// All parts of a geometry, sorted by what they are.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Shape {
    pub(super) points: Vec<Coord<f64>>,
    pub(super) lines: Vec<Line>,
    /// Each with its outline first, then its holes.
    pub(super) polygons: Vec<Vec<Line>>,
}

impl Shape {
    /// Reads a geometry, a Feature or a `FeatureCollection`, and the name in its `crs` member.
    pub(super) fn parse(
        text: &str,
        limits: &AoiLimits,
    ) -> Result<(Self, Option<String>), BufferError> {
        if text.len() > limits.max_bytes {
            return Err(AoiError::TooManyBytes {
                bytes: text.len() as u64,
                limit: limits.max_bytes as u64,
            }
            .into());
        }
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(AoiError::Empty.into());
        }
        let root: Value = serde_json::from_str(text).map_err(|error| AoiError::NotJson {
            line: error.line(),
            column: error.column(),
            reason: error.to_string(),
            hint: ". Check the file in a JSON editor or export it again",
        })?;
        let mut reader = Reader {
            shape: Self::default(),
            left: limits.max_vertices,
            limit: limits.max_vertices,
        };
        reader.object(&root, "the text")?;
        let shape = reader.shape;
        if shape.coords().next().is_none() {
            return Err(AoiError::NoGeometry.into());
        }
        let crs = root
            .pointer("/crs/properties/name")
            .or_else(|| root.pointer("/geometry/crs/properties/name"))
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok((shape, crs))
    }

    pub(super) fn coords(&self) -> impl Iterator<Item = Coord<f64>> {
        let rings = self.polygons.iter().flatten();
        let lines = self.lines.iter().chain(rings).flatten();
        self.points.iter().chain(lines).copied()
    }

    fn edges(&self) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> {
        let lines = self.lines.iter().chain(self.polygons.iter().flatten());
        lines.flat_map(|line| line.windows(2).map(|pair| (pair[0], pair[1])))
    }

    /// The longest way of an edge along x.
    pub(super) fn widest_step(&self) -> f64 {
        self.edges()
            .map(|(a, b)| (b.x - a.x).abs())
            .fold(0.0, f64::max)
    }

    /// With points between the corners, a step apart, or as many as there may be.
    pub(super) fn densified(self, step: f64, most: f64) -> Self {
        let length = |(a, b): (Coord<f64>, Coord<f64>)| (b.x - a.x).hypot(b.y - a.y);
        let total: f64 = self.edges().map(length).sum();
        let step = step.max(total / most);
        Self {
            lines: self.lines.iter().map(|l| densified(l, step)).collect(),
            polygons: self
                .polygons
                .iter()
                .map(|rings| rings.iter().map(|l| densified(l, step)).collect())
                .collect(),
            ..self
        }
    }

    /// Every coordinate put elsewhere, all in one call.
    pub(super) fn moved(
        mut self,
        work: impl FnOnce(&mut [f64], &mut [f64]) -> Result<(), BufferError>,
    ) -> Result<Self, BufferError> {
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = self.coords().map(|c| (c.x, c.y)).unzip();
        work(&mut xs, &mut ys)?;
        let mut places = xs.into_iter().zip(ys);
        let rings = self.polygons.iter_mut().flatten();
        let lines = self.lines.iter_mut().chain(rings).flatten();
        for (coord, (x, y)) in self.points.iter_mut().chain(lines).zip(&mut places) {
            *coord = Coord { x, y };
        }
        Ok(self)
    }
}

/// A line with points between its corners, at most a step apart.
pub(super) fn densified(line: &[Coord<f64>], step: f64) -> Line {
    let mut out = Vec::with_capacity(line.len());
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let parts = ((b.x - a.x).hypot(b.y - a.y) / step).ceil().max(1.0) as u32;
        out.extend((0..parts).map(|part| a + (b - a) * (f64::from(part) / f64::from(parts))));
    }
    out.extend(line.last());
    out
}

struct Reader {
    shape: Shape,
    left: usize,
    limit: usize,
}

fn not_geojson(found: String) -> BufferError {
    AoiError::NotGeoJson { found }.into()
}

impl Reader {
    fn object(&mut self, value: &Value, place: &str) -> Result<(), BufferError> {
        let Some(object) = value.as_object() else {
            return Err(not_geojson(format!("no object as {place}")));
        };
        let members = |key: &str| object.get(key).and_then(Value::as_array);
        match object.get("type").and_then(Value::as_str) {
            Some("FeatureCollection") => {
                for (index, feature) in members("features").into_iter().flatten().enumerate() {
                    self.object(feature, &format!("feature {}", index + 1))?;
                }
                Ok(())
            }
            Some("Feature") => match object.get("geometry") {
                None | Some(Value::Null) => Ok(()),
                Some(geometry) => self.object(geometry, &format!("the geometry of {place}")),
            },
            Some("GeometryCollection") => {
                for (index, part) in members("geometries").into_iter().flatten().enumerate() {
                    self.object(part, &format!("geometry {} of {place}", index + 1))?;
                }
                Ok(())
            }
            Some(kind) => self.geometry(kind, object, place),
            None => Err(not_geojson(format!("{place} without \"type\""))),
        }
    }

    fn geometry(
        &mut self,
        kind: &str,
        object: &Map<String, Value>,
        place: &str,
    ) -> Result<(), BufferError> {
        let coordinates = object.get("coordinates").unwrap_or(&Value::Null);
        match kind {
            "Point" => {
                let point = self.position(coordinates, place)?;
                self.shape.points.push(point);
            }
            "MultiPoint" => {
                let points = self.line(coordinates, place, 0)?;
                self.shape.points.extend(points);
            }
            "LineString" => {
                let line = self.line(coordinates, place, 2)?;
                self.shape.lines.push(line);
            }
            "MultiLineString" => {
                for line in list(coordinates, place)? {
                    let line = self.line(line, place, 2)?;
                    self.shape.lines.push(line);
                }
            }
            "Polygon" => self.polygon(coordinates, place)?,
            "MultiPolygon" => {
                for (index, polygon) in list(coordinates, place)?.iter().enumerate() {
                    self.polygon(polygon, &format!("polygon {} of {place}", index + 1))?;
                }
            }
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(not_geojson(format!("the type {other:?}")));
            }
        }
        Ok(())
    }

    fn polygon(&mut self, rings: &Value, place: &str) -> Result<(), BufferError> {
        let mut polygon = Vec::new();
        for (index, ring) in list(rings, place)?.iter().enumerate() {
            let place = format!("ring {} of {place}", index + 1);
            let ring = self.line(ring, &place, 4)?;
            let (first, last) = (ring[0], ring[ring.len() - 1]);
            if first != last {
                return Err(AoiError::Unclosed {
                    place,
                    first: [first.x, first.y],
                    last: [last.x, last.y],
                }
                .into());
            }
            polygon.push(ring);
        }
        self.shape.polygons.push(polygon);
        Ok(())
    }

    /// A list of at least so many positions.
    fn line(&mut self, value: &Value, place: &str, least: usize) -> Result<Line, BufferError> {
        let positions = list(value, place)?;
        if positions.len() < least {
            return Err(AoiError::TooFewPositions {
                place: place.to_owned(),
                positions: positions.len(),
            }
            .into());
        }
        positions.iter().map(|p| self.position(p, place)).collect()
    }

    fn position(&mut self, value: &Value, place: &str) -> Result<Coord<f64>, BufferError> {
        self.left = self.left.checked_sub(1).ok_or(AoiError::TooManyVertices {
            vertices: self.limit + 1,
            limit: self.limit,
        })?;
        let number = |at: usize| value.get(at)?.as_f64().filter(|v| v.is_finite());
        match (number(0), number(1)) {
            (Some(x), Some(y)) => Ok(Coord { x, y }),
            _ => Err(AoiError::NotAPosition {
                place: place.to_owned(),
                found: value.to_string().chars().take(60).collect(),
            }
            .into()),
        }
    }
}

fn list<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], BufferError> {
    match value.as_array() {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(AoiError::NoCoordinates {
            place: place.to_owned(),
        }
        .into()),
    }
}
