//! The layers, from the variables of the checkpoint: which is which, and batch normalisation folded
//! into the convolution before it.

use super::depthwise::Depthwise;
use super::error::NetworkError;
use super::pointwise::Pointwise;
use super::{BANDS, CLASSES};
use crate::tensor_bundle::TensorBundle;

/// Added to a variance before its root, as in training.
const EPSILON: f64 = 1e-3;

/// Channels of the first layer, at full resolution.
pub(super) const STEM: usize = 64;
/// Channels of the branch beside the first two blocks.
pub(super) const SIDE: usize = 48;
/// Channels of each block.
pub(super) const BLOCKS: [usize; 3] = [96, 144, 144];

/// Three times a dense and a depthwise layer, and a dense one past them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) pointwise: [Pointwise; 3],
    pub(super) depthwise: [Depthwise; 3],
    pub(super) skip: Pointwise,
}

/// All layers.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) stem: Pointwise,
    pub(super) blocks: [Block; 3],
    pub(super) side: (Pointwise, Depthwise),
    /// From block 3 to the classes, without its bias.
    pub(super) head: Pointwise,
    pub(super) head_bias: [f32; CLASSES],
}

/// Numbers of the variables of a layer: the kernel's (the bias is the next) and the first of its batch
/// normalisation (gamma, beta, mean, variance).
type Place = (usize, usize);

/// Dense and depthwise layers of a block in turn, then its skip. The variables are numbered in the
/// order in which training made the layers, which is not quite that of the graph.
const PLACES: [[Place; 7]; 3] = [
    [
        (6, 8),
        (12, 14),
        (18, 20),
        (24, 26),
        (30, 32),
        (36, 40),
        (38, 44),
    ],
    [
        (48, 50),
        (54, 56),
        (60, 62),
        (66, 68),
        (72, 74),
        (84, 88),
        (86, 92),
    ],
    [
        (102, 104),
        (108, 110),
        (114, 116),
        (120, 122),
        (126, 128),
        (132, 136),
        (134, 140),
    ],
];
const STEM_PLACE: Place = (0, 2);
const SIDE_PLACES: [Place; 2] = [(78, 80), (96, 98)];
const HEAD_KERNEL: usize = 144;

impl Layers {
    pub(super) fn read(bundle: &TensorBundle<'_>) -> Result<Self, NetworkError> {
        let reader = Reader { bundle };
        let [first, second, third] = BLOCKS;
        let mut head_bias = [0.0; CLASSES];
        head_bias.copy_from_slice(&reader.variable(HEAD_KERNEL + 1, &[CLASSES])?);
        let head = reader.variable(HEAD_KERNEL, &[1, 1, third, CLASSES])?;
        Ok(Self {
            stem: reader.dense(STEM_PLACE, [3, 3, BANDS.len(), STEM])?,
            blocks: [
                reader.block(PLACES[0], STEM, first)?,
                reader.block(PLACES[1], first, second)?,
                reader.block(PLACES[2], second + SIDE, third)?,
            ],
            side: (
                reader.dense(SIDE_PLACES[0], [1, 1, STEM, SIDE])?,
                reader.depthwise(SIDE_PLACES[1], SIDE)?,
            ),
            head: Pointwise::new(&head, &[0.0; CLASSES]),
            head_bias,
        })
    }
}

struct Reader<'a> {
    bundle: &'a TensorBundle<'a>,
}

impl Reader<'_> {
    fn variable(&self, number: usize, shape: &[usize]) -> Result<Vec<f32>, NetworkError> {
        let name = format!("variables/{number}/.ATTRIBUTES/VARIABLE_VALUE");
        let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        let values = self.bundle.tensor(&name, &shape)?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(found) => Err(NetworkError::Weight {
                name,
                found: *found,
            }),
            None => Ok(values),
        }
    }

    fn block(
        &self,
        places: [Place; 7],
        inputs: usize,
        outputs: usize,
    ) -> Result<Block, NetworkError> {
        let [p1, d1, p2, d2, p3, d3, skip] = places;
        Ok(Block {
            pointwise: [
                self.dense(p1, [1, 1, inputs, outputs])?,
                self.dense(p2, [1, 1, outputs, outputs])?,
                self.dense(p3, [1, 1, outputs, outputs])?,
            ],
            depthwise: [
                self.depthwise(d1, outputs)?,
                self.depthwise(d2, outputs)?,
                self.depthwise(d3, outputs)?,
            ],
            skip: self.dense(skip, [1, 1, inputs, outputs])?,
        })
    }

    fn dense(&self, place: Place, shape: [usize; 4]) -> Result<Pointwise, NetworkError> {
        let (kernel, bias) = self.folded(place, shape, shape[3])?;
        Ok(Pointwise::new(&kernel, &bias))
    }

    fn depthwise(&self, place: Place, channels: usize) -> Result<Depthwise, NetworkError> {
        let (kernel, bias) = self.folded(place, [3, 3, channels, 1], channels)?;
        Ok(Depthwise::new(&kernel, &bias))
    }

    /// Kernel and bias of a convolution with its batch normalisation in them:
    /// `gamma (k x + b - mean) / sqrt(variance + epsilon) + beta` is again a kernel and a bias. In a
    /// kernel of either kind, the outputs are what changes fastest.
    fn folded(
        &self,
        (kernel, norm): Place,
        shape: [usize; 4],
        outputs: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), NetworkError> {
        let vector = |number| self.variable(number, &[outputs]);
        let mut weights = self.variable(kernel, &shape)?;
        let mut bias = vector(kernel + 1)?;
        let (gamma, beta) = (vector(norm)?, vector(norm + 1)?);
        let (mean, variance) = (vector(norm + 2)?, vector(norm + 3)?);
        if let Some(negative) = variance.iter().find(|v| **v < 0.0) {
            return Err(NetworkError::Weight {
                name: format!("variables/{}/.ATTRIBUTES/VARIABLE_VALUE", norm + 3),
                found: *negative,
            });
        }
        let scale: Vec<f64> = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| f64::from(*gamma) / (f64::from(*variance) + EPSILON).sqrt())
            .collect();
        for row in weights.chunks_exact_mut(outputs) {
            for (weight, scale) in row.iter_mut().zip(&scale) {
                *weight = (f64::from(*weight) * scale) as f32;
            }
        }
        for (output, bias) in bias.iter_mut().enumerate() {
            let centred = f64::from(*bias) - f64::from(mean[output]);
            *bias = (centred * scale[output] + f64::from(beta[output])) as f32;
        }
        Ok((weights, bias))
    }
}
