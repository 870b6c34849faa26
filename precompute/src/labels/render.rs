//! One block of a map of labels: the dates one after another, then what they come to.

use geocrop_model::Legend;
use geocrop_raster::{Resampling, Window};
use geocrop_source::LABEL;
use ndarray::Array2;
use rayon::prelude::*;

use super::tally::{NO_CLASS, most_probable};
use super::{LabelError, Tally};
use crate::TaskError;
use crate::block::{Block, BlockGrid, Renderer};
use crate::files::with_reader;
use crate::prepare::{Acquisition, PreparedBand, PreparedScene, PreparedSeason};
use crate::recipe::{LabelMap, NODATA};

impl Renderer<'_> {
    /// Makes one block of a map of labels.
    pub(crate) fn render_labels(
        &self,
        labels: &LabelMap,
        window: Window,
        block: &BlockGrid,
    ) -> Result<Block, TaskError> {
        let composite = &self.recipe.composite;
        let mut tally = Tally::new(composite.method, labels.legend.len(), block.pixels());
        for season in self.seasons {
            match season {
                PreparedSeason::Labels { days, .. } => {
                    self.read_labels(days, &labels.legend, block, &mut tally)?;
                }
                PreparedSeason::Scenes { acquisitions, .. } => {
                    let network = self
                        .network
                        .expect("a map of labels from scenes has its network loaded");
                    self.classify_days(network, acquisitions, block, &mut tally)?;
                }
                PreparedSeason::Composites { .. } => {
                    unreachable!("a map of labels is not made from composites")
                }
            }
        }
        Ok(block_of(
            &tally,
            &labels.legend,
            composite.thin,
            window,
            block,
        ))
    }

    /// Reads as many days at a time as there are threads, and adds them in the order of their dates.
    fn read_labels(
        &self,
        days: &[Acquisition],
        legend: &Legend,
        block: &BlockGrid,
        tally: &mut Tally,
    ) -> Result<(), TaskError> {
        for batch in days.chunks(rayon::current_num_threads()) {
            if tally.takes_probabilities() {
                let read: Result<Vec<_>, TaskError> = batch
                    .par_iter()
                    .map(|day| self.probabilities_of(day, legend, block))
                    .collect();
                for planes in read? {
                    tally.add(&planes);
                }
            } else {
                let read: Result<Vec<_>, TaskError> = batch
                    .par_iter()
                    .map(|day| self.labels_of(day, legend, block))
                    .collect();
                for classes in read? {
                    tally.vote(&classes);
                }
            }
        }
        Ok(())
    }

    /// One day's classes by their index in the legend; where files overlap the first one with a class counts.
    fn labels_of(
        &self,
        day: &Acquisition,
        legend: &Legend,
        block: &BlockGrid,
    ) -> Result<Vec<u8>, TaskError> {
        let mut classes = vec![NO_CLASS; block.pixels()];
        for scene in touching(day, block) {
            self.progress.check()?;
            let found = match scene.bands.get(LABEL) {
                Some(band) => self.label_plane(band, legend, block)?,
                None => most_probable(&self.planes(scene, legend, block)?, block.pixels()),
            };
            let mut clear = 0;
            for (class, new) in classes.iter_mut().zip(found) {
                if *class == NO_CLASS && new != NO_CLASS {
                    *class = new;
                    clear += 1;
                }
            }
            scene.sanity.add_clear(clear);
        }
        Ok(classes)
    }

    /// One day's probabilities, `[class][pixel]`; where files overlap the first one with values counts.
    fn probabilities_of(
        &self,
        day: &Acquisition,
        legend: &Legend,
        block: &BlockGrid,
    ) -> Result<Vec<f32>, TaskError> {
        let pixels = block.pixels();
        let mut planes = vec![f32::NAN; legend.len() * pixels];
        for scene in touching(day, block) {
            self.progress.check()?;
            let found = self.planes(scene, legend, block)?;
            let mut clear = 0;
            for pixel in 0..pixels {
                if planes[pixel].is_nan() && !found[pixel].is_nan() {
                    for (plane, new) in planes.chunks_mut(pixels).zip(found.chunks(pixels)) {
                        plane[pixel] = new[pixel];
                    }
                    clear += 1;
                }
            }
            scene.sanity.add_clear(clear);
        }
        Ok(planes)
    }

    /// A file's classes on the block, by their index in the legend.
    fn label_plane(
        &self,
        band: &PreparedBand,
        legend: &Legend,
        block: &BlockGrid,
    ) -> Result<Vec<u8>, TaskError> {
        let values = with_reader(|reader| {
            reader.read(
                &band.href,
                band.band,
                band.nodata,
                &block.grid,
                Resampling::Nearest,
            )
        })?;
        let mut index = [NO_CLASS; 256];
        for (class, place) in legend.iter().zip(0..) {
            index[usize::from(class.value)] = place;
        }
        let mut classes = vec![NO_CLASS; block.pixels()];
        let inside = values.iter().zip(&block.inside);
        for (class, (value, inside)) in classes.iter_mut().zip(inside) {
            if !inside || value.is_nan() {
                continue;
            }
            let known = if value.fract() == 0.0 && (0.0..=255.0).contains(value) {
                index[*value as usize]
            } else {
                NO_CLASS
            };
            if known == NO_CLASS {
                return Err(self.outside_legend(band, *value, legend).into());
            }
            *class = known;
        }
        Ok(classes)
    }

    fn outside_legend(&self, band: &PreparedBand, value: f32, legend: &Legend) -> LabelError {
        let classes: Vec<String> = legend
            .iter()
            .map(|class| format!("{} {}", class.value, class.name))
            .collect();
        LabelError::OutsideLegend {
            file: band.href.clone(),
            value,
            recipe: self.recipe.name.clone(),
            legend: classes.join(", "),
        }
    }

    /// A scene's probabilities on the block, `[class][pixel]`; NaN in all classes where one is missing.
    fn planes(
        &self,
        scene: &PreparedScene,
        legend: &Legend,
        block: &BlockGrid,
    ) -> Result<Vec<f32>, TaskError> {
        let pixels = block.pixels();
        let mut planes = Vec::with_capacity(legend.len() * pixels);
        for class in legend {
            let band = &scene.bands[&class.name];
            let values = self.read_band(scene, &class.name, block)?;
            let wrong = values.iter().zip(&block.inside);
            if let Some((value, _)) = wrong
                .filter(|(_, inside)| **inside)
                .find(|(value, _)| **value < -TOLERANCE || **value > 1.0 + TOLERANCE)
            {
                return Err(LabelError::NoProbability {
                    file: band.href.clone(),
                    band: band.band,
                    value: *value,
                }
                .into());
            }
            planes.extend(values);
        }
        for pixel in 0..pixels {
            let missing = planes
                .iter()
                .skip(pixel)
                .step_by(pixels)
                .any(|p| p.is_nan());
            if missing || !block.inside[pixel] {
                for value in planes.iter_mut().skip(pixel).step_by(pixels) {
                    *value = f32::NAN;
                }
            }
        }
        Ok(planes)
    }
}

