//! The tiles of all versions of a raster, from full size down, as they become known.
//!
//! A tile that is complete is packed and put aside at once. When the last of the tiles below a tile of the next version
//! is there, that tile is made too, and so on. Pixels stay in memory only while a tile is worked on; beyond that, up to
//! [`KEPT_BYTES`] are kept so that overviews need not unpack what was packed a moment ago.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::codec::Codec;
use super::levels::{Axis, Level, TILE};
use super::reduce::{Reduction, SplitRow};
use super::scratch::{Packed, Scratch};
use crate::write::Overviews;

/// Enough for the rows of tiles in work of a raster of 4000 columns. Wider ones unpack some tiles again, which takes
/// a tenth of the time of packing them.
const KEPT_BYTES: usize = 4 << 20;

/// A tile of one of the versions (0 is full size).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TileId {
    pub(crate) level: usize,
    pub(crate) column: usize,
    pub(crate) row: usize,
}

/// What is known of a tile.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tile {
    /// Not all its pixels have come.
    Awaited,
    /// Nothing but nodata: it takes no place in the file.
    Empty,
    /// Its pixels, packed.
    Full(Packed),
}

pub(crate) struct Pyramid {
    bands: usize,
    nodata: Option<u8>,
    overviews: Overviews,
    pub(crate) levels: Vec<Level>,
    pub(crate) scratch: Scratch,
    /// One per thread that was ever busy at the same time.
    codecs: Mutex<Vec<Codec>>,
    books: Mutex<Books>,
}

/// What changes from tile to tile. Locked for moments only, never while tiles are worked on.
struct Books {
    /// For each version and tile.
    tiles: Vec<Vec<Tile>>,
    /// How many tiles below a tile are awaited, for each version and tile.
    missing: Vec<Vec<u8>>,
    /// Pixels of tiles, and how many overview tiles still need them.
    kept: HashMap<TileId, (Arc<[u8]>, usize)>,
}

impl Pyramid {
    pub(crate) fn create(
        scratch: &Path,
        (width, height): (usize, usize),
        bands: usize,
        nodata: Option<u8>,
        overviews: Overviews,
    ) -> io::Result<Self> {
        let levels = Level::pyramid(width, height);
        let tiles = levels
            .iter()
            .map(|level| vec![Tile::Awaited; level.tiles()])
            .collect();
        let mut missing = vec![Vec::new()];
        for pair in levels.windows(2) {
            let (across, down) = (Axis::from(pair[0].width), Axis::from(pair[0].height));
            let below = |row: usize| {
                let rows = down.sources(row).len();
                (0..pair[1].columns())
                    .map(move |column| (across.sources(column).len() * rows) as u8)
            };
            missing.push((0..pair[1].rows()).flat_map(below).collect());
        }
        Ok(Self {
            bands,
            nodata,
            overviews,
            levels,
            scratch: Scratch::create(scratch)?,
            codecs: Mutex::default(),
            books: Mutex::new(Books {
                tiles,
                missing,
                kept: HashMap::new(),
            }),
        })
    }

    /// The value of pixels that were never written.
    pub(crate) fn fill(&self) -> u8 {
        self.nodata.unwrap_or(0)
    }

    /// Bytes of a tile's pixels, all bands.
    pub(crate) fn tile_bytes(&self) -> usize {
        TILE * TILE * self.bands
    }

    /// Takes the pixels of a tile, band after band (none: all nodata), and makes the overview tiles that only waited
    /// for it.
    pub(crate) fn settle(&self, tile: TileId, pixels: Option<Vec<u8>>) -> io::Result<()> {
        let fill = self.fill();
        let pixels = match pixels {
            Some(mut pixels) => {
                self.pad(tile, &mut pixels);
                (!pixels.iter().all(|&pixel| pixel == fill)).then_some(pixels)
            }
            None => None,
        };
        let state = match &pixels {
            Some(pixels) => {
                // Overviews are less regular and only a quarter of all pixels.
                let thorough = tile.level > 0;
                let packed =
                    self.with_codec(|codec| self.scratch.append(codec.pack(pixels, thorough)?))?;
                Tile::Full(packed)
            }
            None => Tile::Empty,
        };
        for target in self.enter(tile, state, pixels) {
            let made = self.reduce(target)?;
            self.settle(target, made)?;
        }
        Ok(())
    }

    /// All tiles, for each version row by row.
    pub(crate) fn into_tiles(self) -> (Vec<Level>, Vec<Vec<Tile>>, Scratch) {
        let books = self.books.into_inner();
        let tiles = books.unwrap_or_else(PoisonError::into_inner).tiles;
        (self.levels, tiles, self.scratch)
    }

