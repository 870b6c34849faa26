//! Weiszfeld's iteration on eight pixels at once, in f32, from the origin.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use super::lanes::{LANES, Lanes, Simd, Vector as _};
use super::octet::{BATCH, Octet};

/// Bands whose weighted sums are formed together: enough additions in flight to keep the processor busy, few enough to
/// stay in registers.
const WIDEST: usize = 6;

/// A step of this share of the median's length is too near to the rounding of f32 to be told from it.
const RESOLUTION: f32 = 1e-6;

/// How far a pixel's median is known when the iteration ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    /// The last step was shorter than `eps`, or the last that is allowed; or nothing was seen, and the median is NaN.
    Settled,
    /// After so many steps, f32 can tell no more; the median is where a finer iteration is to go on. That is the
    /// origin after 0 steps, if the estimate met an observation.
    Coarse { steps: u32 },
}

/// The estimates of eight pixels on their way to the median.
#[derive(Default)]
pub(super) struct Weiszfeld {
    /// The medians, `[band]`.
    pub(super) median: Vec<Lanes>,
    estimate: Vec<Lanes>,
    next: Vec<Lanes>,
    /// Inverse distance, per slot.
    weight: Vec<Lanes>,
}

impl Weiszfeld {
    /// Iterates until every pixel's step is shorter than `eps`, or `max_iterations` times.
    #[inline(always)]
    pub(super) fn solve(
        &mut self,
        simd: impl Simd,
        octet: &Octet,
        bands: usize,
        eps: f32,
        max_iterations: u32,
    ) -> [State; LANES] {
        let start = Lanes(octet.count.map(|n| if n == 0 { f32::NAN } else { 0.0 }));
        self.median.clear();
        self.median.resize(bands, start);
        self.estimate.clear();
        self.estimate.resize(bands, Lanes::default());
        self.next.resize(bands, Lanes::default());
        self.weight.clear();
        self.weight.resize(octet.seen.len(), Lanes::default());

        let mut running = octet.count.map(|n| n > 1);
        // A single observation is its own median, exactly.
        let mut states = octet.count.map(|n| match n {
            1 => State::Coarse { steps: 0 },
            _ => State::Settled,
        });
        for steps in 1..=max_iterations {
            if !running.contains(&true) {
                break;
            }
            let (step, length) = self.advance(simd, octet, bands);
            let last = steps == max_iterations;
            for lane in 0..LANES {
                if !running[lane] {
                    continue;
                }
                // Both are squares.
                let (step, length) = (step.0[lane], length.0[lane]);
                if !(step + length).is_finite() {
                    running[lane] = false;
                    states[lane] = State::Coarse { steps: 0 };
                    continue;
                }
                if step < eps * eps || last {
                    states[lane] = State::Settled;
                } else if step < RESOLUTION * RESOLUTION * length {
                    states[lane] = State::Coarse { steps };
                } else {
                    continue;
                }
                running[lane] = false;
                for (median, estimate) in self.median.iter_mut().zip(&self.estimate) {
                    median.0[lane] = estimate.0[lane];
                }
            }
        }
        states
    }

    /// Moves the estimates to the means of the observations, weighted by the inverse of their distances. Returns the
    /// squared lengths of the step and of the new estimate.
    #[inline(always)]
    fn advance(&mut self, simd: impl Simd, octet: &Octet, bands: usize) -> (Lanes, Lanes) {
        let batches = octet.values.chunks_exact(BATCH * bands);
        let seen = octet.seen.as_chunks::<BATCH>().0;
        let weights = self.weight.as_chunks_mut::<BATCH>().0;
        let mut total = simd.splat(0.0);
        for ((spectra, seen), weights) in batches.zip(seen).zip(weights) {
            let squared = squared_distances(simd, spectra, &self.estimate);
            for ((weight, seen), squared) in weights.iter_mut().zip(seen).zip(squared) {
                // Infinite where the estimate has met the observation, which makes the step infinite or NaN.
                let inverse = simd.load(&seen.0) / squared.sqrt();
                total = total + inverse;
                *weight = inverse.store();
            }
        }

        let mut rest = &mut self.next[..];
        while !rest.is_empty() {
            let first = bands - rest.len();
            // Ten bands go as five and five, not as six and four.
            let width = rest.len().div_ceil(rest.len().div_ceil(WIDEST));
            let (sums, others) = rest.split_at_mut(width);
            let (values, weight) = (&octet.values, &self.weight);
            match width {
                1 => weighted_sums::<1>(simd, values, weight, bands, first, sums),
                2 => weighted_sums::<2>(simd, values, weight, bands, first, sums),
                3 => weighted_sums::<3>(simd, values, weight, bands, first, sums),
                4 => weighted_sums::<4>(simd, values, weight, bands, first, sums),
                5 => weighted_sums::<5>(simd, values, weight, bands, first, sums),
                _ => weighted_sums::<WIDEST>(simd, values, weight, bands, first, sums),
            }
            rest = others;
        }

        let scale = simd.splat(1.0) / total;
        let mut step = simd.splat(0.0);
        let mut length = simd.splat(0.0);
        for (estimate, sum) in self.estimate.iter_mut().zip(&self.next) {
            let next = simd.load(&sum.0) * scale;
            let moved = next - simd.load(&estimate.0);
            step = moved.mul_add(moved, step);
            length = next.mul_add(next, length);
            *estimate = next.store();
        }
        (step.store(), length.store())
    }
}

/// Squared distances of one batch of observations to the estimates.
#[inline(always)]
fn squared_distances<S: Simd>(
    simd: S,
    spectra: &[Lanes],
    estimate: &[Lanes],
) -> [S::Vector; BATCH] {
    let (a, spectra) = spectra.split_at(estimate.len());
    let (b, spectra) = spectra.split_at(estimate.len());
    let (c, d) = spectra.split_at(estimate.len());
    let mut squared = [simd.splat(0.0); BATCH];
    for ((((a, b), c), d), y) in a.iter().zip(b).zip(c).zip(d).zip(estimate) {
        let y = simd.load(&y.0);
        for (squared, x) in squared.iter_mut().zip([a, b, c, d]) {
            let difference = simd.load(&x.0) - y;
            *squared = difference.mul_add(difference, *squared);
        }
    }
    squared
}

/// Sums over the observations of weight times value, for the `WIDTH` bands from `first` on.
#[inline(always)]
fn weighted_sums<const WIDTH: usize>(
    simd: impl Simd,
    values: &[Lanes],
    weight: &[Lanes],
    bands: usize,
    first: usize,
    out: &mut [Lanes],
) {
    let mut sums = [simd.splat(0.0); WIDTH];
    for (spectrum, weight) in values.chunks_exact(bands).zip(weight) {
        let weight = simd.load(&weight.0);
        for (sum, x) in sums.iter_mut().zip(&spectrum[first..first + WIDTH]) {
            *sum = simd.load(&x.0).mul_add(weight, *sum);
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = sum.store();
    }
}
