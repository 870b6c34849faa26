//! The observations of a block: reflectance in 16 bits.
//!
//! Half the memory of floats, and steps of 0.00005: half of what Sentinel-2 itself resolves, so that its numbers are
//! kept exactly. From -0.2 (an offset taken away twice still shows) to 3.07 (brighter than any cloud).

use geocrop_composite::{Geomad, GeomadOptions, Observations, geomad};

/// Codes in a reflectance of 1.
const STEPS: f32 = 20_000.0;
/// The code of a reflectance of 0.
const ZERO: u16 = 4_000;
/// The code of no observation.
pub(crate) const MISSING: u16 = u16::MAX;

/// Pixels that are turned into floats at a time: some megabytes for a year of scenes.
const STRIP: usize = 16_384;

/// The code of a reflectance; NaN is [`MISSING`].
pub(crate) fn encode(reflectance: f32) -> u16 {
    if reflectance.is_nan() {
        return MISSING;
    }
    let code = (reflectance * STEPS).round() + f32::from(ZERO);
    code.clamp(0.0, f32::from(MISSING - 1)) as u16
}

/// The reflectance of a code.
pub(crate) fn decode(code: u16) -> f32 {
    if code == MISSING {
        f32::NAN
    } else {
        (f32::from(code) - f32::from(ZERO)) / STEPS
    }
}

/// Turns stored numbers into codes in place: `reflectance = number * scale + offset`; the numbers `missing` are no data.
pub(crate) fn encode_stored(numbers: &mut [u16], scale: f32, offset: f32, missing: &[u16]) {
    let (factor, zero) = (scale * STEPS, offset * STEPS + f32::from(ZERO) + 0.5);
    let last = f32::from(MISSING - 1);
    let code = |number: u16| (f32::from(number) * factor + zero).clamp(0.0, last) as u16;
    match *missing {
        [] => numbers.iter_mut().for_each(|n| *n = code(*n)),
        [one] => numbers
            .iter_mut()
            .for_each(|n| *n = if *n == one { MISSING } else { code(*n) }),
        [one, two] => numbers.iter_mut().for_each(|n| {
            *n = if *n == one || *n == two {
                MISSING
            } else {
                code(*n)
            };
        }),
        _ => numbers.iter_mut().for_each(|n| {
            *n = if missing.contains(n) {
                MISSING
            } else {
                code(*n)
            };
        }),
    }
}

/// Codes of a season, `[date][band][pixel]`.
pub(crate) struct Stack {
    pub(crate) codes: Vec<u16>,
    pub(crate) dates: usize,
    pub(crate) bands: usize,
    pub(crate) pixels: usize,
}

impl Stack {
    /// A season without an observation.
    pub(crate) fn empty(dates: usize, bands: usize, pixels: usize) -> Self {
        Self {
            codes: vec![MISSING; dates * bands * pixels],
            dates,
            bands,
            pixels,
        }
    }

    /// The geometric median of each pixel, and its deviations.
    pub(crate) fn geomad(&self, options: &GeomadOptions) -> Geomad {
        let mads = if options.mads { self.pixels } else { 0 };
        let mut all = Geomad {
            median: vec![f32::NAN; self.bands * self.pixels],
            emad: Vec::with_capacity(mads),
            smad: Vec::with_capacity(mads),
            bcmad: Vec::with_capacity(mads),
            count: Vec::with_capacity(self.pixels),
        };
        let mut values = Vec::new();
        for first in (0..self.pixels).step_by(STRIP) {
            let length = STRIP.min(self.pixels - first);
            values.clear();
            for plane in self.codes.chunks_exact(self.pixels) {
                values.extend(
                    plane[first..first + length]
                        .iter()
                        .map(|code| decode(*code)),
                );
            }
            let part = geomad(
                &Observations {
                    values: &values,
                    dates: self.dates,
                    bands: self.bands,
                    pixels: length,
                },
                options,
            );
            let planes = all.median.chunks_exact_mut(self.pixels);
            for (plane, part) in planes.zip(part.median.chunks_exact(length)) {
                plane[first..first + length].copy_from_slice(part);
            }
            all.emad.extend(part.emad);
            all.smad.extend(part.smad);
            all.bcmad.extend(part.bcmad);
            all.count.extend(part.count);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinel_2s_own_numbers_come_back_exactly() {
        for number in (0..30_000_u16).step_by(7) {
            for offset in [0.0_f32, -0.1] {
                let mut stored = [number];
                encode_stored(&mut stored, 1e-4, offset, &[0]);
                let exact = (f64::from(number) + f64::from(offset) * 1e4) / 1e4;
                if number == 0 {
                    assert_eq!(stored[0], MISSING);
                } else {
                    assert!(
                        (f64::from(decode(stored[0])) - exact).abs() < 3e-7,
                        "{number} {offset}"
                    );
                    // The way over floats is the same.
                    assert_eq!(
                        encode(f32::from(number) * 1e-4 + offset),
                        stored[0],
                        "{number}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_are_kept_and_nothing_becomes_missing_by_brightness() {
        assert!((decode(encode(-0.2)) + 0.2).abs() < 1e-6);
        assert_eq!(encode(-5.0), 0);
        assert_eq!(encode(90.0), MISSING - 1);
        assert_eq!(encode(f32::NAN), MISSING);
        assert!(decode(MISSING).is_nan());
        let mut stored = [65_535, 65_534, 5, 7, 9];
        encode_stored(&mut stored, 1e-4, 0.0, &[65_535, 5, 7]);
        assert_eq!(stored[0], MISSING);
        assert_eq!(stored[1], MISSING - 1);
        assert_eq!(stored[2..4], [MISSING; 2]);
        assert_eq!(stored[4], ZERO + 18);
    }

    #[test]
    fn strips_give_the_composite_of_the_whole() {
        let (dates, bands, pixels) = (5, 2, STRIP + 300);
        let mut stack = Stack::empty(dates, bands, pixels);
        for (place, code) in stack.codes.iter_mut().enumerate() {
            let pixel = place % pixels;
            let date = place / (pixels * bands);
            if (pixel + date) % 4 != 0 {
                *code = ZERO + ((place * 7919) % 9001) as u16;
            }
        }
        let values: Vec<f32> = stack.codes.iter().map(|c| decode(*c)).collect();
        let options = GeomadOptions::default();
        let whole = geomad(
            &Observations {
                values: &values,
                dates,
                bands,
                pixels,
            },
            &options,
        );
        let strips = stack.geomad(&options);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&strips.median), bits(&whole.median));
        assert_eq!(bits(&strips.smad), bits(&whole.smad));
        assert_eq!(strips.count, whole.count);
    }
}
