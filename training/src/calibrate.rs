//! Fitting what makes probabilities true, on predictions of samples that the predicting models had not seen.

use geocrop_model::ensemble::{Calibration, Curve, Line};

use crate::plan::CalibrationMethod;

/// Held-out predictions to fit to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldOut<'p> {
    /// Row-major `[rows, outputs]`.
    pub(crate) scores: &'p [f32],
    pub(crate) labels: &'p [u32],
    /// One each if nothing is said.
    pub(crate) weights: Option<&'p [f32]>,
    /// 1 for the probability of class 1 of two, else the number of classes.
    pub(crate) outputs: usize,
}

/// Fits to some rows; `None` for [`CalibrationMethod::None`].
pub(crate) fn fit(
    method: CalibrationMethod,
    all: HeldOut<'_>,
    rows: &[usize],
) -> Option<Calibration> {
    let outputs = 0..all.outputs;
    let points = |output: usize| -> Vec<Point> {
        let class = if all.outputs == 1 { 1 } else { output as u32 };
        rows.iter()
            .map(|row| Point {
                score: all.scores[row * all.outputs + output],
                hit: all.labels[*row] == class,
                weight: all.weights.map_or(1.0, |weights| f64::from(weights[*row])),
            })
            .collect()
    };
    match method {
        CalibrationMethod::None => None,
        CalibrationMethod::Platt => Some(Calibration::Platt {
            lines: outputs.map(|output| platt(&points(output))).collect(),
        }),
        CalibrationMethod::Isotonic => Some(Calibration::Isotonic {
            curves: outputs.map(|output| isotonic(points(output))).collect(),
        }),
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    score: f32,
    hit: bool,
    weight: f64,
}

/// The likeliest line through the log-odds, by Newton's method with targets that are not quite 0 and 1, after Platt (1999)
/// and Lin, Lin and Weng, "A note on Platt's probabilistic outputs for support vector machines" (2007).
fn platt(points: &[Point]) -> Line {
    let (mut hits, mut misses) = (0.0, 0.0);
    for point in points {
        *(if point.hit { &mut hits } else { &mut misses }) += point.weight;
    }
    let targets = ((hits + 1.0) / (hits + 2.0), 1.0 / (misses + 2.0));
    let data: Vec<(f64, f64, f64)> = points
        .iter()
        .map(|point| {
            let p = f64::from(point.score).clamp(1e-9, 1.0 - 1e-9);
            let target = if point.hit { targets.0 } else { targets.1 };
            ((p / (1.0 - p)).ln(), target, point.weight)
        })
        .collect();
    let loss = |line: Line| -> f64 {
        let one = |(x, target, weight): &(f64, f64, f64)| {
            let z = line.slope * x + line.intercept;
            // log(1 + e^z) without overflow.
            let soft = z.max(0.0) + (-z.abs()).exp().ln_1p();
            weight * (soft - target * z)
        };
        data.iter().map(one).sum()
    };
    let mut line = Line {
        slope: 1.0,
        intercept: 0.0,
    };
    let mut now = loss(line);
    for _ in 0..100 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for (x, target, weight) in &data {
            let p = 1.0 / (1.0 + (-(line.slope * x + line.intercept)).exp());
            let (g, h) = (weight * (p - target), weight * p * (1.0 - p));
            g0 += g * x;
            g1 += g;
            h00 += h * x * x;
            h01 += h * x;
            h11 += h;
        }
        if g0.abs() < 1e-7 && g1.abs() < 1e-7 {
            break;
        }
        let determinant = h00 * h11 - h01 * h01;
        let step = (
            (h11 * g0 - h01 * g1) / determinant,
            (h00 * g1 - h01 * g0) / determinant,
        );
        let mut share = 1.0;
        loop {
            let next = Line {
                slope: line.slope - share * step.0,
                intercept: line.intercept - share * step.1,
            };
            let found = loss(next);
            // A line that falls would turn the order round; scores that say nothing end just above.
            if next.slope > 0.0 && found < now {
                (line, now) = (next, found);
                break;
            }
            share /= 2.0;
            if share < 1e-10 {
                return line;
            }
        }
    }
    line
}

