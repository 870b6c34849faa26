//! What a TIFF file says about its pixels: the values of its tags.
//!
//! Colours, nodata, metadata and above all the place on earth are put into tags by GDAL, in a file of one pixel, so
//! that they read the same as in any other file of GDAL's. Here they are taken out of it again.

/// Types of values in TIFF.
pub(crate) const SHORT: u16 = 3;
pub(crate) const LONG: u16 = 4;
pub(crate) const LONG8: u16 = 16;

/// Tags that describe the raster as a whole: image description, colour map, pixel scale and tie point or matrix, the
/// three parts of the geographic keys, GDAL's metadata and nodata.
const DESCRIBING: [u16; 10] = [
    270, COLOR_MAP, 33550, 33922, 34264, 34735, 34736, 34737, 42112, NODATA,
];
/// Those of them that overviews repeat.
const REPEATED: [u16; 2] = [COLOR_MAP, NODATA];
const COLOR_MAP: u16 = 320;
const NODATA: u16 = 42113;

/// A tag with its values as they lie in a little-endian file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) number: u16,
    pub(crate) kind: u16,
    pub(crate) bytes: Vec<u8>,
}

impl Tag {
    pub(crate) fn short(number: u16, values: &[u16]) -> Self {
        Self {
            number,
            kind: SHORT,
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    pub(crate) fn long(number: u16, values: impl IntoIterator<Item = u32>) -> Self {
        Self {
            number,
            kind: LONG,
            bytes: values.into_iter().flat_map(u32::to_le_bytes).collect(),
        }
    }

    pub(crate) fn long8(number: u16, values: impl IntoIterator<Item = u64>) -> Self {
        Self {
            number,
            kind: LONG8,
            bytes: values.into_iter().flat_map(u64::to_le_bytes).collect(),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.bytes.len() as u64 / size_of_kind(self.kind).unwrap_or(1) as u64
    }

    pub(crate) fn is_repeated(&self) -> bool {
        REPEATED.contains(&self.number)
    }
}

/// Bytes of one value.
fn size_of_kind(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        SHORT | 8 => Some(2),
        LONG | 9 | 11 => Some(4),
        5 | 10 | 12 | LONG8 => Some(8),
        _ => None,
    }
}

/// The tags of a little-endian TIFF file (not `BigTIFF`) that describe the raster; `None` if it is none.
pub(crate) fn describing(file: &[u8]) -> Option<Vec<Tag>> {
    if file.get(..4)? != b"II*\0" {
        return None;
    }
    let start = long(file, 4)?;
    (0..usize::from(short(file, start)?))
        .map(|entry| start + 2 + 12 * entry)
        .filter(|&entry| short(file, entry).is_none_or(|number| DESCRIBING.contains(&number)))
        .map(|entry| {
            let kind = short(file, entry + 2)?;
            let length = long(file, entry + 4)? * size_of_kind(kind)?;
            let place = if length <= 4 {
                entry + 8
            } else {
                long(file, entry + 8)?
            };
            Some(Tag {
                number: short(file, entry)?,
                kind,
                bytes: file.get(place..place + length)?.to_vec(),
            })
        })
        .collect()
}

fn short(file: &[u8], place: usize) -> Option<u16> {
    let bytes = file.get(place..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn long(file: &[u8], place: usize) -> Option<usize> {
    let bytes = file.get(place..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describing_tags_are_found_inside_and_outside_their_entries() {
        let mut file = b"II*\0\x08\0\0\0\x03\0".to_vec();
        // Columns, nodata "7" in the entry, and a description further on.
        file.extend([0, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0]);
        file.extend([0x81, 0xa4, 2, 0, 2, 0, 0, 0, b'7', 0, 0, 0]);
        file.extend([0x0e, 1, 2, 0, 6, 0, 0, 0, 50, 0, 0, 0]);
        file.extend([0; 4]);
        file.extend(b"fields");
        let tags = describing(&file).unwrap();
        let numbers: Vec<u16> = tags.iter().map(|tag| tag.number).collect();
        assert_eq!(numbers, [NODATA, 270]);
        assert_eq!((&tags[0].bytes[..], tags[0].count()), (&b"7\0"[..], 2));
        assert_eq!(tags[1].bytes, b"fields");
        assert!(describing(&file[..file.len() - 1]).is_none());
        assert!(describing(b"MM\0*").is_none());
    }
}
