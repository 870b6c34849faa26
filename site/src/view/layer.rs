//! A layer's section: picture, legend, chart, table, figures and downloads.

use serde::Serialize;

use super::estimate::{self, EstimateView};
use super::record::{self, Accuracy, SceneRow};
use super::{Files, LegendEntry, Picture};
use crate::catalog::{self, FeatureCounts, Kind, Layer, is_cog};
use crate::chart::{self, Bar};
use crate::estimate::key as stored_estimate;
use crate::format;

/// A layer on its area's page.
#[derive(Debug, Serialize)]
pub(super) struct LayerView {
    id: String,
    title: String,
    period: String,
    dates: Option<String>,
    synthetic: bool,
    attribution: Option<String>,
    map_link: String,
    picture: Option<Picture>,
    chart_title: String,
    chart: Option<String>,
    legend: Vec<LegendEntry>,
    figures: Vec<Fact>,
    rows: Vec<Row>,
    estimate: Option<EstimateView>,
    accuracy: Option<Accuracy>,
    downloads: Vec<Download>,
    /// Address of the map for programs that read it in place.
    qgis: Option<String>,
    made: Vec<Fact>,
    scene_count: String,
    scenes: Vec<SceneRow>,
}

/// A named value; `code` is set apart as what a program would read, `href` says more of it.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) code: Option<String>,
    pub(super) href: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    title: String,
    description: Option<String>,
    color: String,
    hectares: String,
    percent: String,
    pixels: String,
}

#[derive(Debug, Serialize)]
struct Download {
    title: &'static str,
    hint: &'static str,
    href: String,
    size: Option<String>,
    /// Whether a browser should save the file rather than show it.
    save: bool,
}

/// The section of a layer.
pub(super) fn view(layer: &Layer, files: &Files, store_href: &str) -> LayerView {
    let p = &layer.properties;
    let id = layer.anchor();
    let chart_title = match p.kind {
        Kind::Classes => "Hectares per class",
        Kind::Index | Kind::Rgb => "Hectares per step",
    };
    let rows = rows(layer);
    let dates = p
        .start_datetime
        .as_deref()
        .zip(p.end_datetime.as_deref())
        .map(|(start, end)| format!("{} to {}", format::day(start), format::day(end)));
    LayerView {
        title: layer.recipe_title.clone(),
        period: p.period.clone(),
        dates,
        synthetic: p.synthetic,
        attribution: p.attribution.clone(),
        map_link: format!("/map/#layer={}", super::layer_name(layer)),
        picture: files.pictures.get(&layer.key).cloned(),
        chart: chart(layer, &id, chart_title),
        chart_title: chart_title.to_owned(),
        legend: super::legend(layer),
        figures: figures(layer),
        rows,
        estimate: files
            .estimates
            .get(&layer.key)
            .map(|record| estimate::view(layer, record)),
        accuracy: layer.stats.reference.as_ref().map(record::accuracy),
        downloads: downloads(layer, files, store_href),
        qgis: layer
            .asset_key("map")
            .map(|key| files.public_address(&format!("{store_href}{key}"))),
        made: record::made(layer, files),
        scene_count: format::plural(p.scenes.len(), "scene"),
        scenes: p.scenes.iter().map(record::scene_row).collect(),
        id,
    }
}

/// The legend's class with this value: it knows titles and descriptions that statistics need not repeat.
fn class_of(layer: &Layer, value: i64) -> Option<&catalog::Class> {
    legend_class(layer, |class| class.value == value)
}

pub(super) fn legend_class(
    layer: &Layer,
    which: impl Fn(&catalog::Class) -> bool,
) -> Option<&catalog::Class> {
    let map = layer.assets.get("map")?;
    map.classes.iter().find(|class| which(class))
}

pub(super) fn class_title(layer: &Layer, class: &catalog::ClassArea) -> String {
    class
        .title
        .clone()
        .or_else(|| class_of(layer, class.value).and_then(|c| c.title.clone()))
        .unwrap_or_else(|| class.name.clone())
}

pub(super) fn class_color(layer: &Layer, class: &catalog::ClassArea) -> String {
    let hint = class_of(layer, class.value).and_then(|c| c.color_hint.as_deref());
    super::color(class.color.as_deref().or(hint))
}

fn chart(layer: &Layer, id: &str, title: &str) -> Option<String> {
    let named: Vec<(String, String, &catalog::ClassArea)> = layer
        .stats
        .classes
        .iter()
        .map(|class| (class_title(layer, class), class_color(layer, class), class))
        .collect();
    let bars: Vec<Bar<'_>> = named
        .iter()
        .map(|(title, color, class)| Bar {
            title,
            color,
            percent: class.percent,
            label: format!(
                "{} ha · {}",
                format::hectares(class.hectares),
                format::percent(class.percent)
            ),
        })
        .collect();
    (!bars.is_empty()).then(|| chart::bars(&format!("{id}-chart"), title, &bars))
}