    /// Notes a tile and says which overview tiles can be made now.
    fn enter(&self, tile: TileId, state: Tile, pixels: Option<Vec<u8>>) -> Vec<TileId> {
        let targets = self.targets(tile);
        let mut books = self.books();
        let Books {
            tiles,
            missing,
            kept,
        } = &mut *books;
        tiles[tile.level][self.index(tile)] = state;
        if let Some(pixels) = pixels
            && !targets.is_empty()
            && (kept.len() + 1) * self.tile_bytes() <= KEPT_BYTES
        {
            kept.insert(tile, (pixels.into(), targets.len()));
        }
        targets
            .into_iter()
            .filter(|&target| {
                let missing = &mut missing[target.level][self.index(target)];
                *missing -= 1;
                *missing == 0
            })
            .collect()
    }

    /// The overview tiles that need this one.
    fn targets(&self, tile: TileId) -> Vec<TileId> {
        let level = tile.level + 1;
        if level == self.levels.len() {
            return Vec::new();
        }
        let Level { width, height } = self.levels[tile.level];
        let across = Axis::from(width);
        Axis::from(height)
            .targets(tile.row)
            .flat_map(|row| {
                across
                    .targets(tile.column)
                    .map(move |column| TileId { level, column, row })
            })
            .collect()
    }

    /// Makes an overview tile of those below, if any of them has data.
    fn reduce(&self, target: TileId) -> io::Result<Option<Vec<u8>>> {
        let below = self.levels[target.level - 1];
        let reduction = Reduction {
            overviews: self.overviews,
            nodata: self.nodata,
            across: Axis::from(below.width),
            down: Axis::from(below.height),
        };
        let columns = reduction.across.sources(target.column);
        let mut sources = Vec::new();
        for row in reduction.down.sources(target.row) {
            for column in columns.clone() {
                sources.push(self.pixels(TileId {
                    level: target.level - 1,
                    column,
                    row,
                })?);
            }
        }
        if sources.iter().all(Option::is_none) {
            return Ok(None);
        }
        let (width, height) = self.levels[target.level].used(target.column, target.row);
        let (left, top) = (target.column * TILE, target.row * TILE);
        let empty = [self.fill(); TILE];
        let mut made = vec![self.fill(); self.tile_bytes()];
        let mut rows = vec![SplitRow::new(); reduction.down.taps()];
        for (band, plane) in made.chunks_exact_mut(TILE * TILE).enumerate() {
            for (row, out) in plane.chunks_exact_mut(TILE).take(height).enumerate() {
                for (tap, split) in rows.iter_mut().enumerate() {
                    let fine = 2 * row + tap;
                    let start = (band * TILE + fine % TILE) * TILE;
                    for (number, column) in columns.clone().enumerate() {
                        let used = TILE.min(below.width - column * TILE);
                        let source = &sources[fine / TILE * columns.len() + number];
                        let pixels = match source {
                            Some(pixels) => &pixels[start..start + used],
                            None => &empty[..used],
                        };
                        // The third tile gives one pixel.
                        let pixels = if number < 2 { pixels } else { &pixels[..1] };
                        split.set(number * TILE, pixels);
                    }
                }
                reduction.fill(&rows, left, top + row, &mut out[..width]);
            }
        }
        Ok(Some(made))
    }

    /// The pixels of a tile for one of the overview tiles that need it; none if it is empty.
    fn pixels(&self, tile: TileId) -> io::Result<Option<Arc<[u8]>>> {
        let state = {
            let mut books = self.books();
            if let Some((pixels, uses)) = books.kept.get_mut(&tile) {
                let pixels = Arc::clone(pixels);
                *uses -= 1;
                if *uses == 0 {
                    books.kept.remove(&tile);
                }
                return Ok(Some(pixels));
            }
            books.tiles[tile.level][self.index(tile)]
        };
        let Tile::Full(packed) = state else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        self.scratch.read(packed, &mut bytes)?;
        let pixels = self.with_codec(|codec| codec.unpack(&bytes))?;
        Ok(Some(pixels.into()))
    }

    /// Repeats the last column and row over the part of a tile that lies outside the raster, where it costs nothing.
    fn pad(&self, tile: TileId, pixels: &mut [u8]) {
        let (width, height) = self.levels[tile.level].used(tile.column, tile.row);
        if (width, height) == (TILE, TILE) {
            return;
        }
        for plane in pixels.chunks_exact_mut(TILE * TILE) {
            for row in plane.chunks_exact_mut(TILE).take(height) {
                let last = row[width - 1];
                row[width..].fill(last);
            }
            let (used, unused) = plane.split_at_mut(height * TILE);
            for row in unused.chunks_exact_mut(TILE) {
                row.copy_from_slice(&used[(height - 1) * TILE..]);
            }
        }
    }

    fn with_codec<T>(&self, work: impl FnOnce(&mut Codec) -> io::Result<T>) -> io::Result<T> {
        let codecs = || self.codecs.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = codecs().pop();
        let mut codec = idle.unwrap_or_else(|| Codec::new(self.bands));
        let outcome = work(&mut codec);
        codecs().push(codec);
        outcome
    }

    fn index(&self, tile: TileId) -> usize {
        self.levels[tile.level].index(tile.column, tile.row)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
