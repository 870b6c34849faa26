//! The functions of the network on vectors: powers of two, logarithms, the mish activation.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use std::f32::consts::{LN_2, LOG2_E};

use super::lanes::{Kernel, Lanes};

/// Adding this to a number below 2^22 leaves the nearest whole number in the low bits.
const SHIFT: f32 = 12_582_912.0; // 1.5 * 2^23

/// Coefficients of 2^f for f in [-1/2, 1/2], the polynomial of least relative error (1.9e-9, by
/// Remez's exchange in float64) with its constant rounded to 1.
const EXP2: [f32; 7] = [
    1.0,
    LN_2,
    0.240_226_46,
    0.055_503_286,
    0.009_618_489,
    0.001_339_993,
    0.000_153_458_12,
];

/// `2^f * 2^k` for f in [-1/2, 1/2], with k in the low bits of `shifted`.
#[inline(always)]
fn exp2_parts<L: Lanes>(lanes: L, fraction: L::Vector, shifted: L::Vector) -> L::Vector {
    let mut sum = lanes.splat(EXP2[6]);
    for coefficient in EXP2[..6].iter().rev() {
        sum = lanes.mul_add(sum, fraction, lanes.splat(*coefficient));
    }
    lanes.scale(sum, shifted)
}

/// `2^x` with a relative error below 2e-7; x beyond 125 either way is taken as that.
#[inline(always)]
pub(super) fn exp2<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let x = lanes.min(lanes.max(x, lanes.splat(-125.0)), lanes.splat(125.0));
    let shifted = lanes.add(x, lanes.splat(SHIFT));
    let whole = lanes.sub(shifted, lanes.splat(SHIFT));
    exp2_parts(lanes, lanes.sub(x, whole), shifted)
}

/// The logarithm to base 2 of positive normal numbers, with an absolute error below 1e-6.
#[inline(always)]
pub(super) fn log2<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    let (mantissa, exponent) = lanes.split(x);
    let one = lanes.splat(1.0);
    // ln m = 2 atanh(s) for s = (m - 1) / (m + 1), here below 0.172: five terms of its series.
    let s = lanes.div(lanes.sub(mantissa, one), lanes.add(mantissa, one));
    let square = lanes.mul(s, s);
    let mut sum = lanes.splat(2.0 / 9.0 * LOG2_E);
    for term in [7.0, 5.0, 3.0, 1.0] {
        sum = lanes.mul_add(sum, square, lanes.splat(2.0 / term * LOG2_E));
    }
    lanes.mul_add(sum, s, exponent)
}

/// `x tanh(ln(1 + e^x))` (Misra 2019, arXiv:1908.08681) with an error below 1e-6 of its value.
///
/// With `t = e^x` it is `x n / (n + 2)` for `n = t (t + 2)`: no cancellation on either side.
#[inline(always)]
pub(super) fn mish<L: Lanes>(lanes: L, x: L::Vector) -> L::Vector {
    // Above 20 the quotient is 1 in float32 and t^2 still fits; below -80 the result is nothing.
    let bound = lanes.min(lanes.max(x, lanes.splat(-80.0)), lanes.splat(20.0));
    let log2_e = lanes.splat(LOG2_E);
    let shifted = lanes.mul_add(bound, log2_e, lanes.splat(SHIFT));
    let minus_whole = lanes.sub(lanes.splat(SHIFT), shifted);
    let fraction = lanes.mul_add(bound, log2_e, minus_whole);
    let t = exp2_parts(lanes, fraction, shifted);
    let two = lanes.splat(2.0);
    let n = lanes.mul(t, lanes.add(t, two));
    lanes.div(lanes.mul(x, n), lanes.add(n, two))
}

/// Softmax over planes: `values` holds `planes` planes of as many numbers, a multiple of the lanes.
pub(super) struct Softmax<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) planes: usize,
}

impl Kernel for Softmax<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let length = self.values.len() / self.planes;
        for at in (0..length).step_by(L::COUNT) {
            let places = (0..self.planes).map(|plane| plane * length + at);
            let mut largest = lanes.splat(f32::MIN);
            for place in places.clone() {
                largest = lanes.max(largest, lanes.load(&self.values[place..]));
            }
            let mut sum = lanes.splat(0.0);
            for place in places.clone() {
                let above = lanes.sub(lanes.load(&self.values[place..]), largest);
                let power = exp2(lanes, lanes.mul(above, lanes.splat(LOG2_E)));
                sum = lanes.add(sum, power);
                lanes.store(power, &mut self.values[place..]);
            }
            for place in places {
                let share = lanes.div(lanes.load(&self.values[place..]), sum);
                lanes.store(share, &mut self.values[place..]);
            }
        }
    }
}
