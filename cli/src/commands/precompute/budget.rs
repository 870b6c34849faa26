//! What of a plan fits a budget.

use std::fmt;

use geocrop_precompute::Cost;

use super::table;
use crate::args::Budget;

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.cpu_seconds.map(table::duration);
        let disk = self.output_bytes.map(table::bytes);
        let parts: Vec<String> = [time.map(|t| format!("{t} of processor time")), disk]
            .into_iter()
            .flatten()
            .collect();
        f.write_str(&parts.join(" and "))
    }
}

impl Budget {
    fn holds(&self, cost: &Cost) -> bool {
        self.cpu_seconds.is_none_or(|most| cost.cpu_seconds <= most)
            && self
                .output_bytes
                .is_none_or(|most| cost.output_bytes <= most)
    }

    /// Why a list of costs does not fit, and what of it would; `None` when all of it fits.
    pub(crate) fn refusal(&self, costs: &[Cost]) -> Option<String> {
        let sum = |costs: &mut dyn Iterator<Item = &Cost>| {
            let mut total = Cost::default();
            costs.for_each(|cost| total += *cost);
            total
        };
        let total = sum(&mut costs.iter());
        if self.holds(&total) {
            return None;
        }
        let fitting = (0..costs.len())
            .take_while(|n| self.holds(&sum(&mut costs[..=*n].iter())))
            .count();
        // The smallest number of shards of which the first one fits.
        let shards = (2..=costs.len()).find(|n| self.holds(&sum(&mut costs.iter().step_by(*n))));
        let needs = format!(
            "the plan needs {} of processor time and {} on disk, more than the budget of {self}",
            table::duration(total.cpu_seconds),
            table::bytes(total.output_bytes),
        );
        let fits = match (fitting, shards) {
            (0, _) => {
                "; not even the first task fits: take a smaller area, or a larger budget".to_owned()
            }
            (fitting, Some(shards)) => format!(
                "; the first {fitting} of {} tasks would fit, or one shard of {shards}: --shard 1/{shards}",
                costs.len()
            ),
            (fitting, None) => format!("; the first {fitting} of {} tasks would fit", costs.len()),
        };
        Some(needs + &fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(cpu_seconds: f64, output_bytes: u64) -> Cost {
        Cost {
            cpu_seconds,
            output_bytes,
        }
    }

    #[test]
    fn time_and_disk_are_told_apart_by_their_units() {
        let both: Budget = "1.5h, 20GB".parse().unwrap();
        assert_eq!(both.cpu_seconds, Some(5400.0));
        assert_eq!(both.output_bytes, Some(20_000_000_000));
        assert_eq!(both.to_string(), "1 h 30 min of processor time and 20.0 GB");
        for wrong in ["", "20", "h", "-1h", "5 parsecs", "NaNs", "20gb"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_says_what_would_fit() {
        let budget: Budget = "100s".parse().unwrap();
        let costs = vec![cost(30.0, 5); 10];
        assert!(budget.refusal(&costs[..3]).is_none());
        let said = budget.refusal(&costs).unwrap();
        assert!(said.contains("first 3 of 10 tasks"), "{said}");
        assert!(said.contains("--shard 1/4"), "{said}");
        let large = budget.refusal(&[cost(101.0, 1)]).unwrap();
        assert!(large.contains("not even the first"), "{large}");
        let disk: Budget = "12MB".parse().unwrap();
        assert!(disk.refusal(&[cost(1.0, 12_000_001)]).is_some());
    }
}
