//! What is asked of a model and what it answers, as JSON in the form of TensorFlow Serving's REST interface.
//!
//! A request has its examples by rows or by columns:
//!
//! ```json
//! {"instances": [[0.1, 0.3], [0.2, null]]}
//! {"instances": [{"red": 0.1, "nir": 0.3}, {"red": 0.2, "nir": null}]}
//! {"inputs": [[0.1, 0.3], [0.2, null]]}
//! {"inputs": {"red": [0.1, 0.2], "nir": [0.3, null]}}
//! ```
//!
//! `null` and `NaN` are missing values. Numbers go straight into one array of float32 while the text is read: memory is
//! that of the numbers, whatever the text promises, and an error names row and column.

mod columns;
mod error;
mod image;
mod number;
mod predictions;
mod read;
mod write;

pub use error::InstancesError;
pub use predictions::parse_predictions;
pub use read::parse;
pub use write::{Form, answer};

/// The signature of a model whose input is one table of rows or one stack of images.
pub const DEFAULT_SIGNATURE: &str = "serving_default";
/// The signature with one input for each feature.
pub const NAMED_SIGNATURE: &str = "by_name";
/// The input of [`DEFAULT_SIGNATURE`] for a model of rows.
pub const ROWS_INPUT: &str = "features";
/// The input of [`DEFAULT_SIGNATURE`] for a model of images.
pub const IMAGES_INPUT: &str = "image";

/// What one example of a model's input is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// A row of these features, in this order.
    Row(Vec<String>),
    /// An image, `[row][column][band]`, of these bands, in this order.
    Image(Vec<String>),
}

impl Takes {
    /// The features or bands.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Row(names) | Self::Image(names) => names,
        }
    }
}

/// The shape of one example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A row.
    Row,
    /// An image.
    Image {
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
    },
}

impl Shape {
    /// How many rows or pixels an example is.
    pub fn cells(self) -> usize {
        match self {
            Self::Row => 1,
            Self::Image { height, width } => height * width,
        }
    }
}

/// Examples of one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// How many.
    pub count: usize,
    /// Of each.
    pub shape: Shape,
    /// `[example][feature]`, or `[example][row][column][band]`; NaN is missing.
    pub values: Vec<f32>,
}

/// How much a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows, or pixels of all images together.
    pub cells: usize,
}

/// A request that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Rows or images.
    pub examples: Examples,
    /// How the answer is to be written.
    pub form: Form,
}
