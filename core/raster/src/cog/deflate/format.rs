//! The parts of DEFLATE (RFC 1951) that do not depend on what is compressed: symbols of lengths and distances, how codes
//! are written down, and bits.

use super::huffman::{self, Code};

/// Of a repetition.
pub(crate) const SHORTEST: usize = 3;
pub(crate) const LONGEST: usize = 258;
pub(crate) const FARTHEST: usize = 1 << 15;
/// Symbols for bytes, for the end of a block, and for lengths.
pub(crate) const SYMBOLS: usize = 286;
pub(crate) const END: usize = 256;
pub(crate) const DISTANCE_SYMBOLS: usize = 30;
/// Bits of their codes.
pub(crate) const LONGEST_CODE: u8 = 15;
/// Symbols for lengths of codes, and the order in which the lengths of their own codes are written.
const LENGTH_SYMBOLS: usize = 19;
const ORDER: [usize; LENGTH_SYMBOLS] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// A symbol and the bits that follow it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Symbol {
    pub(crate) number: usize,
    pub(crate) extra: u32,
    pub(crate) extra_bits: u32,
}

/// The symbol of a length.
pub(crate) fn length_symbol(length: usize) -> Symbol {
    if length == LONGEST {
        return Symbol {
            number: 285,
            ..Symbol::default()
        };
    }
    bracket(length - SHORTEST, 2, 257)
}

/// The symbol of a distance.
pub(crate) fn distance_symbol(distance: usize) -> Symbol {
    bracket(distance - 1, 1, 0)
}

/// Symbols come in groups of `2^group`, whose symbols stand for twice as many values as those of the group before.
fn bracket(value: usize, group: u32, first: usize) -> Symbol {
    let extra_bits = (value | 1).ilog2().saturating_sub(group);
    Symbol {
        number: first + ((extra_bits as usize) << group) + (value >> extra_bits),
        extra: value as u32 & ((1 << extra_bits) - 1),
        extra_bits,
    }
}

/// A symbol's code with its extra bits above it, and how many bits that is.
pub(crate) fn joined(codes: &[Code], symbol: Symbol) -> (u64, u32) {
    let code = codes[symbol.number];
    let bits = u64::from(code.bits) | u64::from(symbol.extra) << code.length;
    (bits, u32::from(code.length) + symbol.extra_bits)
}

/// Writes the lengths of both codes, run-length encoded and in a code of their own (RFC 1951, section 3.2.7).
pub(crate) fn put_codes(symbols: &[Code], distances: &[Code], out: &mut Bits<'_>) {
    let used = |codes: &[Code], least: usize| {
        let last = codes.iter().rposition(|code| code.length > 0);
        last.map_or(least, |last| least.max(last + 1))
    };
    let (symbols, distances) = (
        &symbols[..used(symbols, END + 1)],
        &distances[..used(distances, 1)],
    );
    let lengths: Vec<u8> = symbols
        .iter()
        .chain(distances)
        .map(|code| code.length)
        .collect();
    let mut runs = Vec::new();
    for equal in lengths.chunk_by(|a, b| a == b) {
        let length = usize::from(equal[0]);
        let mut left = equal.len();
        if length > 0 {
            runs.push((length, 0, 0));
            left -= 1;
        }
        while left > 0 {
            let (symbol, least, most, extra_bits) = match (length, left) {
                (0, 11..) => (18, 11, 138, 7),
                (0, 3..) => (17, 3, 10, 3),
                (1.., 3..) => (16, 3, 6, 2),
                _ => (length, 1, 1, 0),
            };
            let taken = left.min(most);
            runs.push((symbol, taken - least, extra_bits));
            left -= taken;
        }
    }
    let mut counts = [0; LENGTH_SYMBOLS];
    for &(symbol, ..) in &runs {
        counts[symbol] += 1;
    }
    let codes = huffman::codes(&counts, 7);
    let written = ORDER.iter().rposition(|&symbol| codes[symbol].length > 0);
    let written = written.map_or(4, |last| (last + 1).max(4));
    out.put((symbols.len() - 257) as u64, 5);
    out.put((distances.len() - 1) as u64, 5);
    out.put((written - 4) as u64, 4);
    for &symbol in &ORDER[..written] {
        out.put(codes[symbol].length.into(), 3);
    }
    for (symbol, extra, extra_bits) in runs {
        let code = codes[symbol];
        out.put(code.bits.into(), code.length.into());
        out.put(extra as u64, extra_bits);
    }
}

/// Bits behind one another, the first one lowest in the first byte.
pub(crate) struct Bits<'a> {
    out: &'a mut Vec<u8>,
    waiting: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            waiting: 0,
            count: 0,
        }
    }

    /// Adds up to 32 bits.
    pub(crate) fn put(&mut self, bits: u64, count: u32) {
        self.waiting |= bits << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out.extend((self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    pub(crate) fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend(&self.waiting.to_le_bytes()[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_distances_have_the_symbols_of_the_standard() {
        let parts = |symbol: Symbol| (symbol.number, symbol.extra_bits, symbol.extra);
        for (length, expected) in [
            (3, (257, 0, 0)),
            (10, (264, 0, 0)),
            (11, (265, 1, 0)),
            (66, (276, 3, 7)),
            (257, (284, 5, 30)),
            (258, (285, 0, 0)),
        ] {
            assert_eq!(parts(length_symbol(length)), expected, "length {length}");
        }
        for (distance, expected) in [
            (1, (0, 0, 0)),
            (4, (3, 0, 0)),
            (5, (4, 1, 0)),
            (512, (17, 7, 127)),
            (1024, (19, 8, 255)),
            (32_768, (29, 13, 8191)),
        ] {
            assert_eq!(
                parts(distance_symbol(distance)),
                expected,
                "distance {distance}"
            );
        }
    }
}
