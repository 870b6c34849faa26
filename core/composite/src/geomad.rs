//! The geometric median of each pixel's time series, and three median absolute deviations from it (`GeoMAD`).
//!
//! **Geomedian**: the spectrum with the smallest sum of Euclidean distances to all observations. It takes one whole
//! spectrum per date, so that the ratios between bands stay physical (Roberts, Mueller and `McIntyre` 2017,
//! doi:10.1109/TGRS.2017.2723896). **MADs**: the medians over time of the Euclidean distance (EMAD), the cosine
//! distance (SMAD) and the Bray-Curtis distance (BCMAD) between the observations and the geomedian (Roberts, Dunn,
//! Mueller 2018, doi:10.1109/IGARSS.2018.8518312).
//!
//! Solved by Weiszfeld's iteration in the form of Vardi and Zhang (2000, doi:10.1073/pnas.97.4.1423), which does not
//! get stuck when the estimate meets an observation.
//!
//! # How it is computed
//! Eight neighbouring pixels at a time, one in each lane of a vector register, in f32 (`weiszfeld`, `deviations`).
//! Clouds come in blobs, so neighbours miss mostly the same dates: a date that none of the eight saw is dropped
//! (`octet`), in the others a pixel that saw nothing has a weight of 0. A lane that has converged is left alone until
//! the other seven have. What f32 cannot settle (an estimate that meets an observation, a step finer than f32) goes to
//! the plain f64 iteration, pixel by pixel (`reference`).
//!
//! A pixel's answer depends on its own observations only, to the last bit: not on its neighbours, on how an image is
//! cut into blocks, or on the number of threads. Nor does it depend on the processor: only operations that IEEE 754
//! rounds in one way are used, fused multiply-add among them, called by name and never left to the compiler.
//!
//! # Agreement with the `geomad` Python package (1.0)
//! That package is what Digital Earth Africa's products are made with, so its answers are the yardstick. Found by
//! experiment, and kept here:
//!
//! - An observation with NaN in any band is left out altogether; `count` counts the others.
//! - Nothing observed: NaN in all outputs, count 0.
//! - One observation, or several equal ones: that spectrum, and MADs of 0.
//! - Two observations (or two equally heavy heaps): every point between them is a geometric median. The package
//!   starts from the origin, whose first step leads to the mean weighted by the inverse brightness of each, and stays
//!   there. Only in the first column of an array, and after an empty pixel, does it start from the mean; that depends
//!   on how the image was cut into blocks, so here every pixel starts from the origin.
//! - An observation of zero reflectance in all bands counts, but has no angle: it does not take part in SMAD, nor in
//!   BCMAD if the median is zero too. If nothing else was seen, the median and EMAD are 0, SMAD and BCMAD are NaN.
//! - The MADs are medians of distances to the median rounded to f32; an even number of them gives the mean of the
//!   middle two.
//!
//! One difference: rounding can make a cosine distance slightly negative (-2e-16) there; here it is at least 0.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod deviations;
mod lanes;
mod middle;
mod octet;
mod reference;
mod solver;
#[cfg(test)]
mod tests;
mod weiszfeld;

use std::ops::Range;

use rayon::prelude::*;
use solver::Solver;

/// Pixels that one task works on: the block of all their observations stays in the processor's second cache.
const CHUNK: usize = 64;

/// The observations of a block of pixels, as reflectances or as codes of them.
#[derive(Debug, Clone, Copy)]
pub struct Observations<'a, T = f32> {
    /// Reflectances in the order `[date][band][pixel]`; NaN = masked.
    pub values: &'a [T],
    /// Number of dates.
    pub dates: usize,
    /// Number of bands.
    pub bands: usize,
    /// Number of pixels.
    pub pixels: usize,
}

/// When to stop, and what to compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeomadOptions {
    /// The iteration ends when a step is shorter than this (in reflectance). The error that is left is a few times
    /// this length.
    pub eps: f32,
    /// The iteration ends after this many steps at the latest.
    pub max_iterations: u32,
    /// Whether to compute the three MADs too.
    pub mads: bool,
}

impl Default for GeomadOptions {
    /// A step of 1e-5, 1000 steps, with the MADs: what odc-algo uses.
    fn default() -> Self {
        Self {
            eps: 1e-5,
            max_iterations: 1000,
            mads: true,
        }
    }
}

