//! Rows of pixels in memory: the last few of an activation, which is all that a 3 x 3 kernel or a
//! resize looks back on.

use std::ops::{Deref, DerefMut, Range};

/// Float32 numbers that begin at a cache line, so that no vector lies across two.
#[derive(Debug, Clone)]
pub(super) struct Buffer {
    numbers: Vec<f32>,
    start: usize,
    length: usize,
}

const LINE: usize = 64;

impl Buffer {
    pub(super) fn zeros(length: usize) -> Self {
        let numbers = vec![0.0; length + LINE / size_of::<f32>()];
        // A place that cannot be aligned (in an interpreter) only costs speed.
        let start = numbers.as_ptr().align_offset(LINE);
        let start = if start < LINE { start } else { 0 };
        Self {
            numbers,
            start,
            length,
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..self.start + self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + self.length]
    }
}

/// Which rows of an activation are made, in rows of the whole image.
pub(super) type Span = Range<isize>;

/// The rows that a 3 x 3 kernel can make from `span`: all but the first and the last, except where
/// these are the edge of the image (`height` rows), beyond which there are zeros.
pub(super) fn inset(span: &Span, height: isize) -> Span {
    let start = span.start + isize::from(span.start > 0);
    let end = span.end - isize::from(span.end < height);
    start..end
}

/// The last `depth` rows of an activation, `[column][channel]` with a column of zeros at either side.
#[derive(Debug)]
pub(super) struct Rows {
    buffer: Buffer,
    depth: usize,
    /// Pixels in a row, the zeros not counted.
    pub(super) width: usize,
    /// Numbers in a pixel.
    pub(super) channels: usize,
    /// The rows that will be made.
    pub(super) span: Span,
}

impl Rows {
    pub(super) fn new(span: Span, depth: usize, width: usize, channels: usize) -> Self {
        // One row more, which stays zero: what lies above and below the image.
        let buffer = Buffer::zeros((depth + 1) * (width + 2) * channels);
        Self {
            buffer,
            depth,
            width,
            channels,
            span,
        }
    }

    fn place(&self, y: isize) -> Range<usize> {
        let length = (self.width + 2) * self.channels;
        let slot = if self.span.contains(&y) {
            y.unsigned_abs() % self.depth
        } else {
            self.depth
        };
        slot * length..(slot + 1) * length
    }

    /// A row with its zeros at either side; all zeros outside the span.
    pub(super) fn padded(&self, y: isize) -> &[f32] {
        &self.buffer[self.place(y)]
    }

    /// A row.
    pub(super) fn row(&self, y: isize) -> &[f32] {
        &self.padded(y)[self.channels..(self.width + 1) * self.channels]
    }

    /// The place for row `y`, which must be in the span.
    pub(super) fn row_mut(&mut self, y: isize) -> &mut [f32] {
        debug_assert!(self.span.contains(&y), "row {y} is not in {:?}", self.span);
        let place = self.place(y);
        let (from, to) = (self.channels, (self.width + 1) * self.channels);
        &mut self.buffer[place][from..to]
    }
}
