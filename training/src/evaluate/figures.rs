//! All figures of one set of weights in one pass, fast enough to do it a thousand times.

use super::Predictions;

/// Bins of the reliability curve, of equal width.
pub(super) const BINS: usize = 10;

/// Where a figure stands in a row of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Accuracy,
    BalancedAccuracy,
    F1,
    Auc,
    Brier,
    CalibrationError,
    BinPredicted(usize),
    BinFound(usize),
    User(usize),
    Producer(usize),
    ClassF1(usize),
    ClassAuc(usize),
}

impl Column {
    pub(super) fn index(self, classes: usize) -> usize {
        const BINNED: usize = 6;
        const BY_CLASS: usize = BINNED + 2 * BINS;
        match self {
            Self::Accuracy => 0,
            Self::BalancedAccuracy => 1,
            Self::F1 => 2,
            Self::Auc => 3,
            Self::Brier => 4,
            Self::CalibrationError => 5,
            Self::BinPredicted(bin) => BINNED + bin,
            Self::BinFound(bin) => BINNED + BINS + bin,
            Self::User(class) => BY_CLASS + class,
            Self::Producer(class) => BY_CLASS + classes + class,
            Self::ClassF1(class) => BY_CLASS + 2 * classes + class,
            Self::ClassAuc(class) => BY_CLASS + 3 * classes + class,
        }
    }

    fn count(classes: usize) -> usize {
        Self::ClassAuc(classes - 1).index(classes) + 1
    }
}

/// Everything about predictions that does not depend on weights.
pub(super) struct Prepared<'p> {
    predictions: &'p Predictions,
    /// The likeliest class of each sample, the first of equals.
    pub(super) predicted: Vec<u32>,
    /// The probability whose calibration is judged.
    pub(super) score: Vec<f32>,
    /// Whether what it is the probability of came true.
    hit: Vec<bool>,
    /// The bin of the reliability curve that it falls into.
    pub(super) bin: Vec<u8>,
    /// What each sample adds to the Brier score.
    squared: Vec<f64>,
    /// For each class, the samples by rising probability of it.
    orders: Vec<Order>,
}

/// Samples by rising probability of a class.
pub(super) struct Order {
    pub(super) rows: Vec<u32>,
    /// Whether the next sample has another probability.
    pub(super) ends: Vec<bool>,
}

impl<'p> Prepared<'p> {
    pub(super) fn new(predictions: &'p Predictions) -> Self {
        let samples = predictions.truth.len();
        let mut prepared = Self {
            predictions,
            predicted: Vec::with_capacity(samples),
            score: Vec::with_capacity(samples),
            hit: Vec::with_capacity(samples),
            bin: Vec::with_capacity(samples),
            squared: Vec::with_capacity(samples),
            orders: (0..predictions.classes)
                .map(|class| Order::of(predictions, class))
                .collect(),
        };
        for (row, truth) in predictions.truth.iter().enumerate() {
            prepared.push(predictions.row(row), *truth);
        }
        prepared
    }

    fn push(&mut self, probabilities: &[f32], truth: u32) {
        let predicted = largest(probabilities);
        let (class, hit) = if probabilities.len() == 2 {
            (1, truth == 1)
        } else {
            (predicted, truth as usize == predicted)
        };
        let score = probabilities[class];
        let squared = |(class, p): (usize, &f32)| {
            (f64::from(*p) - f64::from(class == truth as usize)).powi(2)
        };
        // With two classes both terms are the same; the score is one of them.
        let terms = usize::from(probabilities.len() == 2);
        let sum: f64 = probabilities
            .iter()
            .enumerate()
            .skip(terms)
            .map(squared)
            .sum();
        self.predicted.push(predicted as u32);
        self.score.push(score);
        self.hit.push(hit);
        self.bin.push(bin_of(score, BINS) as u8);
        self.squared.push(sum);
    }

    /// The order of the samples by the probability of a class.
    pub(super) fn order(&self, class: usize) -> &Order {
        &self.orders[class]
    }

    /// Sums of weights, `[truth][prediction]`.
    pub(super) fn confusion(&self, weights: &[f64]) -> Vec<Vec<f64>> {
        let classes = self.predictions.classes;
        let mut matrix = vec![vec![0.0; classes]; classes];
        let rows = self.predictions.truth.iter().zip(&self.predicted);
        for ((truth, predicted), weight) in rows.zip(weights) {
            matrix[*truth as usize][*predicted as usize] += weight;
        }
        matrix
    }

