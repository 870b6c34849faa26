//! From rendered blocks to the final map: masks, majority filter, minimum mapping unit, clipping, always in this order.
//!
//! Statistics, the comparison with a truth, files and tiles are all of the final map. The algorithms are pure and each
//! in its module; this one carries blocks through them.
//!
//! Without a filter, a block is final when it is rendered. With one, blocks go into a plain [file of planes](PlaneFile) first, and
//! the final map is made from windows of it with as much surroundings as the filters look at: memory depends on the
//! filters, never on the area, and the result on neither blocks nor windows.

mod frame;
mod majority;
mod masks;
mod planes;
mod report;
mod sieve;

use std::collections::BTreeMap;
use std::path::Path;

use geocrop_raster::{Grid, Window};
use ndarray::{Array2, s};

use crate::block::Block;
use crate::output::Writers;
use crate::prepare::RasterLayer;
use crate::recipe::{NODATA, Post, Recipe};
use crate::statistics::Counter;
use crate::truth::Truth;
use crate::{Progress, TaskError};

pub(crate) use frame::Frame;
pub(crate) use masks::{Masks, PolygonFile, find_polygons};
use planes::PlaneFile;
pub(crate) use report::Report;

/// Edge of the windows in which filters run: the tiles of the files. Wider where surroundings would outweigh it.
const WINDOW: usize = 512;

/// What blocks are made final with.
pub(crate) struct Finishing<'a> {
    pub(crate) recipe: &'a Recipe,
    /// Of the map.
    pub(crate) grid: &'a Grid,
    pub(crate) frame: &'a Frame,
    pub(crate) masks: &'a Masks,
    /// Those that hold for the whole period.
    pub(crate) rasters: &'a BTreeMap<String, RasterLayer>,
    /// Whether blocks say where the model may be used.
    pub(crate) applicability: bool,
}

/// A final map in the making: counted, compared and written as its blocks come.
pub(crate) struct FinalMap<'a> {
    with: Finishing<'a>,
    waiting: Option<PlaneFile>,
    writers: Writers,
    truth: Option<Truth>,
    counter: Counter,
    report: Report,
}

/// A final map whose blocks have all come.
pub(crate) struct Finished {
    pub(crate) writers: Writers,
    pub(crate) truth: Option<Truth>,
    pub(crate) counter: Counter,
    pub(crate) report: Report,
}

impl<'a> FinalMap<'a> {
    /// Begins a map; `folder` is the task's working folder.
    pub(crate) fn begin(
        with: Finishing<'a>,
        writers: Writers,
        truth: Option<Truth>,
        folder: &Path,
    ) -> Result<Self, TaskError> {
        let rendered = &with.frame.rendered;
        let waiting = filters(&with.recipe.post)
            .then(|| PlaneFile::create(folder, rendered.width, rendered.height));
        Ok(Self {
            waiting: waiting.transpose()?,
            report: Report {
                masks: vec![0; with.recipe.post.masks.len()],
                ..Report::default()
            },
            counter: Counter::new(),
            with,
            writers,
            truth,
        })
    }

    /// How many steps [`end`](Self::end) will take.
    pub(crate) fn windows(&self) -> usize {
        self.waiting
            .as_ref()
            .map_or(0, |_| self.with.windows().len())
    }

    /// Takes a block of the rendered grid.
    pub(crate) fn take(&mut self, window: Window, block: Block) -> Result<(), TaskError> {
        let Some(waiting) = &self.waiting else {
            // Nothing looks beyond a block, so there is no margin: the two grids are one.
            let block = self.with.finish(block, window, window, &mut self.report)?;
            return self.keep(window, &block);
        };
        for (number, plane) in planes(&block).into_iter().enumerate() {
            waiting.write(number, window, plane)?;
        }
        Ok(())
    }

    /// Makes final what had to wait for its surroundings.
    pub(crate) fn end(mut self, progress: &Progress) -> Result<Finished, TaskError> {
        if let Some(waiting) = self.waiting.take() {
            for window in self.with.windows() {
                progress.check()?;
                let around = self.with.around(window);
                let block = self.with.read(&waiting, around)?;
                let block = self.with.finish(block, around, window, &mut self.report)?;
                self.keep(window, &block)?;
                progress.advance();
            }
        }
        Ok(Finished {
            writers: self.writers,
            truth: self.truth,
            counter: self.counter,
            report: self.report,
        })
    }

    /// Counts, compares and writes a final block of the map's grid.
    fn keep(&mut self, window: Window, block: &Block) -> Result<(), TaskError> {
        self.counter.add(block, self.with.recipe.output.nodata());
        if let Some(truth) = &mut self.truth {
            truth.compare(&self.with.grid.sub(window), &block.map[0])?;
        }
        self.writers.write(window, block)
    }
}

/// Whether pixels depend on others.
fn filters(post: &Post) -> bool {
    post.majority.is_some() || post.unit.is_some()
}

/// The planes of a block that filters need, in the order in which they are kept.
fn planes(block: &Block) -> Vec<&Array2<u8>> {
    let mut planes = vec![&block.observations];
    planes.extend(&block.map);
    planes.extend(&block.confidence);
    planes.extend(&block.evidence);
    planes.extend(&block.applicability);
    planes
}

