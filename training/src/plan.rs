//! What is trained: which features are derived, which models vote, how their probabilities are corrected. One TOML file,
//! like those in `plans/`.

use geocrop_model::ensemble::Derived;
use serde::{Deserialize, Serialize};

use crate::TrainingError;

/// The plans that come with the program.
const KNOWN: [(&str, &str); 2] = [
    ("default", include_str!("../plans/default.toml")),
    ("plain", include_str!("../plans/plain.toml")),
];

/// What is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Features that are computed from the table's; those that need a column that the table has not are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derived>,
    /// How the average of the members' probabilities is corrected.
    #[serde(default)]
    pub calibration: CalibrationMethod,
    /// What samples count.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// The models that vote, at least one.
    #[serde(rename = "member")]
    pub members: Vec<MemberPlan>,
}

/// How probabilities are corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// Not at all.
    #[default]
    None,
    /// By a line through the log-odds, which suits few samples.
    Platt,
    /// By a rising curve, which needs many.
    Isotonic,
}

/// What samples count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// One each.
    #[default]
    Equal,
    /// As much as makes all classes weigh the same.
    Balanced,
}

/// A model that votes, or several that differ by their seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    /// What it is, for people.
    pub name: String,
    /// Trees that correct one another, or trees side by side.
    #[serde(default)]
    pub kind: Kind,
    /// How many such models, each with a seed of its own, share the weight.
    #[serde(default = "one")]
    pub seeds: usize,
    /// Its weight in the vote; only the ratio to the others' counts.
    #[serde(default = "whole")]
    pub weight: f32,
    /// Boosting rounds; trees of a forest.
    pub rounds: usize,
    /// Depth of a tree, 1 to 16.
    pub depth: usize,
    /// Shrinkage of each round; a forest has none.
    #[serde(default = "unit")]
    pub learning_rate: f64,
    /// Share of the samples that each tree sees.
    #[serde(default = "unit")]
    pub subsample: f64,
    /// Share of the features that each tree sees.
    #[serde(default = "unit")]
    pub colsample_bytree: f64,
    /// Share of those that each split chooses from.
    #[serde(default = "unit")]
    pub colsample_bynode: f64,
    /// The least sum of second derivatives in a leaf.
    #[serde(default = "unit")]
    pub min_child_weight: f64,
    /// What holds leaves back: L2.
    #[serde(default = "unit")]
    pub lambda: f64,
    /// Values that a feature is told apart by, at most.
    #[serde(default = "bins")]
    pub max_bin: usize,
    /// The features that it sees; all if none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Derived features that it does not see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Rounds without a better log loss on a tenth of its samples after which rounds end; all rounds if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<usize>,
}

/// How trees come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One after the other, each on what those before got wrong: Friedman, "Greedy function approximation" (2001).
    #[default]
    Boosted,
    /// Side by side, each on its own draw: Breiman, "Random forests" (2001), through the same library.
    Forest,
}

fn one() -> usize {
    1
}

fn whole() -> f32 {
    1.0
}

fn unit() -> f64 {
    1.0
}

fn bins() -> usize {
    256
}

impl Default for Plan {
    fn default() -> Self {
        Self::known("default").expect("the program's own plan is tested")
    }
}

impl Plan {
    /// Reads and checks a plan.
    ///
    /// # Errors
    /// When it is no such file, or a value is out of its range.
    pub fn from_toml(text: &str) -> Result<Self, TrainingError> {
        let plan: Self = toml::from_str(text).map_err(TrainingError::Plan)?;
        plan.check()?;
        Ok(plan)
    }

    /// The names of the plans that come with the program.
    pub fn known_names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }

    /// A plan that comes with the program.
    pub fn known(name: &str) -> Option<Self> {
        let (_, text) = KNOWN.iter().find(|(known, _)| *known == name)?;
        Self::from_toml(text).ok()
    }

    /// How many models are trained for one fold.
    pub fn runs(&self) -> usize {
        self.members.iter().map(|member| member.seeds).sum()
    }

    /// Checks every value against its range.
    ///
    /// # Errors
    /// The first that is out of it.
    pub fn check(&self) -> Result<(), TrainingError> {
        if self.members.is_empty() {
            return wrong("member", 0, "at least one");
        }
        for member in &self.members {
            member.check()?;
            let derived = |name: &String| self.derived.iter().any(|derived| derived.name == *name);
            if let Some(name) = member.without.iter().find(|name| !derived(name)) {
                return wrong("without", name, "the names of derived features of the plan");
            }
        }
        Ok(())
    }
}

