//! The network as its description has it: one step after another over the whole image, in float64.

use std::collections::BTreeMap;

use geocrop_model::tensor_bundle::TensorBundle;

/// Numbers `[row][column][channel]`.
#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f64>,
}

impl Map {
    fn zeros(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
            values: vec![0.0; height * width * channels],
        }
    }

    fn pixel(&self, y: usize, x: usize) -> &[f64] {
        &self.values[(y * self.width + x) * self.channels..][..self.channels]
    }

    fn pixel_mut(&mut self, y: usize, x: usize) -> &mut [f64] {
        &mut self.values[(y * self.width + x) * self.channels..][..self.channels]
    }

    fn each(mut self, f: impl Fn(f64) -> f64) -> Self {
        self.values.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    fn plus(mut self, other: &Self) -> Self {
        for (a, b) in self.values.iter_mut().zip(&other.values) {
            *a += b;
        }
        self
    }

    fn beside(&self, other: &Self) -> Self {
        let mut both = Self::zeros(self.height, self.width, self.channels + other.channels);
        for y in 0..self.height {
            for x in 0..self.width {
                let (first, second) = both.pixel_mut(y, x).split_at_mut(self.channels);
                first.copy_from_slice(self.pixel(y, x));
                second.copy_from_slice(other.pixel(y, x));
            }
        }
        both
    }

    /// The pixels that a 3 x 3 kernel sees around a place, with their row and column in the kernel.
    fn around(&self, y: usize, x: usize) -> impl Iterator<Item = (usize, &[f64])> {
        (0..9).filter_map(move |at| {
            let (y, x) = ((y + at / 3).checked_sub(1)?, (x + at % 3).checked_sub(1)?);
            (y < self.height && x < self.width).then(|| (at, self.pixel(y, x)))
        })
    }
}

fn mish(x: f64) -> f64 {
    x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh()
}

pub(crate) struct Oracle<'a> {
    bundle: &'a TensorBundle<'a>,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(bundle: &'a TensorBundle<'a>) -> Self {
        Self { bundle }
    }

    fn variable(&self, number: usize, shape: &[u64]) -> Vec<f64> {
        let name = format!("variables/{number}/.ATTRIBUTES/VARIABLE_VALUE");
        let values = self.bundle.tensor(&name, shape).unwrap();
        values.into_iter().map(f64::from).collect()
    }

    /// A dense convolution of size 1 or 3.
    fn conv(&self, number: usize, size: u64, outputs: usize, map: &Map) -> Map {
        let inputs = map.channels;
        let shape = [size, size, inputs as u64, outputs as u64];
        let kernel = self.variable(number, &shape);
        let bias = self.variable(number + 1, &[outputs as u64]);
        let mut out = Map::zeros(map.height, map.width, outputs);
        for y in 0..map.height {
            for x in 0..map.width {
                let sums = out.pixel_mut(y, x);
                sums.copy_from_slice(&bias);
                let mut add = |at: usize, pixel: &[f64]| {
                    let kernel = kernel[at * inputs * outputs..].chunks_exact(outputs);
                    for (value, weights) in pixel.iter().zip(kernel) {
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum += value * weight;
                        }
                    }
                };
                if size == 1 {
                    add(0, map.pixel(y, x));
                } else {
                    map.around(y, x).for_each(|(at, pixel)| add(at, pixel));
                }
            }
        }
        out
    }

    fn depthwise(&self, number: usize, map: &Map) -> Map {
        let channels = map.channels;
        let kernel = self.variable(number, &[3, 3, channels as u64, 1]);
        let bias = self.variable(number + 1, &[channels as u64]);
        let mut out = Map::zeros(map.height, map.width, channels);
        for y in 0..map.height {
            for x in 0..map.width {
                let sums = out.pixel_mut(y, x);
                sums.copy_from_slice(&bias);
                for (at, pixel) in map.around(y, x) {
                    for channel in 0..channels {
                        sums[channel] += pixel[channel] * kernel[at * channels + channel];
                    }
                }
            }
        }
        out
    }

    fn norm(&self, number: usize, mut map: Map) -> Map {
        let [gamma, beta, mean, variance] =
            [0, 1, 2, 3].map(|n| self.variable(number + n, &[map.channels as u64]));
        for pixel in map.values.chunks_exact_mut(map.channels) {
            for (c, x) in pixel.iter_mut().enumerate() {
                *x = gamma[c] * (*x - mean[c]) / (variance[c] + 0.001).sqrt() + beta[c];
            }
        }
        map
    }

    fn dense(&self, (conv, norm): (usize, usize), outputs: usize, map: &Map) -> Map {
        self.norm(norm, self.conv(conv, 1, outputs, map)).each(mish)
    }

    fn spread(&self, (conv, norm): (usize, usize), map: &Map) -> Map {
        self.norm(norm, self.depthwise(conv, map)).each(mish)
    }

    /// Three times dense and depthwise, and what skips them.
    fn block(&self, p: [(usize, usize); 7], outputs: usize, map: &Map) -> (Map, Map) {
        let mut main = map.clone();
        for pair in p[..6].chunks_exact(2) {
            main = self.spread(pair[1], &self.dense(pair[0], outputs, &main));
        }
        (main, self.dense(p[6], outputs, map))
    }

    /// Every step, by the names of the golden file. `raw` is `[row][column][band]`.
    pub(crate) fn run(
        &self,
        raw: &[f32],
        height: usize,
        width: usize,
    ) -> BTreeMap<&'static str, Map> {
        let input = Map {
            height,
            width,
            channels: 9,
            values: normalised(raw),
        };
        let stem_conv = self.conv(0, 3, 64, &input);
        let stem_bn = self.norm(2, stem_conv.clone());
        let stem = stem_bn.clone().each(mish);
        let halved = transposed(&down(&transposed(&down(&stem))));
        let first = [(6, 8), (12, 14), (18, 20), (24, 26), (30, 32), (36, 40)];
        let second = [(48, 50), (54, 56), (60, 62), (66, 68), (72, 74), (84, 88)];
        let third = [
            (102, 104),
            (108, 110),
            (114, 116),
            (120, 122),
            (126, 128),
            (132, 136),
        ];
        let with = |p: [(usize, usize); 6], skip| {
            let mut places = [skip; 7];
            places[..6].copy_from_slice(&p);
            places
        };
        let (block1_main, block1_skip) = self.block(with(first, (38, 44)), 96, &halved);
        let block1 = block1_main.clone().plus(&block1_skip);
        let (main, skip) = self.block(with(second, (86, 92)), 144, &block1);
        let block2 = main.plus(&skip);
        let side = self.spread((96, 98), &self.dense((78, 80), 48, &halved));
        let concat = block2.beside(&side);
        let (main, skip) = self.block(with(third, (134, 140)), 144, &concat);
        let block3 = main.plus(&skip);
        let doubled = transposed(&up(&transposed(&up(&block3, height)), width));
        let mut l2 = doubled.clone();
        for pixel in l2.values.chunks_exact_mut(l2.channels) {
            let square: f64 = pixel.iter().map(|x| x * x).sum();
            for x in pixel {
                *x /= square.max(1e-12).sqrt();
            }
        }
        let logits = self.conv(144, 1, 9, &l2);
        let mut probabilities = logits.clone();
        for pixel in probabilities.values.chunks_exact_mut(9) {
            let largest = pixel.iter().copied().fold(f64::MIN, f64::max);
            for x in &mut *pixel {
                *x = (*x - largest).exp();
            }
            let sum: f64 = pixel.iter().sum();
            for x in pixel {
                *x /= sum;
            }
        }
        for (pixel, bands) in probabilities
            .values
            .chunks_exact_mut(9)
            .zip(raw.chunks_exact(9))
        {
            if bands.iter().any(|v| v.is_nan()) {
                pixel.fill(f64::NAN);
            }
        }
        BTreeMap::from([
            ("normalised", input),
            ("stem_conv", stem_conv),
            ("stem_bn", stem_bn),
            ("stem", stem),
            ("down", halved),
            ("block1_main", block1_main),
            ("block1_skip", block1_skip),
            ("block1", block1),
            ("block2", block2),
            ("side", side),
            ("block3", block3),
            ("up", doubled),
            ("l2", l2),
            ("logits", logits),
            ("probabilities", probabilities),
        ])
    }
}

