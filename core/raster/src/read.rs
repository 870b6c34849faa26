//! Reading a band of a file, wherever it is, onto a grid.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::path::Path;

use gdal::errors::GdalError;
use gdal::raster::ResampleAlg;
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags, GeoTransformEx, Metadata};
use ndarray::{Array2, s};

use crate::crs::{Crs, Projection};
use crate::error::{RasterError, Result};
use crate::ffi::{self, Message};
use crate::grid::{Bounds, Grid, Window};
use crate::location::Location;
use crate::resample::{Between, Lattice, NorthUp, Part, resample};
use crate::setup;
use crate::tiff::{Pixels, Tiff};
use crate::warp::warp;

/// How pixels of one grid become pixels of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// The pixel under the centre: for classes and masks.
    Nearest,
    /// Weighted mean of the four around the centre: for coarse continuous rasters such as rain.
    Bilinear,
    /// Mean of all pixels below: for making continuous rasters coarser.
    Average,
    /// The most frequent value below: for making classes coarser.
    Mode,
    /// Cubic convolution over sixteen: for continuous rasters where edges matter.
    Cubic,
}

impl Resampling {
    /// Those that need no more of the source than the pixels around a place.
    fn between(self) -> Option<Between> {
        match self {
            Self::Nearest => Some(Between::Nearest),
            Self::Bilinear => Some(Between::Bilinear),
            _ => None,
        }
    }
}

/// What a file says about one of its bands.
#[derive(Debug, Clone, PartialEq)]
pub struct BandInfo {
    /// GDAL's name of the type: `Byte`, `UInt16`, `Float32`, ...
    pub data_type: String,
    /// The stored value that means "no data".
    pub nodata: Option<f64>,
    /// Physical value = stored value x scale + offset.
    pub scale: Option<f64>,
    /// See `scale`.
    pub offset: Option<f64>,
    /// Free text, often the band's name; empty when there is none.
    pub description: String,
}

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RasterInfo {
    /// Of the coordinates.
    pub crs: Crs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// GDAL's affine coefficients.
    pub geo_transform: [f64; 6],
    /// In the file's order.
    pub bands: Vec<BandInfo>,
    /// Columns and rows of the blocks in which the file stores its pixels.
    pub block: (usize, usize),
}

impl RasterInfo {
    /// The file's extent in another coordinate system.
    ///
    /// # Errors
    /// When the extent has no place there.
    pub fn bounds_in(&self, crs: Crs) -> Result<Bounds> {
        let (width, height) = (self.width as f64, self.height as f64);
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]
            .map(|(column, row)| self.geo_transform.apply(column, row));
        let all = |pick: fn((f64, f64)) -> f64, fold: fn(f64, f64) -> f64, start| {
            corners.into_iter().map(pick).fold(start, fold)
        };
        let bounds = Bounds {
            min_x: all(|c| c.0, f64::min, f64::INFINITY),
            min_y: all(|c| c.1, f64::min, f64::INFINITY),
            max_x: all(|c| c.0, f64::max, f64::NEG_INFINITY),
            max_y: all(|c| c.1, f64::max, f64::NEG_INFINITY),
        };
        Projection::new(self.crs, crs)?.bounds(bounds)
    }

    /// The file's own grid, if it is north-up with square pixels.
    pub fn grid(&self) -> Option<Grid> {
        let [x0, pixel_width, row_turn, y0, column_turn, pixel_height] = self.geo_transform;
        let square = (pixel_width + pixel_height).abs() <= 1e-9 * pixel_width.abs();
        (row_turn == 0.0 && column_turn == 0.0 && pixel_width > 0.0 && square).then_some(Grid {
            crs: self.crs,
            x0,
            y0,
            resolution: pixel_width,
            width: self.width,
            height: self.height,
        })
    }
}

/// Numbers that were read as they are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// The file's own number for "no data".
    pub nodata: Option<f64>,
    /// The part of the grid that the file covers; elsewhere there are no numbers.
    pub known: Window,
}

/// Opens rasters by location and keeps a bounded number of them open.
///
/// Opening a remote COG costs one or two requests, so a reader that stays with its thread saves them. GDAL's datasets
/// may move between threads but not be shared: make one reader per thread.
pub struct RasterReader {
    /// Most recently used last.
    open: VecDeque<Opened>,
}

