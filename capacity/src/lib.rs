//! How much of everything so many users and so much area need: workers, requests, connections, disk, processor time.
//!
//! Pure arithmetic over what was measured elsewhere: nothing here knows a rate or a price. The page of the site computes
//! the same in the browser; `site/map/tests/capacity-cases.json` holds both to the same numbers.
//!
//! - [`queue`]: how long jobs wait for a worker;
//! - [`plan`]: everything else.

mod plan;
mod preset;
pub mod queue;

pub use plan::{
    Bill, Capacity, CapacityError, Demand, Jobs, Layers, Machine, PerLayer, Prices, Product, plan,
};
pub use preset::{Preset, presets};
