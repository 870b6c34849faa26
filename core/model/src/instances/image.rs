//! Images of a request: rows of pixels, each a list of bands.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::read::{cells, too_many};
use super::{Examples, Limits, Shape};

/// Reads one image behind those that are there.
pub(super) fn image<'de, A: SeqAccess<'de>>(
    mut seq: A,
    bands: &[String],
    limits: Limits,
    examples: &mut Examples,
) -> Result<(), A::Error> {
    let number = examples.count + 1;
    let (mut height, mut width) = (0, None);
    while let Some(pixels) = seq.next_element_seed(Line {
        image: number,
        row: height + 1,
        bands,
        most: limits.cells,
        values: &mut examples.values,
    })? {
        if *width.get_or_insert(pixels) != pixels {
            return Err(A::Error::custom(format!(
                "image {number}, row {}: {pixels} pixels, the rows before have {}",
                height + 1,
                width.unwrap_or(0)
            )));
        }
        height += 1;
    }
    let shape = Shape::Image {
        height,
        width: width.unwrap_or(0),
    };
    if shape.cells() == 0 {
        return Err(A::Error::custom(format!("image {number} has no pixels")));
    }
    if examples.count == 0 {
        examples.shape = shape;
    } else if examples.shape != shape {
        return Err(A::Error::custom(format!(
            "image {number} has another size than the first: send images of different sizes one by one"
        )));
    }
    Ok(())
}

/// A row of pixels of an image; gives their number.
struct Line<'a> {
    image: usize,
    row: usize,
    bands: &'a [String],
    most: usize,
    values: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Line<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Line<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "image {}, row {}: a list of pixels",
            self.image, self.row
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut pixels = 0;
        while seq
            .next_element_seed(Pixel {
                image: self.image,
                row: self.row,
                column: pixels + 1,
                bands: self.bands,
                values: self.values,
            })?
            .is_some()
        {
            pixels += 1;
            if self.values.len() > self.most.saturating_mul(self.bands.len()) {
                return Err(A::Error::custom(too_many(self.most)));
            }
        }
        Ok(pixels)
    }
}

struct Pixel<'a> {
    image: usize,
    row: usize,
    column: usize,
    bands: &'a [String],
    values: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Pixel<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Pixel<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "image {}, row {}, pixel {}: a list of {} numbers",
            self.image,
            self.row,
            self.column,
            self.bands.len()
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        cells(seq, self.bands, self.row, self.values).map_err(|error| {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            A::Error::custom(format!(
                "image {}, pixel {}: {text}",
                self.image, self.column
            ))
        })
    }
}
