//! What may be asked for besides a map: a buffer in metres, statistics of zones, predictions for a table.
//!
//! Each is a function of its inputs and a [`Progress`](crate::Progress): the command line and the API's jobs call the
//! same ones. They write nothing but what they return or are given to write to.

pub mod buffer;
pub mod table;
pub mod zonal;
