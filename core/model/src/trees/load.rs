//! From a model file to a checked [`TreeEnsemble`]: whatever could make a wrong map is refused here.

use std::fmt::Display;

use super::blocked::Blocked;
use super::document::{Document, Learner, TreeArrays, TreeModel};
use super::error::ModelError;
use super::forest::{Forest, Tree};
use super::objective::Objective;
use super::quantized::Quantized;
use super::{TreeEnsemble, json, ubjson};

/// Margins beyond this many are no land-cover model but a damaged file.
const MOST_MARGINS: usize = 4096;

pub(super) fn from_slice(bytes: &[u8]) -> Result<TreeEnsemble, ModelError> {
    let document: Document = match bytes {
        // In UBJSON the length of the first key follows, or the header of a counted object.
        [b'{', b'i' | b'U' | b'I' | b'l' | b'L' | b'#' | b'$', ..] => ubjson::from_slice(bytes)?,
        _ if bytes.trim_ascii_start().starts_with(b"{") => {
            serde_json::from_slice(&json::strict(bytes))?
        }
        _ => {
            let start = bytes[..bytes.len().min(16)].escape_ascii();
            let found = if bytes.is_empty() {
                "an empty file".to_owned()
            } else {
                format!("`{start}`")
            };
            return Err(ModelError::Format { found });
        }
    };
    from_learner(document.learner)
}

fn from_learner(learner: Learner) -> Result<TreeEnsemble, ModelError> {
    let booster = learner.gradient_booster;
    let (model, weights) = match (booster.name.as_str(), booster.model, booster.gbtree) {
        ("gbtree", model, _) => (model, booster.weight_drop),
        ("dart", _, Some(inner)) => (inner.model, booster.weight_drop),
        ("dart", ..) => (None, None),
        _ => {
            return Err(ModelError::Unsupported {
                what: "the booster",
                found: booster.name,
                expected: "gbtree or dart; train again with trees",
            });
        }
    };
    let Some(objective) = Objective::by_name(&learner.objective.name) else {
        return Err(ModelError::Unsupported {
            what: "the objective",
            found: learner.objective.name,
            expected: Objective::SUPPORTED,
        });
    };

    let param = learner.param;
    let features = param.num_feature.0;
    check_features(features, &learner.feature_names, &learner.feature_types)?;
    let targets = param.num_target.map_or(1, |targets| targets.0);
    let margins = margin_count(objective, param.num_class.0, targets)?;
    let base = base_margins(objective, &param.base_score, margins)?;
    let trees = trees(model.ok_or_else(no_trees)?, weights, features, margins)?;

    let forest = Forest {
        features,
        base,
        trees,
    };
    Ok(TreeEnsemble {
        feature_names: learner.feature_names,
        objective,
        blocked: Blocked::new(&forest),
        quantized: Quantized::new(&forest),
        forest,
    })
}

fn check_features(count: usize, names: &[String], types: &[String]) -> Result<(), ModelError> {
    if count == 0 || u32::try_from(count).map_or(true, |count| count >= 1 << 31) {
        return Err(inconsistent("num_feature", &count, &"at least 1"));
    }
    if !names.is_empty() && names.len() != count {
        let expected = format!("num_feature, which is {count}");
        return Err(inconsistent(
            "the number of feature names",
            &names.len(),
            &expected,
        ));
    }
    if types
        .iter()
        .any(|kind| kind == "c" || kind.starts_with("c("))
    {
        return Err(ModelError::Unsupported {
            what: "the type of a feature",
            found: "c (categorical)".to_owned(),
            expected: "numbers only; encode categories as numbers and train again",
        });
    }
    Ok(())
}

fn margin_count(objective: Objective, classes: usize, targets: usize) -> Result<usize, ModelError> {
    if targets > 1 {
        return Err(ModelError::Unsupported {
            what: "the number of targets",
            found: targets.to_string(),
            expected: "1; train one model for each target",
        });
    }
    match (objective.is_multiclass(), classes) {
        (true, 2..=MOST_MARGINS) => Ok(classes),
        (false, 0 | 1) => Ok(1),
        (true, _) => Err(inconsistent(
            "num_class",
            &classes,
            &"2 to 4096 for a multi: objective",
        )),
        (false, _) => Err(inconsistent(
            "num_class",
            &classes,
            &format!("0 or 1 for {objective}"),
        )),
    }
}

