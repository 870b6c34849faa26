//! Tables of samples: one class and one value per feature in each row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::TrainingError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Class,
    /// What belongs together.
    Group,
    Lon,
    Lat,
    /// When a sample is from: for people.
    When,
    Feature,
}

impl Role {
    fn of(column: &str) -> Self {
        match column.to_ascii_lowercase().as_str() {
            "class" => Self::Class,
            "group" => Self::Group,
            "lon" => Self::Lon,
            "lat" => Self::Lat,
            "period" | "date" => Self::When,
            _ => Self::Feature,
        }
    }
}

/// Samples to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Names of the features, in the order of the columns.
    pub names: Vec<String>,
    /// How many samples there are.
    pub rows: usize,
    /// Row-major `[rows, features]`; NaN where a value is missing.
    pub values: Vec<f32>,
    /// The class of each sample: 0 to the highest, none of them without samples.
    pub labels: Vec<u32>,
    /// What samples belong together by, a polygon for instance; from a column `group`.
    pub groups: Option<Vec<u64>>,
    /// Longitude and latitude of each sample in degrees; from columns `lon` and `lat`.
    pub places: Option<Vec<[f64; 2]>>,
    /// The file that this was read from.
    pub source: Source,
}

/// A file, as a card names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name without folder and extension.
    pub name: String,
    /// The sha256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Table {
    /// Reads the text format of Digital Earth Africa (a header `# Class a b c`, then values
    /// separated by blanks) or CSV with a column `Class`. An empty field of a CSV and `nan` are
    /// missing values. The columns `group`, `lon`, `lat`, `period` and `date` say what belongs
    /// together, where it lies and when it was; they are no features.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TrainingError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| TrainingError::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let source = Source {
            name,
            sha256: format!("{:x}", Sha256::digest(&bytes)),
        };
        Reader::new(path, &String::from_utf8_lossy(&bytes)).read(source)
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.class_rows().len()
    }

    /// How many samples each class has.
    pub fn class_rows(&self) -> Vec<usize> {
        let highest = self
            .labels
            .iter()
            .max()
            .map_or(0, |label| *label as usize + 1);
        let mut rows = vec![0; highest];
        for label in &self.labels {
            rows[*label as usize] += 1;
        }
        rows
    }

    /// All values with the columns in this order, row-major `[rows, names]`; every column if no names are given. Other
    /// columns are left out.
    ///
    /// # Errors
    /// [`TrainingError::MissingColumns`].
    pub fn in_order(&self, names: &[String]) -> Result<Vec<f32>, TrainingError> {
        if names.is_empty() || names == self.names {
            return Ok(self.values.clone());
        }
        let place = |name: &String| self.names.iter().position(|known| known == name);
        let missing: Vec<&str> = names
            .iter()
            .filter(|name| place(name).is_none())
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            return Err(TrainingError::MissingColumns {
                table: self.source.name.clone(),
                missing: missing.join(", "),
            });
        }
        let places: Vec<usize> = names.iter().filter_map(place).collect();
        let rows = self.values.chunks(self.names.len());
        Ok(rows
            .flat_map(|row| places.iter().map(|place| row[*place]))
            .collect())
    }

    /// The values and classes of some rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> (Vec<f32>, Vec<u32>) {
        let width = self.names.len();
        let values = rows
            .iter()
            .flat_map(|row| &self.values[row * width..(row + 1) * width]);
        (
            values.copied().collect(),
            rows.iter().map(|row| self.labels[*row]).collect(),
        )
    }
}

struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    comma: bool,
}

impl<'t> Reader<'t> {
    fn new(path: &'t Path, text: &'t str) -> Self {
        let header = text.lines().next().unwrap_or_default();
        Self {
            path,
            text,
            comma: header.contains(','),
        }
    }

