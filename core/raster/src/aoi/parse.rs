//! From text to an area: what RFC 7946 allows of a Polygon or `MultiPolygon`, and nothing else.

use geo::{Coord, LineString, MultiPolygon, Polygon};
use serde_json::{Map, Value};

use super::{Aoi, AoiError, AoiLimits, validity};

type Result<T> = std::result::Result<T, AoiError>;
type Object = Map<String, Value>;

pub(super) fn parse(text: &str, fallback_name: &str, limits: &AoiLimits) -> Result<Aoi> {
    area(&json(text, limits)?, fallback_name, &mut Rings::new(limits))
}

/// The areas of a `FeatureCollection`, or the one of anything else that [`parse`] takes. Features without a geometry
/// are left out.
pub(super) fn parse_collection(
    text: &str,
    fallback_name: &str,
    limits: &AoiLimits,
) -> Result<Vec<Aoi>> {
    let root = json(text, limits)?;
    let mut rings = Rings::new(limits);
    let Some(features) = features_of(&root)? else {
        return Ok(vec![area(&root, fallback_name, &mut rings)?]);
    };
    let there = |feature: &&Value| !feature.get("geometry").is_none_or(Value::is_null);
    let areas: Vec<Aoi> = features
        .iter()
        .enumerate()
        .filter(|(_, feature)| there(feature))
        .map(|(index, feature)| {
            area(feature, fallback_name, &mut rings).map_err(|source| AoiError::Feature {
                number: index + 1,
                source: Box::new(source),
            })
        })
        .collect::<Result<_>>()?;
    if areas.is_empty() {
        return Err(AoiError::NoGeometry);
    }
    Ok(areas)
}

fn json(text: &str, limits: &AoiLimits) -> Result<Value> {
    if text.len() > limits.max_bytes {
        return Err(AoiError::TooManyBytes {
            bytes: text.len() as u64,
            limit: limits.max_bytes as u64,
        });
    }
    // Editors on Windows put a byte order mark first.
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(AoiError::Empty);
    }
    serde_json::from_str(text).map_err(|error| not_json(text, &error))
}

/// The members of a `FeatureCollection`; `None` for any other object.
fn features_of(root: &Value) -> Result<Option<&[Value]>> {
    let Some(object) = root.as_object() else {
        return Ok(None);
    };
    if object.get("type").and_then(Value::as_str) != Some("FeatureCollection") {
        return Ok(None);
    }
    longitude_latitude(object)?;
    let features = object.get("features").and_then(Value::as_array);
    Ok(Some(features.map_or(&[], Vec::as_slice)))
}

