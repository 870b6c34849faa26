//! A dense convolution as a product of matrices: every pixel's inputs times a matrix of weights, with
//! the activation applied while the sums are still in registers.
#![expect(clippy::inline_always, reason = "see `lanes`")]

use super::functions::mish;
use super::lanes::{Instructions, Kernel, Lanes};
use super::rows::Buffer;

/// Pixels whose inputs stay in the L2 cache while all weights pass over them; a multiple of every
/// number of pixels that a tile of registers has.
const CHUNK: usize = 96;

/// Outputs whose weights lie together: a cache line, and a divisor of the channels of every layer but
/// the last.
const PANEL: usize = 16;

/// Weights of a dense convolution.
///
/// They are laid out in panels of outputs; in a panel, the weights of the first input come first.
#[derive(Debug)]
pub(super) struct Pointwise {
    panels: Buffer,
    bias: Buffer,
    inputs: usize,
}

/// Inputs of a pixel that lie together: `channels` numbers, and `stride` to those of the next pixel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Input<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
    pub(super) channels: usize,
}

/// What becomes of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finish {
    /// Stored as they are.
    Store,
    /// Stored after the activation.
    Mish,
}

impl Pointwise {
    /// From weights `[input][output]` and a bias for each output.
    pub(super) fn new(weights: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs;
        let padded = outputs.next_multiple_of(PANEL);
        let mut panels = Buffer::zeros(padded * inputs);
        for (input, row) in weights.chunks_exact(outputs).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                let at = (panel * inputs + input) * PANEL;
                panels[at..at + part.len()].copy_from_slice(part);
            }
        }
        let mut padded = Buffer::zeros(padded);
        padded[..outputs].copy_from_slice(bias);
        Self {
            panels,
            bias: padded,
            inputs,
        }
    }

    /// Numbers that a pixel of the output takes: the outputs, and zeros up to a whole panel.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Applies the weights to pixels. `out` holds [`Pointwise::outputs`] numbers for each.
    pub(super) fn apply(
        &self,
        instructions: Instructions,
        inputs: [Input<'_>; 3],
        out: &mut [f32],
        finish: Finish,
    ) {
        debug_assert_eq!(
            inputs.iter().map(|i| i.channels).sum::<usize>(),
            self.inputs
        );
        instructions.run(Product {
            weights: self,
            inputs,
            out,
            finish,
        });
    }
}

