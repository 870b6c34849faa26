//! The file of an ensemble, and reading it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Calibration, Ensemble, EnsembleError, Member, is_probability};
use crate::features::{Definition, FeatureSet, Symbols, Unit};
use crate::trees::TreeEnsemble;

/// The format that is written and read.
const FORMAT: u32 = 1;

/// `model.json` of an ensemble.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsembleFile {
    /// The version of this format, which also tells the file from XGBoost's.
    geocrop_ensemble: u32,
    /// What a row holds, in its order.
    pub features: Vec<String>,
    /// What is computed from a row; later ones may use earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derived>,
    /// What corrects the average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Who votes.
    pub members: Vec<MemberFile>,
}

/// A feature that an ensemble computes by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// An expression of [`features`](crate::features) over names of the row; all of them count as pure numbers.
    pub expression: String,
}

/// A model that votes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberFile {
    /// What it is, for people.
    pub name: String,
    /// Its weight; only the ratio to the others' counts.
    pub weight: f32,
    /// The model as XGBoost saves it in JSON; its features are named.
    pub model: Box<RawValue>,
}

impl EnsembleFile {
    /// An ensemble of members that predict probabilities.
    pub fn new(features: Vec<String>, derived: Vec<Derived>, members: Vec<MemberFile>) -> Self {
        Self {
            geocrop_ensemble: FORMAT,
            features,
            derived,
            calibration: None,
            members,
        }
    }

    /// Whether bytes claim to be such a file. XGBoost's begin with another name.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes
            .trim_ascii_start()
            .strip_prefix(b"{")
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\"geocrop_ensemble\""))
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: names, numbers and JSON are JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names, numbers and JSON are JSON")
    }
}

impl MemberFile {
    /// A member from the bytes that XGBoost saved.
    ///
    /// # Errors
    /// When they are no JSON.
    pub fn new(name: impl Into<String>, weight: f32, model: &[u8]) -> Result<Self, EnsembleError> {
        Ok(Self {
            name: name.into(),
            weight,
            model: serde_json::from_slice(&crate::trees::json::strict(model))?,
        })
    }
}

/// Reads the file and checks that its parts fit.
pub(super) fn read(bytes: &[u8]) -> Result<Ensemble, EnsembleError> {
    #[derive(Deserialize)]
    struct Head {
        geocrop_ensemble: u32,
    }
    let head: Head = serde_json::from_slice(bytes)?;
    if head.geocrop_ensemble != FORMAT {
        return Err(EnsembleError::Version {
            found: head.geocrop_ensemble,
            known: FORMAT,
        });
    }
    Ensemble::try_from(serde_json::from_slice::<EnsembleFile>(bytes)?)
}

fn damaged(
    what: impl Into<String>,
    found: impl std::fmt::Display,
    expected: impl Into<String>,
) -> EnsembleError {
    EnsembleError::Inconsistent {
        what: what.into(),
        found: found.to_string(),
        expected: expected.into(),
    }
}

impl TryFrom<EnsembleFile> for Ensemble {
    type Error = EnsembleError;

    fn try_from(file: EnsembleFile) -> Result<Self, EnsembleError> {
        if file.features.is_empty() {
            return Err(damaged("its list of features", "empty", "names"));
        }
        for (place, name) in file.features.iter().enumerate() {
            if file.features[..place].contains(name) {
                return Err(damaged("a feature's name", name, "each name once"));
            }
        }
        let derived = derive(&file)?;
        let mut names: Vec<&str> = file.features.iter().map(String::as_str).collect();
        names.extend(file.derived.iter().map(|derived| derived.name.as_str()));
        let mut members = file
            .members
            .iter()
            .map(|member| read_member(member, &names))
            .collect::<Result<Vec<_>, _>>()?;

        let Some(first) = members.first() else {
            return Err(damaged("the number of members", 0, "at least 1"));
        };
        let (objective, outputs) = (first.trees.objective(), first.trees.outputs());
        if !is_probability(objective) {
            return Err(damaged(
                "its objective",
                objective,
                "binary:logistic or multi:softprob",
            ));
        }
        for (member, file) in members.iter().zip(&file.members) {
            let same = member.trees.objective() == objective && member.trees.outputs() == outputs;
            if !same {
                let found = format!(
                    "{} with {} outputs",
                    member.trees.objective(),
                    member.trees.outputs()
                );
                let expected = format!("{objective} with {outputs} outputs, as the first member");
                return Err(damaged(
                    format!("the objective of `{}`", file.name),
                    found,
                    expected,
                ));
            }
        }
        let sum: f32 = members.iter().map(|member| member.weight).sum();
        for member in &mut members {
            member.weight /= sum;
        }
        if let Some(calibration) = &file.calibration {
            calibration.check(outputs)?;
        }
        Ok(Self {
            features: file.features,
            derived,
            members,
            calibration: file.calibration,
        })
    }
}

fn derive(file: &EnsembleFile) -> Result<Option<FeatureSet>, EnsembleError> {
    if file.derived.is_empty() {
        return Ok(None);
    }
    let symbols: Symbols = file
        .features
        .iter()
        .map(|name| (name.as_str(), Unit::One))
        .collect();
    let definitions: Vec<_> = file
        .derived
        .iter()
        .enumerate()
        .map(|(place, derived)| Definition {
            name: &derived.name,
            expression: &derived.expression,
            line: place + 1,
        })
        .collect();
    Ok(Some(FeatureSet::compile(&definitions, &symbols)?))
}

fn read_member(file: &MemberFile, names: &[&str]) -> Result<Member, EnsembleError> {
    let trees = TreeEnsemble::from_slice(file.model.get().as_bytes()).map_err(|source| {
        EnsembleError::Member {
            member: file.name.clone(),
            source,
        }
    })?;
    if !(file.weight.is_finite() && file.weight > 0.0) {
        let what = format!("the weight of `{}`", file.name);
        return Err(damaged(what, file.weight, "a number above 0"));
    }
    if trees.feature_names().is_empty() {
        let what = format!("the list of features of `{}`", file.name);
        return Err(damaged(what, "empty", "names"));
    }
    let columns = trees
        .feature_names()
        .iter()
        .map(|name| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                let what = format!("a feature of `{}`", file.name);
                damaged(what, name, "a feature of the ensemble")
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Member {
        trees,
        columns,
        weight: file.weight,
    })
}
