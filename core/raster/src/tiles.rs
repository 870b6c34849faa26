//! Map tiles of a finished raster, as one PMTiles archive.
//!
//! PMTiles version 3 (<https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>) is a single file that a map reads
//! by range requests from any static host. Tiles are PNG of 512 px, half the requests of 256 px; a map must declare its
//! source with `tileSize: 512`.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::fs::File;
use std::path::{Path, PathBuf};

use gdal::Dataset;
use pmtiles::{PmTilesWriter, TileCoord, TileId, TileType};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::crs::{Crs, Projection};
use crate::error::{RasterError, Result};
use crate::ffi;
use crate::grid::{Bounds, Grid};
use crate::lookup::Lattice;
use crate::picture::{Style, style};
use crate::read::{RasterReader, Resampling, open_file};
use crate::warp::warp;
use crate::write::{folder_of, publish, scratch_folder};

/// Edge of a tile in pixels.
pub const TILE_SIZE: usize = 512;

/// Radius of Web Mercator's sphere in metres.
const RADIUS: f64 = 6_378_137.0;
/// Half the edge of the Web Mercator square.
const HALF_WORLD: f64 = PI * RADIUS;
/// Where that square ends, in degrees.
const LAST_LATITUDE: f64 = 85.051_128_779_806_6;
/// PMTiles and browsers go further; no imagery does.
const DEEPEST_ZOOM: u8 = 22;
/// Tiles that each thread draws before they are written: bounds the memory (at most 1 MB each, mostly a few kB).
const TILES_PER_THREAD: usize = 32;
/// Tiles drawn one after another by one [`Drawer`], which takes a while to set up.
const TILES_PER_DRAWER: usize = 8;

/// How the raster's pixels become a tile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileResampling {
    /// For classes: no value is invented.
    Nearest,
    /// For pictures.
    Bilinear,
}

