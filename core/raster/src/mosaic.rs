//! Several rasters side by side as one, for desktop programs: a GDAL virtual raster.

use std::path::{Path, PathBuf};

use gdal::programs::raster::build_vrt;

use crate::error::{RasterError, Result};
use crate::ffi;
use crate::read::open_file;

/// Writes a virtual raster (VRT) of rasters of one kind. Those in its own folder are referred to by their bare names, so
/// that the whole folder may move.
///
/// # Errors
/// When a raster cannot be opened or the file not be written.
pub fn write_vrt(path: &Path, rasters: &[PathBuf]) -> Result<()> {
    let datasets = rasters
        .iter()
        .map(|raster| open_file(raster, None))
        .collect::<Result<Vec<_>>>()?;
    let (outcome, messages) = ffi::watch(|| build_vrt(Some(path), &datasets, None)?.close());
    let said = messages.into_iter().find(|message| message.failure);
    match (outcome, said) {
        (Ok(()), None) => Ok(()),
        (_, Some(message)) => Err(RasterError::write(path, message.text)),
        (Err(error), None) => Err(RasterError::write(path, error)),
    }
}