/// The bands of a scene and some more. Each open file keeps what it has last read in libtiff: half a megabyte, times the
/// number of threads. Opening one again is cheap: from a disk, or from what GDAL remembers of a server's answer.
const HANDLES: usize = 16;

struct Opened {
    address: String,
    raster: OpenRaster,
}

impl Default for RasterReader {
    fn default() -> Self {
        Self::new()
    }
}

impl RasterReader {
    /// A reader without open files.
    pub fn new() -> Self {
        setup::ready();
        Self {
            open: VecDeque::new(),
        }
    }

    /// What the file says about itself. `location` is a path or a `file://`, `http(s)://` or `s3://` address of a
    /// GeoTIFF.
    ///
    /// # Errors
    /// When the file is missing, unreachable or damaged, has no coordinates, or its CRS has no EPSG code.
    pub fn info(&mut self, location: &str) -> Result<RasterInfo> {
        self.with(location, OpenRaster::info)
    }

    /// Reads one band (one-based) onto a grid: `[row, column]` of the stored values, neither scaled nor offset, with
    /// NaN where the file has nodata, ends, or stores NaN.
    ///
    /// `nodata_override` replaces the file's own nodata value. Where the grid is aligned with the file, pixels are
    /// copied; otherwise the part under the grid is warped with `resampling`. Values of 32-bit integers above 2^24 are
    /// rounded to `f32`.
    ///
    /// # Errors
    /// Whenever GDAL cannot deliver every block that is needed: nothing is ever filled in for lost data.
    pub fn read(
        &mut self,
        location: &str,
        band: usize,
        nodata_override: Option<f64>,
        grid: &Grid,
        resampling: Resampling,
    ) -> Result<Array2<f32>> {
        self.with(location, |raster| {
            raster.read(band, nodata_override, &[], grid, resampling)
        })
    }

    /// As [`read`](Self::read), and leaves the values `missing` out as well, before anything is resampled: the 0 and 1
    /// at the edge of a scene must not bleed into their neighbours.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_without(
        &mut self,
        location: &str,
        band: usize,
        nodata_override: Option<f64>,
        missing: &[f64],
        grid: &Grid,
        resampling: Resampling,
    ) -> Result<Array2<f32>> {
        self.with(location, |raster| {
            raster.read(band, nodata_override, missing, grid, resampling)
        })
    }

    /// Reads the stored numbers of a band (one-based) of 8 or 16 unsigned bits into `numbers`, `[row][column]`, as they
    /// are: nodata is not looked at.
    ///
    /// Where the file ends, `numbers` are left alone. `None`, and all of them left alone, where the numbers cannot be had
    /// so: the band is of another type, or the grid is not aligned with the file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// When `numbers` has not as many values as the grid has pixels.
    pub fn read_stored(
        &mut self,
        location: &str,
        band: usize,
        grid: &Grid,
        numbers: &mut [u16],
    ) -> Result<Option<Stored>> {
        assert_eq!(numbers.len(), grid.width * grid.height);
        self.with(location, |raster| raster.read_stored(band, grid, numbers))
    }

    fn with<T>(&mut self, address: &str, work: impl FnOnce(&OpenRaster) -> Result<T>) -> Result<T> {
        let known = self
            .open
            .iter()
            .position(|opened| opened.address == address);
        let opened = match known.and_then(|index| self.open.remove(index)) {
            Some(opened) => opened,
            None => Opened {
                address: address.to_owned(),
                raster: OpenRaster::open(Location::parse(address)?)?,
            },
        };
        let outcome = work(&opened.raster);
        if outcome.is_ok() {
            if self.open.len() >= HANDLES {
                self.open.pop_front();
            }
            self.open.push_back(opened);
        } else {
            // After a failure the next attempt starts from the file, not from what GDAL remembers of it.
            opened.raster.location.forget();
        }
        outcome
    }
}

impl Location {
    fn forget(&self) {
        if self.local.is_none() {
            ffi::forget_remote(&self.gdal_path);
        }
    }

    /// GDAL's words without the address in them, which may hold a signature.
    fn reason(&self, messages: &[Message], otherwise: impl std::fmt::Display) -> String {
        let mut said: Vec<String> = Vec::new();
        for message in messages.iter().filter(|message| message.failure) {
            let text = message.text.replace(&self.gdal_path, &self.shown);
            let text = text.trim().trim_end_matches('.').to_owned();
            if !text.is_empty() && !said.contains(&text) && said.len() < 3 {
                said.push(text);
            }
        }
        if said.is_empty() {
            otherwise.to_string()
        } else {
            said.join("; ")
        }
    }
}

