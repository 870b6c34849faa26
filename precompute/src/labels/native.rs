//! Labels made here: the network looks at each day's scenes, and what the mask leaves is counted.
//!
//! The network looks at a window that is wider than the block by as far as it can see, so a block's classes are those
//! of the whole image. It works at half the resolution inside, on pairs of rows and columns; the pairs are counted from
//! the origin of the coordinate system, so blocks, areas and neighbouring tasks agree on them wherever they are cut.

use geocrop_model::dynamic_world::{BANDS, HALO, Network};
use geocrop_raster::{Grid, Window};
use rayon::prelude::*;

use super::Tally;
use super::tally::most_probable;
use crate::TaskError;
use crate::block::{BlockGrid, Renderer};
use crate::prepare::{Acquisition, PreparedScene, PreparedSeason};
use crate::stack::{MISSING, encode};

/// The network counts reflectance in ten-thousandths.
const UNITS: f32 = 10_000.0;

impl Renderer<'_> {
    /// Classifies the days of a season one after another.
    pub(crate) fn classify_days(
        &self,
        network: &Network,
        days: &[Acquisition],
        block: &BlockGrid,
        tally: &mut Tally,
    ) -> Result<(), TaskError> {
        let view = View::around(&block.grid);
        for day in days {
            self.progress.check()?;
            let Some(probabilities) = self.classify_day(network, day, block, &view)? else {
                continue;
            };
            if tally.takes_probabilities() {
                tally.add(&probabilities);
            } else {
                tally.vote(&most_probable(&probabilities, block.pixels()));
            }
        }
        Ok(())
    }

    /// The probabilities of one day on the block, `[class][pixel]`, NaN where the mask leaves nothing; `None` where it
    /// leaves nothing at all. The scenes of a day become one image before the network sees them: an edge between two
    /// tiles is no edge on the ground.
    fn classify_day(
        &self,
        network: &Network,
        day: &Acquisition,
        block: &BlockGrid,
        view: &View,
    ) -> Result<Option<Vec<f32>>, TaskError> {
        let bounds = view.grid.bounds();
        let scenes: Vec<&PreparedScene> = day
            .scenes
            .iter()
            .filter(|scene| scene.bounds.intersects(&bounds))
            .collect();
        let usable: Vec<Option<Vec<bool>>> = scenes
            .iter()
            .map(|scene| self.usable(scene, block))
            .collect::<Result<_, _>>()?;
        if usable.iter().all(Option::is_none) {
            return Ok(None);
        }
        let pixels = view.grid.width * view.grid.height;
        let mut image = vec![f32::NAN; BANDS.len() * pixels];
        let mut clear = vec![false; block.pixels()];
        for (scene, usable) in scenes.iter().zip(&usable) {
            let bands: Vec<Vec<f32>> = self
                .recipe
                .bands
                .par_iter()
                .map(|band| {
                    self.progress.check()?;
                    self.read_band_on(scene, band, &view.grid)
                })
                .collect::<Result<_, TaskError>>()?;
            let filled = fill(&mut image, &bands, pixels);
            if let Some(usable) = usable {
                let given: Vec<Option<usize>> = view
                    .places()
                    .zip(usable)
                    .map(|(place, usable)| (*usable && filled[place]).then_some(place))
                    .collect();
                for (clear, given) in clear.iter_mut().zip(&given) {
                    *clear |= given.is_some();
                }
                let codes: Vec<u16> = bands
                    .iter()
                    .flat_map(|band| {
                        given
                            .iter()
                            .map(|g| g.map_or(MISSING, |at| encode(band[at])))
                    })
                    .collect();
                let names = &self.recipe.bands;
                scene.sanity.look(names, &codes, block.pixels());
            }
        }
        let seen = network.probabilities(&image, view.grid.height, view.grid.width)?;
        let plane = |plane: &[f32]| {
            let of_block = view.places().zip(&clear);
            of_block
                .map(|(place, clear)| if *clear { plane[place] } else { f32::NAN })
                .collect::<Vec<_>>()
        };
        Ok(Some(seen.chunks_exact(pixels).flat_map(plane).collect()))
    }
}

