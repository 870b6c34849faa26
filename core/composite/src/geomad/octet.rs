//! The observations of eight neighbouring pixels, without the dates that none of them saw.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use super::lanes::{LANES, Lanes, Simd, Vector as _};

/// What stands in for a masked observation. It has no weight; all it must do is to stay away from the estimate, so that
/// the distance is not 0, and to have a square.
const FAR: f32 = 1e15;

/// Slots are a multiple of this: the iteration takes so many observations at a time.
pub(super) const BATCH: usize = 4;

/// The observations of eight pixels. A slot is a date at which at least one of them was seen.
#[derive(Default)]
pub(super) struct Octet {
    /// `[slot][band]`, [`FAR`] where masked.
    pub(super) values: Vec<Lanes>,
    /// Per slot: 1 where the pixel was seen, 0 where it was not.
    pub(super) seen: Vec<Lanes>,
    /// Observations of each pixel.
    pub(super) count: [u16; LANES],
}

impl Octet {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.seen.clear();
        self.count = [0; LANES];
    }

    /// Adds one date, `[band]`, unless no pixel was seen in all bands.
    #[inline(always)]
    pub(super) fn push<'a>(
        &mut self,
        simd: impl Simd,
        spectrum: impl Iterator<Item = &'a [f32; LANES]> + Clone,
    ) {
        let mut seen = simd.splat(1.0);
        for values in spectrum.clone() {
            seen = seen.where_number(simd.load(values));
        }
        let stored = seen.store();
        if stored == Lanes::default() {
            return;
        }
        for (count, seen) in self.count.iter_mut().zip(stored.0) {
            *count += seen as u16;
        }
        self.seen.push(stored);
        let far = simd.splat(FAR);
        for values in spectrum {
            let values = simd.load(values).where_positive(seen, far);
            self.values.push(values.store());
        }
    }

    /// Fills up the last batch with slots that nobody saw.
    #[inline(always)]
    pub(super) fn pad(&mut self, bands: usize) {
        let slots = self.seen.len().next_multiple_of(BATCH);
        self.seen.resize(slots, Lanes::default());
        self.values.resize(slots * bands, Lanes([FAR; LANES]));
    }

    /// What one pixel showed in one of the `bands`, in the order of the dates.
    pub(super) fn series(
        &self,
        lane: usize,
        band: usize,
        bands: usize,
    ) -> impl Iterator<Item = f32> {
        self.values
            .chunks_exact(bands)
            .zip(&self.seen)
            .filter(move |(_, seen)| seen.0[lane] > 0.0)
            .map(move |(spectrum, _)| spectrum[band].0[lane])
    }
}
