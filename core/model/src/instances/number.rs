//! One number of a request.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

/// Where a number stands.
pub(super) struct Place<'a> {
    pub(super) row: usize,
    pub(super) column: &'a str,
}

/// A number that float32 can hold, or `null`.
pub(super) struct Number<'a>(pub(super) &'a Place<'a>);

impl<'de> DeserializeSeed<'de> for Number<'_> {
    type Value = f32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<f32, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Number<'_> {
    type Value = f32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { row, column } = self.0;
        write!(f, "a number or null in row {row}, \"{column}\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f32, E> {
        let narrow = value as f32;
        if narrow.is_finite() {
            return Ok(narrow);
        }
        let Place { row, column } = self.0;
        Err(E::custom(format!(
            "row {row}, \"{column}\": {value:e} is too large for float32"
        )))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f32, E> {
        Ok(value as f32)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f32, E> {
        Ok(value as f32)
    }

    fn visit_unit<E: Error>(self) -> Result<f32, E> {
        Ok(f32::NAN)
    }
}
