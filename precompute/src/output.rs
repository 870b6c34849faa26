//! From blocks to files: the map, its confidence, its observations and its tiles.

use std::path::{Path, PathBuf};

use geocrop_raster::{
    BlockWriter, CogSpec, Grid, Overviews, Palette, TileReport, TileSpec, Window, write_pmtiles,
};

use crate::block::Block;
use crate::progress::Stage;
use crate::recipe::{INDEX_STEPS, NODATA, Output, Recipe};
use crate::statistics::classes;
use crate::{Progress, TaskError};

/// The files of a task while its blocks come in.
pub(crate) struct Writers {
    map: BlockWriter,
    confidence: Option<BlockWriter>,
    observations: BlockWriter,
}

/// The finished files, in the task's working folder.
pub(crate) struct Files {
    pub(crate) map: PathBuf,
    pub(crate) confidence: Option<PathBuf>,
    pub(crate) observations: PathBuf,
    pub(crate) tiles: PathBuf,
    pub(crate) report: TileReport,
}

impl Writers {
    pub(crate) fn create(recipe: &Recipe, grid: &Grid, scratch: &Path) -> Result<Self, TaskError> {
        let writer = |spec: &CogSpec| BlockWriter::create(scratch, grid, spec);
        let confidence = match recipe.output {
            Output::Classes(_) => Some(writer(&percent())?),
            _ => None,
        };
        Ok(Self {
            map: writer(&map(recipe))?,
            confidence,
            observations: writer(&observations())?,
        })
    }

    pub(crate) fn write(&self, window: Window, block: &Block) -> Result<(), TaskError> {
        for (band, plane) in block.map.iter().enumerate() {
            self.map.write(window, band + 1, plane)?;
        }
        if let Some((writer, plane)) = self.confidence.as_ref().zip(block.confidence.as_ref()) {
            writer.write(window, 1, plane)?;
        }
        self.observations.write(window, 1, &block.observations)?;
        Ok(())
    }

    /// Makes the files final and renders the tiles.
    pub(crate) fn finish(
        self,
        tiles: &TileSpec,
        scratch: &Path,
        progress: &Progress,
    ) -> Result<Files, TaskError> {
        progress.begin(Stage::Write, 2 + usize::from(self.confidence.is_some()));
        let map = scratch.join("map.tif");
        self.map.finish(&map)?;
        progress.advance();
        progress.check()?;
        let confidence = match self.confidence {
            Some(writer) => {
                let path = scratch.join("confidence.tif");
                writer.finish(&path)?;
                progress.advance();
                Some(path)
            }
            None => None,
        };
        progress.check()?;
        let observations = scratch.join("observations.tif");
        self.observations.finish(&observations)?;
        progress.advance();
        progress.check()?;

        let path = scratch.join("tiles.pmtiles");
        progress.begin(Stage::Tiles, 0);
        let went_on = |done: usize, total: usize| {
            if done == 0 {
                progress.begin(Stage::Tiles, total);
            }
            progress.reach(done);
            !progress.is_cancelled()
        };
        let report = write_pmtiles(&map, &path, tiles, &went_on);
        progress.check()?;
        Ok(Files {
            map,
            confidence,
            observations,
            tiles: path,
            report: report?,
        })
    }
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
        Output::Classes(model) => {
            let last = classes.iter().map(|c| c.last).max().unwrap_or(0);
            let title = |value: u8| {
                model
                    .legend
                    .get(value)
                    .map_or(String::new(), |c| c.title.clone())
            };
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

fn percent() -> CogSpec {
    CogSpec {
        bands: 1,
        band_names: Vec::new(),
        palette: None,
        nodata: Some(NODATA),
        overviews: Overviews::Average,
        category_names: Vec::new(),
        description: "Probability of the mapped class, percent".into(),
        scale_offset: Some((0.01, 0.0)),
        metadata: Vec::new(),
    }
}

fn observations() -> CogSpec {
    CogSpec {
        description: "Clear observations that the map is made of (254: that or more)".into(),
        scale_offset: None,
        ..percent()
    }
}
