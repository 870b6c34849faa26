//! Which pixels of a task are kept in its map, and which are rendered besides so that the kept ones are right.
//!
//! Filters look at a pixel's surroundings. If nothing were rendered beyond the area's outline, a field that the outline
//! cuts would look like a speck, and two neighbouring areas would disagree along their border. So filters see a margin,
//! and clipping comes last.

use geocrop_raster::{Aoi, Grid, Outline, Window};
use ndarray::{Array2, s};

use crate::TaskError;
use crate::post::sieve;
use crate::recipe::Post;

/// The pixels of a task. Nothing here is as large as the area: pixels are looked up window by window.
pub(crate) struct Frame {
    /// The map's grid.
    grid: Grid,
    /// What is rendered: the map's grid and the margin around it.
    pub(crate) rendered: Grid,
    /// The area's, where the map is cut to it.
    outline: Option<Outline>,
    /// Pixels between the edges of the two grids.
    pub(crate) margin: usize,
}

impl Frame {
    /// The frame of an area on the map's grid.
    pub(crate) fn new(post: &Post, aoi: &Aoi, grid: &Grid) -> Result<Self, TaskError> {
        let margin = margin(post);
        let outline = post.clip.then(|| aoi.outline(grid.crs));
        Ok(Self {
            rendered: grid.padded(margin),
            grid: grid.clone(),
            outline: outline.transpose()?,
            margin,
        })
    }

    /// Which pixels of a window of the map's grid the map keeps.
    pub(crate) fn kept(&self, window: Window) -> Array2<bool> {
        match &self.outline {
            Some(outline) => outline.coverage(&self.grid, window),
            None => Array2::from_elem((window.height, window.width), true),
        }
    }

    /// Which pixels of a window of the rendered grid are worth rendering.
    pub(crate) fn needed(&self, window: Window) -> Array2<bool> {
        let Some(outline) = &self.outline else {
            return Array2::from_elem((window.height, window.width), true);
        };
        // With a margin on all sides, a window's surroundings start where the window itself did.
        let around = Window {
            width: window.width + 2 * self.margin,
            height: window.height + 2 * self.margin,
            ..window
        };
        let mut near = outline.coverage(&self.rendered.padded(self.margin), around);
        grow(&mut near, self.margin);
        let (rows, columns) = (
            self.margin..self.margin + window.height,
            self.margin..self.margin + window.width,
        );
        near.slice(s![rows, columns]).to_owned()
    }

    /// Whether a window of the rendered grid may hold a pixel worth rendering; cheap.
    pub(crate) fn touches(&self, window: Window) -> bool {
        let around = self.rendered.sub(window).padded(self.margin);
        self.outline
            .as_ref()
            .is_none_or(|outline| outline.touches(&around.bounds()))
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

/// Sets every pixel within a distance of a set one, in rows and columns.
fn grow(mask: &mut Array2<bool>, pixels: usize) {
    if pixels > 0 {
        // A square is grown along the rows and then along the columns.
        for mut line in mask.rows_mut() {
            spread(&mut line, pixels);
        }
        for mut line in mask.columns_mut() {
            spread(&mut line, pixels);
        }
    }
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
        let mut mask = Array2::from_elem((7, 9), false);
        mask[[2, 2]] = true;
        mask[[4, 6]] = true;
        let small = mask.clone();
        grow(&mut mask, 2);
        for ((y, x), set) in mask.indexed_iter() {
            let near = |py: usize, px: usize| y.abs_diff(py) <= 2 && x.abs_diff(px) <= 2;
            assert_eq!(*set, near(2, 2) || near(4, 6), "{y}/{x}");
        }
        let mut same = small.clone();
        grow(&mut same, 0);
        assert_eq!(same, small);
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
