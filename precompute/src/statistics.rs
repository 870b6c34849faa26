//! Hectares per class, added up block by block.

use geocrop_model::drift::FeatureCounts;
use serde::{Deserialize, Serialize};

use crate::Reference;
use crate::block::Block;
use crate::labels::Evidence;
use crate::learnt::LIMIT;
use crate::recipe::{ClassModel, INDEX_STEPS, LabelMap, NODATA, Output, Recipe, index_code};

/// What a map holds in numbers: the content of `<area>.stats.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The area's slug.
    pub area: String,
    /// The recipe's name.
    pub recipe: String,
    /// The period.
    pub period: String,
    /// Hectares of the whole area.
    pub area_ha: f64,
    /// Hectares that were mapped.
    pub observed_ha: f64,
    /// Hectares per class, in the legend's order.
    pub classes: Vec<ClassArea>,
    /// Clear observations per mapped pixel.
    pub observations: ObservationCounts,
    /// Mean confidence, 0 to 1, where there is a model.
    pub confidence_mean: Option<f64>,
    /// Mapped hectares where the model extrapolates, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_ha: Option<f64>,
    /// How much of a map of labels rests on little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubtful: Option<Doubtful>,
    /// How the map compares with a known truth, where there is one.
    pub reference: Option<Reference>,
    /// The features of some of the pixels, beside those of the samples that the model learnt from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureCounts>,
}

/// One class of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassArea {
    /// Value in the map's file; for an index, the first code of its step.
    pub value: u8,
    /// Slug.
    pub name: String,
    /// For people.
    pub title: String,
    /// `#rrggbb`.
    pub color: String,
    /// Pixels.
    pub pixels: u64,
    /// Hectares.
    pub hectares: f64,
    /// Percent of what was mapped.
    pub percent: f64,
}

/// Clear observations of the mapped pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObservationCounts {
    /// Fewest.
    pub min: u8,
    /// Median.
    pub median: u8,
    /// Most; 254 stands for 254 and more.
    pub max: u8,
}

/// Mapped hectares whose class is not sure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Doubtful {
    /// Fewer observations than the recipe asks for.
    pub thin_ha: f64,
    /// Several classes are level.
    pub tie_ha: f64,
}

impl Statistics {
    /// The statistics of an area from those of its tiles, which share no pixel. The median of the observations is that
    /// of the tiles' medians, each as heavy as its tile; how the map compares with a truth is not added up. Nor are
    /// features, or hectares outside what a model knows, when not all tiles have them of the same model.
    ///
    /// # Panics
    /// Without a tile.
    pub(crate) fn sum(area: &str, tiles: &[Statistics]) -> Self {
        let mut sum = tiles.first().expect("an area has a tile").clone();
        area.clone_into(&mut sum.area);
        sum.reference = None;
        for tile in &tiles[1..] {
            sum.area_ha += tile.area_ha;
            sum.observed_ha += tile.observed_ha;
            for (class, more) in sum.classes.iter_mut().zip(&tile.classes) {
                class.pixels += more.pixels;
                class.hectares += more.hectares;
            }
            sum.observations.min = sum.observations.min.min(tile.observations.min);
            sum.observations.max = sum.observations.max.max(tile.observations.max);
            sum.outside_ha = sum.outside_ha.zip(tile.outside_ha).map(|(a, b)| a + b);
            let same = sum.features.len() == tile.features.len();
            let mut pairs = sum.features.iter_mut().zip(&tile.features);
            if !same || !pairs.all(|(sum, more)| sum.add(more)) {
                sum.features.clear();
            }
            if let (Some(sum), Some(more)) = (&mut sum.doubtful, &tile.doubtful) {
                sum.thin_ha = round(sum.thin_ha + more.thin_ha, 2);
                sum.tie_ha = round(sum.tie_ha + more.tie_ha, 2);
            }
        }
        let mapped: u64 = sum.classes.iter().map(|c| c.pixels).sum();
        for class in &mut sum.classes {
            class.hectares = round(class.hectares, 2);
            class.percent = round(100.0 * class.pixels as f64 / mapped.max(1) as f64, 2);
        }
        let mut medians: Vec<(u8, f64)> = tiles
            .iter()
            .map(|t| (t.observations.median, t.observed_ha))
            .collect();
        medians.sort_unstable_by_key(|(median, _)| *median);
        let mut below = 0.0;
        let middle = medians.iter().find(|(_, hectares)| {
            below += hectares;
            below * 2.0 >= sum.observed_ha
        });
        sum.observations.median = middle.map_or(0, |(median, _)| *median);
        let confident = tiles
            .iter()
            .filter_map(|t| Some((t.confidence_mean?, t.observed_ha)));
        let (weighted, weight) =
            confident.fold((0.0, 0.0), |(a, b), (mean, ha)| (a + mean * ha, b + ha));
        sum.confidence_mean = (weight > 0.0).then(|| round(weighted / weight, 3));
        sum.outside_ha = sum.outside_ha.map(|hectares| round(hectares, 2));
        sum.area_ha = round(sum.area_ha, 2);
        sum.observed_ha = round(sum.observed_ha, 2);
        sum
    }
}

