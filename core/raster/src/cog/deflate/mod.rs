//! DEFLATE (RFC 1951) in a zlib stream (RFC 1950) for maps of classes.
//!
//! General encoders search all earlier bytes for repetitions. In a map, what repeats is next to the pixel: the pixel
//! before, and those above. With only these few distances to look at, the cheapest sequence of literals and repetitions
//! is soon found, from the last pixel back to the first: smaller than what a general encoder makes in the same time.
//! Where a map is less regular, as its overviews are, the last repetition anywhere before can be looked at too.

mod format;
mod huffman;
mod plan;
mod search;

use std::ops::Range;

use libdeflater::adler32;

use self::format::{
    Bits, DISTANCE_SYMBOLS, END, FARTHEST, LONGEST, LONGEST_CODE, SHORTEST, SYMBOLS,
    distance_symbol, joined, length_symbol, put_codes,
};
use self::plan::{BLOCK, Counts, Map, Plan};
use self::search::Search;

/// Compresses maps whose rows have the same number of pixels; keeps its memory from map to map.
pub(crate) struct ClassDeflate {
    width: usize,
    plan: Plan,
    search: Search,
    out: Vec<u8>,
}

impl ClassDeflate {
    /// For rows of so many pixels.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            plan: Plan::new(),
            search: Search::new(),
            out: Vec::new(),
        }
    }

    /// A zlib stream of the pixels, of which there is at least one. If it is to be `thorough`, it takes twice as long
    /// and is a few percent smaller.
    pub(crate) fn compress(&mut self, pixels: &[u8], thorough: bool) -> &[u8] {
        let Self {
            width,
            plan,
            search,
            out,
        } = self;
        let found = if thorough {
            search.search(pixels, *width)
        } else {
            &[]
        };
        let map = Map {
            pixels,
            // Rows can be longer than the format reaches.
            distances: [1, *width, 2 * *width].map(|distance| distance.min(FARTHEST)),
            found,
        };
        out.clear();
        // Deflate with a window of 32 kB.
        out.extend([0x78, 0x5e]);
        let mut bits = Bits::new(out);
        for start in (0..pixels.len()).step_by(BLOCK) {
            let block = start..pixels.len().min(start + BLOCK);
            let costs = plan.learn(&map, block.clone());
            plan.make(&map, block.clone(), &costs);
            let last = block.end == pixels.len();
            put_block(&map, plan, block, last, &mut bits);
        }
        bits.finish();
        out.extend(adler32(pixels).to_be_bytes());
        out
    }
}

/// Writes the block that was planned last, with codes of its own.
fn put_block(map: &Map<'_>, plan: &Plan, block: Range<usize>, last: bool, out: &mut Bits<'_>) {
    let mut counts = Counts {
        symbols: [0; SYMBOLS],
        distances: [0; DISTANCE_SYMBOLS],
    };
    plan.count(map, block.clone(), &mut counts);
    counts.symbols[END] = 1;
    if counts.distances.iter().all(|&count| count == 0) {
        // At least one distance has a code.
        counts.distances[0] = 1;
    }
    let symbols = huffman::codes(&counts.symbols, LONGEST_CODE);
    let distances = huffman::codes(&counts.distances, LONGEST_CODE);
    out.put(u64::from(last), 1);
    out.put(0b10, 2);
    put_codes(&symbols, &distances, out);
    let lengths: [(u64, u32); LONGEST + 1] =
        std::array::from_fn(|length| joined(&symbols, length_symbol(length.max(SHORTEST))));
    for (place, step) in plan.steps(block) {
        if step.is_literal() {
            let code = symbols[usize::from(map.pixels[place])];
            out.put(code.bits.into(), code.length.into());
        } else {
            let (bits, count) = lengths[step.length()];
            out.put(bits, count);
            let far = distance_symbol(map.distance(place, step));
            let (bits, count) = joined(&distances, far);
            out.put(bits, count);
        }
    }
    out.put(symbols[END].bits.into(), symbols[END].length.into());
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor, Decompressor};

    use super::*;

    /// Numbers that look random but are always the same.
    fn noise(count: usize) -> impl Iterator<Item = usize> {
        let mut state = 1_u64;
        (0..count).map(move |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize
        })
    }

    fn maps() -> Vec<(&'static str, Vec<u8>)> {
        let all = 512 * 512;
        // Fields of 23 x 17 px in nine classes, every tenth pixel different.
        let fields: Vec<usize> = noise(1000).collect();
        let speckled = noise(all).enumerate().map(|(place, random)| {
            let (x, y) = (place % 512, place / 512);
            let field = fields[x / 23 + y / 17 * 23] % 9;
            if random % 10 == 0 {
                random / 10 % 9
            } else {
                field
            }
        });
        vec![
            ("one class", vec![7; all]),
            (
                "two halves",
                (0..all).map(|n| (n / (all / 2)) as u8).collect(),
            ),
            ("fields", speckled.map(|class| class as u8).collect()),
            ("noise", noise(all).map(|n| n as u8).collect()),
            ("a row of all values", (0..=255).collect()),
            ("one pixel", vec![3]),
            (
                "a block and a pixel",
                noise(BLOCK + 1).map(|n| (n % 3) as u8).collect(),
            ),
        ]
    }

    #[test]
    fn every_decoder_gets_the_pixels_back() {
        let mut classes = ClassDeflate::new(512);
        let mut decompressor = Decompressor::new();
        for (name, pixels) in maps() {
            for thorough in [false, true] {
                let packed = classes.compress(&pixels, thorough);
                let mut found = vec![0; pixels.len()];
                let length = decompressor.zlib_decompress(packed, &mut found);
                assert_eq!(length, Ok(pixels.len()), "{name}, thorough: {thorough}");
                assert!(found == pixels, "{name}, thorough: {thorough}");
            }
        }
    }

    #[test]
    fn maps_of_fields_are_smaller_than_by_a_general_encoder() {
        let mut classes = ClassDeflate::new(512);
        let (_, pixels) = maps().remove(2);
        let ours = classes.compress(&pixels, false).len();
        assert!(classes.compress(&pixels, true).len() < ours);
        for level in [6, 7] {
            let mut general = Compressor::new(CompressionLvl::new(level).unwrap());
            let mut packed = vec![0; general.zlib_compress_bound(pixels.len())];
            let theirs = general.zlib_compress(&pixels, &mut packed).unwrap();
            assert!(ours < theirs, "level {level}: {ours} and {theirs} bytes");
        }
    }
}
