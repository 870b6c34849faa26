//! Where imagery comes from: finds the scenes of a STAC API, a static STAC catalogue or a folder, and the bands in them.
//!
//! A [`Source`] is opened from a location: one of the descriptions in `sources/*.toml`, a `catalog.json`, the URL of a
//! STAC API, or a folder. [`Source::scenes`] answers a [`Query`] with [`Scene`]s: which file holds which band, how its
//! numbers become reflectance (scale, offset, nodata) and which Sentinel-2 offset applies and why. Nothing here opens a
//! raster: reading, and checking what the files say about themselves, is the business of those who do.
//!
//! The calls block. Inside an async program use them from a blocking thread.

mod ancillary;
mod api;
mod bands;
mod catalog;
pub mod datasets;
mod description;
mod error;
mod fingerprint;
mod folder;
mod http;
mod item;
mod location;
mod offset;
mod query;
mod scene;
mod source;

pub use ancillary::{Ancillary, TruthRaster};
pub use description::{
    AncillaryDescription, AncillaryInput, Api, Description, Encoding, Kind, LABEL, Method, Truth,
};
pub use error::SourceError;
pub use http::Network;
pub use query::Query;
pub use scene::{BandRef, Fingerprint, OffsetDecision, Scene};
pub use source::{Source, datasets_of};
