//! The three median absolute deviations of eight pixels at once.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use super::lanes::{Lanes, Simd, Vector};
use super::middle::middle;
use super::octet::Octet;

/// Scratch for the distances of eight pixels' observations to their medians.
#[derive(Default)]
pub(super) struct Deviations {
    /// The medians, scaled to the length 1, `[band]`.
    direction: Vec<Lanes>,
    euclidean: Distances,
    cosine: Distances,
    bray_curtis: Distances,
}

impl Deviations {
    /// EMAD, SMAD and BCMAD around `median`, `[band]`.
    #[inline(always)]
    pub(super) fn of(&mut self, simd: impl Simd, octet: &Octet, median: &[Lanes]) -> [Lanes; 3] {
        let scale = inverse_length(simd, median);
        self.direction.clear();
        self.direction
            .extend(median.iter().map(|y| (simd.load(&y.0) * scale).store()));
        self.euclidean.clear();
        self.cosine.clear();
        self.bray_curtis.clear();
        for (spectrum, seen) in octet.values.chunks_exact(median.len()).zip(&octet.seen) {
            let mut squared = simd.splat(0.0);
            let mut difference = simd.splat(0.0);
            let mut sum = simd.splat(0.0);
            for (x, y) in spectrum.iter().zip(median) {
                let (x, y) = (simd.load(&x.0), simd.load(&y.0));
                let apart = x - y;
                squared = apart.mul_add(apart, squared);
                difference = difference + apart.abs();
                sum = sum + (x + y).abs();
            }
            // Half the squared chord between the two directions is 1 - cos of the angle, but keeps its digits where
            // the angle is small.
            let scale = inverse_length(simd, spectrum);
            let mut chord = simd.splat(0.0);
            for (x, y) in spectrum.iter().zip(&self.direction) {
                let apart = simd.load(&x.0) * scale - simd.load(&y.0);
                chord = apart.mul_add(apart, chord);
            }
            let seen = simd.load(&seen.0);
            self.euclidean.push(simd, squared.sqrt(), seen);
            self.cosine.push(simd, chord * simd.splat(0.5), seen);
            self.bray_curtis.push(simd, difference / sum, seen);
        }
        [
            self.euclidean.median(simd),
            self.cosine.median(simd),
            self.bray_curtis.median(simd),
        ]
    }
}

/// Infinite for a spectrum of zeros, which has no direction: zero times infinity is NaN.
#[inline(always)]
fn inverse_length<S: Simd>(simd: S, spectrum: &[Lanes]) -> S::Vector {
    let mut squared = simd.splat(0.0);
    for x in spectrum {
        let x = simd.load(&x.0);
        squared = x.mul_add(x, squared);
    }
    simd.splat(1.0) / squared.sqrt()
}

/// The distances of one kind, one per slot.
#[derive(Default)]
struct Distances {
    /// Infinite where there is none.
    values: Vec<Lanes>,
    /// How many there are.
    count: Lanes,
}

impl Distances {
    fn clear(&mut self) {
        self.values.clear();
        self.count = Lanes::default();
    }

    #[inline(always)]
    fn push<S: Simd>(&mut self, simd: S, distance: S::Vector, seen: S::Vector) {
        let exists = seen.where_number(distance);
        let value = distance.where_positive(exists, simd.splat(f32::INFINITY));
        self.values.push(value.store());
        self.count = (simd.load(&self.count.0) + exists).store();
    }

    #[inline(always)]
    fn median(&mut self, simd: impl Simd) -> Lanes {
        middle(simd, &mut self.values, self.count.0.map(|n| n as usize))
    }
}
