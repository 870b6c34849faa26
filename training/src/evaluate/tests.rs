//! Figures by hand, against other programs, and intervals against what they promise.

use super::*;
use crate::metrics::{Confusion, auc_overall};
use geocrop_model::random::SplitMix64;

const QUICK: Resampling = Resampling {
    replicates: 200,
    seed: 7,
};

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

/// A number from 0 to 1.
fn unit(random: &mut SplitMix64) -> f32 {
    random.below(1 << 24) as f32 / (1 << 24) as f32
}

/// Samples whose class 1 truly has the predicted probability.
fn calibrated(samples: usize, seed: u64) -> Predictions {
    let mut random = SplitMix64::new(seed);
    let scores: Vec<f32> = (0..samples).map(|_| unit(&mut random)).collect();
    let truth = scores
        .iter()
        .map(|p| u32::from(unit(&mut random) < *p))
        .collect();
    Predictions::binary(truth, &scores)
}

#[test]
fn two_classes_by_hand() {
    let predictions = Predictions::binary(vec![0, 0, 1, 1, 1], &[0.1, 0.6, 0.6, 0.8, 0.4]);
    let evaluation = evaluate(&predictions, QUICK).unwrap();
    assert_eq!(evaluation.confusion, [[1.0, 1.0], [1.0, 2.0]]);
    close(evaluation.accuracy.value, 0.6);
    close(
        evaluation.balanced_accuracy.value,
        f64::midpoint(0.5, 2.0 / 3.0),
    );
    close(evaluation.f1.value, 4.0 / 6.0);
    // Pairs of class 1 and class 0: .6>.1, .6=.6, .8>.1, .8>.6, .4>.1, .4<.6 -> 4.5 of 6.
    close(evaluation.auc.unwrap().value, 0.75);
    close(
        evaluation.brier.value,
        (0.01 + 0.36 + 0.16 + 0.04 + 0.36) / 5.0,
    );
    // Bins: {.1: none of 1}, {.4: 1 of 1}, {.6, .6: 1 of 2}, {.8: 1 of 1}.
    close(
        evaluation.calibration_error.value,
        (0.1 + 0.6 + 0.2 + 0.2) / 5.0,
    );
    let samples: Vec<usize> = evaluation
        .reliability
        .iter()
        .map(|bin| bin.samples)
        .collect();
    assert_eq!(samples, [1, 1, 2, 1], "empty bins are left out");
    let crop = &evaluation.classes[1];
    close(crop.users_accuracy.unwrap().value, 2.0 / 3.0);
    close(crop.producers_accuracy.unwrap().value, 2.0 / 3.0);
    assert_eq!(crop.users_accuracy.unwrap().interval, IntervalKind::Wilson);
    assert_eq!(
        evaluation.roc[0].points,
        [
            [0.0, 0.0],
            [0.0, 1.0 / 3.0],
            [0.5, 2.0 / 3.0],
            [0.5, 1.0],
            [1.0, 1.0]
        ]
    );
    let hits: usize = evaluation.scores.iter().map(|bar| bar.hits).sum();
    assert_eq!(hits, 3);
}

#[test]
fn several_classes_agree_with_the_plain_metrics_and_a_class_that_is_absent_has_no_figures() {
    let mut random = SplitMix64::new(2);
    let (mut truth, mut probabilities) = (Vec::new(), Vec::new());
    for row in 0..300_u32 {
        let class = row % 3;
        let mut votes = [0.0_f32; 4].map(|_| unit(&mut random));
        votes[class as usize] += 0.3;
        votes[3] *= 0.01;
        let sum: f32 = votes.iter().sum();
        truth.push(class);
        probabilities.extend(votes.map(|vote| vote / sum));
    }
    let predictions = Predictions::new(truth.clone(), probabilities.clone(), 4);
    let evaluation = evaluate(&predictions, QUICK).unwrap();

    let mut confusion = Confusion::new(4);
    let mut brier = 0.0;
    for (truth, row) in truth.iter().zip(probabilities.chunks(4)) {
        let best = (0..4).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
        confusion.add(*truth as usize, best);
        for (class, p) in row.iter().enumerate() {
            brier += (f64::from(*p) - f64::from(class == *truth as usize)).powi(2) / 300.0;
        }
    }
    close(evaluation.accuracy.value, confusion.accuracy());
    close(
        evaluation.balanced_accuracy.value,
        confusion.balanced_accuracy(),
    );
    close(evaluation.brier.value, brier);
    let three: Vec<f32> = probabilities
        .chunks(4)
        .flat_map(|row| &row[..3])
        .copied()
        .collect();
    close(
        evaluation.auc.unwrap().value,
        auc_overall(&three, &truth, 3).unwrap(),
    );
    assert_eq!(evaluation.classes[3].samples, 0);
    assert_eq!(evaluation.classes[3].producers_accuracy, None);
    assert_eq!(evaluation.classes[3].auc, None);
    assert_eq!(evaluation.roc.len(), 3);
}

