//! Writing one array of any type of pixel as a COG, through GDAL's own COG driver: scenes and samples, not products.

use std::path::Path;

use gdal::cpl::CslStringList;
use gdal::raster::{Buffer, GdalType};
use gdal::{Dataset, DriverManager};
use ndarray::Array2;

use crate::error::{RasterError, Result};
use crate::grid::Grid;
use crate::setup;
use crate::write::{folder_of, place, publish, scratch_folder, strictly};

/// A type of pixel that [`write_plain`] can write: `u8`, `u16` or `f32`.
pub trait PlainSample: GdalType + Copy + sealed::Sealed {}
impl PlainSample for u8 {}
impl PlainSample for u16 {}
impl PlainSample for f32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for f32 {}
}

/// Writes an array as a one-band COG, as a band of a scene comes: DEFLATE with the predictor for its type (2 for
/// integers, 3 for floats), nearest overviews. The same pixels give the same bytes.
///
/// `pixels` is `[row, column]` on `grid`; `nodata` is a stored value; `scale_offset` turns stored into physical values.
pub fn write_plain<T: PlainSample>(
    path: &Path,
    grid: &Grid,
    pixels: &Array2<T>,
    nodata: Option<f64>,
    scale_offset: Option<(f64, f64)>,
) -> Result<()> {
    setup::ready();
    if pixels.dim() != (grid.height, grid.width) {
        let (rows, columns) = pixels.dim();
        return Err(RasterError::write(
            path,
            format!(
                "the array has {rows} rows and {columns} columns, the grid {} and {}",
                grid.height, grid.width
            ),
        ));
    }
    let scratch = scratch_folder(folder_of(path))?;
    let memory =
        strictly(path, || {
            let mut memory = DriverManager::get_driver_by_name("MEM")?
                .create_with_band_type::<T, _>("", grid.width, grid.height, 1)?;
            place(&mut memory, grid)?;
            let mut band = memory.rasterband(1)?;
            if nodata.is_some() {
                band.set_no_data_value(nodata)?;
            }
            if let Some((scale, offset)) = scale_offset {
                band.set_scale(scale)?;
                band.set_offset(offset)?;
            }
            let size = (grid.width, grid.height);
            let mut buffer = Buffer::new(size, pixels.iter().copied().collect());
            band.write((0, 0), size, &mut buffer)?;
            Ok(memory)
        })?;
    let cog = scratch.path().join("cog.tif");
    write_cog(&memory, &cog, path)?;
    publish(&cog, path)
}

fn write_cog(source: &Dataset, cog: &Path, destination: &Path) -> Result<()> {
    strictly(destination, || {
        let mut options = CslStringList::new();
        options.set_name_value("COMPRESS", "DEFLATE")?;
        options.set_name_value("PREDICTOR", "YES")?;
        options.set_name_value("BLOCKSIZE", "512")?;
        options.set_name_value("OVERVIEWS", "IGNORE_EXISTING")?;
        options.set_name_value("OVERVIEW_RESAMPLING", "NEAREST")?;
        options.set_name_value("BIGTIFF", "IF_SAFER")?;
        options.set_name_value("NUM_THREADS", "1")?;
        let driver = DriverManager::get_driver_by_name("COG")?;
        source.create_copy(&driver, cog, &options)?.close()
    })
}
