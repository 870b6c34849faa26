//! What is wrong with the rows of a file: the first ones by name, all of them counted.

use std::collections::BTreeMap;
use std::fmt;

/// So many are named.
pub const MOST_NAMED: usize = 20;

/// What a row's number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowUnit {
    /// Lines of a text, the header among them.
    Line,
    /// Features of a vector file.
    Feature,
}

impl fmt::Display for RowUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::Feature => "feature",
        })
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: the line or feature, from 1.
    pub row: u64,
    /// The column, or `geometry`.
    pub column: String,
    /// What was found there.
    pub found: String,
    /// What is wrong with it, the same words for all mistakes of a kind.
    pub reason: String,
}

/// The mistakes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    unit: RowUnit,
    named: Vec<Problem>,
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Problems {
    pub(crate) fn new(unit: RowUnit) -> Self {
        Self {
            unit,
            named: Vec::new(),
            counts: BTreeMap::new(),
            total: 0,
        }
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.total += 1;
        let kind = format!("column {}: {}", problem.column, problem.reason);
        *self.counts.entry(kind).or_default() += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(problem);
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first [`MOST_NAMED`] of them.
    pub fn named(&self) -> &[Problem] {
        &self.named
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.named {
            let Problem {
                row,
                column,
                found,
                reason,
            } = problem;
            // A field may hold a whole page.
            let short: String = found.chars().take(160).collect();
            write!(
                f,
                "\n  {} {row}, column {column}: {short:?}: {reason}",
                self.unit
            )?;
        }
        let left = self.total - self.named.len() as u64;
        if left > 0 {
            write!(f, "\n  and {left} more; in all:")?;
            for (kind, count) in &self.counts {
                write!(f, "\n  {count} x {kind}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_the_rest_is_counted() {
        let mut problems = Problems::new(RowUnit::Line);
        for row in 2..=30 {
            problems.add(Problem {
                row,
                column: "lat".into(),
                found: "north".into(),
                reason: "not a number".into(),
            });
        }
        let text = problems.to_string();
        assert!(
            text.contains("line 2, column lat: \"north\": not a number"),
            "{text}"
        );
        assert!(
            text.contains("line 21,") && !text.contains("line 22,"),
            "{text}"
        );
        assert!(text.contains("and 9 more"), "{text}");
        assert!(text.contains("29 x column lat: not a number"), "{text}");
    }
}
