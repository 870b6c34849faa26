//! The batch engine: source → mask → composite → features → model → map.
//!
//! A [`Recipe`] says how a map is made, a [`Task`] is one recipe over one area of interest and one
//! period, and [`Engine::run`] is the one way to carry a task out: the command line, the API's
//! worker and the demo all go through it.
//!
//! The stages, each in its module:
//!
//! 1. [`plan`](mod@plan): what the task touches. Grid, blocks, scenes; the inputs are frozen and hashed here, and
//!    a task whose hash the store already holds ends here.
//! 2. [`block`]: for one block of pixels: read, mask, composite, features, classify. Blocks run in
//!    parallel; memory is bounded by the blocks in flight, never by the area.
//!    [`labels`] has the other way: each date has its class, and the dates become one.
//!    [`learnt`] says where the model extrapolates.
//! 3. [`post`]: masks, filters and clipping make blocks final.
//! 4. [`output`]: blocks become Cloud Optimized `GeoTIFF`s, map tiles and statistics.
//! 5. [`describe`]: the STAC item, which is the commit point, and the collection above it.
//!
//! [`extract`] ends after the features: it makes the tables that models learn from, by the stages that make the maps.
//! [`ask`] has what may be asked for besides a map, and [`ModelStore`] the models that answer rows.

pub mod ask;
mod block;
mod classify;
mod compare;
mod describe;
pub mod diff;
mod engine;
mod error;
mod estimate;
pub mod extract;
mod files;
mod inputs;
mod labels;
mod lattice;
mod learnt;
mod lock;
mod manifest;
mod models;
mod mosaic;
mod networks;
mod observe;
mod output;
mod plan;
mod planner;
mod post;
mod prepare;
mod progress;
pub mod recipe;
mod remote;
mod reproduce;
mod sanity;
mod scratch;
mod serving;
mod stack;
mod statistics;
mod task;
mod tile;
mod truth;

pub use compare::{ClassAgreement, Reference};
pub use engine::{Engine, EngineOptions};
pub use error::TaskError;
pub use estimate::{Cost, Rates, Work};
pub use labels::LabelError;
pub use manifest::{NetworkFile, NetworkInputs, NetworkManifest};
pub use models::{check_model, misfits, publish_models};
pub use plan::{InputScene, Plan, cache_mb};
pub use planner::Planner;
pub use progress::{Progress, Snapshot, Stage};
pub use recipe::{Period, Recipe, RecipeError};
pub use remote::RemoteError;
pub use reproduce::{Difference, Reproduction};
pub use serving::{KnownModel, LoadedModel, ModelStore};
pub use statistics::Statistics;
pub use task::{Outcome, Published, Target, Task};
pub use tile::{TILE_PIXELS, Tile};

/// Raised when a change of the program changes the pixels, or the item, that the same recipe gives.
///
/// It is part of every task's hash, so that maps made by an older program are made again.
pub const ALGORITHM_VERSION: u32 = 2;

/// Limits the threads of this process to `count`. Call it once, before any work.
///
/// # Errors
/// When threads are running already.
pub fn use_threads(count: usize) -> Result<(), rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
}
