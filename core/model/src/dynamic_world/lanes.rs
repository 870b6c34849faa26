//! Numbers side by side: the few vector operations that the kernels are written in, once for every
//! processor and once for those with AVX2 and FMA ([`super::x86`]).
//!
//! A [`Kernel`] is written against [`Lanes`] and handed to [`Instructions::run`], which compiles it
//! for the instruction set that the processor was found to have. All of a kernel must be inlined into
//! that one function, hence the attributes.
#![expect(
    clippy::inline_always,
    reason = "a kernel that is not inlined is not compiled for the instruction set it was chosen for"
)]

/// Vectors of float32 and what kernels do with them. Slices that are too short panic.
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
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
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

/// The bits of sqrt(1/2), below which [`Lanes::split`] takes the next lower power of two.
pub(super) const SQRT_HALF: i32 = 0x3f35_04f3;

/// The instruction set that kernels are compiled for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instructions {
    /// What every processor has.
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(super::x86::Avx2),
}

impl Instructions {
    /// The best that this processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = super::x86::Avx2::detect() {
            return Self::Avx2(avx2);
        }
        Self::Portable
    }

    pub(super) fn run<K: Kernel>(self, kernel: K) {
        match self {
            Self::Portable => kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(kernel),
        }
    }
}

/// Arrays, which the compiler turns into whatever vectors it may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

const COUNT: usize = 8;

#[inline(always)]
fn each(mut a: [f32; COUNT], b: [f32; COUNT], f: impl Fn(f32, f32) -> f32) -> [f32; COUNT] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = f(*a, b);
    }
    a
}

impl Lanes for Portable {
    type Vector = [f32; COUNT];
    const COUNT: usize = COUNT;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Vector {
        [value; COUNT]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::Vector {
        let mut vector = [0.0; COUNT];
        vector.copy_from_slice(&from[..COUNT]);
        vector
    }

    #[inline(always)]
    fn store(self, vector: Self::Vector, to: &mut [f32]) {
        to[..COUNT].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn prefetch(self, _from: &[f32]) {}

    #[inline(always)]
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, f32::min)
    }

    #[inline(always)]
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
        each(a, b, f32::max)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // f32::mul_add would call a library function for each number here.
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn scale(self, value: Self::Vector, shifted: Self::Vector) -> Self::Vector {
        each(value, shifted, |value, shifted| {
            f32::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn split(self, value: Self::Vector) -> (Self::Vector, Self::Vector) {
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