fn rows(layer: &Layer) -> Vec<Row> {
    layer
        .stats
        .classes
        .iter()
        .map(|class| {
            let title = class_title(layer, class);
            Row {
                description: class_of(layer, class.value)
                    .and_then(|c| c.description.clone())
                    .filter(|text| *text != title),
                color: class_color(layer, class),
                hectares: format::hectares(class.hectares),
                percent: format::percent(class.percent),
                pixels: format::count(class.pixels),
                title,
            }
        })
        .collect()
}

/// A fact without a code.
pub(super) fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact {
        name,
        value: value.into(),
        code: None,
        href: None,
    }
}

fn figures(layer: &Layer) -> Vec<Fact> {
    let stats = &layer.stats;
    let mut facts = Vec::new();
    if let Some(ha) = stats.area_ha {
        facts.push(fact("Area", format!("{} ha", format::hectares(ha))));
    }
    if let (Some(seen), Some(all)) = (stats.observed_ha, stats.area_ha)
        && all > 0.0
    {
        facts.push(fact("Observed", format::percent(100.0 * seen / all)));
    }
    if let Some(o) = &stats.observations {
        facts.push(fact(
            "Clear observations, median",
            format!("{} ({} to {})", o.median, o.min, o.max),
        ));
    }
    if let (Some(doubtful), Some(seen)) = (&stats.doubtful, stats.observed_ha)
        && seen > 0.0
    {
        let share = |ha: f64| format::percent(100.0 * ha / seen);
        facts.push(fact("Thin evidence", share(doubtful.thin_ha)));
        facts.push(fact("Ties", share(doubtful.tie_ha)));
    }
    if let Some(mean) = stats.confidence_mean {
        facts.push(fact("Mean confidence", format::ratio(Some(mean))));
    }
    if let (Some(outside), Some(seen)) = (stats.outside_ha, stats.observed_ha)
        && seen > 0.0
    {
        facts.push(fact(
            "Unlike the model's samples",
            format::percent(100.0 * outside / seen),
        ));
    }
    if let Some(drift) = drift(&stats.features) {
        facts.push(fact("Features that differ from the samples'", drift));
    }
    facts
}

/// Which features are spread otherwise than among the samples of the model, by the usual limit of the population stability
/// index.
fn drift(features: &[FeatureCounts]) -> Option<String> {
    const LARGE: f64 = 0.25;
    let most = features.iter().max_by(|a, b| a.drift.total_cmp(&b.drift))?;
    let large = features.iter().filter(|of| of.drift > LARGE).count();
    let of_all = format!("{large} of {}", features.len());
    Some(if large == 0 {
        of_all
    } else {
        format!(
            "{of_all}, most of all {} (index {:.1})",
            most.feature, most.drift
        )
    })
}

fn downloads(layer: &Layer, files: &Files, store_href: &str) -> Vec<Download> {
    let asset = |name: &str, title: &'static str, hint: &'static str, save: bool| {
        let key = layer.asset_key(name)?;
        Some(download(&key, title, hint, save, files, store_href))
    };
    let whole = layer.asset_key("map").is_some_and(|key| !is_cog(&key));
    let estimated = files.estimates.contains_key(&layer.key);
    [
        asset(
            "map",
            "Map",
            if whole {
                "GDAL virtual raster of its tiles"
            } else {
                "Cloud-optimised GeoTIFF"
            },
            !whole,
        ),
        asset("confidence", "Confidence", "GeoTIFF, percent", true),
        asset(
            "applicability",
            "Applicability",
            "GeoTIFF, above 100 the model extrapolates",
            true,
        ),
        asset(
            "observations",
            "Clear observations",
            "GeoTIFF, counts",
            true,
        ),
        asset("tiles", "Map tiles", "PMTiles", true),
        asset("statistics", "Statistics", "JSON", false),
        stored_estimate(layer).filter(|_| estimated).map(|key| {
            let hint = "JSON, with standard errors";
            download(&key, "Area estimate", hint, false, files, store_href)
        }),
        asset("lock", "Lock", "JSON, enough to make this map again", false),
        Some(download(
            &layer.key,
            "STAC item",
            "JSON, everything that made this map",
            false,
            files,
            store_href,
        )),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn download(
    key: &str,
    title: &'static str,
    hint: &'static str,
    save: bool,
    files: &Files,
    store_href: &str,
) -> Download {
    Download {
        title,
        hint,
        href: format!("{store_href}{key}"),
        size: files.sizes.get(key).map(|size| format::bytes(*size)),
        save,
    }
}
