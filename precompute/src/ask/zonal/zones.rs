//! The zones of a `FeatureCollection`: each with what it is called and a valid outline.

use geocrop_raster::{Aoi, AoiError, AoiLimits};
use serde_json::Value;

use super::ZonalError;

/// How much may be asked at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneLimits {
    /// Features.
    pub features: usize,
    /// Of the text.
    pub max_bytes: usize,
    /// Of all outlines together.
    pub max_vertices: usize,
    /// Of all zones together, each counted by itself; no limit if `None`.
    pub max_area_km2: Option<f64>,
}

impl Default for ZoneLimits {
    /// 5,000 features, 20 MB, 500,000 vertices, any area.
    fn default() -> Self {
        Self {
            features: 5_000,
            max_bytes: 20_000_000,
            max_vertices: 500_000,
            max_area_km2: None,
        }
    }
}

/// One zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// The feature's identifier, or its property `id`: text, number, or null.
    pub id: Value,
    /// Its property `name`, or `zone 3`.
    pub name: String,
    /// Its outline.
    pub aoi: Aoi,
}

/// Reads the zones of a `FeatureCollection`, or one Feature or geometry, in longitude and latitude. Zones may overlap.
///
/// # Errors
/// With the number of the feature that is wrong, counted from 1.
pub fn parse(text: &str, limits: &ZoneLimits) -> Result<Vec<Zone>, ZonalError> {
    if text.len() > limits.max_bytes {
        return Err(ZonalError::TooMany {
            what: "bytes",
            found: text.len(),
            limit: limits.max_bytes,
        });
    }
    let text = text.trim_start_matches('\u{feff}');
    let root: Value = serde_json::from_str(text).map_err(|error| ZonalError::NotJson {
        reason: error.to_string(),
    })?;
    let features = match root.get("type").and_then(Value::as_str) {
        Some("FeatureCollection") => root.get("features").and_then(Value::as_array).cloned(),
        _ => Some(vec![root.clone()]),
    };
    let features = features.unwrap_or_default();
    if features.is_empty() {
        return Err(ZonalError::NoZone);
    }
    if features.len() > limits.features {
        return Err(ZonalError::TooMany {
            what: "features",
            found: features.len(),
            limit: limits.features,
        });
    }
    let (mut zones, mut vertices, mut area_km2) = (Vec::new(), 0, 0.0);
    for (index, feature) in features.iter().enumerate() {
        let number = index + 1;
        let zone = zone(number, feature, root.get("crs"))
            .map_err(|source| ZonalError::Zone { number, source })?;
        let polygons = zone.aoi.geometry.0.iter();
        vertices += polygons
            .map(|p| p.exterior().0.len() + p.interiors().iter().map(|r| r.0.len()).sum::<usize>())
            .sum::<usize>();
        if vertices > limits.max_vertices {
            return Err(ZonalError::TooMany {
                what: "vertices",
                found: vertices,
                limit: limits.max_vertices,
            });
        }
        area_km2 += zone.aoi.area_km2();
        zones.push(zone);
    }
    match limits.max_area_km2 {
        Some(limit) if area_km2 > limit => Err(ZonalError::TooLarge { area_km2, limit }),
        _ => Ok(zones),
    }
}

fn zone(number: usize, feature: &Value, crs: Option<&Value>) -> Result<Zone, AoiError> {
    let fallback = format!("zone {number}");
    let mut alone = feature.clone();
    // What is said of all features holds for each.
    if let (Some(crs), Some(object)) = (crs, alone.as_object_mut()) {
        object.entry("crs").or_insert_with(|| crs.clone());
    }
    let aoi = Aoi::parse(&alone.to_string(), &fallback, &AoiLimits::default())?;
    let given = [feature.get("id"), feature.pointer("/properties/id")];
    let mut plain = given.into_iter().flatten();
    let id = plain.find(|id| id.is_string() || id.is_number());
    Ok(Zone {
        id: id.cloned().unwrap_or(Value::Null),
        name: aoi.name.clone(),
        aoi,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn feature(west: f64, properties: &Value) -> Value {
        let east = west + 0.01;
        json!({ "type": "Feature", "properties": properties, "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, -17.0], [east, -17.0], [east, -16.99], [west, -17.0]]],
        } })
    }

    fn collection(features: &[Value]) -> String {
        json!({ "type": "FeatureCollection", "features": features }).to_string()
    }

    #[test]
    fn zones_keep_what_they_are_called() {
        let mut second = feature(31.0, &json!({ "id": 7 }));
        second["properties"]["name"] = json!("North field");
        let mut third = feature(31.0, &json!({}));
        third["id"] = json!("f-3");
        let text = collection(&[feature(30.0, &json!(null)), second, third]);
        let zones = parse(&text, &ZoneLimits::default()).unwrap();
        let called: Vec<_> = zones
            .iter()
            .map(|z| (z.id.clone(), z.name.as_str()))
            .collect();
        assert_eq!(called[0], (Value::Null, "zone 1"));
        assert_eq!(called[1], (json!(7), "North field"));
        assert_eq!(called[2], (json!("f-3"), "zone 3"));
        let one = feature(30.0, &json!({})).to_string();
        assert_eq!(parse(&one, &ZoneLimits::default()).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_or_too_much_is_named() {
        let error = |text: &str, limits: &ZoneLimits| parse(text, limits).unwrap_err().to_string();
        let all = ZoneLimits::default;
        let point = json!({ "type": "Feature", "properties": {}, "geometry": {
            "type": "Point", "coordinates": [31, -17] } });
        let text = collection(&[feature(31.0, &json!({})), point]);
        assert!(
            error(&text, &all()).starts_with("zone 2: "),
            "{}",
            error(&text, &all())
        );
        assert!(error("{", &all()).contains("JSON"));
        assert!(error(&collection(&[]), &all()).contains("no zone"));
        let two = collection(&[feature(31.0, &json!({})), feature(32.0, &json!({}))]);
        let limits = ZoneLimits {
            features: 1,
            ..all()
        };
        assert!(error(&two, &limits).contains("2 features"));
        let limits = ZoneLimits {
            max_vertices: 7,
            ..all()
        };
        assert!(error(&two, &limits).contains("8 vertices"));
        let limits = ZoneLimits {
            max_bytes: 10,
            ..all()
        };
        assert!(error(&two, &limits).contains("bytes"));
        let limits = ZoneLimits {
            max_area_km2: Some(1.0),
            ..all()
        };
        assert!(error(&two, &limits).contains("at most 1.0 km2"));
        let mut metres: Value = serde_json::from_str(&two).unwrap();
        metres["crs"] = json!({ "type": "name", "properties": { "name": "EPSG:32736" } });
        assert!(error(&metres.to_string(), &all()).contains("EPSG:32736"));
    }
}
