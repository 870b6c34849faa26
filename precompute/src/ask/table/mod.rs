//! Predictions for a table of rows, in batches: as CSV with a header, or as JSON instances.
//!
//! A CSV, or a table with blanks between its fields, needs one column for each feature, named as the model names it and in any order; other columns (an identifier,
//! a place) are copied into the result. An empty field, `NaN`, `NA` and `null` are missing values.

mod answers;
mod error;

use std::io::{BufRead, Read as _, Write};

use geocrop_model::instances::{Limits, Takes, parse};
use geocrop_model::rows::Rows;

pub use error::TableError;
pub use geocrop_model::csv::CsvError;

use crate::progress::Stage;
use crate::serving::LoadedModel;
use crate::{Progress, TaskError};
use answers::{Answers, Batch};
use error::io;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// Comma-separated values with a header.
    Csv,
    /// JSON: `instances` in, a list of objects out.
    Json,
}

/// How a table is predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOptions {
    /// Of what comes in.
    pub input: TableForm,
    /// Of what goes out.
    pub output: TableForm,
    /// Rows that are predicted at a time.
    pub batch: usize,
    /// The most rows that are taken.
    pub max_rows: usize,
    /// The most bytes of JSON that are taken; a CSV is read row by row.
    pub max_json: usize,
    /// Bytes that will come, where that is known, for the progress.
    pub bytes: Option<u64>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            input: TableForm::Csv,
            output: TableForm::Csv,
            batch: 8192,
            max_rows: 50_000_000,
            max_json: 64 << 20,
            bytes: None,
        }
    }
}

/// What a table came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// Rows.
    pub rows: usize,
    /// Values that were missing.
    pub missing: usize,
    /// Rows of each class, by name, in the model's order.
    pub classes: Vec<(String, usize)>,
}

/// Predicts the rows of a table.
///
/// # Errors
/// [`TaskError::Table`] names the line and the column; what was written by then is no whole result.
pub fn run(
    model: &LoadedModel,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    options: &TableOptions,
    progress: &Progress,
) -> Result<TableReport, TaskError> {
    if matches!(model.takes(), Takes::Image(_)) {
        return Err(TaskError::WrongExamples {
            model: format!("{}/{}", model.name, model.version),
            takes: "images",
        });
    }
    let total = options.bytes.unwrap_or(0);
    progress.begin(Stage::Map, usize::try_from(total).unwrap_or(usize::MAX));
    let mut writer = Answers::new(model, output, options.output);
    match options.input {
        TableForm::Csv => rows(input, &mut writer, options, progress)?,
        TableForm::Json => instances(input, &mut writer, options, progress)?,
    }
    writer.finish()
}

/// Where the model's features and all other columns stand in a CSV.
struct Columns {
    names: Vec<String>,
    /// For each feature of the model.
    features: Vec<usize>,
    others: Vec<usize>,
}

impl Columns {
    fn of(header: &[String], model: &LoadedModel) -> Result<Self, TableError> {
        let names = header.to_vec();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(TableError::Twice { name: name.clone() });
            }
        }
        let place = |feature: &String| names.iter().position(|name| name == feature);
        let missing: Vec<&str> = model
            .features()
            .iter()
            .filter(|feature| place(feature).is_none())
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            return Err(TableError::NoColumn {
                missing: missing.join(", "),
                model: format!("{}/{}", model.name, model.version),
            });
        }
        let features: Vec<usize> = model.features().iter().filter_map(place).collect();
        let others = (0..names.len())
            .filter(|at| !features.contains(at))
            .collect();
        Ok(Self {
            names,
            features,
            others,
        })
    }
}

fn rows(
    input: &mut dyn BufRead,
    writer: &mut Answers<'_>,
    options: &TableOptions,
    progress: &Progress,
) -> Result<(), TaskError> {
    let mut records = Rows::new(input).map_err(io("input"))?;
    let header = records
        .header()
        .map_err(TableError::from)?
        .ok_or(TableError::Empty)?;
    let columns = Columns::of(&header, writer.model)?;
    let others = columns.others.iter().map(|at| columns.names[*at].clone());
    writer.begin(others.collect())?;
    let mut batch = Batch::default();
    while let Some((line, fields)) = records.next().map_err(TableError::from)? {
        if writer.report.rows + batch.count == options.max_rows {
            return Err(TableError::TooMany {
                what: "rows",
                limit: options.max_rows,
            }
            .into());
        }
        if fields.len() != columns.names.len() {
            return Err(TableError::Fields {
                line,
                found: fields.len(),
                expected: columns.names.len(),
            }
            .into());
        }
        for at in &columns.features {
            batch
                .values
                .push(number(&fields[*at], line, &columns.names[*at])?);
        }
        batch
            .others
            .extend(columns.others.iter().map(|at| fields[*at].clone()));
        batch.count += 1;
        if batch.count >= options.batch.max(1) {
            progress.check()?;
            writer.write(std::mem::take(&mut batch))?;
            progress.reach(usize::try_from(records.bytes()).unwrap_or(usize::MAX));
        }
    }
    progress.check()?;
    writer.write(batch)
}

fn number(field: &str, line: usize, column: &str) -> Result<f32, TableError> {
    let field = field.trim();
    if field.is_empty() || ["nan", "na", "null"].contains(&field.to_ascii_lowercase().as_str()) {
        return Ok(f32::NAN);
    }
    field
        .parse::<f32>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| TableError::Number {
            line,
            column: column.to_owned(),
            found: field.chars().take(40).collect(),
        })
}

fn instances(
    input: &mut dyn BufRead,
    writer: &mut Answers<'_>,
    options: &TableOptions,
    progress: &Progress,
) -> Result<(), TaskError> {
    let mut text = Vec::new();
    let most = options.max_json as u64;
    input
        .take(most + 1)
        .read_to_end(&mut text)
        .map_err(io("input"))?;
    if text.len() > options.max_json {
        return Err(TableError::TooMany {
            what: "bytes of JSON (a CSV may be longer)",
            limit: options.max_json,
        }
        .into());
    }
    let limits = Limits {
        cells: options.max_rows,
    };
    let asked = parse(&text, &writer.model.takes(), limits).map_err(TableError::from)?;
    writer.begin(Vec::new())?;
    let width = writer.model.features().len().max(1);
    for values in asked.examples.values.chunks(width * options.batch.max(1)) {
        progress.check()?;
        writer.write(Batch {
            count: values.len() / width,
            values: values.to_vec(),
            others: Vec::new(),
        })?;
    }
    Ok(())
}
