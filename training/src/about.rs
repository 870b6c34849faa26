//! What a card says beyond numbers: where a model holds, what it is for, whose data it learnt from.

use serde::{Deserialize, Serialize};

use crate::TrainingError;

/// The description of a training table and of the model it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// sha256 of the table that this describes.
    pub sha256: String,
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// Where the model holds.
    pub zone: String,
    /// Names of the classes, from class 0.
    pub classes: Vec<String>,
    /// What the model is for.
    pub intended_use: String,
    /// What it is not good for, and what is not known about it.
    pub limits: Vec<String>,
    /// Whose data it is.
    pub data: AboutData,
}

/// Where a training table comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutData {
    /// What the data are.
    pub title: String,
    /// Where they come from.
    pub source: String,
    /// What was changed since.
    #[serde(default)]
    pub change: String,
    /// Under which licence.
    pub licence: String,
    /// The words that the licence asks for.
    pub attribution: String,
}

const KNOWN: [&str; 1] = [include_str!("../about/cropland-southeast-africa.toml")];

impl About {
    /// What stands where nobody said anything.
    pub(crate) const NOT_STATED: &'static str = "not stated";

    /// Reads a description, as the files in `about/` are.
    pub fn from_toml(text: &str) -> Result<Self, TrainingError> {
        Ok(toml::from_str(text)?)
    }

    /// The description of a table that is known by its sha256.
    pub fn known(sha256: &str) -> Result<Option<Self>, TrainingError> {
        for text in KNOWN {
            let about = Self::from_toml(text)?;
            if about.sha256 == sha256 {
                return Ok(Some(about));
            }
        }
        Ok(None)
    }

    /// The description of a table that nobody described.
    pub fn unknown(table: &str, sha256: &str) -> Self {
        let unknown = || Self::NOT_STATED.to_owned();
        Self {
            sha256: sha256.to_owned(),
            name: table.to_owned(),
            version: "1".to_owned(),
            zone: unknown(),
            classes: Vec::new(),
            intended_use: unknown(),
            limits: vec![
                "Nothing is stated about where the samples come from. A model of one \
                 agro-ecological zone does poorly in another."
                    .to_owned(),
                "Cross-validation split the samples at random. If they lie close together, the \
                 scores are optimistic."
                    .to_owned(),
            ],
            data: AboutData {
                title: table.to_owned(),
                source: unknown(),
                change: String::new(),
                licence: unknown(),
                attribution: unknown(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_description_is_read_and_found_by_its_sha256() {
        for text in KNOWN {
            let about = About::from_toml(text).unwrap();
            assert_eq!(about.sha256.len(), 64);
            assert_eq!(About::known(&about.sha256).unwrap(), Some(about));
        }
        assert_eq!(About::known("0").unwrap(), None);
    }

    #[test]
    fn a_description_with_an_unknown_key_is_refused() {
        let error = About::from_toml("colour = 1").unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
    }
}
