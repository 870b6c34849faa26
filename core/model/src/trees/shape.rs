//! Whether rows, planes and outputs have the lengths that a model needs.

use super::ModelError;

/// What a model takes and gives for one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) features: usize,
    pub(crate) outputs: usize,
}

impl Shape {
    pub(crate) fn check_rows(self, rows: &[f32], out: &[f32]) -> Result<(), ModelError> {
        if !rows.len().is_multiple_of(self.features) {
            return Err(ModelError::Shape {
                what: "the table of rows",
                found: rows.len(),
                expected: format!("a multiple of {}, the number of features", self.features),
            });
        }
        self.check_out(rows.len() / self.features, out)
    }

    pub(crate) fn check_planes(self, planes: &[&[f32]], out: &[f32]) -> Result<(), ModelError> {
        if planes.len() != self.features {
            return Err(ModelError::Shape {
                what: "the list of planes",
                found: planes.len(),
                expected: format!("{}, one for each feature", self.features),
            });
        }
        let pixels = planes[0].len();
        if let Some(plane) = planes.iter().find(|plane| plane.len() != pixels) {
            return Err(ModelError::Shape {
                what: "a plane",
                found: plane.len(),
                expected: format!("{pixels}, as the first plane has"),
            });
        }
        self.check_out(pixels, out)
    }

    fn check_out(self, rows: usize, out: &[f32]) -> Result<(), ModelError> {
        let expected = rows * self.outputs;
        if out.len() == expected {
            return Ok(());
        }
        Err(ModelError::Shape {
            what: "the output",
            found: out.len(),
            expected: format!("{expected}: {rows} rows x {} outputs", self.outputs),
        })
    }
}
