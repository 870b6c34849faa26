//! The file of changes: a raster of `uint8` that says of every pixel what became of it.

use std::path::Path;

use geocrop_raster::{BlockWriter, CogSpec, Grid, Overviews, Palette, Window};
use ndarray::Array2;

use super::DiffError;
use super::legend::Classes;
use crate::recipe::NODATA;

/// The code of pixels that did not change.
const UNCHANGED: u8 = 0;

/// Light grey: what did not change is background.
const UNCHANGED_COLOR: [u8; 3] = [0xe6, 0xe6, 0xe6];

/// A file of changes in the making.
pub(super) struct ChangePicture<'a> {
    writer: BlockWriter,
    out: &'a Path,
}

/// The code of a change between two of `classes` classes: every ordered pair has its own, the same in every file of one
/// legend, counted from 1 in the legend's order, first by what was and then by what is.
pub(super) fn code(from: usize, to: usize, classes: usize) -> u8 {
    if from == to {
        return UNCHANGED;
    }
    (1 + from * (classes - 1) + to - usize::from(to > from)) as u8
}

impl<'a> ChangePicture<'a> {
    pub(super) fn begin(out: &'a Path, grid: &Grid, classes: &Classes) -> Result<Self, DiffError> {
        let list = &classes.list;
        let changes = list.len() * list.len().saturating_sub(1);
        if changes >= usize::from(NODATA) {
            return Err(DiffError::TooManyKinds {
                classes: list.len(),
                changes,
            });
        }
        // A change has the colour of what it became.
        let mut colors = vec![(UNCHANGED, UNCHANGED_COLOR)];
        let mut names = vec!["Unchanged".to_owned()];
        for (from, was) in list.iter().enumerate() {
            for (to, is) in list.iter().enumerate().filter(|(to, _)| *to != from) {
                colors.push((code(from, to, list.len()), is.color));
                names.push(format!("{} -> {}", was.title, is.title));
            }
        }
        let folder = match out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let spec = CogSpec {
            palette: Some(Palette(colors)),
            nodata: Some(NODATA),
            overviews: Overviews::Mode,
            category_names: names,
            description: "Change from one map to another".into(),
            ..CogSpec::default()
        };
        Ok(Self {
            writer: BlockWriter::create(folder, grid, &spec)?,
            out,
        })
    }

    pub(super) fn write(&self, window: Window, changes: &Array2<u8>) -> Result<(), DiffError> {
        Ok(self.writer.write(window, 1, changes)?)
    }

    pub(super) fn finish(self) -> Result<(), DiffError> {
        Ok(self.writer.finish(self.out)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_a_code_of_its_own() {
        for classes in [2_usize, 3, 9, 16] {
            let mut codes: Vec<u8> = (0..classes)
                .flat_map(|from| (0..classes).map(move |to| (from, to)))
                .filter(|(from, to)| from != to)
                .map(|(from, to)| code(from, to, classes))
                .collect();
            codes.sort_unstable();
            let expected: Vec<u8> = (1..).take(classes * (classes - 1)).collect();
            assert_eq!(codes, expected);
        }
        assert_eq!(code(3, 3, 9), UNCHANGED);
    }
}