fn wrong(
    option: &'static str,
    found: impl std::fmt::Display,
    expected: &'static str,
) -> Result<(), TrainingError> {
    Err(TrainingError::Option {
        option,
        found: found.to_string(),
        expected,
    })
}

impl MemberPlan {
    fn check(&self) -> Result<(), TrainingError> {
        for (option, found) in [
            ("rounds", self.rounds),
            ("seeds", self.seeds),
            ("early_stopping", self.early_stopping.unwrap_or(1)),
        ] {
            if found == 0 {
                return wrong(option, found, "at least 1");
            }
        }
        if !(1..=16).contains(&self.depth) {
            return wrong("depth", self.depth, "1 to 16");
        }
        if !(2..=65_536).contains(&self.max_bin) {
            return wrong("max_bin", self.max_bin, "2 to 65536");
        }
        if !(self.weight.is_finite() && self.weight > 0.0) {
            return wrong("weight", self.weight, "a number above 0");
        }
        for (option, share) in [
            ("learning_rate", self.learning_rate),
            ("subsample", self.subsample),
            ("colsample_bytree", self.colsample_bytree),
            ("colsample_bynode", self.colsample_bynode),
        ] {
            if !(share > 0.0 && share <= 1.0) {
                return wrong(option, share, "above 0 and at most 1");
            }
        }
        for (option, found) in [
            ("min_child_weight", self.min_child_weight),
            ("lambda", self.lambda),
        ] {
            if !(found.is_finite() && found >= 0.0) {
                return wrong(option, found, "0 or more");
            }
        }
        if self.kind == Kind::Forest && self.early_stopping.is_some() {
            return wrong(
                "early_stopping",
                "given for a forest",
                "boosted trees: a forest has no rounds",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "[[member]]\nname = 'm'\nrounds = 3\ndepth = 2\n";

    #[test]
    fn the_programs_own_plans_are_sound() {
        for (name, text) in KNOWN {
            let plan = Plan::from_toml(text).unwrap();
            assert!(plan.runs() >= 1, "{name}");
            assert_eq!(Plan::known(name), Some(plan));
        }
        assert_eq!(Plan::known("other"), None);
    }

    #[test]
    fn what_is_not_said_has_the_values_of_xgboost() {
        let plan = Plan::from_toml(SMALL).unwrap();
        let member = &plan.members[0];
        assert_eq!(
            (member.kind, member.seeds, member.max_bin),
            (Kind::Boosted, 1, 256)
        );
        assert_eq!(
            (member.subsample, member.lambda, member.min_child_weight),
            (1.0, 1.0, 1.0)
        );
        assert_eq!(plan.calibration, CalibrationMethod::None);
    }

    #[test]
    fn a_value_out_of_its_range_is_named() {
        for (line, name) in [
            ("rounds = 0", "`rounds` is 0"),
            ("depth = 17", "`depth` is 17"),
            ("seeds = 0", "`seeds` is 0"),
            ("max_bin = 1", "`max_bin` is 1"),
            ("weight = -1.0", "`weight` is -1"),
            ("learning_rate = 0.0", "`learning_rate` is 0"),
            ("subsample = nan", "`subsample` is NaN"),
            ("colsample_bynode = 1.5", "`colsample_bynode` is 1.5"),
            ("lambda = -0.1", "`lambda` is -0.1"),
            (
                "kind = 'forest'\nearly_stopping = 5",
                "`early_stopping` is given for a forest",
            ),
            ("colour = 1", "colour"),
        ] {
            let key = line.split(' ').next().unwrap();
            let kept: Vec<&str> = SMALL.lines().filter(|old| !old.starts_with(key)).collect();
            let error = Plan::from_toml(&format!("{}\n{line}\n", kept.join("\n"))).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(Plan::from_toml("member = []").is_err());
    }
}
