//! `layers.json`: the one file the map reads to know what there is.

use serde::Serialize;

use crate::catalog::{Catalog, Kind, Layer, is_cog};
use crate::view;

/// Everything the map needs, so that its first paint costs one small request.
#[derive(Debug, Serialize)]
pub(crate) struct Layers<'a> {
    layers: Vec<Entry<'a>>,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    id: String,
    recipe: &'a str,
    recipe_title: &'a str,
    period: &'a str,
    /// Key of the item under the store: what made the map.
    item: &'a str,
    /// Keys of the rasters under the store, for a look at single pixels.
    rasters: Rasters,
    area: &'a str,
    area_name: &'a str,
    kind: &'static str,
    synthetic: bool,
    notes: &'a [String],
    attribution: Option<&'a str>,
    /// West, south, east, north in degrees.
    bbox: [f64; 4],
    /// Key of the PMTiles archive under the store.
    tiles: String,
    min_zoom: u8,
    max_zoom: u8,
    tile_size: u16,
    legend: Vec<Class>,
    page: String,
}

/// Which rasters there are, so that the map never asks for one that is not.
#[derive(Debug, Serialize)]
struct Rasters {
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applicability: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observations: Option<String>,
}

#[derive(Debug, Serialize)]
struct Class {
    value: i64,
    title: String,
    color: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hectares: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
}

/// Lists every layer that has tiles. Those with a caveat come last: the first is what the map opens with.
pub(crate) fn list(catalog: &Catalog) -> Layers<'_> {
    let mut layers: Vec<Entry<'_>> = catalog
        .areas
        .values()
        .flat_map(|area| &area.layers)
        .filter_map(entry)
        .collect();
    layers.sort_by_key(|layer| !layer.notes.is_empty());
    Layers { layers }
}

fn entry(layer: &Layer) -> Option<Entry<'_>> {
    let p = &layer.properties;
    let tiles = layer.assets.get("tiles")?;
    Some(Entry {
        id: view::layer_name(layer),
        recipe: &p.recipe,
        recipe_title: &layer.recipe_title,
        period: &p.period,
        item: &layer.key,
        rasters: {
            // A map over several files is a virtual raster, which a browser cannot read.
            let cog = |name| layer.asset_key(name).filter(|key| is_cog(key));
            Rasters {
                map: cog("map"),
                confidence: cog("confidence"),
                applicability: cog("applicability"),
                observations: cog("observations"),
            }
        },
        area: &p.area,
        area_name: &p.area_name,
        kind: match p.kind {
            Kind::Classes => "classes",
            Kind::Index => "index",
            Kind::Rgb => "rgb",
        },
        synthetic: p.synthetic,
        notes: &p.notes,
        attribution: p.attribution.as_deref(),
        bbox: layer.bbox,
        tiles: layer.asset_key("tiles")?,
        min_zoom: tiles.min_zoom.unwrap_or(0),
        max_zoom: tiles.max_zoom.unwrap_or(14),
        tile_size: tiles.tile_size.unwrap_or(256),
        legend: legend(layer),
        page: format!("{}#{}", view::area_address(&p.area), layer.anchor()),
    })
}

fn legend(layer: &Layer) -> Vec<Class> {
    let Some(map) = layer.assets.get("map") else {
        return Vec::new();
    };
    map.classes
        .iter()
        .map(|class| {
            let area = layer.stats.classes.iter().find(|c| c.value == class.value);
            Class {
                value: class.value,
                title: class
                    .title
                    .clone()
                    .or_else(|| class.name.clone())
                    .unwrap_or_else(|| class.value.to_string()),
                color: view::color(class.color_hint.as_deref()),
                description: class.description.clone(),
                hectares: area.map(|c| c.hectares),
                percent: area.map(|c| c.percent),
            }
        })
        .collect()
}
