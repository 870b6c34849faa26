//! Eight f32 side by side, one for each of eight pixels: how they lie in memory, and the arithmetic on them.
//!
//! The arithmetic comes in two kinds that give the same bits: [`Portable`], and that of AVX2 and FMA (`avx2`). A value
//! of a [`Simd`] type stands for the knowledge that the processor has the instructions; a [`Vector`] can only be had
//! from one. Everything must be inlined: a function that is called is compiled for the oldest processor.
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use std::ops::{Add, Div, Mul, Sub};

/// Pixels that are worked on together.
pub(super) const LANES: usize = 8;

/// One number for each of the eight pixels, in memory.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
#[repr(align(32))]
pub(super) struct Lanes(pub(super) [f32; LANES]);

/// A kind of arithmetic on eight pixels.
pub(super) trait Simd: Copy {
    type Vector: Vector;

    fn splat(self, value: f32) -> Self::Vector;
    fn load(self, lanes: &[f32; LANES]) -> Self::Vector;
}

/// One number for each of the eight pixels, to calculate with. All operations are those of IEEE 754, so that every kind
/// gives the same bits.
pub(super) trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    fn store(self) -> Lanes;
    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// The smaller and the larger of two numbers, none of which is NaN.
    fn sorted(self, other: Self) -> (Self, Self);
    /// `self` where `x` is a number, 0 where it is NaN.
    fn where_number(self, x: Self) -> Self;
    /// `self` where `condition` is above 0, elsewhere `other`.
    fn where_positive(self, condition: Self, other: Self) -> Self;
}

/// The arithmetic of every processor. One without a fused multiply-add (on x86-64, those from before 2013) does it in
/// software: slow, but right.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Simd for Portable {
    type Vector = Array;

    #[inline(always)]
    fn splat(self, value: f32) -> Array {
        Array([value; LANES])
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Array {
        Array(*lanes)
    }
}

/// The vector of [`Portable`].
#[derive(Clone, Copy)]
pub(super) struct Array([f32; LANES]);

impl Array {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        out
    }
}

impl Vector for Array {
    #[inline(always)]
    fn store(self) -> Lanes {
        Lanes(self.0)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let mut out = self;
        for ((a, b), c) in out.0.iter_mut().zip(factor.0).zip(addend.0) {
            *a = a.mul_add(b, c);
        }
        out
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    #[inline(always)]
    fn sorted(self, other: Self) -> (Self, Self) {
        let low = self.zip(other, |a, b| if a < b { a } else { b });
        let high = self.zip(other, |a, b| if a < b { b } else { a });
        (low, high)
    }

    #[inline(always)]
    fn where_number(self, x: Self) -> Self {
        self.zip(x, |value, x| if x.is_nan() { 0.0 } else { value })
    }

    #[inline(always)]
    fn where_positive(self, condition: Self, other: Self) -> Self {
        let mut out = self;
        for ((a, c), b) in out.0.iter_mut().zip(condition.0).zip(other.0) {
            *a = if c > 0.0 { *a } else { b };
        }
        out
    }
}

impl Add for Array {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl Sub for Array {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl Mul for Array {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}

impl Div for Array {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
}
