//! Batches of a data set joined to one table, a row at a time: a table of gigabytes takes no memory here.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use geocrop_model::csv::{CsvError, quoted};
use geocrop_model::rows::Rows;
use sha2::{Digest as _, Sha256};

use crate::table::Role;

/// Why tables do not become one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A table cannot be read.
    #[error("cannot read the table of {batch}: {source}")]
    Read {
        /// The batch.
        batch: String,
        /// What is wrong.
        source: CsvError,
    },
    /// The joined table cannot be written.
    #[error("cannot write {}: {source}. Free some space there, or name another folder in TMPDIR", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// A table without classes.
    #[error("the table of {batch} has the columns {found}, expected `Class` and features")]
    Header {
        /// The batch.
        batch: String,
        /// Its columns.
        found: String,
    },
    /// Batches of different features.
    #[error(
        "the batches {first} and {batch} cannot be learnt from together: {batch} has no {missing}. Put tables of other \
         features into a data set of their own"
    )]
    Features {
        /// The batch that says which features there are.
        first: String,
        /// The one that differs.
        batch: String,
        /// Features that only one of them has.
        missing: String,
    },
    /// A row that is too short or too long.
    #[error(
        "the table of {batch}, line {line}: found {found} values, expected {expected} as in the header"
    )]
    RowLength {
        /// The batch.
        batch: String,
        /// The line, from 1.
        line: usize,
        /// How many values stand there.
        found: usize,
        /// How many columns the header has.
        expected: usize,
    },
}

/// What a batch gave to the joined table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Joined {
    /// Rows that were written.
    pub rows: usize,
    /// Rows that an earlier batch has too, with the same class and features; they were left out.
    pub repeated: usize,
}

/// What stands in a column of the joined table: the field of a column of the batch, if it has one.
#[derive(Debug, Clone, Copy)]
enum Cell {
    Field(Option<usize>),
    /// What has no group is one of its own.
    Group(Option<usize>),
    /// What has no weight counts one.
    Weight(Option<usize>),
}

/// A batch whose header was read.
struct Open<'b> {
    batch: &'b str,
    rows: Rows<BufReader<File>>,
    columns: Vec<String>,
}

impl<'b> Open<'b> {
    fn new(batch: &'b str, path: &Path) -> Result<Self, JoinError> {
        let wrong = |source| JoinError::Read {
            batch: batch.to_owned(),
            source,
        };
        let file = File::open(path).map_err(|error| wrong(error.into()))?;
        let mut rows = Rows::new(BufReader::new(file)).map_err(|error| wrong(error.into()))?;
        let columns = rows.header().map_err(wrong)?.unwrap_or_default();
        let opened = Self {
            batch,
            rows,
            columns,
        };
        if opened.place(Role::Class).is_some() && opened.features().next().is_some() {
            return Ok(opened);
        }
        Err(JoinError::Header {
            batch: batch.to_owned(),
            found: opened.columns.join(", "),
        })
    }

