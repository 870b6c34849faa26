//! Which pixels of a raster a tile takes.

use super::approximate::{Line, Place, Places};
use crate::grid::Window;

/// Where GDAL's warper puts what lies on a line.
const ON_THE_LINE: f64 = 1e-10;
/// Lines that come no nearer to the edge than this are not looked at pixel by pixel.
const WELL_INSIDE: f64 = 1e-3;
/// Places along a line are added up as whole numbers, with so many bits behind the point: exact to 1e-11 of a pixel at
/// the end of a row, where doubles are no better.
const FRACTION: u32 = 44;
/// What is left of 64 bits.
const LONGEST_SIDE: usize = 1 << 18;

/// The pixels of a raster that a tile takes.
pub(super) struct Lookup {
    /// What all of them lie in.
    pub(super) window: Window,
    lines: Vec<Line>,
    /// Place in the tile, column and row in the raster.
    alone: Vec<(usize, usize, usize)>,
}

impl Lookup {
    /// Finds the pixels for places in a raster of a size; `None` if there are none. Like GDAL's warper, a place just
    /// outside is looked at `again`, exactly: it may be inside.
    pub(super) fn new(
        places: Places,
        (width, height): (usize, usize),
        side: usize,
        again: impl Fn(usize, usize) -> Place,
    ) -> Option<Self> {
        let edges = Edges {
            width: width as f64,
            height: height as f64,
        };
        let small = width < LONGEST_SIDE && height < LONGEST_SIDE;
        let (mut lines, mut alone) = (Vec::with_capacity(places.lines.len()), Vec::new());
        let mut reach = Reach::default();
        let mut look = |column: usize, row: usize, mut place: Place| {
            if edges.off(place, 0.0) && !edges.off(place, 1.0) {
                place = again(column, row);
            }
            if !edges.off(place, 0.0) {
                let (x, y) = edges.pixel(place);
                reach.take((x as f64, y as f64));
                alone.push((row * side + column, x, y));
            }
        };
        for (column, row, place) in places.alone {
            look(column, row, place);
        }
        let mut inside = Vec::with_capacity(places.lines.len());
        for line in places.lines {
            let ends = [line.start, line.place(line.count - 1)];
            if small && !ends.iter().any(|end| edges.off(*end, -WELL_INSIDE)) {
                inside.push((line, ends));
            } else if !edges.misses(ends) {
                for number in 0..line.count {
                    look(line.column + number, line.row, line.place(number));
                }
            }
        }
        for (line, ends) in inside {
            for end in ends {
                reach.take((end.0 + ON_THE_LINE, end.1 + ON_THE_LINE));
            }
            lines.push(line);
        }
        Some(Self {
            window: reach.window()?,
            lines,
            alone,
        })
    }

    /// Calls back for every pixel that was found: its place in the tile, and that in the window's pixels, row by row.
    pub(super) fn each(&self, side: usize, mut take: impl FnMut(usize, usize)) {
        const ONE: f64 = (1_u64 << FRACTION) as f64;
        let Window {
            x,
            y,
            width,
            height,
        } = self.window;
        let (last_column, last_row) = (width as i64 - 1, height as i64 - 1);
        for line in &self.lines {
            let fixed = |place: f64, first: usize| {
                ((place + ON_THE_LINE - first as f64) * ONE).floor() as i64
            };
            let (mut column, mut row) = (fixed(line.start.0, x), fixed(line.start.1, y));
            let right = (line.step.0 * ONE).round() as i64;
            let down = (line.step.1 * ONE).round() as i64;
            let first = line.row * side + line.column;
            for place in first..first + line.count {
                // The last bit may lead one pixel astray.
                let there = (row >> FRACTION).clamp(0, last_row) as usize * width
                    + (column >> FRACTION).clamp(0, last_column) as usize;
                take(place, there);
                column += right;
                row += down;
            }
        }
        for &(place, column, row) in &self.alone {
            take(place, (row - y) * width + column - x);
        }
    }
}

/// Where a raster ends.
struct Edges {
    width: f64,
    height: f64,
}

impl Edges {
    /// Whether a place lies more than so many pixels outside.
    fn off(&self, (x, y): Place, by: f64) -> bool {
        let inside = |place: f64, length: f64| place >= -by && place + ON_THE_LINE <= length + by;
        !(inside(x, self.width) && inside(y, self.height))
    }

    /// Whether all between two places is well outside on one side.
    fn misses(&self, [a, b]: [Place; 2]) -> bool {
        let beyond = |a: f64, b: f64, length: f64| {
            (a < -1.5 && b < -1.5) || (a > length + 1.5 && b > length + 1.5)
        };
        beyond(a.0, b.0, self.width) || beyond(a.1, b.1, self.height)
    }

    /// The pixel at a place inside.
    fn pixel(&self, (x, y): Place) -> (usize, usize) {
        let down = |place: f64, length: f64| (place + ON_THE_LINE).min(length - 1.0) as usize;
        (down(x, self.width), down(y, self.height))
    }
}

/// The smallest box around places.
struct Reach {
    first: Place,
    last: Place,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            first: (f64::INFINITY, f64::INFINITY),
            last: (-1.0, -1.0),
        }
    }
}

impl Reach {
    fn take(&mut self, place: Place) {
        self.first = (self.first.0.min(place.0), self.first.1.min(place.1));
        self.last = (self.last.0.max(place.0), self.last.1.max(place.1));
    }

    /// The pixels from the first to the last place.
    fn window(&self) -> Option<Window> {
        let (x, y) = (self.first.0 as usize, self.first.1 as usize);
        (self.last.0 >= 0.0).then(|| Window {
            x,
            y,
            width: self.last.0 as usize + 1 - x,
            height: self.last.1 as usize + 1 - y,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_find_the_pixels_that_doubles_find() {
        let start = (3.999_999_999_95, 17.25);
        let step = (1.871_234_567_891, -0.012_345_678_9);
        let line = Line {
            row: 3,
            column: 0,
            count: 256,
            start,
            step,
        };
        let places = Places {
            lines: vec![line],
            alone: Vec::new(),
        };
        let found = Lookup::new(places, (700, 40), 256, |_, _| unreachable!()).unwrap();
        let mut number = 0.0;
        found.each(256, |place, there| {
            let column = (start.0 + step.0 * number + ON_THE_LINE) as usize;
            let row = (start.1 + step.1 * number + ON_THE_LINE) as usize;
            assert_eq!(place, 3 * 256 + number as usize);
            let window = found.window;
            assert_eq!(there, (row - window.y) * window.width + column - window.x);
            number += 1.0;
        });
        assert_eq!((found.window.x, found.window.y), (4, 14));
    }

    #[test]
    fn a_place_just_outside_is_looked_at_again() {
        let places = || Places {
            lines: Vec::new(),
            alone: vec![
                (7, 0, (10.2, 3.0)),
                (8, 0, (11.2, 3.0)),
                (9, 0, (10.0, 0.0)),
            ],
        };
        let taken = |again: Place| {
            let mut taken = Vec::new();
            if let Some(found) = Lookup::new(places(), (10, 10), 256, |_, _| again) {
                found.each(256, |place, _| taken.push(place));
            }
            taken
        };
        assert_eq!(taken((9.9, 3.0)), [7, 9]);
        assert_eq!(taken((10.1, 3.0)), [] as [usize; 0]);
    }
}
