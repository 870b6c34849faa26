//! What is done to a map after it was made.

mod table;

use std::path::PathBuf;

use geocrop_model::Unit;

pub(super) use table::{Context, PostTable};

/// What is done to a map after it was made, always in this order: masks, majority filter, minimum mapping unit,
/// clipping. A recipe without the table has only the clipping.
#[derive(Debug, Clone)]
pub struct Post {
    /// Places where the map says something else, one after another.
    pub masks: Vec<PostMask>,
    /// Edge of the majority filter's window in pixels: odd, 3 to [`WIDEST_WINDOW`].
    pub majority: Option<usize>,
    /// Patches that are smaller become part of their surroundings.
    pub unit: Option<MappingUnit>,
    /// Whether pixels outside the area are nodata; otherwise the whole rectangle around it is mapped.
    pub clip: bool,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            masks: Vec::new(),
            majority: None,
            unit: None,
            clip: true,
        }
    }
}

/// The smallest patch that a map shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappingUnit {
    /// As the recipe has it.
    pub hectares: f64,
    /// The same in whole pixels of the recipe's grid, rounded up: 2 to [`LARGEST_UNIT`].
    pub pixels: usize,
    /// Which pixels make a patch.
    pub connectivity: Connectivity,
}

/// Which neighbours of a pixel belong to its patch when they have its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Those that share an edge.
    Four,
    /// Those that share a corner as well: a stream that runs diagonally is one patch.
    Eight,
}

impl Connectivity {
    /// 4 or 8.
    pub fn neighbours(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Pixels that the map shows otherwise than the model says.
#[derive(Debug, Clone)]
pub struct PostMask {
    /// Which pixels.
    pub place: MaskPlace,
    /// The legend's value that they get; nodata if `None`.
    pub value: Option<u8>,
}

/// Where a mask holds.
#[derive(Debug, Clone)]
pub enum MaskPlace {
    /// Where one of the recipe's rasters lies beyond a threshold. Where it has no data, the mask does not hold.
    Raster {
        /// The raster's name in `[rasters]`.
        name: String,
        /// The unit of the thresholds.
        unit: Unit,
        /// Holds above this.
        above: Option<f32>,
        /// Holds below this; with `above`, either is enough.
        below: Option<f32>,
    },
    /// Where the centre of a pixel lies in one of the polygons of a `GeoJSON` file.
    Polygons {
        /// The file: beside the recipe, or in the data set's folder.
        path: PathBuf,
        /// The data set of `datasets.toml` that holds it.
        dataset: Option<String>,
    },
}

/// The widest window of a majority filter, in pixels.
pub const WIDEST_WINDOW: usize = 31;

/// The largest mapping unit, in pixels. A patch must be seen whole before it is judged, so memory grows with the square
/// of the unit; and who wants a larger one wants a coarser grid.
pub const LARGEST_UNIT: usize = 500;