struct Product<'a> {
    weights: &'a Pointwise,
    inputs: [Input<'a>; 3],
    out: &'a mut [f32],
    finish: Finish,
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        // Twelve sums at a time. Of sixteen registers the others hold two vectors of weights and an
        // input.
        if L::COUNT == PANEL {
            self.chunks::<L, 12, 1>(lanes);
        } else {
            self.chunks::<L, 6, 2>(lanes);
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn chunks<L: Lanes, const PIXELS: usize, const VECTORS: usize>(&mut self, lanes: L) {
        let pixels = self.out.len() / self.weights.outputs();
        for first in (0..pixels).step_by(CHUNK) {
            let end = (first + CHUNK).min(pixels);
            for panel in 0..self.weights.outputs() / PANEL {
                for at in (first..end).step_by(PIXELS) {
                    if at + PIXELS <= pixels {
                        self.tile::<L, PIXELS, VECTORS>(lanes, panel, at);
                    } else if pixels >= PIXELS {
                        // Some of these are made twice, which costs less than a smaller tile.
                        self.tile::<L, PIXELS, VECTORS>(lanes, panel, pixels - PIXELS);
                    } else {
                        for at in at..end {
                            self.tile::<L, 1, VECTORS>(lanes, panel, at);
                        }
                    }
                }
            }
        }
    }

    /// The sums of one panel of outputs for some pixels.
    #[inline(always)]
    fn tile<L: Lanes, const PIXELS: usize, const VECTORS: usize>(
        &mut self,
        lanes: L,
        panel: usize,
        first: usize,
    ) {
        assert_eq!(VECTORS * L::COUNT, PANEL, "a panel is whole vectors");
        let weights = self.weights;
        let bias = &weights.bias[panel * PANEL..][..PANEL];
        let mut sums = [[lanes.splat(0.0); VECTORS]; PIXELS];
        for pixel in &mut sums {
            for (vector, sum) in pixel.iter_mut().enumerate() {
                *sum = lanes.load(&bias[vector * L::COUNT..]);
            }
        }
        let (panels, _) = weights.panels.as_chunks::<PANEL>();
        let mut rest = &panels[panel * weights.inputs..];
        for input in self.inputs {
            let (these, after) = rest.split_at(input.channels);
            rest = after;
            // The numbers of inputs that the network has: known ones need no bounds to be checked.
            sums = match input.channels {
                0 => sums,
                27 => add::<L, PIXELS, VECTORS, 27>(lanes, sums, strided(input, first), these),
                48 => add::<L, PIXELS, VECTORS, 48>(lanes, sums, packed(input, first), these),
                64 => add::<L, PIXELS, VECTORS, 64>(lanes, sums, packed(input, first), these),
                96 => add::<L, PIXELS, VECTORS, 96>(lanes, sums, packed(input, first), these),
                144 => add::<L, PIXELS, VECTORS, 144>(lanes, sums, packed(input, first), these),
                channels => unreachable!("no dense layer has {channels} inputs together"),
            };
        }
        let stride = weights.bias.len();
        for (pixel, sums) in sums.into_iter().enumerate() {
            let place = &mut self.out[(first + pixel) * stride + panel * PANEL..][..PANEL];
            for (vector, sum) in sums.into_iter().enumerate() {
                let place = &mut place[vector * L::COUNT..];
                let value = match self.finish {
                    Finish::Store => sum,
                    Finish::Mish => mish(lanes, sum),
                };
                lanes.store(value, place);
            }
        }
    }
}

/// The inputs of some pixels that follow one another without gaps: one address for all.
#[inline(always)]
fn packed<const PIXELS: usize, const INPUTS: usize>(
    input: Input<'_>,
    first: usize,
) -> [&[f32; INPUTS]; PIXELS] {
    debug_assert_eq!(input.stride, INPUTS);
    let (all, _) = input.data.as_chunks::<INPUTS>();
    let Some(found) = all[first..].first_chunk::<PIXELS>() else {
        unreachable!("every pixel of the output has inputs");
    };
    let mut pixels = [&found[0]; PIXELS];
    for (pixel, found) in pixels.iter_mut().zip(found) {
        *pixel = found;
    }
    pixels
}

/// The inputs of some pixels that overlap.
#[inline(always)]
fn strided<const PIXELS: usize, const INPUTS: usize>(
    input: Input<'_>,
    first: usize,
) -> [&[f32; INPUTS]; PIXELS] {
    let mut pixels = [&[0.0; INPUTS]; PIXELS];
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let Some(found) = input.data[(first + at) * input.stride..].first_chunk() else {
            unreachable!("every pixel of the output has inputs");
        };
        *pixel = found;
    }
    pixels
}

/// Adds to each pixel's sums the products of its inputs and their weights for one panel.
#[inline(always)]
fn add<L: Lanes, const PIXELS: usize, const VECTORS: usize, const INPUTS: usize>(
    lanes: L,
    mut sums: [[L::Vector; VECTORS]; PIXELS],
    pixels: [&[f32; INPUTS]; PIXELS],
    weights: &[[f32; PANEL]],
) -> [[L::Vector; VECTORS]; PIXELS] {
    let Some(weights) = weights.first_chunk::<INPUTS>() else {
        unreachable!("there are weights for each input");
    };
    for (index, weights) in weights.iter().enumerate() {
        let mut row = [lanes.splat(0.0); VECTORS];
        for (vector, weight) in row.iter_mut().enumerate() {
            *weight = lanes.load(&weights[vector * L::COUNT..]);
        }
        for (sums, values) in sums.iter_mut().zip(pixels) {
            let value = lanes.splat(values[index]);
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum = lanes.mul_add(value, weight, *sum);
            }
        }
    }
    sums
}
