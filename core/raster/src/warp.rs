//! Bringing bands of an open raster onto a grid, by GDAL's warper.
//!
//! The safe crate offers only `reproject`, which has no choice of band, resampling or nodata, so this module speaks to
//! the C interface itself. Everything it allocates there is owned by the three guards below.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use gdal::cpl::CslStringList;
use gdal::errors::{GdalError, Result};
use gdal::raster::ResampleAlg;
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DriverManager};
use gdal_sys::{CPLErr, GDALResampleAlg, GDALWarpOptions};
use ndarray::Array2;

use crate::grid::Grid;
use crate::read::Resampling;

/// How far the approximated transformation may stray from the exact one, in source pixels. GDAL's own default is 0.125,
/// which shows as shifted pixel columns with nearest; a hundredth costs hardly more.
const TRANSFORM_ERROR: f64 = 0.01;

impl Resampling {
    fn warp_algorithm(self) -> GDALResampleAlg::Type {
        match self {
            Self::Nearest => GDALResampleAlg::GRA_NearestNeighbour,
            Self::Bilinear => GDALResampleAlg::GRA_Bilinear,
            Self::Cubic => GDALResampleAlg::GRA_Cubic,
            Self::Average => GDALResampleAlg::GRA_Average,
            Self::Mode => GDALResampleAlg::GRA_Mode,
        }
    }
}

/// Warps bands (one-based) onto the grid: one array each, NaN where the source has nodata or ends.
///
/// Nodata takes no part in interpolation: the weights of the other pixels are scaled up. Only the part of the source
/// under the grid is read. Works on the calling thread alone.
pub(crate) fn warp(
    source: &Dataset,
    bands: &[usize],
    nodata: Option<f64>,
    grid: &Grid,
    resampling: Resampling,
) -> Result<Vec<Array2<f32>>> {
    run(
        source,
        bands,
        nodata,
        grid,
        resampling,
        TRANSFORM_ERROR,
        false,
    )
}

/// As [`warp`], with places that may be off by `error` pixels of the source, and all at once: where the places are
/// approximated, the result depends on how a grid is cut.
pub(crate) fn warp_whole(
    source: &Dataset,
    bands: &[usize],
    nodata: Option<f64>,
    grid: &Grid,
    resampling: Resampling,
    error: f64,
) -> Result<Vec<Array2<f32>>> {
    run(source, bands, nodata, grid, resampling, error, true)
}

fn run(
    source: &Dataset,
    bands: &[usize],
    nodata: Option<f64>,
    grid: &Grid,
    resampling: Resampling,
    error: f64,
    whole: bool,
) -> Result<Vec<Array2<f32>>> {
    let target = target(grid, bands.len())?;
    let options = Options::new(bands.len())?;
    // SAFETY: `options` is a live GDALWarpOptions; its arrays hold `bands.len()` entries each, allocated by GDAL's
    // allocator as its destructor expects, and both datasets outlive the operation.
    let transformer = unsafe {
        let raw = &mut *options.0;
        raw.eResampleAlg = resampling.warp_algorithm();
        raw.eWorkingDataType = gdal_sys::GDALDataType::GDT_Float32;
        raw.hSrcDS = source.c_dataset();
        raw.hDstDS = target.c_dataset();
        for (index, &band) in bands.iter().enumerate() {
            *raw.panSrcBands.add(index) = c_int::try_from(band)?;
            *raw.panDstBands.add(index) = c_int::try_from(index + 1)?;
        }
        raw.padfDstNoDataReal = filled(bands.len(), f64::NAN)?;
        // NaN in a float raster is missing data whether or not the file says so.
        raw.padfSrcNoDataReal = filled(bands.len(), nodata.unwrap_or(f64::NAN))?;
        let mut settings = CslStringList::new();
        settings.set_name_value("INIT_DEST", "NO_DATA")?;
        settings.set_name_value("UNIFIED_SRC_NODATA", "NO")?;
        settings.set_name_value("NUM_THREADS", "1")?;
        raw.papszWarpOptions = settings.into_ptr();
        let transformer = Transformer::between(source, &target, error)?;
        raw.pfnTransformer = Some(gdal_sys::GDALApproxTransform);
        raw.pTransformerArg = transformer.0;
        transformer
    };
    let width = c_int::try_from(grid.width)?;
    let height = c_int::try_from(grid.height)?;
    // SAFETY: the operation copies the options; transformer and datasets outlive it.
    let outcome = unsafe {
        let operation = gdal_sys::GDALCreateWarpOperation(options.0);
        if operation.is_null() {
            return Err(refused("GDALCreateWarpOperation"));
        }
        let outcome = if whole {
            gdal_sys::GDALWarpRegion(operation, 0, 0, width, height, 0, 0, 0, 0)
        } else {
            gdal_sys::GDALChunkAndWarpImage(operation, 0, 0, width, height)
        };
        gdal_sys::GDALDestroyWarpOperation(operation);
        outcome
    };
    drop(transformer);
    if outcome != CPLErr::CE_None {
        return Err(refused("GDALChunkAndWarpImage"));
    }
    (1..=bands.len())
        .map(|band| {
            target
                .rasterband(band)?
                .read_as::<f32>(
                    (0, 0),
                    (grid.width, grid.height),
                    (grid.width, grid.height),
                    Some(ResampleAlg::NearestNeighbour),
                )?
                .to_array()
        })
        .collect()
}