#[test]
fn a_sample_of_weight_three_counts_as_three_samples() {
    let base = calibrated(60, 3);
    let weights: Vec<f64> = (0..60).map(|row| f64::from(1 + row % 3)).collect();
    let (mut truth, mut scores) = (Vec::new(), Vec::new());
    for (row, weight) in weights.iter().enumerate() {
        for _ in 0..*weight as usize {
            truth.push(base.truth[row]);
            scores.push(base.row(row)[1]);
        }
    }
    let weighted = Predictions {
        weights: Some(weights),
        ..base
    };
    let weighted = evaluate(&weighted, QUICK).unwrap();
    let repeated = evaluate(&Predictions::binary(truth, &scores), QUICK).unwrap();
    assert!(weighted.weighted);
    for (weighted, repeated) in [
        (weighted.accuracy, repeated.accuracy),
        (weighted.auc.unwrap(), repeated.auc.unwrap()),
        (weighted.brier, repeated.brier),
        (weighted.calibration_error, repeated.calibration_error),
    ] {
        close(weighted.value, repeated.value);
        assert!(
            weighted.high - weighted.low > repeated.high - repeated.low,
            "60 samples say less than 120"
        );
    }
}

#[test]
fn probabilities_that_are_true_are_found_to_be_calibrated_and_distorted_ones_are_not() {
    let good = calibrated(20_000, 5);
    let distorted: Vec<f32> = good
        .probabilities
        .chunks(2)
        .map(|row| row[1] * row[1])
        .collect();
    let bad = Predictions::binary(good.truth.clone(), &distorted);
    let error = |predictions| {
        evaluate(predictions, QUICK)
            .unwrap()
            .calibration_error
            .value
    };
    assert!(error(&good) < 0.015, "{}", error(&good));
    // The mean of p - p² is 1/6.
    assert!((error(&bad) - 1.0 / 6.0).abs() < 0.02, "{}", error(&bad));
}

#[test]
fn nineteen_of_twenty_intervals_hold_the_truth() {
    // Of calibrated scores spread evenly over 0 to 1: accuracy 3/4, Brier score 1/6, AUC 5/6.
    let trials = 200;
    let mut held = [0; 3];
    for trial in 0..trials {
        let evaluation = evaluate(&calibrated(300, 1000 + trial), QUICK).unwrap();
        let figures = [
            (evaluation.accuracy, 0.75),
            (evaluation.brier, 1.0 / 6.0),
            (evaluation.auc.unwrap(), 5.0 / 6.0),
        ];
        for (held, (figure, truth)) in held.iter_mut().zip(figures) {
            *held += u32::from((figure.low..=figure.high).contains(&truth));
        }
    }
    for held in held {
        // 190 expected; with 200 trials, 178 lie 4 standard deviations below.
        assert!((178..=200).contains(&held), "{held} of {trials}");
    }
}

#[test]
fn samples_that_repeat_one_another_make_intervals_wider_once_their_groups_are_known() {
    let few = calibrated(100, 11);
    let mut repeated = Predictions::new(Vec::new(), Vec::new(), 2);
    let mut groups = Vec::new();
    for row in 0..100 {
        for _ in 0..10 {
            repeated.truth.push(few.truth[row]);
            repeated.probabilities.extend(few.row(row));
            groups.push(row as u64 * 17);
        }
    }
    let naive = evaluate(&repeated, QUICK).unwrap();
    let honest = evaluate(
        &Predictions {
            groups: Some(groups),
            ..repeated
        },
        QUICK,
    )
    .unwrap();
    assert_eq!((naive.groups, honest.groups), (None, Some(100)));
    let width = |evaluation: &Evaluation| evaluation.accuracy.high - evaluation.accuracy.low;
    let ratio = width(&honest) / width(&naive);
    // The square root of ten.
    assert!((2.4..4.2).contains(&ratio), "{ratio}");
}

#[test]
fn folds_are_judged_by_themselves_and_a_seed_gives_the_same_evaluation() {
    let mut predictions = calibrated(90, 13);
    predictions.fold = Some((0..90).map(|row| row % 3).collect());
    let evaluation = evaluate(&predictions, QUICK).unwrap();
    assert_eq!(evaluation.folds.len(), 3);
    let mean = evaluation
        .folds
        .iter()
        .map(|fold| fold.accuracy)
        .sum::<f64>()
        / 3.0;
    close(mean, evaluation.accuracy.value);
    assert_eq!(evaluate(&predictions, QUICK).unwrap(), evaluation);

    let text = serde_json::to_string(&evaluation).unwrap();
    let again: Evaluation = serde_json::from_str(&text).unwrap();
    assert_eq!(again.samples, evaluation.samples);
    close(again.brier.high, evaluation.brier.high);
}