/// Opens a local GeoTIFF, or one of its overviews (0 is the first below full size).
pub(crate) fn open_file(path: &Path, overview: Option<usize>) -> Result<Dataset> {
    let level = overview.map(|level| format!("OVERVIEW_LEVEL={level}"));
    let options: Vec<&str> = level.iter().map(String::as_str).collect();
    open_local(path, &options, &MAPS)
}

/// Opens a local map or photograph.
pub(crate) fn open_picture(path: &Path) -> Result<Dataset> {
    open_local(path, &[], &PICTURES)
}

fn open_local(path: &Path, options: &[&str], drivers: &[&str]) -> Result<Dataset> {
    setup::ready();
    let shown = path.display().to_string();
    let location = Location {
        gdal_path: shown.clone(),
        shown,
        local: Some(path.to_owned()),
    };
    open_dataset(&location, path, options, drivers)
}

/// Nothing but GeoTIFF: an address must not be able to start one of GDAL's 200 other readers.
const MAPS: [&str; 1] = ["GTiff"];

/// What is put on pages is on this machine, and may be a photograph.
const PICTURES: [&str; 4] = ["GTiff", "PNG", "JPEG", "WEBP"];

fn open_dataset(
    location: &Location,
    path: &Path,
    options: &[&str],
    drivers: &[&str],
) -> Result<Dataset> {
    if let Some(local) = &location.local
        && let Err(error) = std::fs::metadata(local)
    {
        return Err(RasterError::Open {
            location: location.shown.clone(),
            reason: error.to_string(),
            advice: "Check the path",
        });
    }
    let (outcome, messages) = ffi::watch(|| {
        Dataset::open_ex(
            path,
            DatasetOptions {
                open_flags: GdalOpenFlags::GDAL_OF_RASTER
                    | GdalOpenFlags::GDAL_OF_READONLY
                    | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
                allowed_drivers: Some(drivers),
                open_options: Some(options),
                sibling_files: None,
            },
        )
    });
    let dataset = outcome.map_err(|error| {
        location.forget();
        RasterError::Open {
            location: location.shown.clone(),
            reason: location.reason(&messages, &error),
            advice: if location.local.is_some() {
                "The file must be a GeoTIFF and whole"
            } else {
                "Check the address in a browser, then the network and the rights to read it"
            },
        }
    })?;
    honest(location, &messages)?;
    Ok(dataset)
}

/// libtiff only warns when the list of blocks is shorter than the image, and GDAL then takes the missing blocks for
/// empty ones. That is how a damaged header turns into zeros.
fn honest(location: &Location, messages: &[Message]) -> Result<()> {
    let lie = messages
        .iter()
        .find(|message| message.text.contains("Incorrect count for"));
    match lie {
        None => Ok(()),
        Some(message) => Err(RasterError::Lying {
            location: location.shown.clone(),
            reason: message.text.clone(),
        }),
    }
}

/// What GDAL makes of the file's coordinate system; `None` when it has no EPSG code.
fn epsg(dataset: &Dataset) -> gdal::errors::Result<Option<Crs>> {
    let mut reference = dataset.spatial_ref()?;
    let mut code = reference.auth_code();
    if code.is_err() && reference.auto_identify_epsg().is_ok() {
        code = reference.auth_code();
    }
    let epsg = reference
        .auth_name()
        .is_none_or(|name| name.eq_ignore_ascii_case("EPSG"));
    Ok(code
        .ok()
        .filter(|_| epsg)
        .and_then(|code| u32::try_from(code).ok())
        .map(Crs::from_epsg))
}

/// An open file and what is needed at every read.
struct OpenRaster {
    location: Location,
    dataset: Dataset,
    geo_transform: [f64; 6],
    /// `None` when the CRS has no EPSG code; it can be warped all the same.
    crs: Option<Crs>,
    width: usize,
    height: usize,
    /// A local file as it is without GDAL.
    tiff: Option<Tiff>,
    /// The way around GDAL, once it was looked for.
    pixels: OnceCell<Option<Pixels>>,
}

