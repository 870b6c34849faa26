//! A COG of classes (one band of `uint8`) with its reduced versions, read in ranges.
//!
//! What is needed to find any block is read once, when the file is opened; after that a block costs one read. As
//! everywhere in this module: what is not plain is left to GDAL.

use std::io;
use std::sync::Arc;

use libdeflater::Decompressor;

use super::directory::Directory;
use super::geokeys;
use super::pixels::{
    BITS, COMPRESSION, FILL_ORDER, HEIGHT, MOST_BYTES, PREDICTOR, Packing, SAMPLE_FORMAT, SAMPLES,
    TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES, TILE_WIDTH, WIDTH,
};
use crate::crs::Crs;
use crate::grid::{Grid, Window};
use crate::range::RangeReader;

const SUBFILE: u16 = 254;
const PHOTOMETRIC: u16 = 262;
const COLOR_MAP: u16 = 320;
const PIXEL_SCALE: u16 = 33_550;
const TIE_POINT: u16 = 33_922;
const NODATA: u16 = 42_113;

/// A reduced version of another image.
const REDUCED: u64 = 1;
/// Blocks that lie this close together are read in one go where each read is a request.
const WORTH_READING: u64 = 1 << 12;
/// Bytes that are read in one go at most, unless one block has more.
const MOST_TOGETHER: u64 = 4 << 20;

/// A COG of classes whose header was read.
pub struct ClassFile {
    reader: Arc<dyn RangeReader>,
    pub(crate) crs: Crs,
    /// Left and upper edge.
    pub(crate) corner: (f64, f64),
    /// Width and height of a pixel, both positive.
    pub(crate) pixel: (f64, f64),
    /// The value that stands for no data.
    pub(crate) nodata: Option<u8>,
    /// The colour of each value, if the file has a palette.
    pub(crate) palette: Option<Box<[[u8; 3]; 256]>>,
    /// Full size first, then smaller and smaller.
    pub(crate) versions: Vec<Version>,
}

/// The image at one size.
pub(crate) struct Version {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Columns and rows of a block.
    block: (usize, usize),
    packing: Packing,
    differences: bool,
    /// Place and size of each block, row by row; nothing where all pixels are without data.
    blocks: Vec<(u64, u32)>,
}

/// What reading needs, kept from one window to the next.
pub(crate) struct Room {
    packed: Vec<u8>,
    plain: Vec<u8>,
    inflate: Decompressor,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            packed: Vec::new(),
            plain: Vec::new(),
            inflate: Decompressor::new(),
        }
    }
}

impl ClassFile {
    /// `None` where the file is not a plain tiled north-up one, or cannot be read.
    pub fn open(reader: Arc<dyn RangeReader>) -> Option<Self> {
        let file = &*reader;
        let directories = Directory::read_all(file)?;
        let first = directories.first()?;
        let crs = geokeys::crs(file, first)?;
        let scale = first.doubles(file, PIXEL_SCALE)?;
        let tie = first.doubles(file, TIE_POINT)?;
        let ([width, height, ..], [0.0, 0.0, _, x, y, _]) = (&scale[..], &tie[..]) else {
            return None;
        };
        let north_up = *width > 0.0 && *height > 0.0 && x.is_finite() && y.is_finite();
        if !north_up || !geokeys::counts_from_corners(file, first)? {
            return None;
        }
        let nodata = match first.text(file, NODATA) {
            None if first.has(NODATA) => return None,
            None => None,
            Some(text) => Some(text.parse().ok()?),
        };
        let palette = match first.single(file, PHOTOMETRIC)? {
            1 => None,
            3 => Some(palette(file, first)?),
            _ => return None,
        };
        let versions: Option<Vec<Version>> = directories
            .iter()
            .map(|tags| Version::read(file, tags))
            .collect();
        let versions = versions?;
        let is_reduced = |tags: &Directory| tags.single(file, SUBFILE) == Some(REDUCED);
        let shrinking = versions
            .windows(2)
            .all(|pair| pair[0].width > pair[1].width && pair[0].height >= pair[1].height);
        let plain = !first.has(SUBFILE) && directories[1..].iter().all(is_reduced) && shrinking;
        plain.then(|| Self {
            crs,
            corner: (*x, *y),
            pixel: (*width, *height),
            nodata,
            palette,
            versions,
            reader,
        })
    }

    /// The grid at full size; `None` where pixels are not square.
    pub fn grid(&self) -> Option<Grid> {
        let full = &self.versions[0];
        let square = (self.pixel.0 - self.pixel.1).abs() <= 1e-9 * self.pixel.0;
        square.then_some(Grid {
            crs: self.crs,
            x0: self.corner.0,
            y0: self.corner.1,
            resolution: self.pixel.0,
            width: full.width,
            height: full.height,
        })
    }

    /// The value that stands for no data.
    pub fn nodata(&self) -> Option<u8> {
        self.nodata
    }

    /// The colour of each value, if the file has a palette.
    pub fn palette(&self) -> Option<&[[u8; 3]; 256]> {
        self.palette.as_deref()
    }