impl Finishing<'_> {
    /// The windows of the map's grid that hold something of the map.
    fn windows(&self) -> Vec<Window> {
        let size = frame::halo(&self.recipe.post)
            .next_multiple_of(WINDOW)
            .max(WINDOW);
        let mut windows = self.grid.blocks(size);
        windows.retain(|window| self.frame.kept(*window).iter().any(|kept| *kept));
        windows
    }

    /// A window of the map's grid with its surroundings, on the rendered grid.
    fn around(&self, window: Window) -> Window {
        let halo = frame::halo(&self.recipe.post);
        let window = self.frame.on_rendered(window);
        let (x, y) = (window.x.saturating_sub(halo), window.y.saturating_sub(halo));
        let rendered = &self.frame.rendered;
        Window {
            x,
            y,
            width: (window.x + window.width + halo).min(rendered.width) - x,
            height: (window.y + window.height + halo).min(rendered.height) - y,
        }
    }

    fn read(&self, waiting: &PlaneFile, window: Window) -> Result<Block, TaskError> {
        let observations = waiting.read(0, window)?;
        let bands = self.recipe.output.bands();
        let map = (1..=bands)
            .map(|plane| waiting.read(plane, window))
            .collect::<Result<_, _>>()?;
        let output = &self.recipe.output;
        let confidence = output
            .has_confidence()
            .then(|| waiting.read(bands + 1, window));
        let evidence = output
            .has_evidence()
            .then(|| waiting.read(bands + 2, window));
        // Labels have evidence and no model that could extrapolate: never both.
        let applicability = self.applicability.then(|| waiting.read(bands + 2, window));
        Ok(Block {
            map,
            confidence: confidence.transpose()?,
            evidence: evidence.transpose()?,
            applicability: applicability.transpose()?,
            observations,
            observed: Vec::new(),
            counts: None,
        })
    }

    /// Makes a block final: `around` is where it lies on the rendered grid, `window` what is kept of it on the map's.
    fn finish(
        &self,
        mut block: Block,
        around: Window,
        window: Window,
        report: &mut Report,
    ) -> Result<Block, TaskError> {
        let post = &self.recipe.post;
        if self.masks.is_empty() && !filters(post) {
            return Ok(block);
        }
        let nodata = self.recipe.output.nodata();
        let place = self.frame.on_rendered(window);
        let inner = s![
            place.y - around.y..place.y - around.y + window.height,
            place.x - around.x..place.x - around.x + window.width
        ];
        let kept = self.frame.kept(window);
        let among_kept = |changed: &Array2<bool>| {
            let here = changed.slice(inner);
            let both = here.iter().zip(&kept).filter(|(c, k)| **c && **k);
            both.count() as u64
        };

        let grid = self.frame.rendered.sub(around);
        let map = &mut block.map;
        self.masks
            .apply(&grid, self.rasters, map, nodata, |number, changed| {
                report.masks[number] += among_kept(changed);
            })?;
        if let Some(edge) = post.majority {
            let filtered = majority::majority(&map[0], edge);
            report.majority += among_kept(&differing(&map[0], &filtered));
            map[0] = filtered;
        }
        if let Some(unit) = post.unit {
            // Only what was not rendered has no count at all.
            let unknown = block.observations.mapv(|count| count == NODATA);
            let before = map[0].clone();
            sieve::sieve(&mut map[0], &unknown, unit.pixels, unit.connectivity);
            report.unit += among_kept(&differing(&before, &map[0]));
        }

        let clipped = |plane: &Array2<u8>, outside: u8| {
            let mut plane = plane.slice(inner).to_owned();
            plane.zip_mut_with(&kept, |code, kept| {
                if !kept {
                    *code = outside;
                }
            });
            plane
        };
        let map: Vec<_> = block.map.iter().map(|p| clipped(p, nodata)).collect();
        // What a mask took out of the map has no class to be sure of.
        let of_classes = |plane: &Array2<u8>| {
            let mut plane = clipped(plane, NODATA);
            plane.zip_mut_with(&map[0], |percent, code| {
                if *code == nodata {
                    *percent = NODATA;
                }
            });
            plane
        };
        Ok(Block {
            confidence: block.confidence.as_ref().map(of_classes),
            applicability: block.applicability.as_ref().map(of_classes),
            evidence: block.evidence.as_ref().map(|p| clipped(p, NODATA)),
            observations: clipped(&block.observations, NODATA),
            map,
            observed: block.observed,
            counts: block.counts,
        })
    }
}

fn differing(one: &Array2<u8>, other: &Array2<u8>) -> Array2<bool> {
    let differ: Vec<bool> = one.iter().zip(other).map(|(a, b)| a != b).collect();
    Array2::from_shape_vec(one.dim(), differ).expect("both planes have one shape")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Numbers that look random and are the same on every machine (splitmix64).
    fn random(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    /// A map of nothing but specks, a tenth of it without data.
    pub(crate) fn noise(seed: u64, height: usize, width: usize, classes: u64) -> Array2<u8> {
        let mut next = random(seed);
        Array2::from_shape_simple_fn((height, width), || {
            let code = next() % (classes * 10);
            if code < classes {
                NODATA
            } else {
                (code % classes) as u8
            }
        })
    }

    /// A map of fields of some pixels each, with specks in them.
    pub(crate) fn patchy(seed: u64, height: usize, width: usize, classes: u64) -> Array2<u8> {
        let mut next = random(seed);
        let fields = Array2::from_shape_simple_fn((height / 4 + 1, width / 5 + 1), || {
            (next() % classes) as u8
        });
        Array2::from_shape_fn((height, width), |(y, x)| match next() % 20 {
            0 => (next() % classes) as u8,
            1 => NODATA,
            _ => fields[[y / 4, x / 5]],
        })
    }
}
