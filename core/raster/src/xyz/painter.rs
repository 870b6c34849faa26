//! Draws tiles, one after another, on one thread.

use super::approximate::{self, TOLERANCE, centre};
use super::lookup::Lookup;
use super::projected::FromWeb;
use super::source::{Described, Pixels};
use super::{Colors, TileSource, WebTile};
use crate::error::{RasterError, Result};
use crate::grid::Grid;
use crate::image::encode_indexed;
use crate::picture::Picture;
use crate::read::{Resampling, open_file};
use crate::tiff::{ClassFile, Room};
use crate::warp::warp_whole;

/// A pixel of which nothing is known.
const NOTHING: u16 = 256;
/// Pixels of the raster under one tile. Only a raster without overviews, seen from afar, has more.
const MOST_PIXELS: usize = 1 << 24;

/// Draws tiles. It keeps its memory from tile to tile.
#[derive(Default)]
pub struct Painter {
    pub(super) side: usize,
    /// The values of the tile's pixels; [`NOTHING`] or less.
    pub(super) values: Vec<u16>,
    window: Vec<u8>,
    room: Room,
}

impl Painter {
    /// A painter who has drawn nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a tile with nothing on it.
    pub fn clear(&mut self, tile: &WebTile) {
        self.side = tile.side;
        self.values.clear();
        self.values.resize(self.side * self.side, NOTHING);
    }

    /// Looks the pixels of a tile up in a source. Several sources make one tile: `first` begins it, and of those that
    /// follow only what falls on pixels without data is taken.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn look(&mut self, source: &TileSource, tile: &WebTile, first: bool) -> Result<()> {
        if first || self.side != tile.side {
            self.clear(tile);
        }
        if !source.bounds().intersects(&tile.bounds()) {
            return Ok(());
        }
        let grid = tile.grid();
        let level = source.level(&grid);
        match &source.pixels {
            Pixels::Plain(file) => self.look_up(source, file, level, &grid),
            Pixels::Gdal(described) => self.warp(described, level, &grid),
        }
    }

    /// Whether the tile has no data at all.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(|value| *value == NOTHING)
    }

    /// The tile as PNG with a palette.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn png(&self, colors: &Colors) -> Result<Vec<u8>> {
        let (places, palette) = colors.used(&self.values);
        if palette.len() > 256 {
            return self.picture(colors).png();
        }
        let indices: Vec<u8> = self
            .values
            .iter()
            .map(|value| places[usize::from(*value)])
            .collect();
        Ok(encode_indexed(
            &indices,
            (self.side, self.side),
            &palette,
            false,
        ))
    }

    /// The tile as WebP without loss.
    ///
    /// # Errors
    /// When GDAL cannot write the format.
    pub fn webp(&self, colors: &Colors) -> Result<Vec<u8>> {
        self.picture(colors).webp()
    }

    fn picture(&self, colors: &Colors) -> Picture {
        let rgba = self.values.iter().flat_map(|value| colors.of(*value));
        Picture {
            width: self.side,
            height: self.side,
            rgba: rgba.collect(),
            classes: true,
        }
    }

    /// The values of the tile's pixels; `None` where nothing is known.
    #[cfg(test)]
    pub(super) fn known(&self) -> Vec<Option<u8>> {
        let known = |value: &u16| u8::try_from(*value).ok();
        self.values.iter().map(known).collect()
    }

    fn look_up(
        &mut self,
        source: &TileSource,
        file: &ClassFile,
        level: usize,
        tile: &Grid,
    ) -> Result<()> {
        let version = &file.versions[level];
        let size = (version.width, version.height);
        let projection = FromWeb::to(file.crs)?;
        let exact = |xs: &mut [f64], ys: &mut [f64]| locate(&projection, tile, file, size, xs, ys);
        let places = approximate::places(tile.width, exact);
        let again = |column: usize, row: usize| {
            let (x, y) = centre(column, row);
            let (mut x, mut y) = ([x], [y]);
            locate(&projection, tile, file, size, &mut x, &mut y);
            (x[0], y[0])
        };
        let Some(lookup) = Lookup::new(places, size, tile.width, again) else {
            return Ok(());
        };
        let window = lookup.window;
        if window.width * window.height > MOST_PIXELS {
            let reason =
                "the tile shows too much of it: it has no overviews that are coarse enough";
            return Err(source.failed(&std::io::Error::other(reason)));
        }
        file.read(level, window, &mut self.room, &mut self.window)
            .map_err(|error| source.failed(&error))?;
        // What each value of the file is in the tile.
        let mut known: [u16; 256] = std::array::from_fn(|value| value as u16);
        if let Some(nodata) = file.nodata {
            known[usize::from(nodata)] = NOTHING;
        }
        let Self { values, window, .. } = self;
        lookup.each(tile.width, |place, there| {
            if values[place] == NOTHING {
                values[place] = known[usize::from(window[there])];
            }
        });
        Ok(())
    }

    /// The same through GDAL's warper.
    fn warp(&mut self, described: &Described, level: usize, tile: &Grid) -> Result<()> {
        let raster = open_file(&described.path, level.checked_sub(1))?;
        let nodata = described.nodata.map(f64::from);
        let bands = warp_whole(&raster, &[1], nodata, tile, Resampling::Nearest, TOLERANCE)
            .map_err(|error| RasterError::draw(&described.path, error))?;
        for (value, found) in self.values.iter_mut().zip(bands.iter().flatten()) {
            if *value == NOTHING && !found.is_nan() {
                *value = found.round() as u16;
            }
        }
        Ok(())
    }
}

/// From pixels of the tile to pixels of a version of the file. Not finite where the projection ends.
fn locate(
    projection: &FromWeb,
    tile: &Grid,
    file: &ClassFile,
    (width, height): (usize, usize),
    xs: &mut [f64],
    ys: &mut [f64],
) {
    for x in &mut *xs {
        *x = tile.x0 + *x * tile.resolution;
    }
    for y in &mut *ys {
        *y = tile.y0 - *y * tile.resolution;
    }
    projection.points(xs, ys);
    let full = &file.versions[0];
    let pixel = (
        file.pixel.0 * (full.width as f64 / width as f64),
        file.pixel.1 * (full.height as f64 / height as f64),
    );
    for (x, y) in xs.iter_mut().zip(ys) {
        *x = (*x - file.corner.0) / pixel.0;
        *y = (file.corner.1 - *y) / pixel.1;
    }
}
