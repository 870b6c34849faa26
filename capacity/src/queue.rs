//! Waiting for one of several workers.
//!
//! Jobs of many independent users arrive as a Poisson process; they go to the first free of c workers that are alike. With
//! service times that are exponential this is the queue M/M/c, whose probability of waiting is Erlang's C formula (A. K.
//! Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone exchanges",
//! 1917). For other service times the mean wait is scaled by the mean of the squared coefficients of variation, as in
//! A. O. Allen, "Probability, Statistics, and Queueing Theory", 1978 (the formula of Allen and Cunneen). It is exact for
//! M/M/c and for M/G/1 (Pollaczek and Khinchine), and good within some per cent elsewhere.

/// The probability that a job has to wait, by Erlang's C formula.
///
/// `load` is the arrival rate times the mean service time, in erlangs: the mean number of busy workers. 1 if the workers
/// cannot keep up.
pub fn erlang_c(workers: u32, load: f64) -> f64 {
    let c = f64::from(workers);
    if load >= c {
        return 1.0;
    }
    // Erlang's B by its recursion: factorials of hundreds of workers fit no number.
    let mut blocked = 1.0;
    for n in 1..=workers {
        blocked = load * blocked / (f64::from(n) + load * blocked);
    }
    c * blocked / (c - load * (1.0 - blocked))
}

/// A queue with its workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    /// Arrivals a second.
    pub arrivals: f64,
    /// Mean seconds of a job.
    pub service: f64,
    /// Standard deviation of these seconds by their mean: 0 for jobs that are all alike, 1 for exponential ones.
    pub variation: f64,
}

impl Queue {
    /// Mean number of busy workers, in erlangs.
    pub fn load(&self) -> f64 {
        self.arrivals * self.service
    }

    /// Mean seconds that those who wait at all wait, exponentially distributed.
    fn wait_of_those_who_wait(&self, workers: u32) -> f64 {
        let free = f64::from(workers) - self.load();
        // Poisson arrivals have a squared coefficient of variation of 1.
        let scale = f64::midpoint(1.0, self.variation * self.variation);
        scale * self.service / free
    }

    /// Mean seconds before a job begins; infinite if the workers cannot keep up.
    pub fn mean_wait(&self, workers: u32) -> f64 {
        if self.load() >= f64::from(workers) {
            return f64::INFINITY;
        }
        erlang_c(workers, self.load()) * self.wait_of_those_who_wait(workers)
    }

    /// The share of jobs that wait longer than so many seconds.
    pub fn share_waiting_longer(&self, seconds: f64, workers: u32) -> f64 {
        if self.load() >= f64::from(workers) {
            return 1.0;
        }
        erlang_c(workers, self.load()) * (-seconds / self.wait_of_those_who_wait(workers)).exp()
    }

    /// The fewest workers with which at most `share` of the jobs wait longer than so many seconds; `None` if more than
    /// `most` were needed.
    pub fn workers_for(&self, seconds: f64, share: f64, most: u32) -> Option<u32> {
        let least = (self.load().floor() + 1.0).min(f64::from(most) + 1.0) as u32;
        (least..=most).find(|workers| self.share_waiting_longer(seconds, *workers) <= share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_of_waiting_is_that_of_the_published_tables() {
        // Exact: c = 1 is the load itself; 1/3 and 4/9 follow from the formula by hand. The others are those of the tables
        // in textbooks (load of 0.8 each), to four digits.
        for (workers, load, expected) in [
            (1, 0.8, 0.8),
            (2, 1.0, 1.0 / 3.0),
            (3, 2.0, 4.0 / 9.0),
            (2, 1.6, 0.7111),
            (5, 4.0, 0.5541),
            (10, 8.0, 0.4092),
            (20, 16.0, 0.2561),
        ] {
            let found = erlang_c(workers, load);
            assert!(
                (found - expected).abs() < 5e-5,
                "{workers} workers, {load} erlangs: {found}"
            );
        }
        assert!(erlang_c(1000, 950.0) > 0.0 && erlang_c(1000, 950.0) < 0.1);
        assert!((erlang_c(3, 3.5) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn one_worker_is_as_pollaczek_and_khinchine_have_it() {
        // Load 0.8, service 10 s: exponential 40 s, all alike half of that.
        let queue = |variation| Queue {
            arrivals: 0.08,
            service: 10.0,
            variation,
        };
        assert!((queue(1.0).mean_wait(1) - 40.0).abs() < 1e-9);
        assert!((queue(0.0).mean_wait(1) - 20.0).abs() < 1e-9);
        assert!((queue(2.0).mean_wait(1) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn enough_workers_are_the_fewest_that_are_enough() {
        let queue = Queue {
            arrivals: 0.5,
            service: 20.0,
            variation: 1.0,
        };
        let workers = queue.workers_for(60.0, 0.05, 1000).unwrap();
        assert!(queue.share_waiting_longer(60.0, workers) <= 0.05);
        assert!(queue.share_waiting_longer(60.0, workers - 1) > 0.05);
        assert!(queue.mean_wait(10).is_infinite());
        assert_eq!(queue.workers_for(60.0, 0.05, 10), None);
        let idle = Queue {
            arrivals: 0.0,
            ..queue
        };
        assert_eq!(idle.workers_for(0.0, 0.05, 10), Some(1));
    }
}
