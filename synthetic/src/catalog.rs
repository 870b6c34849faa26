//! The documents of the static STAC 1.1 catalog, the areas of interest, and the description of the source.

use chrono::NaiveDate;
use geocrop_raster::Grid;
use serde_json::{Value, json};

use crate::class::LandClass;
use crate::frame::Frame;
use crate::scene::{BAND_TABLE, SCALE};
use crate::{Landscape, SyntheticError};

/// Identifier of the catalog's only collection.
pub(crate) const COLLECTION: &str = "synthetic-sentinel-2";

const NOTICE: &str =
    "Synthetic: made by GeoCrop's generator, not real imagery. It shows no real place.";
const COG: &str = "image/tiff; application=geotiff; profile=cloud-optimized";
const EO: &str = "https://stac-extensions.github.io/eo/v2.0.0/schema.json";
const PROJECTION: &str = "https://stac-extensions.github.io/projection/v2.0.0/schema.json";
const RASTER: &str = "https://stac-extensions.github.io/raster/v2.0.0/schema.json";

/// What an item says of one acquisition.
pub(crate) struct ItemFacts<'a> {
    pub(crate) id: &'a str,
    pub(crate) date: NaiveDate,
    pub(crate) baseline: &'static str,
    pub(crate) offset: f64,
    /// Share of the scene under clouds, in percent.
    pub(crate) cloud_cover: f64,
}

pub(crate) fn catalog() -> Value {
    json!({
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": "geocrop-synthetic",
        "title": "Synthetic Zimbabwean landscape",
        "description": NOTICE,
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": "application/json"},
            {"rel": "child", "href": "./collection.json", "type": "application/json",
             "title": "Synthetic Sentinel-2 scenes"},
        ],
    })
}

/// West, south, east, north of all areas.
fn extent(frames: &[Frame]) -> Result<[f64; 4], SyntheticError> {
    let mut boxes = boxes(frames)?.into_iter();
    let first = boxes.next().unwrap_or_default();
    Ok(boxes.fold(first, |a, b| {
        [
            a[0].min(b[0]),
            a[1].min(b[1]),
            a[2].max(b[2]),
            a[3].max(b[3]),
        ]
    }))
}

/// West, south, east, north of each area.
fn boxes(frames: &[Frame]) -> Result<Vec<[f64; 4]>, SyntheticError> {
    frames
        .iter()
        .map(|frame| Ok(frame.grid.lonlat_bounds()?.map(degrees)))
        .collect()
}

pub(crate) fn collection(
    landscape: &Landscape,
    frames: &[Frame],
    items: &[String],
) -> Result<Value, SyntheticError> {
    let each = boxes(frames)?;
    let mut boxes = vec![extent(frames)?];
    if each.len() > 1 {
        boxes.extend(each);
    }
    let mut links = vec![
        json!({"rel": "root", "href": "./catalog.json", "type": "application/json"}),
        json!({"rel": "parent", "href": "./catalog.json", "type": "application/json"}),
    ];
    links.extend(items.iter().map(|id| {
        json!({"rel": "item", "href": format!("./scenes/{id}/item.json"), "type": "application/geo+json"})
    }));
    Ok(json!({
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": COLLECTION,
        "title": "Synthetic Sentinel-2 scenes",
        "description": format!("{NOTICE} Surface reflectance in ten bands, stored as Sentinel-2 Level-2A is, with a scene classification."),
        "license": "CC0-1.0",
        "keywords": ["synthetic"],
        "providers": [{"name": "GeoCrop's generator", "roles": ["producer"]}],
        "extent": {
            "spatial": {"bbox": boxes},
            "temporal": {"interval": [[
                format!("{}-01-01T00:00:00Z", landscape.year),
                format!("{}-12-31T23:59:59Z", landscape.year),
            ]]},
        },
        "summaries": {"platform": ["synthetic"], "geocrop:synthetic": [true]},
        "links": links,
    }))
}