impl OpenRaster {
    fn open(location: Location) -> Result<Self> {
        setup::ready();
        let dataset = open_dataset(&location, Path::new(&location.gdal_path), &[], &MAPS)?;
        let missing = |what| RasterError::NotGeoreferenced {
            location: location.shown.clone(),
            what,
        };
        let geo_transform = dataset
            .geo_transform()
            .map_err(|_| missing("geotransform (origin and pixel size)"))?;
        let tiff = location.local.as_deref().and_then(Tiff::open);
        let crs = match tiff.as_ref().and_then(Tiff::crs) {
            Some(crs) => Some(crs),
            None => epsg(&dataset).map_err(|_| missing("coordinate reference system"))?,
        };
        let (width, height) = dataset.raster_size();
        Ok(Self {
            location,
            dataset,
            geo_transform,
            crs,
            width,
            height,
            tiff,
            pixels: OnceCell::new(),
        })
    }

    fn info(&self) -> Result<RasterInfo> {
        let crs = self.crs.ok_or_else(|| RasterError::NoEpsg {
            location: self.location.shown.clone(),
            name: self
                .dataset
                .spatial_ref()
                .ok()
                .and_then(|reference| reference.name())
                .unwrap_or_else(|| "unnamed".to_owned()),
        })?;
        let mut bands = Vec::with_capacity(self.dataset.raster_count());
        let mut block = (0, 0);
        for number in 1..=self.dataset.raster_count() {
            let band = self.band(number)?;
            block = band.block_size();
            bands.push(BandInfo {
                data_type: band.band_type().name(),
                nodata: band.no_data_value(),
                scale: band.scale(),
                offset: band.offset(),
                description: band.description().unwrap_or_default(),
            });
        }
        Ok(RasterInfo {
            crs,
            width: self.width,
            height: self.height,
            geo_transform: self.geo_transform,
            bands,
            block,
        })
    }