/// The composite of a block of pixels. The MADs are empty if they were not asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Geomad {
    /// Geometric median in the unit of the observations, `[band][pixel]`; NaN where nothing was seen.
    pub median: Vec<f32>,
    /// Median Euclidean distance to it, in the unit of the observations, `[pixel]`.
    pub emad: Vec<f32>,
    /// Median cosine distance to it, 0 to 2, `[pixel]`.
    pub smad: Vec<f32>,
    /// Median Bray-Curtis distance to it, 0 to 1 for positive reflectances, `[pixel]`.
    pub bcmad: Vec<f32>,
    /// Number of observations that were used, `[pixel]`.
    pub count: Vec<u16>,
}

/// Geometric median, MADs and count of every pixel.
///
/// Pixels are independent of each other: the result does not depend on how an image is cut into blocks nor on the
/// number of threads. Runs in rayon's current pool; memory is the output, a list of tasks (a tenth of the output), and
/// for each thread the observations of 64 pixels (101 KB for 36 dates of 10 bands).
///
/// Made for values near 1, as reflectances are; those beyond 1e18 or below 1e-18 may overflow or vanish when squared in
/// f32.
///
/// # Panics
/// If `values` does not hold `dates * bands * pixels` numbers, if there is no band, or if there are more than 65,535
/// dates.
pub fn geomad(observations: &Observations, options: &GeomadOptions) -> Geomad {
    observations.check();
    let mut out = Geomad::unseen(observations.bands, observations.pixels, options);
    out.chunks(observations.pixels)
        .into_par_iter()
        .enumerate()
        .for_each_init(Solver::default, |solver, (index, mut chunk)| {
            solver.solve(
                observations,
                |value| value,
                options,
                index * CHUNK,
                &mut chunk,
            );
        });
    out
}

/// [`geomad`] of the pixels in a range, on this thread, with the same result. `reflectance` tells what a stored value
/// stands for; NaN = masked.
///
/// # Panics
/// As [`geomad`], and if the range ends beyond the last pixel.
pub fn geomad_range<T: Copy>(
    observations: &Observations<T>,
    reflectance: impl Fn(T) -> f32 + Copy,
    options: &GeomadOptions,
    range: Range<usize>,
) -> Geomad {
    observations.check();
    assert!(range.end <= observations.pixels, "{range:?} ends too far");
    let mut out = Geomad::unseen(observations.bands, range.len(), options);
    let mut solver = Solver::default();
    for (index, mut chunk) in out.chunks(range.len()).into_iter().enumerate() {
        let first = range.start + index * CHUNK;
        solver.solve(observations, reflectance, options, first, &mut chunk);
    }
    out
}

impl<T> Observations<'_, T> {
    fn check(&self) {
        let Self {
            values,
            dates,
            bands,
            pixels,
        } = *self;
        assert_eq!(
            values.len(),
            dates * bands * pixels,
            "observations must hold {dates} dates x {bands} bands x {pixels} pixels"
        );
        assert!(bands > 0, "observations must have at least one band");
        assert!(
            u16::try_from(dates).is_ok(),
            "at most 65535 dates can be counted, found {dates}"
        );
    }
}

/// The part of the output that one task writes.
struct Chunk<'a> {
    median: Vec<&'a mut [f32]>,
    /// EMAD, SMAD, BCMAD; empty if they were not asked for.
    mads: [&'a mut [f32]; 3],
    count: &'a mut [u16],
}

impl Geomad {
    /// The composite where nothing was seen.
    fn unseen(bands: usize, pixels: usize, options: &GeomadOptions) -> Self {
        let mads = if options.mads { pixels } else { 0 };
        Self {
            median: vec![f32::NAN; bands * pixels],
            emad: vec![f32::NAN; mads],
            smad: vec![f32::NAN; mads],
            bcmad: vec![f32::NAN; mads],
            count: vec![0; pixels],
        }
    }

    /// Cuts the output into runs of at most [`CHUNK`] pixels.
    fn chunks(&mut self, pixels: usize) -> Vec<Chunk<'_>> {
        let mut bands: Vec<_> = self
            .median
            .chunks_mut(pixels.max(1))
            .map(|band| band.chunks_mut(CHUNK))
            .collect();
        let mut mads =
            [&mut self.emad, &mut self.smad, &mut self.bcmad].map(|plane| plane.chunks_mut(CHUNK));
        self.count
            .chunks_mut(CHUNK)
            .map(|count| Chunk {
                median: bands.iter_mut().filter_map(Iterator::next).collect(),
                mads: mads
                    .each_mut()
                    .map(|plane| plane.next().unwrap_or_default()),
                count,
            })
            .collect()
    }
}
