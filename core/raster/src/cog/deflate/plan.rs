//! The cheapest way through a map: which pixels to write as they are, and which as repetitions.

use std::ops::Range;

use super::format::{
    DISTANCE_SYMBOLS, END, LONGEST, LONGEST_CODE, SHORTEST, SYMBOLS, distance_symbol, length_symbol,
};
use super::huffman;
use super::search::Found;

/// Distances that are looked at for every pixel.
pub(crate) const DISTANCES: usize = 3;
/// The most pixels that are planned at once. The bits of so many fit [`TOTAL_BITS`], whatever their code.
pub(crate) const BLOCK: usize = 1 << 15;
/// Every so many pieces of a block, one is looked at to learn what symbols cost.
const SAMPLED: usize = 8;

/// A map and where its repetitions may be.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a> {
    pub(crate) pixels: &'a [u8],
    /// To the pixel before, and to those above.
    pub(crate) distances: [usize; DISTANCES],
    /// For each pixel one more, or nothing at all.
    pub(crate) found: &'a [Found],
}

impl Map<'_> {
    /// How far away the repetition of a step is, which is not a literal.
    pub(crate) fn distance(&self, place: usize, step: Step) -> usize {
        match self.distances.get(step.number()) {
            Some(&distance) => distance,
            None => self.found[place].distance.into(),
        }
    }
}

/// A repetition at one of the distances or the distance found, or a literal (length 1).
#[derive(Clone, Copy)]
pub(crate) struct Step(u16);

impl Step {
    const FOUND: usize = DISTANCES;
    const LITERAL: Self = Self::new(1, DISTANCES + 1);

    const fn new(length: usize, number: usize) -> Self {
        Self((length << 3 | number) as u16)
    }

    pub(crate) fn length(self) -> usize {
        usize::from(self.0 >> 3)
    }

    fn number(self) -> usize {
        usize::from(self.0 & 7)
    }

    pub(crate) fn is_literal(self) -> bool {
        self.number() == DISTANCES + 1
    }
}

/// A [`Step`] in the low bits of a number, and above it what it costs, in bits: the smallest number is the best choice.
type Choice = u32;
const STEP_BITS: u32 = 12;
const TOTAL_BITS: u32 = 19;
const TOTAL: Choice = !0 << STEP_BITS;

fn choice(bits: u32, step: Step) -> Choice {
    bits << STEP_BITS | Choice::from(step.0)
}

/// What each choice takes.
pub(crate) struct Costs {
    literal: [Choice; 256],
    /// By distance and length.
    near: [[Choice; LONGEST + 1]; DISTANCES],
    /// By length, without the distance, which is in `far`.
    found: [Choice; LONGEST + 1],
    /// By symbol of the distance.
    far: [Choice; DISTANCE_SYMBOLS],
}

impl Costs {
    /// Of codes whose symbols have so many bits.
    fn new(
        symbol: impl Fn(usize) -> u32,
        distance: impl Fn(usize) -> u32,
        distances: [usize; DISTANCES],
    ) -> Self {
        let repetition = |number: usize, far: u32| {
            std::array::from_fn(|length| {
                if length < SHORTEST {
                    // More than any plan takes.
                    return choice(1 << TOTAL_BITS, Step::new(0, number));
                }
                let of_length = length_symbol(length);
                let bits = symbol(of_length.number) + of_length.extra_bits + far;
                choice(bits, Step::new(length, number))
            })
        };
        Self {
            literal: std::array::from_fn(|value| choice(symbol(value), Step::LITERAL)),
            near: std::array::from_fn(|number| {
                let far = distance_symbol(distances[number]);
                repetition(number, distance(far.number) + far.extra_bits)
            }),
            found: repetition(Step::FOUND, 0),
            far: std::array::from_fn(|far| {
                let extra_bits = (far as u32 / 2).saturating_sub(1);
                (distance(far) + extra_bits) << STEP_BITS
            }),
        }
    }
}

/// How often each symbol occurs.
pub(crate) struct Counts {
    pub(crate) symbols: [u32; SYMBOLS],
    pub(crate) distances: [u32; DISTANCE_SYMBOLS],
}

/// The steps through a part of a map; keeps its memory from part to part.
pub(crate) struct Plan {
    /// What to do at each pixel.
    steps: Vec<Step>,
    /// Bits from each pixel to the end, as a [`Choice`] without its step, and room for the longest repetition.
    totals: Vec<Choice>,
    /// Pixels at a distance, where it reaches over the beginning of the map.
    beyond: [Vec<u8>; DISTANCES],
}

impl Plan {
    pub(crate) fn new() -> Self {
        Self {
            steps: vec![Step::LITERAL; BLOCK],
            totals: vec![0; BLOCK + LONGEST],
            beyond: std::array::from_fn(|_| Vec::new()),
        }
    }

