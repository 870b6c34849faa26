//! A plain file of rendered planes, from which windows with surroundings are read.
//!
//! Filters need pixels of blocks that come later, and memory must not grow with the area: so blocks are laid down here
//! first, uncompressed, in the task's working folder.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use geocrop_raster::Window;
use ndarray::Array2;

use crate::TaskError;

/// Planes of `uint8`, one after another, row by row.
///
/// Bytes are kept inverted: what was never written is a hole in the file, reads as zero and so as 255, which is nodata.
pub(crate) struct PlaneFile {
    file: File,
    path: String,
    width: usize,
    height: usize,
}

impl PlaneFile {
    /// An empty file in a folder that outlives it, for planes of `width` x `height`.
    pub(crate) fn create(folder: &Path, width: usize, height: usize) -> Result<Self, TaskError> {
        let path = folder.display().to_string();
        match tempfile::tempfile_in(folder) {
            Ok(file) => Ok(Self {
                file,
                path,
                width,
                height,
            }),
            Err(source) => Err(TaskError::Scratch { path, source }),
        }
    }

    /// Writes a window of a plane.
    pub(crate) fn write(
        &self,
        plane: usize,
        window: Window,
        pixels: &Array2<u8>,
    ) -> Result<(), TaskError> {
        for (row, line) in pixels.rows().into_iter().enumerate() {
            let inverted: Vec<u8> = line.iter().map(|code| !code).collect();
            self.file
                .write_all_at(&inverted, self.offset(plane, window, row))
                .map_err(|source| self.failed(source))?;
        }
        Ok(())
    }

    /// Reads a window of a plane; 255 where nothing was written.
    pub(crate) fn read(&self, plane: usize, window: Window) -> Result<Array2<u8>, TaskError> {
        let mut pixels = Array2::zeros((window.height, window.width));
        for (row, mut line) in pixels.rows_mut().into_iter().enumerate() {
            let line = line
                .as_slice_mut()
                .expect("rows of a new array are contiguous");
            let begin = self.offset(plane, window, row);
            let mut done = 0;
            while done < line.len() {
                match self.file.read_at(&mut line[done..], begin + done as u64) {
                    // Beyond the last byte written there is nothing either.
                    Ok(0) => break,
                    Ok(count) => done += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(self.failed(error)),
                }
            }
            for code in line {
                *code = !*code;
            }
        }
        Ok(pixels)
    }

    fn offset(&self, plane: usize, window: Window, row: usize) -> u64 {
        ((plane * self.height + window.y + row) * self.width + window.x) as u64
    }

    fn failed(&self, source: std::io::Error) -> TaskError {
        TaskError::Scratch {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn windows_come_back_and_the_rest_is_nodata() {
        let folder = tempfile::tempdir().unwrap();
        let planes = PlaneFile::create(folder.path(), 5, 4).unwrap();
        let window = Window {
            x: 1,
            y: 1,
            width: 2,
            height: 2,
        };
        planes
            .write(1, window, &array![[0, 7], [254, 255]])
            .unwrap();
        let all = Window {
            x: 0,
            y: 0,
            width: 5,
            height: 4,
        };
        assert!(planes.read(0, all).unwrap().iter().all(|c| *c == 255));
        assert!(planes.read(2, all).unwrap().iter().all(|c| *c == 255));
        let plane = planes.read(1, all).unwrap();
        assert_eq!(plane.row(1).to_vec(), [255, 0, 7, 255, 255]);
        assert_eq!(plane.row(2).to_vec(), [255, 254, 255, 255, 255]);
    }
}