    /// Reads a window of a version (0 is full size), which lies inside it, row by row.
    pub(crate) fn read(
        &self,
        version: usize,
        window: Window,
        room: &mut Room,
        pixels: &mut Vec<u8>,
    ) -> io::Result<()> {
        let version = &self.versions[version];
        pixels.resize(window.width * window.height, 0);
        let (columns, rows) = version.block;
        let across = version.width.div_ceil(columns);
        let first = window.x / columns;
        for block_row in window.y / rows..(window.y + window.height).div_ceil(rows) {
            let end = (window.x + window.width).div_ceil(columns);
            let line = &version.blocks[block_row * across..][first..end];
            // The rest of a block, below the window, is not looked at.
            let needed = rows.min(window.y + window.height - block_row * rows);
            let mut fetched = Fetched::default();
            for (number, &(place, size)) in line.iter().enumerate() {
                let corner = ((first + number) * columns, block_row * rows);
                if size == 0 {
                    let fill = self.nodata.unwrap_or(0);
                    each_line(version, corner, window, |_, to| pixels[to].fill(fill));
                    continue;
                }
                fetched.fetch(&*self.reader, &line[number..], &mut room.packed)?;
                let start = (place - fetched.start) as usize;
                let packed = &room.packed[start..start + size as usize];
                version.unpack(packed, needed, &mut room.plain, &mut room.inflate)?;
                each_line(version, corner, window, |from, to| {
                    pixels[to].copy_from_slice(&room.plain[from]);
                });
            }
        }
        Ok(())
    }
}

/// The bytes of blocks side by side, which are read together where they lie together.
#[derive(Default)]
struct Fetched {
    start: u64,
    end: u64,
}

impl Fetched {
    /// Reads the first of the blocks, unless it is there already, and what follows it closely.
    fn fetch(
        &mut self,
        reader: &dyn RangeReader,
        blocks: &[(u64, u32)],
        packed: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (place, size) = blocks[0];
        let end = place + u64::from(size);
        if place >= self.start && end <= self.end {
            return Ok(());
        }
        (self.start, self.end) = (place, end);
        for &(place, size) in &blocks[1..] {
            let close = place >= self.end && place - self.end <= WORTH_READING && size > 0;
            let end = place + u64::from(size);
            if !close || end - self.start > MOST_TOGETHER {
                break;
            }
            self.end = end;
        }
        packed.resize((self.end - self.start) as usize, 0);
        reader.fill(self.start, packed)
    }
}

/// Calls back with where each line of a block lies in the block, and where it goes in the window.
fn each_line(
    version: &Version,
    corner: (usize, usize),
    window: Window,
    mut copy: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let (columns, rows) = version.block;
    let left = window.x.max(corner.0);
    let right = (window.x + window.width).min(corner.0 + columns);
    let top = window.y.max(corner.1);
    let bottom = (window.y + window.height).min(corner.1 + rows);
    for row in top..bottom {
        let from = (row - corner.1) * columns + left - corner.0;
        let to = (row - window.y) * window.width + left - window.x;
        copy(from..from + right - left, to..to + right - left);
    }
}

impl Version {
    fn read(file: &dyn RangeReader, tags: &Directory) -> Option<Self> {
        let number = |tag| tags.single(file, tag);
        let optional = |tag, otherwise| {
            if tags.has(tag) {
                number(tag)
            } else {
                Some(otherwise)
            }
        };
        let usual = optional(SAMPLES, 1)? == 1
            && optional(SAMPLE_FORMAT, 1)? == 1
            && optional(FILL_ORDER, 1)? == 1
            && number(BITS)? == 8;
        let packing = match number(COMPRESSION)? {
            1 => Packing::None,
            8 | 32_946 => Packing::Zlib,
            _ => return None,
        };
        let differences = match optional(PREDICTOR, 1)? {
            1 => false,
            2 if packing == Packing::Zlib => true,
            _ => return None,
        };
        let side = |tag| Some(number(tag)? as usize).filter(|side| (1..=1 << 20).contains(side));
        let (width, height) = (side(WIDTH)?, side(HEIGHT)?);
        let block = (side(TILE_WIDTH)?, side(TILE_HEIGHT)?);
        let places = tags.numbers(file, TILE_OFFSETS)?;
        let sizes = tags.numbers(file, TILE_SIZES)?;
        let count = width.div_ceil(block.0) * height.div_ceil(block.1);
        let fits = usual
            && block.0 * block.1 <= MOST_BYTES
            && places.len() == count
            && sizes.len() == count
            && sizes.iter().all(|size| *size <= MOST_BYTES as u64)
            && places.iter().all(|place| *place < 1 << 48);
        let blocks = places.into_iter().zip(sizes);
        // A file may leave out blocks that hold nothing: both numbers are zero then.
        let known = blocks.map(|(place, size)| (place, if place == 0 { 0 } else { size as u32 }));
        fits.then(|| Self {
            width,
            height,
            block,
            packing,
            differences,
            blocks: known.collect(),
        })
    }

    /// The pixels of a block; at least its first `rows`.
    fn unpack(
        &self,
        packed: &[u8],
        rows: usize,
        plain: &mut Vec<u8>,
        inflate: &mut Decompressor,
    ) -> io::Result<()> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a block is damaged");
        let length = self.block.0 * self.block.1;
        plain.resize(length, 0);
        if self.packing == Packing::None {
            plain.copy_from_slice(packed.get(..length).ok_or_else(damaged)?);
            return Ok(());
        }
        let inflated = inflate.zlib_decompress(packed, plain);
        if inflated != Ok(length) {
            return Err(damaged());
        }
        if self.differences {
            for line in plain.chunks_exact_mut(self.block.0).take(rows) {
                let mut sum = 0_u8;
                for pixel in line {
                    sum = sum.wrapping_add(*pixel);
                    *pixel = sum;
                }
            }
        }
        Ok(())
    }
}

/// TIFF has 16 bits for each part of a colour: all reds, all greens, all blues.
fn palette(file: &dyn RangeReader, tags: &Directory) -> Option<Box<[[u8; 3]; 256]>> {
    let parts = tags.numbers(file, COLOR_MAP)?;
    let part = |color: usize, value: usize| (parts[256 * color + value] >> 8) as u8;
    (parts.len() == 768).then(|| {
        Box::new(std::array::from_fn(|value| {
            [0, 1, 2].map(|c| part(c, value))
        }))
    })
}
