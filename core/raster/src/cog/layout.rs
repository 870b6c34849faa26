//! The finished file: header, all directories, then the tiles from the coarsest version to full size.
//!
//! TIFF 6.0, `BigTIFF` where 32 bits do not reach, and the layout that GDAL declares in its COG files
//! (<https://gdal.org/en/stable/drivers/raster/cog.html>, "file format details"): a note between header and first
//! directory says that directories come first, that tiles come row by row, that each is preceded by its size and
//! followed by a copy of its last four bytes. A reader that knows the note needs no list of tiles.

use std::io::{self, Write};

use super::levels::{Level, TILE};
use super::pyramid::Tile;
use super::scratch::Scratch;
use super::tags::Tag;

const NOTE: &str = "LAYOUT=IFDS_BEFORE_DATA\n\
    BLOCK_ORDER=ROW_MAJOR\n\
    BLOCK_LEADER=SIZE_AS_UINT4\n\
    BLOCK_TRAILER=LAST_4_BYTES_REPEATED\n\
    KNOWN_INCOMPATIBLE_EDITION=NO\n ";
/// Bytes before and after each tile.
const LEADER: u64 = 4;
const TRAILER: u64 = 4;

/// How pixels are to be understood (TIFF's "photometric interpretation").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Photometric {
    Data = 1,
    Rgb = 2,
    Palette = 3,
}

/// Everything in the file but the pixels.
pub(crate) struct Layout<'a> {
    pub(crate) levels: &'a [Level],
    /// For each version, row by row.
    pub(crate) tiles: &'a [Vec<Tile>],
    pub(crate) bands: usize,
    pub(crate) photometric: Photometric,
    /// What describes the raster.
    pub(crate) tags: &'a [Tag],
}

/// Sizes that differ between TIFF and `BigTIFF`.
#[derive(Clone, Copy)]
struct Format {
    big: bool,
}

impl Format {
    fn header(self) -> u64 {
        if self.big { 16 } else { 8 }
    }

    /// Bytes of an entry, of the count of entries plus the pointer to the next directory, and of a value inside an
    /// entry.
    fn entry(self) -> (u64, u64, u64) {
        if self.big { (20, 16, 8) } else { (12, 6, 4) }
    }

    fn offset(self, out: &mut Vec<u8>, value: u64) {
        if self.big {
            out.extend(value.to_le_bytes());
        } else {
            out.extend((value as u32).to_le_bytes());
        }
    }
}

