//! A block of the network, a row at a time: each row that comes in lets every layer make one, as many
//! rows behind as there are 3 x 3 kernels before it.

use super::lanes::Instructions;
use super::pointwise::{Finish, Input};
use super::rows::{Buffer, Rows, Span, inset};
use super::weights::Block;

/// Columns that a depthwise layer and the dense one after it make in turn, so that what lies between
/// them stays in the L2 cache.
const COLUMNS: usize = 96;

/// How far the output of a block is behind its input, in rows.
pub(super) const LAG: isize = 3;

/// Pixels in a row of one or two activations, one after the other.
pub(super) fn inputs<'a>(sources: &[&'a Rows], y: isize) -> [Input<'a>; 3] {
    let mut inputs = [Input::default(); 3];
    for (input, rows) in inputs.iter_mut().zip(sources) {
        *input = Input {
            data: rows.row(y),
            stride: rows.channels,
            channels: rows.channels,
        };
    }
    inputs
}

/// The rows that a block keeps.
#[derive(Debug)]
pub(super) struct BlockRows {
    /// What the dense layers made, for the depthwise ones.
    dense: [Rows; 3],
    /// Some columns between a depthwise layer and the next dense one.
    between: Buffer,
    pub(super) out: Rows,
}

impl BlockRows {
    /// For input rows `span` of an image of `height` rows; `depth` rows of output are kept.
    pub(super) fn new(
        span: &Span,
        height: isize,
        width: usize,
        channels: usize,
        depth: usize,
    ) -> Self {
        let second = inset(span, height);
        let third = inset(&second, height);
        let out = inset(&third, height);
        let rows = |span: Span| Rows::new(span, 3, width, channels);
        Self {
            dense: [rows(span.clone()), rows(second), rows(third)],
            between: Buffer::zeros(width.min(COLUMNS) * channels),
            out: Rows::new(out, depth, width, channels),
        }
    }

    /// Takes row `y` of the sources, if there is one, and makes row `y - LAG` of the output. The
    /// sources must still hold that row too.
    pub(super) fn advance(
        &mut self,
        instructions: Instructions,
        weights: &Block,
        sources: &[&Rows],
        y: isize,
    ) {
        let [first, ..] = &mut self.dense;
        if first.span.contains(&y) {
            weights.pointwise[0].apply(
                instructions,
                inputs(sources, y),
                first.row_mut(y),
                Finish::Mish,
            );
        }
        for (layer, behind) in (0..2).zip(1..) {
            let y = y - behind;
            let [from, to] = &mut self.dense[layer..layer + 2] else {
                unreachable!("two of three");
            };
            if !to.span.contains(&y) {
                continue;
            }
            let around = [y - 1, y, y + 1].map(|y| from.padded(y));
            let channels = to.channels;
            for (part, out) in to.row_mut(y).chunks_mut(COLUMNS * channels).enumerate() {
                let around = around.map(|row| &row[part * COLUMNS * channels..]);
                let between = &mut self.between[..out.len()];
                weights.depthwise[layer].apply(instructions, around, between, false);
                let between = Input {
                    data: between,
                    stride: channels,
                    channels,
                };
                let inputs = [between, Input::default(), Input::default()];
                weights.pointwise[layer + 1].apply(instructions, inputs, out, Finish::Mish);
            }
        }
        let y = y - LAG;
        if self.out.span.contains(&y) {
            let around = [y - 1, y, y + 1].map(|y| self.dense[2].padded(y));
            let out = self.out.row_mut(y);
            weights
                .skip
                .apply(instructions, inputs(sources, y), out, Finish::Mish);
            weights.depthwise[2].apply(instructions, around, out, true);
        }
    }
}
