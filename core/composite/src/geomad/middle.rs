//! The medians of eight series at once, by a sorting network.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use super::lanes::{LANES, Lanes, Simd, Vector as _};

/// The median of the `count` smallest numbers of each lane (none of which is NaN), reordering them; NaN if `count` is
/// 0. An even count gives the mean of the middle two.
#[inline(always)]
pub(super) fn middle(simd: impl Simd, values: &mut [Lanes], count: [usize; LANES]) -> Lanes {
    sort(simd, values);
    let mut out = Lanes([f32::NAN; LANES]);
    for lane in 0..LANES {
        if let Some(last) = count[lane].checked_sub(1) {
            let (lower, upper) = (values[last / 2], values[count[lane] / 2]);
            out.0[lane] = f32::midpoint(lower.0[lane], upper.0[lane]);
        }
    }
    out
}

/// Sorts each lane upwards with Batcher's odd-even merge sort (Knuth, The Art of Computer Programming 3, 5.2.2 M):
/// which pairs are compared does not depend on the numbers, so that eight lanes can be sorted in step.
#[inline(always)]
fn sort(simd: impl Simd, values: &mut [Lanes]) {
    let n = values.len();
    // Runs of `run` numbers are sorted; they are merged two by two.
    let mut run = 1;
    while run < n {
        let mut gap = run;
        while gap > 0 {
            let mut start = gap % run;
            while start + gap < n {
                // Pairs must lie within one pair of runs.
                if start / (2 * run) == (start + gap) / (2 * run) {
                    let (low, high) = values[start..].split_at_mut(gap);
                    for (low, high) in low.iter_mut().zip(high) {
                        let (a, b) = simd.load(&low.0).sorted(simd.load(&high.0));
                        (*low, *high) = (a.store(), b.store());
                    }
                }
                start += 2 * gap;
            }
            gap /= 2;
        }
        run *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geomad::lanes::Portable;
    use proptest::prelude::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let mut values = [4.0, 1.0, 3.0, 2.0].map(|x| Lanes([x; LANES]));
        let found = middle(Portable, &mut values, [4, 3, 2, 1, 0, 4, 4, 4]).0;
        assert_eq!(found[..4], [2.5, 2.0, 1.5, 1.0]);
        assert!(found[4].is_nan());
    }

    proptest! {
        #[test]
        fn every_lane_is_sorted(
            lanes in (0..80_usize).prop_flat_map(|n| {
                prop::collection::vec(prop::array::uniform8(-1.0..1.0_f32), n)
            }),
        ) {
            let mut values: Vec<Lanes> = lanes.iter().copied().map(Lanes).collect();
            sort(Portable, &mut values);
            for lane in 0..LANES {
                let found: Vec<f32> = values.iter().map(|v| v.0[lane]).collect();
                let mut expected: Vec<f32> = lanes.iter().map(|v| v[lane]).collect();
                expected.sort_by(f32::total_cmp);
                prop_assert_eq!(found, expected);
            }
        }
    }
}
