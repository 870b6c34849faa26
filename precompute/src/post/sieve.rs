//! The minimum mapping unit: patches that are too small become part of what surrounds them.
//!
//! A patch is a connected component of one class. It is *large* if it has at least the unit's pixels, or if it touches
//! pixels of which nothing is known (the edge of the array, and what was not rendered), where it may go on. Every other
//! patch takes the class of the large patches with which it shares the longest border, counted in edges of pixels; of
//! two equally long ones the lower value. All patches are judged by the map as it was before, so nothing depends on an
//! order.
//!
//! A patch without a large neighbour stays as it is: in a field of nothing but specks there is no surrounding to become
//! part of (GDAL's sieve leaves it too); a majority filter before helps there. Pixels without data are never filled and
//! are nobody's border.
//!
//! **How far one must look.** With a unit of `n` pixels a small patch reaches at most `n - 2` pixels from any pixel of
//! it, and its neighbours begin at most `n - 1` away. Whether such a neighbour is large shows within another `n - 1`
//! pixels: either it ends there, or it has `n` pixels on the way. So a window with [`halo`]`(n) = 2 (n - 1)` pixels
//! around it gives exactly what the whole image gives.

use ndarray::Array2;

use crate::recipe::{Connectivity, NODATA};

/// Pixels around a window that make its sieved content that of the whole image.
pub(crate) fn halo(unit: usize) -> usize {
    2 * unit.saturating_sub(1)
}

/// Sieves in place. `unknown` marks pixels that were not rendered; they hold no data, but something may be there.
pub(crate) fn sieve(
    codes: &mut Array2<u8>,
    unknown: &Array2<bool>,
    unit: usize,
    connectivity: Connectivity,
) {
    let patches = Patches::label(codes, unknown, connectivity);
    let (replacement, any) = patches.replacements(codes, unit);
    if any {
        for (code, label) in codes.iter_mut().zip(&patches.labels) {
            if *label != NO_PATCH {
                *code = replacement[*label as usize].unwrap_or(*code);
            }
        }
    }
}

/// The label of pixels without data.
const NO_PATCH: u32 = u32::MAX;

/// The connected components of an array of classes.
struct Patches {
    /// Row by row; dense from 0, or [`NO_PATCH`].
    labels: Vec<u32>,
    pixels: Vec<usize>,
    /// Whether the patch touches what is unknown.
    open: Vec<bool>,
}

impl Patches {
    /// Two passes with a union of labels between them (A. Rosenfeld and J. L. Pfaltz, Sequential Operations in Digital
    /// Picture Processing, Journal of the ACM 13, 1966).
    fn label(codes: &Array2<u8>, unknown: &Array2<bool>, connectivity: Connectivity) -> Self {
        let (height, width) = codes.dim();
        let diagonal = connectivity == Connectivity::Eight;
        let mut labels = vec![NO_PATCH; height * width];
        let mut sets = Sets::default();
        for y in 0..height {
            for x in 0..width {
                let code = codes[[y, x]];
                if code == NODATA {
                    continue;
                }
                let mut label = NO_PATCH;
                // The neighbours that were labelled before: west, and the row above.
                let mut meet = |row: usize, column: usize| {
                    if codes[[row, column]] == code {
                        let other = labels[row * width + column];
                        label = if label == NO_PATCH {
                            other
                        } else {
                            sets.join(label, other)
                        };
                    }
                };
                if x > 0 {
                    meet(y, x - 1);
                }
                if y > 0 {
                    meet(y - 1, x);
                    if diagonal && x > 0 {
                        meet(y - 1, x - 1);
                    }
                    if diagonal && x + 1 < width {
                        meet(y - 1, x + 1);
                    }
                }
                labels[y * width + x] = if label == NO_PATCH { sets.add() } else { label };
            }
        }
        let dense = sets.dense();
        let mut patches = Self {
            labels,
            pixels: vec![0; dense.count],
            open: vec![false; dense.count],
        };
        for y in 0..height {
            for x in 0..width {
                let label = &mut patches.labels[y * width + x];
                if *label == NO_PATCH {
                    continue;
                }
                *label = dense.of[*label as usize];
                patches.pixels[*label as usize] += 1;
                let open = &mut patches.open[*label as usize];
                *open = *open || touches_unknown(unknown, y, x, diagonal);
            }
        }
        patches
    }

