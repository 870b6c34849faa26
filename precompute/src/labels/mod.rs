//! Maps of labels: each date has its class already, and a year of them becomes one map.
//!
//! Two ways lead here. A source of labels has been classified by others, as exports of Dynamic World are; a source of
//! scenes is classified by the network itself, date by date. Both feed the same [`Tally`], a few numbers a pixel, so
//! memory does not grow with the number of dates.

mod evidence;
mod files;
mod native;
mod render;
mod tally;

pub(crate) use evidence::{EVIDENCE, Evidence, OBSERVATION_BANDS};
pub(crate) use files::season;
pub(crate) use native::note;
pub(crate) use tally::Tally;

/// The side of the blocks that keeps a map of labels within a budget: the tally, and either the planes of a day on each
/// thread, or an image with what is read for it and what the network says of it.
pub(crate) fn block_size(classes: usize, budget_mb: usize) -> usize {
    let planes = classes * (2 * rayon::current_num_threads()).max(6);
    let bytes = Tally::bytes_per_pixel(classes) + planes * size_of::<f32>();
    let side = ((budget_mb.max(16) * 1024 * 1024 / bytes) as f64).sqrt() as usize;
    (side / 64 * 64).clamp(64, 1024)
}

/// Why labels cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// A value that the legend does not have.
    #[error(
        "{file} has the value {value}, which is no class of the recipe {recipe} ({legend}): if it means no data, say so in the file's nodata tag or under [[encoding]] of the source; if it is a class, add it to the [[legend]]"
    )]
    OutsideLegend {
        /// The file.
        file: String,
        /// What was read.
        value: f32,
        /// The recipe.
        recipe: String,
        /// Values and names of its classes.
        legend: String,
    },
    /// A probability that is none.
    #[error(
        "{file}, band {band}: {value} is no probability (0 to 1): if it is a percentage or a byte, give its scale under [[encoding]] of the source"
    )]
    NoProbability {
        /// The file.
        file: String,
        /// Number of the band.
        band: usize,
        /// What was read, scaled.
        value: f32,
    },
    /// Neither a label nor a full set of probabilities.
    #[error(
        "{scene} has {found}; expected one band of labels, or the probabilities of {expected}: describe the file's bands by these names, or name them under [bands] of the source"
    )]
    Layout {
        /// The file or item.
        scene: String,
        /// Its bands.
        found: String,
        /// The legend's names.
        expected: String,
    },
    /// The recipe takes the mean of probabilities, and the file has none.
    #[error(
        "{scene} has labels and no probabilities, and the recipe {recipe} takes the mean of probabilities: write method = \"mode\", or export the nine probability bands too"
    )]
    LabelsOnly {
        /// The file or item.
        scene: String,
        /// The recipe.
        recipe: String,
    },
    /// No file lies where the area is.
    #[error(
        "none of the {files} label files of {source_name} in this period lies over {area}: choose another area or source"
    )]
    Elsewhere {
        /// How many there are.
        files: usize,
        /// The source.
        source_name: String,
        /// The area's bounds on the map's grid.
        area: String,
    },
}
