//! Files of samples as people have them, and data sets in a store.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests may

mod bad_input;
mod formats;
mod store;
mod support;
