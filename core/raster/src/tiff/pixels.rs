//! The stored numbers of a `GeoTIFF` of one band, block by block.
//!
//! GDAL would decode into its cache and copy from there; libtiff undoes the differences of predictor 2 in a pass of its
//! own. Here a block is inflated once and its rows go straight to where they are wanted.

use std::cell::RefCell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use libdeflater::Decompressor;

use super::directory::Directory;
use crate::grid::Window;

pub(super) const WIDTH: u16 = 256;
pub(super) const HEIGHT: u16 = 257;
pub(super) const BITS: u16 = 258;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
pub(super) const SAMPLES: u16 = 277;
const STRIP_ROWS: u16 = 278;
const STRIP_SIZES: u16 = 279;
pub(super) const PREDICTOR: u16 = 317;
pub(super) const TILE_WIDTH: u16 = 322;
pub(super) const TILE_HEIGHT: u16 = 323;
pub(super) const TILE_OFFSETS: u16 = 324;
pub(super) const TILE_SIZES: u16 = 325;
pub(super) const SAMPLE_FORMAT: u16 = 339;

/// Larger blocks, whole images in one strip say, are left to GDAL.
pub(super) const MOST_BYTES: usize = 64 << 20;

/// How the file's blocks are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Zlib,
}

/// A file whose numbers can be read.
pub(crate) struct Pixels {
    file: File,
    width: usize,
    height: usize,
    /// Columns and rows of a block.
    block: (usize, usize),
    /// Tiles are whole everywhere; the last strip ends with the image.
    tiled: bool,
    /// Bytes of a number: 1 or 2.
    bytes: usize,
    packing: Packing,
    differences: bool,
    /// Place and size of each block, row by row.
    blocks: Vec<(u64, usize)>,
}

/// What reading needs, kept from one block to the next.
struct Room {
    packed: Vec<u8>,
    plain: Vec<u8>,
    inflate: Decompressor,
}

thread_local! {
    // Not one for each open file: a block's bytes would wait there for the next one for as long as the file is open.
    static ROOM: RefCell<Room> = RefCell::new(Room {
        packed: Vec::new(),
        plain: Vec::new(),
        inflate: Decompressor::new(),
    });
}

impl Pixels {
    /// `None` where the file is not one band of 8 or 16 unsigned bits, plain or deflated.
    pub(super) fn of(file: File, tags: &Directory) -> Option<Self> {
        let number = |tag| tags.single(&file, tag);
        let optional = |tag, otherwise| {
            if tags.has(tag) {
                tags.single(&file, tag)
            } else {
                Some(otherwise)
            }
        };
        let usual = optional(SAMPLES, 1)? == 1
            && optional(SAMPLE_FORMAT, 1)? == 1
            && optional(FILL_ORDER, 1)? == 1;
        let bytes = match number(BITS)? {
            8 => 1,
            16 => 2,
            _ => return None,
        };
        let packing = match number(COMPRESSION)? {
            1 => Packing::None,
            8 | 32_946 => Packing::Zlib,
            _ => return None,
        };
        let differences = match optional(PREDICTOR, 1)? {
            1 => false,
            // Without compression libtiff does not look at the tag.
            2 if packing == Packing::Zlib => true,
            _ => return None,
        };
        let side = |tag| Some(number(tag)? as usize).filter(|side| (1..=1 << 20).contains(side));
        let (width, height) = (side(WIDTH)?, side(HEIGHT)?);
        let tiled = tags.has(TILE_WIDTH);
        let (block, places, sizes) = if tiled {
            let block = (side(TILE_WIDTH)?, side(TILE_HEIGHT)?);
            (block, TILE_OFFSETS, TILE_SIZES)
        } else {
            let rows = (number(STRIP_ROWS)? as usize).clamp(1, height);
            ((width, rows), STRIP_OFFSETS, STRIP_SIZES)
        };
        let places = tags.numbers(&file, places)?;
        let sizes = tags.numbers(&file, sizes)?;
        let count = width.div_ceil(block.0) * height.div_ceil(block.1);
        let fits = usual
            && block.0 * block.1 * bytes <= MOST_BYTES
            && places.len() == count
            && sizes.len() == count
            && sizes.iter().all(|size| *size <= MOST_BYTES as u64);
        let blocks = places.into_iter().zip(sizes);
        fits.then(|| Self {
            width,
            height,
            block,
            tiled,
            bytes,
            packing,
            differences,
            blocks: blocks.map(|(place, size)| (place, size as usize)).collect(),
            file,
        })
    }