/// Puts a scene's reflectance where the image has none yet, in the network's units; says where.
fn fill(image: &mut [f32], bands: &[Vec<f32>], pixels: usize) -> Vec<bool> {
    let filled: Vec<bool> = (0..pixels)
        .map(|pixel| image[pixel].is_nan() && bands.iter().all(|band| !band[pixel].is_nan()))
        .collect();
    for (plane, band) in image.chunks_exact_mut(pixels).zip(bands) {
        for ((value, reflectance), filled) in plane.iter_mut().zip(band).zip(&filled) {
            if *filled {
                // Below zero is what correction for the atmosphere leaves of darkness; the network takes a logarithm.
                *value = (reflectance * UNITS).max(0.0);
            }
        }
    }
    filled
}

/// What the network looks at to classify a block.
struct View {
    grid: Grid,
    /// Where the block lies in it.
    block: Window,
}

impl View {
    fn around(block: &Grid) -> Self {
        // Columns count from the origin to the east, rows to the south.
        let column = (block.x0 / block.resolution).round() as i64;
        let row = (-block.y0 / block.resolution).round() as i64;
        let before = |first: i64| HALO + (first - HALO as i64).rem_euclid(2) as usize;
        let (left, above) = (before(column), before(row));
        let size = |margin: usize, length: usize| (margin + length + HALO).next_multiple_of(2);
        Self {
            grid: Grid {
                x0: block.x0 - left as f64 * block.resolution,
                y0: block.y0 + above as f64 * block.resolution,
                width: size(left, block.width),
                height: size(above, block.height),
                ..block.clone()
            },
            block: Window {
                x: left,
                y: above,
                width: block.width,
                height: block.height,
            },
        }
    }

    /// The places of the block's pixels in the view, row by row.
    fn places(&self) -> impl Iterator<Item = usize> {
        let Window {
            x,
            y,
            width,
            height,
        } = self.block;
        let stride = self.grid.width;
        (y..y + height).flat_map(move |row| row * stride + x..row * stride + x + width)
    }
}

/// What a person should know about labels that were made from these scenes.
pub(crate) fn note(seasons: &[PreparedSeason]) -> Option<String> {
    let corrected = |season: &PreparedSeason| {
        matches!(season, PreparedSeason::Scenes { .. })
            && season.scenes().iter().any(|prepared| {
                let collection = prepared.scene.collection.as_deref().unwrap_or_default();
                !collection.to_ascii_lowercase().contains("l1c")
            })
    };
    seasons.iter().any(corrected).then(|| {
        "The network was trained on reflectance at the top of the atmosphere (Level-1C). These scenes are corrected to the surface (Level-2A), so some classes may differ from those that Google publishes.".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use geocrop_raster::Crs;

    fn block(column: i64, row: i64, width: usize, height: usize) -> Grid {
        Grid {
            crs: Crs::EQUAL_AREA,
            x0: column as f64 * 10.0,
            y0: -(row as f64) * 10.0,
            resolution: 10.0,
            width,
            height,
        }
    }

    #[test]
    fn the_view_begins_and_ends_on_even_lines_of_the_world_and_reaches_far_enough() {
        for (column, row, width, height) in [
            (0, 0, 64, 64),
            (1, 7, 63, 1),
            (298_001, -220_900, 5, 8),
            (-3, -4, 1, 1),
        ] {
            let block = block(column, row, width, height);
            let view = View::around(&block);
            let first = (view.grid.x0 / 10.0).round() as i64;
            let top = (-view.grid.y0 / 10.0).round() as i64;
            assert_eq!((first.rem_euclid(2), top.rem_euclid(2)), (0, 0));
            assert_eq!((view.grid.width % 2, view.grid.height % 2), (0, 0));
            assert!(view.block.x >= HALO && view.block.y >= HALO);
            assert!(view.grid.width - view.block.x - width >= HALO);
            assert!(view.grid.height - view.block.y - height >= HALO);
            assert_eq!(view.grid.sub(view.block), block);
            assert_eq!(view.places().count(), width * height);
        }
    }

    #[test]
    fn the_first_scene_with_all_bands_fills_a_pixel() {
        let mut image = vec![f32::NAN; 18];
        let mut first = vec![vec![0.1, f32::NAN]; 9];
        first[4][0] = -0.02;
        assert_eq!(fill(&mut image, &first, 2), [true, false]);
        assert_eq!(fill(&mut image, &vec![vec![0.3; 2]; 9], 2), [false, true]);
        assert!((image[0] - 1000.0).abs() < 1e-3 && (image[1] - 3000.0).abs() < 1e-3);
        assert!(image[8].abs() < 1e-9);
    }
}
