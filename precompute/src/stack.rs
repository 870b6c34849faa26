//! The observations of a block: reflectance in 16 bits.
//!
//! Half the memory of floats, and steps of 0.00005: half of what Sentinel-2 itself resolves, so that its numbers are
//! kept exactly. From -0.2 (an offset taken away twice still shows) to 3.07 (brighter than any cloud).

use std::ops::Range;

use geocrop_composite::{Geomad, GeomadOptions, Observations, geomad_range};

/// Codes in a reflectance of 1.
const STEPS: f32 = 20_000.0;
/// The code of a reflectance of 0.
const ZERO: u16 = 4_000;
/// The code of no observation.
pub(crate) const MISSING: u16 = u16::MAX;

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
    let (factor, zero) = (scale * STEPS, offset * STEPS + f32::from(ZERO));
    let near = |a: f32, b: f32| (a - b).abs() < 1e-3;
    if near(factor, 2.0) && near(zero, zero.round()) && zero > -1e-3 {
        // Sentinel-2's ten-thousandths: the same in whole numbers, eight at a time on every processor.
        let zero = zero.round() as u16;
        let code = |number: u16| {
            let code = number.saturating_add(number).saturating_add(zero);
            code.min(MISSING - 1)
        };
        return encode_with(numbers, code, missing);
    }
    let last = f32::from(MISSING - 1);
    let code = |number: u16| (f32::from(number) * factor + zero + 0.5).clamp(0.0, last) as u16;
    encode_with(numbers, code, missing);
}

fn encode_with(numbers: &mut [u16], code: impl Fn(u16) -> u16, missing: &[u16]) {
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
    /// A season whose observations are to be filled in, in the room of an earlier one.
    pub(crate) fn in_room(mut room: Vec<u16>, dates: usize, bands: usize, pixels: usize) -> Self {
        room.resize(dates * bands * pixels, MISSING);
        Self {
            codes: room,
            dates,
            bands,
            pixels,
        }
    }

    /// The geometric median of some pixels, and its deviations, made on this thread.
    pub(crate) fn geomad(&self, options: &GeomadOptions, range: Range<usize>) -> Geomad {
        let observations = Observations {
            values: &self.codes,
            dates: self.dates,
            bands: self.bands,
            pixels: self.pixels,
        };
        geomad_range(&observations, decode, options, range)
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
}
