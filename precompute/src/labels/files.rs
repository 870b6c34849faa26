//! Opens files of labels and finds out what is in them: one band of classes, or a probability for each class.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use geocrop_model::Legend;
use geocrop_raster::{BandInfo, Grid, RasterInfo};
use geocrop_source::{BandRef, Description, LABEL, Scene};

use super::LabelError;
use crate::TaskError;
use crate::files::with_reader;
use crate::inputs::SeasonInputs;
use crate::lattice::FileBlocks;
use crate::prepare::{Acquisition, PreparedBand, PreparedScene, PreparedSeason};
use crate::recipe::{Method, Recipe};
use crate::sanity::Sanity;

/// Opens the label files of a season; those that lie elsewhere are left out. The files of one day are one observation.
pub(crate) fn season(
    recipe: &Recipe,
    legend: &Legend,
    inputs: &SeasonInputs,
    source: &Description,
    grid: &Grid,
) -> Result<PreparedSeason, TaskError> {
    let looked = Look {
        recipe,
        source,
        grid,
        names: legend.iter().map(|class| class.name.as_str()).collect(),
    };
    let mut days: BTreeMap<NaiveDate, Vec<PreparedScene>> = BTreeMap::new();
    for scene in &inputs.scenes {
        let prepared = looked.prepare(scene)?;
        if prepared.bounds.intersects(&grid.bounds()) {
            let day = scene.datetime.date_naive();
            days.entry(day).or_default().push(prepared);
        }
    }
    if days.is_empty() {
        return Err(LabelError::Elsewhere {
            files: inputs.scenes.len(),
            source_name: source.title.clone(),
            area: format!("{} in {}", grid.bounds(), grid.crs),
        }
        .into());
    }
    Ok(PreparedSeason::Labels {
        season: inputs.season.clone(),
        days: days
            .into_values()
            .map(|scenes| Acquisition { scenes })
            .collect(),
    })
}

/// What is looked for in the files.
struct Look<'a> {
    recipe: &'a Recipe,
    source: &'a Description,
    grid: &'a Grid,
    /// The legend's names, by rising value: names and order of the probability bands.
    names: Vec<&'a str>,
}

/// What a scene offers.
#[derive(Default)]
struct Offer {
    label: Option<PreparedBand>,
    /// In the order of the names; all of them or none.
    probabilities: Vec<PreparedBand>,
}

