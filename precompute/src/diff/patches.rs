//! The patches of a stream of rows: which lie where, and the largest of them.
//!
//! Runs of one row are joined with those of the row before (by edges and corners); a patch that the row no longer
//! touches is finished. So memory is that of two rows, however many patches there are.

/// From one class to another, by their numbers in the list of classes.
pub(super) type Change = (usize, usize);

/// The patches that are remembered.
const LARGEST: usize = 10;

/// Rows that have come so far.
#[derive(Default)]
pub(super) struct Patches {
    row: u64,
    /// Runs of the row before.
    runs: Vec<Run>,
    /// The patches that these runs belong to.
    growing: Vec<Growing>,
    finished: u64,
    /// Largest first.
    largest: Vec<Found>,
}

/// A patch that has come to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) change: Change,
    pub(super) pixels: u64,
    /// Mean of its pixels' columns and rows.
    pub(super) column: f64,
    pub(super) row: f64,
    /// Row and column of its first pixel, which tells patches of one size apart.
    first: (u64, usize),
}

/// Pixels of one row, side by side, that changed alike.
struct Run {
    begin: usize,
    end: usize,
    change: Change,
    patch: usize,
}

#[derive(Clone)]
struct Growing {
    change: Change,
    pixels: u64,
    columns: u64,
    rows: u64,
    first: (u64, usize),
}

impl Growing {
    fn absorb(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.columns += other.columns;
        self.rows += other.rows;
        self.first = self.first.min(other.first);
    }
}

impl Patches {
    /// Takes the next row: for every pixel its change, if it changed.
    pub(super) fn row(&mut self, changes: &[Option<Change>]) {
        let before = self.growing.len();
        let mut sets: Vec<usize> = (0..before).collect();
        let mut patches = std::mem::take(&mut self.growing);
        let mut runs = runs_of(changes, before);
        let mut above = 0;
        for run in &runs {
            sets.push(run.patch);
            patches.push(self.alone(run));
            // Runs above that end before this one begins touch none of the later ones either; corners count.
            while self.runs.get(above).is_some_and(|r| r.end < run.begin) {
                above += 1;
            }
            for other in self.runs[above..].iter().take_while(|r| r.begin <= run.end) {
                if other.change == run.change {
                    join(&mut sets, other.patch, run.patch);
                }
            }
        }
        // Every set's first patch takes in the others.
        for patch in 0..patches.len() {
            let root = root(&mut sets, patch);
            if root != patch {
                let other = patches[patch].clone();
                patches[root].absorb(&other);
            }
        }
        let mut number = vec![usize::MAX; patches.len()];
        for run in &mut runs {
            let root = root(&mut sets, run.patch);
            if number[root] == usize::MAX {
                number[root] = self.growing.len();
                self.growing.push(patches[root].clone());
            }
            run.patch = number[root];
        }
        for patch in 0..before {
            if root(&mut sets, patch) == patch && number[patch] == usize::MAX {
                self.end(&patches[patch]);
            }
        }
        self.runs = runs;
        self.row += 1;
    }

    /// How many patches there were, and the largest.
    pub(super) fn finish(mut self) -> (u64, Vec<Found>) {
        for patch in std::mem::take(&mut self.growing) {
            self.end(&patch);
        }
        (self.finished, self.largest)
    }

    /// A patch of one run.
    fn alone(&self, run: &Run) -> Growing {
        let pixels = (run.end - run.begin) as u64;
        Growing {
            change: run.change,
            pixels,
            columns: (run.begin..run.end).sum::<usize>() as u64,
            rows: pixels * self.row,
            first: (self.row, run.begin),
        }
    }

