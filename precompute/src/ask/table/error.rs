//! Everything that can be wrong with a table.

use geocrop_model::csv::CsvError;
use geocrop_model::instances::InstancesError;

use crate::TaskError;

/// What is wrong with a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Its text.
    #[error("the table {0}")]
    Csv(#[from] CsvError),
    /// As JSON.
    #[error("the table: {0}")]
    Json(#[from] InstancesError),
    /// It cannot be read, or the result cannot be written.
    #[error("the table's {what}: {source}")]
    Io {
        /// Which of both.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in it.
    #[error("the table is empty: its first line names the columns")]
    Empty,
    /// Not all features are there.
    #[error("the table has no column {missing}, which the model {model} needs")]
    NoColumn {
        /// Names.
        missing: String,
        /// Name and version.
        model: String,
    },
    /// Two columns of one name.
    #[error("the table has the column \"{name}\" twice: rename one of them")]
    Twice {
        /// The name.
        name: String,
    },
    /// A row of another length.
    #[error("line {line} of the table has {found} fields, its header has {expected}")]
    Fields {
        /// From 1.
        line: usize,
        /// In the row.
        found: usize,
        /// In the header.
        expected: usize,
    },
    /// No number.
    #[error(
        "line {line} of the table, column \"{column}\": \"{found}\" is no number that float32 holds; leave the field empty where a value is missing"
    )]
    Number {
        /// From 1.
        line: usize,
        /// The column.
        column: String,
        /// What stands there, shortened.
        found: String,
    },
    /// Too much.
    #[error("the table has more than {limit} {what}: split it")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most.
        limit: usize,
    },
}

/// An error of reading or writing.
pub(super) fn io(what: &'static str) -> impl Fn(std::io::Error) -> TaskError {
    move |source| TableError::Io { what, source }.into()
}