/// The rising curve of least squares, by pooling adjacent violators: Ayer et al., "An empirical distribution function for
/// sampling with incomplete information" (1955). Each level is kept at the scores where it begins and ends.
fn isotonic(mut points: Vec<Point>) -> Curve {
    struct Level {
        from: f32,
        to: f32,
        hits: f64,
        weight: f64,
    }
    points.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut levels: Vec<Level> = Vec::new();
    for point in points {
        let hits = if point.hit { point.weight } else { 0.0 };
        // Equal scores are one point.
        match levels
            .last_mut()
            .filter(|last| last.from.total_cmp(&point.score).is_eq())
        {
            Some(last) => {
                last.hits += hits;
                last.weight += point.weight;
            }
            None => levels.push(Level {
                from: point.score,
                to: point.score,
                hits,
                weight: point.weight,
            }),
        }
    }
    let mut pooled: Vec<Level> = Vec::new();
    for mut level in levels {
        while let Some(last) = pooled.last()
            && last.hits * level.weight >= level.hits * last.weight
        {
            level.from = last.from;
            level.hits += last.hits;
            level.weight += last.weight;
            pooled.pop();
        }
        pooled.push(level);
    }
    let mut curve = Curve {
        from: Vec::new(),
        to: Vec::new(),
    };
    for level in pooled {
        let mean = (level.hits / level.weight) as f32;
        for knot in [level.from, level.to] {
            if curve.from.last() != Some(&knot) {
                curve.from.push(knot);
                curve.to.push(mean);
            }
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }

    fn points(list: &[(f32, bool)]) -> Vec<Point> {
        list.iter()
            .map(|(score, hit)| Point {
                score: *score,
                hit: *hit,
                weight: 1.0,
            })
            .collect()
    }

    #[test]
    fn violators_are_pooled_into_levels() {
        // 0.1 no, 0.2 yes, 0.3 no, 0.4 yes, 0.5 yes: 0.2 and 0.3 are one level of a half.
        let curve = isotonic(points(&[
            (0.5, true),
            (0.1, false),
            (0.3, false),
            (0.2, true),
            (0.4, true),
        ]));
        assert_eq!(curve.from, [0.1, 0.2, 0.3, 0.4, 0.5]);
        assert_eq!(curve.to, [0.0, 0.5, 0.5, 1.0, 1.0]);
        // One score for all is one level.
        let flat = isotonic(points(&[
            (0.5, true),
            (0.5, false),
            (0.5, false),
            (0.5, false),
        ]));
        assert_eq!((flat.from, flat.to), (vec![0.5], vec![0.25]));
    }

    #[test]
    fn scores_that_are_true_already_stay() {
        // In each group the share of hits is the score, as it is after a perfect model.
        let mut all = Vec::new();
        for (score, hits) in [(0.1, 100), (0.3, 300), (0.5, 500), (0.7, 700), (0.9, 900)] {
            all.extend((0..1000).map(|n| (score, n < hits)));
        }
        let line = platt(&points(&all));
        assert!(
            (line.slope - 1.0).abs() < 0.02 && line.intercept.abs() < 0.02,
            "{line:?}"
        );
        let curve = isotonic(points(&all));
        assert_eq!(curve.from, [0.1, 0.3, 0.5, 0.7, 0.9]);
        for (from, to) in curve.from.iter().zip(&curve.to) {
            close(f64::from(*to), f64::from(*from));
        }
    }

    #[test]
    fn scores_that_are_too_sure_are_drawn_to_the_middle() {
        let mut all = Vec::new();
        for (score, hits) in [(0.01, 200), (0.99, 800)] {
            all.extend((0..1000).map(|n| (score, n < hits)));
        }
        let line = platt(&points(&all));
        // ln 4 / ln 99: log-odds of 80 % over those of 99 %.
        close(
            (line.slope * 100.0).round(),
            (100.0 * 4.0_f64.ln() / 99.0_f64.ln()).round(),
        );
    }

    #[test]
    fn scores_that_are_upside_down_are_not_turned_round() {
        let line = platt(&points(&[
            (0.1, true),
            (0.2, true),
            (0.8, false),
            (0.9, false),
        ]));
        assert!(line.slope > 0.0 && line.slope < 0.1, "{line:?}");
    }

    #[test]
    fn each_class_of_several_has_its_own_part() {
        let scores = [0.8, 0.1, 0.1, 0.1, 0.8, 0.1, 0.2, 0.2, 0.6];
        let held_out = HeldOut {
            scores: &scores,
            labels: &[0, 1, 2],
            weights: None,
            outputs: 3,
        };
        let all = [0, 1, 2];
        let Some(Calibration::Isotonic { curves }) =
            fit(CalibrationMethod::Isotonic, held_out, &all)
        else {
            panic!("a curve for each class");
        };
        assert_eq!(curves.len(), 3);
        assert_eq!(curves[0].to.last(), Some(&1.0));
        assert_eq!(fit(CalibrationMethod::None, held_out, &all), None);
        let line = fit(CalibrationMethod::Platt, held_out, &all);
        assert!(matches!(line, Some(Calibration::Platt { lines }) if lines.len() == 3));
    }
}
