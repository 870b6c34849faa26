//! What a task touches, worked out before any pixel is read.

use geocrop_raster::{Aoi, Grid, Window};
use serde::Serialize;

use crate::TaskError;
use crate::estimate::Work;
use crate::inputs::Inputs;
use crate::labels;
use crate::post::Frame;
use crate::recipe::{Output, Recipe};
use crate::task::{Target, Task};

/// A task, laid out: what will be read, in which blocks, and whether the result is there already.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The recipe's name.
    pub recipe: String,
    /// The area's slug, with the tile's name where it is one of a large area.
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
    /// How much there is to do.
    pub work: Work,
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

impl Plan {
    /// `recipe/period/area`, as people call the task.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.recipe, self.period, self.area)
    }
}

/// The grid of a map: the recipe's, around the area or its part in a tile.
pub(crate) fn grid(task: &Task) -> Result<Grid, TaskError> {
    let recipe = &task.recipe;
    let mut bounds = task.aoi.bounds_in(recipe.crs)?;
    if let Target::Tile(tile) = &task.target {
        bounds.min_x = bounds.min_x.max(tile.bounds.min_x);
        bounds.min_y = bounds.min_y.max(tile.bounds.min_y);
        bounds.max_x = bounds.max_x.min(tile.bounds.max_x);
        bounds.max_y = bounds.max_y.min(tile.bounds.max_y);
    }
    Ok(Grid::covering(recipe.crs, recipe.resolution, bounds)?)
}

/// What GDAL's cache of decoded blocks gets of a budget of memory. A block of pixels asks for a file's blocks once, and
/// the next time for those of hundreds of other files: there is little that a cache could remember.
pub fn cache_mb(memory_mb: usize) -> usize {
    (memory_mb / 12).clamp(8, 64)
}

/// The side of the blocks that keeps a task within a budget of memory.
///
/// A block holds every value of a season (`dates x bands`, 16 bits each), what each thread has just read, and the
/// features of all seasons. The budget's first part is the program itself with its libraries and open files, and GDAL's
/// cache.
pub(crate) fn block_size(recipe: &Recipe, dates: usize, memory_mb: usize) -> usize {
    const FIXED_MB: usize = 85;
    let cache = cache_mb(memory_mb);
    if let Output::Labels(map) = &recipe.output {
        let budget = memory_mb.saturating_sub(FIXED_MB + cache);
        return labels::block_size(map.legend.len(), budget);
    }
    let bands = recipe.bands.len();
    let features = recipe.season_features.names().len() * recipe.seasons.len();
    let rasters = recipe.rasters.len();
    let bytes =
        2 * dates * bands + 12 * rayon::current_num_threads() + 4 * (features + rasters) + 16;
    let budget = memory_mb.saturating_sub(FIXED_MB + cache).max(1) * 1024 * 1024;
    let side = ((budget / bytes) as f64).sqrt() as usize;
    // Scenes are stored in blocks of 512 or 1024: whole ones of them are read once each.
    if side >= 512 {
        return (side / 512 * 512).min(1024);
    }
    (side / 64 * 64).max(64)
}

/// The blocks that the area touches, cut from a column and row on. A plan has not seen the files and cuts from the first
/// pixel.
pub(crate) fn blocks(frame: &Frame, size: usize, first_cut: (usize, usize)) -> Vec<Window> {
    let windows = frame.rendered.blocks_from(size, first_cut).into_iter();
    windows.filter(|window| frame.touches(*window)).collect()
}

/// What a value of 16-bit reflectance takes in a compressed scene, about.
pub(crate) const BYTES_PER_SAMPLE: f64 = 1.3;

/// What a task will do, if its inputs are these.
pub(crate) fn work(grid: &Grid, windows: &[Window], inputs: &Inputs) -> Work {
    let pixels: usize = windows.iter().map(|w| w.width * w.height).sum();
    let bbox = grid.lonlat_bounds().ok();
    let mut work = Work {
        pixels: pixels as u64,
        ..Work::default()
    };
    for scene in inputs.seasons.iter().flat_map(|s| &s.scenes) {
        let share = scene
            .bbox
            .zip(bbox)
            .map_or(1.0, |(scene, area)| overlap(scene, area));
        work.samples += (share * (pixels * scene.bands.len()) as f64) as u64;
        let size: Option<u64> = scene.bands.values().map(|b| b.fingerprint.size).sum();
        match (size, scene.bbox.zip(bbox)) {
            (Some(size), Some((scene, area))) => {
                work.input_bytes += (overlap(area, scene) * size as f64) as u64;
            }
            (Some(size), None) => work.input_bytes += size,
            (None, _) => {
                let samples = share * (pixels * scene.bands.len()) as f64;
                work.input_bytes += (samples * BYTES_PER_SAMPLE) as u64;
            }
        }
    }
    work.dates = inputs.seasons.iter().map(|s| s.scenes.len()).sum();
    work
}

/// Which share of the second box the first one covers.
fn overlap(over: [f64; 4], of: [f64; 4]) -> f64 {
    let side = |low: usize, high: usize| {
        let length = (over[high].min(of[high]) - over[low].max(of[low])).max(0.0);
        (length / (of[high] - of[low]).max(1e-12)).min(1.0)
    };
    side(0, 2) * side(1, 3)
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

/// An area without a pixel is smaller than one, or lies between their centres.
pub(crate) fn refuse_without_pixels(
    aoi: &Aoi,
    frame: &Frame,
    grid: &Grid,
) -> Result<(), TaskError> {
    let mut windows = grid.blocks(512).into_iter();
    if windows.any(|window| frame.kept(window).iter().any(|kept| *kept)) {
        return Ok(());
    }
    Err(TaskError::NoPixels {
        area: aoi.name.clone(),
        resolution: grid.resolution,
    })
}
