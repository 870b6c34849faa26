//! What can go wrong with the network.

use crate::tensor_bundle::BundleError;

/// Why the network cannot be loaded or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The weights cannot be read.
    #[error(transparent)]
    Weights(#[from] BundleError),
    /// A tensor holds what no trained network does.
    #[error(
        "tensor `{name}` holds {found}, which no trained network does; the checkpoint is damaged or \
         was never trained"
    )]
    Weight {
        /// The tensor.
        name: String,
        /// The number.
        found: f32,
    },
    /// The image is too small for the network to halve.
    #[error(
        "the image has {height} x {width} pixels; the network needs at least 2 x 2, as it works at \
         half the resolution too: take a larger window"
    )]
    Small {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// The bands are not as many numbers as the size says.
    #[error(
        "the bands hold {found} numbers; nine bands of {height} x {width} pixels are {expected}"
    )]
    Length {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Numbers given.
        found: usize,
        /// Numbers needed.
        expected: usize,
    },
}
