//! Answers as JSON, each float32 in the fewest digits that read back as the same number.

use super::{Examples, Shape};

/// Whether examples stand by rows (`instances`, answered by `predictions`) or by columns (`inputs`, answered by
/// `outputs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One example after the other.
    Rows,
    /// One input after the other.
    Columns,
}

/// The answer to a request: `output` has `outputs` numbers for each row, or for each pixel of each image. A model with
/// one output gives a number for each row, others give a list. What is not finite becomes `null`.
pub fn answer(form: Form, examples: &Examples, outputs: usize, output: &[f32]) -> Vec<u8> {
    let key = match form {
        Form::Rows => "predictions",
        Form::Columns => "outputs",
    };
    let mut text = Vec::with_capacity(32 + output.len() * 12);
    text.extend_from_slice(format!("{{\"{key}\":").as_bytes());
    let outputs = outputs.max(1);
    match examples.shape {
        Shape::Row if outputs == 1 => numbers(&mut text, output),
        Shape::Row => list(&mut text, output.chunks(outputs), numbers),
        Shape::Image { height, width } => {
            let image = (height * width * outputs).max(1);
            let line = (width * outputs).max(1);
            list(&mut text, output.chunks(image), |text, image| {
                list(text, image.chunks(line), |text, line| {
                    list(text, line.chunks(outputs), numbers);
                });
            });
        }
    }
    text.push(b'}');
    text
}

fn list<'o>(
    text: &mut Vec<u8>,
    parts: impl Iterator<Item = &'o [f32]>,
    mut write: impl FnMut(&mut Vec<u8>, &'o [f32]),
) {
    text.push(b'[');
    for (number, part) in parts.enumerate() {
        if number > 0 {
            text.push(b',');
        }
        write(text, part);
    }
    text.push(b']');
}

fn numbers(text: &mut Vec<u8>, values: &[f32]) {
    list(text, values.chunks(1), |text, value| {
        // Neither a number nor a vector can fail.
        let _ = serde_json::to_writer(text, &value[0]);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(count: usize, shape: Shape) -> Examples {
        Examples {
            count,
            shape,
            values: Vec::new(),
        }
    }

    #[test]
    fn one_output_is_a_number_and_several_are_a_list() {
        let rows = examples(2, Shape::Row);
        let text = |form, outputs, output: &[f32]| {
            String::from_utf8(answer(form, &rows, outputs, output)).unwrap()
        };
        assert_eq!(
            text(Form::Rows, 1, &[0.1, f32::NAN]),
            r#"{"predictions":[0.1,null]}"#
        );
        assert_eq!(
            text(Form::Columns, 2, &[0.25, 0.75, 1.0, 0.0]),
            r#"{"outputs":[[0.25,0.75],[1.0,0.0]]}"#
        );
    }

    #[test]
    fn an_image_is_answered_pixel_by_pixel() {
        let shape = Shape::Image {
            height: 1,
            width: 2,
        };
        let text = answer(Form::Rows, &examples(1, shape), 2, &[0.0, 1.0, 1.0, 0.0]);
        assert_eq!(text, br#"{"predictions":[[[[0.0,1.0],[1.0,0.0]]]]}"#);
    }
}
