//! A raster that tiles are drawn from, and which of its versions a tile needs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gdal::{Dataset, DriverManager};

use crate::crs::{Crs, Projection};
use crate::error::{RasterError, Result};
use crate::grid::{Bounds, Grid};
use crate::picture::{Style, style};
use crate::range::RangeReader;
use crate::read::{RasterReader, open_file};
use crate::setup;
use crate::tiff::ClassFile;
use crate::warp::suggested_pixel;

/// GDAL takes an overview though it is a little coarser than asked for, when pixels are only picked.
const COARSER: f64 = 1.2;

/// A raster of classes as tiles need it: its header, and what follows from it. Shared by threads.
pub struct TileSource {
    pub(super) pixels: Pixels,
    name: String,
    /// Columns and rows at full size and of each overview.
    sizes: Vec<(usize, usize)>,
    /// Web Mercator.
    mercator: Bounds,
    lonlat: [f64; 4],
    /// Width and height of a pixel of GDAL's own choice in Web Mercator.
    pixel: (f64, f64),
}

/// Where the pixels are.
pub(super) enum Pixels {
    /// In a plain file, which needs no GDAL.
    Plain(ClassFile),
    /// In a file that only GDAL understands.
    Gdal(Described),
}

/// What GDAL says of a file.
pub(super) struct Described {
    pub(super) path: PathBuf,
    pub(super) nodata: Option<u8>,
    palette: Option<Box<[[u8; 3]; 256]>>,
}

impl TileSource {
    /// A local file.
    ///
    /// # Errors
    /// When it cannot be read, is not one band of `uint8`, or has no place on earth.
    pub fn file(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
        match ClassFile::open(Arc::new(file)) {
            Some(plain) => Self::plain(plain, name),
            None => Self::gdal(path),
        }
    }

    /// A file behind a reader of ranges; `name` is for errors.
    ///
    /// # Errors
    /// When it is not a plain COG of classes: GDAL cannot help where there is no file.
    pub fn behind(reader: Arc<dyn RangeReader>, name: &str) -> Result<Self> {
        match ClassFile::open(reader) {
            Some(plain) => Self::plain(plain, name.to_owned()),
            None => Err(RasterError::Open {
                location: name.to_owned(),
                reason: "it is not a plain COG of classes".to_owned(),
                advice: "Write it as a tiled GeoTIFF of one band of uint8 with DEFLATE.",
            }),
        }
    }

    fn plain(file: ClassFile, name: String) -> Result<Self> {
        let (x0, y0) = file.corner;
        let full = (file.versions[0].width, file.versions[0].height);
        let bounds = Bounds {
            min_x: x0,
            min_y: y0 - file.pixel.1 * full.1 as f64,
            max_x: x0 + file.pixel.0 * full.0 as f64,
            max_y: y0,
        };
        let sizes = file.versions.iter().map(|v| (v.width, v.height)).collect();
        let (crs, pixel) = (file.crs, file.pixel);
        Self::placed(Pixels::Plain(file), name, crs, bounds, pixel, sizes)
    }

    /// A local file, read by GDAL whatever it is.
    pub(super) fn gdal(path: &Path) -> Result<Self> {
        let dataset = open_file(path, None)?;
        let (Style::Classes(colors), nodata) = style(path, &dataset)? else {
            return Err(RasterError::draw(path, "it has more than one band"));
        };
        let info = RasterReader::new().info(&path.display().to_string())?;
        let grid = info
            .grid()
            .ok_or_else(|| RasterError::draw(path, "it is not north-up with square pixels"))?;
        let failed = |error| RasterError::draw(path, error);
        let band = dataset.rasterband(1).map_err(failed)?;
        let mut sizes = vec![(grid.width, grid.height)];
        for number in 0..band.overview_count().unwrap_or(0) {
            let overview = band.overview(number as usize).map_err(failed)?;
            sizes.push(overview.size());
        }
        let described = Described {
            path: path.to_owned(),
            nodata,
            palette: band.color_table().is_some().then_some(colors),
        };
        let pixel = (grid.resolution, grid.resolution);
        let name = path.display().to_string();
        Self::placed(
            Pixels::Gdal(described),
            name,
            grid.crs,
            grid.bounds(),
            pixel,
            sizes,
        )
    }

