//! Two maps of one place, compared pixel by pixel: how much changed, from what to what, and where.
//!
//! The maps are read in strips over what they share, on the first one's grid, so memory depends on neither the maps'
//! height nor the number of changed patches.

mod error;
mod ground;
mod legend;
mod map;
mod patches;
mod picture;
mod pixels;

use std::path::Path;

use geocrop_raster::{Crs, Grid, Projection, Window};
use ndarray::Array2;
use serde::Serialize;

use crate::recipe::NODATA;
pub use error::DiffError;
use ground::Ground;
pub use legend::Class;
use legend::Classes;
pub use map::Map;
use patches::Patches;
use picture::ChangePicture;
pub use pixels::{Pixel, Pixels};

/// How two maps differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// What was given first.
    pub a: String,
    /// What was given second.
    pub b: String,
    /// What both maps cover, on the first one's grid.
    pub grid: Grid,
    /// West, south, east, north of it in degrees.
    pub bbox: [f64; 4],
    /// The second map's grid is another one: its pixels were looked up by nearest neighbour.
    pub resampled: bool,
    /// Pixels of the shared rectangle.
    pub pixels: Counts<u64>,
    /// The same in hectares.
    pub hectares: Counts<f64>,
    /// The classes of both maps.
    pub classes: Vec<Class>,
    /// Hectares by class of the first map (rows) and of the second (columns), in the order of `classes`.
    pub matrix_ha: Vec<Vec<f64>>,
    /// The same in pixels.
    pub matrix_pixels: Vec<Vec<u64>>,
    /// Connected patches (by edges and corners) of one kind of change.
    pub patches: u64,
    /// The largest of them, at most ten, the largest first.
    pub largest: Vec<Patch>,
}

/// A rectangle's pixels, by what the two maps say of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Counts<T> {
    /// With a class in both maps: `equal` and `changed`.
    pub compared: T,
    /// The same class in both.
    pub equal: T,
    /// Another class.
    pub changed: T,
    /// With a class in the first map only.
    pub only_a: T,
    /// With a class in the second map only.
    pub only_b: T,
}

/// A patch that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patch {
    /// Name of the class in the first map.
    pub from: String,
    /// Name of the class in the second map.
    pub to: String,
    /// How many.
    pub pixels: u64,
    /// How large.
    pub hectares: f64,
    /// Longitude of the mean of its pixels' centres; of a crescent that may lie outside.
    pub lon: f64,
    /// Latitude of it.
    pub lat: f64,
}

/// Pixels that are read at a time, of both maps.
const STRIP_PIXELS: usize = 1 << 21;

/// Compares two maps. With `out`, writes a Cloud Optimized `GeoTIFF` that says of every pixel how it changed.
/// `went_on` hears of the share that is done, 0 to 1.
///
/// # Errors
/// When the maps have different legends, share no ground, lie on a grid without equal areas, or cannot be read; and
/// when there are too many kinds of change for the file.
pub fn diff(
    a: &Map,
    b: &Map,
    out: Option<&Path>,
    went_on: &dyn Fn(f64),
) -> Result<Difference, DiffError> {
    let classes = Classes::of(a, b)?;
    let (mut ground_a, mut ground_b) = (Ground::of(a)?, Ground::of(b)?);
    let (grid, resampled) = ground::shared(&ground_a, &ground_b)?;
    let pixel_ha = grid.pixel_area_m2()? / 10_000.0;
    let picture = out
        .map(|out| ChangePicture::begin(out, &grid, &classes))
        .transpose()?;

    let kinds = classes.list.len();
    let mut matrix = vec![vec![0_u64; kinds]; kinds];
    let (mut only_a, mut only_b) = (0, 0);
    let mut patches = Patches::default();
    let rows = (STRIP_PIXELS / grid.width).clamp(1, 512);
    for y in (0..grid.height).step_by(rows) {
        let window = Window {
            x: 0,
            y,
            width: grid.width,
            height: rows.min(grid.height - y),
        };
        let strip = grid.sub(window);
        let codes_a = ground_a.codes(&strip)?;
        let codes_b = ground_b.codes(&strip)?;
        let mut changes = Array2::from_elem((window.height, window.width), NODATA);
        let mut kinds_of_change = vec![None; grid.width];
        for row in 0..window.height {
            for (column, change) in kinds_of_change.iter_mut().enumerate() {
                let place = [row, column];
                let from = classes.index(codes_a[place], &a.name)?;
                let to = classes.index(codes_b[place], &b.name)?;
                *change = from.zip(to).filter(|(from, to)| from != to);
                match (from, to) {
                    (Some(from), Some(to)) => {
                        matrix[from][to] += 1;
                        if picture.is_some() {
                            changes[place] = picture::code(from, to, kinds);
                        }
                    }
                    (Some(_), None) => only_a += 1,
                    (None, Some(_)) => only_b += 1,
                    (None, None) => {}
                }
            }
            patches.row(&kinds_of_change);
        }
        if let Some(picture) = &picture {
            picture.write(window, &changes)?;
        }
        went_on((y + window.height) as f64 / grid.height as f64);
    }
    if let Some(picture) = picture {
        picture.finish()?;
    }

    let (count, largest) = patches.finish();
    let largest = located(&largest, &grid, pixel_ha, &classes)?;
    let compared = matrix.iter().flatten().sum();
    let equal = (0..kinds).map(|k| matrix[k][k]).sum();
    let pixels = Counts {
        compared,
        equal,
        changed: compared - equal,
        only_a,
        only_b,
    };
    let hectares = |pixels: u64| pixels as f64 * pixel_ha;
    Ok(Difference {
        a: a.name.clone(),
        b: b.name.clone(),
        bbox: grid.lonlat_bounds()?,
        grid,
        resampled,
        pixels,
        hectares: Counts {
            compared: hectares(pixels.compared),
            equal: hectares(pixels.equal),
            changed: hectares(pixels.changed),
            only_a: hectares(pixels.only_a),
            only_b: hectares(pixels.only_b),
        },
        classes: classes.list,
        matrix_ha: matrix
            .iter()
            .map(|row| row.iter().map(|pixels| hectares(*pixels)).collect())
            .collect(),
        matrix_pixels: matrix,
        patches: count,
        largest,
    })
}

/// Patches in degrees and hectares.
fn located(
    found: &[patches::Found],
    grid: &Grid,
    pixel_ha: f64,
    classes: &Classes,
) -> Result<Vec<Patch>, DiffError> {
    let mut xs: Vec<f64> = found
        .iter()
        .map(|patch| grid.x0 + (patch.column + 0.5) * grid.resolution)
        .collect();
    let mut ys: Vec<f64> = found
        .iter()
        .map(|patch| grid.y0 - (patch.row + 0.5) * grid.resolution)
        .collect();
    Projection::new(grid.crs, Crs::LON_LAT)?.points(&mut xs, &mut ys)?;
    let name = |class: usize| classes.list[class].name.clone();
    Ok(found
        .iter()
        .zip(xs.iter().zip(&ys))
        .map(|(patch, (lon, lat))| Patch {
            from: name(patch.change.0),
            to: name(patch.change.1),
            pixels: patch.pixels,
            hectares: patch.pixels as f64 * pixel_ha,
            lon: *lon,
            lat: *lat,
        })
        .collect())
}
