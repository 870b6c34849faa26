//! Which pixel of a raster lies under each pixel of a map tile.
//!
//! Places are exact on a lattice and linear in between, as in GDAL's warper, once that has proved to be good enough. For
//! classes, of which each tile pixel takes one, this is all that warping is, without its float rasters.

use std::ops::Range;

use gdal::{Dataset, GeoTransform, GeoTransformEx};

use crate::crs::Projection;
use crate::grid::Grid;

/// How far places may be off, in pixels of the raster: as for warping.
const TOLERANCE: f64 = 0.01;
/// Cells of the lattice along each side of a tile: more where the projection is bent.
const CELLS: [usize; 2] = [16, 64];

/// A column and a row of the raster, in pixels from its corner.
type Place = (f64, f64);

/// The places of a tile in a raster.
pub(crate) struct Lattice {
    cells: usize,
    /// Row by row, `cells + 1` each way.
    places: Vec<Place>,
    width: usize,
    height: usize,
}

impl Lattice {
    /// `None` where the projection is too bent for it, or ends inside the tile.
    pub(crate) fn new(projection: &Projection, tile: &Grid, raster: &GeoTransform) -> Option<Self> {
        let inverse = raster.invert().ok()?;
        CELLS.into_iter().find_map(|cells| {
            let places = |shift: f64, count: usize| {
                let along = |side: usize, number: usize| {
                    side as f64 * (number as f64 + shift) / cells as f64 * tile.resolution
                };
                let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = (0..count * count)
                    .map(|number| {
                        (
                            tile.x0 + along(tile.width, number % count),
                            tile.y0 - along(tile.height, number / count),
                        )
                    })
                    .unzip();
                projection.points(&mut xs, &mut ys).ok()?;
                let apply = |(x, y): (f64, f64)| inverse.apply(x, y);
                Some(xs.into_iter().zip(ys).map(apply).collect::<Vec<Place>>())
            };
            let lattice = Self {
                cells,
                places: places(0.0, cells + 1)?,
                width: tile.width,
                height: tile.height,
            };
            let middles = places(0.5, cells)?;
            lattice.is_near(&middles).then_some(lattice)
        })
    }

    /// Whether the middle of each cell is where the lattice has it.
    fn is_near(&self, middles: &[Place]) -> bool {
        middles.iter().enumerate().all(|(number, exact)| {
            let (column, row) = (number % self.cells, number / self.cells);
            let first = row * (self.cells + 1) + column;
            let corners = [
                first,
                first + 1,
                first + self.cells + 1,
                first + self.cells + 2,
            ]
            .map(|corner| self.places[corner]);
            let mean = |pick: fn(&Place) -> f64| corners.iter().map(pick).sum::<f64>() / 4.0;
            (mean(|place| place.0) - exact.0).abs() <= TOLERANCE
                && (mean(|place| place.1) - exact.1).abs() <= TOLERANCE
        })
    }

    /// The nearest pixels of the first band of a raster, row by row; `None` where it ends or has nodata.
    pub(crate) fn look_up(
        &self,
        raster: &Dataset,
        nodata: Option<u8>,
    ) -> gdal::errors::Result<Vec<Option<u8>>> {
        let mut found = vec![None; self.width * self.height];
        let size = raster.raster_size();
        let (Some(columns), Some(rows)) = (
            self.span(|place| place.0, size.0),
            self.span(|place| place.1, size.1),
        ) else {
            return Ok(found);
        };
        let shape = (columns.len(), rows.len());
        let origin = (columns.start as isize, rows.start as isize);
        let pixels = raster
            .rasterband(1)?
            .read_as::<u8>(origin, shape, shape, None)?;
        let inside = |place: f64, range: &Range<usize>| {
            // Where GDAL's warper puts what lies on a line.
            let number = place - range.start as f64 + 1e-10;
            // Above zero, cutting off is rounding down.
            (number >= 0.0 && number < range.len() as f64).then_some(number as u32 as usize)
        };
        let splits: Vec<(usize, f64)> = (0..self.width)
            .map(|column| split(column, self.width, self.cells))
            .collect();
        for (row, out) in found.chunks_exact_mut(self.width).enumerate() {
            let knots = self.knots(row);
            for (out, &(cell, part)) in out.iter_mut().zip(&splits) {
                let (x, y) = between(knots[cell], knots[cell + 1], part);
                if let (Some(x), Some(y)) = (inside(x, &columns), inside(y, &rows)) {
                    let pixel = pixels.data()[y * shape.0 + x];
                    *out = (Some(pixel) != nodata).then_some(pixel);
                }
            }
        }
        Ok(found)
    }