    fn band(&self, number: usize) -> Result<gdal::raster::RasterBand<'_>> {
        self.dataset
            .rasterband(number)
            .map_err(|_| RasterError::NoSuchBand {
                location: self.location.shown.clone(),
                band: number,
                bands: self.dataset.raster_count(),
            })
    }

    fn read_stored(
        &self,
        number: usize,
        grid: &Grid,
        numbers: &mut [u16],
    ) -> Result<Option<Stored>> {
        let band = self.band(number)?;
        let (Some((column, row)), true) = (self.aligned(grid), is_short(&band)) else {
            return Ok(None);
        };
        let nodata = band.no_data_value();
        let columns = overlap(column, grid.width, self.width);
        let rows = overlap(row, grid.height, self.height);
        let (Some((x, to_x, width)), Some((y, to_y, height))) = (columns, rows) else {
            return Ok(Some(Stored {
                nodata,
                known: Window::default(),
            }));
        };
        let window = Window {
            x,
            y,
            width,
            height,
        };
        if width == grid.width {
            let start = to_y * width;
            self.numbers(number, window, &mut numbers[start..start + width * height])?;
        } else {
            let mut part = vec![0; width * height];
            self.numbers(number, window, &mut part)?;
            let lines = numbers.chunks_exact_mut(grid.width).skip(to_y);
            for (line, part) in lines.zip(part.chunks_exact(width)) {
                line[to_x..to_x + width].copy_from_slice(part);
            }
        }
        let known = Window {
            x: to_x,
            y: to_y,
            width,
            height,
        };
        Ok(Some(Stored { nodata, known }))
    }

    /// The numbers of a window of a band of 8 or 16 unsigned bits.
    fn numbers(&self, number: usize, window: Window, numbers: &mut [u16]) -> Result<()> {
        if number == 1
            && let Some(pixels) = self.pixels()
            && pixels.read(window, numbers).is_some()
        {
            return Ok(());
        }
        let band = self.band(number)?;
        let size = (window.width, window.height);
        let origin = (window.x as isize, window.y as isize);
        self.delivered(number, || {
            band.read_into_slice(origin, size, size, numbers, None)
        })
    }

    /// A window of a band as floats.
    fn values(&self, number: usize, window: Window) -> Result<Vec<f32>> {
        let band = self.band(number)?;
        let size = (window.width, window.height);
        if number == 1
            && is_short(&band)
            && let Some(pixels) = self.pixels()
        {
            let mut numbers = vec![0; size.0 * size.1];
            if pixels.read(window, &mut numbers).is_some() {
                return Ok(numbers.into_iter().map(f32::from).collect());
            }
        }
        let origin = (window.x as isize, window.y as isize);
        let read = self.delivered(number, || {
            band.read_as::<f32>(origin, size, size, Some(ResampleAlg::NearestNeighbour))
        })?;
        Ok(read.into_shape_and_vec().1)
    }

    /// The file's numbers without GDAL, where that can be.
    fn pixels(&self) -> Option<&Pixels> {
        let open = || {
            let pixels = self.tiff.as_ref()?.pixels()?;
            (pixels.size() == (self.width, self.height)).then_some(pixels)
        };
        self.pixels.get_or_init(open).as_ref()
    }

    fn read(
        &self,
        number: usize,
        nodata_override: Option<f64>,
        missing: &[f64],
        grid: &Grid,
        resampling: Resampling,
    ) -> Result<Array2<f32>> {
        let band = self.band(number)?;
        let nodata = nodata_override.or_else(|| band.no_data_value());
        let empty = || Array2::from_elem((grid.height, grid.width), f32::NAN);
        if let Some((column, row)) = self.aligned(grid) {
            let mut pixels = empty();
            let columns = overlap(column, grid.width, self.width);
            let rows = overlap(row, grid.height, self.height);
            if let (Some((from_x, to_x, width)), Some((from_y, to_y, height))) = (columns, rows) {
                let window = Window {
                    x: from_x,
                    y: from_y,
                    width,
                    height,
                };
                let read = Array2::from_shape_vec((height, width), self.values(number, window)?)
                    .expect("one value for each pixel of the window");
                pixels
                    .slice_mut(s![to_y..to_y + height, to_x..to_x + width])
                    .assign(&read);
                leave_out(pixels.iter_mut(), nodata, missing);
            }
            return Ok(pixels);
        }
        if let Some(between) = resampling.between()
            && let Some(resampled) = self.resample(number, nodata, missing, grid, between)?
        {
            return Ok(resampled);
        }
        if self.apart(grid)? {
            return Ok(empty());
        }
        let warped = self.delivered(number, || {
            if missing.is_empty() {
                return warp(&self.dataset, &[number], nodata, grid, resampling);
            }
            match self.under(grid)? {
                Some(window) => {
                    let part = self.part(number, window, nodata, missing)?;
                    warp(&part, &[1], None, grid, resampling)
                }
                None => Ok(vec![empty()]),
            }
        })?;
        Ok(warped.into_iter().next().unwrap_or_else(empty))
    }

    /// The band on a grid in another coordinate system or of finer pixels; `None` where that is GDAL's business: a
    /// raster that is turned, finer than the grid, or partly outside what can be projected.
    fn resample(
        &self,
        number: usize,
        nodata: Option<f64>,
        missing: &[f64],
        grid: &Grid,
        between: Between,
    ) -> Result<Option<Array2<f32>>> {
        /// Up to so many source pixels for one of the grid, no source pixel is passed over. Projection alone stretches
        /// pixels by 1.1 in Zimbabwe and 1.4 in Belgium.
        const STILL_BETWEEN: f64 = 2.0;
        let (Some(crs), Some(source)) = (self.crs, NorthUp::of(self.geo_transform)) else {
            return Ok(None);
        };
        let Ok(lattice) = Lattice::of(grid, crs) else {
            return Ok(None);
        };
        let nodes = lattice.on(&source);
        if between == Between::Bilinear && nodes.shrinking(&lattice) >= STILL_BETWEEN {
            return Ok(None);
        }
        let Some(window) = nodes.window(self.width, self.height) else {
            return Ok(Some(Array2::from_elem((grid.height, grid.width), f32::NAN)));
        };
        let mut values = self.values(number, window)?;
        leave_out(values.iter_mut(), nodata, missing);
        let part = Part {
            values: &values,
            window,
        };
        Ok(Some(resample(&lattice, &nodes, &part, between)))
    }

    /// Runs a read and makes sure that what came back is what the file holds.
    fn delivered<T>(
        &self,
        band: usize,
        read: impl FnOnce() -> gdal::errors::Result<T>,
    ) -> Result<T> {
        let (outcome, messages) = ffi::watch(read);
        honest(&self.location, &messages)?;
        outcome.map_err(|error| RasterError::Read {
            location: self.location.shown.clone(),
            band,
            reason: self.location.reason(&messages, &error),
        })
    }

    /// Column and row of the file at which the grid's corner lies, if the two grids differ by whole pixels only.
    fn aligned(&self, grid: &Grid) -> Option<(i64, i64)> {
        let [x0, pixel_width, row_turn, y0, column_turn, pixel_height] = self.geo_transform;
        // A pixel size that is off by this much (relative) moves the far edge of a 10 000 px image by 1/1000 pixel.
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-7 * b.abs();
        if self.crs != Some(grid.crs)
            || row_turn != 0.0
            || column_turn != 0.0
            || !same(pixel_width, grid.resolution)
            || !same(-pixel_height, grid.resolution)
        {
            return None;
        }
        let whole = |pixels: f64| {
            ((pixels - pixels.round()).abs() < 1e-3 && pixels.abs() < 1e15)
                .then_some(pixels.round() as i64)
        };
        Some((
            whole((grid.x0 - x0) / grid.resolution)?,
            whole((y0 - grid.y0) / grid.resolution)?,
        ))
    }

    /// The pixels of the file under a grid, with a margin for interpolation; `None` where there are none.
    fn under(&self, grid: &Grid) -> gdal::errors::Result<Option<Window>> {
        /// Cubic convolution looks two pixels further, of the coarser grid; projected edges are bent by less than one.
        const MARGIN: f64 = 4.0;
        let bad = |error: RasterError| GdalError::BadArgument(error.to_string());
        let around = match self.crs {
            Some(crs) => Projection::new(grid.crs, crs)
                .and_then(|projection| projection.bounds(grid.bounds()))
                .map_err(bad)?,
            None => {
                return Ok(Some(Window {
                    x: 0,
                    y: 0,
                    width: self.width,
                    height: self.height,
                }));
            }
        };
        let inverse = self.geo_transform.invert()?;
        let corners = [
            (around.min_x, around.min_y),
            (around.max_x, around.min_y),
            (around.min_x, around.max_y),
            (around.max_x, around.max_y),
        ]
        .map(|(x, y)| inverse.apply(x, y));
        let wanted = grid.width.min(grid.height) as f64;
        let span = |places: [f64; 4], size: usize| {
            let first = places.iter().copied().fold(f64::INFINITY, f64::min);
            let last = places.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let margin = MARGIN * ((last - first) / wanted).max(1.0);
            let (first, last) = (first - margin, last + margin);
            let (first, last) = (first.floor().max(0.0), last.ceil().min(size as f64));
            (first < last).then_some((first as usize, (last - first) as usize))
        };
        let columns = span(corners.map(|corner| corner.0), self.width);
        let rows = span(corners.map(|corner| corner.1), self.height);
        Ok(columns.zip(rows).map(|((x, width), (y, height))| Window {
            x,
            y,
            width,
            height,
        }))
    }

    /// A part of a band as a raster in memory, NaN where values are to be left out.
    fn part(
        &self,
        number: usize,
        window: Window,
        nodata: Option<f64>,
        missing: &[f64],
    ) -> gdal::errors::Result<Dataset> {
        let origin = (window.x as isize, window.y as isize);
        let size = (window.width, window.height);
        let mut pixels = self.dataset.rasterband(number)?.read_as::<f32>(
            origin,
            size,
            size,
            Some(ResampleAlg::NearestNeighbour),
        )?;
        leave_out(pixels.data_mut().iter_mut(), nodata, missing);
        let mut part = DriverManager::get_driver_by_name("MEM")?.create_with_band_type::<f32, _>(
            "",
            window.width,
            window.height,
            1,
        )?;
        let mut transform = self.geo_transform;
        let (x, y) = self.geo_transform.apply(window.x as f64, window.y as f64);
        (transform[0], transform[3]) = (x, y);
        part.set_geo_transform(&transform)?;
        part.set_spatial_ref(&self.dataset.spatial_ref()?)?;
        part.rasterband(1)?.write((0, 0), size, &mut pixels)?;
        Ok(part)
    }

    /// Whether file and grid certainly share nothing. GDAL's warper calls that a failure when the two are far apart.
    fn apart(&self, grid: &Grid) -> Result<bool> {
        let Some(crs) = self.crs else {
            return Ok(false);
        };
        let [x0, dx_column, dx_row, y0, dy_column, dy_row] = self.geo_transform;
        let (width, height) = (self.width as f64, self.height as f64);
        let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)].map(|(c, r)| {
            (
                x0 + c * dx_column + r * dx_row,
                y0 + c * dy_column + r * dy_row,
            )
        });
        let mut file = Bounds {
            min_x: f64::INFINITY,
            min_y: f64::INFINITY,
            max_x: f64::NEG_INFINITY,
            max_y: f64::NEG_INFINITY,
        };
        for (x, y) in corners {
            file = file.union(&Bounds {
                min_x: x,
                min_y: y,
                max_x: x,
                max_y: y,
            });
        }
        // Compared where the grid is defined everywhere: in degrees if the file's own CRS does not reach the grid.
        let here = Projection::new(grid.crs, crs)?.bounds(grid.bounds());
        if let Ok(here) = here {
            return Ok(!here.intersects(&file));
        }
        let file = Projection::new(crs, Crs::LON_LAT)?.bounds(file)?;
        let here = Projection::new(grid.crs, Crs::LON_LAT)?.bounds(grid.bounds())?;
        Ok(!here.intersects(&file))
    }
}

