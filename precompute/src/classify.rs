//! From features to classes: a model on the planes of a block.

use geocrop_model::Ensemble;
use geocrop_model::drift::Counts;
use geocrop_raster::Window;

use crate::learnt::Learnt;
use crate::recipe::ClassModel;
use crate::remote::RemoteScorer;
use crate::{Progress, TaskError};

/// A model with its inputs' places among the recipe's features.
pub(crate) struct Model {
    pub(crate) scorer: Scorer,
    /// For each of the model's features, in its order, the recipe's feature.
    pub(crate) features: Vec<String>,
    /// What is kept of the samples that it learnt from.
    pub(crate) learnt: Learnt,
}

/// Some pixels of a window, row by row, and where their codes go.
pub(crate) struct Strip<'s> {
    pub(crate) window: Window,
    /// The first of them.
    pub(crate) first: usize,
    /// Which of them have an observation in each season.
    pub(crate) complete: &'s [bool],
    /// One plane per band of the map.
    pub(crate) map: Vec<&'s mut [u8]>,
    pub(crate) confidence: Option<&'s mut [u8]>,
    pub(crate) applicability: Option<&'s mut [u8]>,
}

/// What evaluates a model.
pub(crate) enum Scorer {
    Trees(Box<Ensemble>),
    Remote(RemoteScorer),
}

impl Scorer {
    fn outputs(&self) -> usize {
        match self {
            Self::Trees(ensemble) => ensemble.outputs(),
            Self::Remote(server) => server.outputs(),
        }
    }

    /// Scores of pixels, `[pixel][output]`. Those that are not complete may have any: a server is not asked for them.
    fn scores(
        &self,
        planes: &[&[f32]],
        complete: &[bool],
        progress: &Progress,
    ) -> Result<Vec<f32>, TaskError> {
        let outputs = self.outputs();
        let mut scores = vec![0.0_f32; complete.len() * outputs];
        match self {
            Self::Trees(ensemble) => {
                ensemble
                    .predict_planes(planes, &mut scores)
                    .expect("the planes and the scores have the model's shape");
            }
            Self::Remote(server) => {
                let pixels = || (0..complete.len()).filter(|pixel| complete[*pixel]);
                let row = |pixel: usize| planes.iter().map(move |plane| plane[pixel]);
                let rows: Vec<f32> = pixels().flat_map(row).collect();
                if !rows.is_empty() {
                    let found = server.predict(&rows, progress)?;
                    for (pixel, found) in pixels().zip(found.chunks(outputs)) {
                        scores[pixel * outputs..(pixel + 1) * outputs].copy_from_slice(found);
                    }
                }
            }
        }
        Ok(scores)
    }
}

/// Writes classes, their confidence in percent and where the model may be used, on this thread. `feature` gives a feature's
/// values by name. Pixels that are not complete are left alone; a feature that is missing elsewhere (one observation has no
/// deviation) is left to the model. Returns how often the features have which values, if the model's samples are known.
pub(crate) fn classify<'f>(
    model: &Model,
    classes: &ClassModel,
    feature: &dyn Fn(&str) -> &'f [f32],
    strip: Strip<'_>,
    progress: &Progress,
) -> Result<Option<Counts>, TaskError> {
    let planes: Vec<&[f32]> = model.features.iter().map(|name| feature(name)).collect();
    let complete = strip.complete;
    let scores = model.scorer.scores(&planes, complete, progress)?;
    let mut confidence = strip.confidence;
    let Ok([map]) = <[_; 1]>::try_from(strip.map) else {
        unreachable!("a map of classes has one band");
    };
    for (pixel, scores) in scores.chunks(model.scorer.outputs()).enumerate() {
        if complete[pixel] {
            let (class, probability) = top_class(scores, classes.threshold);
            map[pixel] = classes.values[class];
            if let Some(confidence) = &mut confidence {
                confidence[pixel] = (probability * 100.0).round() as u8;
            }
        }
    }
    if let Some(codes) = strip.applicability {
        model.learnt.applicability(&planes, complete, codes);
    }
    let place = (strip.window, strip.first);
    Ok(model.learnt.count(&planes, complete, place))
}

/// The class that wins and its probability. One score is the probability of the second class.
fn top_class(scores: &[f32], threshold: f32) -> (usize, f32) {
    if let [second] = scores {
        return if *second >= threshold {
            (1, *second)
        } else {
            (0, 1.0 - second)
        };
    }
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    (best, scores[best])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_score_is_the_probability_of_the_second_class() {
        assert_eq!(top_class(&[0.7], 0.5), (1, 0.7));
        assert_eq!(top_class(&[0.25], 0.5), (0, 0.75));
        assert_eq!(top_class(&[0.5], 0.5), (1, 0.5));
    }

    #[test]
    fn a_tie_goes_to_the_first_class() {
        assert_eq!(top_class(&[0.2, 0.4, 0.4], 0.5), (1, 0.4));
    }
}
