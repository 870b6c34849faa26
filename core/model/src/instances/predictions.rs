//! The answer of another server, from JSON to numbers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::InstancesError;

/// Reads the answer to `instances`: `{"predictions": [...]}` with `outputs` numbers for each of `count` rows. Where a
/// server gives its only output a name (`[{"probabilities": [...]}, ...]`), that is read too.
///
/// # Errors
/// When the answer has another form or another size; `null` is no prediction.
pub fn parse_predictions(
    text: &[u8],
    count: usize,
    outputs: usize,
) -> Result<Vec<f32>, InstancesError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let values = Predictions { count, outputs }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(values)
}

/// The answer of a server.
struct Predictions {
    count: usize,
    outputs: usize,
}

impl<'de> DeserializeSeed<'de> for Predictions {
    type Value = Vec<f32>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<f32>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Predictions {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with \"predictions\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<f32>, A::Error> {
        let mut values = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "predictions" {
                values = Some(map.next_value_seed(Answers(&self))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        values.ok_or_else(|| A::Error::custom("the answer has no \"predictions\""))
    }
}

/// The list of predictions.
struct Answers<'a>(&'a Predictions);

impl<'de> DeserializeSeed<'de> for Answers<'_> {
    type Value = Vec<f32>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<f32>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Answers<'_> {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} predictions", self.0.count)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<f32>, A::Error> {
        let Predictions { count, outputs } = *self.0;
        let mut values = Vec::with_capacity(count * outputs);
        let mut found = 0;
        while found <= count
            && seq
                .next_element_seed(Prediction {
                    row: found + 1,
                    outputs,
                    values: &mut values,
                })?
                .is_some()
        {
            found += 1;
        }
        if found == count {
            return Ok(values);
        }
        let found = if found > count {
            "more".to_owned()
        } else {
            found.to_string()
        };
        Err(A::Error::custom(format!(
            "{count} rows were sent and {found} predictions came back"
        )))
    }
}

/// What is predicted for one row.
struct Prediction<'a> {
    row: usize,
    outputs: usize,
    values: &'a mut Vec<f32>,
}

impl Prediction<'_> {
    fn wrong(&self, found: &str) -> String {
        format!(
            "the prediction of row {} has {found}, expected {} number(s)",
            self.row, self.outputs
        )
    }
}

impl<'de> DeserializeSeed<'de> for Prediction<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Prediction<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} number(s) as the prediction of row {}",
            self.outputs, self.row
        )
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if self.outputs != 1 {
            return Err(E::custom(self.wrong("1 number")));
        }
        self.values.push(value as f32);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut found = 0;
        while let Some(value) = seq.next_element::<f32>()? {
            found += 1;
            if found <= self.outputs {
                self.values.push(value);
            }
        }
        if found == self.outputs {
            return Ok(());
        }
        Err(A::Error::custom(self.wrong(&format!("{found} numbers"))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let several = "several outputs by name: only a model with one output can be used";
        if map.next_key::<IgnoredAny>()?.is_none() {
            return Err(A::Error::custom(self.wrong("no output")));
        }
        map.next_value_seed(Prediction {
            row: self.row,
            outputs: self.outputs,
            values: self.values,
        })?;
        if map.next_key::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(self.wrong(several)));
        }
        Ok(())
    }
}
