//! Writing Cloud Optimized GeoTIFF files of `uint8`, block by block.
//!
//! Tiles are compressed as soon as they are complete, overviews are made of them on the way, and the destination
//! appears by renaming, whole or not at all. What describes the raster (its place on earth, colours, nodata, metadata)
//! is put into TIFF tags by GDAL, so that it reads like any other file of GDAL's; the pixels never pass through it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use gdal::cpl::CslStringList;
use gdal::raster::{ColorEntry, ColorTable};
use gdal::{Dataset, DriverManager, Metadata};
use ndarray::Array2;
use rayon::prelude::*;
use tempfile::TempDir;

use crate::cog::assembly::{Assembled, Assembly};
use crate::cog::layout::{Layout, Photometric};
use crate::cog::pyramid::Pyramid;
use crate::cog::tags::{self, Tag};
use crate::error::{RasterError, Result};
use crate::ffi;
use crate::grid::{Grid, Window};
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

/// What a COG of `uint8` holds, besides its pixels.
#[derive(Debug, Clone)]
pub struct CogSpec {
    /// One to sixteen. Three without names are a picture in red, green and blue.
    pub bands: usize,
    /// What each band holds, kept as GDAL's band descriptions: one for each band, or none at all.
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

impl CogSpec {
    fn photometric(&self) -> Photometric {
        match self.bands {
            1 if self.palette.is_some() => Photometric::Palette,
            3 if self.band_names.is_empty() => Photometric::Rgb,
            _ => Photometric::Data,
        }
    }

    fn check(&self) -> Result<()> {
        let names = self.band_names.len();
        let reason = if !(1..=MOST_BANDS).contains(&self.bands) {
            format!(
                "it has {} bands, and one to {MOST_BANDS} can be written",
                self.bands
            )
        } else if names != 0 && names != self.bands {
            format!("it has {} band(s) and {names} band names", self.bands)
        } else if self.palette.is_some() && self.bands != 1 {
            format!("it has a palette and {} bands, not one", self.bands)
        } else {
            return Ok(());
        };
        Err(RasterError::Spec { reason })
    }
}

/// A pixel of all bands lies together in the file: with more of them, reading one would read too much.
const MOST_BANDS: usize = 16;

/// Bytes of the finished file that are written at a time.
const BUFFER: usize = 1 << 20;

/// Collects blocks of a `uint8` raster, in any order and from several threads, and makes a COG of them: DEFLATE, tiles
/// of 512 px, overviews as GDAL makes them.
///
/// Every pixel is written once or never. Memory holds the tiles that are incomplete: with blocks in rows, those of one
/// row, otherwise more. Complete ones are compressed on rayon's threads, a few at a time, and kept in a scratch file.
/// Dropping the writer without [`finish`](Self::finish) removes everything.
pub struct BlockWriter {
    assembly: Mutex<Assembly>,
    // Dropped in this order: the scratch file is closed before its folder goes.
    pyramid: Pyramid,
    scratch: TempDir,
    /// What went wrong first; a tile is missing then.
    broken: OnceLock<String>,
    tags: Vec<Tag>,
    grid: Grid,
    spec: CogSpec,
}

impl BlockWriter {
    /// Starts a raster on `grid`. `scratch_dir` needs room for twice the finished file and should be on the
    /// destination's file system, so that finishing can rename.
    ///
    /// # Errors
    /// When the spec contradicts itself, PROJ does not know the grid's CRS, or the folder cannot be written.
    pub fn create(scratch_dir: &Path, grid: &Grid, spec: &CogSpec) -> Result<Self> {
        setup::ready();
        spec.check()?;
        let scratch = scratch_folder(scratch_dir)?;
        let tags = described(&scratch.path().join("tags.tif"), grid, spec)?;
        let tiles = scratch.path().join("tiles");
        let size = (grid.width, grid.height);
        let pyramid = Pyramid::create(&tiles, size, spec.bands, spec.nodata, spec.overviews)
            .map_err(|error| RasterError::write(&tiles, error))?;
        let assembly = Assembly::new(pyramid.levels[0], spec.bands, pyramid.fill());
        Ok(Self {
            assembly: Mutex::new(assembly),
            pyramid,
            scratch,
            broken: OnceLock::new(),
            tags,
            grid: grid.clone(),
            spec: spec.clone(),
        })
    }

