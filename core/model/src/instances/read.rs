//! From JSON to numbers, without a tree of values in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::columns::{Column, interleaved};
use super::image::image;
use super::number::{Number, Place};
use super::{
    Asked, DEFAULT_SIGNATURE, Examples, Form, IMAGES_INPUT, InstancesError, Limits,
    NAMED_SIGNATURE, ROWS_INPUT, Shape, Takes,
};
use crate::trees::json;

/// Reads a request to a model.
///
/// # Errors
/// When the text is not JSON, or not what the model takes; the message names row and column, counted from 1.
pub fn parse(text: &[u8], takes: &Takes, limits: Limits) -> Result<Asked, InstancesError> {
    // Python writes NaN, and TensorFlow Serving reads it.
    let text = json::with_null(text, &[b"NaN", b"-NaN"]);
    let mut deserializer = serde_json::Deserializer::from_slice(&text);
    let asked = Body { takes, limits }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(asked)
}

struct Body<'a> {
    takes: &'a Takes,
    limits: Limits,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = Asked;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Asked, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Asked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"instances\" or \"inputs\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asked, A::Error> {
        let mut asked = None;
        while let Some(key) = map.next_key::<String>()? {
            let form = match key.as_str() {
                "instances" => Form::Rows,
                "inputs" => Form::Columns,
                "signature_name" => {
                    signature(&map.next_value::<String>()?, self.takes)
                        .map_err(A::Error::custom)?;
                    continue;
                }
                _ => {
                    return Err(A::Error::custom(format!(
                        "unknown member \"{}\": a request has \"instances\" or \"inputs\", and may have \"signature_name\"",
                        short(&key)
                    )));
                }
            };
            if asked.is_some() {
                return Err(A::Error::custom(
                    "the request has \"instances\" or \"inputs\" twice: give one of them",
                ));
            }
            let examples = map.next_value_seed(Input {
                takes: self.takes,
                limits: self.limits,
                form,
            })?;
            asked = Some(Asked { examples, form });
        }
        asked.ok_or_else(|| {
            A::Error::custom(
                "the request has neither \"instances\" nor \"inputs\": give one of them",
            )
        })
    }
}

fn signature(name: &str, takes: &Takes) -> Result<(), String> {
    let named = matches!(takes, Takes::Row(_)) && name == NAMED_SIGNATURE;
    if name.is_empty() || name == DEFAULT_SIGNATURE || named {
        return Ok(());
    }
    Err(format!(
        "there is no signature \"{}\": leave signature_name out, or give \"{DEFAULT_SIGNATURE}\"",
        short(name)
    ))
}

/// The value of `instances` or `inputs`.
struct Input<'a> {
    takes: &'a Takes,
    limits: Limits,
    form: Form,
}

impl Input<'_> {
    fn whole(&self) -> &'static str {
        match self.takes {
            Takes::Row(_) => ROWS_INPUT,
            Takes::Image(_) => IMAGES_INPUT,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Input<'_> {
    type Value = Examples;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Examples, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Input<'_> {
    type Value = Examples;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Form::Rows => f.write_str("a list of instances"),
            Form::Columns => f.write_str("a list of rows, or an object with the inputs by name"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Examples, A::Error> {
        let mut examples = Examples {
            count: 0,
            shape: Shape::Row,
            values: Vec::new(),
        };
        while seq
            .next_element_seed(Example {
                takes: self.takes,
                limits: self.limits,
                examples: &mut examples,
            })?
            .is_some()
        {
            examples.count += 1;
        }
        if examples.count == 0 {
            return Err(A::Error::custom("there is no instance: give at least one"));
        }
        Ok(examples)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Examples, A::Error> {
        if self.form == Form::Rows {
            return Err(A::Error::custom(
                "\"instances\" is an object, not a list: inputs by name stand below \"inputs\"",
            ));
        }
        let names = self.takes.names();
        let by_name = matches!(self.takes, Takes::Row(_));
        let mut columns: Vec<Option<Vec<f32>>> = vec![None; names.len()];
        let mut whole = None;
        while let Some(key) = map.next_key::<String>()? {
            let place = names
                .iter()
                .position(|name| *name == key)
                .filter(|_| by_name);
            match place {
                Some(place) if columns[place].is_some() => {
                    return Err(A::Error::custom(format!(
                        "the input \"{key}\" stands there twice"
                    )));
                }
                Some(place) => {
                    columns[place] = Some(map.next_value_seed(Column {
                        name: &key,
                        most: self.limits.cells,
                    })?);
                }
                None if key == self.whole() && whole.is_none() => {
                    whole = Some(map.next_value_seed(Input { ..self })?);
                }
                None => {
                    return Err(A::Error::custom(unknown(&key, self.takes)));
                }
            }
        }
        match whole {
            Some(examples) if columns.iter().all(Option::is_none) => Ok(examples),
            Some(_) => Err(A::Error::custom(format!(
                "give \"{}\" or the features by name, not both",
                self.whole()
            ))),
            None => interleaved(names, columns).map_err(A::Error::custom),
        }
    }
}

fn unknown(key: &str, takes: &Takes) -> String {
    let (whole, what) = match takes {
        Takes::Row(_) => (ROWS_INPUT, "features"),
        Takes::Image(_) => (IMAGES_INPUT, "bands"),
    };
    format!(
        "the model has no input \"{}\": it has \"{whole}\", whose {what} are {}",
        short(key),
        takes.names().join(", ")
    )
}

pub(super) fn too_many(most: usize) -> String {
    format!("more than {most} rows (or pixels) in one request: send several")
}

/// One element of `instances`.
struct Example<'a> {
    takes: &'a Takes,
    limits: Limits,
    examples: &'a mut Examples,
}

impl Example<'_> {
    fn number(&self) -> usize {
        self.examples.count + 1
    }
}

