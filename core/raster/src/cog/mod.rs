//! Our own writer of Cloud Optimized GeoTIFF files: tiles are packed and reduced as they come, on all threads.

pub(crate) mod assembly;
mod codec;
pub(crate) mod deflate;
pub(crate) mod layout;
mod levels;
pub(crate) mod pyramid;
mod reduce;
mod scratch;
pub(crate) mod tags;
