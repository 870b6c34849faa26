//! From blocks to files: the map, what goes with it pixel by pixel, and its tiles.

use std::path::{Path, PathBuf};

use geocrop_raster::{
    BlockWriter, CogSpec, Grid, Overviews, Palette, TileReport, TileSpec, Window, write_pmtiles,
};
use rayon::prelude::*;

use crate::block::Block;
use crate::labels::{EVIDENCE, OBSERVATION_BANDS};
use crate::learnt::LIMIT;
use crate::progress::Stage;
use crate::recipe::{ClassModel, INDEX_STEPS, LabelMap, Method, NODATA, Output, Recipe};
use crate::statistics::classes;
use crate::{Progress, TaskError};

/// The files of a task while its blocks come in.
pub(crate) struct Writers {
    map: BlockWriter,
    confidence: Option<BlockWriter>,
    applicability: Option<BlockWriter>,
    observations: BlockWriter,
}

/// The finished files, in the task's working folder.
pub(crate) struct Files {
    pub(crate) map: PathBuf,
    pub(crate) confidence: Option<PathBuf>,
    pub(crate) applicability: Option<PathBuf>,
    pub(crate) observations: PathBuf,
    /// Drawn unless the map is a tile of a large area, which is drawn with all the others.
    pub(crate) tiles: Option<MapTiles>,
}

/// Map tiles that were drawn.
pub(crate) struct MapTiles {
    pub(crate) path: PathBuf,
    pub(crate) report: TileReport,
}

impl Writers {
    /// Opens the files of a map, one of them for where its model may be used if that is known.
    pub(crate) fn create(
        recipe: &Recipe,
        grid: &Grid,
        scratch: &Path,
        applicability: bool,
    ) -> Result<Self, TaskError> {
        let writer = |spec: &CogSpec| BlockWriter::create(scratch, grid, spec);
        let confidence = recipe
            .output
            .has_confidence()
            .then(|| writer(&percent(recipe)))
            .transpose()?;
        Ok(Self {
            map: writer(&map(recipe))?,
            confidence,
            applicability: applicability
                .then(|| writer(&self::applicability(recipe)))
                .transpose()?,
            observations: writer(&observations(recipe))?,
        })
    }

    pub(crate) fn write(&self, window: Window, block: &Block) -> Result<(), TaskError> {
        for (band, plane) in block.map.iter().enumerate() {
            self.map.write(window, band + 1, plane)?;
        }
        if let Some((writer, plane)) = self.confidence.as_ref().zip(block.confidence.as_ref()) {
            writer.write(window, 1, plane)?;
        }
        if let Some((writer, plane)) = self
            .applicability
            .as_ref()
            .zip(block.applicability.as_ref())
        {
            writer.write(window, 1, plane)?;
        }
        self.observations.write(window, 1, &block.observations)?;
        if let Some(plane) = &block.evidence {
            self.observations.write(window, 2, plane)?;
        }
        Ok(())
    }

    /// Makes the files final and renders the tiles.
    pub(crate) fn finish(
        self,
        tiles: Option<&TileSpec>,
        scratch: &Path,
        progress: &Progress,
    ) -> Result<Files, TaskError> {
        let beside = [&self.confidence, &self.applicability];
        progress.begin(Stage::Write, 2 + beside.into_iter().flatten().count());
        let file = |name: &str| scratch.join(name);
        let (map, observations) = (file("map.tif"), file("observations.tif"));
        let confidence = self.confidence.is_some().then(|| file("confidence.tif"));
        let applicability = self
            .applicability
            .is_some()
            .then(|| file("applicability.tif"));
        let mut work = vec![(self.map, &map), (self.observations, &observations)];
        work.extend(self.confidence.zip(confidence.as_ref()));
        work.extend(self.applicability.zip(applicability.as_ref()));
        work.into_par_iter().try_for_each(|(writer, path)| {
            progress.check()?;
            writer.finish(path)?;
            progress.advance();
            Ok::<_, TaskError>(())
        })?;
        progress.check()?;

        let tiles = match tiles {
            Some(spec) => Some(draw(&map, spec, scratch, progress)?),
            None => None,
        };
        Ok(Files {
            map,
            confidence,
            applicability,
            observations,
            tiles,
        })
    }
}

