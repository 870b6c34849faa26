//! Making rows of an overview: mode, mean or nearest of the pixels below each one.
//!
//! The work is done for [`LANES`] pixels at a time in plain loops over fixed arrays, which the compiler turns into
//! vector instructions.

use super::levels::{Axis, TILE};
use crate::write::Overviews;

const LANES: usize = 64;

/// Room for a row of two tiles and one more pixel, split, and for whole lanes after it.
const HALF: usize = TILE + LANES;

/// A row of fine pixels, those with even and odd numbers apart, so that equal lanes belong to one coarse pixel.
#[derive(Clone)]
pub(crate) struct SplitRow {
    even: [u8; HALF],
    odd: [u8; HALF],
}

impl SplitRow {
    pub(crate) fn new() -> Self {
        Self {
            even: [0; HALF],
            odd: [0; HALF],
        }
    }

    /// Puts pixels from an even column on.
    pub(crate) fn set(&mut self, column: usize, pixels: &[u8]) {
        let start = column / 2;
        let (pairs, last) = pixels.as_chunks::<2>();
        for ((pair, even), odd) in pairs
            .iter()
            .zip(&mut self.even[start..])
            .zip(&mut self.odd[start..])
        {
            *even = pair[0];
            *odd = pair[1];
        }
        if let [last] = last {
            self.even[start + pairs.len()] = *last;
        }
    }

    /// The `tap`-th pixel of each of the windows from `pixel` on.
    fn taps(&self, tap: usize, pixel: usize) -> &[u8; LANES] {
        let half = if tap == 1 { &self.odd } else { &self.even };
        let start = pixel + tap / 2;
        half[start..]
            .first_chunk()
            .unwrap_or_else(|| unreachable!("rows have room for all lanes"))
    }
}

/// How a row of an overview tile is made.
pub(crate) struct Reduction {
    pub(crate) overviews: Overviews,
    pub(crate) nodata: Option<u8>,
    pub(crate) across: Axis,
    pub(crate) down: Axis,
}

impl Reduction {
    /// Fills a row of coarse pixels. `rows` are the fine rows below it, one per tap; `column` and `row` count coarse
    /// pixels of the whole raster.
    pub(crate) fn fill(&self, rows: &[SplitRow], column: usize, row: usize, out: &mut [u8]) {
        for (chunk, out) in out.chunks_mut(LANES).enumerate() {
            let first = chunk * LANES;
            let made = match self.overviews {
                Overviews::Mode => self.mode(rows, first),
                Overviews::Average => self.mean(rows, first, column + first, row),
                Overviews::Nearest => self.nearest(rows, first, column + first, row),
            };
            out.copy_from_slice(&made[..out.len()]);
        }
    }

    /// The value that occurs most often; of several, the one that is first to occur as often, row by row. Nodata does
    /// not count. These are GDAL's rules.
    fn mode(&self, rows: &[SplitRow], first: usize) -> [u8; LANES] {
        let mut value = [self.nodata.unwrap_or(0); LANES];
        let mut most = [0_u8; LANES];
        let mut seen = [&value; 9].map(|empty| *empty);
        let mut count = 0;
        for row in rows {
            for tap in 0..self.across.taps() {
                let here = row.taps(tap, first);
                let mut times = [1_u8; LANES];
                for earlier in &seen[..count] {
                    for lane in 0..LANES {
                        times[lane] += u8::from(earlier[lane] == here[lane]);
                    }
                }
                if let Some(nodata) = self.nodata {
                    for lane in 0..LANES {
                        times[lane] = if here[lane] == nodata { 0 } else { times[lane] };
                    }
                }
                for lane in 0..LANES {
                    let more = times[lane] > most[lane];
                    most[lane] = if more { times[lane] } else { most[lane] };
                    value[lane] = if more { here[lane] } else { value[lane] };
                }
                seen[count] = *here;
                count += 1;
            }
        }
        value
    }

