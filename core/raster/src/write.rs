//! Writing Cloud Optimized GeoTIFF files, block by block or whole.
//!
//! GDAL's COG driver can only copy a finished raster, because the format puts overviews before the pixels. So blocks go
//! into a plain tiled GeoTIFF in a scratch folder first. The destination appears by renaming, whole or not at all.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gdal::cpl::CslStringList;
use gdal::raster::{Buffer, ColorEntry, ColorTable, GdalType};
use gdal::{Dataset, DriverManager, Metadata};
use ndarray::Array2;
use tempfile::TempDir;

use crate::error::{RasterError, Result};
use crate::ffi;
use crate::grid::{Grid, Window};
use crate::read::open_file;
use crate::setup;

/// Colours of the values of a one-band map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette(pub Vec<(u8, [u8; 3])>);

/// How coarser versions are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overviews {
    /// The most frequent value: for classes.
    Mode,
    /// The mean: for continuous values. Of classes it would invent classes.
    Average,
    /// One of the values: for bit fields and anything else that must not be mixed.
    Nearest,
}

impl Overviews {
    fn gdal_name(self) -> &'static str {
        match self {
            Self::Mode => "MODE",
            Self::Average => "AVERAGE",
            Self::Nearest => "NEAREST",
        }
    }
}

/// What a COG of `uint8` holds, besides its pixels.
#[derive(Debug, Clone)]
pub struct CogSpec {
    /// One for a map, three for a picture in red, green and blue.
    pub bands: usize,
    /// Names of the bands, which programs show; none, or one for each band.
    pub band_names: Vec<String>,
    /// Of a one-band map.
    pub palette: Option<Palette>,
    /// The value of pixels without data, also of pixels never written.
    pub nodata: Option<u8>,
    /// How overviews are made.
    pub overviews: Overviews,
    /// Names of the values 0, 1, 2, ..., kept as a JSON list in the first band's metadata item `CATEGORY_NAMES`
    /// (GeoTIFF itself has no place for them). May be empty.
    pub category_names: Vec<String>,
    /// One sentence about the raster, kept as TIFF's image description. May be empty.
    pub description: String,
    /// Physical value = stored value x scale + offset.
    pub scale_offset: Option<(f64, f64)>,
    /// More metadata items.
    pub metadata: Vec<(String, String)>,
}

impl Default for CogSpec {
    /// One band of classes with nodata 255.
    fn default() -> Self {
        Self {
            bands: 1,
            band_names: Vec::new(),
            palette: None,
            nodata: Some(255),
            overviews: Overviews::Mode,
            category_names: Vec::new(),
            description: String::new(),
            scale_offset: None,
            metadata: Vec::new(),
        }
    }
}

/// Edge of the blocks of every file that is written.
const BLOCK: &str = "512";

/// Collects blocks of a `uint8` raster, in any order and from several threads, and makes a COG of them.
///
/// Memory holds one block at a time. Dropping the writer without [`finish`](Self::finish) removes everything.
pub struct BlockWriter {
    // Dropped in this order: the file is closed before its folder goes.
    blocks: Mutex<Dataset>,
    scratch: TempDir,
    grid: Grid,
    spec: CogSpec,
}

