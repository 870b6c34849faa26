//! Where the cuts between blocks lie: on those of the files.
//!
//! Files are compressed in blocks of 512 pixels, say, and each is inflated as a whole. A block of the grid that lies
//! across four of them costs four times the time of one that lies on one. Where a grid has the pixels of its files
//! (same coordinate system, same lines), cuts can be put on theirs; it changes when pixels are made, never what they are.

use std::collections::BTreeMap;

use geocrop_raster::{Grid, RasterInfo};

use crate::prepare::PreparedSeason;

/// Where a file's blocks lie on a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileBlocks {
    /// Column and row of the file's first pixel on the grid.
    origin: (i64, i64),
    /// Columns and rows of a block.
    size: (usize, usize),
}

impl FileBlocks {
    /// `None` where the pixels of the file are not those of the grid.
    pub(crate) fn on(grid: &Grid, file: &RasterInfo) -> Option<Self> {
        Some(Self {
            origin: grid.offset_of(&file.grid()?)?,
            size: file.block,
        })
    }

    /// The first column and row at which blocks of `size` pixels are to be cut, so that none of them shares a file's
    /// block with another (or, where `size` is smaller, with more than it must). Strips have no columns to cut at.
    fn first_cut(&self, size: usize) -> Option<(usize, usize)> {
        let side = |origin: i64, block: usize| {
            let fits = size.is_multiple_of(block) || block.is_multiple_of(size);
            fits.then(|| origin.rem_euclid(block.min(size) as i64) as usize)
        };
        Some((
            side(self.origin.0, self.size.0)?,
            side(self.origin.1, self.size.1)?,
        ))
    }
}

/// The first column and row at which to cut blocks of `size` pixels: what suits most files.
pub(crate) fn first_cut(seasons: &[PreparedSeason], size: usize) -> (usize, usize) {
    let scenes = seasons.iter().flat_map(PreparedSeason::scenes);
    let files = scenes.flat_map(|scene| scene.bands.values());
    let mut votes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for cut in files.filter_map(|file| file.blocks?.first_cut(size)) {
        *votes.entry(cut).or_default() += 1;
    }
    let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
    most.map_or((0, 0), |(cut, _)| cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_lie_on_those_of_the_files() {
        let blocks = |origin, size| FileBlocks { origin, size };
        let tiled = blocks((-700, 3), (512, 512));
        // The file's blocks begin at -700, -188, 324, ...
        assert_eq!(tiled.first_cut(512), Some((324, 3)));
        assert_eq!(tiled.first_cut(1024), Some((324, 3)));
        assert_eq!(tiled.first_cut(256), Some((68, 3)));
        assert_eq!(tiled.first_cut(448), None);
        assert_eq!(blocks((0, 0), (10_980, 1)).first_cut(512), None);
    }
}
