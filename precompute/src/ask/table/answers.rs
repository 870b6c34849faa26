//! Predictions as rows of a table, written as they come.

use std::io::Write;

use geocrop_model::csv::quoted;
use geocrop_model::instances::{Examples, Shape};
use serde_json::{Map, Value, json};

use super::error::io;
use super::{TableForm, TableReport};
use crate::TaskError;
use crate::serving::LoadedModel;

/// Some rows.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) count: usize,
    pub(super) values: Vec<f32>,
    /// Fields of the columns that are copied, row by row.
    pub(super) others: Vec<String>,
}

/// Writes predictions as they come.
pub(super) struct Answers<'a> {
    pub(super) model: &'a LoadedModel,
    output: &'a mut dyn Write,
    form: TableForm,
    others: Vec<String>,
    /// Names of the probabilities, in their order.
    columns: Vec<String>,
    pub(super) report: TableReport,
}

impl<'a> Answers<'a> {
    pub(super) fn new(model: &'a LoadedModel, output: &'a mut dyn Write, form: TableForm) -> Self {
        let classes = model.classes();
        let columns = if model.is_probability() {
            classes.iter().map(|name| format!("p_{name}")).collect()
        } else {
            let name = |number| match number {
                0 => "prediction".to_owned(),
                number => format!("prediction_{number}"),
            };
            (0..model.outputs()).map(name).collect()
        };
        Self {
            model,
            output,
            form,
            others: Vec::new(),
            columns,
            report: TableReport {
                rows: 0,
                missing: 0,
                classes: classes.iter().map(|name| (name.clone(), 0)).collect(),
            },
        }
    }

    fn has_classes(&self) -> bool {
        !self.model.classes().is_empty()
    }

    pub(super) fn begin(&mut self, others: Vec<String>) -> Result<(), TaskError> {
        self.others = others;
        let text = match self.form {
            TableForm::Json => "[".to_owned(),
            TableForm::Csv => {
                let mut header: Vec<String> = vec!["row".to_owned()];
                header.extend(self.others.iter().cloned());
                if self.has_classes() {
                    header.extend(["class".to_owned(), "class_name".to_owned()]);
                    if self.model.is_probability() {
                        header.push("confidence".to_owned());
                    }
                }
                header.extend(self.columns.iter().cloned());
                let header: Vec<String> = header.iter().map(|name| quoted(name)).collect();
                header.join(",") + "\n"
            }
        };
        self.output.write_all(text.as_bytes()).map_err(io("output"))
    }

    pub(super) fn write(&mut self, batch: Batch) -> Result<(), TaskError> {
        if batch.count == 0 {
            return Ok(());
        }
        self.report.missing += batch.values.iter().filter(|v| v.is_nan()).count();
        let found = self.model.predict(&Examples {
            count: batch.count,
            shape: Shape::Row,
            values: batch.values,
        })?;
        let mut text = Vec::new();
        for (row, prediction) in found.chunks(self.model.outputs()).enumerate() {
            let width = self.others.len();
            let others = &batch.others[row * width..(row + 1) * width];
            self.row(others, prediction, &mut text);
        }
        self.output.write_all(&text).map_err(io("output"))
    }

    fn row(&mut self, others: &[String], prediction: &[f32], text: &mut Vec<u8>) {
        self.report.rows += 1;
        let class = self.model.class_of(prediction);
        if let Some(count) = class.and_then(|class| self.report.classes.get_mut(class)) {
            count.1 += 1;
        }
        let numbers: Vec<f32> = match prediction {
            [second] if self.model.is_probability() => vec![1.0 - second, *second],
            all => all.to_vec(),
        };
        let class = class.map(|class| (class, numbers.get(class).copied()));
        match self.form {
            TableForm::Csv => {
                let mut fields = vec![self.report.rows.to_string()];
                fields.extend(others.iter().map(|field| quoted(field)));
                if let Some((class, confidence)) = class {
                    fields.push(class.to_string());
                    fields.push(quoted(&self.report.classes[class].0));
                    if self.model.is_probability() {
                        fields.push(confidence.unwrap_or(f32::NAN).to_string());
                    }
                }
                fields.extend(numbers.iter().map(ToString::to_string));
                text.extend_from_slice(fields.join(",").as_bytes());
                text.push(b'\n');
            }
            TableForm::Json => {
                let mut object = Map::new();
                object.insert("row".into(), self.report.rows.into());
                for (name, field) in self.others.iter().zip(others) {
                    object.insert(name.clone(), field.as_str().into());
                }
                if let Some((class, confidence)) = class {
                    object.insert("class".into(), class.into());
                    object.insert(
                        "class_name".into(),
                        self.report.classes[class].0.as_str().into(),
                    );
                    if self.model.is_probability() {
                        object.insert("confidence".into(), exact(confidence.unwrap_or(f32::NAN)));
                    }
                }
                for (name, number) in self.columns.iter().zip(&numbers) {
                    object.insert(name.clone(), exact(*number));
                }
                if self.report.rows > 1 {
                    text.push(b',');
                }
                text.push(b'\n');
                text.extend_from_slice(Value::Object(object).to_string().as_bytes());
            }
        }
    }

    pub(super) fn finish(self) -> Result<TableReport, TaskError> {
        if self.form == TableForm::Json {
            self.output.write_all(b"\n]\n").map_err(io("output"))?;
        }
        self.output.flush().map_err(io("output"))?;
        Ok(self.report)
    }
}

/// A float32 in its own fewest digits, not in those of the float64 beside it.
fn exact(value: f32) -> Value {
    value
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, |v| json!(v))
}
