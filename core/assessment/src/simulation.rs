//! A map whose truth is known: the estimators are right on average and their intervals hold the
//! truth as often as they say.

use crate::*;
use geocrop_model::random::SplitMix64;

const TRIALS: u64 = 400;

/// Pixels of three classes with errors, and hills that are not classes; `truth` in the same order.
fn landscape() -> (Vec<Candidate>, Vec<usize>) {
    let mut random = SplitMix64::new(77);
    let mut truth = Vec::new();
    let pixels = (0..6000_u64).map(|pixel| {
        // 70 %, 25 % and 5 % of the land.
        let class = match random.below(100) {
            0..70 => 0,
            70..95 => 1,
            _ => 2,
        };
        // Errors are more frequent in the hills, where a fifth of the pixels lie.
        let hills = random.below(5) == 0;
        let wrong = random.below(100) < if hills { 30 } else { 8 };
        truth.push(class);
        Candidate {
            stratum: usize::from(hills),
            class: if wrong {
                (class + 1 + random.below(2)) % 3
            } else {
                class
            },
            pixel,
        }
    });
    let pixels = pixels.collect();
    (pixels, truth)
}

/// Draws and labels again and again. Checks one class's area, and the overall accuracy.
#[track_caller]
fn holds(pixels: &[Candidate], truth: &[usize], strata: &[(&str, u32)], estimator: Estimator) {
    let right = pixels
        .iter()
        .zip(truth)
        .filter(|(pixel, truth)| pixel.class == **truth);
    let accuracy = right.count() as f64 / pixels.len() as f64;
    // Pixels of 100 m.
    let area = truth.iter().filter(|class| **class == 1).count() as f64;

    let (mut areas, mut accuracies, mut held_area, mut held_accuracy) = (0.0, 0.0, 0, 0);
    let mut errors = 0.0;
    for seed in 0..TRIALS {
        let plan = Plan {
            map: "simulated".to_owned(),
            map_sha256: "5e1f".to_owned(),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            strata: strata
                .iter()
                .map(|(name, points)| ((*name).to_owned(), *points))
                .collect(),
            strata_of: None,
            pixel_area_m2: 10_000.0,
            seed,
        };
        let (design, points) = draw(&plan, pixels.iter().copied().map(Ok::<_, AreaError>)).unwrap();
        let unit = |point: &Point| Unit {
            stratum: point.candidate.stratum,
            map: point.candidate.class,
            reference: truth[point.candidate.pixel as usize],
        };
        let labelled = Labelled {
            units: points.iter().map(unit).collect(),
            unlabelled: 0,
        };
        let found = estimate(&design, &labelled).unwrap();
        assert_eq!(found.estimator, estimator);
        let class = &found.classes[1];
        areas += class.area_ha.value;
        errors += class.area_ha.se;
        accuracies += found.overall_accuracy.value;
        let holds = |estimate: &Estimate, truth: f64| {
            (estimate.value - truth).abs() <= estimate.half_width()
        };
        held_area += u32::from(holds(&class.area_ha, area));
        held_accuracy += u32::from(holds(&found.overall_accuracy, accuracy));
    }
    let trials = TRIALS as f64;
    let (mean, se) = (areas / trials, errors / trials);
    assert!(
        (mean - area).abs() < 4.0 * se / trials.sqrt(),
        "{mean} {area} {se}"
    );
    assert!(
        (accuracies / trials - accuracy).abs() < 0.006,
        "{} {accuracy}",
        accuracies / trials
    );
    for held in [held_area, held_accuracy] {
        // 380 expected. The normal interval is a little short for few points.
        assert!((360..=396).contains(&held), "{held} of {TRIALS}");
    }
}

#[test]
fn areas_by_map_class_are_unbiased_and_their_intervals_honest() {
    let (mut pixels, truth) = landscape();
    for pixel in &mut pixels {
        pixel.stratum = pixel.class;
    }
    let mapped = pixels.iter().filter(|pixel| pixel.class == 1).count() as f64;
    let area = truth.iter().filter(|class| **class == 1).count() as f64;
    assert!(
        mapped / area > 1.05,
        "counting pixels would be wrong: {mapped} {area}"
    );
    let strata = [("a", 120), ("b", 120), ("c", 60)];
    holds(&pixels, &truth, &strata, Estimator::Olofsson2014);
}

#[test]
fn areas_by_other_strata_are_unbiased_and_their_intervals_honest() {
    let (pixels, truth) = landscape();
    holds(
        &pixels,
        &truth,
        &[("plain", 180), ("hills", 120)],
        Estimator::Stehman2014,
    );
}
