//! The two resizes of the network along one axis: which rows (or columns) of one resolution make up
//! one of the other. Both are functions of the place in the whole image, so that a tile computes
//! exactly what the whole image would, at odd sizes too.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use super::lanes::{Kernel, Lanes};

/// An axis of the image: its length in pixels, at least 2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) full: usize,
}

/// Weights on pixels that follow one another.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    pub(super) first: usize,
    pub(super) weights: Vec<f32>,
}

/// A mix of two pixels: `1 - share` of the first, `share` of the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blend {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) share: f32,
}

impl Axis {
    /// Pixels at half the resolution.
    pub(super) fn half(self) -> usize {
        self.full / 2
    }

    /// What makes up pixel `o` at half the resolution: a triangle as wide as the ratio of the two,
    /// and weights that add up to one at the edges too.
    pub(super) fn down(self, o: usize) -> Taps {
        let ratio = self.full as f64 / self.half() as f64;
        let centre = (o as f64 + 0.5) * ratio;
        let weight = |j: usize| 1.0 - ((j as f64 + 0.5 - centre) / ratio).abs();
        let first = (centre - ratio - 0.5).floor().max(0.0) as usize;
        let last = ((centre + ratio).ceil() as usize).min(self.full);
        let (mut start, mut weights) = (first, Vec::new());
        for j in first..last {
            match weight(j) {
                found if found > 0.0 => weights.push(found),
                _ if weights.is_empty() => start = j + 1,
                _ => {}
            }
        }
        let sum: f64 = weights.iter().sum();
        Taps {
            first: start,
            weights: weights.iter().map(|w| (w / sum) as f32).collect(),
        }
    }

    /// What makes up pixel `o` at full resolution: linear between the centres of two pixels at half
    /// the resolution.
    pub(super) fn up(self, o: usize) -> Blend {
        let last = self.half() - 1;
        let at = (o as f64 + 0.5) * self.half() as f64 / self.full as f64 - 0.5;
        let first = at.max(0.0) as usize;
        if at < 0.0 || first >= last {
            let only = first.min(last);
            return Blend {
                first: only,
                second: only,
                share: 0.0,
            };
        }
        Blend {
            first,
            second: first + 1,
            share: (at - first as f64) as f32,
        }
    }
}

/// Reduces a row of pixels to the columns that `taps` say: `[column][channel]` in and out. The first
/// pixel of `row` is column `offset` of the image; there are `channels` numbers in a pixel, a multiple
/// of the lanes.
pub(super) struct ReduceColumns<'a> {
    pub(super) taps: &'a [Taps],
    pub(super) offset: usize,
    pub(super) channels: usize,
    pub(super) row: &'a [f32],
    pub(super) out: &'a mut [f32],
}

impl Kernel for ReduceColumns<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let channels = self.channels;
        for (taps, out) in self.taps.iter().zip(self.out.chunks_exact_mut(channels)) {
            let seen = &self.row[(taps.first - self.offset) * channels..];
            for (at, out) in out.chunks_exact_mut(L::COUNT).enumerate() {
                let mut sum = lanes.splat(0.0);
                for (weight, pixel) in taps.weights.iter().zip(seen.chunks_exact(channels)) {
                    let value = lanes.load(&pixel[at * L::COUNT..]);
                    sum = lanes.mul_add(value, lanes.splat(*weight), sum);
                }
                lanes.store(sum, out);
            }
        }
    }
}

/// Reduces rows to one: writes or adds `row` times `weight`.
pub(super) struct ReduceRow<'a> {
    pub(super) weight: f32,
    pub(super) row: &'a [f32],
    pub(super) out: &'a mut [f32],
    /// Whether to add to what `out` holds.
    pub(super) add: bool,
}

impl Kernel for ReduceRow<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let weight = lanes.splat(self.weight);
        let row = self.row.chunks_exact(L::COUNT);
        for (out, row) in self.out.chunks_exact_mut(L::COUNT).zip(row) {
            let before = if self.add {
                lanes.load(out)
            } else {
                lanes.splat(0.0)
            };
            lanes.store(lanes.mul_add(lanes.load(row), weight, before), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Blend};

    #[test]
    fn halving_an_even_axis_weighs_four_pixels_and_three_at_the_edges() {
        let axis = Axis { full: 10 };
        let eighths = |n: f32| n / 8.0;
        assert_eq!(axis.down(2).first, 3);
        assert_eq!(axis.down(2).weights, [1.0, 3.0, 3.0, 1.0].map(eighths));
        assert_eq!(axis.down(0).first, 0);
        assert_eq!(axis.down(0).weights, [3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0]);
        assert_eq!(axis.down(4).first, 7);
        assert_eq!(axis.down(4).weights.len(), 3);
    }

    #[test]
    fn the_weights_of_every_length_add_up_to_one_and_stay_inside() {
        for full in 2..200 {
            let axis = Axis { full };
            for o in 0..axis.half() {
                let taps = axis.down(o);
                assert!(taps.first + taps.weights.len() <= full, "{full}, {o}");
                assert!(taps.weights.iter().all(|w| *w > 0.0), "{full}, {o}");
                let sum: f32 = taps.weights.iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{full}, {o}: {sum}");
            }
        }
    }

    #[test]
    fn doubling_an_even_axis_takes_quarters_and_the_edge_as_it_is() {
        let axis = Axis { full: 6 };
        let blend = |first, second, share| Blend {
            first,
            second,
            share,
        };
        assert_eq!(axis.up(0), blend(0, 0, 0.0));
        assert_eq!(axis.up(1), blend(0, 1, 0.25));
        assert_eq!(axis.up(2), blend(0, 1, 0.75));
        assert_eq!(axis.up(5), blend(2, 2, 0.0));
        assert_eq!(Axis { full: 3 }.up(1), blend(0, 0, 0.0));
    }
}