pub(crate) fn item(frame: &Frame, facts: &ItemFacts) -> Result<Value, SyntheticError> {
    let bounds = frame.grid.lonlat_bounds()?.map(degrees);
    let coarse = frame.coarse_grid();
    let mut assets = serde_json::Map::new();
    for (name, common_name, wavelength, resolution) in BAND_TABLE {
        let grid = if resolution == 10 {
            &frame.grid
        } else {
            &coarse
        };
        let mut asset = raster_asset(name, grid);
        asset["title"] = json!(format!("{name} ({common_name}), synthetic"));
        asset["roles"] = json!(["data", "reflectance"]);
        asset["bands"] = json!([{
            "name": name,
            "eo:common_name": common_name,
            "eo:center_wavelength": wavelength,
            "data_type": "uint16",
            "nodata": 0,
            "unit": "1",
            "raster:scale": SCALE,
            "raster:offset": facts.offset,
            "raster:spatial_resolution": resolution,
        }]);
        assets.insert(name.to_owned(), asset);
    }
    let mut scl = raster_asset("SCL", &coarse);
    scl["title"] = json!("Scene classification, synthetic");
    scl["roles"] = json!(["data", "cloud", "snow-ice", "water-mask"]);
    scl["bands"] = json!([{
        "name": "SCL",
        "data_type": "uint8",
        "nodata": 0,
        "raster:spatial_resolution": 20,
    }]);
    assets.insert("SCL".to_owned(), scl);

    Ok(json!({
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [EO, PROJECTION, RASTER],
        "id": facts.id,
        "collection": COLLECTION,
        "bbox": bounds,
        "geometry": polygon(bounds),
        "properties": {
            "title": format!("{}, {}", frame.area.name, facts.date),
            "description": NOTICE,
            "datetime": format!("{}T07:52:00Z", facts.date),
            "platform": "synthetic",
            "gsd": 10,
            "proj:code": frame.grid.crs.to_string(),
            "eo:cloud_cover": (facts.cloud_cover * 10.0).round() / 10.0,
            "s2:processing_baseline": facts.baseline,
            "geocrop:synthetic": true,
        },
        "assets": assets,
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../../collection.json", "type": "application/json"},
            {"rel": "collection", "href": "../../collection.json", "type": "application/json"},
        ],
    }))
}

fn raster_asset(name: &str, grid: &Grid) -> Value {
    json!({
        "href": format!("./{name}.tif"),
        "type": COG,
        "gsd": grid.resolution,
        "proj:shape": [grid.height, grid.width],
        "proj:transform": [grid.resolution, 0.0, grid.x0, 0.0, -grid.resolution, grid.y0],
    })
}

/// The area as a GeoJSON feature.
pub(crate) fn aoi(frame: &Frame) -> Value {
    json!({
        "type": "Feature",
        "properties": {
            "name": frame.area.name,
            "slug": frame.area.slug,
            "kind": frame.area.kind.name(),
            "approximate": true,
            "synthetic": true,
        },
        "geometry": polygon(frame.lonlat.map(degrees)),
    })
}

/// About a centimetre.
fn degrees(value: f64) -> f64 {
    (value * 1e7).round() / 1e7
}

/// A counter-clockwise ring around west, south, east, north.
fn polygon([west, south, east, north]: [f64; 4]) -> Value {
    json!({
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    })
}

/// The description of the label exports.
pub(crate) fn labels_toml(frames: &[Frame]) -> Result<String, SyntheticError> {
    let [west, south, east, north] = extent(frames)?;
    Ok(format!(
        r#"# What each year of a landscape that GeoCrop's generator made was labelled. No satellite has seen it.

name = "synthetic-labels"
title = "Synthetic label exports in the form of Dynamic World's"
synthetic = true
attribution = "Made by GeoCrop's generator; not real labels."
licence = "CC0-1.0"
kind = "labels"
url = "labels"                  # a folder, relative to this file
api = "folder"
bbox = [{west}, {south}, {east}, {north}]
"#
    ))
}

/// The source's description, for programs that use the landscape.
pub(crate) fn source_toml() -> String {
    let values = LandClass::ALL
        .map(|class| {
            let crop = u8::from(class.is_crop());
            format!("\"{}\" = {crop}   # {}", class.value(), class.name())
        })
        .join("\n");
    format!(
        r#"# A landscape that GeoCrop's generator made. It is not real imagery.

name = "synthetic"
title = "Synthetic Zimbabwean landscape"
synthetic = true
attribution = "Made by GeoCrop's generator; not real imagery."
licence = "CC0-1.0"
url = "catalog.json"            # relative to this file
collections = ["{COLLECTION}"]

[bands]                         # recipe's band name -> asset key or common name, tried in order
blue = ["B02", "blue"]
green = ["B03", "green"]
red = ["B04", "red"]
red_edge_1 = ["B05", "rededge071"]
red_edge_2 = ["B06", "rededge075"]
red_edge_3 = ["B07", "rededge078"]
nir = ["B08", "nir"]
nir_2 = ["B8A", "nir08"]
swir_1 = ["B11", "swir16"]
swir_2 = ["B12", "swir22"]
scl = ["SCL"]

[rasters.slope]
href = "ancillary/slope.tif"
unit = "percent"

[rasters.rain]
monthly = "ancillary/rain/rain_{{year}}-{{month}}.tif"   # a season's value is the sum of its months
unit = "mm"

[truth.cropland-southeast-africa]
href = "truth/{{area}}.tif"

[truth.cropland-southeast-africa.values]   # class of the landscape -> value in the recipe's legend
{values}
"#
    )
}
