//! What a recipe makes: classes by a model, steps of an index, a picture, or the labels of a year.

use geocrop_model::{Legend, Rgb};
use serde::{Deserialize, Serialize};

/// What the map holds.
#[derive(Debug, Clone)]
pub enum Output {
    /// A model's classes, with its confidence.
    Classes(ClassModel),
    /// One feature, in even steps from low to high, coloured by the legend's steps.
    Index {
        /// The feature.
        feature: String,
        /// Value of code 0.
        low: f32,
        /// Value of code [`INDEX_STEPS`].
        high: f32,
        /// The steps, from low to high.
        steps: Vec<RampStep>,
    },
    /// Three features as red, green and blue.
    Picture {
        /// The features of red, green and blue.
        features: [String; 3],
        /// Feature value shown black.
        low: f32,
        /// Feature value shown at full brightness.
        high: f32,
        /// Exponent on the brightness; below 1 lifts the shadows.
        gamma: f32,
    },
    /// The class of each date, by a network or as the source has it, reduced to one for the period.
    Labels(LabelMap),
}

/// Classes that each date has by itself.
#[derive(Debug, Clone)]
pub struct LabelMap {
    /// The network that classifies scenes; a source of labels needs none.
    pub network: String,
    /// The classes of the map, by rising value.
    pub legend: Legend,
}

/// A model and what its outputs mean.
#[derive(Debug, Clone)]
pub struct ClassModel {
    /// Name in the store's `models/` folder.
    pub model: String,
    /// Version, or `production` for the one that serves.
    pub version: String,
    /// The server that evaluates it, if it is not evaluated here.
    pub remote: Option<RemoteModel>,
    /// Legend value of each of the model's classes, in the model's order.
    pub values: Vec<u8>,
    /// For a model with one output: from this probability on, the second class.
    pub threshold: f32,
    /// The classes of the map.
    pub legend: Legend,
}

/// A model on a server with TensorFlow Serving's REST interface.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteModel {
    /// `http://host:8501/v1/models/crops`, with `/versions/7` or `/labels/stable` behind it or not.
    pub url: String,
    /// Seconds that one answer may take.
    pub timeout: f64,
    /// Rows of a request.
    pub rows: usize,
    /// The environment variable with the token that the server wants, if it wants one.
    pub token_env: Option<String>,
}

/// No data in maps of classes and indices, in confidence and in observations.
pub(crate) const NODATA: u8 = 255;

/// Codes of an index run from 0 to this; 255 is nodata.
pub const INDEX_STEPS: u8 = 250;

/// A coloured step of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RampStep {
    /// Slug.
    pub name: String,
    /// For people.
    pub title: String,
    /// Where the step begins, in the feature's unit.
    pub from: f32,
    /// Its colour.
    pub color: Rgb,
}

impl Output {
    /// The store's word for the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Output::Classes(_) | Output::Labels(_) => "classes",
            Output::Index { .. } => "index",
            Output::Picture { .. } => "rgb",
        }
    }

    /// The legend of a map of classes.
    pub fn legend(&self) -> Option<&Legend> {
        match self {
            Output::Classes(model) => Some(&model.legend),
            Output::Labels(labels) => Some(&labels.legend),
            Output::Index { .. } | Output::Picture { .. } => None,
        }
    }

    /// Whether the map says how sure it is of its classes.
    pub fn has_confidence(&self) -> bool {
        matches!(self, Self::Classes(_) | Self::Labels(_))
    }

    /// Whether the map says what its observations are worth.
    pub fn has_evidence(&self) -> bool {
        matches!(self, Self::Labels(_))
    }

    /// Bands of the map's file.
    pub fn bands(&self) -> usize {
        match self {
            Output::Picture { .. } => 3,
            _ => 1,
        }
    }

    /// The value that means nothing was mapped. Pictures keep 0 for it, so that white stays white.
    pub fn nodata(&self) -> u8 {
        match self {
            Output::Picture { .. } => 0,
            _ => NODATA,
        }
    }
}

/// Code of an index value: 0 at `low`, [`INDEX_STEPS`] at `high`, clamped; NaN is nodata.
pub(crate) fn index_code(value: f32, low: f32, high: f32) -> u8 {
    if value.is_nan() {
        return NODATA;
    }
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    (share * f32::from(INDEX_STEPS)).round() as u8
}

/// Brightness of a picture's band: 1 to 255; NaN is 0, the nodata of pictures.
pub(crate) fn picture_code(value: f32, low: f32, high: f32, gamma: f32) -> u8 {
    if value.is_nan() {
        return 0;
    }
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0).powf(gamma);
    1 + (share * 254.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_nodata_apart_from_every_value() {
        assert_eq!(index_code(f32::NAN, -0.2, 1.0), 255);
        assert_eq!(index_code(f32::INFINITY, -0.2, 1.0), INDEX_STEPS);
        assert_eq!(index_code(-5.0, -0.2, 1.0), 0);
        assert_eq!(picture_code(f32::NAN, 0.0, 0.3, 1.0), 0);
        assert_eq!(picture_code(-1.0, 0.0, 0.3, 1.0), 1);
        assert_eq!(picture_code(9.0, 0.0, 0.3, 1.0), 255);
    }
}