    /// The mean, each pixel weighted by its part inside the window, rounded half up. Nodata does not count, and a mean
    /// that happens to be the nodata value gives way by one.
    fn mean(&self, rows: &[SplitRow], first: usize, column: usize, row: usize) -> [u8; LANES] {
        let mut sum = [0.0_f32; LANES];
        let mut weight = [0.0_f32; LANES];
        let down = self.down.weights(row);
        let across: [[f32; LANES]; 3] = std::array::from_fn(|tap| {
            std::array::from_fn(|lane| self.across.weights(column + lane)[tap])
        });
        for (part, row) in down.into_iter().zip(rows) {
            for (tap, across) in across.iter().enumerate().take(self.across.taps()) {
                let here = row.taps(tap, first);
                for lane in 0..LANES {
                    let known = Some(here[lane]) != self.nodata;
                    let part = if known { part * across[lane] } else { 0.0 };
                    sum[lane] += part * f32::from(here[lane]);
                    weight[lane] += part;
                }
            }
        }
        std::array::from_fn(|lane| {
            let nodata = self.nodata.unwrap_or(0);
            if weight[lane] == 0.0 {
                return nodata;
            }
            let mean = (sum[lane] / weight[lane] + 0.5) as u8;
            match self.nodata {
                Some(nodata) if mean == nodata => nodata.checked_add(1).unwrap_or(nodata - 1),
                _ => mean,
            }
        })
    }

    fn nearest(&self, rows: &[SplitRow], first: usize, column: usize, row: usize) -> [u8; LANES] {
        let row = &rows[self.down.nearest(row)];
        std::array::from_fn(|lane| row.taps(self.across.nearest(column + lane), first)[lane])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One coarse pixel of a window of 2 x 2, 3 x 2 or 3 x 3, given row by row.
    fn one(overviews: Overviews, nodata: Option<u8>, width: usize, window: &[u8]) -> u8 {
        let rows: Vec<SplitRow> = window
            .chunks(width)
            .map(|pixels| {
                let mut row = SplitRow::new();
                row.set(0, pixels);
                row
            })
            .collect();
        let reduction = Reduction {
            overviews,
            nodata,
            across: Axis::from(width),
            down: Axis::from(rows.len()),
        };
        let mut out = [0];
        reduction.fill(&rows, 0, 0, &mut out);
        out[0]
    }

    #[test]
    fn the_mode_of_a_tie_is_the_value_that_is_first_to_occur_as_often() {
        let mode = |window: &[u8]| one(Overviews::Mode, None, 2, window);
        assert_eq!(mode(&[7, 8, 8, 8]), 8);
        assert_eq!(mode(&[7, 8, 9, 5]), 7);
        assert_eq!(mode(&[7, 7, 8, 8]), 7);
        assert_eq!(mode(&[7, 8, 8, 7]), 8);
        assert_eq!(mode(&[7, 8, 7, 8]), 7);
        assert_eq!(mode(&[7, 8, 9, 9]), 9);
    }

    #[test]
    fn the_mode_leaves_nodata_out_unless_there_is_nothing_else() {
        let mode = |window: &[u8]| one(Overviews::Mode, Some(255), 2, window);
        assert_eq!(mode(&[255, 255, 255, 4]), 4);
        assert_eq!(mode(&[255, 3, 255, 4]), 3);
        assert_eq!(mode(&[255; 4]), 255);
    }

    #[test]
    fn the_mode_counts_all_nine_pixels_of_odd_sides() {
        let window = [1, 2, 3, 4, 5, 6, 7, 3, 8];
        assert_eq!(one(Overviews::Mode, None, 3, &window), 3);
        assert_eq!(one(Overviews::Mode, None, 3, &[0, 1, 2, 2, 1, 1]), 1);
    }

    #[test]
    fn means_are_rounded_half_up_and_never_nodata() {
        let mean = |nodata, window: &[u8]| one(Overviews::Average, nodata, 2, window);
        assert_eq!(mean(None, &[0, 0, 1, 1]), 1);
        assert_eq!(mean(None, &[0, 0, 0, 1]), 0);
        assert_eq!(mean(Some(255), &[255, 10, 255, 13]), 12);
        assert_eq!(mean(Some(255), &[255; 4]), 255);
        assert_eq!(mean(Some(11), &[10, 12, 10, 12]), 12);
        assert_eq!(mean(None, &[255; 4]), 255);
    }

    #[test]
    fn rows_longer_than_the_lanes_are_made_whole() {
        let pixels: Vec<u8> = (0..1024).map(|n| (n / 2 % 251) as u8).collect();
        let mut row = SplitRow::new();
        row.set(0, &pixels[..512]);
        row.set(512, &pixels[512..]);
        for overviews in [Overviews::Mode, Overviews::Average, Overviews::Nearest] {
            let reduction = Reduction {
                overviews,
                nodata: None,
                across: Axis::from(1024),
                down: Axis::from(2),
            };
            let mut out = [0; 512];
            reduction.fill(&[row.clone(), row.clone()], 0, 0, &mut out);
            assert!((0..512).all(|n| out[n] == (n % 251) as u8), "{overviews:?}");
        }
    }
}
