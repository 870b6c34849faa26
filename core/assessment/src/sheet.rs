//! What is handed to the people who label: places, and nothing of what the map says about them.

use std::fmt::Write as _;

use geocrop_model::csv::quoted;
use serde_json::json;

use crate::{AreaError, Design, Point};

/// The files of a sample. Whoever knows what the map says is biased towards it, so that strata and
/// map classes are in `key.csv`, which stays away from those who label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// `points.csv`: id, lon, lat and the empty columns reference, confidence and note.
    pub csv: String,
    /// `points.geojson`: the same for a GIS.
    pub geojson: String,
    /// `key.csv`: id, stratum, map class and pixel.
    pub key: String,
    /// `design.json`: the [`Design`].
    pub design: String,
}

impl Sheet {
    /// The header of `points.csv`.
    pub const COLUMNS: &str = "id,lon,lat,reference,confidence,note";
    /// The header of `key.csv`.
    pub const KEY_COLUMNS: &str = "id,stratum,map_class,pixel";

    /// Writes the files of what [`crate::draw`] gave. `places` has the longitude and latitude, in degrees, of the
    /// centre of each point's pixel, in the order of `points`.
    ///
    /// # Panics
    /// When there are not as many places as points.
    pub fn new(design: &Design, points: &[Point], places: &[[f64; 2]]) -> Result<Self, AreaError> {
        assert_eq!(points.len(), places.len(), "a place for each point");
        let mut csv = format!("{}\n", Self::COLUMNS);
        let mut key = format!("{}\n", Self::KEY_COLUMNS);
        let mut features = Vec::with_capacity(points.len());
        for (Point { id, candidate }, [lon, lat]) in points.iter().zip(places) {
            let stratum = quoted(&design.strata[candidate.stratum].name);
            let class = quoted(&design.classes[candidate.class].name);
            // Seven places are a centimetre. Writing to a string cannot fail.
            let _ = writeln!(csv, "{id},{lon:.7},{lat:.7},,,");
            let _ = writeln!(key, "{id},{stratum},{class},{}", candidate.pixel);
            features.push(json!({
                "type": "Feature",
                "id": id,
                "geometry": { "type": "Point", "coordinates": [lon, lat] },
                "properties": { "id": id, "reference": "", "confidence": "", "note": "" },
            }));
        }
        let collection = json!({ "type": "FeatureCollection", "features": features });
        Ok(Self {
            csv,
            geojson: serde_json::to_string_pretty(&collection)?,
            key,
            design: serde_json::to_string_pretty(design)?,
        })
    }
}
