//! Numbers in, classes out: what a map's classes are, how a model's inputs are computed, and the
//! model itself.
//!
//! - [`Legend`]: the classes of a map, with their values, names and colours.
//! - [`features`]: the expression language of recipes, checked for names and units when a recipe
//!   loads and evaluated over blocks of pixels.
//! - [`trees`]: gradient boosted trees as XGBoost saves them, evaluated here without XGBoost.
//! - [`ensemble`]: such models that vote, with calibrated probabilities: what is trained and mapped with.
//! - [`dynamic_world`]: Dynamic World's network, from its published weights ([`tensor_bundle`]).
//! - [`applicability`], [`drift`]: where a model may be used, and whether imagery is like what it learnt from.
//! - [`instances`]: what is asked of a model, and what it answers, as JSON.
//! - [`csv`]: the same, and samples, as comma-separated values.
//! - [`rows`]: tables of either form that samples are published in.
//! - [`random`]: numbers that a seed gives again, for ever and everywhere.
//!
//! Nothing here opens any file but a model.
//!
//! ```
//! use geocrop_model::features::{Definition, FeatureSet, Symbols, Unit};
//!
//! let symbols: Symbols = [("red_S1", Unit::One), ("nir_S1", Unit::One)].into_iter().collect();
//! let ndvi = Definition {
//!     name: "NDVI_S1",
//!     expression: "(nir_S1 - red_S1) / (nir_S1 + red_S1)",
//!     line: 1,
//! };
//! let features = FeatureSet::compile(&[ndvi], &symbols)?;
//!
//! let (red, nir) = ([0.1_f32, f32::NAN], [0.3_f32, 0.3]);
//! let mut planes = Vec::new();
//! features.evaluate(2, &|name| if name == "red_S1" { &red } else { &nir }, &mut planes);
//! assert!((planes[0][0] - 0.5).abs() < 1e-6);
//! assert!(planes[0][1].is_nan(), "missing stays missing");
//! # Ok::<(), geocrop_model::FeatureError>(())
//! ```

pub mod applicability;
pub mod csv;
pub mod drift;
pub mod dynamic_world;
pub mod ensemble;
pub mod features;
pub mod instances;
pub mod legend;
pub mod random;
pub mod rows;
pub mod tensor_bundle;
pub mod trees;

pub use applicability::{Applicability, ApplicabilityError};
pub use ensemble::{Ensemble, EnsembleError};
pub use features::{Definition, FeatureError, FeatureSet, Symbols, Unit};
pub use legend::{Legend, LegendClass, LegendError, Rgb};
pub use trees::{ModelError, Objective, TreeEnsemble};
