//! The 3 x 3 convolution of each channel by itself, and the activation after it.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use super::functions::mish;
use super::lanes::{Instructions, Kernel, Lanes};
use super::rows::Buffer;

/// Weights of a depthwise convolution: `[row][column][channel]`, and a bias for each channel.
#[derive(Debug)]
pub(super) struct Depthwise {
    kernel: Buffer,
    bias: Buffer,
}

impl Depthwise {
    pub(super) fn new(kernel: &[f32], bias: &[f32]) -> Self {
        let aligned = |numbers: &[f32]| {
            let mut buffer = Buffer::zeros(numbers.len());
            buffer.copy_from_slice(numbers);
            buffer
        };
        Self {
            kernel: aligned(kernel),
            bias: aligned(bias),
        }
    }

    /// Makes pixels of a row from the three rows around it, which begin one pixel before and end at
    /// least one after; adds them to what `out` holds if `add`.
    pub(super) fn apply(
        &self,
        instructions: Instructions,
        rows: [&[f32]; 3],
        out: &mut [f32],
        add: bool,
    ) {
        instructions.run(Row {
            weights: self,
            rows,
            out,
            add,
        });
    }
}

struct Row<'a> {
    weights: &'a Depthwise,
    rows: [&'a [f32]; 3],
    out: &'a mut [f32],
    add: bool,
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        // The numbers of channels that the network has: known ones need no bounds to be checked.
        match self.weights.bias.len() {
            48 => self.pixels::<L, 48>(lanes),
            96 => self.pixels::<L, 96>(lanes),
            144 => self.pixels::<L, 144>(lanes),
            channels => unreachable!("no depthwise layer has {channels} channels"),
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn pixels<L: Lanes, const CHANNELS: usize>(self, lanes: L) {
        let rows = self.rows.map(|row| row.as_chunks::<CHANNELS>().0);
        let kernel = self.weights.kernel.as_chunks::<CHANNELS>().0;
        let (out, _) = self.out.as_chunks_mut::<CHANNELS>();
        let Some(kernel) = kernel.first_chunk::<9>() else {
            unreachable!("a kernel has nine weights for each channel");
        };
        // Four pixels share what they see: 18 loads instead of 36.
        let (fours, ones) = out.as_chunks_mut::<4>();
        let left = fours.len() * 4;
        let bias = &self.weights.bias;
        for (at, out) in fours.iter_mut().enumerate() {
            let ahead = rows.map(|row| &row[(at * 4 + 6).min(row.len())..]);
            let rows = rows.map(|row| seen::<CHANNELS, 6>(row, at * 4));
            group::<L, CHANNELS, 4, 6>(lanes, rows, ahead, (kernel, bias), out, self.add);
        }
        for (at, out) in ones.iter_mut().enumerate() {
            let rows = rows.map(|row| seen::<CHANNELS, 3>(row, left + at));
            let out = std::array::from_mut(out);
            group::<L, CHANNELS, 1, 3>(lanes, rows, [&[]; 3], (kernel, bias), out, self.add);
        }
    }
}

/// What some neighbours see of a row: a number that is known when compiling, so that sums stay in
/// registers.
#[inline(always)]
fn seen<const CHANNELS: usize, const SEEN: usize>(
    row: &[[f32; CHANNELS]],
    from: usize,
) -> &[[f32; CHANNELS]; SEEN] {
    let Some(pixels) = row[from..].first_chunk() else {
        unreachable!("a row has a column of zeros at either side");
    };
    pixels
}

/// `PIXELS` neighbours in a row, which see `SEEN` columns. The columns that follow are brought nearer
/// for the next ones: rows this long come from the L3 cache.
#[inline(always)]
fn group<L: Lanes, const CHANNELS: usize, const PIXELS: usize, const SEEN: usize>(
    lanes: L,
    rows: [&[[f32; CHANNELS]; SEEN]; 3],
    ahead: [&[[f32; CHANNELS]]; 3],
    (kernel, bias): (&[[f32; CHANNELS]; 9], &[f32]),
    out: &mut [[f32; CHANNELS]; PIXELS],
    add: bool,
) {
    for channel in (0..CHANNELS).step_by(L::COUNT) {
        for row in ahead {
            for pixel in row.iter().take(PIXELS) {
                lanes.prefetch(&pixel[channel..]);
            }
        }
        let mut sums = [lanes.load(&bias[channel..]); PIXELS];
        for (row, kernel) in rows.into_iter().zip(kernel.as_chunks::<3>().0) {
            let mut seen = [lanes.splat(0.0); SEEN];
            for (seen, pixel) in seen.iter_mut().zip(row) {
                *seen = lanes.load(&pixel[channel..]);
            }
            for (column, weights) in kernel.iter().enumerate() {
                let weight = lanes.load(&weights[channel..]);
                for (sum, seen) in sums.iter_mut().zip(&seen[column..]) {
                    *sum = lanes.mul_add(*seen, weight, *sum);
                }
            }
        }
        for (sum, out) in sums.into_iter().zip(out.iter_mut()) {
            let out = &mut out[channel..];
            let mut value = mish(lanes, sum);
            if add {
                value = lanes.add(value, lanes.load(out));
            }
            lanes.store(value, out);
        }
    }
}
