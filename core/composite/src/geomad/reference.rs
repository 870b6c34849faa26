//! The same, plainly: one pixel at a time, in f64.
//!
//! For the pixels that f32 cannot settle, and in tests the oracle of all others.

#[cfg(test)]
use super::{Geomad, GeomadOptions, Observations};

/// One pixel's time series, and the estimate of its median.
#[derive(Default)]
pub(super) struct Series {
    /// The observations, `[band][observation]`.
    seen: Vec<f64>,
    /// Squared distance, then weight, per observation.
    weight: Vec<f64>,
    /// The estimate and the next one, per band.
    median: Vec<f64>,
    next: Vec<f64>,
}

impl Series {
    /// Takes the observations of a pixel, `[band][observation]`, and the estimate to start from, per band.
    pub(super) fn load(
        &mut self,
        seen: impl Iterator<Item = f32>,
        estimate: impl Iterator<Item = f32>,
    ) {
        self.seen.clear();
        self.seen.extend(seen.map(f64::from));
        self.median.clear();
        self.median.extend(estimate.map(f64::from));
        let bands = self.median.len();
        self.next.clear();
        self.next.resize(bands, 0.0);
        self.weight.clear();
        self.weight.resize(self.seen.len() / bands, 0.0);
    }

    /// The estimate, per band.
    pub(super) fn median(&self) -> impl Iterator<Item = f32> {
        self.median.iter().map(|y| *y as f32)
    }

    /// Moves the estimate towards the geometric median until a step is shorter than `eps`, at most `max_iterations`
    /// times.
    pub(super) fn iterate(&mut self, eps: f32, max_iterations: u32) {
        let seen = self.weight.len();
        for _ in 0..max_iterations {
            self.weight.fill(0.0);
            for (band, y) in self.seen.chunks_exact(seen).zip(&self.median) {
                for (squared, x) in self.weight.iter_mut().zip(band) {
                    *squared += (x - y) * (x - y);
                }
            }
            // Observations that the estimate has met; their share of the step is settled below.
            let met = self
                .weight
                .iter()
                .filter(|squared| **squared == 0.0)
                .count();
            if met == seen {
                break;
            }
            for weight in &mut self.weight {
                *weight = if *weight > 0.0 {
                    weight.sqrt().recip()
                } else {
                    1.0
                };
            }
            let total: f64 = self.weight.iter().sum();
            let scale = total.recip();
            for (band, next) in self.seen.chunks_exact(seen).zip(&mut self.next) {
                *next = scale * dot(band, &self.weight);
            }
            if met > 0 {
                // Vardi and Zhang: the pull of the others must exceed the weight of what was met.
                let pull = total * distance(&self.next, &self.median);
                let stay = if pull > 0.0 {
                    (met as f64 / pull).min(1.0)
                } else {
                    0.0
                };
                for (next, y) in self.next.iter_mut().zip(&self.median) {
                    *next += stay * (y - *next);
                }
            }
            let step = distance(&self.next, &self.median);
            std::mem::swap(&mut self.next, &mut self.median);
            if step < f64::from(eps) {
                break;
            }
        }
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f64>()
        .sqrt()
}

/// Sum of products in four lanes: the order of additions is fixed, and the processor can do them side by side.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for (a, b) in a4.iter().zip(b4) {
        for lane in 0..4 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

/// What [`super::geomad`] must answer.
#[cfg(test)]
pub(super) fn geomad(observations: &Observations, options: &GeomadOptions) -> Geomad {
    let &Observations {
        values,
        dates,
        bands,
        pixels,
    } = observations;
    let mut out = Geomad::unseen(observations.bands, observations.pixels, options);
    let mut series = Series::default();
    for pixel in 0..pixels {
        let value = |date: usize, band: usize| values[(date * bands + band) * pixels + pixel];
        let clear: Vec<usize> = (0..dates)
            .filter(|&date| (0..bands).all(|band| !value(date, band).is_nan()))
            .collect();
        out.count[pixel] = clear.len() as u16;
        if clear.is_empty() {
            continue;
        }
        let seen = (0..bands).flat_map(|band| clear.iter().map(move |&date| value(date, band)));
        series.load(seen, std::iter::repeat_n(0.0, bands));
        series.iterate(options.eps, options.max_iterations);
        for (band, y) in series.median().enumerate() {
            out.median[band * pixels + pixel] = y;
        }
        if options.mads {
            [out.emad[pixel], out.smad[pixel], out.bcmad[pixel]] = series.mads();
        }
    }
    out
}

#[cfg(test)]
impl Series {
    /// EMAD, SMAD and BCMAD around the median as it is stored.
    fn mads(&self) -> [f32; 3] {
        let (seen, median) = (self.weight.len(), self.median().map(f64::from));
        let median: Vec<f64> = median.collect();
        let norm = median.iter().map(|y| y * y).sum::<f64>().sqrt();
        let spectrum = |i: usize| {
            let values = self.seen.chunks_exact(seen).map(move |band| band[i]);
            values.zip(&median)
        };
        let euclidean = |i: usize| {
            spectrum(i)
                .map(|(x, y)| (x - y) * (x - y))
                .sum::<f64>()
                .sqrt()
        };
        let cosine = |i: usize| {
            let (product, squares) = spectrum(i).fold((0.0, 0.0), |(p, s): (f64, f64), (x, y)| {
                (p + x * y, s + x * x)
            });
            let distance = 1.0 - product / (squares.sqrt() * norm);
            // Not f64::max: NaN (an observation without an angle) must stay NaN.
            if distance < 0.0 { 0.0 } else { distance }
        };
        let bray_curtis = |i: usize| {
            let (difference, sum) = spectrum(i).fold((0.0, 0.0), |(d, s): (f64, f64), (x, y)| {
                (d + (x - y).abs(), s + (x + y).abs())
            });
            difference / sum
        };
        [
            middle((0..seen).map(euclidean)),
            middle((0..seen).map(cosine)),
            middle((0..seen).map(bray_curtis)),
        ]
    }
}

/// The median of those distances that exist; NaN if there are none.
#[cfg(test)]
fn middle(distances: impl Iterator<Item = f64>) -> f32 {
    let mut values: Vec<f64> = distances.filter(|d| !d.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f32::NAN,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_products_takes_in_every_element() {
        for n in 0..12_u32 {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let expected: f64 = a.iter().map(|a| a * a).sum();
            assert!((dot(&a, &a) - expected).abs() < 1e-9);
        }
    }
}