    /// For every patch the class that it becomes, if it is too small; and whether there is any.
    fn replacements(&self, codes: &Array2<u8>, unit: usize) -> (Vec<Option<u8>>, bool) {
        let (height, width) = codes.dim();
        let small: Vec<bool> = self
            .pixels
            .iter()
            .zip(&self.open)
            .map(|(pixels, open)| *pixels < unit && !open)
            .collect();
        let mut replacement = vec![None; small.len()];
        // One entry for each edge that a small patch shares with a large one.
        let mut borders: Vec<(u32, u8)> = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let label = self.labels[y * width + x];
                if label == NO_PATCH || !small[label as usize] {
                    continue;
                }
                let mut look = |row: usize, column: usize| {
                    let other = self.labels[row * width + column];
                    if other != NO_PATCH && !small[other as usize] {
                        borders.push((label, codes[[row, column]]));
                    }
                };
                // A small patch never lies at the array's edge: it would be open.
                look(y, x - 1);
                look(y, x + 1);
                look(y - 1, x);
                look(y + 1, x);
            }
        }
        borders.sort_unstable();
        for patch in borders.chunk_by(|a, b| a.0 == b.0) {
            let mut longest = 0;
            for class in patch.chunk_by(|a, b| a.1 == b.1) {
                if class.len() > longest {
                    longest = class.len();
                    replacement[patch[0].0 as usize] = Some(class[0].1);
                }
            }
        }
        (replacement, !borders.is_empty())
    }
}

fn touches_unknown(unknown: &Array2<bool>, y: usize, x: usize, diagonal: bool) -> bool {
    let (height, width) = unknown.dim();
    if y == 0 || x == 0 || y + 1 == height || x + 1 == width {
        return true;
    }
    let straight =
        unknown[[y, x - 1]] || unknown[[y, x + 1]] || unknown[[y - 1, x]] || unknown[[y + 1, x]];
    straight
        || (diagonal
            && (unknown[[y - 1, x - 1]]
                || unknown[[y - 1, x + 1]]
                || unknown[[y + 1, x - 1]]
                || unknown[[y + 1, x + 1]]))
}

/// Labels that turned out to be one.
#[derive(Default)]
struct Sets {
    /// A label's parent is never greater than the label.
    parent: Vec<u32>,
}

/// Labels without gaps.
struct Dense {
    of: Vec<u32>,
    count: usize,
}

