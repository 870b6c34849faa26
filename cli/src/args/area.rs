//! `geocrop area`: its arguments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Area {
    /// Say how many points of each class to check, for the error that is wanted.
    #[command(after_help = "\
Examples:
  geocrop area propose cropland-southeast-africa/2024/mazowe-valley
  geocrop area propose cropland-southeast-africa/2024/mazowe-valley --error 0.01 --expect cropland=0.75
  geocrop area propose cropland-southeast-africa/2024/mazowe-valley --strata dynamic-world/2024/mazowe-valley

The error is the standard error of the map's overall accuracy. The area of each class, as a share of the map,
then has no larger one, if every class is expected to be right more often than not.")]
    Propose(AreaPropose),
    /// Draw points from a map at random within its classes, or those of another map, and write a label sheet that does not
    /// show what the map says.
    #[command(after_help = "\
Example:
  geocrop area draw cropland-southeast-africa/2024/mazowe-valley --points 300 --out mazowe-points

Writes points.csv (the label sheet), points.geojson (the same, for QGIS), key.csv (what the map says at
each point: keep it from those who label) and design.json (how the points were drawn).")]
    Draw(AreaDraw),
    /// Estimate areas and accuracies from the filled label sheet; publish them beside the map.
    #[command(after_help = "\
Examples:
  geocrop area estimate mazowe-points
  geocrop area estimate mazowe-points --sheet filled.csv --publish \\
      --labelled-by 'two people, from aerial photographs of March 2024'

A map that was made again, or by another model, needs no new labels: the strata stay those of the first.
Only a map whose model learnt from these very labels must not be judged by them.
  geocrop area estimate mazowe-points --map cropland-southeast-africa/2024/mazowe-valley

The estimators are those of Olofsson et al. 2014 and Stehman 2014. Refused, with the reason: points that were
not drawn at random, sheets with other points or without all labels, and maps that were made again since.")]
    Estimate(AreaEstimate),
}

/// The map, and how well its areas shall be known.
#[derive(Debug, ClapArgs)]
pub(crate) struct Wanted {
    /// The map by its item's key: layers/cropland/2024/mazowe.json, or cropland/2024/mazowe.
    pub(crate) layer: String,
    /// Standard error of the overall accuracy to aim at [default: 0.02].
    #[arg(long, value_name = "SE", conflicts_with = "points")]
    pub(crate) error: Option<f64>,
    /// So many points in all, whatever error they give.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) points: Option<u32>,
    /// Take the classes of another map of this land as strata [default: those of the map itself]. Where it has no class is a
    /// stratum too.
    #[arg(long, value_name = "LAYER")]
    pub(crate) strata: Option<String>,
    /// The share of a class, or stratum, that the map probably gets right, above 0 and below 1 [default: 0.8]. May be given
    /// more than once.
    #[arg(long, value_name = "CLASS=SHARE", value_parser = expectation)]
    pub(crate) expect: Vec<(String, f64)>,
    /// Store of the map.
    #[arg(long)]
    pub(crate) store: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AreaPropose {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AreaDraw {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Folder for the sample; it must not hold one already.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Draw the points of an earlier seed again [default: a new one, which design.json keeps].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AreaEstimate {
    /// Folder that `geocrop area draw` wrote.
    pub(crate) dir: PathBuf,
    /// The filled label sheet [default: points.csv in the folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) sheet: Option<PathBuf>,
    /// Another map of the same land that the labels shall judge [default: the one that the points were drawn from].
    #[arg(long, value_name = "LAYER")]
    pub(crate) map: Option<String>,
    /// Store of the map.
    #[arg(long)]
    pub(crate) store: Option<String>,
    /// Put the estimate beside the map, for its page to show.
    #[arg(long, requires = "labelled_by")]
    pub(crate) publish: bool,
    /// Who labelled the points and what they looked at; the map's page says it.
    #[arg(long, value_name = "TEXT", requires = "publish")]
    pub(crate) labelled_by: Option<String>,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

fn expectation(text: &str) -> Result<(String, f64), String> {
    let (class, share) = text
        .rsplit_once('=')
        .ok_or("expected the name of a class, =, and a share, such as cropland=0.85")?;
    match share.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok((class.to_owned(), share)),
        _ => Err(format!(
            "'{share}' is no share above 0 and below 1, such as 0.85"
        )),
    }
}
