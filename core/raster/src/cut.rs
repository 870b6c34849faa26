//! The part of finished maps that lies inside an area: counted at once, or written as a map of its own.
//!
//! A pixel belongs to an area when its centre lies inside, as everywhere. Maps that lie beside each other on one grid are
//! taken together. The area must be covered whole: every one of its pixels lies inside the outline of some map, which is
//! not the same as the map's rectangle.

use std::cell::RefCell;
use std::path::Path;

use ndarray::Array2;

use crate::aoi::Outline;
use crate::error::{RasterError, Result};
use crate::grid::{Grid, Window};
use crate::tiff::{ClassFile, Room};
use crate::write::{BlockWriter, CogSpec, Palette};

/// Rows that are in memory at once. Our own files have blocks of so many.
const STRIP: usize = 512;
/// GDAL's largest raster is larger; an area that needs more pixels is none to be answered at once.
const LONGEST_SIDE: f64 = 1_000_000.0;

/// A finished map, and where it holds.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// The map.
    pub file: &'a ClassFile,
    /// What it shows, in the map's own coordinate system.
    pub outline: &'a Outline,
}

/// What an area holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Pixels by value, of those with data.
    pub values: [u64; 256],
    /// Pixels without data.
    pub nodata: u64,
    /// For each part, whether any pixel is from it.
    pub used: Vec<bool>,
}

impl Counts {
    /// Pixels with data.
    pub fn mapped(&self) -> u64 {
        self.values.iter().sum()
    }
}

thread_local! {
    /// A room for blocks and one for pixels, kept from one area to the next.
    static ROOMS: RefCell<(Room, Vec<u8>)> = RefCell::default();
}

