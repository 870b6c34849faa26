//! A metric buffer of an area, as a job: the geometry's own work is `geocrop_raster`'s.

use geocrop_raster::aoi::buffer::{self, BufferOptions, Buffered};
use serde_json::{Value, json};

use crate::progress::Stage;
use crate::{Progress, TaskError};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct BufferInputs {
    /// GeoJSON of any type.
    pub geometry: String,
    /// Distance, coordinates and limits.
    pub options: BufferOptions,
}

/// The buffer as a GeoJSON Feature that an AOI can be read from.
#[derive(Debug, Clone, PartialEq)]
pub struct BufferOutput {
    /// The buffer.
    pub buffered: Buffered,
    /// The same as a GeoJSON Feature.
    pub feature: Value,
}

/// Makes a buffer.
///
/// # Errors
/// [`TaskError::Buffer`] says what is wrong with the geometry, its coordinates or the distance.
pub fn run(inputs: &BufferInputs, progress: &Progress) -> Result<BufferOutput, TaskError> {
    progress.check()?;
    progress.begin(Stage::Map, 1);
    let buffered = buffer::buffer(&inputs.geometry, &inputs.options)?;
    // GEOS cannot be stopped; what it made for somebody who has left is thrown away.
    progress.check()?;
    progress.advance();
    let name = serde_json::from_str::<Value>(&inputs.geometry)
        .ok()
        .and_then(|root| {
            root.pointer("/properties/name")?
                .as_str()
                .map(str::to_owned)
        });
    let metres = inputs.options.metres;
    let title = match name {
        Some(name) => format!("{name}, buffer {metres} m"),
        None => format!("Buffer {metres} m"),
    };
    let feature = json!({
        "type": "Feature",
        "properties": {
            "name": title,
            "buffer_m": metres,
            "area_km2": buffered.area_km2,
            "stretch": buffered.stretch,
        },
        "geometry": buffered.to_geojson_geometry(),
    });
    Ok(BufferOutput { buffered, feature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_a_feature_with_a_name_of_its_own() {
        let inputs = BufferInputs {
            geometry: r#"{"type":"Feature","properties":{"name":"Dam"},
                "geometry":{"type":"Point","coordinates":[31,-17]}}"#
                .to_owned(),
            options: BufferOptions::metres(100.0),
        };
        let made = run(&inputs, &Progress::new()).unwrap();
        assert_eq!(made.feature["properties"]["name"], "Dam, buffer 100 m");
        let aoi = geocrop_raster::Aoi::parse(
            &made.feature.to_string(),
            "x",
            &geocrop_raster::AoiLimits::default(),
        );
        assert!((aoi.unwrap().area_km2() - 0.0314).abs() < 2e-4);
        let stopped = Progress::new();
        stopped.cancel();
        assert!(matches!(run(&inputs, &stopped), Err(TaskError::Cancelled)));
    }
}
