//! From stored numbers to what the network was trained on: a logarithm and a squashing of each band.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use super::BANDS;
use super::functions::{exp2, log2};
use super::lanes::{Instructions, Kernel, Lanes};
use super::rows::Buffer;

/// For each band, the 30th percentile and the spread of `ln(0.005 v + 1)` in the training data
/// (Brown et al. 2022).
const PERCENTILES: [(f64, f64); BANDS.len()] = [
    (1.741_726_800_763_631_3, 2.023_298_706_048_351),
    (1.726_120_499_706_020_9, 2.038_905_204_308_012),
    (1.679_834_625_141_499_7, 2.179_592_821_212_937),
    (1.773_496_947_290_962_3, 2.289_006_833_302_660_3),
    (2.289_154_079_164_943, 2.617_167_454_937_816_6),
    (2.382_939_712_192_371, 2.773_418_590_375_327),
    (2.382_893_953_038_405_2, 2.757_833_260_417_828_4),
    (2.195_248_426_496_784_4, 2.789_092_484_314_204),
    (1.554_812_948_247_501, 2.414_053_494_749_248_7),
];

/// What upstream's arrays hold where there is nothing; the network sees it as a very bright pixel.
const NODATA: f32 = 65535.0;

/// The bands of an image, `[band][row][column]`, in units of 1e-4 reflectance; NaN is no data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image<'a> {
    pub(super) bands: &'a [f32],
    pub(super) height: usize,
    pub(super) width: usize,
}

impl<'a> Image<'a> {
    /// Part of a row of each band.
    fn row(self, y: usize, from: usize, length: usize) -> impl Iterator<Item = &'a [f32]> {
        self.bands
            .chunks_exact(self.height * self.width)
            .map(move |plane| &plane[y * self.width + from..][..length])
    }

    /// Makes part of a row as the network wants it, `[column][band]`. `scratch` is a buffer for it.
    pub(super) fn normalise(
        self,
        instructions: Instructions,
        (y, from): (usize, usize),
        scratch: &mut Buffer,
        out: &mut [f32],
    ) {
        let length = out.len() / BANDS.len();
        for (band, row) in self.row(y, from, length).enumerate() {
            for (to, value) in scratch.iter_mut().zip(row) {
                *to = if value.is_nan() { NODATA } else { *value };
            }
            instructions.run(Normalise {
                percentiles: PERCENTILES[band],
                values: scratch,
            });
            for (pixel, value) in out.chunks_exact_mut(BANDS.len()).zip(scratch.iter()) {
                pixel[band] = *value;
            }
        }
    }

    /// Marks with NaN those of `values` where a band has no data.
    pub(super) fn blank(self, (y, from): (usize, usize), values: &mut [f32]) {
        for row in self.row(y, from, values.len()) {
            for (value, band) in values.iter_mut().zip(row) {
                if band.is_nan() {
                    *value = f32::NAN;
                }
            }
        }
    }
}

/// `u = ln(0.005 v + 1)`, then `1 / (1 + exp(1 - 5 (u - a) / b))`.
///
/// As powers of two this is `1 / (1 + 2^(c - p log2(0.005 v + 1)))`, with `p = 5 / b` and
/// `c = (1 + 5 a / b) / ln 2`: one logarithm and one power.
struct Normalise<'a> {
    percentiles: (f64, f64),
    /// A multiple of the lanes.
    values: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let (a, b) = self.percentiles;
        let power = lanes.splat((-5.0 / b) as f32);
        let constant = lanes.splat(((1.0 + 5.0 * a / b) * std::f64::consts::LOG2_E) as f32);
        let one = lanes.splat(1.0);
        for values in self.values.chunks_exact_mut(L::COUNT) {
            let scaled = lanes.mul_add(lanes.load(values), lanes.splat(0.005), one);
            // Below -200 the logarithm ends; such a pixel is as dark as can be. The other bound is
            // for infinite values.
            let scaled = lanes.min(lanes.max(scaled, lanes.splat(1e-30)), lanes.splat(1e30));
            let exponent = lanes.mul_add(log2(lanes, scaled), power, constant);
            let value = lanes.div(one, lanes.add(one, exp2(lanes, exponent)));
            lanes.store(value, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BANDS, Image, PERCENTILES};
    use crate::dynamic_world::lanes::Instructions;
    use crate::dynamic_world::rows::Buffer;

    /// A row of one band, normalised on every instruction set of this machine.
    fn normalised(values: &[f32], band: usize) -> Vec<Vec<f32>> {
        let mut bands = vec![0.0; values.len() * BANDS.len()];
        bands[band * values.len()..][..values.len()].copy_from_slice(values);
        let image = Image {
            bands: &bands,
            height: 1,
            width: values.len(),
        };
        [
            Instructions::Portable,
            Instructions::Wide,
            Instructions::detect(),
        ]
        .map(|instructions| {
            let mut out = vec![0.0; bands.len()];
            let mut scratch = Buffer::zeros(values.len().next_multiple_of(16));
            image.normalise(instructions, (0, 0), &mut scratch, &mut out);
            out.chunks(BANDS.len()).map(|pixel| pixel[band]).collect()
        })
        .to_vec()
    }

    #[test]
    fn every_stored_number_is_normalised_as_in_float64() {
        let values: Vec<f32> = (0..=u16::MAX).map(f32::from).collect();
        for (band, (a, b)) in PERCENTILES.into_iter().enumerate() {
            for found in normalised(&values, band) {
                for (value, found) in values.iter().zip(found) {
                    let u = (0.005 * f64::from(*value) + 1.0).ln();
                    let expected = 1.0 / (1.0 + (1.0 - 5.0 * (u - a) / b).exp());
                    assert!(
                        (f64::from(found) - expected).abs() < 1e-6,
                        "{band}: {value}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_outside_the_logarithm_stay_between_0_and_1() {
        let values = [-1e9, -200.0, -199.0, f32::NEG_INFINITY, f32::INFINITY, 1e38];
        for found in normalised(&values, 3) {
            assert!(found.iter().all(|x| (0.0..=1.0).contains(x)), "{found:?}");
            assert!(found[0] < 1e-6 && found[4] > 0.999, "{found:?}");
        }
        // No data is 65535.
        for found in normalised(&[f32::NAN, 65535.0], 3) {
            assert_eq!(found[0].to_bits(), found[1].to_bits());
        }
    }
}
