//! The whole network over a tile of the image, a row at a time: memory is that of the few rows which
//! each layer looks back on, however tall the tile.

use std::ops::Range;

use super::BANDS;
use super::block::{BlockRows, LAG, inputs};
use super::head::HeadRows;
use super::input::Image;
use super::lanes::Instructions;
use super::pointwise::{Finish, Input};
use super::resample::{Axis, Blend, ReduceColumns, ReduceRow, Taps};
use super::rows::{Buffer, Rows, Span, inset};
use super::weights::{BLOCKS, Layers, SIDE, STEM};

/// The 3 x 3 kernels that follow one another at half the resolution: how far a pixel there looks.
const REACH: usize = 9;
/// How many rows the branch beside the first two blocks waits for them.
const WAIT: isize = 2 * LAG;

/// Along one axis: what a tile makes and what it needs for that.
#[derive(Debug, Clone)]
struct Extent {
    /// Pixels to be made, at full resolution.
    core: Range<usize>,
    /// For each of them, what it mixes.
    up: Vec<Blend>,
    /// Pixels at half the resolution, with the neighbours that theirs depend on.
    half: Range<usize>,
    /// For each of these, what it mixes.
    down: Vec<Taps>,
    /// Pixels at full resolution that go into these.
    full: Range<usize>,
}

impl Extent {
    fn new(length: usize, core: Range<usize>) -> Self {
        let axis = Axis { full: length };
        let up: Vec<Blend> = core.clone().map(|o| axis.up(o)).collect();
        let first = up.first().map_or(0, |blend| blend.first);
        let end = up.last().map_or(0, |blend| blend.second + 1);
        let half = first.saturating_sub(REACH)..(end + REACH).min(axis.half());
        let down: Vec<Taps> = half.clone().map(|o| axis.down(o)).collect();
        let full = down.first().map_or(0, |taps| taps.first)
            ..down
                .last()
                .map_or(0, |taps| taps.first + taps.weights.len());
        Self {
            core,
            up,
            half,
            down,
            full,
        }
    }
}

/// What a tile remembers between rows.
struct State {
    /// The input, with a pixel more than `full` on either side where the image has one.
    input: Rows,
    scratch: Buffer,
    stem: Buffer,
    /// Rows of the stem at half as many columns.
    narrow: Rows,
    down: Rows,
    side_dense: Rows,
    side: Rows,
    blocks: [BlockRows; 3],
    head: HeadRows,
}

/// Computes the probabilities of a tile: pixels `rows` x `columns` of the image. `out` takes each row
/// of nine planes, one after the other, as slices of the tile's width.
pub(super) fn run(
    instructions: Instructions,
    layers: &Layers,
    image: Image<'_>,
    (rows, columns): (Range<usize>, Range<usize>),
    out: &mut [Vec<&mut [f32]>],
) {
    let tile = Tile {
        instructions,
        layers,
        image,
        rows: Extent::new(image.height, rows),
        columns: Extent::new(image.width, columns),
    };
    let mut state = tile.state();
    let (half, height) = (&tile.rows.half, (image.height / 2) as isize);
    let mut next = tile.rows.core.clone();
    for y in half.start as isize..half.end as isize + WAIT + LAG {
        if state.down.span.contains(&y) {
            tile.down(&mut state, y);
        }
        tile.blocks(&mut state, y);
        // Rows that mix no later ones can be finished.
        let made = (y - WAIT - LAG).min(height - 1);
        while !next.is_empty() {
            let blend = tile.rows.up[next.start - tile.rows.core.start];
            if blend.second as isize > made {
                break;
            }
            tile.finish(&mut state, next.start, blend, out);
            next.start += 1;
        }
    }
}

struct Tile<'a> {
    instructions: Instructions,
    layers: &'a Layers,
    image: Image<'a>,
    rows: Extent,
    columns: Extent,
}

fn span(range: &Range<usize>) -> Span {
    range.start as isize..range.end as isize
}

/// A pixel more on either side, where the image has one.
fn grown(range: &Range<usize>, length: usize) -> Range<usize> {
    range.start.saturating_sub(1)..(range.end + 1).min(length)
}