impl Layout<'_> {
    /// Writes the file, as `BigTIFF` only if it has to be.
    pub(crate) fn write(&self, scratch: &Scratch, out: &mut impl Write) -> io::Result<()> {
        let small = Format { big: false };
        let format = Format {
            big: self.end(small) > u64::from(u32::MAX),
        };
        self.write_as(format, scratch, out)
    }

    fn write_as(&self, format: Format, scratch: &Scratch, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head(format))?;
        let mut bytes = Vec::new();
        for tile in self.tiles.iter().rev().flatten() {
            if let Tile::Full(packed) = *tile {
                scratch.read(packed, &mut bytes)?;
                out.write_all(&packed.length.to_le_bytes())?;
                out.write_all(&bytes)?;
                let last = bytes.last_chunk::<4>().ok_or(io::ErrorKind::InvalidData)?;
                out.write_all(last)?;
            }
        }
        Ok(())
    }

    /// Bytes of the whole file.
    fn end(&self, format: Format) -> u64 {
        let tiles = self.tiles.iter().flatten();
        self.head_length(format) + tiles.map(|tile| room(*tile)).sum::<u64>()
    }

    fn head_length(&self, format: Format) -> u64 {
        // Offsets do not change the length of their list.
        let directories = (0..self.levels.len())
            .map(|level| directory_length(format, &self.directory(format, level, &mut 0)));
        first_directory(format) + directories.sum::<u64>()
    }

    /// Header, note and directories.
    fn head(&self, format: Format) -> Vec<u8> {
        let mut head = Vec::new();
        if format.big {
            head.extend(b"II+\0\x08\0\0\0");
        } else {
            head.extend(b"II*\0");
        }
        format.offset(&mut head, first_directory(format));
        head.extend(note().as_bytes());
        head.resize(first_directory(format) as usize, 0);
        let mut place = self.head_length(format);
        // Places are given out in the order of the tiles, coarsest version first.
        let mut directories: Vec<Vec<Tag>> = (0..self.levels.len())
            .rev()
            .map(|level| self.directory(format, level, &mut place))
            .collect();
        directories.reverse();
        for (level, tags) in directories.iter().enumerate() {
            let last = level + 1 == directories.len();
            add_directory(format, &mut head, tags, last);
        }
        head
    }

    /// The tags of one version, in order. `place` is where its first tile goes, and then where its last one ends.
    fn directory(&self, format: Format, level: usize, place: &mut u64) -> Vec<Tag> {
        let Level { width, height } = self.levels[level];
        let tiles = &self.tiles[level];
        let offsets = tiles.iter().map(|&tile| {
            let offset = *place + LEADER;
            *place += room(tile);
            if matches!(tile, Tile::Full(_)) {
                offset
            } else {
                0
            }
        });
        let offsets: Vec<u64> = offsets.collect();
        let lengths = tiles.iter().map(|tile| match tile {
            Tile::Full(packed) => packed.length,
            _ => 0,
        });
        let bands = self.bands;
        let mut tags = vec![
            Tag::long(256, [width as u32]),
            Tag::long(257, [height as u32]),
            Tag::short(258, &vec![8; bands]),
            // Adobe deflate.
            Tag::short(259, &[8]),
            Tag::short(262, &[self.photometric as u16]),
            Tag::short(277, &[bands as u16]),
            // Bands of a pixel lie together.
            Tag::short(284, &[1]),
            Tag::short(322, &[TILE as u16]),
            Tag::short(323, &[TILE as u16]),
            if format.big {
                Tag::long8(324, offsets)
            } else {
                Tag::long(324, offsets.into_iter().map(|offset| offset as u32))
            },
            Tag::long(325, lengths),
            // Unsigned integers.
            Tag::short(339, &vec![1; bands]),
        ];
        if level > 0 {
            // A reduced version of another image.
            tags.push(Tag::long(254, [1]));
        }
        if self.photometric == Photometric::Data && bands > 1 {
            // Bands beyond the first have no meaning that TIFF knows.
            tags.push(Tag::short(338, &vec![0; bands - 1]));
        }
        let described = self.tags.iter();
        tags.extend(described.filter(|t| level == 0 || t.is_repeated()).cloned());
        tags.sort_by_key(|tag| tag.number);
        tags
    }
}

/// Bytes that a tile takes in the file.
fn room(tile: Tile) -> u64 {
    match tile {
        Tile::Full(packed) => LEADER + u64::from(packed.length) + TRAILER,
        _ => 0,
    }
}

fn note() -> String {
    format!(
        "GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{NOTE}",
        NOTE.len()
    )
}

fn first_directory(format: Format) -> u64 {
    even(format.header() + note().len() as u64)
}

/// Directories and values begin at even bytes.
fn even(place: u64) -> u64 {
    place.next_multiple_of(2)
}

fn directory_length(format: Format, tags: &[Tag]) -> u64 {
    let (entry, around, inside) = format.entry();
    let outside = tags
        .iter()
        .map(|tag| tag.bytes.len() as u64)
        .filter(|&length| length > inside)
        .map(even);
    around + entry * tags.len() as u64 + outside.sum::<u64>()
}