    /// Writes one block of one band (one-based). The array must have the window's rows and columns.
    ///
    /// # Errors
    /// When the block does not fit the raster or overlaps one that was written before, and when the disk is full: that
    /// shows here for most blocks, and then the raster cannot be finished.
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
        let complete = {
            let mut assembly = self.assembly.lock().unwrap_or_else(PoisonError::into_inner);
            if assembly.has_any_of(window, band - 1) {
                return Err(refuse("some of its pixels were written before".to_owned()));
            }
            assembly.add(window, band - 1, pixels);
            // Enough for all threads to be busy to the end, few enough to hold in memory.
            assembly.batch(2 * rayon::current_num_threads())
        };
        let place = self.scratch.path().join("tiles");
        settle(&self.pyramid, &self.broken, complete)
            .map_err(|reason| RasterError::write(&place, reason))
    }

    /// Makes the COG. The same pixels and description give the same bytes, whatever the order of the blocks.
    ///
    /// # Errors
    /// When the disk is full or the destination cannot be written; nothing is left there then.
    pub fn finish(self, destination: &Path) -> Result<()> {
        let Self {
            assembly,
            pyramid,
            scratch,
            broken,
            tags,
            spec,
            ..
        } = self;
        let assembly = assembly
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        settle(&pyramid, &broken, assembly.rest())
            .map_err(|reason| RasterError::write(destination, reason))?;
        let (levels, tiles, packed) = pyramid.into_tiles();
        let layout = Layout {
            levels: &levels,
            tiles: &tiles,
            bands: spec.bands,
            photometric: spec.photometric(),
            tags: &tags,
        };
        let cog = scratch.path().join("cog.tif");
        File::create_new(&cog)
            .and_then(|file| {
                let mut file = BufWriter::with_capacity(BUFFER, file);
                layout.write(&packed, &mut file)?;
                file.flush()
            })
            .map_err(|error| RasterError::write(destination, error))?;
        publish(&cog, destination)
    }
}

/// Packs tiles and makes what overviews follow from them, on all threads. After a failure everything fails.
fn settle(
    pyramid: &Pyramid,
    broken: &OnceLock<String>,
    tiles: Vec<Assembled>,
) -> std::result::Result<(), String> {
    let outcome = tiles
        .into_par_iter()
        .with_max_len(1)
        .try_for_each(|(tile, pixels)| pyramid.settle(tile, pixels));
    if let Err(error) = outcome {
        broken.get_or_init(|| error.to_string());
    }
    broken.get().cloned().map_or(Ok(()), Err)
}

/// The tags that describe the raster, as GDAL writes them into a file of one pixel.
fn described(path: &Path, grid: &Grid, spec: &CogSpec) -> Result<Vec<Tag>> {
    strictly(path, || {
        let mut options = CslStringList::new();
        options.set_name_value("BIGTIFF", "NO")?;
        options.set_name_value("ENDIANNESS", "LITTLE")?;
        // Otherwise GDAL takes three bands for a picture, and four for one with transparency.
        let rgb = spec.photometric() == Photometric::Rgb;
        options.set_name_value("PHOTOMETRIC", if rgb { "RGB" } else { "MINISBLACK" })?;
        let mut pixel = DriverManager::get_driver_by_name("GTiff")?
            .create_with_band_type_with_options::<u8, _>(path, 1, 1, spec.bands, &options)?;
        place(&mut pixel, grid)?;
        describe(&mut pixel, spec)?;
        pixel.close()
    })?;
    let file = std::fs::read(path).map_err(|error| RasterError::write(path, error))?;
    tags::describing(&file)
        .ok_or_else(|| RasterError::write(path, "GDAL's tags in it cannot be read"))
}

pub(crate) fn place(dataset: &mut Dataset, grid: &Grid) -> gdal::errors::Result<()> {
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
        if let Some(name) = spec.band_names.get(number - 1) {
            band.set_description(name)?;
        }
        if let Some(nodata) = spec.nodata {
            band.set_no_data_value(Some(f64::from(nodata)))?;
        }
        if let Some((scale, offset)) = spec.scale_offset {
            band.set_scale(scale)?;
            band.set_offset(offset)?;
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
pub(crate) fn strictly<T>(
    path: &Path,
    work: impl FnOnce() -> gdal::errors::Result<T>,
) -> Result<T> {
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
