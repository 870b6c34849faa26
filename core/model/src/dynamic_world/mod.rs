//! Dynamic World's network: nine bands of a Sentinel-2 scene in, nine land-cover probabilities for
//! each pixel out. The weights are read from the published `SavedModel`; no TensorFlow is needed.
//!
//! The network (Brown et al. 2022, Scientific Data 9, 251, doi 10.1038/s41597-022-01307-4) is fully
//! convolutional: a 3 x 3 layer at full resolution, three blocks of dense and depthwise layers at half
//! the resolution, and a last dense layer on unit vectors after resizing back. It was trained on
//! top-of-atmosphere reflectance.
//!
//! How it is computed here:
//! - Batch normalisation is folded into the convolutions when the weights are read (`weights`).
//! - An image is cut into tiles, one for each thread and more where it is large. In a tile everything
//!   goes by rows: a row of the image lets each layer make one of its own, and a layer keeps only the
//!   rows that the next one still looks back on (`tile`, `block`, `rows`).
//! - Dense layers are matrix products whose sums get their activation before they leave the registers
//!   (`pointwise`); the kernels are written once and compiled for each instruction set (`lanes`).
//! - The last layer is applied before resizing, not after (`head`).
//!
//! How an image is cut has no influence on a single bit of the result: a pixel is made by the same
//! operations in the same order wherever it lies in a tile, and the resizes are functions of the
//! place in the whole image.

mod block;
mod depthwise;
mod error;
mod functions;
mod head;
mod input;
mod lanes;
mod pointwise;
mod resample;
mod rows;
mod tile;
mod weights;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

pub use error::NetworkError;

use crate::legend::{Legend, LegendClass, Rgb};
use crate::tensor_bundle::{self, TensorBundle};
use input::Image;
use lanes::Instructions;
use weights::Layers;

/// The bands in the network's order; Sentinel-2's B02, B03, B04, B05, B06, B07, B08, B11 and B12.
pub const BANDS: [&str; 9] = [
    "blue",
    "green",
    "red",
    "red_edge_1",
    "red_edge_2",
    "red_edge_3",
    "nir",
    "swir_1",
    "swir_2",
];

/// Number of classes; [`legend`] names them.
pub const CLASSES: usize = 9;

/// How far the network looks, in pixels: a window of a larger image gives the same probabilities as
/// the image itself, except within this distance of the edges where it was cut. The image must have
/// even sizes, and the window must begin at an even row and column and have even sizes too.
pub const HALO: usize = 22;

/// The nine classes with the colours that Google publishes.
#[expect(
    clippy::missing_panics_doc,
    reason = "the list is ours and is a legend: a test says so"
)]
pub fn legend() -> Legend {
    const ALL: [(&str, &str, [u8; 3], &str); CLASSES] = [
        (
            "water",
            "Water",
            [0x41, 0x9b, 0xdf],
            "Permanent and seasonal water bodies",
        ),
        (
            "trees",
            "Trees",
            [0x39, 0x7d, 0x49],
            "Primary and secondary forest, and plantations",
        ),
        (
            "grass",
            "Grass",
            [0x88, 0xb0, 0x53],
            "Natural grassland, pasture, parks",
        ),
        (
            "flooded_vegetation",
            "Flooded vegetation",
            [0x7a, 0x87, 0xc6],
            "Mangroves and other vegetation that stands in water",
        ),
        ("crops", "Crops", [0xe4, 0x96, 0x35], "Row crops and paddy"),
        (
            "shrub_and_scrub",
            "Shrub and scrub",
            [0xdf, 0xc3, 0x5a],
            "Sparse to dense open vegetation of shrubs",
        ),
        (
            "built",
            "Built area",
            [0xc4, 0x28, 0x1b],
            "Buildings, roads, paved ground",
        ),
        (
            "bare",
            "Bare ground",
            [0xa5, 0x9b, 0x8f],
            "Rock, sand and soil without vegetation",
        ),
        (
            "snow_and_ice",
            "Snow and ice",
            [0xb3, 0x9f, 0xe1],
            "Permanent and seasonal snow",
        ),
    ];
    let classes = ALL.iter().zip(0..);
    let classes = classes.map(|((name, title, color, description), value)| LegendClass {
        value,
        name: (*name).to_owned(),
        title: (*title).to_owned(),
        color: Rgb(*color),
        description: (*description).to_owned(),
    });
    Legend::new(classes.collect()).expect("nine names and values that differ")
}