    /// The places on a row of the tile where it crosses the lattice.
    fn knots(&self, row: usize) -> Vec<Place> {
        let (cell, part) = split(row, self.height, self.cells);
        let count = self.cells + 1;
        let (above, below) = (
            &self.places[cell * count..],
            &self.places[(cell + 1) * count..],
        );
        let pairs = above[..count].iter().zip(below);
        pairs.map(|(&a, &b)| between(a, b, part)).collect()
    }

    /// The raster's columns (or rows) under the tile, of so many; `None` if there are none.
    fn span(&self, pick: fn(&Place) -> f64, side: usize) -> Option<Range<usize>> {
        let places = self.places.iter().map(pick);
        let first = places.clone().fold(f64::INFINITY, f64::min).floor();
        let last = places.fold(f64::NEG_INFINITY, f64::max).floor() + 1.0;
        let (first, last) = (first.max(0.0), last.min(side as f64));
        (first < last).then_some(first as usize..last as usize)
    }
}

/// The cell in which a pixel's centre lies, and how far into it.
fn split(pixel: usize, side: usize, cells: usize) -> (usize, f64) {
    let place = (pixel as f64 + 0.5) * cells as f64 / side as f64;
    (place as usize, place.fract())
}

fn between(a: Place, b: Place, part: f64) -> Place {
    (a.0 + (b.0 - a.0) * part, a.1 + (b.1 - a.1) * part)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::crs::Crs;
    use crate::plain::write_plain;
    use crate::read::{Resampling, open_file};
    use crate::warp::warp;

    fn tile(zoom: u32, x: f64, y: f64) -> Grid {
        let world = 20_037_508.342_789_244;
        let edge = 2.0 * world / f64::from(1_u32 << zoom);
        Grid {
            crs: Crs::WEB_MERCATOR,
            x0: x * edge - world,
            y0: world - y * edge,
            resolution: edge / 512.0,
            width: 512,
            height: 512,
        }
    }

    #[test]
    fn pixels_are_those_of_the_warper() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        for (crs, x0, y0) in [
            (Crs::EQUAL_AREA, 2_990_000.0, -2_260_000.0),
            (Crs::from_epsg(32_736), 290_000.0, 8_010_000.0),
        ] {
            let grid = Grid {
                crs,
                x0,
                y0,
                resolution: 10.0,
                width: 900,
                height: 700,
            };
            let pixels = Array2::from_shape_fn((700, 900), |(y, x)| {
                (x.wrapping_mul(31).wrapping_add(y * 17) % 251) as u8
            });
            write_plain(&path, &grid, &pixels, Some(9.0), None).unwrap();
            let raster = open_file(&path, None).unwrap();
            let projection = Projection::new(Crs::WEB_MERCATOR, crs).unwrap();
            let [west, _, _, north] = grid.lonlat_bounds().unwrap();
            for zoom in [10, 13, 15] {
                let side = f64::from(1_u32 << zoom);
                let x = (west + 180.0) / 360.0 * side;
                let y =
                    (1.0 - north.to_radians().tan().asinh() / std::f64::consts::PI) / 2.0 * side;
                let tile = tile(zoom, x.floor(), y.floor());
                let transform = raster.geo_transform().unwrap();
                let lattice = Lattice::new(&projection, &tile, &transform).unwrap();
                let ours = lattice.look_up(&raster, Some(9)).unwrap();
                let theirs = warp(&raster, &[1], Some(9.0), &tile, Resampling::Nearest).unwrap();
                let known = ours.iter().flatten().count();
                assert!(known > 500, "{crs}, zoom {zoom}: {known}");
                let same = |(ours, theirs): &(&Option<u8>, &f32)| match ours {
                    Some(value) => (f32::from(*value) - **theirs).abs() < 0.5,
                    None => theirs.is_nan(),
                };
                let pairs = ours.iter().zip(&theirs[0]);
                let off = pairs.filter(|pair| !same(pair)).count();
                // Centres of pixels that lie on a line of the raster, within the tolerance, go either way.
                assert!(off * 50 < known, "{crs}, zoom {zoom}: {off} of {known}");
            }
        }
    }

    #[test]
    fn a_tile_of_the_whole_world_is_left_to_the_warper() {
        let projection = Projection::new(Crs::WEB_MERCATOR, Crs::from_epsg(32_736)).unwrap();
        let transform = [290_000.0, 10.0, 0.0, 8_010_000.0, 0.0, -10.0];
        assert!(Lattice::new(&projection, &tile(0, 0.0, 0.0), &transform).is_none());
    }
}
