//! Where the pixels of a row of a tile lie in a raster, as GDAL's warper finds it.
//!
//! The warper projects the first, the middle and the last pixel of a row, and takes the rest to lie on a straight line if
//! the middle one does so within an eighth of a pixel; otherwise it halves the row. To draw the same pixels, the same
//! halves are made here, but for all rows of a tile together: PROJ is called a few times instead of once for each row.

/// How far the middle of a row may be off, in pixels of the raster: the default of `gdalwarp` and rasterio.
pub(super) const TOLERANCE: f64 = 0.125;
/// So few pixels are projected one by one.
const FEW: usize = 5;

/// A column and a row of the raster, in pixels from its corner; not finite where the projection ends.
pub(super) type Place = (f64, f64);

/// Pixels of a row whose places lie on a straight line, evenly.
pub(super) struct Line {
    pub(super) row: usize,
    /// The first of them.
    pub(super) column: usize,
    pub(super) count: usize,
    /// Of the first one.
    pub(super) start: Place,
    /// From one to the next.
    pub(super) step: Place,
}

impl Line {
    /// The place of a pixel, counted from the first one.
    pub(super) fn place(&self, number: usize) -> Place {
        let along = number as f64;
        (
            self.start.0 + self.step.0 * along,
            self.start.1 + self.step.1 * along,
        )
    }
}

/// The places of all pixels of a tile.
#[derive(Default)]
pub(super) struct Places {
    pub(super) lines: Vec<Line>,
    /// Column, row and place of those that were projected one by one.
    pub(super) alone: Vec<(usize, usize, Place)>,
}

/// A row, or a piece of it.
struct Piece {
    row: usize,
    first: usize,
    count: usize,
    /// Of the first, the middle and the last pixel.
    ends: [Place; 3],
}

/// The places of all pixels of a tile of `side` pixels. `exact` finds places one by one: it is given the columns and rows
/// of pixels, and replaces them.
pub(super) fn places(side: usize, mut exact: impl FnMut(&mut [f64], &mut [f64])) -> Places {
    let mut lines = Vec::with_capacity(side);
    let whole = (0..side).map(|row| (row, 0, side));
    let mut pieces = ends_of(whole.collect(), &mut exact);
    let mut alone: Vec<(usize, usize)> = Vec::new();
    while !pieces.is_empty() {
        let mut halves = Vec::new();
        for piece in &pieces {
            match piece.line() {
                _ if piece.count <= FEW => alone.extend(piece.pixels()),
                None => alone.extend(piece.pixels()),
                Some((step, error)) if error <= TOLERANCE => lines.push(Line {
                    row: piece.row,
                    column: piece.first,
                    count: piece.count,
                    start: piece.ends[0],
                    step,
                }),
                Some(_) => {
                    let half = (piece.count - 1) / 2;
                    halves.push((piece.row, piece.first, half));
                    halves.push((piece.row, piece.first + half, piece.count - half));
                }
            }
        }
        pieces = ends_of(halves, &mut exact);
    }
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = alone
        .iter()
        .map(|&(column, row)| centre(column, row))
        .unzip();
    exact(&mut xs, &mut ys);
    let found = alone.into_iter().zip(xs.into_iter().zip(ys));
    Places {
        lines,
        alone: found
            .map(|((column, row), place)| (column, row, place))
            .collect(),
    }
}

/// The middle of a pixel.
pub(super) fn centre(column: usize, row: usize) -> (f64, f64) {
    (column as f64 + 0.5, row as f64 + 0.5)
}

/// Projects the ends and the middles of pieces.
fn ends_of(
    pieces: Vec<(usize, usize, usize)>,
    exact: &mut impl FnMut(&mut [f64], &mut [f64]),
) -> Vec<Piece> {
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = pieces
        .iter()
        .flat_map(|&(row, first, count)| {
            [0, (count - 1) / 2, count - 1].map(|number| centre(first + number, row))
        })
        .unzip();
    exact(&mut xs, &mut ys);
    let ends = xs.as_chunks::<3>().0.iter().zip(ys.as_chunks::<3>().0);
    pieces
        .into_iter()
        .zip(ends)
        .map(|((row, first, count), (xs, ys))| Piece {
            row,
            first,
            count,
            ends: [0, 1, 2].map(|end| (xs[end], ys[end])),
        })
        .collect()
}

impl Piece {
    fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let row = self.row;
        (self.first..self.first + self.count).map(move |column| (column, row))
    }

    /// From one pixel to the next on the straight line, and how far off it the middle is; `None` where the projection
    /// ends.
    fn line(&self) -> Option<(Place, f64)> {
        let [first, middle, last] = self.ends;
        let finite = |place: &Place| place.0.is_finite() && place.1.is_finite();
        if !self.ends.iter().all(finite) {
            return None;
        }
        let length = (self.count - 1) as f64;
        let step = ((last.0 - first.0) / length, (last.1 - first.1) / length);
        let half = ((self.count - 1) / 2) as f64;
        let error =
            (first.0 + step.0 * half - middle.0).abs() + (first.1 + step.1 * half - middle.1).abs();
        Some((step, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All places, row by row.
    fn flat(side: usize, found: &Places) -> Vec<Place> {
        let mut all = vec![(f64::NAN, f64::NAN); side * side];
        for line in &found.lines {
            for number in 0..line.count {
                all[line.row * side + line.column + number] = line.place(number);
            }
        }
        for (column, row, place) in &found.alone {
            all[row * side + column] = *place;
        }
        all
    }

    #[test]
    fn straight_rows_need_three_places_and_bent_ones_stay_near() {
        let mut asked = 0;
        let found = places(256, |xs, ys| {
            asked += xs.len();
            for (x, y) in xs.iter_mut().zip(ys) {
                (*x, *y) = (2.0 * *x + 7.0, *y / 2.0);
            }
        });
        assert_eq!(asked, 3 * 256);
        let all = flat(256, &found);
        assert!((all[256 * 9 + 31].0 - (2.0 * 31.5 + 7.0)).abs() < 1e-9);
        let bend = |x: f64, y: f64| (x + (x / 90.0).sin() * 9.0, y + x * x / 4000.0);
        let found = places(256, |xs, ys| {
            for (x, y) in xs.iter_mut().zip(ys) {
                (*x, *y) = bend(*x, *y);
            }
        });
        assert!(found.lines.len() > 256);
        for (number, place) in flat(256, &found).iter().enumerate() {
            let (x, y) = centre(number % 256, number / 256);
            let (wanted_x, wanted_y) = bend(x, y);
            let off = (place.0 - wanted_x).abs() + (place.1 - wanted_y).abs();
            assert!(off < 2.0 * TOLERANCE, "{number}: {off}");
        }
    }

    #[test]
    fn rows_that_leave_the_projection_are_looked_at_pixel_by_pixel() {
        let found = places(256, |xs, _| {
            for x in xs {
                *x = if *x > 200.0 { f64::INFINITY } else { *x };
            }
        });
        let all = flat(256, &found);
        assert_eq!(all[100], (100.5, 0.5));
        assert!(all[255].0.is_infinite());
    }
}