#[test]
fn a_clearly_better_model_is_better_and_a_copy_is_within_noise() {
    let truth: Vec<u32> = (0..600).map(|row| row % 2).collect();
    let mut random = SplitMix64::new(21);
    let mut model = |skill: f32| {
        let score = |label: &u32| (unit(&mut random) + skill * *label as f32) / (1.0 + skill);
        let scores: Vec<f32> = truth.iter().map(score).collect();
        Predictions::binary(truth.clone(), &scores)
    };
    let (weak, strong) = (model(0.3), model(1.0));
    let up = compare(&weak, &strong, QUICK).unwrap();
    assert_eq!(up.verdict, Verdict::Better);
    assert_eq!(up.differences.len(), 6);
    let auc = &up.differences[3];
    close(auc.challenger - auc.champion, auc.difference.value);
    assert_eq!(up.differences[4].figure, "brier");
    assert!(
        up.differences[4].difference.high < 0.0,
        "a lower score is better"
    );
    assert_eq!(up.differences[4].verdict, Verdict::Better);

    assert_eq!(
        compare(&strong, &weak, QUICK).unwrap().verdict,
        Verdict::Worse
    );
    let same = compare(&strong, &strong, QUICK).unwrap();
    assert_eq!(same.verdict, Verdict::WithinNoise);
}

#[test]
fn a_paired_comparison_sees_what_two_separate_intervals_hide() {
    // The challenger differs in 12 of 400 samples only, all for the better.
    let champion = calibrated(400, 31);
    let mut challenger = champion.clone();
    let mut mended = 0;
    for row in 0..400 {
        let truth = champion.truth[row] as usize;
        if mended < 12 && champion.row(row)[truth] < 0.5 {
            challenger.probabilities[row * 2 + truth] = 0.6;
            challenger.probabilities[row * 2 + 1 - truth] = 0.4;
            mended += 1;
        }
    }
    let old = evaluate(&champion, QUICK).unwrap().accuracy;
    let new = evaluate(&challenger, QUICK).unwrap().accuracy;
    assert!(new.low < old.high, "the separate intervals overlap");
    let comparison = compare(&champion, &challenger, QUICK).unwrap();
    assert_eq!(comparison.differences[0].verdict, Verdict::Better);
}

#[test]
fn an_equal_model_is_clearly_better_less_than_once_in_forty() {
    const TRIALS: u32 = 200;
    let thorough = Resampling {
        replicates: 400,
        seed: 3,
    };
    let (mut better, mut clearly) = (0, 0);
    for trial in 0..u64::from(TRIALS) {
        // Both see the truth through noise of their own.
        let mut random = SplitMix64::new(1000 + trial);
        let truth: Vec<u32> = (0..150).map(|_| random.below(2) as u32).collect();
        let mut seen = || {
            let mut score = |label: &u32| 0.3 * *label as f32 + 0.7 * unit(&mut random);
            let scores: Vec<f32> = truth.iter().map(&mut score).collect();
            Predictions::binary(truth.clone(), &scores)
        };
        let found = compare(&seen(), &seen(), thorough).unwrap();
        let any = |one: &Difference| one.decides && one.verdict == Verdict::Better;
        better += u32::from(found.differences.iter().any(any));
        clearly += u32::from(found.clearly_better);
    }
    // 11 and 2 here; of figures that were independent, 23 and 5 would be expected.
    assert!(clearly <= 8, "{clearly} of {TRIALS}");
    assert!(better > clearly, "{better}");

    let strong = calibrated(400, 32);
    let weak = Predictions::binary(strong.truth.clone(), &[0.5; 400]);
    assert!(compare(&weak, &strong, QUICK).unwrap().clearly_better);
    assert!(!compare(&strong, &weak, QUICK).unwrap().clearly_better);
}

#[test]
fn what_cannot_be_judged_is_named() {
    let message = |predictions: &Predictions| evaluate(predictions, QUICK).unwrap_err().to_string();
    let good = calibrated(10, 1);
    let empty = Predictions::binary(Vec::new(), &[]);
    assert!(message(&empty).contains("no predictions"));
    let mut bad = good.clone();
    bad.truth[3] = 2;
    assert!(message(&bad).contains("sample 3 is of class 2"));
    let mut bad = good.clone();
    bad.probabilities[4] = f32::NAN;
    assert!(message(&bad).contains("probabilities of sample 2 are [NaN"));
    let mut bad = good.clone();
    bad.probabilities[4] = bad.probabilities[4] / 2.0 + 0.3;
    assert!(message(&bad).contains("with the sum 1"));
    let bad = Predictions {
        weights: Some(vec![1.0; 9]),
        ..good.clone()
    };
    assert!(message(&bad).contains("found 9 weights, expected 10"));
    let bad = Predictions {
        weights: Some(vec![0.0; 10]),
        ..good.clone()
    };
    assert!(message(&bad).contains("weight of sample 0 is 0"));
    let bad = Predictions {
        groups: Some(vec![4; 10]),
        ..good.clone()
    };
    assert!(message(&bad).contains("one group"));

    let other = calibrated(10, 2);
    let error = compare(&good, &other, QUICK).unwrap_err().to_string();
    assert!(error.contains("true classes differ"), "{error}");
}
