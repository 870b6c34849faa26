//! Files of samples: CSV line by line, GeoJSON and `GeoPackage` feature by feature.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek as _};
use std::path::Path;

use geo::Coord;
use geocrop_model::csv::Records;
use geocrop_raster::{Crs, Projection, VectorFile, VectorShape};

use crate::columns::{self, Columns};
use crate::problems::{Problem, RowUnit};
use crate::rows::{ReadOptions, Rows, problem};
use crate::table::FeatureTable;
use crate::{Batch, SamplesError};

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Labelled places.
    Samples(Batch),
    /// Classes and features without places, ready to be learnt from.
    Table(FeatureTable),
}

/// Reads a file of samples: CSV, GeoJSON (`*.geojson`, `*.json`) or `GeoPackage` (`*.gpkg`) with a class and a date, or a
/// ready-made table of features (a header with `Class` and features, separated by blanks or commas).
///
/// Memory is that of the samples, [`MOST_SAMPLES`](crate::MOST_SAMPLES) of them, however long the file is. `progress` is
/// told the share that is done, from 0 to 1.
///
/// # Errors
/// [`SamplesError::Rows`] names what is wrong, row by row; the others are about the file as a whole.
pub fn read(
    path: &Path,
    options: &ReadOptions<'_>,
    progress: &dyn Fn(f64),
) -> Result<Input, SamplesError> {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    if ["geojson", "json", "gpkg"].iter().any(|e| extension == *e) {
        return read_features(path, options, progress).map(Input::Samples);
    }
    let header = header(path)?;
    if let Some(header) = FeatureTable::recognise(&header) {
        let table = FeatureTable::read(path, &header, options.legend, progress)?;
        return Ok(Input::Table(table));
    }
    read_csv(path, options, progress).map(Input::Samples)
}

/// The first line with something in it.
fn header(path: &Path) -> Result<String, SamplesError> {
    /// Bytes: enough for thousands of columns.
    const LONGEST: u64 = 1 << 20;
    let mut input = open(path)?;
    loop {
        let mut line = Vec::new();
        let read = std::io::Read::take(&mut input, LONGEST)
            .read_until(b'\n', &mut line)
            .map_err(|source| unreadable(path, source))?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if read == 0 {
            return Err(SamplesError::Empty {
                path: path.to_owned(),
                found: "nothing",
            });
        }
        if !text.is_empty() {
            return Ok(text.to_owned());
        }
    }
}

pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> SamplesError {
    SamplesError::Read {
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn open(path: &Path) -> Result<BufReader<File>, SamplesError> {
    let mut file = File::open(path).map_err(|source| unreadable(path, source))?;
    // A folder opens and only then fails.
    file.rewind().map_err(|source| unreadable(path, source))?;
    Ok(BufReader::new(file))
}

pub(crate) fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(1, |m| m.len().max(1))
}

/// How many rows go by between two words on the progress.
pub(crate) const TOLD_EVERY: u64 = 1024;

fn read_csv(
    path: &Path,
    options: &ReadOptions<'_>,
    progress: &dyn Fn(f64),
) -> Result<Batch, SamplesError> {
    let bytes = length(path);
    let mut records = Records::new(open(path)?);
    let mut next = || -> Result<Option<(u64, Vec<String>, u64)>, SamplesError> {
        let record = records.next().map_err(|source| SamplesError::Csv {
            path: path.to_owned(),
            source,
        })?;
        Ok(record.map(|(line, fields)| (line as u64, fields, records.bytes())))
    };
    let empty = |found| SamplesError::Empty {
        path: path.to_owned(),
        found,
    };
    let (_, names, _) = next()?.ok_or(empty("nothing"))?;
    refuse_separator(path, &names)?;
    let dated = options.time.is_some();
    let columns = Columns::find(path, &names, &options.columns, dated, true)?;
    let [lon, lat] = columns.place.expect("places were asked for");
    let way = options
        .crs
        .filter(|crs| *crs != Crs::LON_LAT)
        .map(|crs| Projection::new(crs, Crs::LON_LAT))
        .transpose()?;
    let mut rows = Rows::new(path, options, columns, RowUnit::Line);
    while let Some((line, fields, done)) = next()? {
        if fields.len() != names.len() {
            let found = format!("{} fields", fields.len());
            let reason = format!("the header has {} columns", names.len());
            rows.refuse(line, "(all)", &found, &reason);
            continue;
        }
        let number = |at: usize| -> Result<f64, Problem> {
            let text = fields[at].trim();
            let wrong = || problem(line, &names[at], text, "not a number");
            text.parse().map_err(|_| wrong())
        };
        let shape = number(lon).and_then(|x| {
            let y = number(lat)?;
            Ok(placed(x, y, way.as_ref()))
        });
        let values: Vec<Option<&str>> = fields.iter().map(|f| Some(f.as_str())).collect();
        rows.take(line, &values, shape)?;
        if rows.count.is_multiple_of(TOLD_EVERY) {
            progress(done as f64 / bytes as f64);
        }
    }
    Batch::of(rows)
}

fn placed(x: f64, y: f64, way: Option<&Projection>) -> VectorShape {
    let (mut xs, mut ys) = ([x], [y]);
    if let Some(way) = way
        && way.points(&mut xs, &mut ys).is_err()
    {
        return VectorShape::Nowhere;
    }
    VectorShape::Points(vec![Coord { x: xs[0], y: ys[0] }])
}

/// What is separated otherwise has one column.
fn refuse_separator(path: &Path, names: &[String]) -> Result<(), SamplesError> {
    let [only] = names else { return Ok(()) };
    let found = [(';', "semicolons"), ('\t', "tabs")];
    match found.into_iter().find(|(letter, _)| only.contains(*letter)) {
        None => Ok(()),
        Some((_, separator)) => Err(SamplesError::Separator {
            path: path.to_owned(),
            separator,
        }),
    }
}

fn read_features(
    path: &Path,
    options: &ReadOptions<'_>,
    progress: &dyn Fn(f64),
) -> Result<Batch, SamplesError> {
    if let Some(crs) = options.crs {
        return Err(SamplesError::OwnCrs {
            path: path.to_owned(),
            crs,
        });
    }
    // An empty or missing file deserves plainer words than GDAL's.
    header(path)?;
    let file = VectorFile::open(path)?;
    let count = file.count()?.max(1);
    let dated = options.time.is_some();
    let columns = Columns::find(path, file.fields(), &options.columns, dated, false)?;
    let mut rows = Rows::new(path, options, columns, RowUnit::Feature);
    let mut stopped = None;
    file.each(|feature| {
        let values: Vec<Option<&str>> = feature.values.iter().map(Option::as_deref).collect();
        let taken = rows.take(feature.number, &values, Ok(feature.shape));
        if feature.number.is_multiple_of(TOLD_EVERY) {
            progress(feature.number as f64 / count as f64);
        }
        stopped = taken.err();
        stopped.is_none()
    })?;
    match stopped {
        Some(error) => Err(error),
        None => Batch::of(rows),
    }
}

/// Whether a header names a place or a time.
pub(crate) fn has_place_or_time(names: &[String]) -> bool {
    let all = [columns::LON, columns::LAT, columns::DATE];
    let mut usual = all.into_iter().flatten();
    usual.any(|usual| columns::named(names, usual).is_some())
}
