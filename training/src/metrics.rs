//! The plain version of what [`evaluate`](crate::evaluate) computes for every draw of the bootstrap at once, for its
//! tests: confusion matrix and what follows from it, area under the ROC curve.

use serde::{Deserialize, Serialize};

/// How often each class was taken for each. Rows are the truth, columns the prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    /// An empty matrix for `classes` classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self(vec![vec![0; classes]; classes])
    }

    /// Counts one prediction.
    ///
    /// # Panics
    /// If a class is not below the number of classes.
    pub(crate) fn add(&mut self, truth: usize, predicted: usize) {
        self.0[truth][predicted] += 1;
    }

    /// The share of right predictions; NaN if there are none at all.
    pub(crate) fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.0.len()).map(|class| self.0[class][class]).sum();
        let all: u64 = self.0.iter().flatten().sum();
        right as f64 / all as f64
    }

    /// The mean over classes of the share of a class that was found. Classes that do not occur are
    /// left out.
    pub(crate) fn balanced_accuracy(&self) -> f64 {
        let shares = (0..self.0.len()).filter_map(|class| {
            let occurs: u64 = self.0[class].iter().sum();
            (occurs > 0).then(|| self.0[class][class] as f64 / occurs as f64)
        });
        mean(&shares.collect::<Vec<_>>())
    }

    /// The harmonic mean of precision and recall of a class; 0 if the class neither occurs nor is
    /// predicted.
    pub(crate) fn f1(&self, class: usize) -> f64 {
        let right = self.0[class][class];
        let occurs: u64 = self.0[class].iter().sum();
        let predicted: u64 = self.0.iter().map(|row| row[class]).sum();
        if occurs + predicted == 0 {
            0.0
        } else {
            2.0 * right as f64 / (occurs + predicted) as f64
        }
    }

    /// F1 of class 1 if there are two classes, else the mean over classes.
    pub(crate) fn f1_overall(&self) -> f64 {
        match self.0.len() {
            2 => self.f1(1),
            classes => mean(&(0..classes).map(|class| self.f1(class)).collect::<Vec<_>>()),
        }
    }
}

/// The area under the ROC curve: how often a sample of the class scores higher than one that is
/// not, ties counting half. Computed from ranks, as the statistic of Mann and Whitney. `None` if
/// there are no such pairs.
///
/// # Panics
/// If the slices differ in length.
pub(crate) fn auc(scores: &[f32], of_class: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), of_class.len(), "one score for each sample");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let inside = of_class.iter().filter(|inside| **inside).count() as f64;
    let outside = scores.len() as f64 - inside;
    if inside == 0.0 || outside == 0.0 {
        return None;
    }
    let mut rank_sum = 0.0;
    let mut before = 0;
    for ties in order.chunk_by(|a, b| scores[*a].total_cmp(&scores[*b]).is_eq()) {
        // The mean of the ranks before + 1 to before + ties.
        let rank = before as f64 + f64::midpoint(ties.len() as f64, 1.0);
        rank_sum += rank * ties.iter().filter(|row| of_class[**row]).count() as f64;
        before += ties.len();
    }
    Some((rank_sum - inside * (inside + 1.0) / 2.0) / (inside * outside))
}

/// AUC of class 1 if there are two classes, else the mean over classes of each against the rest.
/// `scores` is row-major, one column for two classes and one for each class otherwise.
pub(crate) fn auc_overall(scores: &[f32], labels: &[u32], classes: usize) -> Option<f64> {
    let of_class = |class: usize| labels.iter().map(move |label| *label as usize == class);
    if classes == 2 {
        return auc(scores, &of_class(1).collect::<Vec<_>>());
    }
    let areas = (0..classes).map(|class| {
        let column: Vec<f32> = scores[class.min(scores.len())..]
            .iter()
            .step_by(classes)
            .copied()
            .collect();
        auc(&column, &of_class(class).collect::<Vec<_>>())
    });
    areas.collect::<Option<Vec<_>>>().map(|areas| mean(&areas))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(counts: &[&[u64]]) -> Confusion {
        Confusion(counts.iter().map(|row| row.to_vec()).collect())
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn a_matrix_of_two_classes_by_hand() {
        // 50 right and 10 wrong of class 0, 5 wrong and 35 right of class 1.
        let matrix = confusion(&[&[50, 10], &[5, 35]]);
        close(matrix.accuracy(), 0.85);
        close(
            matrix.balanced_accuracy(),
            f64::midpoint(50.0 / 60.0, 35.0 / 40.0),
        );
        // Precision 35/45, recall 35/40.
        close(matrix.f1_overall(), 2.0 * 35.0 / 85.0);
    }

    #[test]
    fn a_matrix_of_three_classes_agrees_with_scikit_learn() {
        // y = [0,0,1,1,1,2,2,2,2], p = [0,1,1,1,2,2,2,0,2] in scikit-learn 1.9:
        // accuracy 0.6666666667, balanced 0.6388888889, macro F1 0.6388888889
        let mut matrix = Confusion::new(3);
        let truth = [0, 0, 1, 1, 1, 2, 2, 2, 2];
        for (truth, predicted) in truth.into_iter().zip([0, 1, 1, 1, 2, 2, 2, 0, 2]) {
            matrix.add(truth, predicted);
        }
        close(matrix.accuracy(), 0.666_666_666_666_666_6);
        close(matrix.balanced_accuracy(), 0.638_888_888_888_888_8);
        close(matrix.f1_overall(), 0.638_888_888_888_888_8);
    }

    #[test]
    fn a_class_that_never_occurs_does_not_spoil_the_others() {
        let matrix = confusion(&[&[2, 0, 0], &[1, 1, 0], &[0, 0, 0]]);
        close(matrix.balanced_accuracy(), 0.75);
        close(matrix.f1(2), 0.0);
    }

    #[test]
    fn the_area_counts_pairs_and_half_of_the_ties() {
        // Pairs (inside, outside): .8>.1, .8>.4, .4>.1, .4=.4 -> 3.5 of 4.
        close(
            auc(&[0.1, 0.4, 0.4, 0.8], &[false, false, true, true]).unwrap(),
            3.5 / 4.0,
        );
        close(auc(&[0.5; 4], &[false, true, false, true]).unwrap(), 0.5);
        close(auc(&[0.9, 0.1], &[false, true]).unwrap(), 0.0);
        assert_eq!(auc(&[0.1, 0.2], &[true, true]), None);
    }

    #[test]
    fn the_area_of_several_classes_agrees_with_scikit_learn() {
        let scores = [
            0.7, 0.2, 0.1, 0.3, 0.4, 0.3, 0.2, 0.5, 0.3, 0.1, 0.6, 0.3, 0.2, 0.2, 0.6, 0.4, 0.3,
            0.3,
        ];
        close(
            auc_overall(&scores, &[0, 0, 1, 1, 2, 2], 3).unwrap(),
            0.895_833_333_333_333_4,
        );
    }
}