fn area(root: &Value, fallback_name: &str, rings: &mut Rings) -> Result<Aoi> {
    let (geometry, properties) = geometry_of(root)?;
    let geometry = MultiPolygon::new(rings.polygons(geometry)?);
    validity::check(&geometry)?;
    let geometry = validity::wound(geometry);
    let text_of = |key: &str| {
        let value = properties?.get(key)?.as_str()?;
        let clean: String = value
            .chars()
            .filter(|letter| !letter.is_control())
            .take(LONGEST_NAME)
            .collect();
        let clean = clean.trim();
        (!clean.is_empty()).then(|| clean.to_owned())
    };
    let name = text_of("name").unwrap_or_else(|| fallback_name.to_owned());
    let slug = [text_of("slug").as_deref(), Some(&name), Some(fallback_name)]
        .into_iter()
        .flatten()
        .map(slugified)
        .find(|slug| !slug.is_empty())
        .unwrap_or_else(|| "area".to_owned());
    Ok(Aoi {
        slug,
        name,
        kind: text_of("kind"),
        geometry,
        approximate: properties
            .and_then(|properties| properties.get("approximate"))
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// In characters.
const LONGEST_NAME: usize = 200;
/// In bytes; file systems allow 255 for the name with its ending.
const LONGEST_SLUG: usize = 64;

fn slugified(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == LONGEST_SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

fn not_json(text: &str, error: &serde_json::Error) -> AoiError {
    let line = error.line();
    let at = text
        .lines()
        .nth(line.saturating_sub(1))
        .and_then(|text| text.get(error.column().saturating_sub(1)..))
        .unwrap_or_default()
        .trim_start_matches('-');
    let no_number = ["NaN", "nan", "Inf", "inf"]
        .iter()
        .any(|word| at.starts_with(word));
    let hint = if no_number {
        ". JSON has no NaN or Infinity: remove the position"
    } else if error.is_eof() {
        ". The file ends too early: save or send it again"
    } else {
        ". Check the file in a JSON editor or export it again"
    };
    // The parser repeats the place at the end of its message.
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or(&message);
    AoiError::NotJson {
        line,
        column: error.column(),
        reason: reason.to_owned(),
        hint,
    }
}

/// The geometry object of a bare geometry or a Feature, and the Feature's properties.
fn geometry_of(root: &Value) -> Result<(&Object, Option<&Object>)> {
    let object = root
        .as_object()
        .ok_or_else(|| AoiError::NotGeoJson { found: named(root) })?;
    longitude_latitude(object)?;
    match object.get("type").and_then(Value::as_str) {
        Some("FeatureCollection") => Err(AoiError::FeatureCollection {
            features: object
                .get("features")
                .and_then(Value::as_array)
                .map_or(0, Vec::len),
        }),
        Some("Feature") => {
            let geometry = match object.get("geometry") {
                None | Some(Value::Null) => return Err(AoiError::NoGeometry),
                Some(geometry) => geometry,
            };
            let geometry = geometry.as_object().ok_or_else(|| AoiError::NotGeoJson {
                found: format!("{} as geometry", named(geometry)),
            })?;
            longitude_latitude(geometry)?;
            Ok((
                geometry,
                object.get("properties").and_then(Value::as_object),
            ))
        }
        Some(_) => Ok((object, None)),
        None => Err(AoiError::NotGeoJson {
            found: "an object without \"type\"".to_owned(),
        }),
    }
}

/// The `crs` member of the 2008 GeoJSON must name what RFC 7946 prescribes.
fn longitude_latitude(object: &Object) -> Result<()> {
    let Some(crs) = object.get("crs").filter(|crs| !crs.is_null()) else {
        return Ok(());
    };
    let name = crs.pointer("/properties/name").and_then(Value::as_str);
    let known = name.is_some_and(|name| {
        let name = name.to_ascii_uppercase();
        let last = name.rsplit([':', '/']).next().unwrap_or_default();
        last == "CRS84" || (last == "4326" && name.contains("EPSG"))
    });
    if known {
        Ok(())
    } else {
        let name = name.map_or_else(|| crs.to_string(), str::to_owned);
        Err(AoiError::OtherCrs {
            name: name.chars().take(LONGEST_NAME).collect(),
        })
    }
}

/// What a JSON value is, in a few words.
fn named(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Reads rings and counts their vertices.
struct Rings {
    left: usize,
    limit: usize,
}

impl Rings {
    fn new(limits: &AoiLimits) -> Self {
        Self {
            left: limits.max_vertices,
            limit: limits.max_vertices,
        }
    }

    fn polygons(&mut self, geometry: &Object) -> Result<Vec<Polygon<f64>>> {
        let coordinates = geometry.get("coordinates");
        match geometry.get("type").and_then(Value::as_str) {
            Some("Polygon") => Ok(vec![self.polygon(list(coordinates, "the polygon")?, 1)?]),
            Some("MultiPolygon") => list(coordinates, "the multipolygon")?
                .iter()
                .enumerate()
                .map(|(index, polygon)| {
                    let number = index + 1;
                    let rings = list(Some(polygon), &format!("polygon {number}"))?;
                    self.polygon(rings, number)
                })
                .collect(),
            Some(
                found @ ("Point" | "MultiPoint" | "LineString" | "MultiLineString"
                | "GeometryCollection"),
            ) => Err(AoiError::WrongGeometry {
                found: found.to_owned(),
            }),
            Some(other) => Err(AoiError::NotGeoJson {
                found: format!("the type {:?}", other.chars().take(40).collect::<String>()),
            }),
            None => Err(AoiError::NotGeoJson {
                found: "a geometry without \"type\"".to_owned(),
            }),
        }
    }

    fn polygon(&mut self, rings: &[Value], polygon: usize) -> Result<Polygon<f64>> {
        let mut read = rings
            .iter()
            .enumerate()
            .map(|(index, ring)| self.ring(ring, &validity::place(polygon, index)));
        // `list` made sure that there is at least one.
        let exterior = read
            .next()
            .transpose()?
            .unwrap_or_else(|| LineString(Vec::new()));
        Ok(Polygon::new(exterior, read.collect::<Result<_>>()?))
    }

    fn ring(&mut self, ring: &Value, place: &str) -> Result<LineString<f64>> {
        let positions = list(Some(ring), place)?;
        let Some(left) = self.left.checked_sub(positions.len()) else {
            return Err(AoiError::TooManyVertices {
                vertices: self.limit - self.left + positions.len(),
                limit: self.limit,
            });
        };
        self.left = left;
        let mut corners: Vec<Coord<f64>> = Vec::with_capacity(positions.len());
        for (index, position) in positions.iter().enumerate() {
            corners.push(corner(position, || {
                format!("{place}, position {}", index + 1)
            })?);
        }
        let (first, last) = (corners[0], corners[corners.len() - 1]);
        if corners.len() >= 3 && first != last {
            return Err(AoiError::Unclosed {
                place: place.to_owned(),
                first: [first.x, first.y],
                last: [last.x, last.y],
            });
        }
        // The same corner twice in a row says nothing.
        corners.dedup();
        if corners.len() < 4 {
            return Err(AoiError::TooFewPositions {
                place: place.to_owned(),
                positions: positions.len().min(corners.len()),
            });
        }
        Ok(LineString(corners))
    }
}

fn list<'a>(value: Option<&'a Value>, place: &str) -> Result<&'a [Value]> {
    match value {
        Some(Value::Array(items)) if !items.is_empty() => Ok(items),
        _ => Err(AoiError::NoCoordinates {
            place: place.to_owned(),
        }),
    }
}

fn corner(position: &Value, place: impl Fn() -> String) -> Result<Coord<f64>> {
    let wrong = |found: &Value| AoiError::NotAPosition {
        place: place(),
        found: named(found),
    };
    let numbers = position.as_array().ok_or_else(|| wrong(position))?;
    let [lon, lat, ..] = numbers.as_slice() else {
        return Err(wrong(position));
    };
    let number = |value: &Value| value.as_f64().filter(|v| v.is_finite());
    let lon = number(lon).ok_or_else(|| wrong(lon))?;
    let lat = number(lat).ok_or_else(|| wrong(lat))?;
    if lon.abs() <= 180.0 && lat.abs() <= 90.0 {
        return Ok(Coord { x: lon, y: lat });
    }
    Err(AoiError::OutOfRange {
        place: place(),
        lon,
        lat,
        hint: if lon.abs() > 540.0 || lat.abs() > 540.0 {
            "these look like projected metres. Convert the file, for example with \
             `ogr2ogr -t_srs EPSG:4326 out.geojson in.geojson`"
        } else if lat.abs() > 90.0 && lat.abs() <= 180.0 && lon.abs() <= 90.0 {
            "are the two numbers swapped? GeoJSON has longitude first"
        } else {
            "longitudes count from -180 to 180. An area over the antimeridian must be split at 180 degrees"
        },
    })
}
