//! Tables of samples: one class and one value per feature in each row.

mod hashed;
mod read;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::TrainingError;
pub use read::ReadOptions;
pub(crate) use read::Role;

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
    /// What each sample counts when a model is trained, above 0; from a column `weight`, where an empty field is 1.
    pub weights: Option<Vec<f32>>,
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
    /// missing values. The columns `group`, `weight`, `lon`, `lat`, `period` and `date` say what belongs
    /// together, what it counts, where it lies and when it was; they are no features.
    ///
    /// # Errors
    /// What is wrong with the file, with its line and column.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TrainingError> {
        read::read(path.as_ref(), &ReadOptions::default())
    }

    /// As [`Table::read`], with limits: memory is that of the rows that are kept, whatever the file's size.
    ///
    /// # Errors
    /// As there, and [`TrainingError::TooLarge`].
    pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self, TrainingError> {
        read::read(path.as_ref(), options)
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

    /// The least and the most that a sample counts.
    pub fn weight_range(&self) -> Option<[f32; 2]> {
        let weights = self.weights.as_ref()?;
        let ends = [f32::INFINITY, f32::NEG_INFINITY];
        let wider = |[least, most]: [f32; 2], weight: &f32| [least.min(*weight), most.max(*weight)];
        Some(weights.iter().fold(ends, wider))
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
