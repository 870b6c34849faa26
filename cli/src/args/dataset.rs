//! `geocrop dataset`: its arguments.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Places;

#[derive(Debug, Subcommand)]
pub(crate) enum Dataset {
    /// Check files of samples, and add each as a batch.
    #[command(after_help = "\
Examples:
  geocrop dataset add cropland survey-2021.csv --legend cropland-southeast-africa
  geocrop dataset add cropland fields.gpkg --date 2019 --licence CC-BY-4.0 --design 'convenience, along roads'
  geocrop dataset add deafrica training.txt

A file is CSV, GeoJSON (*.geojson, *.json) or GeoPackage (*.gpkg) with a class and a date (or period, or
year); a CSV has columns lon and lat besides. `group` says what belongs together, `weight` how much a
sample counts in training, and `note` is a note. A text that begins with `Class` and names of features is a
ready-made table, which is kept as it is. What is registered lies in the store under datasets/, where
whoever reads the maps can read it too. The same samples again, in any format and order, change nothing.")]
    Add(Box<DatasetAdd>),
    /// Check a file without adding it, or all of a data set again, its batches together.
    #[command(after_help = "\
Examples:
  geocrop dataset check survey-2021.csv --date 2021 --aoi aois/mazowe-valley.geojson
  geocrop dataset check cropland

Exit code 0: nothing is wrong (there may be remarks). 1: something is, and it says where.")]
    Check(Box<DatasetCheck>),
    /// Count a data set's samples by class, year and batch.
    #[command(after_help = "\
Example:
  geocrop dataset stats cropland --json")]
    Stats(DatasetNamed),
    /// Data sets of the store.
    #[command(after_help = "\
Example:
  geocrop dataset list")]
    List(DatasetList),
    /// Make a table of features at the samples, by the code that makes the maps.
    #[command(after_help = "\
Examples:
  geocrop dataset extract cropland --recipe cropland-southeast-africa --source sources/digital-earth-africa.toml \\
      --out cropland.csv
  geocrop dataset extract cropland --recipe ndvi --period 2024 --source scenes/source.toml --out ndvi-2024.csv

A point takes the pixel that holds it, a polygon every pixel whose centre it holds. Each sample is looked
up in the period of its date. Samples outside of the imagery or always under cloud are listed and left
out. Beside the table lies FILE.json: recipe, data set and every scene that was read.")]
    Extract(DatasetExtract),
}

/// How files of samples are read.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reading {
    /// Classes: a recipe's name or file, or a JSON list of classes with value, name, title and color [default: the
    /// data set's; without any, classes are numbers].
    #[arg(long)]
    pub(crate) legend: Option<String>,
    /// Time of samples without one: 2021, 2021-03, 2021-03-15 or 2020-11_2021-04.
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Coordinate reference system of a CSV's coordinates, such as EPSG:32736 [default: longitude and latitude].
    #[arg(long)]
    pub(crate) crs: Option<String>,
    /// Where the samples should lie, a GeoJSON file: it tells swapped coordinates [default: the zone of the recipe
    /// that --legend names].
    #[arg(long)]
    pub(crate) aoi: Option<PathBuf>,
    /// Column of the class [default: class or label].
    #[arg(long, value_name = "NAME")]
    pub(crate) class_column: Option<String>,
    /// Column of the date [default: date, period or year].
    #[arg(long, value_name = "NAME")]
    pub(crate) date_column: Option<String>,
    /// Column of the longitude or easting [default: lon, longitude, long or x].
    #[arg(long, value_name = "NAME")]
    pub(crate) lon_column: Option<String>,
    /// Column of the latitude or northing [default: lat, latitude or y].
    #[arg(long, value_name = "NAME")]
    pub(crate) lat_column: Option<String>,
    /// Column of what belongs together [default: `group` or `group_id`].
    #[arg(long, value_name = "NAME")]
    pub(crate) group_column: Option<String>,
    /// Column of the weight [default: weight].
    #[arg(long, value_name = "NAME")]
    pub(crate) weight_column: Option<String>,
    /// Column of the note [default: note or notes].
    #[arg(long, value_name = "NAME")]
    pub(crate) note_column: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetAdd {
    /// Name of the data set: lower-case letters, digits and hyphens.
    pub(crate) name: String,
    /// Files of samples.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the batch, for one file [default: the file's].
    #[arg(long)]
    pub(crate) batch: Option<String>,
    /// Title of the data set, for people.
    #[arg(long)]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// What others may do with the samples, such as CC-BY-4.0.
    #[arg(long)]
    pub(crate) licence: Option<String>,
    /// Whom to name.
    #[arg(long)]
    pub(crate) attribution: Option<String>,
    /// How the samples were drawn, such as 'stratified random' or 'convenience'.
    #[arg(long)]
    pub(crate) design: Option<String>,
    /// Let a batch take the place of one with the same name.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetCheck {
    /// A file of samples, or the name of a data set.
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetNamed {
    /// Name of the data set.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetList {
    #[command(flatten)]
    pub(crate) places: Places,
    /// One JSON document on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DatasetExtract {
    /// Name of the data set.
    pub(crate) name: String,
    /// Recipe of the features: a name in the folder of recipes, or a file.
    #[arg(long)]
    pub(crate) recipe: String,
    /// Only samples of this period, a year such as 2024 [default: all, each in the period of its date].
    #[arg(long)]
    pub(crate) period: Option<String>,
    /// Imagery: a description (*.toml), a catalog.json, a STAC API or a folder.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Table to write, CSV.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Memory to stay within, in MB.
    #[arg(long)]
    pub(crate) memory: Option<usize>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// What lies beside the table, on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}
