//! `geocrop area propose`: a table of how many points to check.

use std::fmt::Write as _;

use anyhow::Result;
use geocrop_assessment::{Allocation, Expected, Proposal, propose, propose_for_error};
use serde_json::json;

use super::Layer;
use super::strata::Strata;
use crate::args::{AreaPropose, Wanted};
use crate::commands::diff::number;
use crate::config::{Config, Usage};
use crate::progress;

/// The standard error of the overall accuracy where none is asked for: some 400 points.
const ERROR: f64 = 0.02;
/// What is right of a class where nothing is said.
const EXPECTED: f64 = 0.8;
/// The least points of a class, so that its user's accuracy means something: Olofsson et al. 2014, section 5.1.2, have 50
/// to 100.
const LEAST: u32 = 50;
/// The deviate of a 95 % interval.
const Z: f64 = 1.96;

/// How many points of which stratum.
pub(super) struct Points {
    pub(super) strata: Strata,
    pub(super) expected: Vec<Expected>,
    pub(super) proposal: Proposal,
}

pub(super) fn run(args: &AreaPropose, mut config: Config) -> Result<()> {
    config.flag("store", args.wanted.store.as_ref());
    let layer = Layer::open(&args.wanted.layer, &config)?;
    let points = Points::of(&layer, &args.wanted)?;
    if args.json {
        let strata = points.expected.iter().zip(&points.proposal.points);
        let strata = strata.zip(&points.proposal.users_se);
        let document = json!({
            "map": layer.name,
            "map_sha256": layer.sha256,
            "points": points.proposal.total,
            "overall_se": points.proposal.overall_se,
            "area_se": points.area_se(),
            "strata_of": points.strata.of_map(),
            "strata": strata.map(|((stratum, points), se)| json!({
                "name": stratum.name, "pixels": stratum.pixels, "points": points,
                "expected_users_accuracy": stratum.users_accuracy, "users_se": se,
            })).collect::<Vec<_>>(),
        });
        progress::print(&serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    progress::print(points.table(&layer, &args.wanted).trim_end());
    Ok(())
}

impl Points {
    /// The points that are wanted of a map.
    pub(super) fn of(layer: &Layer, wanted: &Wanted) -> Result<Self> {
        let strata = Strata::of(layer, wanted.strata.as_ref())?;
        let mut expected: Vec<Expected> = strata
            .parts
            .strata
            .iter()
            .map(|stratum| Expected {
                name: stratum.name.clone(),
                pixels: stratum.pixels,
                users_accuracy: EXPECTED,
            })
            .collect();
        for (class, share) in &wanted.expect {
            let named = expected.iter_mut().find(|stratum| stratum.name == *class);
            let Some(stratum) = named else {
                let names: Vec<&str> = expected.iter().map(|s| s.name.as_str()).collect();
                let map = strata.of_map().unwrap_or("the map");
                return Err(Usage(format!(
                    "--expect {class}={share}: {map} has no class '{class}'; it has {}",
                    names.join(", ")
                ))
                .into());
            };
            stratum.users_accuracy = *share;
        }
        let allocation = Allocation::RareFirst(LEAST);
        let proposal = match wanted.points {
            Some(points) => propose(&expected, points, allocation)?,
            None => propose_for_error(&expected, wanted.error.unwrap_or(ERROR), allocation)?,
        };
        Ok(Self {
            strata,
            expected,
            proposal,
        })
    }

    /// The standard error to expect of any class's area. Of other strata than its classes nobody knows which of them a class
    /// lies in.
    fn area_se(&self) -> Option<f64> {
        let own = self.strata.of_map().is_none();
        own.then_some(self.proposal.area_se)
    }

    fn table(&self, layer: &Layer, wanted: &Wanted) -> String {
        let all: u64 = self.expected.iter().map(|stratum| stratum.pixels).sum();
        let names = self.expected.iter().map(|s| s.name.chars().count());
        let widest = names.max().unwrap_or(0).max(5);
        let by = self.strata.of_map();
        let by = by.map_or_else(String::new, |other| format!(", by the classes of {other}"));
        let mut page = format!("Points to check of {}{by}\n\n", layer.name);
        let mut line = |words: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{words}");
        };
        line(format_args!(
            "{:widest$} {:>14} {:>8} {:>10} {:>8}  {:>14}",
            if self.strata.of_map().is_some() {
                "stratum"
            } else {
                "class"
            },
            "pixels",
            "share",
            "expected",
            "points",
            "then known to"
        ));
        let proposal = &self.proposal;
        let rows = self.expected.iter().zip(&proposal.points);
        for ((stratum, points), se) in rows.zip(&proposal.users_se) {
            line(format_args!(
                "{:widest$} {:>14} {:>6.1} % {:>8.0} % {points:>8}  {:>12}",
                stratum.name,
                number(stratum.pixels as f64, 0),
                100.0 * stratum.pixels as f64 / all as f64,
                100.0 * stratum.users_accuracy,
                plus_minus(*se)
            ));
        }
        line(format_args!(
            "{:widest$} {:>14} {:>8} {:>10} {:>8}  {:>12}",
            "all",
            number(all as f64, 0),
            "",
            "",
            proposal.total,
            plus_minus(proposal.overall_se)
        ));
        line(format_args!(
            "\nTo expect, with 95 %: the share of the map that is right {}.",
            plus_minus(proposal.overall_se)
        ));
        let areas = self.area_se().map_or_else(
            || {
                "How well areas will be known depends on how the classes lie in these strata."
                    .to_owned()
            },
            |se| {
                format!(
                    "The area of each class: {} of the map, or better.",
                    plus_minus(se)
                )
            },
        );
        line(format_args!("{areas}"));
        line(format_args!(
            "Rare strata get {LEAST} points first, the others by area."
        ));
        if wanted.expect.len() < self.expected.len() {
            line(format_args!(
                "Where nothing is said, {:.0} % of it is expected to be right; say more with --expect NAME=0.9.",
                100.0 * EXPECTED
            ));
        }
        let strata = wanted.strata.as_ref();
        let strata = strata.map_or_else(String::new, |layer| format!(" --strata {layer}"));
        line(format_args!(
            "\nNext: geocrop area draw {}{strata} --points {} --out DIR",
            wanted.layer, proposal.total
        ));
        page
    }
}

/// A standard error of a share as an interval of 95 %.
fn plus_minus(se: f64) -> String {
    format!("\u{b1} {:.1} %", 100.0 * Z * se)
}
