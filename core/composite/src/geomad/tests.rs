//! The lanes against the plain computation, and against each other.

use proptest::prelude::*;
use proptest::sample::select;

use super::lanes::Portable;
use super::solver::Solver;
use super::*;

/// Fields that green up and dry, seen through clouds: noise around a mixture of two spectra, as imagery has it.
#[derive(Debug, Clone)]
struct Fields {
    dates: usize,
    bands: usize,
    pixels: usize,
    seed: u64,
}

fn fields() -> impl Strategy<Value = Fields> {
    (0..45_usize, 1..14_usize, 1..150_usize, any::<u64>()).prop_map(
        |(dates, bands, pixels, seed)| Fields {
            dates,
            bands,
            pixels,
            seed,
        },
    )
}

impl Fields {
    /// `[date][band][pixel]`.
    fn values(&self) -> Vec<f32> {
        let mut state = self.seed;
        let mut random = move || {
            // A 64-bit linear congruential generator: its upper bits are good enough for noise.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32
        };
        let clouds = random();
        let green: Vec<f32> = (0..self.pixels).map(|_| random()).collect();
        let mut values = Vec::with_capacity(self.dates * self.bands * self.pixels);
        for date in 0..self.dates {
            let season = date as f32 / self.dates as f32;
            let clear: Vec<bool> = green.iter().map(|_| random() >= clouds).collect();
            let haze: Vec<f32> = green.iter().map(|_| 0.2 * random().powi(8)).collect();
            for band in 0..self.bands {
                let leaf = if band % 3 == 2 { 0.4 } else { 0.05 };
                let soil = 0.1 + 0.02 * band as f32;
                for pixel in 0..self.pixels {
                    let share = green[pixel] * season;
                    let value = soil + share * (leaf - soil) + haze[pixel] + 0.03 * random();
                    values.push(if clear[pixel] { value } else { f32::NAN });
                }
            }
        }
        values
    }

    fn observations<'a>(&self, values: &'a [f32]) -> Observations<'a> {
        Observations {
            values,
            dates: self.dates,
            bands: self.bands,
            pixels: values.len() / (self.dates * self.bands).max(1),
        }
    }
}

/// The planes of `pixels` with pixel `order[i]` in place `i`.
fn reordered(values: &[f32], pixels: usize, order: &[usize]) -> Vec<f32> {
    values
        .chunks_exact(pixels)
        .flat_map(|plane| order.iter().map(|&pixel| plane[pixel]))
        .collect()
}

/// The composite of one pixel of several.
fn pick(result: &Geomad, pixel: usize) -> Geomad {
    let bands = result.median.chunks_exact(result.count.len());
    Geomad {
        median: bands.map(|band| band[pixel]).collect(),
        emad: vec![result.emad[pixel]],
        smad: vec![result.smad[pixel]],
        bcmad: vec![result.bcmad[pixel]],
        count: vec![result.count[pixel]],
    }
}

/// All numbers as bits, so that NaN equals NaN.
fn bits(result: &Geomad) -> Vec<u32> {
    [&result.median, &result.emad, &result.smad, &result.bcmad]
        .into_iter()
        .flatten()
        .map(|v| v.to_bits())
        .chain(result.count.iter().map(|n| u32::from(*n)))
        .collect()
}

/// Whether no number differs by more than `tolerance`; NaN must meet NaN.
fn near(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance)
}

/// What the median minimises: the sum of the distances of one pixel's observations, `[date][band]`, to a point.
fn total_distance(values: &[f32], point: &[f32]) -> f64 {
    values
        .chunks_exact(point.len())
        .filter(|spectrum| !spectrum.iter().any(|x| x.is_nan()))
        .map(|spectrum| {
            let squares = spectrum
                .iter()
                .zip(point)
                .map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2));
            squares.sum::<f64>().sqrt()
        })
        .sum()
}

#[test]
fn codes_and_ranges_give_the_composite_of_the_whole() {
    let (dates, bands, pixels) = (5, 2, 300);
    let codes: Vec<u16> = (0..dates * bands * pixels)
        .map(
            |place| match (place % pixels + place / (pixels * bands)) % 4 {
                0 => u16::MAX,
                _ => ((place * 7919) % 9001) as u16,
            },
        )
        .collect();
    let reflectance = |code: u16| match code {
        u16::MAX => f32::NAN,
        code => f32::from(code) / 10_000.0,
    };
    let values: Vec<f32> = codes.iter().copied().map(reflectance).collect();
    let options = GeomadOptions::default();
    let whole = geomad(
        &Observations {
            values: &values,
            dates,
            bands,
            pixels,
        },
        &options,
    );
    let coded = Observations {
        values: &codes,
        dates,
        bands,
        pixels,
    };
    let (first, end) = (70, 211);
    let part = geomad_range(&coded, reflectance, &options, first..end);
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let planes = part
        .median
        .chunks(end - first)
        .zip(whole.median.chunks(pixels));
    for (part, whole) in planes {
        assert_eq!(bits(part), bits(&whole[first..end]));
    }
    assert_eq!(bits(&part.smad), bits(&whole.smad[first..end]));
    assert_eq!(part.count, whole.count[first..end]);
    assert!(
        geomad_range(&coded, reflectance, &options, 9..9)
            .count
            .is_empty()
    );
}