    /// Plans pieces of a part with costs that fit most maps, and gives those of the code that would follow from it.
    pub(crate) fn learn(&mut self, map: &Map<'_>, part: Range<usize>) -> Costs {
        let guess = Costs::new(
            |symbol| if symbol < END { 4 } else { 5 },
            |_| 2,
            map.distances,
        );
        // What is not met in the sample may be met outside.
        let mut counts = Counts {
            symbols: [1; SYMBOLS],
            distances: [1; DISTANCE_SYMBOLS],
        };
        let piece = part.len() / (SAMPLED * SAMPLED);
        for number in 0..SAMPLED {
            let start = part.start + (number * SAMPLED + SAMPLED / 2) * piece;
            self.make(map, start..start + piece, &guess);
            self.count(map, start..start + piece, &mut counts);
        }
        let symbols = huffman::codes(&counts.symbols, LONGEST_CODE);
        let distances = huffman::codes(&counts.distances, LONGEST_CODE);
        Costs::new(
            |symbol| symbols[symbol].length.into(),
            |symbol| distances[symbol].length.into(),
            map.distances,
        )
    }

    /// Finds the cheapest steps through a part of the map, at most a block, from its end back. Of one distance only the
    /// longest repetition is tried: what follows it hardly ever costs more than what follows a shorter one.
    pub(crate) fn make(&mut self, map: &Map<'_>, part: Range<usize>, costs: &Costs) {
        if map.found.is_empty() {
            self.back(map, part, costs, |_, _| Choice::MAX);
        } else {
            let found = &map.found[part.clone()];
            self.back(map, part, costs, |place, totals| {
                let Found { distance, length } = found[place];
                let length = usize::from(length).min(found.len() - place);
                if length < SHORTEST {
                    return Choice::MAX;
                }
                let far = costs.far[distance_symbol(distance.into()).number];
                costs.found[length] + far + totals[length]
            });
        }
    }

    /// Goes back through a part. `found` gives one more choice at each place of it.
    fn back(
        &mut self,
        map: &Map<'_>,
        part: Range<usize>,
        costs: &Costs,
        found: impl Fn(usize, &[Choice]) -> Choice,
    ) {
        for (beyond, distance) in self.beyond.iter_mut().zip(map.distances) {
            beyond.clear();
            if let Some(missing) = distance.checked_sub(part.start) {
                // There is nothing before the map: anything but equal.
                let (above, below) = map.pixels[part.clone()].split_at(missing.min(part.len()));
                beyond.extend(above.iter().map(|pixel| !pixel));
                beyond.extend(&map.pixels[..below.len()]);
            }
        }
        let count = part.len();
        let before: [&[u8]; DISTANCES] =
            std::array::from_fn(
                |number| match part.start.checked_sub(map.distances[number]) {
                    Some(start) if start > 0 => &map.pixels[start..][..count],
                    _ => &self.beyond[number][..count],
                },
            );
        let pixels = &map.pixels[part];
        let mut lengths = [0; DISTANCES];
        let mut rest = 0;
        self.totals[count..][..LONGEST].fill(0);
        // No branch depends on a pixel: maps are too varied for the processor to guess them.
        for place in (0..count).rev() {
            let pixel = pixels[place];
            let totals = &self.totals[place..=place + LONGEST];
            let mut near = found(place, totals);
            for number in 0..DISTANCES {
                let equal = before[number][place] == pixel;
                let length = if equal {
                    LONGEST.min(lengths[number] + 1)
                } else {
                    0
                };
                lengths[number] = length;
                near = near.min(costs.near[number][length] + totals[length]);
            }
            let best = near.min(costs.literal[usize::from(pixel)] + rest);
            rest = best & TOTAL;
            self.totals[place] = rest;
            self.steps[place] = Step((best & !TOTAL) as u16);
        }
    }

    /// The steps of the part that was planned last, each with its place in the map.
    pub(crate) fn steps(&self, part: Range<usize>) -> impl Iterator<Item = (usize, Step)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let place = next;
            let step = *self.steps[..part.len()].get(place)?;
            next += step.length();
            Some((part.start + place, step))
        })
    }

    /// Counts the symbols of these steps.
    pub(crate) fn count(&self, map: &Map<'_>, part: Range<usize>, counts: &mut Counts) {
        for (place, step) in self.steps(part) {
            if step.is_literal() {
                counts.symbols[usize::from(map.pixels[place])] += 1;
            } else {
                let distance = map.distance(place, step);
                counts.symbols[length_symbol(step.length()).number] += 1;
                counts.distances[distance_symbol(distance).number] += 1;
            }
        }
    }
}
