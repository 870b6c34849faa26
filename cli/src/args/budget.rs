//! `--budget`: how much a run may cost.

use std::str::FromStr;

/// Limits of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Budget {
    /// Processor time of all threads together, in seconds.
    pub(crate) cpu_seconds: Option<f64>,
    /// Bytes of the published files.
    pub(crate) output_bytes: Option<u64>,
}

impl FromStr for Budget {
    type Err = String;

    /// `2h`, `90min`, `45s` of processor time; `20GB`, `500MB` on disk; both as `2h,20GB`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut budget = Self::default();
        for part in text.split(',').map(str::trim) {
            let wrong = || {
                format!(
                    "'{part}' is neither processor time (2h, 90min, 45s) nor disk (20GB, 500MB); both are written 2h,20GB"
                )
            };
            let unit = part
                .find(|c: char| c.is_ascii_alphabetic())
                .ok_or_else(wrong)?;
            let number: f64 = part[..unit].trim().parse().map_err(|_| wrong())?;
            if !(number.is_finite() && number > 0.0) {
                return Err(wrong());
            }
            match &part[unit..] {
                "h" => budget.cpu_seconds = Some(number * 3600.0),
                "min" | "m" => budget.cpu_seconds = Some(number * 60.0),
                "s" => budget.cpu_seconds = Some(number),
                "TB" => budget.output_bytes = Some((number * 1e12) as u64),
                "GB" => budget.output_bytes = Some((number * 1e9) as u64),
                "MB" => budget.output_bytes = Some((number * 1e6) as u64),
                _ => return Err(wrong()),
            }
        }
        Ok(budget)
    }
}
