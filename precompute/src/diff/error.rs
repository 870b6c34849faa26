//! Why two maps cannot be compared.

/// Why a comparison failed; nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// Pixels cannot be read or written.
    #[error(transparent)]
    Raster(#[from] geocrop_raster::RasterError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] geocrop_store::StoreError),
    /// There is no such map.
    #[error(
        "there is no map '{name}': {looked}; give an item's key such as layers/ndvi/2024/mazowe, its JSON file, or a GeoTIFF of classes"
    )]
    NoMap {
        /// As given.
        name: String,
        /// Where it was looked for.
        looked: String,
    },
    /// The item is there but is not that of a map.
    #[error("{name}: {reason}")]
    Item {
        /// Key or file.
        name: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The maps do not speak of the same classes.
    #[error(
        "the maps have different legends: {difference}; only maps of one recipe, or of the same classes, can be compared"
    )]
    Legends {
        /// The first difference.
        difference: String,
    },
    /// A pixel's value is in no legend.
    #[error(
        "{map} holds the value {value}, which its legend lacks: the file and its item do not belong together"
    )]
    Value {
        /// The map.
        map: String,
        /// The value.
        value: u8,
    },
    /// The maps have nothing in common.
    #[error("{a} and {b} share no ground: give two maps of one place")]
    Apart {
        /// The first map.
        a: String,
        /// The second map.
        b: String,
    },
    /// Areas need a grid of squares.
    #[error(
        "{map} is not a north-up raster of square pixels; warp it first, for example with `gdalwarp -t_srs EPSG:6933 -tr 10 10 -r near`"
    )]
    NotNorthUp {
        /// The map.
        map: String,
    },
    /// One byte cannot tell so many kinds of change apart.
    #[error(
        "{classes} classes make {changes} kinds of change, and the file of --out has room for 254: leave --out away"
    )]
    TooManyKinds {
        /// Classes of both maps.
        classes: usize,
        /// Ordered pairs of them.
        changes: usize,
    },
    /// The working folder.
    #[error("cannot work in {path}: {source}")]
    Scratch {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