impl BlockWriter {
    /// Starts a raster on `grid`. `scratch_dir` needs room for the uncompressed blocks that are written (none for those
    /// that are not) and should be on the destination's file system, so that finishing can rename.
    pub fn create(scratch_dir: &Path, grid: &Grid, spec: &CogSpec) -> Result<Self> {
        setup::ready();
        let scratch = scratch_folder(scratch_dir)?;
        let path = scratch.path().join("blocks.tif");
        let blocks = strictly(&path, || {
            let mut options = CslStringList::new();
            options.set_name_value("TILED", "YES")?;
            options.set_name_value("BLOCKXSIZE", BLOCK)?;
            options.set_name_value("BLOCKYSIZE", BLOCK)?;
            // Bands are written one after another; together in a block they would have to be read back.
            options.set_name_value("INTERLEAVE", "BAND")?;
            options.set_name_value("SPARSE_OK", "TRUE")?;
            options.set_name_value("BIGTIFF", "IF_SAFER")?;
            if spec.bands == 3 {
                options.set_name_value("PHOTOMETRIC", "RGB")?;
            }
            let mut blocks = DriverManager::get_driver_by_name("GTiff")?
                .create_with_band_type_with_options::<u8, _>(
                    &path,
                    grid.width,
                    grid.height,
                    spec.bands,
                    &options,
                )?;
            place(&mut blocks, grid)?;
            describe(&mut blocks, spec)?;
            Ok(blocks)
        })?;
        Ok(Self {
            blocks: Mutex::new(blocks),
            scratch,
            grid: grid.clone(),
            spec: spec.clone(),
        })
    }

    /// Writes one block of one band (one-based). The array must have the window's rows and columns.
    ///
    /// # Errors
    /// When the block does not fit the raster, and when the disk is full: that shows here, not at the end.
    pub fn write(&self, window: Window, band: usize, pixels: &Array2<u8>) -> Result<()> {
        let refuse = |reason: String| RasterError::Block {
            window: window.to_string(),
            width: self.grid.width,
            height: self.grid.height,
            bands: self.spec.bands,
            reason,
        };
        if band == 0 || band > self.spec.bands {
            return Err(refuse(format!("there is no band {band}")));
        }
        if pixels.dim() != (window.height, window.width) {
            let (rows, columns) = pixels.dim();
            return Err(refuse(format!(
                "the array has {rows} rows and {columns} columns"
            )));
        }
        let fits = |start: usize, length: usize, all: usize| {
            start.checked_add(length).is_some_and(|end| end <= all)
        };
        if !fits(window.x, window.width, self.grid.width)
            || !fits(window.y, window.height, self.grid.height)
        {
            return Err(refuse("it reaches over the edge".to_owned()));
        }
        if pixels.is_empty() {
            return Ok(());
        }
        let size = (window.width, window.height);
        let mut buffer = Buffer::new(size, pixels.iter().copied().collect());
        // A panic elsewhere leaves GDAL's dataset as it was after its last call.
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        strictly(&self.scratch.path().join("blocks.tif"), || {
            let mut band = blocks.rasterband(band)?;
            band.write((window.x as isize, window.y as isize), size, &mut buffer)?;
            // Unwritten blocks would sit in GDAL's cache until any thread needs the room.
            ffi::flush_band(&band)
        })
    }

    /// Makes the COG: DEFLATE, blocks of 512 px, overviews. The same pixels and description give the same bytes.
    pub fn finish(self, destination: &Path) -> Result<()> {
        let Self {
            blocks,
            scratch,
            spec,
            ..
        } = self;
        let path = scratch.path().join("blocks.tif");
        let blocks = blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
        strictly(destination, || blocks.close())?;
        let blocks = open_file(&path, None)?;
        let cog = scratch.path().join("cog.tif");
        write_cog(&blocks, &cog, destination, spec.overviews, "NO")?;
        drop(blocks);
        publish(&cog, destination)
    }
}

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
    write_cog(&memory, &cog, path, Overviews::Nearest, "YES")?;
    publish(&cog, path)
}

fn write_cog(
    source: &Dataset,
    cog: &Path,
    destination: &Path,
    overviews: Overviews,
    predictor: &str,
) -> Result<()> {
    strictly(destination, || {
        let mut options = CslStringList::new();
        options.set_name_value("COMPRESS", "DEFLATE")?;
        options.set_name_value("PREDICTOR", predictor)?;
        options.set_name_value("BLOCKSIZE", BLOCK)?;
        options.set_name_value("OVERVIEWS", "IGNORE_EXISTING")?;
        options.set_name_value("OVERVIEW_RESAMPLING", overviews.gdal_name())?;
        options.set_name_value("BIGTIFF", "IF_SAFER")?;
        options.set_name_value("NUM_THREADS", "1")?;
        let driver = DriverManager::get_driver_by_name("COG")?;
        source.create_copy(&driver, cog, &options)?.close()
    })
}