/// What the archive says about itself.
#[derive(Debug, Clone)]
pub struct TileSpec {
    /// Of the layer.
    pub name: String,
    /// Whose data it is; shown in the corner of the map.
    pub attribution: String,
    /// One sentence.
    pub description: String,
    /// Deepest zoom level; the raster's own resolution if `None`.
    pub max_zoom: Option<u8>,
    /// How pixels are looked up.
    pub resampling: TileResampling,
    /// More entries for the archive's JSON metadata, for example the legend.
    pub metadata: Map<String, Value>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub struct TileReport {
    /// Where the whole raster fits about one tile.
    pub min_zoom: u8,
    /// Where a tile's pixels are at least as fine as the raster's.
    pub max_zoom: u8,
    /// West, south, east, north in degrees.
    pub bounds: [f64; 4],
    /// Tiles with at least one pixel of data; others are left out.
    pub tiles: usize,
}

/// Cuts a raster (one band of `uint8` with or without palette, or three) into PNG tiles.
///
/// Zoom levels below the raster's resolution read its overviews, so that classes keep their MODE. Tiles are drawn on all
/// of rayon's threads, a chunk at a time, and stored in the order of the Hilbert curve; the same raster gives the same
/// bytes. `progress` hears of tiles done and in total, and stops the work by returning `false`.
///
/// # Errors
/// When the raster cannot be read or drawn, the archive cannot be written, or the work was stopped. Nothing is left at
/// the destination then.
pub fn write_pmtiles(
    cog: &Path,
    destination: &Path,
    spec: &TileSpec,
    progress: &dyn Fn(usize, usize) -> bool,
) -> Result<TileReport> {
    write_mosaic_pmtiles(&[cog.to_owned()], destination, spec, progress)
}

/// As [`write_pmtiles`], of several rasters of one kind that lie beside each other: the tiles of a large area. Where
/// they overlap, the first one with data is seen.
///
/// # Errors
/// As [`write_pmtiles`], and when there is no raster.
pub fn write_mosaic_pmtiles(
    cogs: &[PathBuf],
    destination: &Path,
    spec: &TileSpec,
    progress: &dyn Fn(usize, usize) -> bool,
) -> Result<TileReport> {
    let pyramid = Mosaic::of(cogs, destination)?;
    let plan = Plan::of(&pyramid, spec.max_zoom);
    let scratch = scratch_folder(folder_of(destination))?;
    let archive = scratch.path().join("tiles.pmtiles");
    let failed = |error: &dyn std::fmt::Display| RasterError::write(destination, error);
    let file = File::create(&archive).map_err(|error| failed(&error))?;
    let [west, south, east, north] = pyramid.lonlat;
    let mut writer = PmTilesWriter::new(TileType::Png)
        .min_zoom(plan.min_zoom)
        .max_zoom(plan.max_zoom)
        .bounds(west, south, east, north)
        .center(f64::midpoint(west, east), f64::midpoint(south, north))
        .center_zoom(plan.min_zoom)
        .metadata(metadata(spec))
        .create(file)
        .map_err(|error| failed(&error))?;
    let total = plan.tiles.len();
    let mut written = 0;
    let at_once = TILES_PER_THREAD * rayon::current_num_threads();
    for (chunk, tiles) in plan.tiles.chunks(at_once).enumerate() {
        if !progress(chunk * at_once, total) {
            return Err(RasterError::Cancelled {
                path: destination.to_owned(),
            });
        }
        let drawn: Vec<Option<Vec<u8>>> = tiles
            .par_iter()
            .with_min_len(TILES_PER_DRAWER)
            .map_init(
                || Drawer::new(&pyramid, spec.resampling),
                |drawer, tile| drawer.draw(*tile),
            )
            .collect::<Result<_>>()?;
        for (tile, png) in tiles.iter().zip(drawn) {
            if let Some(png) = png {
                writer
                    .add_tile(tile.coord, &png)
                    .map_err(|error| failed(&error))?;
                written += 1;
            }
        }
    }
    writer.finalize().map_err(|error| failed(&error))?;
    publish(&archive, destination)?;
    progress(total, total);
    Ok(TileReport {
        min_zoom: plan.min_zoom,
        max_zoom: plan.max_zoom,
        bounds: pyramid.lonlat,
        tiles: written,
    })
}

fn metadata(spec: &TileSpec) -> String {
    let mut metadata = spec.metadata.clone();
    for (key, value) in [
        ("name", json!(spec.name)),
        ("attribution", json!(spec.attribution)),
        ("description", json!(spec.description)),
        ("type", json!("overlay")),
        ("format", json!("png")),
        ("tile_size", json!(TILE_SIZE)),
    ] {
        metadata.insert(key.to_owned(), value);
    }
    Value::from(metadata).to_string()
}

/// A raster and its overviews, as seen from the web map.
struct Pyramid {
    path: PathBuf,
    crs: Crs,
    style: Style,
    nodata: Option<u8>,
    /// West, south, east, north in degrees, cut at the end of Web Mercator.
    lonlat: [f64; 4],
    /// The same in Web Mercator.
    mercator: Bounds,
    /// Columns of the raster and of each overview.
    widths: Vec<usize>,
    /// Mercator metres per pixel at full size, on the finer axis.
    pixel: f64,
}

impl Pyramid {
    fn of(path: &Path) -> Result<Self> {
        let dataset = open_file(path, None)?;
        let (style, nodata) = style(path, &dataset)?;
        let info = RasterReader::new().info(&path.display().to_string())?;
        let grid = info
            .grid()
            .ok_or_else(|| RasterError::draw(path, "it is not north-up with square pixels"))?;
        let [west, south, east, north] = grid.lonlat_bounds()?;
        let latitude = |degrees: f64| degrees.clamp(-LAST_LATITUDE, LAST_LATITUDE);
        let lonlat = [west, latitude(south), east, latitude(north)];
        let mercator = Bounds {
            min_x: RADIUS * west.to_radians(),
            min_y: northing(lonlat[1]),
            max_x: RADIUS * east.to_radians(),
            max_y: northing(lonlat[3]),
        };
        let band = dataset
            .rasterband(1)
            .map_err(|error| RasterError::draw(path, error))?;
        let mut widths = vec![grid.width];
        for level in 0..band.overview_count().unwrap_or(0) {
            let overview = band
                .overview(level as usize)
                .map_err(|error| RasterError::draw(path, error))?;
            widths.push(overview.x_size());
        }
        Ok(Self {
            path: path.to_owned(),
            crs: grid.crs,
            style,
            nodata,
            pixel: ((mercator.max_x - mercator.min_x) / grid.width as f64)
                .min((mercator.max_y - mercator.min_y) / grid.height as f64),
            lonlat,
            mercator,
            widths,
        })
    }

