//! Which pixels of a task are kept in its map, and which are rendered besides so that the kept ones are right.
//!
//! Filters look at a pixel's surroundings. If nothing were rendered beyond the area's outline, a field that the outline
//! cuts would look like a speck, and two neighbouring areas would disagree along their border. So filters see a margin,
//! and clipping comes last.

use geocrop_raster::{Aoi, Grid, Window};
use ndarray::{Array2, s};

use crate::TaskError;
use crate::post::sieve;
use crate::recipe::Post;

/// The pixels of a task.
pub(crate) struct Frame {
    /// What is rendered: the map's grid and the margin around it.
    pub(crate) rendered: Grid,
    /// Pixels of `rendered` that are worth rendering.
    pub(crate) needed: Array2<bool>,
    /// Pixels of the map's grid that the map keeps.
    kept: Array2<bool>,
    /// Pixels between the edges of the two grids.
    pub(crate) margin: usize,
}

impl Frame {
    /// The frame of an area on the map's grid.
    pub(crate) fn new(post: &Post, aoi: &Aoi, grid: &Grid) -> Result<Self, TaskError> {
        let margin = margin(post);
        let kept = if post.clip {
            aoi.coverage(grid)?
        } else {
            Array2::from_elem((grid.height, grid.width), true)
        };
        Ok(Self {
            rendered: grid.padded(margin),
            needed: grown(&kept, margin),
            kept,
            margin,
        })
    }

    /// Which pixels of a window of the map's grid the map keeps.
    pub(crate) fn kept(&self, window: Window) -> Array2<bool> {
        let rows = window.y..window.y + window.height;
        let columns = window.x..window.x + window.width;
        self.kept.slice(s![rows, columns]).to_owned()
    }

    /// A window of the map's grid on the rendered one.
    pub(crate) fn on_rendered(&self, window: Window) -> Window {
        Window {
            x: window.x + self.margin,
            y: window.y + self.margin,
            ..window
        }
    }
}

/// Pixels to render beyond the kept ones: as far as a patch that is too small can reach, and as far as the majority
/// looks from there. A neighbour that reaches out of the margin counts as large.
pub(crate) fn margin(post: &Post) -> usize {
    post.majority.map_or(0, |edge| edge / 2) + post.unit.map_or(0, |unit| unit.pixels - 1)
}

/// Pixels around a window that make its filtered content that of the whole image.
pub(crate) fn halo(post: &Post) -> usize {
    post.majority.map_or(0, |edge| edge / 2) + post.unit.map_or(0, |unit| sieve::halo(unit.pixels))
}

/// A mask with so many pixels more on each side, where every pixel within that distance of a set one is set.
fn grown(mask: &Array2<bool>, pixels: usize) -> Array2<bool> {
    let (height, width) = mask.dim();
    let mut padded = Array2::from_elem((height + 2 * pixels, width + 2 * pixels), false);
    padded
        .slice_mut(s![pixels..pixels + height, pixels..pixels + width])
        .assign(mask);
    if pixels > 0 {
        // A square is grown along the rows and then along the columns.
        for mut line in padded.rows_mut() {
            spread(&mut line, pixels);
        }
        for mut line in padded.columns_mut() {
            spread(&mut line, pixels);
        }
    }
    padded
}

/// Sets whatever lies within a distance of a set element.
fn spread(line: &mut ndarray::ArrayViewMut1<'_, bool>, distance: usize) {
    let set: Vec<usize> = (0..line.len()).filter(|k| line[*k]).collect();
    let mut from = 0;
    for at in set {
        let (first, end) = (
            at.saturating_sub(distance).max(from),
            (at + distance + 1).min(line.len()),
        );
        for k in first..end {
            line[k] = true;
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Connectivity, MappingUnit};

    #[test]
    fn a_mask_grows_by_squares_and_keeps_what_it_had() {
        let mut mask = Array2::from_elem((3, 5), false);
        mask[[0, 0]] = true;
        mask[[2, 4]] = true;
        let large = grown(&mask, 2);
        assert_eq!(large.dim(), (7, 9));
        for ((y, x), set) in large.indexed_iter() {
            let near = |py: usize, px: usize| y.abs_diff(py + 2) <= 2 && x.abs_diff(px + 2) <= 2;
            assert_eq!(*set, near(0, 0) || near(2, 4), "{y}/{x}");
        }
        assert_eq!(grown(&mask, 0), mask);
    }

    #[test]
    fn the_margin_is_what_a_speck_at_the_outline_can_reach() {
        let mut post = Post::default();
        assert_eq!((margin(&post), halo(&post)), (0, 0));
        post.majority = Some(5);
        post.unit = Some(MappingUnit {
            hectares: 0.1,
            pixels: 10,
            connectivity: Connectivity::Eight,
        });
        assert_eq!((margin(&post), halo(&post)), (2 + 9, 2 + 18));
    }
}
