//! Ready-made tables: a class and features in each row, and no places.
//!
//! Digital Earth Africa publishes its training data so: a header `# Class a b c`, then numbers between blanks. Such a
//! table is kept byte for byte; it is only looked through.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;

use geocrop_model::Legend;

use crate::SamplesError;
use crate::columns;
use crate::problems::{Problems, RowUnit};
use crate::read::{self, TOLD_EVERY, has_place_or_time};
use crate::rows::{class, problem};

/// The column that holds the class.
const CLASS: &str = "class";

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureTable {
    /// The features, in the order of the columns.
    pub features: Vec<String>,
    /// How many rows.
    pub rows: u64,
    /// Rows of each class.
    pub classes: BTreeMap<u8, u64>,
    /// Values that are missing (`nan`, or nothing between two commas).
    pub missing: u64,
}

/// The header of a table.
pub(crate) struct Header {
    names: Vec<String>,
    class: usize,
    comma: bool,
}

impl FeatureTable {
    /// The header's columns, if it is one of a table: with a class and features, without a place or a time.
    pub(crate) fn recognise(header: &str) -> Option<Header> {
        let comma = header.contains(',');
        let names: Vec<String> = fields(header.strip_prefix('#').unwrap_or(header), comma)
            .map(str::to_owned)
            .collect();
        let class = columns::named(&names, CLASS)?;
        (names.len() > 1 && !has_place_or_time(&names)).then_some(Header {
            names,
            class,
            comma,
        })
    }

    pub(crate) fn read(
        path: &Path,
        header: &Header,
        legend: Option<&Legend>,
        progress: &dyn Fn(f64),
    ) -> Result<Self, SamplesError> {
        let bytes = read::length(path);
        let mut input = read::open(path)?;
        let mut problems = Problems::new(RowUnit::Line);
        let mut table = Self {
            features: header.names.clone(),
            rows: 0,
            classes: BTreeMap::new(),
            missing: 0,
        };
        table.features.remove(header.class);
        let (mut done, mut line, mut begun) = (0, Vec::new(), false);
        for number in 1_u64.. {
            line.clear();
            let length = input
                .read_until(b'\n', &mut line)
                .map_err(|source| read::unreadable(path, source))?;
            if length == 0 {
                break;
            }
            done += length as u64;
            let text = String::from_utf8_lossy(&line);
            if text.trim().is_empty() {
                continue;
            }
            if begun {
                table.take(header, number, &text, legend, &mut problems);
            }
            begun = true;
            if table.rows.is_multiple_of(TOLD_EVERY) {
                progress(done as f64 / bytes as f64);
            }
        }
        if problems.total() > 0 {
            return Err(SamplesError::Rows {
                path: path.to_owned(),
                rows: table.rows,
                problems: Box::new(problems),
            });
        }
        if table.rows == 0 {
            return Err(SamplesError::Empty {
                path: path.to_owned(),
                found: "a header only",
            });
        }
        Ok(table)
    }

    fn take(
        &mut self,
        header: &Header,
        line: u64,
        text: &str,
        legend: Option<&Legend>,
        problems: &mut Problems,
    ) {
        self.rows += 1;
        let fields: Vec<&str> = fields(text, header.comma).collect();
        let expected = header.names.len();
        if fields.len() != expected {
            let found = format!("{} fields", fields.len());
            let reason = format!("the header has {expected} columns");
            problems.add(problem(line, "(all)", &found, &reason));
            return;
        }
        for (at, (field, name)) in fields.iter().zip(&header.names).enumerate() {
            if at == header.class {
                match class(field, legend) {
                    Ok(class) => *self.classes.entry(class).or_default() += 1,
                    Err(reason) => problems.add(problem(line, name, field, &reason)),
                }
            } else if field.is_empty() || field.eq_ignore_ascii_case("nan") {
                self.missing += 1;
            } else if !field.parse().is_ok_and(f32::is_finite) {
                let reason = "not a finite number, nor nan where it is missing";
                problems.add(problem(line, name, field, reason));
            }
        }
    }
}

fn fields(line: &str, comma: bool) -> Box<dyn Iterator<Item = &str> + '_> {
    if comma {
        Box::new(line.split(',').map(str::trim))
    } else {
        Box::new(line.split_whitespace())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<FeatureTable, SamplesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.txt");
        std::fs::write(&path, text).unwrap();
        let header = FeatureTable::recognise(text.lines().next().unwrap()).unwrap();
        FeatureTable::read(&path, &header, None, &|_| {})
    }

    #[test]
    fn classes_and_missing_values_are_counted() {
        let found = table("# Class a b\n1.000000 0.5 nan\n0 -3e-2 7\n\n1 2 3\n").unwrap();
        assert_eq!(found.features, ["a", "b"]);
        assert_eq!((found.rows, found.missing), (3, 1));
        assert_eq!(found.classes, BTreeMap::from([(0, 1), (1, 2)]));
        assert_eq!(table("a,Class\n,3\n").unwrap().missing, 1);
    }

    #[test]
    fn what_is_no_number_is_named_by_line_and_column() {
        let error = table("Class a b\n1 inf 2\n1.5 1 2\n1 2\n")
            .unwrap_err()
            .to_string();
        for part in [
            "line 2, column a: \"inf\"",
            "line 3, column Class",
            "line 4",
            "2 fields",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(matches!(
            table("Class a\n"),
            Err(SamplesError::Empty { .. })
        ));
    }

    #[test]
    fn a_header_with_places_or_times_is_none_of_a_table() {
        for header in ["lon,lat,class", "class,year,lng", "a,b", "Class"] {
            assert!(FeatureTable::recognise(header).is_none(), "{header}");
        }
    }
}
