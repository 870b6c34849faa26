//! The majority filter: every pixel takes the most frequent class around it.

use ndarray::Array2;
use rayon::prelude::*;

use crate::recipe::NODATA;

/// Replaces every class by the most frequent one in a square window of `edge` pixels around it.
///
/// Pixels without data keep none and do not vote, nor does what lies outside the array. Where two classes share the
/// first place the pixel keeps its own, even if that is a third one: a filter must not decide what the data left open.
pub(crate) fn majority(codes: &Array2<u8>, edge: usize) -> Array2<u8> {
    let (height, width) = codes.dim();
    let reach = edge / 2;
    let mut present = [false; 256];
    for code in codes {
        present[usize::from(*code)] = true;
    }
    let classes: Vec<u8> = (0..NODATA).filter(|c| present[usize::from(*c)]).collect();
    let mut filtered = codes.clone();
    let rows = filtered
        .as_slice_mut()
        .expect("a clone is in standard layout");
    rows.par_chunks_mut(width.max(1))
        .enumerate()
        .for_each(|(row, pixels)| {
            let lines = row.saturating_sub(reach)..(row + reach + 1).min(height);
            let mut votes = [0_u16; 256];
            let count = |votes: &mut [u16; 256], column: usize, enters: bool| {
                for line in lines.clone() {
                    let vote = &mut votes[usize::from(codes[[line, column]])];
                    *vote = if enters { *vote + 1 } else { *vote - 1 };
                }
            };
            for column in 0..reach.min(width) {
                count(&mut votes, column, true);
            }
            for (column, pixel) in pixels.iter_mut().enumerate() {
                if column + reach < width {
                    count(&mut votes, column + reach, true);
                }
                if column > reach {
                    count(&mut votes, column - reach - 1, false);
                }
                if *pixel != NODATA {
                    *pixel = first(&votes, &classes, *pixel);
                }
            }
        });
    filtered
}

/// The class with the most votes, or `own` when no class has more than every other.
fn first(votes: &[u16; 256], classes: &[u8], own: u8) -> u8 {
    let mut most = 0;
    let mut winner = own;
    for class in classes {
        let found = votes[usize::from(*class)];
        if found > most {
            (most, winner) = (found, *class);
        } else if found == most {
            winner = own;
        }
    }
    winner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::post::tests::noise;
    use ndarray::array;

    /// The definition, pixel by pixel.
    fn plain(codes: &Array2<u8>, edge: usize) -> Array2<u8> {
        let reach = edge as i64 / 2;
        Array2::from_shape_fn(codes.dim(), |(y, x)| {
            let own = codes[[y, x]];
            if own == NODATA {
                return own;
            }
            let mut votes = std::collections::BTreeMap::new();
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let place = [(y as i64 + dy) as usize, (x as i64 + dx) as usize];
                    if let Some(code) = codes.get(place).filter(|c| **c != NODATA) {
                        *votes.entry(*code).or_insert(0) += 1;
                    }
                }
            }
            let most = votes.values().max().unwrap();
            let first: Vec<u8> = votes
                .iter()
                .filter(|(_, n)| *n == most)
                .map(|(c, _)| *c)
                .collect();
            if first.len() == 1 { first[0] } else { own }
        })
    }

    #[test]
    fn the_sliding_window_gives_what_the_definition_says() {
        for (seed, (height, width), edge) in [
            (1, (23, 31), 3),
            (2, (23, 31), 7),
            (3, (2, 40), 5),
            (4, (40, 1), 9),
            (5, (1, 1), 3),
            (6, (12, 12), 31),
        ] {
            let codes = noise(seed, height, width, 4);
            assert_eq!(majority(&codes, edge), plain(&codes, edge), "seed {seed}");
        }
    }

    #[test]
    fn a_tie_for_the_first_place_keeps_the_pixels_own_class() {
        let codes = array![[1, 1, 1], [1, 3, 2], [2, 2, 2]];
        assert_eq!(majority(&codes, 3)[[1, 1]], 3);
    }

    #[test]
    fn no_data_neither_vote_nor_are_filled() {
        let codes = array![[255, 255, 255], [255, 1, 255], [255, 255, 255]];
        assert_eq!(majority(&codes, 3), codes);
        let hole = array![[1, 1, 1], [1, 255, 1], [1, 1, 1]];
        assert_eq!(majority(&hole, 3), hole);
    }
}