/// Adds a directory and, behind it, the values that do not fit into its entries.
fn add_directory(format: Format, head: &mut Vec<u8>, tags: &[Tag], last: bool) {
    let (entry, around, inside) = format.entry();
    let start = head.len() as u64;
    let mut place = start + around + entry * tags.len() as u64;
    let mut outside = Vec::new();
    if format.big {
        head.extend((tags.len() as u64).to_le_bytes());
    } else {
        head.extend((tags.len() as u16).to_le_bytes());
    }
    for tag in tags {
        head.extend(tag.number.to_le_bytes());
        head.extend(tag.kind.to_le_bytes());
        format.offset(head, tag.count());
        let length = tag.bytes.len();
        if length as u64 <= inside {
            head.extend(&tag.bytes);
            head.resize(head.len() + inside as usize - length, 0);
        } else {
            format.offset(head, place);
            outside.extend(&tag.bytes);
            outside.resize(even(outside.len() as u64) as usize, 0);
            place += even(length as u64);
        }
    }
    format.offset(head, if last { 0 } else { place });
    head.extend(outside);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cog::codec::Codec;
    use crate::read::open_file;

    /// A raster of two versions with one tile missing, in one of the formats.
    fn file(format: Format) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::create(&folder.path().join("tiles")).unwrap();
        let mut codec = Codec::new(1);
        let mut packed = |value: u8| {
            let pixels = vec![value; TILE * TILE];
            Tile::Full(scratch.append(codec.pack(&pixels, false).unwrap()).unwrap())
        };
        let tiles = vec![
            vec![packed(10), packed(20), Tile::Empty, packed(40)],
            vec![packed(50)],
        ];
        let layout = Layout {
            levels: &Level::pyramid(1000, 600),
            tiles: &tiles,
            bands: 1,
            photometric: Photometric::Data,
            tags: &[],
        };
        let mut bytes = Vec::new();
        layout.write_as(format, &scratch, &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, layout.end(format));
        bytes
    }

    #[test]
    fn both_formats_hold_the_same_pixels() {
        for big in [false, true] {
            let bytes = file(Format { big });
            assert_eq!(bytes[2], if big { 43 } else { 42 });
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.tif");
            std::fs::write(&path, bytes).unwrap();
            for (overview, corners) in [(None, [10, 20, 0, 40]), (Some(0), [50; 4])] {
                let dataset = open_file(&path, overview).unwrap();
                let (width, height) = dataset.raster_size();
                let band = dataset.rasterband(1).unwrap();
                let pixels = band.read_band_as::<u8>().unwrap();
                let at = |x: usize, y: usize| pixels.data()[y * width + x];
                let (right, bottom) = (width - 1, height - 1);
                let found = [at(0, 0), at(right, 0), at(0, bottom), at(right, bottom)];
                assert_eq!(found, corners, "big: {big}");
            }
        }
    }

    #[test]
    fn tiles_keep_what_the_note_promises() {
        let bytes = file(Format { big: false });
        let long =
            |place: usize| u32::from_le_bytes(bytes[place..place + 4].try_into().unwrap()) as usize;
        assert!(bytes[8..].starts_with(b"GDAL_STRUCTURAL_METADATA_SIZE=000140 bytes\n"));
        // Behind the last directory: tile after tile without a gap, the overview's first.
        let mut place = bytes.len();
        let mut sizes = Vec::new();
        let mut directory = long(4);
        while directory != 0 {
            let count = usize::from(u16::from_le_bytes([bytes[directory], bytes[directory + 1]]));
            for entry in (0..count).map(|n| directory + 2 + 12 * n) {
                if bytes[entry..entry + 2] == 324_u16.to_le_bytes() {
                    let all = long(entry + 4);
                    let list = if all == 1 { entry + 8 } else { long(entry + 8) };
                    let offsets = (0..all).map(|n| long(list + 4 * n));
                    for offset in offsets.filter(|&offset| offset != 0) {
                        let size = long(offset - 4);
                        let end = offset + size;
                        assert_eq!(bytes[end - 4..end], bytes[end..end + 4]);
                        place = place.min(offset - 4);
                        sizes.push((offset, size + 8));
                    }
                }
            }
            directory = long(directory + 2 + 12 * count);
        }
        assert_eq!(sizes.len(), 4);
        assert!(sizes[3].0 < sizes[0].0 && sizes[0].0 < sizes[1].0);
        let data: usize = sizes.iter().map(|size| size.1).sum();
        assert_eq!(place + data, bytes.len());
    }
}
