//! One chunk of pixels from observations to composite, on the widest vector units that the processor has.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use super::deviations::Deviations;
use super::lanes::{LANES, Portable, Simd};
use super::octet::Octet;
use super::reference::Series;
use super::weiszfeld::{State, Weiszfeld};
use super::{CHUNK, Chunk, GeomadOptions, Observations};

/// What one thread needs to work on one chunk after the other.
#[derive(Default)]
pub(super) struct Solver {
    /// One date of the chunk, `[band]`.
    date: Vec<[f32; CHUNK]>,
    octets: [Octet; CHUNK / LANES],
    weiszfeld: Weiszfeld,
    deviations: Deviations,
    series: Series,
}

impl Solver {
    /// Writes the composite of the pixels from `first` on, as many as `out` has room for.
    pub(super) fn solve<T: Copy>(
        &mut self,
        observations: &Observations<T>,
        reflectance: impl Fn(T) -> f32 + Copy,
        options: &GeomadOptions,
        first: usize,
        out: &mut Chunk,
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = super::avx2::Avx2::find() {
            return avx2.solve(self, observations, reflectance, options, first, out);
        }
        self.solve_with(Portable, observations, reflectance, options, first, out);
    }

    /// [`Self::solve`] with one kind of arithmetic.
    #[inline(always)]
    pub(super) fn solve_with<T: Copy>(
        &mut self,
        simd: impl Simd,
        observations: &Observations<T>,
        reflectance: impl Fn(T) -> f32 + Copy,
        options: &GeomadOptions,
        first: usize,
        out: &mut Chunk,
    ) {
        let bands = observations.bands;
        self.load(simd, observations, reflectance, first, out.count.len());
        let octets = self.octets.iter_mut();
        for (octet, start) in octets.zip((0..out.count.len()).step_by(LANES)) {
            octet.pad(bands);
            let states =
                self.weiszfeld
                    .solve(simd, octet, bands, options.eps, options.max_iterations);
            let median = &mut self.weiszfeld.median[..];
            for (lane, state) in states.into_iter().enumerate() {
                let State::Coarse { steps } = state else {
                    continue;
                };
                self.series.load(
                    (0..bands).flat_map(|band| octet.series(lane, band, bands)),
                    median.iter().map(|y| y.0[lane]),
                );
                self.series
                    .iterate(options.eps, options.max_iterations - steps);
                for (y, settled) in median.iter_mut().zip(self.series.median()) {
                    y.0[lane] = settled;
                }
            }
            let end = out.count.len().min(start + LANES);
            for (band, y) in out.median.iter_mut().zip(median.iter()) {
                band[start..end].copy_from_slice(&y.0[..end - start]);
            }
            out.count[start..end].copy_from_slice(&octet.count[..end - start]);
            if options.mads {
                let mads = self.deviations.of(simd, octet, median);
                for (plane, mad) in out.mads.iter_mut().zip(mads) {
                    plane[start..end].copy_from_slice(&mad.0[..end - start]);
                }
            }
        }
    }

    /// Fills the octets with the observations of `size` pixels from `first` on.
    #[inline(always)]
    fn load<T: Copy>(
        &mut self,
        simd: impl Simd,
        observations: &Observations<T>,
        reflectance: impl Fn(T) -> f32 + Copy,
        first: usize,
        size: usize,
    ) {
        let Observations {
            values,
            bands,
            pixels,
            ..
        } = *observations;
        self.octets.iter_mut().for_each(Octet::clear);
        // Pixels beyond `size` stay unseen.
        self.date.clear();
        self.date.resize(bands, [f32::NAN; CHUNK]);
        for date in values.chunks_exact(bands * pixels) {
            // A run of each plane first: the same few lines of the planes, whose distance is often a power of two,
            // would throw each other out of the cache.
            for (row, plane) in self.date.iter_mut().zip(date.chunks_exact(pixels)) {
                for (to, from) in row[..size].iter_mut().zip(&plane[first..first + size]) {
                    *to = reflectance(*from);
                }
            }
            for (index, octet) in self.octets.iter_mut().enumerate() {
                octet.push(simd, self.date.iter().map(|row| &row.as_chunks().0[index]));
            }
        }
    }
}