fn place(dataset: &mut Dataset, grid: &Grid) -> gdal::errors::Result<()> {
    dataset.set_geo_transform(&grid.geo_transform())?;
    let reference = grid
        .crs
        .spatial_ref()
        .map_err(|error| gdal::errors::GdalError::BadArgument(error.to_string()))?;
    dataset.set_spatial_ref(&reference)
}

fn describe(dataset: &mut Dataset, spec: &CogSpec) -> gdal::errors::Result<()> {
    if !spec.description.is_empty() {
        dataset.set_metadata_item("TIFFTAG_IMAGEDESCRIPTION", &spec.description, "")?;
    }
    for (key, value) in &spec.metadata {
        dataset.set_metadata_item(key, value, "")?;
    }
    for number in 1..=spec.bands {
        let mut band = dataset.rasterband(number)?;
        if let Some(nodata) = spec.nodata {
            band.set_no_data_value(Some(f64::from(nodata)))?;
        }
        if let Some((scale, offset)) = spec.scale_offset {
            band.set_scale(scale)?;
            band.set_offset(offset)?;
        }
        if let Some(name) = spec.band_names.get(number - 1) {
            band.set_description(name)?;
        }
        if number == 1 && !spec.category_names.is_empty() {
            let names = serde_json::Value::from(spec.category_names.clone());
            band.set_metadata_item("CATEGORY_NAMES", &names.to_string(), "")?;
        }
        if let Some(Palette(colors)) = &spec.palette {
            let mut table = ColorTable::default();
            for &(value, [red, green, blue]) in colors {
                let entry = ColorEntry::rgba(red.into(), green.into(), blue.into(), 255);
                table.set_color_entry(value.into(), &entry);
            }
            band.set_color_table(&table);
        }
    }
    Ok(())
}

/// Runs GDAL calls that write. GDAL 3.6 reports some failures of writing only as messages, so any such message is one.
fn strictly<T>(path: &Path, work: impl FnOnce() -> gdal::errors::Result<T>) -> Result<T> {
    let (outcome, messages) = ffi::watch(work);
    let said = messages.into_iter().find(|message| message.failure);
    match (outcome, said) {
        (Ok(given), None) => Ok(given),
        (_, Some(message)) => Err(RasterError::write(path, message.text)),
        (Err(error), None) => Err(RasterError::write(path, error)),
    }
}

/// The folder a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A folder of our own that goes away with its owner.
pub(crate) fn scratch_folder(within: &Path) -> Result<TempDir> {
    std::fs::create_dir_all(within)
        .and_then(|()| {
            tempfile::Builder::new()
                .prefix(".geocrop-")
                .tempdir_in(within)
        })
        .map_err(|error| RasterError::write(within, error))
}

/// Moves a finished file to its destination in one step.
pub(crate) fn publish(finished: &Path, destination: &Path) -> Result<()> {
    let folder = folder_of(destination);
    let moved = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::rename(finished, destination))
        .or_else(|error| {
            if error.kind() == io::ErrorKind::CrossesDevices {
                copied_beside(finished, destination, folder)
            } else {
                Err(error)
            }
        });
    moved.map_err(|error| RasterError::write(destination, error))
}

fn copied_beside(finished: &Path, destination: &Path, folder: &Path) -> io::Result<()> {
    let beside = tempfile::Builder::new()
        .prefix(".geocrop-")
        .tempdir_in(folder)?;
    let copy: PathBuf = beside.path().join("copy");
    std::fs::copy(finished, &copy)?;
    std::fs::rename(copy, destination)
}