/// Counts codes while blocks come in.
pub(crate) struct Counter {
    map: [u64; 256],
    observations: [u64; 256],
    confidence: [u64; 256],
    applicability: [u64; 256],
    evidence: [u64; 256],
    inside: u64,
    /// Mapped pixels; for pictures the map's codes do not tell.
    mapped: u64,
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self {
            map: [0; 256],
            observations: [0; 256],
            confidence: [0; 256],
            applicability: [0; 256],
            evidence: [0; 256],
            inside: 0,
            mapped: 0,
        }
    }

    /// Adds a block; `nodata` is the map's.
    pub(crate) fn add(&mut self, block: &Block, nodata: u8) {
        for (code, observations) in block.map[0].iter().zip(&block.observations) {
            if *observations == NODATA {
                continue; // outside the area
            }
            self.inside += 1;
            if *code != nodata {
                self.mapped += 1;
                self.map[usize::from(*code)] += 1;
                self.observations[usize::from(*observations)] += 1;
            }
        }
        for percent in block.confidence.iter().flatten().filter(|p| **p != NODATA) {
            self.confidence[usize::from(*percent)] += 1;
        }
        for percent in block
            .applicability
            .iter()
            .flatten()
            .filter(|p| **p != NODATA)
        {
            self.applicability[usize::from(*percent)] += 1;
        }
        for code in block.evidence.iter().flatten().filter(|c| **c != NODATA) {
            self.evidence[usize::from(*code)] += 1;
        }
    }

    /// Pixels that got a value.
    pub(crate) fn mapped(&self) -> u64 {
        self.mapped
    }

    /// The statistics, given the area of a pixel in square metres.
    pub(crate) fn finish(
        &self,
        recipe: &Recipe,
        area: &str,
        period: &str,
        pixel_area_m2: f64,
        reference: Option<Reference>,
    ) -> Statistics {
        let hectares = |pixels: u64| round(pixels as f64 * pixel_area_m2 / 10_000.0, 2);
        let classes = classes(&recipe.output)
            .into_iter()
            .map(|class| {
                let codes = usize::from(class.first)..=usize::from(class.last);
                let pixels: u64 = self.map[codes].iter().sum();
                ClassArea {
                    value: class.first,
                    name: class.name,
                    title: class.title,
                    color: class.color,
                    pixels,
                    hectares: hectares(pixels),
                    percent: round(100.0 * pixels as f64 / self.mapped.max(1) as f64, 2),
                }
            })
            .collect();
        let confident: u64 = self.confidence.iter().sum();
        let weighted: f64 = (0..)
            .zip(self.confidence)
            .map(|(p, n): (u32, u64)| f64::from(p) * n as f64)
            .sum();
        Statistics {
            area: area.to_owned(),
            recipe: recipe.name.clone(),
            period: period.to_owned(),
            area_ha: hectares(self.inside),
            observed_ha: hectares(self.mapped),
            classes,
            observations: self.observation_counts(),
            confidence_mean: (confident > 0).then(|| round(weighted / confident as f64 / 100.0, 3)),
            outside_ha: (self.applicability.iter().any(|pixels| *pixels > 0))
                .then(|| hectares(self.applicability[usize::from(LIMIT) + 1..].iter().sum())),
            doubtful: matches!(recipe.output, Output::Labels(_)).then(|| Doubtful {
                thin_ha: hectares(self.evidence[Evidence::Thin as usize]),
                tie_ha: hectares(self.evidence[Evidence::Tie as usize]),
            }),
            reference,
            features: Vec::new(),
        }
    }

    fn observation_counts(&self) -> ObservationCounts {
        let total: u64 = self.observations.iter().sum();
        let at = |rank: u64| {
            let mut seen = 0;
            let found = self.observations.iter().position(|n| {
                seen += n;
                seen > rank
            });
            found.unwrap_or(0) as u8
        };
        ObservationCounts {
            min: at(0),
            median: at(total / 2),
            max: at(total.saturating_sub(1)),
        }
    }
}

