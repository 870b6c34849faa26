//! Repetitions of what was anywhere before in a map, found by hashing the next few pixels.

use super::format::{FARTHEST, LONGEST};

/// Pixels that are looked up. Shorter repetitions far away take more bits than their pixels.
const LOOKED_UP: usize = 8;
const HASH_BITS: u32 = 15;
/// Fibonacci hashing: 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A repetition; none if its length is 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) distance: u16,
    pub(crate) length: u16,
}

/// The last repetition before each pixel of a map.
pub(crate) struct Search {
    /// The pixel after the place where each hash was met last; 0: never.
    last: Vec<u32>,
    found: Vec<Found>,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self {
            last: vec![0; 1 << HASH_BITS],
            found: Vec::new(),
        }
    }

    /// Looks at every pixel, except where the row above or the pixel before repeats for long enough anyway.
    pub(crate) fn search(&mut self, pixels: &[u8], width: usize) -> &[Found] {
        self.last.fill(0);
        self.found.clear();
        self.found.resize(pixels.len(), Found::default());
        let mut place = width;
        while place + LOOKED_UP <= pixels.len() {
            let next = eight(pixels, place);
            let near = [1, width].map(|distance| eight(pixels, place - distance) == next);
            let distance = if near == [false; 2] {
                self.meet(next, place)
            } else {
                None
            };
            let length = distance.map_or(0, |distance| repeated(pixels, place, distance));
            // What lies inside the repetition is repeated from the same distance.
            for left in (LOOKED_UP..=length).rev() {
                self.found[place] = Found {
                    distance: distance.unwrap_or_default() as u16,
                    length: left as u16,
                };
                self.meet(eight(pixels, place), place);
                place += 1;
            }
            if length < LOOKED_UP {
                place += 1;
            }
        }
        &self.found
    }

    /// Notes a place and says how far before it the same pixels, or others of their hash, were met.
    fn meet(&mut self, next: u64, place: usize) -> Option<usize> {
        let hash = next.wrapping_mul(GOLDEN) >> (u64::BITS - HASH_BITS);
        let last = &mut self.last[hash as usize];
        let distance = match *last {
            0 => None,
            after => Some(place + 1 - after as usize),
        };
        *last = place as u32 + 1;
        distance.filter(|distance| (1..=FARTHEST).contains(distance))
    }
}

fn eight(pixels: &[u8], place: usize) -> u64 {
    pixels[place..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// How many pixels from a place on are the same at a distance before it.
fn repeated(pixels: &[u8], place: usize, distance: usize) -> usize {
    let most = LONGEST.min(pixels.len() - place);
    let (here, end) = pixels[place..][..most].as_chunks::<8>();
    let (before, end_before) = pixels[place - distance..][..most].as_chunks::<8>();
    for (number, (a, b)) in here.iter().zip(before).enumerate() {
        let differs = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differs != 0 {
            return 8 * number + differs.trailing_zeros() as usize / 8;
        }
    }
    let equal = end.iter().zip(end_before).take_while(|(a, b)| a == b);
    8 * here.len() + equal.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_far_away_is_found_and_nothing_else() {
        // Numbers that do not repeat, but for twenty of them.
        let mut state = 1_u64;
        let mut pixels: Vec<u8> = (0..3000)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        pixels.copy_within(100..120, 2000);
        let mut search = Search::new();
        let found = search.search(&pixels, 64);
        assert_eq!(found.len(), pixels.len());
        assert_eq!((found[2000].distance, found[2000].length), (1900, 20));
        assert_eq!((found[2012].distance, found[2012].length), (1900, 8));
        for (place, found) in found.iter().enumerate() {
            let (distance, length) = (usize::from(found.distance), usize::from(found.length));
            assert_eq!(
                pixels[place..place + length],
                pixels[place - distance..][..length]
            );
        }
    }

    #[test]
    fn repetitions_have_the_length_that_the_format_allows() {
        let pixels: Vec<u8> = (0..2000_u32).map(|n| (n % 700 * 31 % 253) as u8).collect();
        let mut search = Search::new();
        let longest = search.search(&pixels, 64).iter().map(|found| found.length);
        assert_eq!(longest.max(), Some(LONGEST as u16));
        assert_eq!(repeated(&pixels, 1990, 700), 10);
    }
}
