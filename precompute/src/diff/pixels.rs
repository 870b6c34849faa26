//! The pixels of one map, one after the other: for those who count or draw some of them.

use geocrop_raster::{Crs, Grid, Projection, Window};

use super::ground::Ground;
use super::legend::{Classes, Legend};
use super::{Class, DiffError, Map, STRIP_PIXELS};

/// A pixel that has a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pixel {
    /// Its number, row by row from the north-west corner of [`Pixels::grid`].
    pub number: u64,
    /// The number of its class in [`Pixels::classes`].
    pub class: usize,
}

/// All pixels of a map that have a class, in the order of their numbers. They are read in strips, so that memory does
/// not grow with the map's height, nor with its tiles.
pub struct Pixels<'a> {
    map: &'a Map,
    ground: Ground<'a>,
    classes: Classes,
    grid: Grid,
    strip: Vec<u8>,
    /// The number of the strip's first pixel.
    first: u64,
    /// The next pixel of the strip.
    at: usize,
    /// The first row after the strip.
    row: usize,
}

impl Map {
    /// Its pixels. Maps of classes alone have pixels that can be right or wrong; the steps of an index have not.
    ///
    /// # Errors
    /// When it is the map of an index, lies on no grid of square pixels of equal areas, or cannot be read.
    pub fn pixels(&self) -> Result<Pixels<'_>, DiffError> {
        if let Legend::Item { steps: true, .. } = &self.legend {
            return Err(DiffError::Item {
                name: self.name.clone(),
                reason: "it is the map of an index, whose steps nobody can see on the ground; take a map of classes"
                    .to_owned(),
            });
        }
        let ground = Ground::of(self)?;
        let grid = ground.grid()?;
        grid.pixel_area_m2()?;
        Ok(Pixels {
            map: self,
            ground,
            classes: Classes::of(self, self)?,
            grid,
            strip: Vec::new(),
            first: 0,
            at: 0,
            row: 0,
        })
    }
}

impl Pixels<'_> {
    /// The classes of the map's legend, whether they occur or not.
    pub fn classes(&self) -> &[Class] {
        &self.classes.list
    }

    /// The grid that holds the map, of a large area all of its tiles.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Longitude and latitude, in degrees, of the centres of pixels by their numbers.
    ///
    /// # Errors
    /// When the grid's coordinate system has no way to them.
    pub fn places(&self, numbers: &[u64]) -> Result<Vec<[f64; 2]>, DiffError> {
        let (grid, width) = (&self.grid, self.grid.width as u64);
        let centre = |index: u64| (index as f64 + 0.5) * grid.resolution;
        let mut xs: Vec<f64> = numbers
            .iter()
            .map(|number| grid.x0 + centre(number % width))
            .collect();
        let mut ys: Vec<f64> = numbers
            .iter()
            .map(|number| grid.y0 - centre(number / width))
            .collect();
        Projection::new(grid.crs, Crs::LON_LAT)?.points(&mut xs, &mut ys)?;
        Ok(xs
            .into_iter()
            .zip(ys)
            .map(|(lon, lat)| [lon, lat])
            .collect())
    }

    /// The share of the map that was read, 0 to 1.
    pub fn share(&self) -> f64 {
        self.row as f64 / self.grid.height as f64
    }

    fn read_strip(&mut self) -> Result<(), DiffError> {
        let rows = (STRIP_PIXELS / self.grid.width).clamp(1, 512);
        let window = Window {
            x: 0,
            y: self.row,
            width: self.grid.width,
            height: rows.min(self.grid.height - self.row),
        };
        let codes = self.ground.codes(&self.grid.sub(window))?;
        self.strip.clear();
        self.strip.extend(codes.iter());
        self.first = self.row as u64 * self.grid.width as u64;
        self.at = 0;
        self.row += window.height;
        Ok(())
    }
}

impl Iterator for Pixels<'_> {
    type Item = Result<Pixel, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(value) = self.strip.get(self.at) {
                let number = self.first + self.at as u64;
                self.at += 1;
                match self.classes.index(*value, &self.map.name) {
                    Ok(Some(class)) => return Some(Ok(Pixel { number, class })),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                }
            }
            if self.row >= self.grid.height {
                return None;
            }
            if let Err(error) = self.read_strip() {
                // Nothing comes after it.
                self.row = self.grid.height;
                self.strip.clear();
                return Some(Err(error));
            }
        }
    }
}