/// A class of a map as people see it: for an index, a step and its run of codes.
pub(crate) struct MapClass {
    pub(crate) first: u8,
    pub(crate) last: u8,
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) color: String,
    pub(crate) rgb: [u8; 3],
}

/// The classes of an output; a picture has none.
pub(crate) fn classes(output: &Output) -> Vec<MapClass> {
    match output {
        Output::Classes(ClassModel { legend, .. }) | Output::Labels(LabelMap { legend, .. }) => {
            legend
                .iter()
                .map(|class| MapClass {
                    first: class.value,
                    last: class.value,
                    name: class.name.clone(),
                    title: class.title.clone(),
                    description: class.description.clone(),
                    color: class.color.to_string(),
                    rgb: class.color.0,
                })
                .collect()
        }
        Output::Index {
            low, high, steps, ..
        } => {
            let begin = |k: usize| index_code(steps[k].from, *low, *high);
            (0..steps.len())
                .map(|k| MapClass {
                    first: begin(k),
                    last: if k + 1 < steps.len() {
                        begin(k + 1) - 1
                    } else {
                        INDEX_STEPS
                    },
                    name: steps[k].name.clone(),
                    title: steps[k].title.clone(),
                    description: steps[k].title.clone(),
                    color: steps[k].color.to_string(),
                    rgb: steps[k].color.0,
                })
                .collect()
        }
        Output::Picture { .. } => Vec::new(),
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn nodata_inside_the_area_counts_as_area_but_not_as_mapped() {
        let mut counter = Counter::new();
        counter.add(
            &Block {
                map: vec![array![[0, 1], [255, 255]]],
                confidence: Some(array![[80, 60], [255, 255]]),
                applicability: Some(array![[100, 101], [255, 255]]),
                observations: array![[4, 8], [0, 255]],
                evidence: None,
                observed: vec![2],
                counts: None,
            },
            255,
        );
        assert_eq!(counter.mapped(), 2);
        let recipe = crate::Recipe::parse(
            include_str!("../../recipes/cropland-southeast-africa.toml"),
            "recipe",
        )
        .unwrap();
        let statistics = counter.finish(&recipe, "here", "2024", 100.0, None);
        assert!((statistics.area_ha - 0.03).abs() < 1e-9);
        assert!((statistics.observed_ha - 0.02).abs() < 1e-9);
        assert_eq!(statistics.classes[1].pixels, 1);
        assert_eq!(statistics.confidence_mean, Some(0.7));
        assert_eq!(statistics.outside_ha, Some(0.01));
        assert_eq!(
            (statistics.observations.min, statistics.observations.max),
            (4, 8)
        );
    }

    #[test]
    fn the_steps_of_an_index_cover_every_code_once() {
        let recipe =
            crate::Recipe::parse(include_str!("../../recipes/ndvi.toml"), "recipe").unwrap();
        let mut next = 0;
        for class in classes(&recipe.output) {
            assert_eq!(class.first, next, "{}", class.name);
            next = class.last + 1;
        }
        assert_eq!(next, INDEX_STEPS + 1);
    }
}