    fn end(&mut self, patch: &Growing) {
        self.finished += 1;
        let found = Found {
            change: patch.change,
            pixels: patch.pixels,
            column: patch.columns as f64 / patch.pixels as f64,
            row: patch.rows as f64 / patch.pixels as f64,
            first: patch.first,
        };
        let place = self
            .largest
            .partition_point(|p| (p.pixels, found.first) > (found.pixels, p.first));
        if place < LARGEST {
            self.largest.insert(place, found);
            self.largest.truncate(LARGEST);
        }
    }
}

/// The runs of a row; each begins as a patch of its own, numbered from `first_patch`.
fn runs_of(changes: &[Option<Change>], first_patch: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, change) in changes.iter().enumerate() {
        let Some(change) = *change else { continue };
        match runs.last_mut() {
            Some(run) if run.end == column && run.change == change => run.end += 1,
            _ => runs.push(Run {
                begin: column,
                end: column + 1,
                change,
                patch: first_patch + runs.len(),
            }),
        }
    }
    runs
}

fn root(sets: &mut [usize], mut patch: usize) -> usize {
    while sets[patch] != patch {
        sets[patch] = sets[sets[patch]];
        patch = sets[patch];
    }
    patch
}

fn join(sets: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(sets, one), root(sets, other));
    sets[one.max(other)] = one.min(other);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn found(rows: &[&str]) -> (u64, Vec<Found>) {
        let mut patches = Patches::default();
        for row in rows {
            let change = |c: char| c.to_digit(10).map(|d| (d as usize, 0));
            patches.row(&row.chars().map(change).collect::<Vec<_>>());
        }
        patches.finish()
    }

    #[test]
    fn a_patch_is_joined_over_edges_and_corners_whatever_its_shape() {
        let (count, largest) = found(&[
            "1.1.....2", //
            "1.1....2.",
            "111...2..",
            "...3.....",
            "1........",
        ]);
        assert_eq!(count, 4);
        assert_eq!(largest[0].pixels, 7);
        assert_eq!(largest[1].change, (2, 0));
        assert!((largest[1].column - 7.0).abs() < 1e-12);
        assert!((largest[1].row - 1.0).abs() < 1e-12);
        // Of two single pixels the one that comes first.
        assert_eq!((largest[2].change, largest[3].change), ((3, 0), (1, 0)));
    }

    #[test]
    fn arms_that_meet_below_are_one_patch_and_neighbours_of_another_kind_are_not() {
        let (count, largest) = found(&[
            "1.1.1.1", //
            "1.1.1.1", "1121112",
        ]);
        assert_eq!(count, 3);
        let sizes: Vec<u64> = largest.iter().map(|p| p.pixels).collect();
        assert_eq!(sizes, [13, 1, 1]);
    }

    #[test]
    fn a_stream_finds_the_patches_that_flood_filling_finds() {
        for seed in 0..8 {
            let codes = crate::post::tests::noise(seed, 40, 37, 3);
            let mut patches = Patches::default();
            for row in codes.rows() {
                let change = |c: &u8| (*c < 2).then_some((usize::from(*c), 9));
                patches.row(&row.iter().map(change).collect::<Vec<_>>());
            }
            let (count, largest) = patches.finish();
            let mut seen = BTreeSet::new();
            let mut sizes = Vec::new();
            for ((y, x), code) in codes.indexed_iter().filter(|(_, c)| **c < 2) {
                if !seen.insert((y, x)) {
                    continue;
                }
                let mut open = vec![(y, x)];
                let mut size = 0_u64;
                while let Some((y, x)) = open.pop() {
                    size += 1;
                    for ny in y.saturating_sub(1)..=y + 1 {
                        for nx in x.saturating_sub(1)..=x + 1 {
                            if codes.get((ny, nx)) == Some(code) && seen.insert((ny, nx)) {
                                open.push((ny, nx));
                            }
                        }
                    }
                }
                sizes.push(size);
            }
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(count, sizes.len() as u64, "seed {seed}");
            let found: Vec<u64> = largest.iter().map(|p| p.pixels).collect();
            assert_eq!(found, sizes[..10], "seed {seed}");
        }
    }
}
