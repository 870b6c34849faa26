//! Pages of reports with two classes and with many, and with names that mean harm.

use super::*;
use crate::evaluate::{Predictions, Resampling, compare, evaluate};
use crate::importance::Loss;
use geocrop_assessment::{AreaError, Candidate, Labelled, Plan, Unit, draw, estimate};
use geocrop_model::drift::Population;
use geocrop_model::random::SplitMix64;

const QUICK: Resampling = Resampling {
    replicates: 100,
    seed: 1,
};

fn unit(random: &mut SplitMix64) -> f32 {
    random.below(1 << 24) as f32 / (1 << 24) as f32
}

fn predictions(classes: u32, skill: f32, seed: u64) -> Predictions {
    let mut random = SplitMix64::new(seed);
    let truth: Vec<u32> = (0..900).map(|row| row * row % 7 % classes).collect();
    let probabilities = truth
        .iter()
        .flat_map(|label| {
            let mut row: Vec<f32> = (0..classes).map(|_| unit(&mut random)).collect();
            row[*label as usize] += skill;
            let sum: f32 = row.iter().sum();
            row.into_iter().map(move |vote| vote / sum)
        })
        .collect();
    let mut made = Predictions::new(truth, probabilities, classes as usize);
    made.fold = Some((0..900).map(|row| row % 5).collect());
    made
}

fn area() -> AreaEstimate {
    let names = ["not cropland", "cropland"].map(str::to_owned);
    let plan = Plan {
        map: "cropland/2020".to_owned(),
        map_sha256: "5e1f".to_owned(),
        classes: names.to_vec(),
        strata: names.iter().map(|name| (name.clone(), 60)).collect(),
        strata_of: None,
        pixel_area_m2: 1e6,
        seed: 1,
    };
    let pixels = (0..3000).map(|pixel: u64| {
        let class = usize::from(pixel.is_multiple_of(4));
        Ok::<_, AreaError>(Candidate {
            stratum: class,
            class,
            pixel,
        })
    });
    let (design, points) = draw(&plan, pixels).unwrap();
    let units = points.iter().map(|point| Unit {
        stratum: point.candidate.stratum,
        map: point.candidate.class,
        reference: usize::from(point.candidate.pixel % 5 < 2),
    });
    let labelled = Labelled {
        units: units.collect(),
        unlabelled: 0,
    };
    estimate(&design, &labelled).unwrap()
}

fn report(classes: u32) -> Report {
    let strong = predictions(classes, 0.6, 1);
    let weak = predictions(classes, 0.4, 2);
    let names = [
        "red_S1",
        "nir_S1",
        "a_feature_with_a_very_long_name_S2",
        "slope",
    ];
    let features = names.map(str::to_owned);
    let mut random = SplitMix64::new(3);
    let mut values = |shift: f32| -> Vec<f32> {
        (0..800)
            .map(|place| unit(&mut random) + if place % 4 == 0 { shift } else { 0.0 })
            .collect()
    };
    let population = Population::of(&features, &values(0.0)).unwrap();
    let loss = |mean| Loss { mean, sd: 0.002 };
    Report {
        title: "cropland-southeast-africa, version 2".to_owned(),
        summary: "Tells pixels that were sown and harvested in a year from all others.".to_owned(),
        warnings: vec![crate::folds::NO_COORDINATES.to_owned()],
        facts: vec![
            ("Samples".to_owned(), "900 of 2019".to_owned()),
            (
                "Model".to_owned(),
                "300 trees of depth 6, 33 features".to_owned(),
            ),
        ],
        classes: [
            "not cropland",
            "cropland",
            "water",
            "built",
            "trees",
            "grass",
            "bare",
        ]
        .into_iter()
        .take(classes as usize)
        .map(str::to_owned)
        .collect(),
        evaluation: evaluate(&strong, QUICK).unwrap(),
        importance: features
            .iter()
            .zip([0.012, 0.07, 0.031, -0.001])
            .map(|(feature, mean)| Importance {
                feature: feature.clone(),
                auc: loss(mean),
                accuracy: loss(mean / 2.0),
            })
            .collect(),
        comparison: Some(compare(&weak, &strong, QUICK).unwrap()),
        area: Some(area()),
        drift: population.drift(&values(0.4)).unwrap(),
    }
}

/// Reads a page as XML would be read, so that an element that is not closed is found.
fn balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = &tag[..tag.find('>').unwrap()];
        if tag.starts_with('!') || tag.ends_with('/') || tag.starts_with("meta") {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_page_stands_alone_and_every_plot_is_described() {
    for classes in [2, 7] {
        let page = report(classes).html();
        balanced(&page);
        for outside in [
            "<script", "http:", "https:", "url(", "@import", "NaN", "inf\"",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        let plots = page.matches("<svg").count();
        assert_eq!(plots, 5);
        assert_eq!(page.matches("<desc").count(), plots);
        assert_eq!(page.matches("<details>").count(), plots);
        for word in [
            "very_long_name_S2",
            "mapped",
            "better",
            "large",
            "optimistic",
            "Each fold",
        ] {
            assert!(page.contains(word), "{word}");
        }
    }
}

#[test]
fn a_page_shows_the_figures_of_its_report() {
    let report = report(2);
    let page = report.html();
    let evaluation = &report.evaluation;
    for figure in [evaluation.accuracy, evaluation.brier] {
        assert!(page.contains(&format!("{:.3}", figure.value)), "{figure:?}");
        assert!(page.contains(&format!("{:.3} to {:.3}", figure.low, figure.high)));
    }
    let important = page.find(">nir_S1<").unwrap();
    assert!(
        important < page.find(">red_S1<").unwrap(),
        "the most important feature comes first"
    );
}

#[test]
fn names_that_mean_harm_are_only_text() {
    let mut report = report(2);
    let harm = "<img src=x onerror=alert(1)>\"'&";
    report.title = harm.to_owned();
    report.summary = harm.to_owned();
    report.warnings.push(harm.to_owned());
    report.facts.push((harm.to_owned(), harm.to_owned()));
    report.classes[1] = harm.to_owned();
    report.importance[0].feature = harm.to_owned();
    report.drift[0].feature = harm.to_owned();
    if let Some(area) = &mut report.area {
        area.map = harm.to_owned();
        area.classes[0].name = harm.to_owned();
    }
    let page = report.html();
    balanced(&page);
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
}

#[test]
fn a_report_is_the_same_as_json() {
    let report = report(3);
    let text = serde_json::to_string(&report).unwrap();
    let again: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(again.html(), report.html());
}

#[test]
fn what_is_not_known_is_left_out() {
    let report = Report {
        importance: Vec::new(),
        comparison: None,
        area: None,
        drift: Vec::new(),
        facts: Vec::new(),
        warnings: Vec::new(),
        ..report(2)
    };
    let page = report.html();
    balanced(&page);
    for heading in [
        "Importance",
        "Against the model",
        "<h2>Area",
        "Drift",
        "About the model",
    ] {
        assert!(!page.contains(heading), "{heading}");
    }
}
