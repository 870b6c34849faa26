//! `geocrop area estimate`: from the filled sheet to areas with intervals, and to the store.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use geocrop_assessment::{
    AnotherMap, AreaEstimate as Found, ClassEstimate, Design, Estimate, Estimator, Record,
    estimate, read_labels, read_places,
};
use geocrop_precompute::diff::Pixel;
use geocrop_store::publish::map_hash;
use geocrop_store::{ContentType, ResultKeys, Store};

use super::Layer;
use super::draw::{DESIGN, KEY, SHEET};
use crate::args::AreaEstimate;
use crate::commands::diff::number;
use crate::commands::reproduce::item_key;
use crate::config::Config;
use crate::progress::{self, Bar};

pub(super) fn run(args: &AreaEstimate, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    let sheet = args.sheet.clone().unwrap_or_else(|| args.dir.join(SHEET));
    let design = args.dir.join(DESIGN);
    // Without it nothing is known of the points, which is not the same as a file that cannot be read.
    let text = design.exists().then(|| read(&design)).transpose()?;
    let design = Design::read(&sheet.display().to_string(), text.as_deref())?;
    let text = read(&sheet)?;
    let labelled = read_labels(&text, &read(&args.dir.join(KEY))?, &design)?;
    let (found, store, keys) = match &args.map {
        None => {
            let found = estimate(&design, &labelled)?;
            let (store, keys) = drawn_from(&design, &config)?;
            (found, store, keys)
        }
        Some(name) => {
            let layer = Layer::open(name, &config)?;
            // First of all what is wrong with the labels themselves.
            estimate(&design, &labelled)?;
            let other = another(&layer, &design, &read_places(&text)?)?;
            let (design, labelled) = other.sample(&design, &labelled)?;
            (estimate(&design, &labelled)?, layer.store, layer.keys)
        }
    };
    if args.json {
        progress::print(&serde_json::to_string_pretty(&found)?);
    } else {
        progress::print(page(&found).trim_end());
    }
    if let (true, Some(labelled_by)) = (args.publish, &args.labelled_by) {
        let record = Record {
            estimate: found,
            labelled_by: labelled_by.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&record)?;
        bytes.push(b'\n');
        store.put(&keys.estimate(), bytes, ContentType::Json)?;
        progress::line(&format!(
            "published as {}; the next build of the site shows it",
            keys.estimate()
        ));
    }
    Ok(())
}

/// The map that the points were drawn from, which must be the same still.
fn drawn_from(design: &Design, config: &Config) -> Result<(Store, ResultKeys)> {
    let store = Store::open(config.get("store"))?;
    let keys = ResultKeys::from_item(&item_key(&design.map))
        .with_context(|| format!("{DESIGN}: '{}' names no map", design.map))?;
    let now = map_hash(&store, &keys)?.to_string();
    if now != design.map_sha256 {
        bail!(
            "{map} was made again since the points were drawn: its sha256 is {now}, that of the points' map {}. \
             What they say about it is asked for with '--map {map}', unless its model learnt from these labels",
            design.map_sha256,
            map = design.map
        );
    }
    Ok((store, keys))
}

/// A map with its classes at the points.
fn another(layer: &Layer, design: &Design, places: &[[f64; 2]]) -> Result<AnotherMap> {
    let map = layer.map()?;
    let mut pixels = map.pixels()?;
    let area = pixels.grid().pixel_area_m2()?;
    if (area - design.pixel_area_m2).abs() > 0.01 * design.pixel_area_m2 {
        bail!(
            "{} has pixels of {area:.0} m\u{b2}, the points stand for pixels of {:.0} m\u{b2}: draw and label points of this map",
            layer.name,
            design.pixel_area_m2
        );
    }
    let numbers = pixels.numbers(places)?;
    let astray = numbers.iter().filter(|number| number.is_none()).count();
    if astray > 0 {
        bail!(
            "{astray} of {} points lie at no centre of a pixel of {}: it lies on another grid, or their coordinates were \
             changed in the sheet",
            numbers.len(),
            layer.name
        );
    }
    let wanted: HashSet<u64> = numbers.iter().flatten().copied().collect();
    let mut found = HashMap::with_capacity(wanted.len());
    let bar = Bar::start("look at points");
    while let Some(pixel) = pixels.next() {
        let Pixel { number, class } = pixel?;
        if wanted.contains(&number) {
            bar.at(pixels.share(), "");
            found.insert(number, class);
        }
    }
    bar.clear();
    Ok(AnotherMap {
        map: layer.name.clone(),
        map_sha256: layer.sha256.clone(),
        classes: layer.classes.clone(),
        at: numbers
            .iter()
            .flatten()
            .map(|number| found.get(number).copied())
            .collect(),
    })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn page(found: &Found) -> String {
    let mut page = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{words}");
    };
    let paper = match found.estimator {
        Estimator::Olofsson2014 => "Olofsson et al. 2014",
        Estimator::Stehman2014 => "Stehman 2014",
    };
    line(format_args!("Map       {}", found.map));
    line(format_args!("sha256    {}", found.map_sha256));
    line(format_args!(
        "Points    {}, drawn at random; estimators of {paper}",
        found.points
    ));
    line(format_args!(
        "Right     {} of the map\n",
        share(Some(&found.overall_accuracy))
    ));
    let names = found.classes.iter().map(|c| c.name.chars().count());
    let widest = names.max().unwrap_or(0).max(5);
    line(format_args!(
        "{:widest$} {:>12} {:>12} {:>10}  {:>16}  {:>16}",
        "class", "mapped ha", "estimated ha", "\u{b1} ha", "user's", "producer's"
    ));
    let digits = usize::from(found.total_ha < 1000.0);
    for class in &found.classes {
        let ClassEstimate {
            name,
            mapped_ha,
            area_ha,
            users_accuracy,
            producers_accuracy,
        } = class;
        line(format_args!(
            "{name:widest$} {:>12} {:>12} {:>10}  {:>16}  {:>16}",
            number(*mapped_ha, digits),
            number(area_ha.value, digits),
            number(area_ha.half_width(), digits),
            share(users_accuracy.as_ref()),
            share(producers_accuracy.as_ref())
        ));
    }
    line(format_args!("\n\u{b1} is half of the 95 % interval."));
    for class in &found.classes {
        line(format_args!("{}: {}", class.name, class.sentence()));
    }
    page
}

fn share(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(
        || "-".to_owned(),
        |estimate| {
            format!(
                "{:.1} \u{b1} {:.1} %",
                100.0 * estimate.value,
                100.0 * estimate.half_width()
            )
        },
    )
}