impl Look<'_> {
    fn prepare(&self, scene: &Scene) -> Result<PreparedScene, TaskError> {
        let (offer, info) = self.offer(scene)?;
        let averages = self.recipe.composite.method == Method::MeanProbability;
        let bands = match offer.label {
            Some(label) if !averages => BTreeMap::from([(LABEL.to_owned(), label)]),
            Some(_) if offer.probabilities.is_empty() => {
                return Err(LabelError::LabelsOnly {
                    scene: scene.id.clone(),
                    recipe: self.recipe.name.clone(),
                }
                .into());
            }
            _ => self
                .names
                .iter()
                .map(|name| (*name).to_owned())
                .zip(offer.probabilities)
                .collect(),
        };
        Ok(PreparedScene {
            scene: scene.clone(),
            bands,
            bounds: info.bounds_in(self.grid.crs)?,
            sanity: Sanity::default(),
            notes: Vec::new(),
        })
    }

    /// Labels and probabilities of a scene, and what one of its files says about itself.
    fn offer(&self, scene: &Scene) -> Result<(Offer, RasterInfo), TaskError> {
        let open = |band: &BandRef| with_reader(|reader| reader.info(&band.href));
        let named: Vec<(&str, &BandRef)> = self
            .names
            .iter()
            .filter_map(|name| Some((*name, scene.bands.get(*name)?)))
            .collect();
        let mut offer = Offer::default();
        let mut opened = None;
        if named.len() == self.names.len() {
            for (name, band) in &named {
                let info = open(band)?;
                offer
                    .probabilities
                    .push(self.band(name, band, band.band, &info));
                opened = Some(info);
            }
        }
        if let Some(file) = scene.bands.get(LABEL) {
            let info = open(file)?;
            let layout = if file.band == 1 {
                self.layout(&info.bands)
            } else {
                Some((Some(file.band), Vec::new()))
            };
            let Some((label, probabilities)) = layout else {
                return Err(self.refuse(scene, &info.bands).into());
            };
            offer.label = label.map(|number| self.band(LABEL, file, number, &info));
            if offer.probabilities.is_empty() {
                let numbered = self.names.iter().zip(probabilities);
                offer.probabilities = numbered
                    .map(|(name, number)| self.band(name, file, number, &info))
                    .collect();
            }
            opened = Some(info);
        }
        match opened {
            Some(info) => Ok((offer, info)),
            None => Err(self.refuse(scene, &[]).into()),
        }
    }

    /// Which of a file's bands is the label, and which are the probabilities; none of it if that cannot be told.
    fn layout(&self, bands: &[BandInfo]) -> Option<(Option<usize>, Vec<usize>)> {
        let described = |name: &str| {
            let same = |band: &BandInfo| band.description.eq_ignore_ascii_case(name);
            bands.iter().position(same).map(|index| index + 1)
        };
        let label = described(LABEL);
        let probabilities: Vec<usize> = self.names.iter().filter_map(|n| described(n)).collect();
        let all = self.names.len();
        match (label, probabilities.len()) {
            (label, found) if found == all => Some((label, probabilities)),
            (Some(label), _) => Some((Some(label), Vec::new())),
            (None, 0) => match bands.len() {
                1 => Some((Some(1), Vec::new())),
                // Undescribed bands come in the order in which Earth Engine has them.
                count if count == all => Some((None, (1..=all).collect())),
                count if count == all + 1 => Some((Some(count), (1..=all).collect())),
                _ => None,
            },
            _ => None,
        }
    }

    fn refuse(&self, scene: &Scene, bands: &[BandInfo]) -> LabelError {
        let described: Vec<&str> = bands
            .iter()
            .map(|band| band.description.as_str())
            .filter(|text| !text.is_empty())
            .collect();
        let found = match (bands.len(), described.len()) {
            (0, _) => format!(
                "bands named {}",
                scene.bands.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
            (count, 0) => format!("{count} bands without descriptions"),
            (count, _) => format!("{count} bands, described as {}", described.join(", ")),
        };
        LabelError::Layout {
            scene: scene.id.clone(),
            found,
            expected: self.names.join(", "),
        }
    }

    /// A band with the meaning of its numbers: the catalog's word, then the source's, then the file's.
    fn band(&self, name: &str, file: &BandRef, number: usize, info: &RasterInfo) -> PreparedBand {
        let stated = self.source.encodings.get(name);
        let tags = info.bands.get(number - 1);
        let label = name == LABEL;
        let scale = file
            .scale
            .or(stated.and_then(|e| e.scale))
            .or(tags.and_then(|t| t.scale))
            .filter(|_| !label);
        let offset = file
            .offset
            .or(stated.and_then(|e| e.offset))
            .or(tags.and_then(|t| t.offset))
            .filter(|_| !label);
        PreparedBand {
            href: file.href.clone(),
            band: number,
            nodata: file.nodata.or(stated.and_then(|e| e.nodata)),
            missing: Vec::new(),
            scale: scale.unwrap_or(1.0) as f32,
            offset: offset.unwrap_or(0.0) as f32,
            blocks: FileBlocks::on(self.grid, info),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geocrop_source::Source;

    fn layout(names: &[&str]) -> Option<(Option<usize>, Vec<usize>)> {
        let recipe = Recipe::parse(
            include_str!("../../../recipes/dynamic-world.toml"),
            "recipe",
        )
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let source = Source::open(&dir.path().display().to_string(), None).unwrap();
        let legend = recipe.output.legend().unwrap();
        let grid = Grid {
            crs: geocrop_raster::Crs::EQUAL_AREA,
            x0: 0.0,
            y0: 0.0,
            resolution: 10.0,
            width: 1,
            height: 1,
        };
        let look = Look {
            recipe: &recipe,
            source: source.description(),
            grid: &grid,
            names: legend.iter().map(|class| class.name.as_str()).collect(),
        };
        let bands: Vec<BandInfo> = names
            .iter()
            .map(|name| BandInfo {
                data_type: "Float32".into(),
                nodata: None,
                scale: None,
                offset: None,
                description: (*name).to_owned(),
            })
            .collect();
        look.layout(&bands)
    }

    const CLASSES: [&str; 9] = [
        "water",
        "trees",
        "grass",
        "flooded_vegetation",
        "crops",
        "shrub_and_scrub",
        "built",
        "bare",
        "snow_and_ice",
    ];

    #[test]
    fn bands_are_told_by_their_descriptions_in_any_order() {
        let mut names = vec!["label"];
        names.extend(CLASSES.iter().rev());
        assert_eq!(
            layout(&names),
            Some((Some(1), vec![10, 9, 8, 7, 6, 5, 4, 3, 2]))
        );
        assert_eq!(layout(&["quality", "LABEL"]), Some((Some(2), Vec::new())));
    }

    #[test]
    fn undescribed_bands_come_in_earth_engines_order() {
        assert_eq!(layout(&[""]), Some((Some(1), Vec::new())));
        assert_eq!(layout(&[""; 9]), Some((None, (1..=9).collect())));
        assert_eq!(layout(&[""; 10]), Some((Some(10), (1..=9).collect())));
    }

    #[test]
    fn part_of_the_probabilities_is_not_enough() {
        assert_eq!(layout(&CLASSES[..8]), None);
        assert_eq!(layout(&["crops"]), None);
        assert_eq!(layout(&["", "", ""]), None);
    }
}
