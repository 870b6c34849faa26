//! The arithmetic on eight pixels with the AVX2 and FMA instructions of x86-64.
#![expect(
    unsafe_code,
    reason = "instructions that not every processor has may only be used where they were found"
)]
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the vector units that the caller has found"
)]

use std::arch::x86_64::{
    __m256, _CMP_GT_OQ, _CMP_ORD_Q, _mm256_add_ps, _mm256_and_ps, _mm256_andnot_ps,
    _mm256_blendv_ps, _mm256_cmp_ps, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_sqrt_ps, _mm256_storeu_ps,
    _mm256_sub_ps,
};
use std::ops::{Add, Div, Mul, Sub};

use super::lanes::{LANES, Lanes, Simd, Vector};
use super::solver::Solver;
use super::{Chunk, GeomadOptions, Observations};

/// The knowledge that this processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn find() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// [`Solver::solve_with`], compiled for these instructions.
    pub(super) fn solve<T: Copy>(
        self,
        solver: &mut Solver,
        observations: &Observations<T>,
        reflectance: impl Fn(T) -> f32 + Copy,
        options: &GeomadOptions,
        first: usize,
        out: &mut Chunk,
    ) {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<T: Copy>(
            simd: Avx2,
            solver: &mut Solver,
            observations: &Observations<T>,
            reflectance: impl Fn(T) -> f32 + Copy,
            options: &GeomadOptions,
            first: usize,
            out: &mut Chunk,
        ) {
            solver.solve_with(simd, observations, reflectance, options, first, out);
        }
        // SAFETY: the features that the function is compiled for were found, or there would be no `self`.
        unsafe { compiled(self, solver, observations, reflectance, options, first, out) }
    }
}

impl Simd for Avx2 {
    type Vector = Register;

    #[inline(always)]
    fn splat(self, value: f32) -> Register {
        // SAFETY: AVX was found, or there would be no `self`.
        Register(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    fn load(self, lanes: &[f32; LANES]) -> Register {
        // SAFETY: AVX was found, or there would be no `self`; the reference is to eight f32.
        Register(unsafe { _mm256_loadu_ps(lanes.as_ptr()) })
    }
}

/// The vector of [`Avx2`], from which alone it can be had.
#[derive(Clone, Copy)]
pub(super) struct Register(__m256);

impl Vector for Register {
    #[inline(always)]
    fn store(self) -> Lanes {
        let mut lanes = Lanes::default();
        // SAFETY: AVX was found, or there would be no `self`; the reference is to eight f32.
        unsafe { _mm256_storeu_ps(lanes.0.as_mut_ptr(), self.0) };
        lanes
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: FMA was found, or there would be no `self`.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`. -0 is the sign bit alone.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }

    #[inline(always)]
    fn sorted(self, other: Self) -> (Self, Self) {
        // Of equal numbers, both instructions give their second operand.
        // SAFETY: AVX was found, or there would be no `self`.
        unsafe {
            (
                Self(_mm256_min_ps(self.0, other.0)),
                Self(_mm256_max_ps(other.0, self.0)),
            )
        }
    }

    #[inline(always)]
    fn where_number(self, x: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_and_ps(self.0, _mm256_cmp_ps::<_CMP_ORD_Q>(x.0, x.0)) })
    }

    #[inline(always)]
    fn where_positive(self, condition: Self, other: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe {
            let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(condition.0, _mm256_set1_ps(0.0));
            _mm256_blendv_ps(other.0, self.0, positive)
        })
    }
}

impl Add for Register {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }
}

impl Sub for Register {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }
}

impl Mul for Register {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }
}

impl Div for Register {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: AVX was found, or there would be no `self`.
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }
}