fn normalised(raw: &[f32]) -> Vec<f64> {
    const PERCENTILES: [[f64; 2]; 9] = [
        [1.741_726_800_763_631_3, 2.023_298_706_048_351],
        [1.726_120_499_706_020_9, 2.038_905_204_308_012],
        [1.679_834_625_141_499_7, 2.179_592_821_212_937],
        [1.773_496_947_290_962_3, 2.289_006_833_302_660_3],
        [2.289_154_079_164_943, 2.617_167_454_937_816_6],
        [2.382_939_712_192_371, 2.773_418_590_375_327],
        [2.382_893_953_038_405_2, 2.757_833_260_417_828_4],
        [2.195_248_426_496_784_4, 2.789_092_484_314_204],
        [1.554_812_948_247_501, 2.414_053_494_749_248_7],
    ];
    raw.iter()
        .zip(PERCENTILES.iter().cycle())
        .map(|(v, [a, b])| {
            let v = if v.is_nan() { 65535.0 } else { f64::from(*v) };
            let u = (v * 0.005 + 1.0).ln();
            1.0 / (1.0 + (1.0 - 5.0 * (u - a) / b).exp())
        })
        .collect()
}

fn transposed(map: &Map) -> Map {
    let mut out = Map::zeros(map.width, map.height, map.channels);
    for y in 0..map.height {
        for x in 0..map.width {
            out.pixel_mut(x, y).copy_from_slice(map.pixel(y, x));
        }
    }
    out
}

/// Half as many rows, by a triangle filter.
fn down(map: &Map) -> Map {
    let rows = map.height / 2;
    let ratio = map.height as f64 / rows as f64;
    let mut out = Map::zeros(rows, map.width, map.channels);
    for o in 0..rows {
        let centre = (o as f64 + 0.5) * ratio;
        let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / ratio).abs()).max(0.0);
        let sum: f64 = (0..map.height).map(weight).sum();
        for j in (0..map.height).filter(|j| weight(*j) > 0.0) {
            for x in 0..map.width {
                for (to, from) in out.pixel_mut(o, x).iter_mut().zip(map.pixel(j, x)) {
                    *to += weight(j) / sum * from;
                }
            }
        }
    }
    out
}

/// `rows` rows from about half as many, linear between their centres.
fn up(map: &Map, rows: usize) -> Map {
    let mut out = Map::zeros(rows, map.width, map.channels);
    for o in 0..rows {
        let at = (o as f64 + 0.5) * map.height as f64 / rows as f64 - 0.5;
        let share = at - at.floor();
        let last = map.height as f64 - 1.0;
        let [first, second] = [at.floor(), at.floor() + 1.0].map(|y| y.clamp(0.0, last) as usize);
        for x in 0..map.width {
            for c in 0..map.channels {
                let (a, b) = (map.pixel(first, x)[c], map.pixel(second, x)[c]);
                out.pixel_mut(o, x)[c] = (1.0 - share) * a + share * b;
            }
        }
    }
    out
}
