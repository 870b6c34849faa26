//! Counts labels, or adds up probabilities, date by date: a few numbers a pixel however many dates there are.

use super::Evidence;
use crate::recipe::Method;

/// The index of a pixel without a class.
pub(crate) const NO_CLASS: u8 = u8::MAX;

/// Means that differ by less are level: it is what `f32` probabilities from different machines differ by.
const LEVEL: f64 = 1e-6;

/// One in fixed point. 366 days of it fit into `u32`, its step is well below [`LEVEL`], and whole numbers have the same
/// sum in any order.
const ONE: f64 = 8_388_608.0;

/// What has been seen of each pixel.
pub(crate) struct Tally {
    method: Method,
    classes: usize,
    /// `[pixel][class]`: votes, or sums of probability in fixed point.
    sums: Vec<u32>,
    /// Observations of each pixel.
    count: Vec<u16>,
}

/// What a pixel's observations come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// Index of the class, or [`NO_CLASS`].
    pub(crate) class: u8,
    /// Share of the observations that agree, or the mean probability of the class; 0 to 1.
    pub(crate) confidence: f64,
    /// Observations.
    pub(crate) count: u16,
    pub(crate) evidence: Evidence,
}

impl Tally {
    /// Nothing seen yet. `method` is one of those of labels.
    pub(crate) fn new(method: Method, classes: usize, pixels: usize) -> Self {
        Self {
            method,
            classes,
            sums: vec![0; classes * pixels],
            count: vec![0; pixels],
        }
    }

    /// Bytes of memory a pixel.
    pub(crate) fn bytes_per_pixel(classes: usize) -> usize {
        classes * size_of::<u32>() + size_of::<u16>()
    }

    /// Whether probabilities are added up, rather than labels counted.
    pub(crate) fn takes_probabilities(&self) -> bool {
        self.method == Method::MeanProbability
    }

    /// Adds one date's classes, by their index, [`NO_CLASS`] where nothing was seen.
    pub(crate) fn vote(&mut self, labels: &[u8]) {
        let rows = self.sums.chunks_exact_mut(self.classes);
        for ((sums, count), label) in rows.zip(&mut self.count).zip(labels) {
            if let Some(votes) = sums.get_mut(usize::from(*label)) {
                *votes += 1;
                *count += 1;
            }
        }
    }

    /// Adds one date's probabilities, `[class][pixel]`, NaN where nothing was seen.
    pub(crate) fn add(&mut self, probabilities: &[f32]) {
        let pixels = self.count.len();
        let rows = self.sums.chunks_exact_mut(self.classes);
        for (pixel, (sums, count)) in rows.zip(&mut self.count).enumerate() {
            let of_pixel = probabilities.iter().skip(pixel).step_by(pixels);
            if of_pixel.clone().any(|p| p.is_nan()) {
                continue;
            }
            for (sum, probability) in sums.iter_mut().zip(of_pixel) {
                *sum += (f64::from(*probability) * ONE).round() as u32;
            }
            *count += 1;
        }
    }

    /// What each pixel's observations come to; fewer than `thin` are thin evidence.
    pub(crate) fn verdicts(&self, thin: u16) -> impl Iterator<Item = Verdict> {
        let rows = self.sums.chunks_exact(self.classes).zip(&self.count);
        rows.map(move |(sums, count)| self.verdict(sums, *count, thin))
    }

    fn verdict(&self, sums: &[u32], count: u16, thin: u16) -> Verdict {
        if count == 0 {
            return Verdict {
                class: NO_CLASS,
                confidence: 0.0,
                count,
                evidence: Evidence::None,
            };
        }
        let (unit, level) = if self.takes_probabilities() {
            (
                f64::from(count) * ONE,
                (f64::from(count) * ONE * LEVEL) as u32,
            )
        } else {
            (f64::from(count), 0)
        };
        let most = sums.iter().copied().max().unwrap_or(0);
        let mut ahead = (0..).zip(sums).filter(|(_, sum)| most - **sum <= level);
        let class = ahead.next().map_or(NO_CLASS, |(class, _)| class);
        let evidence = if ahead.next().is_some() {
            Evidence::Tie
        } else if count < thin {
            Evidence::Thin
        } else {
            Evidence::Sound
        };
        Verdict {
            class,
            confidence: f64::from(sums[usize::from(class)]) / unit,
            count,
            evidence,
        }
    }
}

