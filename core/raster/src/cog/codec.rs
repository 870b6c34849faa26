//! Tiles between memory, where their bands lie one after another, and the file, where pixels are interleaved and
//! packed as zlib streams (TIFF's "Adobe deflate").

use std::collections::HashMap;

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::deflate::ClassDeflate;
use super::levels::TILE;

/// Of libdeflate, which packs what is not a map of classes: measurements and pictures. GDAL's own.
const LEVEL: i32 = 6;
/// Up to so many different values a tile is taken for one of classes. More are better off with libdeflate, whose codes
/// follow the values from place to place.
const CLASSES: usize = 64;

/// Packs and unpacks tiles of one shape; keeps its memory from tile to tile.
pub(crate) struct Codec {
    bands: usize,
    classes: ClassDeflate,
    /// Packed tiles of one value.
    uniform: HashMap<u8, Vec<u8>>,
    compressor: Compressor,
    decompressor: Decompressor,
    interleaved: Vec<u8>,
    packed: Vec<u8>,
}

impl Codec {
    pub(crate) fn new(bands: usize) -> Self {
        let mut compressor = Compressor::new(CompressionLvl::new(LEVEL).unwrap_or_default());
        let bytes = TILE * TILE * bands;
        Self {
            bands,
            packed: vec![0; compressor.zlib_compress_bound(bytes)],
            classes: ClassDeflate::new(TILE),
            uniform: HashMap::new(),
            compressor,
            decompressor: Decompressor::new(),
            interleaved: if bands == 1 {
                Vec::new()
            } else {
                vec![0; bytes]
            },
        }
    }

    /// The tile as it lies in a file. Tiles of classes can be packed more thoroughly.
    pub(crate) fn pack(&mut self, pixels: &[u8], thorough: bool) -> std::io::Result<&[u8]> {
        if self.bands == 1 {
            match values(pixels) {
                1 => {
                    let uniform = self.uniform.entry(pixels[0]);
                    return Ok(
                        uniform.or_insert_with(|| self.classes.compress(pixels, false).to_vec())
                    );
                }
                ..=CLASSES => return Ok(self.classes.compress(pixels, thorough)),
                _ => {}
            }
        }
        let data = if self.bands == 1 {
            pixels
        } else {
            for (band, plane) in pixels.chunks_exact(TILE * TILE).enumerate() {
                let places = self.interleaved[band..].iter_mut().step_by(self.bands);
                for (place, &pixel) in places.zip(plane) {
                    *place = pixel;
                }
            }
            &self.interleaved
        };
        let length = self
            .compressor
            .zlib_compress(data, &mut self.packed)
            .map_err(std::io::Error::other)?;
        Ok(&self.packed[..length])
    }

    /// The pixels of a packed tile.
    pub(crate) fn unpack(&mut self, packed: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut pixels = vec![0; TILE * TILE * self.bands];
        let target = if self.bands == 1 {
            &mut pixels
        } else {
            &mut self.interleaved
        };
        self.decompressor
            .zlib_decompress(packed, target)
            .map_err(std::io::Error::other)?;
        if self.bands > 1 {
            for (band, plane) in pixels.chunks_exact_mut(TILE * TILE).enumerate() {
                let places = self.interleaved[band..].iter().step_by(self.bands);
                for (pixel, &place) in plane.iter_mut().zip(places) {
                    *pixel = place;
                }
            }
        }
        Ok(pixels)
    }
}

/// How many different values there are.
fn values(pixels: &[u8]) -> usize {
    let mut seen = [false; 256];
    for &pixel in pixels {
        seen[usize::from(pixel)] = true;
    }
    seen.into_iter().filter(|seen| *seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_come_back_as_they_were() {
        for bands in 1..=4 {
            let pixels: Vec<u8> = (0..TILE * TILE * bands)
                .map(|n| (n * n / 77 % 256) as u8)
                .collect();
            let mut codec = Codec::new(bands);
            let packed = codec.pack(&pixels, false).unwrap().to_vec();
            assert!(codec.unpack(&packed).unwrap() == pixels, "{bands} bands");
            assert!(codec.unpack(&packed[..packed.len() / 2]).is_err());
        }
    }
}