fn base_margins(objective: Objective, text: &str, count: usize) -> Result<Vec<f32>, ModelError> {
    let wrong = || {
        let expected = format!("a number, or {count} in brackets, that {objective} can start from");
        inconsistent("base_score", &text, &expected)
    };
    let list = text.trim();
    let list = list
        .strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'))
        .unwrap_or(list);
    let scores = list
        .split(',')
        .map(|score| {
            score
                .trim()
                .parse::<f32>()
                .ok()
                .filter(|score| score.is_finite())
        })
        .map(|score| score.and_then(|score| objective.base_margin(score)))
        .collect::<Option<Vec<f32>>>()
        .ok_or_else(wrong)?;
    match scores[..] {
        [score] => Ok(vec![score; count]),
        _ if scores.len() == count => Ok(scores),
        _ => Err(wrong()),
    }
}

fn trees(
    model: TreeModel,
    weights: Option<Vec<f32>>,
    features: usize,
    margins: usize,
) -> Result<Vec<Tree>, ModelError> {
    let (Some(arrays), Some(groups), Some(param)) =
        (model.trees, model.tree_info, model.gbtree_model_param)
    else {
        return Err(no_trees());
    };
    let count = arrays.len();
    if param.num_trees.0 != count {
        return Err(inconsistent(
            "the number of trees",
            &count,
            &param.num_trees.0,
        ));
    }
    if groups.len() != count {
        return Err(inconsistent(
            "the length of tree_info",
            &groups.len(),
            &count,
        ));
    }
    if let Some(starts) = model.iteration_indptr {
        check_rounds(&starts, count)?;
    } else {
        let parallel = param
            .num_parallel_tree
            .map_or(1, |parallel| parallel.0.max(1));
        let round = parallel.saturating_mul(margins);
        if !count.is_multiple_of(round) {
            let expected = format!("a multiple of {round}, the trees of one round");
            return Err(inconsistent("the number of trees", &count, &expected));
        }
    }
    let weights = weights.or(model.weight_drop).unwrap_or_default();
    if weights.len() > count || weights.iter().any(|weight| !weight.is_finite()) {
        let expected = format!("at most {count} numbers, one for each tree");
        return Err(inconsistent("weight_drop", &weights.len(), &expected));
    }
    let tree = |(index, arrays): (usize, &TreeArrays)| {
        let group = usize::try_from(groups[index])
            .ok()
            .filter(|group| *group < margins);
        let group = group.ok_or_else(|| {
            inconsistent(
                "an entry of tree_info",
                &groups[index],
                &format!("0 to {}", margins - 1),
            )
        })?;
        // Trees without a weight count fully: they were there before dropping began.
        let weight = weights.get(index).copied().unwrap_or(1.0);
        Tree::new(index, arrays, features, group, weight)
    };
    arrays.iter().enumerate().map(tree).collect()
}

/// All rounds are evaluated, as XGBoost does unless told otherwise; `best_iteration` is advice
/// that its `Booster.predict` does not take either.
fn check_rounds(starts: &[i64], trees: usize) -> Result<(), ModelError> {
    let whole = starts.first() == Some(&0)
        && starts
            .last()
            .is_some_and(|last| usize::try_from(*last) == Ok(trees))
        && starts.is_sorted();
    if whole {
        Ok(())
    } else {
        let found = format!("{} entries from {:?}", starts.len(), starts.first());
        Err(inconsistent(
            "iteration_indptr",
            &found,
            &format!("entries that rise from 0 to {trees}"),
        ))
    }
}

fn no_trees() -> ModelError {
    inconsistent(
        "the booster",
        &"without trees",
        &"a list of trees with its parameters",
    )
}

fn inconsistent(what: &'static str, found: &dyn Display, expected: &dyn Display) -> ModelError {
    ModelError::Inconsistent {
        what,
        found: found.to_string(),
        expected: expected.to_string(),
    }
}