/// Without the vector units that this processor may have.
fn portable(observations: &Observations, options: &GeomadOptions) -> Geomad {
    let mut out = Geomad::unseen(observations.bands, observations.pixels, options);
    let mut solver = Solver::default();
    let chunks = out.chunks(observations.pixels);
    for (index, mut chunk) in chunks.into_iter().enumerate() {
        solver.solve_with(
            Portable,
            observations,
            |value| value,
            options,
            index * CHUNK,
            &mut chunk,
        );
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lanes_answer_what_the_plain_iteration_answers(
        fields in fields(),
        eps in select(vec![1e-4, 1e-5, 1e-6, 1e-8]),
        max_iterations in select(vec![0, 1, 5, 1000, 1000, 1000]),
    ) {
        let values = fields.values();
        let observations = fields.observations(&values);
        let options = GeomadOptions { eps, max_iterations, mads: true };
        let (ours, plain) = (geomad(&observations, &options), reference::geomad(&observations, &options));
        prop_assert_eq!(&ours.count, &plain.count);
        for pixel in 0..observations.pixels {
            let (ours, plain) = (pick(&ours, pixel), pick(&plain, pixel));
            // Both walk the same way; where rounding decides that one of them stops a step earlier, a step is between
            // them.
            let tolerance = eps + 1e-6;
            if near(&ours.median, &plain.median, tolerance) {
                prop_assert!(near(&ours.emad, &plain.emad, 2.0 * tolerance));
                // These are relative to the brightness, which is 0.1 and more.
                prop_assert!(near(&ours.smad, &plain.smad, 10.0 * tolerance));
                prop_assert!(near(&ours.bcmad, &plain.bcmad, 10.0 * tolerance));
            } else {
                // Several steps, where they hardly get shorter: there one point is as good a median as the other.
                let series = reordered(&values, observations.pixels, &[pixel]);
                let (ours, plain) = (total_distance(&series, &ours.median), total_distance(&series, &plain.median));
                prop_assert!((ours - plain).abs() < 1e-7 * plain, "{ours} against {plain}");
            }
        }
    }

    #[test]
    fn every_kind_of_processor_answers_the_same_bits(fields in fields(), eps in select(vec![1e-5, 1e-7])) {
        let values = fields.values();
        let observations = fields.observations(&values);
        let options = GeomadOptions { eps, ..GeomadOptions::default() };
        prop_assert_eq!(bits(&geomad(&observations, &options)), bits(&portable(&observations, &options)));
    }

    #[test]
    fn a_pixel_does_not_notice_its_neighbours(
        (fields, order) in fields().prop_flat_map(|fields| {
            let order: Vec<usize> = (0..fields.pixels).collect();
            (Just(Fields { dates: fields.dates.max(1), ..fields }), Just(order).prop_shuffle())
        }),
    ) {
        let values = fields.values();
        let of = |order: &[usize]| {
            let values = reordered(&values, fields.pixels, order);
            geomad(&fields.observations(&values), &GeomadOptions::default())
        };
        let whole = geomad(&fields.observations(&values), &GeomadOptions::default());
        let shuffled = of(&order);
        for (place, &pixel) in order.iter().enumerate() {
            prop_assert_eq!(bits(&pick(&shuffled, place)), bits(&pick(&whole, pixel)));
        }
        for &pixel in &order[..order.len().min(10)] {
            prop_assert_eq!(bits(&of(&[pixel])), bits(&pick(&whole, pixel)));
        }
    }
}

#[test]
fn a_pixel_that_f32_cannot_solve_is_solved_all_the_same() {
    // Three pixels of one band and three dates; the squares of the middle one do not fit into f32.
    let values = [0.1, 1e20, 0.3, 0.2, 2e20, 0.1, 0.4, 4e20, 0.2];
    let observations = Observations {
        values: &values,
        dates: 3,
        bands: 1,
        pixels: 3,
    };
    let options = GeomadOptions {
        eps: 1e-7,
        ..GeomadOptions::default()
    };
    let found = geomad(&observations, &options).median;
    let plain = reference::geomad(&observations, &options).median;
    assert!(near(&[found[0], found[2]], &[plain[0], plain[2]], 1e-7));
    assert!((found[1] / plain[1] - 1.0).abs() < 1e-6);
}
