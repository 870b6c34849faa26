//! From a file to a table, in two passes: the first counts rows and takes the checksum, the second keeps what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use geocrop_model::csv::CsvError;
use geocrop_model::rows::Rows;

use super::hashed::Hashed;
use super::{Source, Table};
use crate::TrainingError;
use geocrop_model::random::SplitMix64;

/// Bytes that training takes for each value of a table: the table, what is derived from it, and XGBoost's copies for the
/// models that are trained side by side. Measured with the default plan and 33 features: 40,000 rows take 168 MB more than
/// 3,341 do.
const BYTES_PER_VALUE: u64 = 140;

/// What is taken of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// So many rows at random, in the order of the file, instead of all.
    pub rows: Option<usize>,
    /// The seed that chooses them.
    pub seed: u64,
    /// Memory that training may take, in MB; a table that needs more is refused.
    pub memory_mb: Option<u64>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Class,
    /// What belongs together.
    Group,
    /// What a sample counts.
    Weight,
    Lon,
    Lat,
    /// When a sample is from: for people.
    When,
    Feature,
}

impl Role {
    pub(crate) fn of(column: &str) -> Self {
        match column.to_ascii_lowercase().as_str() {
            "class" => Self::Class,
            "group" => Self::Group,
            "weight" => Self::Weight,
            "lon" => Self::Lon,
            "lat" => Self::Lat,
            "period" | "date" => Self::When,
            _ => Self::Feature,
        }
    }
}

/// Reads a table.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table, TrainingError> {
    let reader = Reader { path };
    let unreadable = |source| TrainingError::Read {
        path: path.to_owned(),
        source,
    };
    let mut first = Hashed::new(File::open(path).map_err(unreadable)?);
    let (columns, rows) = reader.count(BufReader::new(&mut first))?;
    let name = path.file_stem().unwrap_or_default();
    let source = Source {
        name: name.to_string_lossy().into_owned(),
        sha256: first.sha256(),
    };
    let wanted = options.rows.unwrap_or(rows).min(rows);
    reader.refuse_large(&columns, (rows, wanted), options.memory_mb)?;
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut random = SplitMix64::new(options.seed);
    let kept = reader.keep(file, &columns, |row, kept| {
        // Selection sampling: Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S.
        wanted == rows || random.below(rows - row) < wanted - kept
    })?;
    let table = kept.into_table(columns, source);
    reader.check(&table)?;
    Ok(table)
}

struct Reader<'t> {
    path: &'t Path,
}

