//! What templates see: an area and its layers as finished words, numbers and addresses.

mod estimate;
mod history;
mod layer;
mod model;
mod record;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use geocrop_assessment::Record;
use serde::Serialize;

use crate::card::Motif;
use crate::catalog::{self, Area, Kind, Layer};
use crate::format;
use crate::picture;
use history::Group;

pub(crate) use model::{
    ModelPage, ModelRow, model_pages, model_rows, report_address, version_address,
};

/// The picture of a map.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Picture {
    /// The address of its largest size.
    pub(crate) src: String,
    /// All sizes as the attribute `srcset` wants them; empty where there is one.
    pub(crate) srcset: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) alt: String,
    /// Classes are drawn with hard pixel edges when enlarged.
    pub(crate) crisp: bool,
}

/// An area as a card in lists.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Card {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) layer_count: String,
    pub(crate) synthetic: bool,
    pub(crate) note: bool,
    pub(crate) picture: Option<Picture>,
}

/// The map at the top of the home page.
#[derive(Debug, Serialize)]
pub(crate) struct Hero {
    address: String,
    area: String,
    title: String,
    period: String,
    synthetic: bool,
    legend: Vec<LegendEntry>,
    picture: Picture,
    /// The map's page, showing this layer.
    map_link: String,
    /// The map in the store.
    #[serde(skip)]
    map: Option<String>,
}

impl Hero {
    /// The map that it shows, for cards.
    pub(crate) fn motif(&self) -> (Motif, &str) {
        (motif(self.map.clone()), &self.picture.src)
    }
}

fn motif(map: Option<String>) -> Motif {
    map.map_or(Motif::Fields, Motif::Map)
}

/// The map that stands for an area, for its preview card.
pub(crate) fn area_motif<'a>(area: &'a Area, files: &'a Files) -> (Motif, &'a str) {
    face(area, files).map_or((Motif::Fields, ""), |(layer, picture)| {
        (motif(picture::map_of(layer)), &picture.src)
    })
}

/// An area's own page.
#[derive(Debug, Serialize)]
pub(crate) struct AreaPage {
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) description: String,
    synthetic: bool,
    notes: Vec<String>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone, Serialize)]
struct LegendEntry {
    title: String,
    color: String,
}

/// What is known about files outside the catalog's documents.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The picture of a layer, by the item's key.
    pub(crate) pictures: BTreeMap<String, Picture>,
    /// Areas that were estimated from points, by the item's key.
    pub(crate) estimates: BTreeMap<String, Record>,
    /// Sizes in bytes of the store's files that are there.
    pub(crate) sizes: BTreeMap<String, u64>,
    /// Addresses of models' cards.
    pub(crate) cards: BTreeSet<String>,
    /// Where the site is seen, without a closing slash.
    pub(crate) base_url: Option<String>,
}

impl Files {
    /// The whole address of a path on the site, as far as it is known.
    pub(crate) fn public_address(&self, href: &str) -> String {
        match &self.base_url {
            Some(base) if href.starts_with('/') => format!("{base}{href}"),
            _ => href.to_owned(),
        }
    }
}

/// The address of an area's page.
pub(crate) fn area_address(id: &str) -> String {
    format!("/areas/{id}/")
}

/// A layer's name on the map and in `layers.json`.
pub(crate) fn layer_name(layer: &Layer) -> String {
    let p = &layer.properties;
    format!("{}/{}/{}", p.recipe, p.period, p.area)
}

/// The legend's colour of a class as `#rrggbb`.
pub(crate) fn color(hint: Option<&str>) -> String {
    let hex = hint.unwrap_or("888888").trim_start_matches('#');
    format!("#{}", hex.to_ascii_lowercase())
}

/// What the picture of a layer shows, in words.
pub(crate) fn alt(layer: &Layer) -> String {
    let p = &layer.properties;
    let what = match p.kind {
        Kind::Classes => "Map",
        Kind::Index => "Index map",
        Kind::Rgb => "Satellite picture",
    };
    let made = if p.synthetic {
        " (synthetic landscape)"
    } else {
        ""
    };
    format!(
        "{what}: {}, {}, {}{made}",
        layer.recipe_title, p.area_name, p.period
    )
}

