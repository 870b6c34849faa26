//! Why a task did not become a map.

use crate::ask::table::TableError;
use crate::ask::zonal::ZonalError;
use crate::extract::ExtractError;
use crate::{LabelError, RecipeError};

/// Why a task failed. Nothing was published, whatever the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The recipe itself.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The imagery cannot be found.
    #[error(transparent)]
    Source(#[from] geocrop_source::SourceError),
    /// Pixels cannot be read or written.
    #[error(transparent)]
    Raster(#[from] geocrop_raster::RasterError),
    /// The model cannot be read, or does not fit.
    #[error(transparent)]
    Model(#[from] geocrop_model::EnsembleError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] geocrop_store::StoreError),
    /// No source covers the area.
    #[error("no source has imagery for {area}: {tried}; give one with --source")]
    NoSource {
        /// The area.
        area: String,
        /// Which sources were asked, and why not.
        tried: String,
    },
    /// The search found nothing.
    #[error(
        "no scene over {area} from {start} to {end} in {source_name}: choose another period or source"
    )]
    NoScenes {
        /// The area.
        area: String,
        /// First day.
        start: String,
        /// Last day.
        end: String,
        /// The source that was asked.
        source_name: String,
    },
    /// The area holds no pixel's centre.
    #[error(
        "{area} is smaller than a pixel, or lies between the centres of pixels {resolution} wide: draw it larger, or use a finer resolution"
    )]
    NoPixels {
        /// The area.
        area: String,
        /// Pixel size in the units of the recipe's coordinate system.
        resolution: f64,
    },
    /// There is no such map.
    #[error(
        "there is no map {key} in {store}: give the key of an item, such as layers/ndvi/2024/mazowe.json"
    )]
    NoItem {
        /// What was asked for.
        key: String,
        /// Where.
        store: String,
    },
    /// A lock that does not hold a task.
    #[error(
        "the lock of the map does not describe a task: {reason}; make the map anew with 'geocrop precompute run'"
    )]
    Lock {
        /// What is wrong.
        reason: String,
    },
    /// Scenes were read, and every pixel of the area was cloud, shadow or nodata in a season.
    #[error(
        "no clear observation of {area} in {season}: all {scenes} scenes are cloud, shadow or nodata there; choose another period, or a looser mask"
    )]
    NoClearObservation {
        /// The area.
        area: String,
        /// The season without data.
        season: String,
        /// How many scenes were looked at.
        scenes: usize,
    },
    /// A scene lacks a band.
    #[error(
        "scene {scene} has no band '{band}' (it has {found}): mend the item, or name the band's asset in the source's [bands]"
    )]
    MissingBand {
        /// The scene.
        scene: String,
        /// The band.
        band: String,
        /// What it has.
        found: String,
    },
    /// The model was trained with features that the recipe does not make.
    #[error(
        "the model {model} needs the features {missing}, which the recipe {recipe} does not make"
    )]
    MissingFeatures {
        /// Name and version.
        model: String,
        /// The recipe.
        recipe: String,
        /// The features.
        missing: String,
    },
    /// The model's classes are not those of the recipe.
    #[error(
        "the model {model} has {found} classes, the recipe {recipe} lists {expected} in model.values"
    )]
    ClassCount {
        /// Name and version.
        model: String,
        /// The recipe.
        recipe: String,
        /// Of the model.
        found: usize,
        /// Of the recipe.
        expected: usize,
    },
    /// A file beside a model that does not go with it.
    #[error("models/{file} cannot be used: {reason}; train the model again, or remove the file")]
    BesideModel {
        /// Model, version and file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such model.
    #[error(
        "there is no model {name}/{version} in {looked}: train it with 'geocrop train', or copy its folder there"
    )]
    NoModel {
        /// Name.
        name: String,
        /// Version or alias.
        version: String,
        /// Where it was looked for.
        looked: String,
    },
    /// A raster comes in a unit that the recipe does not expect.
    #[error(
        "the raster '{name}' comes in {found}, the recipe expects {expected}, and one cannot be turned into the other"
    )]
    Unit {
        /// The raster.
        name: String,
        /// The source's unit.
        found: String,
        /// The recipe's unit.
        expected: String,
    },
    /// Deviations over a season cannot be had from several composites of parts of it.
    #[error(
        "the recipe {recipe} needs deviations over a whole season, and the source has {found} composites of parts of it: take a source with scenes, or seasons as long as its composites"
    )]
    SeveralComposites {
        /// The recipe.
        recipe: String,
        /// How many composites lie in the season.
        found: usize,
    },
    /// The source's truth is keyed by something else than the values of its raster.
    #[error("[truth.{recipe}.values]: '{value}' is no value of a raster of classes (0 to 255)")]
    TruthValue {
        /// The recipe.
        recipe: String,
        /// What was found.
        value: String,
    },
    /// The source holds another sort of data than the recipe works on.
    #[error(
        "the recipe {recipe} cannot be made from {source_name}, which holds {kind}: every recipe works on scenes, those with a [network] on labels too, the others on composites too"
    )]
    UnsuitableSource {
        /// The recipe.
        recipe: String,
        /// The source.
        source_name: String,
        /// What it holds.
        kind: &'static str,
    },
    /// The weights of a network are not on this machine.
    #[error(
        "the network {name} is needed to classify scenes, and {looked}: run `geocrop data pull {data_set}`, or take a source of labels"
    )]
    NoNetwork {
        /// Name.
        name: String,
        /// The data set with its files.
        data_set: String,
        /// Where it was looked for, and what was found.
        looked: String,
    },
    /// The weights on this machine are not those of the version that serves.
    #[error(
        "the network {model} wants {path} with sha256 {expected}, found {found}: delete the file and run `geocrop data pull {data_set}`, or register these weights as a version of their own"
    )]
    WrongWeights {
        /// Name and version.
        model: String,
        /// The file.
        path: String,
        /// Its checksum.
        found: String,
        /// The manifest's.
        expected: String,
        /// The data set with its files.
        data_set: String,
    },
    /// The manifest of a network cannot be used.
    #[error("models/{model}/model.json is no manifest of a network that can be used: {reason}")]
    Manifest {
        /// Name and version.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A network where trees are expected.
    #[error(
        "the model {model} is a network, which takes images and no rows of features: a recipe names it in [network]"
    )]
    IsNetwork {
        /// Name and version.
        model: String,
    },
    /// The network cannot be read.
    #[error(transparent)]
    Network(#[from] geocrop_model::dynamic_world::NetworkError),
    /// Labels that cannot be used.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// The unit of a raster.
    #[error("the raster '{name}': {reason}")]
    UnknownUnit {
        /// The raster.
        name: String,
        /// What was found, and the units there are.
        reason: String,
    },
    /// A file of polygons of a recipe's mask.
    #[error("the polygons {path} of a [[post.mask]]: {reason}")]
    MaskFile {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A geometry that cannot be buffered.
    #[error(transparent)]
    Buffer(#[from] geocrop_raster::aoi::buffer::BufferError),
    /// A table that cannot be predicted.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Zones whose statistics cannot be had.
    #[error(transparent)]
    Zonal(#[from] ZonalError),
    /// Features of samples cannot be made.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// A model server.
    #[error(transparent)]
    Remote(#[from] crate::remote::RemoteError),
    /// Rows for a model of images, or images for one of rows.
    #[error("the model {model} takes {takes}, and something else was given")]
    WrongExamples {
        /// Name and version.
        model: String,
        /// What it takes.
        takes: &'static str,
    },
    /// The folder for work in progress.
    #[error("cannot work in {path}: {source}")]
    Scratch {
        /// The folder or file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Asked to stop.
    #[error("stopped before it was done; nothing was published")]
    Cancelled,
}

/// What one model of trees says against its input.
impl From<geocrop_model::ModelError> for TaskError {
    fn from(error: geocrop_model::ModelError) -> Self {
        Self::Model(error.into())
    }
}