/// Counts the pixels of an area, whose outline is in the maps' coordinate system. `None` where the maps do not cover it,
/// or it is smaller than a pixel. Of maps that overlap, the first one is taken.
///
/// # Errors
/// When a map cannot be read.
pub fn count(parts: &[Part<'_>], aoi: &Outline) -> Result<Option<Counts>> {
    match grid_of(parts, aoi) {
        Some(grid) => cut(parts, aoi, &grid, |_, _| Ok(())),
        None => Ok(None),
    }
}

/// As [`count`], and writes the area as a COG with the colours of the first map; what lies outside has no data. Nothing is
/// written where the maps do not cover the area. `spec` says the rest; its palette and nodata do not matter.
///
/// # Errors
/// When a map cannot be read, or the file not be written.
pub fn write(
    parts: &[Part<'_>],
    aoi: &Outline,
    destination: &Path,
    spec: &CogSpec,
) -> Result<Option<Counts>> {
    let Some(grid) = grid_of(parts, aoi) else {
        return Ok(None);
    };
    let file = parts[0].file;
    let colors = file.palette();
    let spec = CogSpec {
        bands: 1,
        palette: colors.map(|colors| Palette((0_u8..=255).zip(*colors).collect())),
        nodata: file.nodata(),
        ..spec.clone()
    };
    let folder = destination.parent().unwrap_or(Path::new("."));
    let writer = BlockWriter::create(folder, &grid, &spec)?;
    let counts = cut(parts, aoi, &grid, |window, pixels| {
        writer.write(window, 1, pixels)
    })?;
    if counts.is_some() {
        writer.finish(destination)?;
    }
    Ok(counts)
}

/// The grid of the first map under the area.
fn grid_of(parts: &[Part<'_>], aoi: &Outline) -> Option<Grid> {
    let grid = parts.first()?.file.grid()?;
    let bounds = aoi.bounds()?;
    let down = |metres: f64| (metres / grid.resolution).floor();
    let up = |metres: f64| (metres / grid.resolution).ceil();
    let (left, top) = (down(bounds.min_x - grid.x0), down(grid.y0 - bounds.max_y));
    let (right, bottom) = (up(bounds.max_x - grid.x0), up(grid.y0 - bounds.min_y));
    let (width, height) = (right - left, bottom - top);
    let fits = |side: f64| (1.0..=LONGEST_SIDE).contains(&side);
    (fits(width) && fits(height)).then_some(Grid {
        x0: grid.x0 + left * grid.resolution,
        y0: grid.y0 - top * grid.resolution,
        width: width as usize,
        height: height as usize,
        ..grid
    })
}

/// Goes through the area strip by strip; `take` gets each, with nodata outside the area.
fn cut(
    parts: &[Part<'_>],
    aoi: &Outline,
    grid: &Grid,
    mut take: impl FnMut(Window, &Array2<u8>) -> Result<()>,
) -> Result<Option<Counts>> {
    let mut counts = Counts {
        values: [0; 256],
        nodata: 0,
        used: vec![false; parts.len()],
    };
    let placed = place(parts, grid);
    let Some((_, first, at)) = placed.first() else {
        return Ok(None);
    };
    let nodata = first.file.nodata().unwrap_or(u8::MAX);
    // Strips end where the blocks of the first map do, so that each block is unpacked once.
    let phase = at.1.rem_euclid(STRIP as i64) as usize;
    for window in strips(grid, phase) {
        let inside = aoi.coverage(grid, window);
        let mut strip = Strip {
            missing: inside.iter().filter(|inside| **inside).count(),
            inside,
            pixels: Array2::from_elem((window.height, window.width), nodata),
            window,
        };
        for (number, part, at) in &placed {
            counts.used[*number] |= strip.fill(part, *at, grid, &mut counts)?;
        }
        if strip.missing > 0 {
            return Ok(None);
        }
        take(window, &strip.pixels)?;
    }
    Ok((counts.mapped() + counts.nodata > 0).then_some(counts))
}

/// Cuts a grid into rows of blocks, of which one begins at row `phase`.
fn strips(grid: &Grid, phase: usize) -> impl Iterator<Item = Window> + use<> {
    let whole = grid.window();
    let mut y = 0;
    std::iter::from_fn(move || {
        let height = (STRIP - (y + STRIP - phase) % STRIP).min(whole.height - y);
        let strip = Window { y, height, ..whole };
        y += height;
        (height > 0).then_some(strip)
    })
}

/// The parts on the grid: their numbers, and column and row of their first pixel.
fn place<'a>(parts: &'a [Part<'a>], grid: &Grid) -> Vec<(usize, &'a Part<'a>, (i64, i64))> {
    let numbered = parts.iter().enumerate();
    numbered
        .filter_map(|(number, part)| Some((number, part, grid.offset_of(&part.file.grid()?)?)))
        .collect()
}

/// Some rows of the area.
struct Strip {
    window: Window,
    /// Which pixels are still wanted.
    inside: Array2<bool>,
    missing: usize,
    pixels: Array2<u8>,
}

impl Strip {
    /// Takes what a part has of the strip. Whether it was anything.
    fn fill(
        &mut self,
        part: &Part<'_>,
        at: (i64, i64),
        grid: &Grid,
        counts: &mut Counts,
    ) -> Result<bool> {
        let Some((here, there)) = shared(part.file, at, self.window) else {
            return Ok(false);
        };
        if self.missing == 0 {
            return Ok(false);
        }
        let holds = part.outline.coverage(grid, here);
        let (left, top) = (here.x - self.window.x, here.y - self.window.y);
        let wanted = holds
            .indexed_iter()
            .any(|((row, column), holds)| *holds && self.inside[(top + row, left + column)]);
        if !wanted {
            return Ok(false);
        }
        ROOMS.with_borrow_mut(|(room, found)| {
            let read = part.file.read(0, there, room, found);
            read.map_err(|error| RasterError::Read {
                location: "a published map".to_owned(),
                band: 1,
                reason: error.to_string(),
            })?;
            for (((row, column), holds), value) in holds.indexed_iter().zip(found.iter()) {
                let place = (top + row, left + column);
                if *holds && self.inside[place] {
                    self.inside[place] = false;
                    self.missing -= 1;
                    if part.file.nodata() == Some(*value) {
                        counts.nodata += 1;
                    } else {
                        counts.values[usize::from(*value)] += 1;
                        self.pixels[place] = *value;
                    }
                }
            }
            Ok(true)
        })
    }
}

/// What a file has of a window: on the area's grid, and in the file.
fn shared(file: &ClassFile, at: (i64, i64), window: Window) -> Option<(Window, Window)> {
    let grid = file.grid()?;
    let overlap = |start: usize, length: usize, at: i64, side: usize| {
        let first = (start as i64).max(at);
        let end = ((start + length) as i64).min(at + side as i64);
        (first < end).then(|| {
            (
                first as usize,
                (end - first) as usize,
                (first - at) as usize,
            )
        })
    };
    let (x, width, column) = overlap(window.x, window.width, at.0, grid.width)?;
    let (y, height, row) = overlap(window.y, window.height, at.1, grid.height)?;
    let sized = |x, y| Window {
        x,
        y,
        width,
        height,
    };
    Some((sized(x, y), sized(column, row)))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use super::*;
    use crate::aoi::{Aoi, AoiLimits};
    use crate::crs::Crs;

    fn grid(x0: f64, width: usize) -> Grid {
        Grid {
            crs: Crs::EQUAL_AREA,
            x0,
            y0: -2_260_000.0,
            resolution: 10.0,
            width,
            height: 1300,
        }
    }

    fn write_map(path: &Path, grid: &Grid) -> ClassFile {
        let spec = CogSpec {
            palette: Some(Palette(vec![(1, [9, 8, 7]), (2, [1, 2, 3])])),
            ..CogSpec::default()
        };
        let writer = BlockWriter::create(path.parent().unwrap(), grid, &spec).unwrap();
        // Classes follow the place, so that maps side by side go on from one another.
        let first = (grid.x0 / 10.0) as usize;
        let pixels = Array2::from_shape_fn((grid.height, grid.width), |(y, x)| {
            match ((first + x) / 9 + y / 7) % 5 {
                0 => 255,
                n => n as u8,
            }
        });
        writer.write(grid.window(), 1, &pixels).unwrap();
        writer.finish(path).unwrap();
        ClassFile::open(Arc::new(File::open(path).unwrap())).unwrap()
    }

    fn outline(bounds: [f64; 4]) -> Outline {
        let [west, south, east, north] = bounds;
        let ring = [
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south],
        ];
        let text = serde_json::json!({ "type": "Polygon", "coordinates": [ring] }).to_string();
        let aoi = Aoi::parse(&text, "a", &AoiLimits::default()).unwrap();
        aoi.outline(Crs::EQUAL_AREA).unwrap()
    }

    #[test]
    fn an_area_over_two_maps_has_the_counts_of_a_file_cut_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let (left, right) = (grid(2_990_000.0, 700), grid(2_997_000.0, 600));
        let files = [
            write_map(&folder.path().join("l.tif"), &left),
            write_map(&folder.path().join("r.tif"), &right),
        ];
        let bounds = [
            left.lonlat_bounds().unwrap(),
            right.lonlat_bounds().unwrap(),
        ];
        let outlines = bounds.map(outline);
        let parts: Vec<Part> = files
            .iter()
            .zip(&outlines)
            .map(|(file, outline)| Part { file, outline })
            .collect();
        let middle = bounds[0][2];
        let south = bounds[0][1];
        let aoi = outline([middle - 0.05, south + 0.01, middle + 0.04, south + 0.08]);
        let counts = count(&parts, &aoi)
            .unwrap()
            .expect("both together cover it");
        assert_eq!(counts.used, [true, true]);
        let cut_path = folder.path().join("cut.tif");
        let written = write(&parts, &aoi, &cut_path, &CogSpec::default()).unwrap();
        assert_eq!(written, Some(counts.clone()));
        let histogram = crate::histogram(&cut_path, 1).unwrap();
        assert_eq!(histogram[..255], counts.values[..255]);
        let cut = ClassFile::open(Arc::new(File::open(&cut_path).unwrap())).unwrap();
        assert_eq!(cut.palette(), files[0].palette());
        let whole = aoi.coverage(&cut.grid().unwrap(), cut.grid().unwrap().window());
        let inside = whole.iter().filter(|inside| **inside).count() as u64;
        assert_eq!(counts.mapped() + counts.nodata, inside);
        // The classes are those of the place.
        let first = (cut.grid().unwrap().x0 / 10.0) as usize;
        let top = ((left.y0 - cut.grid().unwrap().y0) / 10.0) as usize;
        let expected = whole
            .indexed_iter()
            .filter(|((y, x), inside)| **inside && ((first + x) / 9 + (top + y) / 7) % 5 == 2);
        assert_eq!(counts.values[2], expected.count() as u64);
    }

    #[test]
    fn an_area_that_no_map_covers_whole_is_not_answered() {
        let folder = tempfile::tempdir().unwrap();
        let place = grid(2_990_000.0, 700);
        let file = write_map(&folder.path().join("l.tif"), &place);
        let bounds @ [west, south, east, north] = place.lonlat_bounds().unwrap();
        let whole = outline(bounds);
        // The map holds only in its western half, though the file is wider.
        let half = outline([west, south, f64::midpoint(west, east), north]);
        let inside = [west + 0.01, south + 0.01, west + 0.02, south + 0.02];
        let east_side = [east - 0.02, south + 0.01, east - 0.01, south + 0.02];
        let over = [east - 0.02, south + 0.01, east + 0.01, south + 0.02];
        for (holds, area, answered) in [
            (&whole, inside, true),
            (&whole, east_side, true),
            (&whole, bounds, true),
            (&half, inside, true),
            (&half, east_side, false),
            (&whole, over, false),
            (
                &whole,
                [
                    west + 0.01,
                    south + 0.01,
                    west + 0.010_001,
                    south + 0.010_001,
                ],
                false,
            ),
        ] {
            let part = Part {
                file: &file,
                outline: holds,
            };
            let found = count(&[part], &outline(area)).unwrap();
            assert_eq!(found.is_some(), answered, "{area:?}");
        }
        let path = folder.path().join("cut.tif");
        let part = Part {
            file: &file,
            outline: &half,
        };
        let written = write(&[part], &outline(east_side), &path, &CogSpec::default()).unwrap();
        assert!(written.is_none() && !path.exists());
        assert_eq!(count(&[], &half).unwrap(), None);
    }
}