impl<'de> DeserializeSeed<'de> for Example<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.examples.values.len() / self.takes.names().len().max(1) >= self.limits.cells {
            return Err(D::Error::custom(too_many(self.limits.cells)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Example<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.takes.names().len();
        match self.takes {
            Takes::Row(_) => write!(
                f,
                "row {}: a list of {names} numbers, or an object with the features by name",
                self.number()
            ),
            Takes::Image(_) => write!(
                f,
                "image {}: a list of rows of pixels, each a list of {names} numbers",
                self.number()
            ),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let row = self.number();
        match self.takes {
            Takes::Row(names) if names.len() == 1 => {
                let place = Place {
                    row,
                    column: &names[0],
                };
                self.examples.values.push(Number(&place).visit_f64(value)?);
                Ok(())
            }
            _ => Err(E::invalid_type(serde::de::Unexpected::Float(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let row = self.number();
        match self.takes {
            Takes::Row(names) => cells(seq, names, row, &mut self.examples.values),
            Takes::Image(bands) => image(seq, bands, self.limits, self.examples),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let row = self.number();
        let whole = match self.takes {
            Takes::Row(_) => ROWS_INPUT,
            Takes::Image(_) => IMAGES_INPUT,
        };
        let names = self.takes.names();
        let by_name = matches!(self.takes, Takes::Row(_));
        let start = self.examples.values.len();
        let mut seen = vec![false; names.len()];
        let mut count = 0;
        while let Some(key) = map.next_key::<String>()? {
            let place = names
                .iter()
                .position(|name| *name == key)
                .filter(|_| by_name);
            if let Some(at) = place {
                if self.examples.values.len() == start {
                    self.examples.values.resize(start + names.len(), f32::NAN);
                }
                if seen[at] {
                    return Err(A::Error::custom(format!(
                        "row {row} has the feature \"{key}\" twice"
                    )));
                }
                seen[at] = true;
                count += 1;
                let place = Place { row, column: &key };
                self.examples.values[start + at] = map.next_value_seed(Number(&place))?;
            } else if key == whole && self.examples.values.len() == start {
                map.next_value_seed(Example {
                    takes: self.takes,
                    limits: self.limits,
                    examples: self.examples,
                })?;
                if map.next_key::<IgnoredAny>()?.is_some() {
                    return Err(A::Error::custom(format!(
                        "row {row} has more than \"{whole}\": give it alone, or the features by name"
                    )));
                }
                return Ok(());
            } else {
                return Err(A::Error::custom(format!(
                    "row {row}: {}",
                    unknown(&key, self.takes)
                )));
            }
        }
        if count == names.len() && count > 0 {
            return Ok(());
        }
        let missing = seen.iter().position(|seen| !seen).unwrap_or(0);
        Err(A::Error::custom(format!(
            "row {row} has no feature \"{}\": write null where it is unknown",
            names.get(missing).map_or("", String::as_str)
        )))
    }
}

/// The numbers of a row or pixel.
pub(super) fn cells<'de, A: SeqAccess<'de>>(
    mut seq: A,
    names: &[String],
    row: usize,
    values: &mut Vec<f32>,
) -> Result<(), A::Error> {
    for (number, name) in names.iter().enumerate() {
        let place = Place { row, column: name };
        let Some(value) = seq.next_element_seed(Number(&place))? else {
            return Err(A::Error::custom(format!(
                "row {row} has {number} values, the model takes {}; \"{name}\" is the first that is missing",
                names.len()
            )));
        };
        values.push(value);
    }
    if seq.next_element::<IgnoredAny>()?.is_some() {
        return Err(A::Error::custom(format!(
            "row {row} has more than the {} values that the model takes ({})",
            names.len(),
            names.join(", ")
        )));
    }
    Ok(())
}

/// A key of a stranger, cut to a length that fits a message.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