    /// Where the column is that holds this.
    fn place(&self, role: Role) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| Role::of(column) == role)
    }

    fn features(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().map(String::as_str);
        columns.filter(|column| Role::of(column) == Role::Feature)
    }

    /// Class and features of a row as a number: the same for `1` and `1.000000`.
    fn key(&self, wanted: &[Cell], fields: &[String]) -> u128 {
        let mut hasher = Sha256::new();
        for cell in wanted {
            let Cell::Field(Some(place)) = cell else {
                continue;
            };
            if !matches!(Role::of(&self.columns[*place]), Role::Class | Role::Feature) {
                continue;
            }
            match fields[*place].trim().parse::<f32>() {
                Ok(value) if !value.is_nan() => hasher.update(value.to_bits().to_le_bytes()),
                // A missing value: there is more than one way to write it.
                _ => hasher.update([0]),
            }
        }
        let digest = hasher.finalize();
        u128::from_le_bytes(digest[..16].try_into().expect("a sha256 has 32 bytes"))
    }

    fn feature(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// Writes the tables of batches below each other, as CSV with the columns `Class`, `group`, `weight`, `lon` and `lat` as far
/// as there are any, and the features in the order of the first table. Returns what came of each batch.
///
/// A row that an earlier batch has too is left out: in two folds of a cross-validation, a model would be asked about what it
/// has learnt. Rows that are twice in one batch stay, as in a table that is read by itself.
///
/// Where some rows belong together, a row of a batch without groups stands for itself, and where some have weights, one
/// without counts one. Places are kept when all have them:
/// half a table of places cannot be split by blocks of land.
///
/// # Errors
/// [`JoinError`]; what was written until then is to be thrown away.
pub fn join(batches: &[(&str, &Path)], to: &Path) -> Result<Vec<Joined>, JoinError> {
    let mut opened = Vec::new();
    for (batch, path) in batches {
        opened.push(Open::new(batch, path)?);
    }
    let Some(first) = opened.first() else {
        return Ok(Vec::new());
    };
    let features: Vec<String> = first.features().map(str::to_owned).collect();
    for other in &opened[1..] {
        same_features(first, other)?;
        same_features(other, first)?;
    }
    let grouped = opened
        .iter()
        .any(|batch| batch.place(Role::Group).is_some());
    let weighted = opened
        .iter()
        .any(|batch| batch.place(Role::Weight).is_some());
    let placed = opened
        .iter()
        .all(|batch| batch.place(Role::Lon).is_some() && batch.place(Role::Lat).is_some());
    let failed = |source| JoinError::Write {
        path: to.to_owned(),
        source,
    };
    let mut out = BufWriter::new(File::create(to).map_err(failed)?);
    let mut header = vec!["Class".to_owned()];
    header.extend(grouped.then(|| "group".to_owned()));
    header.extend(weighted.then(|| "weight".to_owned()));
    header.extend(["lon", "lat"].iter().filter(|_| placed).map(|&c| c.into()));
    header.extend(features.iter().map(|name| quoted(name)));
    writeln!(out, "{}", header.join(",")).map_err(failed)?;
    let mut known = HashSet::new();
    let mut given = Vec::new();
    for mut batch in opened {
        let mut wanted = vec![Cell::Field(batch.place(Role::Class))];
        wanted.extend(grouped.then(|| Cell::Group(batch.place(Role::Group))));
        wanted.extend(weighted.then(|| Cell::Weight(batch.place(Role::Weight))));
        if placed {
            wanted.push(Cell::Field(batch.place(Role::Lon)));
            wanted.push(Cell::Field(batch.place(Role::Lat)));
        }
        wanted.extend(features.iter().map(|name| Cell::Field(batch.feature(name))));
        let own = append(&mut batch, &wanted, &mut known, &mut out);
        given.push(own.map_err(|error| match error {
            Appending::Row(error) => error,
            Appending::Out(source) => failed(source),
        })?);
    }
    out.flush().map_err(failed)?;
    Ok(given)
}

/// What goes wrong between two files.
enum Appending {
    Row(JoinError),
    Out(std::io::Error),
}

/// Writes the columns of all rows that are not known. Then they are known as well.
fn append(
    batch: &mut Open<'_>,
    wanted: &[Cell],
    known: &mut HashSet<u128>,
    out: &mut impl std::io::Write,
) -> Result<Joined, Appending> {
    let mut joined = Joined::default();
    let mut own = Vec::new();
    loop {
        let next = batch.rows.next().map_err(|source| {
            Appending::Row(JoinError::Read {
                batch: batch.batch.to_owned(),
                source,
            })
        })?;
        let Some((line, fields)) = next else {
            known.extend(own);
            return Ok(joined);
        };
        if fields.len() != batch.columns.len() {
            return Err(Appending::Row(JoinError::RowLength {
                batch: batch.batch.to_owned(),
                line,
                found: fields.len(),
                expected: batch.columns.len(),
            }));
        }
        let key = batch.key(wanted, &fields);
        if known.contains(&key) {
            joined.repeated += 1;
            continue;
        }
        own.push(key);
        joined.rows += 1;
        let field = |cell: &Cell| match cell {
            Cell::Field(Some(place)) | Cell::Group(Some(place)) | Cell::Weight(Some(place)) => {
                quoted(fields[*place].trim())
            }
            Cell::Group(None) => format!("{}/{}", batch.batch, joined.rows),
            Cell::Field(None) | Cell::Weight(None) => String::new(),
        };
        let row: Vec<String> = wanted.iter().map(field).collect();
        writeln!(out, "{}", row.join(",")).map_err(Appending::Out)?;
    }
}

/// Whether `other` has all features of `one`.
fn same_features(one: &Open<'_>, other: &Open<'_>) -> Result<(), JoinError> {
    let has: BTreeSet<&str> = other.features().collect();
    let missing: Vec<&str> = one.features().filter(|name| !has.contains(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(JoinError::Features {
        first: one.batch.to_owned(),
        batch: other.batch.to_owned(),
        missing: missing.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(texts: &[(&str, &str)]) -> Result<(String, Vec<Joined>), JoinError> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = texts
            .iter()
            .map(|(batch, text)| {
                let path = folder.path().join(batch);
                std::fs::write(&path, text).unwrap();
                (*batch, path)
            })
            .collect();
        let batches: Vec<_> = paths.iter().map(|(b, p)| (*b, p.as_path())).collect();
        let to = folder.path().join("joined.csv");
        let given = join(&batches, &to)?;
        Ok((std::fs::read_to_string(to).unwrap(), given))
    }

    #[test]
    fn tables_of_either_format_and_any_order_of_columns_become_one() {
        let (text, given) = joined(&[
            ("first", "# Class red nir\n0.000000 1 nan\n\n1.0 3 4\n"),
            ("second", "nir,Class,period,red\n,1,2021,6\n"),
        ])
        .unwrap();
        assert_eq!(text, "Class,red,nir\n0.000000,1,nan\n1.0,3,4\n1,6,\n");
        assert_eq!((given[0].rows, given[1].rows), (2, 1));
    }

    #[test]
    fn a_row_that_an_earlier_batch_has_is_taken_once() {
        let (text, given) = joined(&[
            (
                "first",
                "# Class a b\n1.000000 2.500000 nan\n0 1 1\n0 1 1\n",
            ),
            ("second", "Class,b,a\n1,,2.5\n0,,2.5\n0,1,1\n"),
        ])
        .unwrap();
        assert_eq!(
            text,
            "Class,a,b\n1.000000,2.500000,nan\n0,1,1\n0,1,1\n0,2.5,\n"
        );
        let of = |rows, repeated| Joined { rows, repeated };
        assert_eq!(given, [of(3, 0), of(1, 2)]);
    }

    #[test]
    fn rows_without_a_group_stand_for_themselves_and_places_need_company() {
        let (text, _) = joined(&[
            ("first", "Class,group,lon,lat,a\n0,\"f,1\",30,-17,5\n"),
            ("second", "Class,a\n1,6\n1,7\n"),
        ])
        .unwrap();
        assert_eq!(
            text,
            "Class,group,a\n0,\"f,1\",5\n1,second/1,6\n1,second/2,7\n"
        );
        let (text, _) = joined(&[
            ("first", "Class,a,weight\n0,5,0.5\n0,6,\n"),
            ("second", "Class,a\n1,6\n"),
        ])
        .unwrap();
        assert_eq!(text, "Class,weight,a\n0,0.5,5\n0,,6\n1,,6\n");
        let (text, _) = joined(&[
            ("first", "Class,lon,lat,a\n0,30,-17,5\n"),
            ("second", "Class,lat,lon,a\n1,-18,31,6\n"),
        ])
        .unwrap();
        assert_eq!(text, "Class,lon,lat,a\n0,30,-17,5\n1,31,-18,6\n");
    }

    #[test]
    fn tables_that_do_not_fit_are_told_apart_by_what_is_missing() {
        let said = |texts: &[(&str, &str)]| joined(texts).unwrap_err().to_string();
        let text = said(&[("a", "Class,x,y\n0,1,2\n"), ("b", "Class,x\n0,1\n")]);
        assert!(text.contains("b has no y"), "{text}");
        let text = said(&[("a", "Class,x\n0,1\n"), ("b", "Class,x,z\n0,1,2\n")]);
        assert!(text.contains("a has no z"), "{text}");
        let text = said(&[("a", "Class,x\n0,1\n"), ("b", "Class,x\n0,1,2\n")]);
        assert!(text.contains("of b, line 2: found 3"), "{text}");
        let text = said(&[("a", "x,y\n0,1\n")]);
        assert!(text.contains("columns x, y"), "{text}");
    }
}