    /// The coarsest version (0 is full size) that is at least as fine as a tile's pixels.
    fn level_for(&self, tile_pixel: f64) -> usize {
        let fine_enough = |&width: &usize| {
            let pixel = self.pixel * self.widths[0] as f64 / width as f64;
            pixel <= tile_pixel * (1.0 + 1e-3)
        };
        self.widths
            .iter()
            .rposition(fine_enough)
            .unwrap_or_default()
    }
}

/// Rasters side by side, seen as one.
struct Mosaic {
    parts: Vec<Pyramid>,
    /// West, south, east, north in degrees.
    lonlat: [f64; 4],
    /// The same in Web Mercator.
    mercator: Bounds,
    /// Mercator metres per pixel of the finest part.
    pixel: f64,
}

impl Mosaic {
    fn of(cogs: &[PathBuf], destination: &Path) -> Result<Self> {
        let parts = cogs
            .iter()
            .map(|cog| Pyramid::of(cog))
            .collect::<Result<Vec<_>>>()?;
        let Some(first) = parts.first() else {
            return Err(RasterError::write(
                destination,
                "there is no raster to draw",
            ));
        };
        let (mut lonlat, mut mercator, mut pixel) = (first.lonlat, first.mercator, first.pixel);
        for part in &parts[1..] {
            for side in [0, 1] {
                lonlat[side] = lonlat[side].min(part.lonlat[side]);
                lonlat[side + 2] = lonlat[side + 2].max(part.lonlat[side + 2]);
            }
            mercator = mercator.union(&part.mercator);
            pixel = pixel.min(part.pixel);
        }
        Ok(Self {
            parts,
            lonlat,
            mercator,
            pixel,
        })
    }
}

/// Web Mercator's y of a latitude.
fn northing(latitude: f64) -> f64 {
    RADIUS * (PI / 4.0 + latitude.to_radians() / 2.0).tan().ln()
}

/// Mercator metres per pixel of a tile.
fn tile_pixel(zoom: u8) -> f64 {
    2.0 * HALF_WORLD / (TILE_SIZE as f64 * f64::from(1_u32 << zoom))
}

/// A tile to draw.
#[derive(Clone, Copy)]
struct Tile {
    coord: TileCoord,
    id: u64,
}

/// Which tiles there are, in the order of the archive.
struct Plan {
    min_zoom: u8,
    max_zoom: u8,
    tiles: Vec<Tile>,
}

impl Plan {
    fn of(pyramid: &Mosaic, max_zoom: Option<u8>) -> Self {
        let Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        } = pyramid.mercator;
        let deepest = f64::from(DEEPEST_ZOOM);
        // A raster one part in a thousand finer than a zoom level does not deserve four times the tiles.
        let native = ((tile_pixel(0) / pyramid.pixel).log2() - 1e-3).ceil();
        let max_zoom = max_zoom.map_or(native.clamp(0.0, deepest) as u8, |z| z.min(DEEPEST_ZOOM));
        let extent = (max_x - min_x).max(max_y - min_y);
        let fitting = (2.0 * HALF_WORLD / extent).log2().floor();
        let min_zoom = fitting.clamp(0.0, f64::from(max_zoom)) as u8;
        let mut tiles = Vec::new();
        for zoom in min_zoom..=max_zoom {
            let side = 1_u32 << zoom;
            let edge = 2.0 * HALF_WORLD / f64::from(side);
            let first = |from: f64| (from / edge).floor().clamp(0.0, f64::from(side - 1)) as u32;
            let last = |to: f64| ((to / edge).ceil() - 1.0).clamp(0.0, f64::from(side - 1)) as u32;
            for y in first(HALF_WORLD - max_y)..=last(HALF_WORLD - min_y) {
                for x in first(min_x + HALF_WORLD)..=last(max_x + HALF_WORLD) {
                    if let Ok(coord) = TileCoord::new(zoom, x, y) {
                        let id = TileId::from(coord).value();
                        tiles.push(Tile { coord, id });
                    }
                }
            }
        }
        tiles.sort_unstable_by_key(|tile| tile.id);
        Self {
            min_zoom,
            max_zoom,
            tiles,
        }
    }
}

/// Draws tiles on one thread, keeping the versions of the rasters open that it meets.
struct Drawer<'a> {
    mosaic: &'a Mosaic,
    resampling: Resampling,
    /// By part and level.
    versions: HashMap<(usize, usize), Version>,
}