    fn fields(&self, line: &'t str) -> Vec<&'t str> {
        if self.comma {
            line.split(',').map(str::trim).collect()
        } else {
            line.split_whitespace().collect()
        }
    }

    fn read(&self, source: Source) -> Result<Table, TrainingError> {
        let mut lines = self
            .text
            .lines()
            .zip(1..)
            .filter(|(line, _)| !line.trim().is_empty());
        let Some((header, _)) = lines.next() else {
            return Err(TrainingError::Empty {
                path: self.path.to_owned(),
                found: "nothing in it",
            });
        };
        let columns = self.columns(header)?;
        let mut rows = Rows::default();
        for (text, line) in lines {
            let fields = self.fields(text);
            if fields.len() != columns.len() {
                return Err(TrainingError::RowLength {
                    path: self.path.to_owned(),
                    line,
                    found: fields.len(),
                    expected: columns.len(),
                });
            }
            for (field, (column, role)) in fields.iter().zip(&columns) {
                rows.take(field, *role)
                    .map_err(|expected| TrainingError::Value {
                        path: self.path.to_owned(),
                        line,
                        column: (*column).to_owned(),
                        found: (*field).to_owned(),
                        expected,
                    })?;
            }
        }
        let features = columns.iter().filter(|(_, role)| *role == Role::Feature);
        let both = rows.lon.len() == rows.lat.len() && !rows.lon.is_empty();
        let places = rows.lon.iter().zip(&rows.lat);
        let table = Table {
            names: features.map(|(name, _)| (*name).to_owned()).collect(),
            rows: rows.labels.len(),
            values: rows.values,
            labels: rows.labels,
            groups: (!rows.groups.is_empty()).then_some(rows.groups),
            places: both.then(|| places.map(|(lon, lat)| [*lon, *lat]).collect()),
            source,
        };
        self.check(&table)?;
        Ok(table)
    }

    /// The columns and what they hold.
    fn columns(&self, header: &'t str) -> Result<Vec<(&'t str, Role)>, TrainingError> {
        let header = header.trim_start_matches('\u{feff}').trim_start();
        let names = self.fields(header.strip_prefix('#').unwrap_or(header));
        let columns: Vec<_> = names.iter().map(|name| (*name, Role::of(name))).collect();
        let has = |wanted| columns.iter().any(|(_, role)| *role == wanted);
        if !has(Role::Class) || !has(Role::Feature) {
            return Err(TrainingError::Header {
                path: self.path.to_owned(),
                found: names.join(", "),
            });
        }
        let mut seen = BTreeSet::new();
        match names.iter().find(|name| !seen.insert(name.to_lowercase())) {
            None => Ok(columns),
            Some(name) => Err(TrainingError::DuplicateColumn {
                path: self.path.to_owned(),
                name: (*name).to_owned(),
            }),
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
struct Rows {
    values: Vec<f32>,
    labels: Vec<u32>,
    groups: Vec<u64>,
    lon: Vec<f64>,
    lat: Vec<f64>,
    /// A number for each word that names a group.
    numbers: BTreeMap<String, u64>,
}

impl Rows {
    /// Takes a field, or says what it should have been.
    fn take(&mut self, field: &str, role: Role) -> Result<(), &'static str> {
        match role {
            Role::Class => {
                let label = label(field).ok_or("a class: a whole number from 0 to 253")?;
                self.labels.push(label);
            }
            Role::Group => {
                let next = self.numbers.len() as u64;
                let number = *self.numbers.entry(field.to_owned()).or_insert(next);
                self.groups.push(number);
            }
            Role::Lon => self
                .lon
                .push(degrees(field, 180.0).ok_or("degrees from -180 to 180")?),
            Role::Lat => self
                .lat
                .push(degrees(field, 90.0).ok_or("degrees from -90 to 90")?),
            Role::When => {}
            Role::Feature => self
                .values
                .push(value(field).ok_or("a finite number, or nan where it is missing")?),
        }
        Ok(())
    }
}

/// A class; tables often hold it as `1.000000`.
fn label(field: &str) -> Option<u32> {
    let number: f64 = field.parse().ok()?;
    // 254 classes are what a raster of bytes holds beside "no data".
    ((0.0..=253.0).contains(&number) && number.fract() == 0.0).then_some(number as u32)
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