/// Whether a band's numbers are of 8 or 16 unsigned bits.
fn is_short(band: &gdal::raster::RasterBand<'_>) -> bool {
    matches!(band.band_type().name().as_str(), "Byte" | "UInt16")
}

/// Makes values that mean no data NaN.
fn leave_out<'a>(values: impl Iterator<Item = &'a mut f32>, nodata: Option<f64>, missing: &[f64]) {
    let out: Vec<f32> = missing
        .iter()
        .copied()
        .chain(nodata)
        .map(|value| value as f32)
        .collect();
    for value in values {
        if out.contains(value) {
            *value = f32::NAN;
        }
    }
}

/// Start in the file, start in the grid, and length of what a grid row (or column) shares with a file's.
fn overlap(start: i64, wanted: usize, available: usize) -> Option<(usize, usize, usize)> {
    let first = start.max(0);
    let end = (start + wanted as i64).min(available as i64);
    (end > first).then(|| {
        (
            first as usize,
            (first - start) as usize,
            (end - first) as usize,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::write_plain;

    #[test]
    fn copying_pixels_and_warping_them_give_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let grid = Grid {
            crs: Crs::EQUAL_AREA,
            x0: -20.0,
            y0: 5_500_010.0,
            resolution: 10.0,
            width: 600,
            height: 550,
        };
        let pixels = Array2::from_shape_fn((550, 600), |(y, x)| ((x * 7 + y * 13) % 1000) as u16);
        write_plain(&path, &grid, &pixels, Some(999.0), None).unwrap();
        let raster = OpenRaster::open(Location::parse(path.to_str().unwrap()).unwrap()).unwrap();
        for wanted in [grid.clone(), grid.padded(3)] {
            for resampling in [
                Resampling::Nearest,
                Resampling::Bilinear,
                Resampling::Average,
                Resampling::Mode,
                Resampling::Cubic,
            ] {
                assert!(raster.aligned(&wanted).is_some());
                let copied = raster.read(1, None, &[], &wanted, resampling).unwrap();
                let warped = warp(&raster.dataset, &[1], Some(999.0), &wanted, resampling).unwrap();
                for ((place, a), b) in copied.indexed_iter().zip(&warped[0]) {
                    let same = (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-3;
                    assert!(same, "{resampling:?} at {place:?}: {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn grids_that_are_off_by_part_of_a_pixel_are_not_aligned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let grid = Grid {
            crs: Crs::EQUAL_AREA,
            x0: 0.0,
            y0: 0.0,
            resolution: 10.0,
            width: 4,
            height: 4,
        };
        write_plain(&path, &grid, &Array2::<u8>::zeros((4, 4)), None, None).unwrap();
        let raster = OpenRaster::open(Location::parse(path.to_str().unwrap()).unwrap()).unwrap();
        assert_eq!(raster.aligned(&grid.padded(2)), Some((-2, -2)));
        for wrong in [
            Grid {
                x0: 1.0,
                ..grid.clone()
            },
            Grid {
                y0: 5.0,
                ..grid.clone()
            },
            Grid {
                resolution: 20.0,
                ..grid.clone()
            },
            Grid {
                crs: Crs::WEB_MERCATOR,
                ..grid.clone()
            },
        ] {
            assert_eq!(raster.aligned(&wrong), None, "{wrong:?}");
        }
    }
}
