//! The land's history as label exports: what a classifier of single scenes would have said of each year.
//!
//! Values are those of Dynamic World, 255 where clouds hide the ground. The truth of a year follows from the landscape:
//! all that changes has become what is drawn by the year of the scenes. The labels then err as such classifiers do:
//! fields look bare or grassy in the dry season, thin woodland and grassland pass for scrub.

use std::path::Path;

use chrono::Datelike;
use geocrop_raster::write_plain;
use ndarray::Array2;
use rayon::prelude::*;

use crate::Landscape;
use crate::class::LandClass;
use crate::error::SyntheticError;
use crate::frame::Frame;
use crate::land::{Land, Site};
use crate::noise::Noise;
use crate::sky::Sky;
use crate::terrain::DRAWDOWN;
use crate::write::date_of;

/// The description of the exports, in the landscape's folder.
pub(crate) const DESCRIPTION: &str = "labels.toml";

/// Exports a year.
pub(crate) const DATES: usize = 6;

/// Hidden by a cloud or its shadow.
const UNSEEN: u8 = 255;

const WATER: u8 = 0;
const TREES: u8 = 1;
const GRASS: u8 = 2;
const FLOODED: u8 = 3;
const CROPS: u8 = 4;
const SHRUB: u8 = 5;
const BUILT: u8 = 6;
const BARE: u8 = 7;

/// Writes the exports of one area: `labels/<year>/<date>_<area>.tif`.
pub(crate) fn write(
    dir: &Path,
    landscape: &Landscape,
    frame: &Frame,
    land: &Land,
) -> Result<(), SyntheticError> {
    let noise = frame.noise.named("labels");
    landscape.label_years.par_iter().try_for_each(|&year| {
        let folder = dir.join(format!("labels/{year}"));
        std::fs::create_dir_all(&folder).map_err(SyntheticError::at(&folder))?;
        let truth = truth(land, noise, year, landscape.year);
        for index in 0..DATES {
            let date = date_of(frame, year, index, DATES)?;
            let noise = noise.named(&date.to_string());
            let seen = seen(&truth, noise, date.month0() as usize, land.size);
            let pixels =
                Array2::from_shape_fn((land.size, land.size), |(y, x)| seen[y * land.size + x]);
            let name = format!("{}_{}.tif", date.format("%Y%m%dT075211"), frame.area.slug);
            let nodata = Some(f64::from(UNSEEN));
            write_plain(&folder.join(name), &frame.grid, &pixels, nodata, None)?;
        }
        Ok(())
    })
}

/// The true class of each pixel in a year; `drawn` is the year of the scenes.
fn truth(land: &Land, noise: Noise, year: i32, drawn: i32) -> Vec<u8> {
    let year_of = noise.branch(year as u64);
    // A metre more or less of water is a good or a bad rainy season.
    let level = if year == drawn {
        0.0
    } else {
        year_of.named("rains").within(-3.0, 1.0) as f32
    };
    let town = noise.named("town");
    let place = |i: usize| ((i % land.size) as f64, (i / land.size) as f64);
    land.sites()
        .enumerate()
        .map(|(i, site)| {
            let shore = site.shore + 0.5 * DRAWDOWN as f32 - level;
            if shore < 0.0 {
                return WATER;
            }
            if shore < 0.4 {
                return FLOODED;
            }
            match site.class {
                LandClass::Riverine => TREES,
                LandClass::Miombo if site.trees > 0.6 => TREES,
                LandClass::Miombo => SHRUB,
                LandClass::Grassland => open_land(site),
                // In a dry year the reservoir shows its bed.
                LandClass::Water | LandClass::Bare => BARE,
                LandClass::Built => {
                    let (x, y) = place(i);
                    let since = drawn - 12 + (13.0 * (0.5 + 0.5 * town.smooth(x, y, 26.0))) as i32;
                    if year < since { open_land(site) } else { BUILT }
                }
                LandClass::Rainfed | LandClass::Pivot | LandClass::Smallholder => {
                    field(site, year, drawn)
                }
            }
        })
        .collect()
}

fn open_land(site: Site) -> u8 {
    if site.trees > 0.24 { SHRUB } else { GRASS }
}

