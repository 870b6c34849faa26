//! Columns of a request: a list of numbers for each feature.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::number::{Number, Place};
use super::read::too_many;
use super::{Examples, Shape};

/// Columns as rows.
pub(super) fn interleaved(
    names: &[String],
    columns: Vec<Option<Vec<f32>>>,
) -> Result<Examples, String> {
    let columns = names
        .iter()
        .zip(columns)
        .map(|(name, column)| {
            column.ok_or_else(|| {
                format!("the input \"{name}\" is missing: write a list of null where it is unknown")
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let count = columns.first().map_or(0, Vec::len);
    for (name, column) in names.iter().zip(&columns) {
        if column.len() != count {
            return Err(format!(
                "the input \"{name}\" has {} values, \"{}\" has {count}: all need as many",
                column.len(),
                names[0]
            ));
        }
    }
    if count == 0 {
        return Err("the inputs are empty: give at least one row".to_owned());
    }
    let mut values = Vec::with_capacity(count * names.len());
    for row in 0..count {
        values.extend(columns.iter().map(|column| column[row]));
    }
    Ok(Examples {
        count,
        shape: Shape::Row,
        values,
    })
}

/// A list of numbers of one feature.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    pub(super) most: usize,
}

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = Vec<f32>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<f32>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Column<'_> {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of numbers as the input \"{}\"", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<f32>, A::Error> {
        let mut values = Vec::new();
        loop {
            let place = Place {
                row: values.len() + 1,
                column: self.name,
            };
            let Some(value) = seq.next_element_seed(Number(&place))? else {
                return Ok(values);
            };
            if values.len() == self.most {
                return Err(A::Error::custom(too_many(self.most)));
            }
            values.push(value);
        }
    }
}