/// A raster at one level of detail, open.
struct Version {
    raster: Dataset,
    /// From the web map to the raster, if pixels of one band are to be looked up.
    projection: Option<Projection>,
}

/// Versions that a thread keeps open: those of a few parts that meet in a tile.
const OPEN: usize = 16;

impl<'a> Drawer<'a> {
    fn new(mosaic: &'a Mosaic, resampling: TileResampling) -> Self {
        Self {
            mosaic,
            resampling: match resampling {
                TileResampling::Nearest => Resampling::Nearest,
                TileResampling::Bilinear => Resampling::Bilinear,
            },
            versions: HashMap::new(),
        }
    }

    /// The tile's PNG; `None` when it shows no data.
    fn draw(&mut self, tile: Tile) -> Result<Option<Vec<u8>>> {
        let resolution = tile_pixel(tile.coord.z());
        let edge = resolution * TILE_SIZE as f64;
        let grid = Grid {
            crs: Crs::WEB_MERCATOR,
            x0: f64::from(tile.coord.x()) * edge - HALF_WORLD,
            y0: HALF_WORLD - f64::from(tile.coord.y()) * edge,
            resolution,
            width: TILE_SIZE,
            height: TILE_SIZE,
        };
        let bounds = grid.bounds();
        let mut seen: Option<Vec<Vec<Option<u8>>>> = None;
        for number in 0..self.mosaic.parts.len() {
            if !self.mosaic.parts[number].mercator.intersects(&bounds) {
                continue;
            }
            let bands = self.part(number, &grid)?;
            match &mut seen {
                None => seen = Some(bands),
                Some(seen) => {
                    for (old, new) in seen.iter_mut().flatten().zip(bands.iter().flatten()) {
                        *old = old.or(*new);
                    }
                }
            }
        }
        let first = &self.mosaic.parts[0];
        match seen {
            Some(bands) => first.style.png(&first.path, &bands, (TILE_SIZE, TILE_SIZE)),
            None => Ok(None),
        }
    }

    /// What one raster shows of a tile: the values of each band.
    fn part(&mut self, number: usize, grid: &Grid) -> Result<Vec<Vec<Option<u8>>>> {
        let pyramid = &self.mosaic.parts[number];
        let level = pyramid.level_for(grid.resolution);
        if self.versions.len() >= OPEN && !self.versions.contains_key(&(number, level)) {
            self.versions.clear();
        }
        let version = match self.versions.entry((number, level)) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let look_up = self.resampling == Resampling::Nearest && pyramid.style.bands() == 1;
                entry.insert(Version {
                    raster: open_file(&pyramid.path, level.checked_sub(1))?,
                    projection: look_up
                        .then(|| Projection::new(Crs::WEB_MERCATOR, pyramid.crs).ok())
                        .flatten(),
                })
            }
        };
        let numbers: Vec<usize> = (1..=pyramid.style.bands()).collect();
        let lattice = match &version.projection {
            Some(projection) => {
                let transform = version.raster.geo_transform();
                let transform =
                    transform.map_err(|error| RasterError::draw(&pyramid.path, error))?;
                Lattice::new(projection, grid, &transform)
            }
            None => None,
        };
        let raster = &version.raster;
        let (drawn, messages) = ffi::watch(|| match lattice {
            Some(lattice) => Ok(vec![lattice.look_up(raster, pyramid.nodata)?]),
            None => warped(raster, &numbers, pyramid.nodata, grid, self.resampling),
        });
        drawn.map_err(|error| {
            let said = messages.into_iter().find(|message| message.failure);
            RasterError::draw(
                &pyramid.path,
                said.map_or_else(|| error.to_string(), |m| m.text),
            )
        })
    }
}

fn warped(
    version: &Dataset,
    numbers: &[usize],
    nodata: Option<u8>,
    grid: &Grid,
    resampling: Resampling,
) -> gdal::errors::Result<Vec<Vec<Option<u8>>>> {
    let bands = warp(version, numbers, nodata.map(f64::from), grid, resampling)?;
    let value = |&pixel: &f32| (!pixel.is_nan()).then(|| pixel.round() as u8);
    Ok(bands
        .iter()
        .map(|band| band.iter().map(value).collect())
        .collect())
}
