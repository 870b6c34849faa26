//! A file's samples, put in order: what is stored, and what its version is made of.

use std::collections::BTreeMap;
use std::io::{self, Write};

use geocrop_model::Legend;
use sha2::{Digest as _, Sha256};

use crate::SamplesError;
use crate::checks::{self, Checks};
use crate::problems::RowUnit;
use crate::rows::Rows;
use crate::sample::{self, Sample};

/// Samples in one order, each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The samples.
    pub samples: Vec<Sample>,
    /// What was found.
    pub checks: Checks,
    /// The sha256 of the samples in hexadecimal digits: the same for the same samples, whatever the file's format and
    /// order.
    pub version: String,
}

impl Batch {
    /// What a file's rows make, unless some of them are wrong.
    pub(crate) fn of(rows: Rows<'_>) -> Result<Self, SamplesError> {
        let (expected, legend) = (rows.expected().map(str::to_owned), rows.legend());
        if rows.problems.total() > 0 {
            return Err(SamplesError::Rows {
                path: rows.path.to_owned(),
                rows: rows.count,
                problems: Box::new(rows.problems),
            });
        }
        if rows.samples.is_empty() {
            return Err(SamplesError::Empty {
                path: rows.path.to_owned(),
                found: "no sample",
            });
        }
        let mut checks = Checks {
            rows: rows.count,
            outside: rows.outside,
            ..Checks::default()
        };
        let unit = match rows.unit() {
            RowUnit::Line => "lines",
            RowUnit::Feature => "features",
        };
        let sorted = checks::sorted(rows.samples, &mut checks);
        let samples: Vec<Sample> = sorted.into_iter().map(|(sample, _)| sample).collect();
        let classes = classes(&samples);
        checks::remark(
            &mut checks,
            &classes,
            legend,
            (unit, &|row| row.to_string()),
            expected.as_deref(),
        );
        Ok(Self {
            version: version(&samples),
            samples,
            checks,
        })
    }

    /// Writes a GeoJSON `FeatureCollection` with a line for each sample.
    pub fn write_geojson(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(b"{\"type\":\"FeatureCollection\",\"features\":[\n")?;
        let last = self.samples.len();
        for (sample, number) in self.samples.iter().zip(1..) {
            let end = if number == last { "" } else { "," };
            writeln!(to, "{}{end}", sample.to_json())?;
        }
        to.write_all(b"]}\n")?;
        to.flush()
    }

    /// Samples of each class.
    pub fn classes(&self) -> BTreeMap<u8, u64> {
        classes(&self.samples)
    }

    /// Samples of each year, that in which their time ends.
    pub fn years(&self) -> BTreeMap<String, u64> {
        let mut years = BTreeMap::new();
        for sample in &self.samples {
            let year = sample::days(&sample.time).1.format("%Y").to_string();
            *years.entry(year).or_default() += 1;
        }
        years
    }

    /// West, south, east, north in degrees of all samples.
    pub fn bounds(&self) -> [f64; 4] {
        let none = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        let bounds = self.samples.iter().map(|sample| sample.shape.bounds());
        bounds.fold(none, |a, b| {
            [
                a[0].min(b[0]),
                a[1].min(b[1]),
                a[2].max(b[2]),
                a[3].max(b[3]),
            ]
        })
    }
}

fn classes(samples: &[Sample]) -> BTreeMap<u8, u64> {
    let mut classes = BTreeMap::new();
    for sample in samples {
        *classes.entry(sample.class).or_default() += 1;
    }
    classes
}

fn version(samples: &[Sample]) -> String {
    let mut hasher = Sha256::new();
    for sample in samples {
        hasher.update(sample.to_json());
        hasher.update(b"\n");
    }
    format!("{:x}", hasher.finalize())
}

/// What is remarkable about the samples of several batches together, each with its name. A sample is named by its batch
/// and its number there, from 1.
pub fn check_together(batches: Vec<(String, Vec<Sample>)>, legend: Option<&Legend>) -> Checks {
    let mut begins = Vec::new();
    let mut samples: Vec<(Sample, u64)> = Vec::new();
    for (name, batch) in batches {
        begins.push((samples.len() as u64, name));
        samples.extend(batch.into_iter().zip(begins[begins.len() - 1].0 + 1..));
    }
    let row = |row: u64| {
        let batch = begins.iter().rev().find(|(begin, _)| *begin < row);
        batch.map_or_else(String::new, |(begin, name)| {
            format!("{name}/{}", row - begin)
        })
    };
    let mut checks = Checks {
        rows: samples.len() as u64,
        ..Checks::default()
    };
    let kept: Vec<Sample> = checks::sorted(samples, &mut checks)
        .into_iter()
        .map(|(sample, _)| sample)
        .collect();
    checks::remark(
        &mut checks,
        &classes(&kept),
        legend,
        ("samples", &row),
        None,
    );
    checks
}