impl Sets {
    fn add(&mut self) -> u32 {
        let label = self.parent.len() as u32;
        self.parent.push(label);
        label
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.parent[label as usize] != label {
            let parent = self.parent[label as usize];
            self.parent[label as usize] = self.parent[parent as usize];
            label = parent;
        }
        label
    }

    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high as usize] = low;
        low
    }

    fn dense(self) -> Dense {
        let mut of: Vec<u32> = Vec::with_capacity(self.parent.len());
        let mut count = 0;
        for (label, parent) in self.parent.iter().enumerate() {
            if *parent as usize == label {
                of.push(count);
                count += 1;
            } else {
                // The parent comes before, so its own number is known.
                of.push(of[*parent as usize]);
            }
        }
        Dense {
            of,
            count: count as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::tests::{noise, patchy};
    use ndarray::{array, s};

    fn sieved(codes: &Array2<u8>, unit: usize, connectivity: Connectivity) -> Array2<u8> {
        let mut codes = codes.clone();
        let unknown = Array2::from_elem(codes.dim(), false);
        sieve(&mut codes, &unknown, unit, connectivity);
        codes
    }

    /// The definition by flood filling, patch by patch.
    fn plain(codes: &Array2<u8>, unit: usize, connectivity: Connectivity) -> Array2<u8> {
        let (height, width) = codes.dim();
        let reach: &[(i64, i64)] = match connectivity {
            Connectivity::Four => &[(0, 1), (1, 0), (0, -1), (-1, 0)],
            Connectivity::Eight => &[
                (0, 1),
                (1, 0),
                (0, -1),
                (-1, 0),
                (1, 1),
                (1, -1),
                (-1, 1),
                (-1, -1),
            ],
        };
        let step = |(y, x): (usize, usize), (dy, dx): (i64, i64)| {
            ((y as i64 + dy) as usize, (x as i64 + dx) as usize)
        };
        let patch_of = |start: (usize, usize)| {
            let mut patch = vec![start];
            let mut next = 0;
            while next < patch.len() {
                for way in reach {
                    let place = step(patch[next], *way);
                    if codes.get(place) == Some(&codes[start]) && !patch.contains(&place) {
                        patch.push(place);
                    }
                }
                next += 1;
            }
            patch
        };
        let is_small = |patch: &[(usize, usize)]| {
            let edge =
                |&(y, x): &(usize, usize)| y == 0 || x == 0 || y + 1 == height || x + 1 == width;
            patch.len() < unit && !patch.iter().any(edge)
        };
        Array2::from_shape_fn(codes.dim(), |place| {
            let own = codes[place];
            let patch = patch_of(place);
            if own == NODATA || !is_small(&patch) {
                return own;
            }
            let mut borders = [0; 256];
            for pixel in &patch {
                for way in [(0, 1), (1, 0), (0, -1), (-1, 0)] {
                    let other = step(*pixel, way);
                    let code = codes[other];
                    if code != NODATA && code != own && !is_small(&patch_of(other)) {
                        borders[usize::from(code)] += 1;
                    }
                }
            }
            // The last of equal maxima is the first from the back.
            let longest = (0..NODATA).rev().max_by_key(|c| borders[usize::from(*c)]);
            longest
                .filter(|c| borders[usize::from(*c)] > 0)
                .unwrap_or(own)
        })
    }

    #[test]
    fn the_sieve_gives_what_the_definition_says() {
        for seed in 0..6 {
            for connectivity in [Connectivity::Four, Connectivity::Eight] {
                for unit in [2, 4, 9] {
                    for codes in [noise(seed, 17, 23, 3), patchy(seed, 24, 20, 4)] {
                        assert_eq!(
                            sieved(&codes, unit, connectivity),
                            plain(&codes, unit, connectivity),
                            "seed {seed}, unit {unit}, {connectivity:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_window_with_its_halo_gives_what_the_whole_image_gives() {
        for (seed, unit) in [(1, 3), (2, 6), (3, 12), (4, 20)] {
            for codes in [noise(seed, 90, 110, 3), patchy(seed, 90, 110, 5)] {
                for connectivity in [Connectivity::Four, Connectivity::Eight] {
                    let whole = sieved(&codes, unit, connectivity);
                    for size in [13, 40] {
                        for (y, x) in (0..90)
                            .step_by(size)
                            .flat_map(|y| (0..110).step_by(size).map(move |x| (y, x)))
                        {
                            let around = |at: usize, end: usize| {
                                (
                                    at.saturating_sub(halo(unit)),
                                    (at + size + halo(unit)).min(end),
                                )
                            };
                            let ((y0, y1), (x0, x1)) = (around(y, 90), around(x, 110));
                            let part = codes.slice(s![y0..y1, x0..x1]).to_owned();
                            let part = sieved(&part, unit, connectivity);
                            let (bottom, right) = ((y + size).min(90), (x + size).min(110));
                            assert_eq!(
                                part.slice(s![y - y0..bottom - y0, x - x0..right - x0]),
                                whole.slice(s![y..bottom, x..right]),
                                "seed {seed}, unit {unit}, {connectivity:?}, at {y}/{x}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_speck_takes_the_class_of_its_longest_border() {
        let codes = array![
            [1, 1, 1, 1, 2, 2],
            [1, 1, 3, 2, 2, 2],
            [1, 1, 2, 2, 2, 2],
            [1, 1, 1, 4, 2, 2],
            [1, 1, 1, 2, 2, 2],
        ];
        let result = sieved(&codes, 2, Connectivity::Four);
        // Two edges with each: the lower value. One edge with class 1 and three with class 2.
        assert_eq!((result[[1, 2]], result[[3, 3]]), (1, 2));
    }

    #[test]
    fn a_diagonal_line_is_one_patch_with_eight_neighbours_and_many_with_four() {
        let mut codes = Array2::from_elem((7, 7), 1);
        for k in 1..6 {
            codes[[k, k]] = 2;
        }
        assert_eq!(sieved(&codes, 5, Connectivity::Eight), codes);
        let removed = sieved(&codes, 5, Connectivity::Four);
        assert!(removed.iter().all(|c| *c == 1));
    }

    #[test]
    fn no_data_are_not_filled_and_an_island_of_specks_stays() {
        let mut codes = Array2::from_elem((8, 8), NODATA);
        codes[[3, 3]] = 1;
        codes[[3, 4]] = 2;
        codes[[4, 3]] = 2;
        assert_eq!(sieved(&codes, 9, Connectivity::Four), codes);
        let mut hole = Array2::from_elem((8, 8), 1);
        hole[[4, 4]] = NODATA;
        assert_eq!(sieved(&hole, 9, Connectivity::Four), hole);
    }

    #[test]
    fn a_patch_that_may_go_on_where_nothing_is_known_stays() {
        let mut codes = Array2::from_elem((7, 7), 1);
        codes[[3, 3]] = 2;
        codes[[3, 4]] = NODATA;
        let mut unknown = Array2::from_elem((7, 7), false);
        let mut clouded = codes.clone();
        sieve(&mut clouded, &unknown, 4, Connectivity::Eight);
        assert_eq!(clouded[[3, 3]], 1);
        unknown[[3, 4]] = true;
        let mut cut = codes.clone();
        sieve(&mut cut, &unknown, 4, Connectivity::Eight);
        assert_eq!(cut[[3, 3]], 2);
    }
}