    /// Columns and rows.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Reads a window, which lies inside the image, row by row. `None` where a block is missing or not what it should
    /// be; `numbers` may then be filled in part.
    pub(crate) fn read(&self, window: Window, numbers: &mut [u16]) -> Option<()> {
        ROOM.with_borrow_mut(|room| self.read_in(room, window, numbers))
    }

    fn read_in(&self, room: &mut Room, window: Window, numbers: &mut [u16]) -> Option<()> {
        let columns = window.x..window.x + window.width;
        let rows = window.y..window.y + window.height;
        let across = self.width.div_ceil(self.block.0);
        for block_row in rows.start / self.block.1..rows.end.div_ceil(self.block.1) {
            for block_column in columns.start / self.block.0..columns.end.div_ceil(self.block.0) {
                let place = self.blocks[block_row * across + block_column];
                let corner = (block_column * self.block.0, block_row * self.block.1);
                self.unpack(place, corner.1, room)?;
                let here = |range: &Range<usize>, start: usize, side: usize| {
                    range.start.max(start) - start..range.end.min(start + side) - start
                };
                let columns = here(&columns, corner.0, self.block.0);
                for row in here(&rows, corner.1, self.block.1) {
                    let from = row * self.block.0 * self.bytes;
                    let line = &room.plain[from..from + columns.end * self.bytes];
                    let to = (corner.1 + row - window.y) * window.width + corner.0 + columns.start
                        - window.x;
                    self.line(line, columns.start, &mut numbers[to..to + columns.len()]);
                }
            }
        }
        Some(())
    }

    /// Leaves a block's bytes in `room.plain`.
    fn unpack(&self, (place, size): (u64, usize), first: usize, room: &mut Room) -> Option<()> {
        let rows = if self.tiled {
            self.block.1
        } else {
            self.block.1.min(self.height - first)
        };
        let length = self.block.0 * rows * self.bytes;
        if place == 0 || size == 0 {
            return None;
        }
        room.plain.resize(length, 0);
        if self.packing == Packing::None {
            return (size == length)
                .then_some(())
                .and_then(|()| self.file.read_exact_at(&mut room.plain, place).ok());
        }
        room.packed.resize(size, 0);
        self.file.read_exact_at(&mut room.packed, place).ok()?;
        let inflated = room
            .inflate
            .zlib_decompress(&room.packed, &mut room.plain)
            .ok()?;
        (inflated == length).then_some(())
    }

    /// The numbers of a line from `first` on; with differences, all of them from the line's start count.
    fn line(&self, line: &[u8], first: usize, numbers: &mut [u16]) {
        let pairs = line
            .as_chunks()
            .0
            .iter()
            .map(|pair| u16::from_le_bytes(*pair));
        match (self.bytes, self.differences) {
            (1, false) => copy(line[first..].iter().map(|byte| u16::from(*byte)), numbers),
            (1, true) => {
                let mut sum = line[..first]
                    .iter()
                    .fold(0_u8, |sum, d| sum.wrapping_add(*d));
                let sums = line[first..].iter().map(|difference| {
                    sum = sum.wrapping_add(*difference);
                    u16::from(sum)
                });
                copy(sums, numbers);
            }
            (_, false) => copy(pairs.skip(first), numbers),
            (_, true) => {
                let start = pairs.clone().take(first);
                let mut sum = start.fold(0_u16, u16::wrapping_add);
                let sums = pairs.skip(first).map(|difference| {
                    sum = sum.wrapping_add(difference);
                    sum
                });
                copy(sums, numbers);
            }
        }
    }
}

