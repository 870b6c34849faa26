//! What is remarkable about samples of which each by itself is right.

use std::collections::BTreeMap;

use geocrop_model::Legend;
use serde::{Deserialize, Serialize};

use crate::sample::Sample;

/// So many pairs are named.
const MOST_PAIRS: usize = 20;

/// Pairs of rows, the first by number and all of them counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    /// How many there are.
    pub count: u64,
    /// The rows of the first of them.
    pub rows: Vec<[u64; 2]>,
}

impl Pairs {
    fn add(&mut self, first: u64, second: u64) {
        self.count += 1;
        if self.rows.len() < MOST_PAIRS {
            self.rows.push([first.min(second), first.max(second)]);
        }
    }

    fn listed(&self, name: &dyn Fn(u64) -> String) -> String {
        let pairs = self
            .rows
            .iter()
            .map(|[a, b]| format!("{} and {}", name(*a), name(*b)));
        let list = pairs.collect::<Vec<_>>().join(", ");
        let more = self.count - self.rows.len() as u64;
        match more {
            0 => list,
            more => format!("{list}, and {more} more"),
        }
    }
}

/// What was found in a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// Rows that were read.
    pub rows: u64,
    /// Rows of the same place, time and class as another: counted once.
    pub duplicates: Pairs,
    /// Rows of the same place and time as another and of another class: both are kept.
    pub contradictions: Pairs,
    /// Samples outside of where they were expected.
    pub outside: u64,
    /// For people: what to look at before a model learns from these samples.
    pub remarks: Vec<String>,
}

/// Brings samples into one order and takes repeated ones away.
pub(crate) fn sorted(mut samples: Vec<(Sample, u64)>, checks: &mut Checks) -> Vec<(Sample, u64)> {
    samples.sort_by(|(a, row), (b, other)| a.order(b).then(row.cmp(other)));
    let mut kept: Vec<(Sample, u64)> = Vec::with_capacity(samples.len());
    for (sample, row) in samples {
        if let Some((last, before)) = kept.last()
            && last.shape == sample.shape
            && last.time == sample.time
        {
            if last.class == sample.class {
                checks.duplicates.add(*before, row);
                continue;
            }
            checks.contradictions.add(*before, row);
        }
        kept.push((sample, row));
    }
    kept
}

/// Adds what people should know. `unit` is what rows are (lines, features or samples), and `row` says which one it is.
pub(crate) fn remark(
    checks: &mut Checks,
    classes: &BTreeMap<u8, u64>,
    legend: Option<&Legend>,
    (unit, row): (&str, &dyn Fn(u64) -> String),
    expected: Option<&str>,
) {
    let name = |value: u8| match legend.and_then(|legend| legend.get(value)) {
        Some(class) => format!("{value} ({})", class.name),
        None => value.to_string(),
    };
    let mut say = |text: String| checks.remarks.push(text);
    if checks.duplicates.count > 0 {
        say(format!(
            "{} sample(s) repeat another of the same place, time and class; each is kept once ({unit} {})",
            checks.duplicates.count,
            checks.duplicates.listed(row)
        ));
    }
    if checks.contradictions.count > 0 {
        say(format!(
            "{} sample(s) contradict another of the same place and time but of another class; both are kept, so look at \
             them ({unit} {})",
            checks.contradictions.count,
            checks.contradictions.listed(row)
        ));
    }
    if checks.outside > 0 {
        say(format!(
            "{} sample(s) lie outside {}",
            checks.outside,
            expected.unwrap_or("the expected area")
        ));
    }
    if let [only] = classes.keys().copied().collect::<Vec<_>>().as_slice() {
        say(format!(
            "all samples are of class {}: a model needs two classes, so add another batch before training",
            name(*only)
        ));
    }
    for (class, _) in classes.iter().filter(|(_, count)| **count == 1) {
        say(format!(
            "class {} has one sample: it cannot be learnt from and tested on at once",
            name(*class)
        ));
    }
    let absent: Vec<String> = legend
        .into_iter()
        .flat_map(Legend::iter)
        .filter(|class| !classes.contains_key(&class.value))
        .map(|class| name(class.value))
        .collect();
    if !absent.is_empty() && classes.len() > 1 {
        say(format!("no sample is of class {}", absent.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, Shape};

    fn sample(lon: f64, class: u8) -> Sample {
        Sample {
            shape: Shape::Point(Place::new(lon, -17.0)),
            time: "2021".parse().unwrap(),
            class,
            group: None,
            weight: None,
            note: None,
        }
    }

    #[test]
    fn repeated_samples_go_and_contradictions_stay() {
        let mut checks = Checks::default();
        let rows = [
            (30.0, 1),
            (31.0, 0),
            (30.0, 1),
            (31.0, 1),
            (32.0, 0),
            (30.0, 1),
        ];
        let samples = rows
            .iter()
            .zip(2..)
            .map(|(&(lon, class), row)| (sample(lon, class), row));
        let kept = sorted(samples.collect(), &mut checks);
        assert_eq!(kept.len(), 4);
        assert_eq!(checks.duplicates.rows, [[2, 4], [2, 7]]);
        assert_eq!(checks.contradictions.rows, [[3, 5]]);
        remark(
            &mut checks,
            &BTreeMap::from([(0, 1), (1, 3)]),
            None,
            ("lines", &|row| row.to_string()),
            None,
        );
        let text = checks.remarks.join("\n");
        assert!(text.contains("lines 2 and 4, 2 and 7"), "{text}");
        assert!(text.contains("class 0 has one sample"), "{text}");
    }

    #[test]
    fn another_time_is_another_sample() {
        let mut later = sample(30.0, 0);
        later.time = "2022".parse().unwrap();
        let mut checks = Checks::default();
        let kept = sorted(vec![(sample(30.0, 1), 2), (later, 3)], &mut checks);
        assert_eq!((kept.len(), checks.contradictions.count), (2, 0));
    }
}