    fn placed(
        pixels: Pixels,
        name: String,
        crs: Crs,
        bounds: Bounds,
        pixel: (f64, f64),
        sizes: Vec<(usize, usize)>,
    ) -> Result<Self> {
        let mercator = Projection::new(crs, Crs::WEB_MERCATOR)?.bounds(bounds)?;
        let degrees = Projection::new(crs, Crs::LON_LAT)?.bounds(bounds)?;
        let on_the_web = suggested(crs, bounds, pixel, sizes[0])
            .map_err(|error| RasterError::draw(Path::new(&name), error))?;
        Ok(Self {
            pixels,
            name,
            sizes,
            mercator,
            lonlat: [degrees.min_x, degrees.min_y, degrees.max_x, degrees.max_y],
            pixel: on_the_web,
        })
    }

    /// The plain file, if it is one.
    pub fn class_file(&self) -> Option<&ClassFile> {
        match &self.pixels {
            Pixels::Plain(file) => Some(file),
            Pixels::Gdal(_) => None,
        }
    }

    /// West, south, east, north in degrees.
    pub fn lonlat_bounds(&self) -> [f64; 4] {
        self.lonlat
    }

    /// In Web Mercator.
    pub fn bounds(&self) -> Bounds {
        self.mercator
    }

    /// The zoom levels, for tiles of 256 px, from the raster in one tile to pixels as fine as its own.
    pub fn zooms(&self) -> (u8, u8) {
        let Bounds {
            min_x,
            min_y,
            max_x,
            max_y,
        } = self.mercator;
        let world = 2.0 * super::HALF_WORLD;
        let deepest = f64::from(super::DEEPEST_TILE);
        // A raster one part in a thousand finer than a zoom level does not deserve one more.
        let finest = (world / 256.0 / self.pixel.0).log2() - 1e-3;
        let max = finest.ceil().clamp(0.0, deepest);
        let fitting = (world / (max_x - min_x).max(max_y - min_y)).log2().floor();
        (fitting.clamp(0.0, max) as u8, max as u8)
    }

    /// The colours of the file: its palette, or shades of grey.
    pub fn colors(&self) -> super::Colors {
        let palette = match &self.pixels {
            Pixels::Plain(file) => file.palette(),
            Pixels::Gdal(described) => described.palette.as_deref(),
        };
        super::Colors::of_palette(palette)
    }

    /// The version (0 is full size) from which a tile is drawn: the coarsest one that has about as many pixels.
    ///
    /// This is how GDAL's virtual warped raster chooses: it has the resolution of the file, or that of the tile where the
    /// tile is finer, and for each overview of the file one of its own, of which the one is taken that is coarsest and yet
    /// at most a fifth coarser than what was asked for.
    pub(super) fn level(&self, tile: &Grid) -> usize {
        let side = tile.width as f64;
        let edge = tile.resolution * side;
        let pixels = |own: f64| (edge / own.min(edge / side)).round_ties_even().max(1.0);
        let (width, height) = (pixels(self.pixel.0), pixels(self.pixel.1));
        let wanted = (width / side).min(height / side);
        let (mut best, mut shrunk) = (0, 1.0);
        for (level, size) in self.sizes.iter().enumerate().skip(1) {
            let ratio = self.sizes[0].0 as f64 / size.0 as f64;
            let columns = (width / ratio + 0.5).floor();
            let rows = (height / ratio + 0.5).floor();
            if columns < 1.0 || rows < 1.0 {
                break;
            }
            let factor = (width / columns).min(height / rows);
            if factor < wanted * COARSER && factor > shrunk {
                (best, shrunk) = (level, factor);
            }
        }
        best
    }

    /// What went wrong with the file.
    pub(super) fn failed(&self, error: &std::io::Error) -> RasterError {
        RasterError::Read {
            location: self.name.clone(),
            band: 1,
            reason: error.to_string(),
        }
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> RasterError {
    RasterError::Open {
        location: name.to_owned(),
        reason: error.to_string(),
        advice: "Check that the file is there and may be read.",
    }
}

/// The pixels of GDAL's own choice in Web Mercator, found with a raster of the same place and no bands.
fn suggested(
    crs: Crs,
    bounds: Bounds,
    (width, height): (f64, f64),
    size: (usize, usize),
) -> Result<(f64, f64)> {
    setup::ready();
    let reference = crs.spatial_ref()?;
    let web = Crs::WEB_MERCATOR.spatial_ref()?;
    let find = || -> gdal::errors::Result<(f64, f64)> {
        let memory = DriverManager::get_driver_by_name("MEM")?;
        let mut empty: Dataset = memory.create_with_band_type::<u8, _>("", size.0, size.1, 0)?;
        empty.set_geo_transform(&[bounds.min_x, width, 0.0, bounds.max_y, 0.0, -height])?;
        empty.set_spatial_ref(&reference)?;
        suggested_pixel(&empty, &web)
    };
    find().map_err(|error| RasterError::Gdal {
        what: "find the resolution of a raster on the web map",
        reason: error.to_string(),
    })
}