    /// Every figure by [`Column::index`]; NaN where it is not defined. Samples of weight 0 are not
    /// there.
    pub(super) fn figures(&self, weights: &[f64]) -> Vec<f64> {
        let classes = self.predictions.classes;
        let mut out = vec![f64::NAN; Column::count(classes)];
        let mut set = |column: Column, value: f64| out[column.index(classes)] = value;

        let matrix = self.confusion(weights);
        let all: f64 = matrix.iter().flatten().sum();
        let (mut right, mut producers, mut f1s, mut aucs) =
            (0.0, Mean::default(), Mean::default(), Mean::default());
        for class in 0..classes {
            let hits = matrix[class][class];
            let occurs: f64 = matrix[class].iter().sum();
            let called: f64 = matrix.iter().map(|row| row[class]).sum();
            let (producer, f1) = (hits / occurs, 2.0 * hits / (occurs + called));
            // Of two classes, the curve of one is that of the other seen from behind.
            let auc = self.auc(usize::from(classes == 2).max(class), weights);
            right += hits;
            producers.add(producer);
            f1s.add(f1);
            aucs.add(auc);
            set(Column::User(class), hits / called);
            set(Column::Producer(class), producer);
            set(Column::ClassF1(class), f1);
            set(Column::ClassAuc(class), auc);
            if classes == 2 && class == 1 {
                set(Column::F1, f1);
            }
        }
        set(Column::Accuracy, right / all);
        set(Column::BalancedAccuracy, producers.value());
        set(Column::Auc, aucs.value());
        if classes > 2 {
            set(Column::F1, f1s.value());
        }
        let squares: f64 = self.squared.iter().zip(weights).map(|(s, w)| s * w).sum();
        set(Column::Brier, squares / all);
        self.calibration(weights, all, &mut set);
        out
    }

    fn calibration(&self, weights: &[f64], all: f64, set: &mut impl FnMut(Column, f64)) {
        let mut bins = [(0.0, 0.0, 0.0); BINS];
        for (row, weight) in weights.iter().enumerate() {
            let (sum, predicted, found) = &mut bins[usize::from(self.bin[row])];
            *sum += weight;
            *predicted += weight * f64::from(self.score[row]);
            *found += weight * f64::from(self.hit[row]);
        }
        let mut error = 0.0;
        for (bin, (sum, predicted, found)) in bins.into_iter().enumerate() {
            error += (predicted - found).abs();
            set(Column::BinPredicted(bin), predicted / sum);
            set(Column::BinFound(bin), found / sum);
        }
        set(Column::CalibrationError, error / all);
    }

    /// The weighted share of pairs of a sample of the class and one that is not in which the first
    /// has the higher probability, ties counting half.
    fn auc(&self, class: usize, weights: &[f64]) -> f64 {
        let order = &self.orders[class];
        let (mut pairs, mut below, mut inside, mut outside) = (0.0, 0.0, 0.0, 0.0);
        let (mut tied_inside, mut tied_outside) = (0.0, 0.0);
        for (row, end) in order.rows.iter().zip(&order.ends) {
            let row = *row as usize;
            if self.predictions.truth[row] as usize == class {
                tied_inside += weights[row];
            } else {
                tied_outside += weights[row];
            }
            if *end {
                pairs += tied_inside * (below + tied_outside / 2.0);
                below += tied_outside;
                inside += tied_inside;
                outside += tied_outside;
                (tied_inside, tied_outside) = (0.0, 0.0);
            }
        }
        pairs / (inside * outside)
    }
}

impl Order {
    fn of(predictions: &Predictions, class: usize) -> Self {
        let score = |row: u32| predictions.row(row as usize)[class];
        let mut rows: Vec<u32> = (0..predictions.truth.len() as u32).collect();
        rows.sort_by(|a, b| score(*a).total_cmp(&score(*b)));
        let ends = (0..rows.len())
            .map(|at| {
                rows.get(at + 1)
                    .is_none_or(|next| score(*next) > score(rows[at]))
            })
            .collect();
        Self { rows, ends }
    }
}

/// The mean of what is defined.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.count += 1.0;
        }
    }

    fn value(&self) -> f64 {
        self.sum / self.count
    }
}

pub(super) fn bin_of(probability: f32, bins: usize) -> usize {
    ((probability * bins as f32) as usize).min(bins - 1)
}

fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}