impl Reader<'_> {
    fn broken(&self, error: CsvError) -> TrainingError {
        TrainingError::Records {
            path: self.path.to_owned(),
            source: error,
        }
    }

    fn records<R: BufRead>(&self, input: R) -> Result<Rows<R>, TrainingError> {
        Rows::new(input).map_err(|error| self.broken(error.into()))
    }

    /// The columns, and how many rows there are below them.
    fn count(&self, input: impl BufRead) -> Result<(Vec<(String, Role)>, usize), TrainingError> {
        let mut records = self.records(input)?;
        let Some(header) = records.header().map_err(|e| self.broken(e))? else {
            return Err(TrainingError::Empty {
                path: self.path.to_owned(),
                found: "nothing in it",
            });
        };
        let columns = self.columns(header)?;
        let mut rows = 0;
        while records.next().map_err(|e| self.broken(e))?.is_some() {
            rows += 1;
        }
        Ok((columns, rows))
    }

    /// Reads the rows that `wants` wants, which is asked with the number of the row and of those that were kept. Each row is
    /// checked, kept or not.
    fn keep(
        &self,
        input: impl BufRead,
        columns: &[(String, Role)],
        mut wants: impl FnMut(usize, usize) -> bool,
    ) -> Result<Kept, TrainingError> {
        let mut records = self.records(input)?;
        records.next().map_err(|e| self.broken(e))?;
        let mut rows = Kept::default();
        let mut row = 0;
        while let Some((line, fields)) = records.next().map_err(|e| self.broken(e))? {
            if fields.len() != columns.len() {
                return Err(TrainingError::RowLength {
                    path: self.path.to_owned(),
                    line,
                    found: fields.len(),
                    expected: columns.len(),
                });
            }
            let wanted = wants(row, rows.labels.len());
            row += 1;
            for (field, (column, role)) in fields.iter().zip(columns) {
                rows.take(field.trim(), *role, wanted).map_err(|expected| {
                    TrainingError::Value {
                        path: self.path.to_owned(),
                        line,
                        column: column.clone(),
                        found: field.clone(),
                        expected,
                    }
                })?;
            }
        }
        Ok(rows)
    }

    /// The columns and what they hold.
    fn columns(&self, names: Vec<String>) -> Result<Vec<(String, Role)>, TrainingError> {
        if let Some(place) = names.iter().position(String::is_empty) {
            return Err(TrainingError::UnnamedColumn {
                path: self.path.to_owned(),
                number: place + 1,
            });
        }
        let has = |wanted| names.iter().any(|name| Role::of(name) == wanted);
        if !has(Role::Class) || !has(Role::Feature) {
            return Err(TrainingError::Header {
                path: self.path.to_owned(),
                found: names.join(", "),
            });
        }
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(name.to_lowercase())) {
            None => Ok(names
                .into_iter()
                .map(|name| {
                    let role = Role::of(&name);
                    (name, role)
                })
                .collect()),
            Some(name) => Err(TrainingError::DuplicateColumn {
                path: self.path.to_owned(),
                name: name.clone(),
            }),
        }
    }

    /// Refuses a table that training would not find memory for, before it is read.
    fn refuse_large(
        &self,
        columns: &[(String, Role)],
        (rows, wanted): (usize, usize),
        memory_mb: Option<u64>,
    ) -> Result<(), TrainingError> {
        let features = columns.iter().filter(|(_, role)| *role == Role::Feature);
        let row = features.count() as u64 * BYTES_PER_VALUE;
        let needed_mb = (wanted as u64 * row).div_ceil(1 << 20);
        match memory_mb {
            Some(memory_mb) if needed_mb > memory_mb => Err(TrainingError::TooLarge {
                path: self.path.to_owned(),
                rows,
                needed_mb,
                memory_mb,
                fits: (memory_mb << 20) / row,
            }),
            _ => Ok(()),
        }
    }

    fn check(&self, table: &Table) -> Result<(), TrainingError> {
        let rows = table.class_rows();
        let Some(highest) = rows.len().checked_sub(1) else {
            return Err(TrainingError::Empty {
                path: self.path.to_owned(),
                found: "a header only",
            });
        };
        if rows.iter().filter(|count| **count > 0).count() == 1 {
            return Err(TrainingError::OneClass {
                class: highest as u32,
                rows: table.rows,
            });
        }
        match rows.iter().position(|count| *count == 0) {
            None => Ok(()),
            Some(missing) => Err(TrainingError::MissingClass {
                missing: missing as u32,
                highest: highest as u32,
            }),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Kept {
    values: Vec<f32>,
    labels: Vec<u32>,
    groups: Vec<u64>,
    weights: Vec<f32>,
    lon: Vec<f64>,
    lat: Vec<f64>,
    /// A number for each word that names a group.
    numbers: BTreeMap<String, u64>,
}

impl Kept {
    /// Takes a field of a row that is wanted, or says what it should have been.
    fn take(&mut self, field: &str, role: Role, wanted: bool) -> Result<(), &'static str> {
        match role {
            Role::Class => {
                let label = label(field).ok_or("a class: a whole number from 0 to 253")?;
                self.labels.extend(wanted.then_some(label));
            }
            Role::Group if wanted => {
                let next = self.numbers.len() as u64;
                let number = *self.numbers.entry(field.to_owned()).or_insert(next);
                self.groups.push(number);
            }
            Role::Weight => {
                let weight = weight(field).ok_or("a weight: a finite number above 0")?;
                self.weights.extend(wanted.then_some(weight));
            }
            Role::Lon => {
                let lon = degrees(field, 180.0).ok_or("degrees from -180 to 180")?;
                self.lon.extend(wanted.then_some(lon));
            }
            Role::Lat => {
                let lat = degrees(field, 90.0).ok_or("degrees from -90 to 90")?;
                self.lat.extend(wanted.then_some(lat));
            }
            Role::Group | Role::When => {}
            Role::Feature => {
                let value = value(field).ok_or("a finite number, or nan where it is missing")?;
                self.values.extend(wanted.then_some(value));
            }
        }
        Ok(())
    }

    fn into_table(self, columns: Vec<(String, Role)>, source: Source) -> Table {
        let features = columns
            .into_iter()
            .filter(|(_, role)| *role == Role::Feature);
        let both = self.lon.len() == self.lat.len() && !self.lon.is_empty();
        let places = self.lon.iter().zip(&self.lat);
        Table {
            names: features.map(|(name, _)| name).collect(),
            rows: self.labels.len(),
            values: self.values,
            labels: self.labels,
            groups: (!self.groups.is_empty()).then_some(self.groups),
            weights: (!self.weights.is_empty()).then_some(self.weights),
            places: both.then(|| places.map(|(lon, lat)| [*lon, *lat]).collect()),
            source,
        }
    }
}

/// A class; tables often hold it as `1.000000`.
fn label(field: &str) -> Option<u32> {
    let number: f64 = field.parse().ok()?;
    // 254 classes are what a raster of bytes holds beside "no data".
    ((0.0..=253.0).contains(&number) && number.fract() == 0.0).then_some(number as u32)
}

/// Of whom nothing is said counts one.
fn weight(field: &str) -> Option<f32> {
    if field.is_empty() {
        return Some(1.0);
    }
    let weight = field.parse().ok();
    weight.filter(|weight: &f32| weight.is_finite() && *weight > 0.0)
}

fn value(field: &str) -> Option<f32> {
    if field.is_empty() || field.eq_ignore_ascii_case("nan") {
        return Some(f32::NAN);
    }
    field.parse().ok().filter(|value: &f32| value.is_finite())
}

fn degrees(field: &str, most: f64) -> Option<f64> {
    let degrees: f64 = field.parse().ok()?;
    (-most..=most).contains(&degrees).then_some(degrees)
}