/// A fifth of the fields were cleared from woodland in the ten years before the scenes; any may lie fallow for a year.
fn field(site: Site, year: i32, drawn: i32) -> u8 {
    let history = site.field.named("history");
    if history.branch(0).unit() < 0.2 {
        let cleared = drawn - (10.0 * history.branch(1).unit()) as i32;
        if year < cleared {
            return TREES;
        }
    }
    let fallow = year != drawn && history.named("fallow").branch(year as u64).unit() < 0.06;
    if fallow { GRASS } else { CROPS }
}

/// What a classifier makes of the truth on one date: mistakes in patches of 20 m, and nothing under clouds.
fn seen(truth: &[u8], noise: Noise, month: usize, size: usize) -> Vec<u8> {
    let half = size / 2;
    let sky = Sky::new(noise, month, half);
    let dry = (5..10).contains(&month);
    let mistakes = noise.named("mistakes");
    truth
        .iter()
        .enumerate()
        .map(|(i, class)| {
            let (x, y) = (i % size / 2, i / size / 2);
            let s = y * half + x;
            if sky.cloud[s] > 0.16 || sky.shadow[s] > 0.3 {
                return UNSEEN;
            }
            let mut lot = mistakes.cell(x as i64, y as i64).unit();
            for (mistaken, share) in confusions(*class, dry) {
                lot -= share;
                if lot < 0.0 {
                    return *mistaken;
                }
            }
            *class
        })
        .collect()
}

/// What a class is taken for, and how often.
fn confusions(class: u8, dry: bool) -> &'static [(u8, f64)] {
    match (class, dry) {
        (WATER, _) => &[(FLOODED, 0.02)],
        (TREES, _) => &[(SHRUB, 0.1)],
        (GRASS, false) => &[(SHRUB, 0.14), (CROPS, 0.08)],
        (GRASS, true) => &[(SHRUB, 0.16), (BARE, 0.09)],
        (FLOODED, _) => &[(GRASS, 0.24), (WATER, 0.16)],
        (CROPS, false) => &[(GRASS, 0.08), (SHRUB, 0.05)],
        (CROPS, true) => &[(BARE, 0.16), (GRASS, 0.12), (SHRUB, 0.05)],
        (SHRUB, _) => &[(GRASS, 0.16), (TREES, 0.1)],
        (BUILT, _) => &[(BARE, 0.08)],
        _ => &[(BUILT, 0.06), (GRASS, 0.08)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn land(area: usize) -> (Land, Noise) {
        let mut landscape = Landscape::demo();
        landscape.areas[area].pixels = 256;
        let frame = Frame::new(&landscape, &landscape.areas[area]).unwrap();
        (frame.land(), frame.noise.named("labels"))
    }

    fn share(classes: &[u8], wanted: u8) -> f64 {
        let found: f64 = classes
            .iter()
            .map(|c| f64::from(u8::from(*c == wanted)))
            .sum();
        found / classes.len() as f64
    }

    #[test]
    fn fields_are_cleared_the_town_grows_and_water_comes_and_goes() {
        for area in 0..2 {
            let (land, noise) = land(area);
            let years: Vec<Vec<u8>> = (2015..=2025)
                .map(|year| truth(&land, noise, year, 2024))
                .collect();
            let (first, drawn) = (&years[0], &years[9]);
            assert!(share(first, TREES) > share(drawn, TREES) + 0.02);
            assert!(share(first, BUILT) < share(drawn, BUILT));
            let water: Vec<f64> = years.iter().map(|year| share(year, WATER)).collect();
            let least = water.iter().copied().fold(f64::INFINITY, f64::min);
            let most = water.iter().copied().fold(0.0, f64::max);
            assert!(least < 0.8 * most, "{water:?}");
        }
    }

    #[test]
    fn the_year_of_the_scenes_has_every_field_of_the_scenes() {
        let (land, noise) = land(1);
        for (site, class) in land.sites().zip(truth(&land, noise, 2024, 2024)) {
            assert_eq!(site.class.is_crop(), class == CROPS);
        }
    }

    #[test]
    fn labels_are_right_more_often_than_not_where_there_is_no_cloud() {
        let (land, noise) = land(0);
        let truth = truth(&land, noise, 2019, 2024);
        for month in [0, 7] {
            let labels = seen(&truth, noise.branch(month as u64), month, land.size);
            let clear = labels.iter().zip(&truth).filter(|(l, _)| **l != UNSEEN);
            let right = clear.clone().filter(|(label, class)| label == class);
            let (right, clear) = (right.count() as f64, clear.count() as f64);
            assert!((0.6..0.97).contains(&(right / clear)), "{right} of {clear}");
        }
    }
}
