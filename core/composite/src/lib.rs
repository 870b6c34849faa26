//! Many scenes reduced to one image: which pixels to trust, and what the typical pixel looks like.
//!
//! Pure kernels: slices in, values out. Nothing here reads a file or knows a coordinate system.
//!
//! - [`scl`] names the classes of the Sentinel-2 scene classification layer;
//! - [`mask`] turns such a layer into "do not use" pixels, cleaned by morphology;
//! - [`morphology`] is binary opening and dilation by a disk;
//! - [`geomad`](mod@geomad) is the geometric median of a time series with its three median absolute deviations.

pub mod geomad;
pub mod mask;
pub mod morphology;
pub mod scl;

pub use geomad::{Geomad, GeomadOptions, Observations, geomad, geomad_range};
pub use mask::{MaskGroup, MaskRecipe};
pub use scl::{SCL_CLASSES, scl_class};