/// The area as a card.
pub(crate) fn card(id: &str, area: &Area, files: &Files) -> Card {
    let size = area.layers.iter().find_map(|layer| layer.stats.area_ha);
    let mut summary = capital(&area.kind);
    if let Some(ha) = size {
        let separator = if summary.is_empty() { "" } else { ", " };
        summary = format!("{summary}{separator}{} ha", format::hectares(ha));
    }
    Card {
        address: area_address(id),
        name: area.name.clone(),
        summary,
        layer_count: format::plural(area.layers.len(), "layer"),
        synthetic: area.layers.iter().any(|l| l.properties.synthetic),
        note: area.layers.iter().any(|l| !l.properties.notes.is_empty()),
        picture: face(area, files).map(|(_, picture)| picture.clone()),
    }
}

/// The order in which layers are fit to stand for all: without a caveat, maps of classes, many classes, the newest first.
fn showing(layer: &Layer) -> (bool, Kind, Reverse<usize>, Reverse<&str>) {
    let p = &layer.properties;
    (
        !p.notes.is_empty(),
        p.kind,
        Reverse(layer.stats.classes.len()),
        Reverse(&p.period),
    )
}

/// The layer that stands for an area, with its picture.
fn face<'a>(area: &'a Area, files: &'a Files) -> Option<(&'a Layer, &'a Picture)> {
    let pictured = |layer: &'a Layer| Some((layer, files.pictures.get(&layer.key)?));
    area.layers
        .iter()
        .filter_map(pictured)
        .min_by_key(|(layer, _)| showing(layer))
}

/// The map for the home page.
pub(crate) fn hero(catalog: &catalog::Catalog, files: &Files) -> Option<Hero> {
    let mut layers: Vec<(&String, &Area, &Layer)> = catalog
        .areas
        .iter()
        .flat_map(|(id, area)| area.layers.iter().map(move |layer| (id, area, layer)))
        .filter(|(_, _, layer)| files.pictures.contains_key(&layer.key))
        .collect();
    layers.sort_by_key(|(_, _, layer)| showing(layer));
    let (id, area, layer) = layers.into_iter().next()?;
    Some(Hero {
        address: area_address(id),
        area: area.name.clone(),
        title: layer.recipe_title.clone(),
        period: layer.properties.period.clone(),
        synthetic: layer.properties.synthetic,
        legend: if layer.properties.kind == Kind::Classes {
            legend(layer)
        } else {
            Vec::new()
        },
        picture: files.pictures.get(&layer.key)?.clone(),
        map_link: format!("/map/#layer={}", layer_name(layer)),
        map: picture::map_of(layer),
    })
}

/// The area's page.
pub(crate) fn area_page(id: &str, area: &Area, files: &Files, store_href: &str) -> AreaPage {
    let mut notes: Vec<String> = Vec::new();
    for layer in &area.layers {
        for note in &layer.properties.notes {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
    }
    let titles: Vec<&str> = area.layers.iter().fold(Vec::new(), |mut seen, layer| {
        if !seen.contains(&layer.recipe_title.as_str()) {
            seen.push(&layer.recipe_title);
        }
        seen
    });
    AreaPage {
        address: area_address(id),
        name: area.name.clone(),
        description: format!("{}.", titles.join(" · ")),
        synthetic: area.layers.iter().any(|l| l.properties.synthetic),
        notes,
        groups: history::groups(&area.layers, files, store_href),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn legend(layer: &Layer) -> Vec<LegendEntry> {
    layer.assets.get("map").map_or_else(Vec::new, |map| {
        map.classes
            .iter()
            .map(|class| LegendEntry {
                title: class
                    .title
                    .clone()
                    .or_else(|| class.name.clone())
                    .unwrap_or_else(|| class.value.to_string()),
                color: color(class.color_hint.as_deref()),
            })
            .collect()
    })
}