impl Tile<'_> {
    fn state(&self) -> State {
        let height = (self.image.height / 2) as isize;
        let down = span(&self.rows.half);
        let width = self.columns.half.len();
        let deepest = self.rows.down.iter().map(|taps| taps.weights.len()).max();
        let shrunk = |by: usize| (0..by).fold(down.clone(), |span, _| inset(&span, height));
        let [first, second, third] = BLOCKS;
        let block =
            |span: &Span, channels, depth| BlockRows::new(span, height, width, channels, depth);
        let side = shrunk(LAG as usize * 2);
        let side_dense = (side.start - 1).max(0)..(side.end + 1).min(height);
        let input = grown(&self.columns.full, self.image.width);
        let full = self.columns.full.len();
        // A row is kept as long as somebody looks back on it: three rows by a depthwise layer, one
        // more than it lags by what skips a block.
        let skipped = LAG as usize + 1;
        State {
            input: Rows::new(
                span(&grown(&self.rows.full, self.image.height)),
                3,
                input.len(),
                BANDS.len(),
            ),
            scratch: Buffer::zeros(input.len().next_multiple_of(16)),
            stem: Buffer::zeros(full * STEM),
            narrow: Rows::new(span(&self.rows.full), deepest.unwrap_or(1), width, STEM),
            down: Rows::new(down.clone(), WAIT as usize + 1, width, STEM),
            side_dense: Rows::new(side_dense, 3, width, SIDE),
            side: Rows::new(side.clone(), skipped, width, SIDE),
            blocks: [
                block(&down, first, skipped),
                block(&shrunk(3), second, skipped),
                block(&shrunk(6), third, 2),
            ],
            head: HeadRows::new(self.layers, shrunk(9), width, self.columns.core.len()),
        }
    }

    /// Makes row `y` of the stem at half the resolution, from as many rows of the image as it needs.
    fn down(&self, state: &mut State, y: isize) {
        let index = y as usize - self.rows.half.start;
        let taps = &self.rows.down[index];
        let made = if index == 0 {
            taps.first
        } else {
            let before = &self.rows.down[index - 1];
            before.first + before.weights.len()
        };
        for row in made..taps.first + taps.weights.len() {
            self.stem(state, row, row == self.rows.full.start);
        }
        let out = state.down.row_mut(y);
        for (nth, weight) in taps.weights.iter().enumerate() {
            self.instructions.run(ReduceRow {
                weight: *weight,
                row: state.narrow.row((taps.first + nth) as isize),
                out: &mut *out,
                add: nth > 0,
            });
        }
    }

    /// Makes a row of the stem, at half as many columns.
    fn stem(&self, state: &mut State, row: usize, first: bool) {
        // The row below is new; at the top of the tile the other two are too.
        let wanted = if first {
            row.saturating_sub(1)..row + 2
        } else {
            row + 1..row + 2
        };
        let left = grown(&self.columns.full, self.image.width).start;
        for y in wanted {
            if state.input.span.contains(&(y as isize)) {
                let out = state.input.row_mut(y as isize);
                self.image
                    .normalise(self.instructions, (y, left), &mut state.scratch, out);
            }
        }
        let row = row as isize;
        // The pixel before the first of the tile is either in the input or the zeros before it.
        let bands = BANDS.len();
        let skip = (self.columns.full.start - left) * bands;
        let around = [row - 1, row, row + 1].map(|y| Input {
            data: &state.input.padded(y)[skip..],
            stride: bands,
            channels: 3 * bands,
        });
        self.layers
            .stem
            .apply(self.instructions, around, &mut state.stem, Finish::Mish);
        self.instructions.run(ReduceColumns {
            taps: &self.columns.down,
            offset: self.columns.full.start,
            channels: STEM,
            row: &state.stem,
            out: state.narrow.row_mut(row),
        });
    }

    /// Lets every layer at half the resolution make a row, as row `y` of `down` is there.
    fn blocks(&self, state: &mut State, y: isize) {
        let (instructions, layers) = (self.instructions, self.layers);
        let [first, second, third] = &mut state.blocks;
        first.advance(instructions, &layers.blocks[0], &[&state.down], y);
        second.advance(instructions, &layers.blocks[1], &[&first.out], y - LAG);

        let y = y - WAIT;
        let (dense, depthwise) = &layers.side;
        let next = y + 1;
        if state.side_dense.span.contains(&next) {
            let from = inputs(&[&state.down], next);
            let out = state.side_dense.row_mut(next);
            dense.apply(instructions, from, out, Finish::Mish);
        }
        if state.side.span.contains(&y) {
            let around = [y - 1, y, y + 1].map(|y| state.side_dense.padded(y));
            depthwise.apply(instructions, around, state.side.row_mut(y), false);
        }

        let both = [&second.out, &state.side];
        third.advance(instructions, &layers.blocks[2], &both, y);
        state.head.take(instructions, layers, &third.out, y - LAG);
    }

    fn finish(&self, state: &mut State, y: usize, rows: Blend, out: &mut [Vec<&mut [f32]>]) {
        let columns = (self.columns.up.as_slice(), self.columns.half.start);
        let planes = state
            .head
            .finish(self.instructions, &self.layers.head_bias, rows, columns);
        let nth = y - self.rows.core.start;
        for (plane, out) in planes.zip(out) {
            let out = &mut *out[nth];
            out.copy_from_slice(&plane[..out.len()]);
            self.image.blank((y, self.columns.core.start), out);
        }
    }
}
