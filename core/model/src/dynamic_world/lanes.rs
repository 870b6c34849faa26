//! Numbers side by side: the few vector operations that the kernels are written in.
//!
//! A vector is an array, and an operation a loop over it; the compiler makes one instruction of each
//! loop, of whatever width it may use. A [`Kernel`] is written against [`Lanes`] and handed to
//! [`Instructions::run`], which holds it compiled for each instruction set and calls the one that the
//! processor was found to have. All of a kernel must be inlined there, hence the attributes.
#![expect(
    clippy::inline_always,
    reason = "a kernel that is not inlined is not compiled for the instruction set it was chosen for"
)]

/// What kernels do with vectors of float32. Slices that are too short panic.
pub(super) trait Lanes: Copy {
    type Vector: Copy;
    /// Numbers in a vector.
    const COUNT: usize;

    fn splat(self, value: f32) -> Self::Vector;
    fn load(self, from: &[f32]) -> Self::Vector;
    fn store(self, vector: Self::Vector, to: &mut [f32]);
    /// Says that numbers from here on will be loaded soon.
    fn prefetch(self, from: &[f32]);
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The smaller; `b` where either is NaN. (What `f32::min` does takes more instructions.)
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The larger; `b` where either is NaN.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once where the processor can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `value * 2^k`, where `shifted` is `k + 1.5 * 2^23` and the result is a normal number.
    fn scale(self, value: Self::Vector, shifted: Self::Vector) -> Self::Vector;
    /// A positive normal number as `m * 2^e` with `m` in [sqrt(1/2), sqrt(2)): `(m, e)`.
    fn split(self, value: Self::Vector) -> (Self::Vector, Self::Vector);
}

/// Work on vectors of any kind.
pub(super) trait Kernel {
    fn run<L: Lanes>(self, lanes: L);
}

/// The instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instructions {
    /// What every processor has.
    Portable,
    /// The same in vectors as wide as there are: what AVX-512 computes, on processors without it.
    #[cfg(test)]
    Wide,
    #[cfg(target_arch = "x86_64")]
    Avx2(super::x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(super::x86::Avx512),
}

impl Instructions {
    /// The best that this processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(avx512) = super::x86::Avx512::detect() {
                return Self::Avx512(avx512);
            }
            if let Some(avx2) = super::x86::Avx2::detect() {
                return Self::Avx2(avx2);
            }
        }
        Self::Portable
    }

    pub(super) fn run<K: Kernel>(self, kernel: K) {
        match self {
            Self::Portable => kernel.run(Vectors::<8, false>),
            #[cfg(test)]
            Self::Wide => kernel.run(Vectors::<16, false>),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.run(kernel),
        }
    }
}

/// Vectors of `N` numbers. `FUSED` says that the processor multiplies and adds in one step; where it
/// does not, asking for that would call a library function for each number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vectors<const N: usize, const FUSED: bool>;

/// The bits of sqrt(1/2), below which [`Lanes::split`] takes the next lower power of two.
const SQRT_HALF: i32 = 0x3f35_04f3;

#[inline(always)]
fn each<const N: usize>(mut a: [f32; N], b: [f32; N], f: impl Fn(f32, f32) -> f32) -> [f32; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = f(*a, b);
    }
    a
}

impl<const N: usize, const FUSED: bool> Lanes for Vectors<N, FUSED> {
    type Vector = [f32; N];
    const COUNT: usize = N;

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; N] {
        [value; N]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; N] {
        let mut vector = [0.0; N];
        vector.copy_from_slice(&from[..N]);
        vector
    }

    #[inline(always)]
    fn store(self, vector: [f32; N], to: &mut [f32]) {
        to[..N].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn prefetch(self, from: &[f32]) {
        #[cfg(target_arch = "x86_64")]
        super::x86::prefetch(from);
        #[cfg(not(target_arch = "x86_64"))]
        let _ = from;
    }

    #[inline(always)]
    fn add(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn min(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: [f32; N], b: [f32; N]) -> [f32; N] {
        each(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; N], b: [f32; N], mut c: [f32; N]) -> [f32; N] {
        for ((a, b), c) in a.into_iter().zip(b).zip(&mut c) {
            *c = if FUSED { a.mul_add(b, *c) } else { a * b + *c };
        }
        c
    }

    #[inline(always)]
    fn scale(self, value: [f32; N], shifted: [f32; N]) -> [f32; N] {
        each(value, shifted, |value, shifted| {
            f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn split(self, value: [f32; N]) -> ([f32; N], [f32; N]) {
        let (mut mantissa, mut exponent) = (value, value);
        for (m, e) in mantissa.iter_mut().zip(&mut exponent) {
            let bits = m.to_bits() as i32;
            let power = (bits - SQRT_HALF) >> 23;
            *e = power as f32;
            *m = f32::from_bits((bits - (power << 23)) as u32);
        }
        (mantissa, exponent)
    }
}
