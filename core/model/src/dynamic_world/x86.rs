//! The instruction sets of x86-64 processors that kernels are compiled for, and the proof that this
//! processor has them.
#![expect(
    unsafe_code,
    reason = "code for instructions that not every processor has can only be called so"
)]
#![expect(clippy::inline_always, reason = "see `lanes`")]

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::lanes::{Kernel, Vectors};

/// The proof that this processor has AVX2 and FMA: only [`Avx2::detect`] makes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        has.then_some(Self(()))
    }

    #[expect(
        clippy::unused_self,
        reason = "that it exists is the proof that the processor can"
    )]
    pub(super) fn run<K: Kernel>(self, kernel: K) {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(kernel: K) {
            kernel.run(Vectors::<8, true>);
        }
        // SAFETY: `self` proves that the processor has both features.
        unsafe { compiled(kernel) }
    }
}

/// The proof that this processor has AVX-512: only [`Avx512::detect`] makes one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    #[expect(
        clippy::unused_self,
        reason = "that it exists is the proof that the processor can"
    )]
    pub(super) fn run<K: Kernel>(self, kernel: K) {
        #[target_feature(enable = "avx512f")]
        fn compiled<K: Kernel>(kernel: K) {
            kernel.run(Vectors::<16, true>);
        }
        // SAFETY: `self` proves that the processor has the feature.
        unsafe { compiled(kernel) }
    }
}

/// Asks for the cache line of the first number.
#[inline(always)]
pub(super) fn prefetch(from: &[f32]) {
    // SAFETY: every x86-64 processor has the instruction, which reads nothing and cannot fail.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().cast()) }
}