/// Probabilities may leave 0 to 1 by what rounding and resampling do.
const TOLERANCE: f32 = 0.001;

/// The scenes of a day that lie under the block.
fn touching<'a>(
    day: &'a Acquisition,
    block: &BlockGrid,
) -> impl Iterator<Item = &'a PreparedScene> {
    let bounds = block.grid.bounds();
    day.scenes
        .iter()
        .filter(move |scene| scene.bounds.intersects(&bounds))
}

/// The codes of a block from what its pixels' observations come to.
fn block_of(tally: &Tally, legend: &Legend, thin: u16, window: Window, block: &BlockGrid) -> Block {
    let pixels = block.pixels();
    let values: Vec<u8> = legend.iter().map(|class| class.value).collect();
    let mut planes: [Vec<u8>; 4] = [(); 4].map(|()| vec![NODATA; pixels]);
    let mut seen = 0;
    for (pixel, verdict) in tally.verdicts(thin).enumerate() {
        if !block.inside[pixel] {
            continue;
        }
        let [map, confidence, count, evidence] = &mut planes;
        count[pixel] = verdict.count.min(254) as u8;
        evidence[pixel] = verdict.evidence as u8;
        if let Some(value) = values.get(usize::from(verdict.class)) {
            map[pixel] = *value;
            confidence[pixel] = (100.0 * verdict.confidence).round() as u8;
            seen += 1;
        }
    }
    let [map, confidence, count, evidence] = planes.map(|codes| {
        Array2::from_shape_vec((window.height, window.width), codes)
            .expect("one code for each pixel of the block")
    });
    Block {
        map: vec![map],
        confidence: Some(confidence),
        applicability: None,
        counts: None,
        observations: count,
        evidence: Some(evidence),
        observed: vec![seen],
    }
}