/// An empty raster in memory on the grid.
fn target(grid: &Grid, bands: usize) -> Result<Dataset> {
    let mut target = DriverManager::get_driver_by_name("MEM")?.create_with_band_type::<f32, _>(
        "",
        grid.width,
        grid.height,
        bands,
    )?;
    target.set_geo_transform(&grid.geo_transform())?;
    let reference = grid
        .crs
        .spatial_ref()
        .map_err(|error| GdalError::BadArgument(error.to_string()))?;
    target.set_spatial_ref(&reference)?;
    Ok(target)
}

/// Width and height of the pixels that GDAL would give the raster in another system: as fine as its own.
pub(crate) fn suggested_pixel(source: &Dataset, target: &SpatialRef) -> Result<(f64, f64)> {
    let mut settings = CslStringList::new();
    settings.set_name_value("DST_SRS", &target.to_wkt()?)?;
    let (mut transform, mut width, mut height) = ([0.0; 6], 0, 0);
    // SAFETY: the dataset is open, the settings and the three places for the answer outlive the calls, and the
    // transformer is freed once.
    let outcome = unsafe {
        let exact = gdal_sys::GDALCreateGenImgProjTransformer2(
            source.c_dataset(),
            ptr::null_mut(),
            settings.as_ptr(),
        );
        if exact.is_null() {
            return Err(refused("GDALCreateGenImgProjTransformer2"));
        }
        let outcome = gdal_sys::GDALSuggestedWarpOutput(
            source.c_dataset(),
            Some(gdal_sys::GDALGenImgProjTransform),
            exact,
            transform.as_mut_ptr(),
            &raw mut width,
            &raw mut height,
        );
        gdal_sys::GDALDestroyGenImgProjTransformer(exact);
        outcome
    };
    if outcome != CPLErr::CE_None {
        return Err(refused("GDALSuggestedWarpOutput"));
    }
    Ok((transform[1], -transform[5]))
}

/// GDAL's own words come from its messages; this only says where.
fn refused(method_name: &'static str) -> GdalError {
    GdalError::NullPointer {
        method_name,
        msg: String::new(),
    }
}

/// An array of GDAL's allocator holding one value `count` times.
///
/// # Safety
/// The result belongs to whoever frees it with `CPLFree`, here `GDALDestroyWarpOptions`.
unsafe fn filled(count: usize, value: f64) -> Result<*mut f64> {
    // SAFETY: GDAL gives `count` zeroed doubles or null.
    unsafe {
        let array = gdal_sys::CPLCalloc(count, size_of::<f64>()).cast::<f64>();
        if array.is_null() {
            return Err(refused("CPLCalloc"));
        }
        for index in 0..count {
            *array.add(index) = value;
        }
        Ok(array)
    }
}

/// Owns the warper's options and the arrays in them.
struct Options(*mut GDALWarpOptions);

impl Options {
    fn new(bands: usize) -> Result<Self> {
        let bands = c_int::try_from(bands)?;
        // SAFETY: plain allocation; the second call makes the two band arrays.
        unsafe {
            let raw = gdal_sys::GDALCreateWarpOptions();
            if raw.is_null() {
                return Err(refused("GDALCreateWarpOptions"));
            }
            let options = Self(raw);
            gdal_sys::GDALWarpInitDefaultBandMapping(raw, bands);
            Ok(options)
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: created by GDALCreateWarpOptions and freed once; this frees the arrays in it too.
        unsafe { gdal_sys::GDALDestroyWarpOptions(self.0) };
    }
}

/// Owns the approximated transformation and the exact one inside it.
struct Transformer(*mut c_void);

impl Transformer {
    fn between(source: &Dataset, target: &Dataset, error: f64) -> Result<Self> {
        // SAFETY: both datasets are open; the approximation takes the exact transformer over.
        unsafe {
            let exact = gdal_sys::GDALCreateGenImgProjTransformer2(
                source.c_dataset(),
                target.c_dataset(),
                ptr::null_mut(),
            );
            if exact.is_null() {
                return Err(refused("GDALCreateGenImgProjTransformer2"));
            }
            let approximate = gdal_sys::GDALCreateApproxTransformer(
                Some(gdal_sys::GDALGenImgProjTransform),
                exact,
                error,
            );
            if approximate.is_null() {
                gdal_sys::GDALDestroyGenImgProjTransformer(exact);
                return Err(refused("GDALCreateApproxTransformer"));
            }
            gdal_sys::GDALApproxTransformerOwnsSubtransformer(approximate, 1);
            Ok(Self(approximate))
        }
    }
}

impl Drop for Transformer {
    fn drop(&mut self) {
        // SAFETY: created above, owns what is inside it, freed once.
        unsafe { gdal_sys::GDALDestroyApproxTransformer(self.0) };
    }
}
