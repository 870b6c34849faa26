//! What can be wrong with samples and data sets.

use std::path::PathBuf;

use geocrop_raster::RasterError;
use geocrop_store::StoreError;

use crate::problems::Problems;

/// Samples could not be taken. Nothing is registered then, and what was there before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplesError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// No room for files in the making.
    #[error(
        "cannot write {}: {source}. Free some space there, or name another folder in TMPDIR; nothing was registered",
        path.display()
    )]
    Scratch {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The text is no CSV.
    #[error("{}: {source}. Save the file again as CSV in UTF-8", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: geocrop_model::csv::CsvError,
    },
    /// Features cannot be read.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing in it.
    #[error("{} holds {found}: a header and at least one sample are expected", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What there is.
        found: &'static str,
    },
    /// Columns are separated otherwise.
    #[error(
        "the columns of {} are separated by {separator}, and commas are expected: save the file again with commas",
        path.display()
    )]
    Separator {
        /// The file.
        path: PathBuf,
        /// Semicolons or tabs.
        separator: &'static str,
    },
    /// A file that says it itself.
    #[error(
        "{} says itself which coordinate reference system it has, and --crs is for CSV: leave it out, or write the right \
         one into the file, for example with `ogr2ogr -a_srs {crs} out.gpkg in.geojson`",
        path.display()
    )]
    OwnCrs {
        /// The file.
        path: PathBuf,
        /// The one that was given.
        crs: geocrop_raster::Crs,
    },
    /// A column is missing.
    #[error(
        "{} has no column for {what} (expected {expected}; found {found}): name it with --{what}-column{}",
        path.display(),
        if *what == "date" { ", or give one time for all rows with --date" } else { "" }
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What it is for.
        what: &'static str,
        /// The names that were looked for.
        expected: String,
        /// The names that are there.
        found: String,
    },
    /// Two columns share a name.
    #[error("{} has two columns called {name:?}: rename or remove one", path.display())]
    ColumnTwice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Some rows are wrong.
    #[error(
        "{} has {} mistake(s) in {rows} row(s):{problems}\nmend them and try again; nothing was registered",
        path.display(),
        problems.total()
    )]
    Rows {
        /// The file.
        path: PathBuf,
        /// How many rows were read.
        rows: u64,
        /// The mistakes.
        problems: Box<Problems>,
    },
    /// More than a batch takes.
    #[error(
        "{} has more than {limit} {what}, which is the most that a batch takes: split the file, for example by year, and \
         add the parts as batches of their own",
        path.display()
    )]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Of what.
        what: &'static str,
        /// Allowed.
        limit: usize,
    },
    /// There is no such data set.
    #[error(
        "there is no data set {name} in {store}; there are: {known}. Make one with 'geocrop dataset add {name} FILE'"
    )]
    NoDataset {
        /// What was asked for.
        name: String,
        /// Where.
        store: String,
        /// Those that are there.
        known: String,
    },
    /// A document of the store is not what it should be.
    #[error(
        "{key} is damaged: {reason}. Restore it from a backup, or add the batch again with --replace"
    )]
    Damaged {
        /// Of the document.
        key: String,
        /// What was found.
        reason: String,
    },
    /// Another batch has this name.
    #[error(
        "{dataset} has a batch {batch} with other content already (version {there}; the new one is {new}): give another \
         name with --batch, or --replace it"
    )]
    BatchThere {
        /// The data set.
        dataset: String,
        /// The batch.
        batch: String,
        /// Short version of what is there.
        there: String,
        /// Short version of what was to be added.
        new: String,
    },
    /// The classes of a data set are those of another legend.
    #[error(
        "{dataset} has another legend ({there}) than the one given ({given}): leave --legend out, or make a data set of \
         its own"
    )]
    OtherLegend {
        /// The data set.
        dataset: String,
        /// Its classes.
        there: String,
        /// The other classes.
        given: String,
    },
    /// Others write to the same data set.
    #[error(
        "{dataset} was changed by others again and again while this batch was added: try again"
    )]
    Busy {
        /// The data set.
        dataset: String,
    },
    /// Only tables of features.
    #[error(
        "{dataset} holds ready-made tables of features only, which have no places: train from them as they are \
         ('geocrop train --data TABLE')"
    )]
    NoPlaces {
        /// The data set.
        dataset: String,
    },
}
