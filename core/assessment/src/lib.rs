//! How large a class really is, and how right a map is, from points that were drawn to check it.
//!
//! Counting the pixels of a class gives a biased area, because a map's errors do not cancel out.
//! Points that were drawn by a probability design give an unbiased one, with a standard error:
//!
//! 1. [`ClassStrata`] takes the map's classes as strata; [`propose`] says how many points each of them needs.
//! 2. [`draw`] draws them from the map's pixels; [`Sheet`] is what people label, blind to the map.
//! 3. [`read_labels`] reads the filled sheet, [`estimate()`] turns it into areas and accuracies.
//! 4. [`AnotherMap`] asks the same labels about a map that was made again.
//!
//! The estimators are those of Olofsson et al., "Good practices for estimating area and assessing
//! accuracy of land change" (Remote Sensing of Environment 148, 2014), and, where strata and map
//! classes differ, of Stehman, "Estimating area and map accuracy for stratified random sampling when
//! the strata are different from the map classes" (International Journal of Remote Sensing 35,
//! 2014). Points that people chose (training samples, above all) have no known chance of being in
//! the sample and are refused: no estimator can make up for it.

mod allocation;
mod another;
mod design;
mod error;
mod estimate;
mod estimator;
mod labels;
mod sheet;
mod strata;

pub use allocation::{Allocation, Expected, Proposal, propose, propose_for_error, sample_size};
pub use another::AnotherMap;
pub use design::{Candidate, Design, MapClass, Plan, Point, Selection, Stratum, draw};
pub use error::AreaError;
pub use estimate::{AreaEstimate, ClassEstimate, Estimator, Record, estimate};
pub use estimator::{Estimate, OfClass, Shares, StratumCounts, olofsson, stehman};
pub use labels::{Labelled, Unit, read_labels, read_places};
pub use sheet::Sheet;
pub use strata::ClassStrata;

#[cfg(test)]
mod simulation;
