//! What is found of zones, as data, GeoJSON and tables.

use std::fmt::Write as _;

use geocrop_model::csv::quoted;
use serde::Serialize;
use serde_json::{Value, json};

use super::Zone;

/// The statistics of all zones.
#[derive(Debug, Clone, PartialEq)]
pub struct ZonalReport {
    /// The recipe of the map and of the mask.
    pub recipe: String,
    /// The period.
    pub period: String,
    /// Zone by zone, in the order in which they were given.
    pub zones: Vec<ZoneReport>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// The statistics of one zone.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneReport {
    /// The zone.
    pub zone: Zone,
    /// Area of its outline on the ellipsoid.
    pub area_ha: f64,
    /// By class, where a map was asked.
    pub map: Option<ZoneMap>,
    /// By date, the earliest first, where scenes were asked.
    pub ndvi: Option<Vec<ZoneDate>>,
}

/// What a map holds of a zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneMap {
    /// Pixels with their centre in the zone.
    pub pixels: u64,
    /// Hectares of those that the map has a class for.
    pub mapped_ha: f64,
    /// Hectares of those that it has none for: clouds, masks, outside of the map.
    pub unmapped_ha: f64,
    /// Every class of the map, those without a pixel too.
    pub classes: Vec<ZoneClass>,
}

/// One class in a zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneClass {
    /// Value in the map's file; for an index, the first code of its step.
    pub value: u8,
    /// Slug.
    pub name: String,
    /// For people.
    pub title: String,
    /// Pixels.
    pub pixels: u64,
    /// Hectares.
    pub hectares: f64,
    /// Percent of what was mapped.
    pub percent: f64,
}

/// What one day shows of a zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneDate {
    /// The day of UTC.
    pub date: String,
    /// The satellite, where the catalog names it.
    pub platform: Option<String>,
    /// Mean NDVI of the clear pixels; none if none was clear.
    pub mean: Option<f64>,
    /// Clear pixels.
    pub clear: u64,
    /// Share of the zone's pixels that were clear.
    pub share: f64,
}

impl ZonalReport {
    /// A `FeatureCollection`: the zones with their statistics as properties.
    pub fn to_geojson(&self) -> Value {
        let feature = |report: &ZoneReport| {
            let mut properties = json!({ "name": report.zone.name, "area_ha": report.area_ha });
            if let Some(map) = &report.map {
                properties["pixels"] = map.pixels.into();
                properties["mapped_ha"] = map.mapped_ha.into();
                properties["unmapped_ha"] = map.unmapped_ha.into();
                properties["classes"] = json!(map.classes);
            }
            if let Some(dates) = &report.ndvi {
                properties["ndvi"] = json!(dates);
            }
            let mut feature = json!({
                "type": "Feature",
                "properties": properties,
                "geometry": report.zone.aoi.to_geojson_geometry(),
            });
            if !report.zone.id.is_null() {
                feature["id"] = report.zone.id.clone();
            }
            feature
        };
        json!({
            "type": "FeatureCollection",
            "recipe": self.recipe,
            "period": self.period,
            "notes": self.notes,
            "features": self.zones.iter().map(feature).collect::<Vec<_>>(),
        })
    }

    /// Zone, class, hectares: a line for each class of each zone.
    pub fn classes_csv(&self) -> String {
        let mut text = "zone,id,name,value,class,title,pixels,hectares,percent\n".to_owned();
        for (number, zone, map) in self.numbered(|zone| zone.map.as_ref()) {
            for class in &map.classes {
                let ZoneClass {
                    value,
                    name,
                    title,
                    pixels,
                    hectares,
                    percent,
                } = class;
                let title = quoted(title);
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "{number},{zone},{value},{name},{title},{pixels},{hectares},{percent}"
                );
            }
        }
        text
    }

    /// Zone, date, mean NDVI: a line for each date of each zone.
    pub fn ndvi_csv(&self) -> String {
        let mut text = "zone,id,name,date,platform,ndvi,clear,share\n".to_owned();
        for (number, zone, dates) in self.numbered(|zone| zone.ndvi.as_ref()) {
            for ZoneDate {
                date,
                platform,
                mean,
                clear,
                share,
            } in dates
            {
                let platform = quoted(platform.as_deref().unwrap_or_default());
                let mean = mean.map_or_else(String::new, |mean| mean.to_string());
                let _ = writeln!(
                    text,
                    "{number},{zone},{date},{platform},{mean},{clear},{share}"
                );
            }
        }
        text
    }

    /// Zones that have something, with their number from 1 and the fields that name them.
    fn numbered<'a, T>(
        &'a self,
        pick: impl Fn(&'a ZoneReport) -> Option<T> + 'a,
    ) -> impl Iterator<Item = (usize, String, T)> + 'a {
        self.zones
            .iter()
            .enumerate()
            .filter_map(move |(index, report)| {
                let id = match &report.zone.id {
                    Value::Null => String::new(),
                    Value::String(text) => quoted(text),
                    other => other.to_string(),
                };
                let named = format!("{id},{}", quoted(&report.zone.name));
                Some((index + 1, named, pick(report)?))
            })
    }
}