/// Draws the map's tiles.
pub(crate) fn draw(
    map: &Path,
    spec: &TileSpec,
    scratch: &Path,
    progress: &Progress,
) -> Result<MapTiles, TaskError> {
    let path = scratch.join("tiles.pmtiles");
    progress.begin(Stage::Tiles, 0);
    let went_on = |done: usize, total: usize| {
        if done == 0 {
            progress.begin(Stage::Tiles, total);
        }
        progress.reach(done);
        !progress.is_cancelled()
    };
    let report = write_pmtiles(map, &path, spec, &went_on);
    progress.check()?;
    Ok(MapTiles {
        path,
        report: report?,
    })
}

/// The map: codes with their colours, or a picture.
fn map(recipe: &Recipe) -> CogSpec {
    let classes = classes(&recipe.output);
    let mut spec = CogSpec {
        bands: recipe.output.bands(),
        band_names: Vec::new(),
        palette: None,
        nodata: Some(recipe.output.nodata()),
        overviews: Overviews::Mode,
        category_names: Vec::new(),
        description: recipe.title.clone(),
        scale_offset: None,
        metadata: Vec::new(),
    };
    match &recipe.output {
        Output::Classes(ClassModel { legend, .. }) | Output::Labels(LabelMap { legend, .. }) => {
            let last = classes.iter().map(|c| c.last).max().unwrap_or(0);
            let title = |value: u8| legend.get(value).map_or(String::new(), |c| c.title.clone());
            spec.category_names = (0..=last).map(title).collect();
        }
        Output::Index { low, high, .. } => {
            let step = f64::from(high - low) / f64::from(INDEX_STEPS);
            spec.scale_offset = Some((step, f64::from(*low)));
        }
        Output::Picture { .. } => {
            spec.overviews = Overviews::Average;
            return spec;
        }
    }
    let colors = classes
        .iter()
        .flat_map(|class| (class.first..=class.last).map(|value| (value, class.rgb)));
    spec.palette = Some(Palette(colors.collect()));
    spec
}

fn percent(recipe: &Recipe) -> CogSpec {
    let of_dates =
        matches!(recipe.output, Output::Labels(_)) && recipe.composite.method == Method::Mode;
    CogSpec {
        bands: 1,
        band_names: Vec::new(),
        palette: None,
        nodata: Some(NODATA),
        overviews: Overviews::Average,
        category_names: Vec::new(),
        description: if of_dates {
            "Observations that have the mapped class, percent".into()
        } else {
            "Probability of the mapped class, percent".into()
        },
        scale_offset: Some((0.01, 0.0)),
        metadata: Vec::new(),
    }
}

/// Where the model may be used.
fn applicability(recipe: &Recipe) -> CogSpec {
    CogSpec {
        description: format!(
            "Dissimilarity from the model's samples, percent of what it may be ({LIMIT}: the limit, above it the model \
             extrapolates; 254: that or more)"
        ),
        palette: Some(Palette(
            (0..NODATA).map(|code| (code, shade(code))).collect(),
        )),
        ..percent(recipe)
    }
}

/// Pale where the model is at home, from orange to purple where it is not.
fn shade(code: u8) -> [u8; 3] {
    let ramp = |from: [u8; 3], to: [u8; 3], share: f32| {
        let mix =
            |(a, b): (u8, u8)| (f32::from(a) + (f32::from(b) - f32::from(a)) * share).round() as u8;
        std::array::from_fn(|band| mix((from[band], to[band])))
    };
    if code <= LIMIT {
        ramp(
            [247, 250, 245],
            [203, 217, 194],
            f32::from(code) / f32::from(LIMIT),
        )
    } else {
        let beyond = f32::from(code - LIMIT) / f32::from(NODATA - 1 - LIMIT);
        ramp([244, 165, 80], [105, 30, 120], beyond)
    }
}

/// Counts, and for a map of labels what they are worth.
fn observations(recipe: &Recipe) -> CogSpec {
    let count = CogSpec {
        description: "Clear observations that the map is made of (254: that or more)".into(),
        scale_offset: None,
        ..percent(recipe)
    };
    if !recipe.output.has_evidence() {
        return count;
    }
    let codes: Vec<String> = EVIDENCE
        .iter()
        .map(|(code, name, _)| format!("{} {name}", *code as u8))
        .collect();
    CogSpec {
        bands: OBSERVATION_BANDS.len(),
        band_names: OBSERVATION_BANDS.map(str::to_owned).to_vec(),
        description: format!(
            "Band 1, count: {}. Band 2, evidence: {} (thin: fewer than {} observations)",
            count.description,
            codes.join(", "),
            recipe.composite.thin
        ),
        // A mean of codes would be another code.
        overviews: Overviews::Mode,
        ..count
    }
}
