//! What a server tells of its model, as far as it does.

use reqwest::StatusCode;
use serde_json::Value;

use super::ask::Asker;
use super::{RemoteError, RowForm};
use crate::{Progress, TaskError};

/// The answer of `/metadata`; empty where the server has none.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Its version, empty if unknown.
    pub(super) version: String,
    /// As it was sent, in one order: what the model's identity is made from.
    pub(super) text: String,
    value: Value,
}

/// The names of signatures that say what a row is, the first that is there.
const SIGNATURES: [&str; 2] = ["serving_default", "predict"];

impl Metadata {
    pub(super) fn of(asker: &Asker, url: &str, progress: &Progress) -> Result<Self, TaskError> {
        let address = format!("{url}/metadata");
        let value = match asker.get(&address, progress) {
            Ok(answer) => serde_json::from_slice(&answer).map_err(|error| RemoteError::Answer {
                url: address.clone(),
                reason: format!("no JSON ({error})"),
            })?,
            // Not every server that speaks the interface tells of its models.
            Err(TaskError::Remote(RemoteError::Refused { status, .. }))
                if status == StatusCode::NOT_IMPLEMENTED.as_u16()
                    || status == StatusCode::METHOD_NOT_ALLOWED.as_u16()
                    || status == StatusCode::NOT_FOUND.as_u16() =>
            {
                Value::Null
            }
            Err(error) => return Err(error),
        };
        let version = match value.pointer("/model_spec/version") {
            Some(Value::String(version)) => version.clone(),
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        Ok(Self {
            version: if version.bytes().all(plain) {
                version
            } else {
                String::new()
            },
            text: value.to_string(),
            value,
        })
    }

    /// The features of a row in the model's order, and how it is written. `made` are the recipe's, which are taken as
    /// they come where the server says nothing of its inputs.
    pub(super) fn inputs(&self, made: &[String]) -> Result<(Vec<String>, RowForm), String> {
        let missing = |wanted: &[String]| -> Result<(), String> {
            let missing: Vec<&str> = wanted
                .iter()
                .filter(|name| !made.contains(name))
                .map(String::as_str)
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            Err(format!("the recipe does not make {}", missing.join(", ")))
        };
        if let Some(order) = self.value.pointer("/metadata/geocrop/features") {
            let order: Vec<String> = serde_json::from_value(order.clone())
                .map_err(|_| "its features are no list of names".to_owned())?;
            missing(&order)?;
            return Ok((order, RowForm::List));
        }
        let signatures = self.value.pointer("/metadata/signature_def/signature_def");
        let inputs = SIGNATURES
            .iter()
            .find_map(|name| signatures?.get(name)?.get("inputs")?.as_object());
        let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else {
            return Ok((made.to_vec(), RowForm::List));
        };
        if inputs.len() > 1 || made.len() == 1 && inputs.contains_key(&made[0]) {
            let names: Vec<String> = inputs.keys().cloned().collect();
            missing(&names)?;
            return Ok((names, RowForm::Named));
        }
        let dims = inputs.values().next().and_then(|input| {
            let dims = input.pointer("/tensor_shape/dim")?.as_array()?;
            dims.iter()
                .map(|dim| match dim.get("size")? {
                    Value::String(size) => size.parse::<i64>().ok(),
                    size => size.as_i64(),
                })
                .collect::<Option<Vec<i64>>>()
        });
        match dims.as_deref() {
            Some([_, width]) if *width > 0 && *width != made.len() as i64 => Err(format!(
                "it takes {width} features, and the recipe makes {}: {}",
                made.len(),
                made.join(", ")
            )),
            Some([_, _, _, ..]) => Err("it takes images or series, not rows".to_owned()),
            _ => Ok((made.to_vec(), RowForm::List)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inputs(value: Value) -> Result<(Vec<String>, RowForm), String> {
        let metadata = Metadata {
            version: String::new(),
            text: String::new(),
            value,
        };
        metadata.inputs(&["red".to_owned(), "nir".to_owned()])
    }

    fn signature(inputs: &Value) -> Value {
        json!({ "metadata": { "signature_def": { "signature_def": {
            "serving_default": { "inputs": inputs } } } } })
    }

    fn tensor(sizes: &[&str]) -> Value {
        let dims: Vec<Value> = sizes.iter().map(|s| json!({ "size": s })).collect();
        json!({ "tensor_shape": { "dim": dims } })
    }

    #[test]
    fn the_order_of_features_is_the_model_s_where_it_tells() {
        let own = (vec!["red".to_owned(), "nir".to_owned()], RowForm::List);
        assert_eq!(inputs(Value::Null).unwrap(), own);
        let one = signature(&json!({ "dense_input": tensor(&["-1", "2"]) }));
        assert_eq!(inputs(one).unwrap(), own);
        let told = json!({ "metadata": { "geocrop": { "features": ["nir", "red"] } } });
        assert_eq!(inputs(told).unwrap().0, ["nir", "red"]);
        let named = signature(&json!({ "nir": tensor(&["-1"]), "red": tensor(&["-1"]) }));
        assert_eq!(
            inputs(named).unwrap(),
            (vec!["nir".into(), "red".into()], RowForm::Named)
        );
    }

    #[test]
    fn other_inputs_are_refused() {
        let wide = signature(&json!({ "x": tensor(&["-1", "3"]) }));
        assert!(inputs(wide).unwrap_err().contains("takes 3 features"));
        let image = signature(&json!({ "x": tensor(&["-1", "64", "64", "2"]) }));
        assert!(inputs(image).unwrap_err().contains("images"));
        let named = signature(&json!({ "nir": tensor(&["-1"]), "blue": tensor(&["-1"]) }));
        assert!(inputs(named).unwrap_err().contains("does not make blue"));
        let told = json!({ "metadata": { "geocrop": { "features": ["nir", "swir"] } } });
        assert!(inputs(told).unwrap_err().contains("does not make swir"));
    }
}
