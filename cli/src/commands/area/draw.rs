//! `geocrop area draw`: the points, and the sheet for those who label them.

use std::iter;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use geocrop_assessment::{Design, Plan, Sheet};
use geocrop_store::publish::map_hash;

use super::Layer;
use super::propose::Points;
use crate::args::AreaDraw;
use crate::config::Config;
use crate::progress::{self, Bar};

pub(super) const DESIGN: &str = "design.json";
pub(super) const SHEET: &str = "points.csv";
pub(super) const KEY: &str = "key.csv";
const GEOJSON: &str = "points.geojson";

pub(super) fn run(args: &AreaDraw, mut config: Config) -> Result<()> {
    config.flag("store", args.wanted.store.as_ref());
    let out = &args.out;
    // Labels are hours of work.
    if let Some(name) = [DESIGN, SHEET, KEY, GEOJSON]
        .iter()
        .find(|name| out.join(name).exists())
    {
        bail!(
            "{} is there already: give another folder, or remove that sample",
            out.join(name).display()
        );
    }
    let layer = Layer::open(&args.wanted.layer, &config)?;
    let points = Points::of(&layer, &args.wanted)?;
    let map = layer.map()?;
    let pixels = map.pixels()?;
    let names: Vec<&str> = pixels.classes().iter().map(|c| c.name.as_str()).collect();
    if !names
        .iter()
        .eq(layer.classes.iter().map(|class| &class.name))
    {
        bail!(
            "the legend of {} has the classes {}, its statistics have others: make the map again",
            layer.name,
            names.join(", ")
        );
    }
    let plan = Plan {
        map: layer.name.clone(),
        map_sha256: layer.sha256.clone(),
        classes: names.into_iter().map(str::to_owned).collect(),
        strata: points
            .expected
            .iter()
            .zip(&points.proposal.points)
            .map(|(stratum, points)| (stratum.name.clone(), *points))
            .collect(),
        strata_of: points.strata.of_map().map(str::to_owned),
        pixel_area_m2: pixels.grid().pixel_area_m2()?,
        seed: args.seed.unwrap_or_else(|| rand::random::<u32>().into()),
    };
    let mut candidates = points.strata.candidates(pixels)?;
    let bar = Bar::start("draw points");
    let drawn = geocrop_assessment::draw(&plan, iter::from_fn(|| candidates.next_at(&bar)));
    bar.clear();
    let (design, drawn) = drawn?;
    unchanged(&layer, &design)?;

    let numbers: Vec<u64> = drawn.iter().map(|point| point.candidate.pixel).collect();
    let sheet = Sheet::new(&design, &drawn, &candidates.map().places(&numbers)?)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    write(out, DESIGN, &sheet.design)?;
    write(out, KEY, &sheet.key)?;
    write(out, GEOJSON, &sheet.geojson)?;
    write(out, SHEET, &sheet.csv)?;
    progress::print(&what_next(out, &design, drawn.len()));
    Ok(())
}

/// Whether the pixels that were drawn from are all of those that the layer has, and still are.
fn unchanged(layer: &Layer, design: &Design) -> Result<()> {
    if design.classes != layer.classes {
        bail!(
            "the map {} has other numbers of pixels than its statistics: make it again",
            layer.name
        );
    }
    if map_hash(&layer.store, &layer.keys)?.to_string() != layer.sha256 {
        bail!(
            "{} was made again while points were drawn from it: draw again",
            layer.name
        );
    }
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn what_next(out: &Path, design: &Design, points: usize) -> String {
    let names: Vec<&str> = design.classes.iter().map(|c| c.name.as_str()).collect();
    let out = out.display();
    format!(
        "{points} points of {} are in {out}.\n\n\
         1. Open {out}/{GEOJSON} in QGIS over the best imagery of the same season: a point stands for\n   \
            its pixel of {:.0} m. Do not look at the map, nor into {KEY}, while you label.\n\
         2. In {out}/{SHEET} write into the column `reference` one of: {}.\n   \
            Label every point; where you are not sure, the most likely class, and low as `confidence`.\n\
         3. geocrop area estimate {out}",
        design.map,
        design.pixel_area_m2.sqrt(),
        names.join(", ")
    )
}
