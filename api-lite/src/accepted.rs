//! Areas that were accepted, as the queue keeps them.

use geocrop_raster::{Aoi, AoiError, AoiLimits};

/// The area of a job. What was accepted once is accepted for good, whatever limits hold by now.
pub(crate) fn parse_accepted(text: &str) -> Result<Aoi, AoiError> {
    let limits = AoiLimits {
        max_bytes: usize::MAX,
        max_vertices: usize::MAX,
        max_area_km2: None,
    };
    Aoi::parse(text, "area", &limits)
}
