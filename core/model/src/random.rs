//! Random numbers that are the same for ever, on every machine: folds, bootstrap and samples that
//! were drawn with a seed can be drawn again.

/// The generator of Steele, Lea and Flood, "Fast splittable pseudorandom number generators"
/// (OOPSLA 2014): a few lines that give the same numbers for ever, which no library promises.
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The generator of one of many independent tasks under one seed, so that the tasks can run in
    /// any order.
    pub fn stream(seed: u64, task: usize) -> Self {
        // Two rounds of mixing: states a fixed step apart would repeat one another's numbers.
        let mut of_seed = Self(seed);
        let mut of_task = Self(of_seed.next() ^ task as u64);
        Self(of_task.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number from 0 to `bound` - 1. The high half of the product maps a number to a range;
    /// its bias is `bound` / 2^64.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Fisher and Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let pick = self.below(last + 1);
            items.swap(last, pick);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first values for seed 1234567 in the authors' reference implementation.
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly_in_every_stream() {
        let mut counts = [0_u32; 7];
        for task in 0..700 {
            let mut random = SplitMix64::stream(3, task);
            for _ in 0..100 {
                counts[random.below(7)] += 1;
            }
        }
        // 10,000 expected, standard deviation 93.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 400),
            "{counts:?}"
        );
    }
}