/// The index of the most probable class of each pixel, the first where several are; `probabilities` is
/// `[class][pixel]`.
pub(crate) fn most_probable(probabilities: &[f32], pixels: usize) -> Vec<u8> {
    (0..pixels)
        .map(|pixel| {
            let mut best = (NO_CLASS, f32::NEG_INFINITY);
            for (class, probability) in (0..).zip(probabilities.iter().skip(pixel).step_by(pixels))
            {
                if probability.is_nan() {
                    return NO_CLASS;
                }
                if *probability > best.1 {
                    best = (class, *probability);
                }
            }
            best.0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tally: &Tally, thin: u16) -> Verdict {
        tally.verdicts(thin).next().unwrap()
    }

    fn votes(labels: &[u8], thin: u16) -> (u8, u16, Evidence) {
        let mut tally = Tally::new(Method::Mode, 9, 1);
        for label in labels {
            tally.vote(&[*label]);
        }
        let Verdict {
            class,
            count,
            evidence,
            ..
        } = one(&tally, thin);
        (class, count, evidence)
    }

    #[test]
    fn the_mode_is_the_class_that_most_dates_have() {
        assert_eq!(votes(&[4, 1, 4, NO_CLASS, 4], 4), (4, 4, Evidence::Sound));
        assert_eq!(votes(&[4, 1, 4], 4), (4, 3, Evidence::Thin));
        assert_eq!(votes(&[NO_CLASS], 1), (NO_CLASS, 0, Evidence::None));
    }

    #[test]
    fn a_tie_shows_the_lower_class_whatever_the_order_and_says_so() {
        assert_eq!(votes(&[5, 2, 5, 2, 7], 1), (2, 5, Evidence::Tie));
        assert_eq!(votes(&[2, 2, 5, 5, 7], 1), (2, 5, Evidence::Tie));
        // Thin as well; that nothing is ahead weighs more.
        assert_eq!(votes(&[8, 0], 4), (0, 2, Evidence::Tie));
    }

    #[test]
    fn a_year_of_sure_days_does_not_overflow() {
        let mut tally = Tally::new(Method::MeanProbability, 2, 1);
        for _ in 0..366 {
            tally.add(&[0.0, 1.0]);
        }
        let verdict = one(&tally, 4);
        assert_eq!((verdict.class, verdict.count), (1, 366));
        assert!((verdict.confidence - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_mean_may_choose_a_class_that_never_won_a_day() {
        let mut tally = Tally::new(Method::MeanProbability, 3, 2);
        tally.add(&[0.55, f32::NAN, 0.00, 0.2, 0.45, 0.8]);
        tally.add(&[0.00, 0.4, 0.55, 0.3, 0.45, 0.3]);
        let verdicts: Vec<_> = tally.verdicts(2).collect();
        assert_eq!(verdicts[0].class, 2);
        assert!((verdicts[0].confidence - 0.45).abs() < 1e-6);
        assert_eq!(verdicts[0].evidence, Evidence::Sound);
        // The second pixel was not seen on the first day.
        assert_eq!((verdicts[1].class, verdicts[1].count), (0, 1));
        assert_eq!(verdicts[1].evidence, Evidence::Thin);
    }

    #[test]
    fn means_closer_than_a_millionth_are_level() {
        let evidence = |difference: f32| {
            let mut tally = Tally::new(Method::MeanProbability, 2, 1);
            for _ in 0..5 {
                tally.add(&[0.3, 0.3 + difference]);
            }
            let verdict = one(&tally, 1);
            (verdict.class, verdict.evidence)
        };
        assert_eq!(evidence(5e-7), (0, Evidence::Tie));
        assert_eq!(evidence(5e-6), (1, Evidence::Sound));
    }

    #[test]
    fn the_most_probable_class_of_a_tie_is_the_first() {
        let planes = [0.2, 0.4, f32::NAN, 0.4, 0.3, 0.5, 0.4, 0.3, 0.5];
        assert_eq!(most_probable(&planes, 3), [1, 0, NO_CLASS]);
    }

    #[test]
    fn tallies_agree_with_sorting_all_the_values() {
        // Plain oracle: keep everything, then count and average.
        let (classes, dates, pixels) = (9_usize, 23_usize, 50_usize);
        let random = |n: usize| {
            let mut x = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            x ^= x >> 31;
            x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (x >> 40) as f32 / (1 << 24) as f32
        };
        let mut mode = Tally::new(Method::Mode, classes, pixels);
        let mut mean = Tally::new(Method::MeanProbability, classes, pixels);
        let mut seen: Vec<Vec<Vec<f32>>> = vec![Vec::new(); pixels];
        for date in 0..dates {
            let mut planes = vec![f32::NAN; classes * pixels];
            for pixel in 0..pixels {
                if random(date * 7919 + pixel) < 0.3 {
                    continue;
                }
                let raw: Vec<f32> = (0..classes)
                    .map(|class| random((date * pixels + pixel) * classes + class).powi(4))
                    .collect();
                let sum: f32 = raw.iter().sum();
                let row: Vec<f32> = raw.iter().map(|v| v / sum).collect();
                for (class, value) in row.iter().enumerate() {
                    planes[class * pixels + pixel] = *value;
                }
                seen[pixel].push(row);
            }
            mode.vote(&most_probable(&planes, pixels));
            mean.add(&planes);
        }
        for (pixel, (voted, averaged)) in mode.verdicts(1).zip(mean.verdicts(1)).enumerate() {
            let rows = &seen[pixel];
            let top = |row: &Vec<f32>| {
                (0..classes).fold(0, |best, c| if row[c] > row[best] { c } else { best })
            };
            let share = |class: usize| rows.iter().filter(|r| top(r) == class).count();
            let winner = (0..classes).fold(0, |b, c| if share(c) > share(b) { c } else { b });
            assert_eq!(usize::from(voted.class), winner);
            assert_eq!(usize::from(voted.count), rows.len());
            let expected = share(winner) as f64 / rows.len() as f64;
            assert!((voted.confidence - expected).abs() < 1e-12);
            let level = (0..classes).filter(|c| share(*c) == share(winner)).count();
            assert_eq!(voted.evidence == Evidence::Tie, level > 1);

            let average = |class: usize| {
                rows.iter().map(|r| f64::from(r[class])).sum::<f64>() / rows.len() as f64
            };
            let best = (0..classes).fold(0, |b, c| if average(c) > average(b) { c } else { b });
            assert_eq!(usize::from(averaged.class), best);
            assert!((averaged.confidence - average(best)).abs() < 1e-6);
        }
    }
}
