//! What a task touches, worked out before any pixel is read.

use geocrop_raster::{Aoi, Grid, Window};
use geocrop_source::Description;
use geocrop_store::ContentHash;
use serde::Serialize;

use crate::inputs::Inputs;
use crate::labels;
use crate::recipe::{Output, Recipe};
use crate::{ALGORITHM_VERSION, TaskError};

/// A task, laid out: what will be read, in which blocks, and whether the result is there already.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The recipe's name.
    pub recipe: String,
    /// The area's slug.
    pub area: String,
    /// The period.
    pub period: String,
    /// The map's grid.
    pub grid: Grid,
    /// Side of the blocks, in pixels.
    pub block_size: usize,
    /// How many blocks.
    pub blocks: usize,
    /// What will be read.
    pub scenes: Vec<InputScene>,
    /// Identifies recipe, model, program and every input; equal hash, equal map.
    pub hash: String,
    /// Whether the store holds the result of exactly this task.
    pub up_to_date: bool,
}

/// One scene of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct InputScene {
    /// The item's identifier.
    pub id: String,
    /// When it was taken.
    pub datetime: String,
    /// The season that it serves.
    pub season: String,
    /// Bytes of its files, where the catalog or the file system tells.
    pub bytes: Option<u64>,
}

/// The grid of a map: the recipe's, around the area.
pub(crate) fn grid(recipe: &Recipe, aoi: &Aoi) -> Result<Grid, TaskError> {
    Ok(Grid::covering(
        recipe.crs,
        recipe.resolution,
        aoi.bounds_in(recipe.crs)?,
    )?)
}

/// The side of the blocks that keeps a task within a budget of memory.
///
/// A block holds every value of a season (`dates x bands` floats), what each thread has just read,
/// and the features. The budget's first part is the program itself and GDAL's cache.
pub(crate) fn block_size(recipe: &Recipe, dates: usize, memory_mb: usize) -> usize {
    const FIXED_MB: usize = 160;
    if let Output::Labels(map) = &recipe.output {
        return labels::block_size(map.legend.len(), memory_mb.saturating_sub(FIXED_MB));
    }
    let bands = recipe.bands.len();
    let features = recipe.feature_names().len();
    let floats = dates * bands + bands * rayon::current_num_threads() + 2 * features + 8;
    let budget = memory_mb.saturating_sub(FIXED_MB).max(32) * 1024 * 1024;
    let side = ((budget / (floats * 4)) as f64).sqrt() as usize;
    (side / 64 * 64).clamp(64, 1024)
}

/// The blocks that hold at least one pixel of the area.
pub(crate) fn blocks(grid: &Grid, size: usize, coverage: &ndarray::Array2<bool>) -> Vec<Window> {
    let touched = |w: &Window| {
        coverage
            .slice(ndarray::s![w.y..w.y + w.height, w.x..w.x + w.width])
            .iter()
            .any(|inside| *inside)
    };
    grid.blocks(size).into_iter().filter(touched).collect()
}

/// The hash of everything that decides what a map shows and says.
pub(crate) fn hash(
    recipe: &Recipe,
    model_sha256: Option<&str>,
    aoi: &Aoi,
    grid: &Grid,
    source: &Description,
    inputs: &Inputs,
) -> String {
    let everything = serde_json::json!({
        "algorithm": ALGORITHM_VERSION,
        "recipe": recipe.canonical,
        "model": model_sha256,
        "area": aoi.to_geojson_geometry(),
        "grid": grid,
        // Its words stand in the item: a new note or attribution must reach the pages.
        "source": [&source.name, &source.title, &source.attribution, &source.licence],
        "note": source.note,
        "synthetic": source.synthetic,
        "inputs": inputs,
    });
    ContentHash::of_bytes(everything.to_string().as_bytes()).to_string()
}

/// The scenes of a plan, season by season.
pub(crate) fn scenes(inputs: &Inputs) -> Vec<InputScene> {
    let mut list = Vec::new();
    for season in &inputs.seasons {
        for scene in &season.scenes {
            let sizes: Option<u64> = scene.bands.values().map(|b| b.fingerprint.size).sum();
            list.push(InputScene {
                id: scene.id.clone(),
                datetime: scene.datetime.to_rfc3339(),
                season: season.season.name.clone(),
                bytes: sizes,
            });
        }
    }
    list
}
