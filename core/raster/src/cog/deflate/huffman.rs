//! Huffman codes as DEFLATE wants them: of limited length, canonical, bits reversed.

/// A symbol's code, its first bit lowest, and how many bits it has (0: the symbol does not occur).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) bits: u16,
    pub(crate) length: u8,
}

/// The shortest code for symbols that occur so often, none longer than `longest` bits.
///
/// Lengths come from package-merge (Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes",
/// 1990), codes are numbered as in RFC 1951, section 3.2.2.
pub(crate) fn codes(counts: &[u32], longest: u8) -> Vec<Code> {
    canonical(&lengths(counts, longest))
}

/// Bits per symbol.
fn lengths(counts: &[u32], longest: u8) -> Vec<u8> {
    let mut leaves: Vec<(u64, u16)> = (0..)
        .zip(counts)
        .filter(|&(_, &count)| count > 0)
        .map(|(symbol, &count)| (u64::from(count), symbol))
        .collect();
    leaves.sort_unstable();
    let mut lengths = vec![0; counts.len()];
    if let [(_, only)] = leaves[..] {
        // One bit, of which half the codes stay unused: DEFLATE has no code of zero bits.
        lengths[usize::from(only)] = 1;
        return lengths;
    }
    // Each round pairs what is cheapest so far; after the last, the first 2n - 2 items are what the code is made of, and
    // a symbol's length is how often it is among them.
    let mut rounds: Vec<Vec<Item>> = Vec::with_capacity(longest.into());
    for _ in 0..longest {
        let pairs = rounds.last().map_or(&[][..], Vec::as_slice);
        let packages = pairs
            .chunks_exact(2)
            .map(|pair| (pair[0].weight + pair[1].weight, None));
        let symbols = leaves
            .iter()
            .map(|&(weight, symbol)| (weight, Some(symbol)));
        let mut items: Vec<Item> = symbols
            .chain(packages)
            .map(|(weight, symbol)| Item { weight, symbol })
            .collect();
        // Stable: of equal weights the symbols come first.
        items.sort_by_key(|item| item.weight);
        rounds.push(items);
    }
    let mut taken = (2 * leaves.len()).saturating_sub(2);
    for items in rounds.iter().rev() {
        let mut packages = 0;
        for item in &items[..taken] {
            match item.symbol {
                Some(symbol) => lengths[usize::from(symbol)] += 1,
                None => packages += 1,
            }
        }
        taken = 2 * packages;
    }
    lengths
}

/// A symbol, or a package of two items of the round before.
struct Item {
    weight: u64,
    symbol: Option<u16>,
}

fn canonical(lengths: &[u8]) -> Vec<Code> {
    let mut codes = vec![Code::default(); lengths.len()];
    let mut next = 0_u16;
    for length in 1..=15 {
        next <<= 1;
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| **l == length) {
            let bits = next.reverse_bits() >> (16 - length);
            *code = Code { bits, length };
            next += 1;
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths_of(counts: &[u32], longest: u8) -> Vec<u8> {
        let codes = codes(counts, longest);
        codes.iter().map(|code| code.length).collect()
    }

    #[test]
    fn frequent_symbols_get_short_codes() {
        assert_eq!(lengths_of(&[10, 1, 0, 5, 2], 15), [1, 3, 0, 2, 3]);
        assert_eq!(lengths_of(&[0, 7, 0], 15), [0, 1, 0]);
        assert_eq!(lengths_of(&[7, 9], 15), [1, 1]);
    }

    #[test]
    fn no_code_is_longer_than_allowed_and_none_is_wasted() {
        // Fibonacci numbers make the longest codes there are.
        let mut counts = vec![1, 1];
        while counts.len() < 30 {
            counts.push(counts[counts.len() - 1] + counts[counts.len() - 2]);
        }
        for longest in [5, 7, 15] {
            let lengths = lengths_of(&counts, longest);
            assert!(lengths.iter().all(|&length| length <= longest));
            let used: u32 = lengths.iter().map(|&l| 1 << (longest - l)).sum();
            assert_eq!(used, 1 << longest);
        }
    }

    #[test]
    fn codes_are_numbered_as_the_standard_has_it() {
        // The example of RFC 1951: lengths 3, 3, 3, 3, 3, 2, 4, 4 for A to H.
        let found = canonical(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111];
        for (code, bits) in found.iter().zip(expected) {
            let bits = u16::reverse_bits(bits) >> (16 - code.length);
            assert_eq!(code.bits, bits);
        }
    }
}
