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
        self.pixels_of(ground, grid)
    }

    /// Its classes at the pixels of another map's grid: at each the class of its own nearest pixel. They are numbered as
    /// the other map's are.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pixels_on(&self, grid: &Grid) -> Result<Pixels<'_>, DiffError> {
        self.pixels_of(Ground::of(self)?, grid.clone())
    }

    fn pixels_of<'a>(&'a self, ground: Ground<'a>, grid: Grid) -> Result<Pixels<'a>, DiffError> {
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

    /// The numbers of the pixels whose centres lie at longitudes and latitudes in degrees, the inverse of
    /// [`Self::places`]; none for a place that is no centre of a pixel.
    ///
    /// # Errors
    /// When the grid's coordinate system has no way from them.
    pub fn numbers(&self, places: &[[f64; 2]]) -> Result<Vec<Option<u64>>, DiffError> {
        /// Of a pixel: far more than seven places of a degree lose, and less than another grid would differ by.
        const OFF: f64 = 0.05;
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = places.iter().map(|[x, y]| (*x, *y)).unzip();
        let grid = &self.grid;
        Projection::new(Crs::LON_LAT, grid.crs)?.points(&mut xs, &mut ys)?;
        let index = |distance: f64, size: usize| {
            let place = distance / grid.resolution;
            let centre = (place.fract() - 0.5).abs() <= OFF;
            // Not a number is nowhere.
            (centre && place >= 0.0 && place < size as f64).then_some(place as u64)
        };
        let numbers = xs.into_iter().zip(ys).map(|(x, y)| {
            let column = index(x - grid.x0, grid.width)?;
            let row = index(grid.y0 - y, grid.height)?;
            Some(row * grid.width as u64 + column)
        });
        Ok(numbers.collect())
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
