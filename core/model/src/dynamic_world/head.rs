//! From the last block to probabilities, without ever holding its 144 channels at full resolution.
//!
//! The network resizes `x` up, divides each pixel by its length, and applies the last weights `W`.
//! Resizing is linear: for a pixel that mixes four neighbours with weights `w`, the scores are the same
//! mix of `W x`, nine numbers each, and the square of the length is the sum of `w_i w_j <x_i, x_j>`. So
//! both are taken at half the resolution, where a pixel needs five products with itself and its
//! neighbours, and only they are resized.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use super::CLASSES;
use super::block::inputs;
use super::functions::Softmax;
use super::lanes::{Instructions, Kernel, Lanes};
use super::pointwise::Finish;
use super::resample::Blend;
use super::rows::{Buffer, Rows, Span};
use super::weights::Layers;

/// Places after the scores in a pixel of [`HeadRows`]: products with itself and the neighbours.
const ITSELF: usize = CLASSES;
const RIGHT: usize = CLASSES + 1;
const ABOVE: usize = CLASSES + 2;
/// This one with the one above to the right, and the right one with the one above: always used
/// together.
const ACROSS: usize = CLASSES + 3;

/// Smallest square of a length that is divided by, as in training.
const SMALLEST: f32 = 1e-12;

/// Scores and products of the last two rows at half the resolution, and a row of pixels at full
/// resolution.
#[derive(Debug)]
pub(super) struct HeadRows {
    scores: Rows,
    /// Nine scores and two products for each column at half the resolution.
    mixed: Vec<[f32; CLASSES + 2]>,
    /// Nine planes of a row.
    probabilities: Buffer,
}

impl HeadRows {
    pub(super) fn new(layers: &Layers, span: Span, width: usize, columns: usize) -> Self {
        let lanes = 16; // of the widest vectors there are
        Self {
            scores: Rows::new(span, 2, width, layers.head.outputs()),
            mixed: vec![[0.0; CLASSES + 2]; width],
            probabilities: Buffer::zeros(columns.next_multiple_of(lanes) * CLASSES),
        }
    }

    /// Takes row `y` of the last block, which must still hold the row above it.
    pub(super) fn take(
        &mut self,
        instructions: Instructions,
        layers: &Layers,
        block: &Rows,
        y: isize,
    ) {
        if !self.scores.span.contains(&y) {
            return;
        }
        let channels = self.scores.channels;
        let scores = self.scores.row_mut(y);
        layers
            .head
            .apply(instructions, inputs(&[block], y), scores, Finish::Store);
        instructions.run(Products {
            row: block.row(y),
            above: block.row(y - 1),
            channels: block.channels,
            out: scores,
            stride: channels,
        });
    }

    /// A row of probabilities: nine planes, each as long as the row or a little longer. `rows` are
    /// those at half the resolution that make it up, `columns` those of each pixel; column 0 of what
    /// was taken is column `offset`.
    pub(super) fn finish(
        &mut self,
        instructions: Instructions,
        bias: &[f32; CLASSES],
        rows: Blend,
        (columns, offset): (&[Blend], usize),
    ) -> impl Iterator<Item = &[f32]> {
        self.mix_rows(rows);
        let length = self.probabilities.len() / CLASSES;
        for (at, blend) in columns.iter().enumerate() {
            let first = &self.mixed[blend.first - offset];
            let second = &self.mixed[blend.second - offset];
            let (p, q) = (1.0 - blend.share, blend.share);
            let square =
                p * p * first[ITSELF] + q * q * second[ITSELF] + 2.0 * p * q * first[RIGHT];
            let scale = 1.0 / square.max(SMALLEST).sqrt();
            for class in 0..CLASSES {
                let score = p * first[class] + q * second[class];
                self.probabilities[class * length + at] = score * scale + bias[class];
            }
        }
        instructions.run(Softmax {
            values: &mut self.probabilities,
            planes: CLASSES,
        });
        self.probabilities.chunks_exact(length)
    }

    fn mix_rows(&mut self, rows: Blend) {
        let stride = self.scores.channels;
        let (p, q) = (1.0 - rows.share, rows.share);
        let pixels = |y: usize| self.scores.row(y as isize).chunks_exact(stride);
        for ((mixed, first), second) in self
            .mixed
            .iter_mut()
            .zip(pixels(rows.first))
            .zip(pixels(rows.second))
        {
            for class in 0..CLASSES {
                mixed[class] = p * first[class] + q * second[class];
            }
            let (squares, cross) = ((p * p, q * q), p * q);
            mixed[ITSELF] = squares.0 * first[ITSELF]
                + squares.1 * second[ITSELF]
                + 2.0 * cross * second[ABOVE];
            mixed[RIGHT] =
                squares.0 * first[RIGHT] + squares.1 * second[RIGHT] + cross * second[ACROSS];
        }
    }
}

/// Products of each pixel's channels with themselves and with its neighbours'.
struct Products<'a> {
    row: &'a [f32],
    above: &'a [f32],
    /// In a pixel of the rows; a multiple of the lanes.
    channels: usize,
    out: &'a mut [f32],
    stride: usize,
}

impl Kernel for Products<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let pixels = self.row.len() / self.channels;
        for (at, out) in self.out.chunks_exact_mut(self.stride).enumerate() {
            // The last pixel has nothing to its right, and nobody asks.
            let next = (at + 1).min(pixels - 1);
            let pixel = |at: usize| at * self.channels..(at + 1) * self.channels;
            let here = &self.row[pixel(at)];
            let right = &self.row[pixel(next)];
            let above = &self.above[pixel(at)];
            let above_right = &self.above[pixel(next)];
            let mut sums = [lanes.splat(0.0); 4];
            for at in (0..self.channels).step_by(L::COUNT) {
                let (here, right) = (lanes.load(&here[at..]), lanes.load(&right[at..]));
                let above = lanes.load(&above[at..]);
                let above_right = lanes.load(&above_right[at..]);
                sums[0] = lanes.mul_add(here, here, sums[0]);
                sums[1] = lanes.mul_add(here, right, sums[1]);
                sums[2] = lanes.mul_add(here, above, sums[2]);
                sums[3] = lanes.mul_add(here, above_right, sums[3]);
                sums[3] = lanes.mul_add(right, above, sums[3]);
            }
            for (place, sum) in [ITSELF, RIGHT, ABOVE, ACROSS].into_iter().zip(sums) {
                let mut parts = [0.0; 16];
                lanes.store(sum, &mut parts);
                out[place] = parts.iter().sum();
            }
        }
    }
}