/// The network with its weights. It is not changed by use and can be shared between threads.
#[derive(Debug)]
pub struct Network {
    instructions: Instructions,
    layers: Layers,
}

impl Network {
    /// Reads the weights from a `SavedModel`: a folder with `variables/variables.index` and
    /// `variables/variables.data-00000-of-00001`. Type, shape, size and checksum of every variable
    /// are checked.
    pub fn load(saved_model: &Path) -> Result<Self, NetworkError> {
        let (index, data) = tensor_bundle::read_files(saved_model)?;
        Self::from_bytes(&index, &data)
    }

    /// The same from the content of the two files.
    pub fn from_bytes(index: &[u8], data: &[u8]) -> Result<Self, NetworkError> {
        let bundle = TensorBundle::new(index, data)?;
        Ok(Self {
            instructions: Instructions::detect(),
            layers: Layers::read(&bundle)?,
        })
    }

    /// The probability of each class for each pixel, `[class][row][column]`, NaN where a band has no
    /// data.
    ///
    /// `bands` are the nine [`BANDS`], `[band][row][column]`: reflectance in units of 1e-4 as stored,
    /// offsets already taken off; NaN is no data. A pixel without data is still seen by its
    /// neighbours, as the 65535 that upstream's arrays hold. Works in rayon's current pool; beyond
    /// the result, memory is some 8 MB for each thread, whatever the size of the image.
    pub fn probabilities(
        &self,
        bands: &[f32],
        height: usize,
        width: usize,
    ) -> Result<Vec<f32>, NetworkError> {
        self.probabilities_watched(bands, height, width, &|_, _| {})
    }

    /// [`Network::probabilities`], telling `progress` how many pixels are done, and of how many.
    pub fn probabilities_watched(
        &self,
        bands: &[f32],
        height: usize,
        width: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Vec<f32>, NetworkError> {
        if height < 2 || width < 2 {
            return Err(NetworkError::Small { height, width });
        }
        let pixels = height.saturating_mul(width);
        let expected = pixels.saturating_mul(BANDS.len());
        if bands.len() != expected {
            return Err(NetworkError::Length {
                height,
                width,
                found: bands.len(),
                expected,
            });
        }
        let image = Image {
            bands,
            height,
            width,
        };
        let mut out = vec![0.0; pixels * CLASSES];
        let done = AtomicUsize::new(0);
        let tiles = Tiling::new(height, width, rayon::current_num_threads());
        tiles
            .split(&mut out, height, width)
            .into_par_iter()
            .for_each(|(rows, columns, mut planes)| {
                let part = rows.len() * columns.len();
                tile::run(
                    self.instructions,
                    &self.layers,
                    image,
                    (rows, columns),
                    &mut planes,
                );
                progress(done.fetch_add(part, Ordering::Relaxed) + part, pixels);
            });
        Ok(out)
    }
}

/// Into how many rows and columns of tiles an image is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tiling {
    rows: usize,
    columns: usize,
}

/// The rows and columns of a tile, and its part of each plane of the result, row by row.
type Part<'a> = (Range<usize>, Range<usize>, Vec<Vec<&'a mut [f32]>>);

impl Tiling {
    /// Wider tiles than this would not keep their rows in the cache.
    const WIDEST: usize = 512;
    /// Taller ones would make for uneven work, and leave a bar standing.
    const TALLEST: usize = 1024;
    /// Smaller ones would spend as much on what they share with their neighbours.
    const SMALLEST: usize = 64;

    fn new(height: usize, width: usize, threads: usize) -> Self {
        let mut rows = height.div_ceil(Self::TALLEST);
        let mut columns = width.div_ceil(Self::WIDEST);
        while rows * columns < 4 * threads && !(rows * columns).is_multiple_of(threads) {
            if height / rows >= width / columns && height / (rows + 1) >= Self::SMALLEST {
                rows += 1;
            } else if width / (columns + 1) >= Self::SMALLEST {
                columns += 1;
            } else {
                break;
            }
        }
        Self { rows, columns }
    }

