//! What a raster of classes says about its values: names and colours.

use std::path::Path;

use gdal::Metadata;

use crate::error::{RasterError, Result};
use crate::read::open_file;

/// Names and colours of the values of a raster's first band, as far as the file has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Categories {
    /// Value and name; values without a name are left out.
    pub names: Vec<(u8, String)>,
    /// Value and colour of every entry of the palette that is not transparent; empty without a palette.
    pub colors: Vec<(u8, [u8; 3])>,
}

impl Categories {
    /// Reads them from a local `GeoTIFF` of `uint8`: names from the metadata item `CATEGORY_NAMES` (a JSON list, as
    /// [`CogSpec`](crate::CogSpec) keeps them), colours from the palette.
    ///
    /// # Errors
    /// When the file cannot be opened or its first band is not `uint8`: such a raster holds measurements.
    pub fn read(path: &Path) -> Result<Self> {
        let dataset = open_file(path, None)?;
        let location = || path.display().to_string();
        let band = dataset.rasterband(1).map_err(|_| RasterError::NoSuchBand {
            location: location(),
            band: 1,
            bands: dataset.raster_count(),
        })?;
        let kind = band.band_type().name();
        if kind != "Byte" {
            return Err(RasterError::NotClasses {
                location: location(),
                data_type: kind,
            });
        }
        let names: Vec<String> = band
            .metadata_item("CATEGORY_NAMES", "")
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let named = (0..=u8::MAX).zip(names);
        let colors = band.color_table().map_or_else(Vec::new, |table| {
            (0..=u8::MAX)
                .filter_map(|value| {
                    let entry = table.entry_as_rgb(usize::from(value))?;
                    let part = |part: i16| part.clamp(0, 255) as u8;
                    (entry.a != 0).then(|| (value, [part(entry.r), part(entry.g), part(entry.b)]))
                })
                .collect()
        });
        Ok(Self {
            names: named.filter(|(_, name)| !name.is_empty()).collect(),
            colors,
        })
    }
}