fn copy(from: impl Iterator<Item = u16>, to: &mut [u16]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

#[cfg(test)]
mod tests {
    use gdal::raster::{Buffer, GdalType, RasterCreationOptions};
    use gdal::{Dataset, DriverManager};

    use std::path::Path;

    use super::*;
    use crate::setup;
    use crate::tiff::Tiff;

    fn open(path: &Path) -> Option<Pixels> {
        Tiff::open(path)?.pixels()
    }

    const SIZE: (usize, usize) = (301, 207);

    fn write<T: GdalType + Copy>(path: &Path, options: &[&str], value: impl Fn(usize) -> T) {
        setup::ready();
        let options: RasterCreationOptions = options.iter().copied().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let file = driver
            .create_with_band_type_with_options::<T, _>(path, SIZE.0, SIZE.1, 1, &options)
            .unwrap();
        let values = (0..SIZE.0 * SIZE.1).map(value).collect();
        let mut buffer = Buffer::new(SIZE, values);
        file.rasterband(1)
            .unwrap()
            .write((0, 0), SIZE, &mut buffer)
            .unwrap();
        file.close().unwrap();
    }

    fn noise(place: usize) -> u16 {
        (place.wrapping_mul(2_654_435_761) >> 7) as u16
    }

    fn windows() -> [Window; 4] {
        let window = |x, y, width, height| Window {
            x,
            y,
            width,
            height,
        };
        [
            window(0, 0, SIZE.0, SIZE.1),
            window(300, 206, 1, 1),
            window(17, 0, 130, 207),
            window(63, 64, 65, 100),
        ]
    }

    fn same_as_gdal(path: &Path, what: &str) {
        let ours = open(path).unwrap_or_else(|| panic!("{what} is not read"));
        assert_eq!(ours.size(), SIZE);
        let file = Dataset::open(path).unwrap();
        let band = file.rasterband(1).unwrap();
        for window in windows() {
            let size = (window.width, window.height);
            let origin = (window.x as isize, window.y as isize);
            let wanted = band.read_as::<u16>(origin, size, size, None).unwrap();
            let mut numbers = vec![7; window.width * window.height];
            ours.read(window, &mut numbers)
                .unwrap_or_else(|| panic!("{what}: {window:?} is not read"));
            assert!(numbers == wanted.data(), "{what}: {window:?} differs");
        }
    }

    #[test]
    fn numbers_are_those_of_gdal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let layouts = [
            vec!["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=32"],
            vec!["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512"],
            vec!["BLOCKYSIZE=25"],
            vec!["BLOCKYSIZE=300"],
        ];
        let packings = [
            vec![],
            vec!["COMPRESS=DEFLATE"],
            vec!["COMPRESS=DEFLATE", "PREDICTOR=2"],
        ];
        for layout in &layouts {
            for packing in &packings {
                for big in ["BIGTIFF=NO", "BIGTIFF=YES"] {
                    let options = [&layout[..], packing, &[big, "ENDIANNESS=LITTLE"]].concat();
                    let what = options.join(" ");
                    write(&path, &options, noise);
                    same_as_gdal(&path, &format!("16 bits, {what}"));
                    write(&path, &options, |place| noise(place) as u8);
                    same_as_gdal(&path, &format!("8 bits, {what}"));
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_is_left_to_gdal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let tiled = ["TILED=YES", "BLOCKXSIZE=64", "BLOCKYSIZE=64"];
        for more in [
            ["COMPRESS=LZW", "PREDICTOR=1"],
            ["COMPRESS=ZSTD", "PREDICTOR=2"],
            ["COMPRESS=DEFLATE", "ENDIANNESS=BIG"],
            ["COMPRESS=DEFLATE", "NBITS=12"],
        ] {
            write(&path, &[&tiled[..], &more].concat(), |place| {
                noise(place) % 4096
            });
            assert!(open(&path).is_none(), "{more:?}");
        }
        write(&path, &tiled, |place| f32::from(noise(place)));
        assert!(open(&path).is_none(), "floats");
        write(&path, &tiled, |place| noise(place).cast_signed());
        assert!(open(&path).is_none(), "signed numbers");
        assert!(open(Path::new("/nowhere")).is_none());
    }

    #[test]
    fn blocks_that_are_missing_or_broken_are_not_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        let options = [
            "TILED=YES",
            "BLOCKXSIZE=64",
            "BLOCKYSIZE=64",
            "COMPRESS=DEFLATE",
        ];
        let all = Window {
            x: 0,
            y: 0,
            width: SIZE.0,
            height: SIZE.1,
        };
        let mut numbers = vec![0; SIZE.0 * SIZE.1];
        write(&path, &[&options[..], &["SPARSE_OK=TRUE"]].concat(), |_| {
            0_u16
        });
        assert!(open(&path).unwrap().read(all, &mut numbers).is_none());
        write(&path, &options, noise);
        let whole = std::fs::read(&path).unwrap();
        // Cut off anywhere: no answer, or the right one for what is still there.
        for length in (0..whole.len()).step_by(97) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let read = open(&path).and_then(|pixels| pixels.read(all, &mut numbers));
            assert!(read.is_none(), "{length} of {} bytes", whole.len());
        }
        // A byte turned over inside a block: the checksum notices.
        let mut broken = whole.clone();
        let middle = whole.len() / 2;
        broken[middle] ^= 0x10;
        std::fs::write(&path, &broken).unwrap();
        assert!(open(&path).unwrap().read(all, &mut numbers).is_none());
    }
}