    /// Cuts a result of nine planes.
    fn split(self, out: &mut [f32], height: usize, width: usize) -> Vec<Part<'_>> {
        let cut = |length: usize, parts: usize, part: usize| length * part / parts;
        let mut tiles: Vec<Part<'_>> = (0..self.rows)
            .flat_map(|row| (0..self.columns).map(move |column| (row, column)))
            .map(|(row, column)| {
                (
                    cut(height, self.rows, row)..cut(height, self.rows, row + 1),
                    cut(width, self.columns, column)..cut(width, self.columns, column + 1),
                    (0..CLASSES).map(|_| Vec::new()).collect(),
                )
            })
            .collect();
        for (class, plane) in out.chunks_exact_mut(height * width).enumerate() {
            let mut lines = plane.chunks_exact_mut(width);
            for tiles in tiles.chunks_mut(self.columns) {
                let rows = tiles[0].0.len();
                for line in lines.by_ref().take(rows) {
                    let mut rest = line;
                    for (_, columns, planes) in &mut *tiles {
                        let (part, after) = rest.split_at_mut(columns.len());
                        planes[class].push(part);
                        rest = after;
                    }
                }
            }
        }
        tiles
    }
}

#[cfg(test)]
#[path = "../../tests/network_behaviour/bundle.rs"]
mod bundle;

#[cfg(test)]
mod tests {
    use super::bundle::{Numbers, untrained, write};
    use super::lanes::Instructions;
    use super::{BANDS, CLASSES, Network, Tiling, legend};

    #[test]
    fn vectors_of_every_kind_give_the_same_probabilities() {
        let files = write(&untrained(11), true);
        let mut network = Network::from_bytes(&files.index, &files.data).unwrap();
        let (height, width) = (17, 38);
        let mut numbers = Numbers(4);
        let bands: Vec<f32> = (0..height * width * BANDS.len())
            .map(|_| numbers.between(0.0, 4000.0))
            .collect();
        let best = network.probabilities(&bands, height, width).unwrap();
        for instructions in [Instructions::Portable, Instructions::Wide] {
            network.instructions = instructions;
            let found = network.probabilities(&bands, height, width).unwrap();
            for (found, best) in found.iter().zip(&best) {
                assert!((found - best).abs() < 1e-5, "{instructions:?}");
            }
        }
    }

    #[test]
    fn an_image_is_cut_for_its_threads_but_not_into_slivers() {
        let cut = |height, width, threads| {
            let tiling = Tiling::new(height, width, threads);
            (tiling.rows, tiling.columns)
        };
        assert_eq!(cut(500, 500, 1), (1, 1));
        assert_eq!(cut(500, 500, 2), (2, 1));
        assert_eq!(cut(100, 5000, 1), (1, 10));
        assert_eq!(cut(2, 2, 64), (1, 1));
        assert_eq!(cut(10980, 10980, 2), (11, 22));
    }

    #[test]
    fn tiles_take_every_pixel_of_the_result_once() {
        let (height, width) = (7, 11);
        let mut out = vec![0.0; CLASSES * height * width];
        let tiling = Tiling {
            rows: 3,
            columns: 2,
        };
        for (rows, columns, mut planes) in tiling.split(&mut out, height, width) {
            for (class, plane) in planes.iter_mut().enumerate() {
                assert_eq!(plane.len(), rows.len());
                for (line, y) in plane.iter_mut().zip(rows.clone()) {
                    for (value, x) in line.iter_mut().zip(columns.clone()) {
                        *value += ((class * height + y) * width + x) as f32;
                    }
                }
            }
        }
        let expected: Vec<f32> = (0..out.len()).map(|at| at as f32).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn the_legend_has_nine_classes_from_water_to_snow() {
        let legend = legend();
        assert_eq!(legend.len(), CLASSES);
        assert_eq!(legend.get(0).unwrap().color.to_string(), "#419bdf");
        assert_eq!(legend.get(4).unwrap().name, "crops");
        assert_eq!(legend.get(8).unwrap().color.to_string(), "#b39fe1");
    }
}
