//! What a task will cost, from what others of its recipe have cost on this machine.
//!
//! Two things take time: values that are read, masked and reduced (`samples`: pixels x scenes x bands), and pixels that
//! are classified, compressed and drawn as tiles. Each has one rate per recipe, learned from finished tasks; a recipe
//! that never ran here starts from the rates below.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How much a task has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Work {
    /// Pixels in the blocks that the area touches.
    pub pixels: u64,
    /// Values that are read: pixels x scenes x bands, as far as scenes overlap the area.
    pub samples: u64,
    /// Bytes of the scenes' files under the area; estimated where the catalog does not tell.
    pub input_bytes: u64,
    /// Scenes.
    pub dates: usize,
}

/// What it will cost, or has.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Cost {
    /// Processor time of all threads together, in seconds.
    pub cpu_seconds: f64,
    /// Bytes of the published files.
    pub output_bytes: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.output_bytes += other.output_bytes;
    }
}

/// What finished tasks of one recipe added up to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Experience {
    pixels: f64,
    samples: f64,
    /// Seconds of processor time of the stage that reads and maps.
    map_seconds: f64,
    /// Seconds of processor time of all that comes after.
    finish_seconds: f64,
    bytes: f64,
}

/// Rates by recipe.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Rates(BTreeMap<String, Experience>);

/// Of a recipe that never ran here: the whole chain with geomedian, deviations and 300 trees on two cores of a small
/// server, November 2026 (docs/performance.md).
const FIRST: Experience = Experience {
    pixels: 1.0,
    samples: 100.0,
    map_seconds: 3.0e-6,
    finish_seconds: 4.0e-7,
    bytes: 1.3,
};

/// Older experience fades, so that a new disk or a faster program shows within some tasks.
const FADE: f64 = 0.8;

impl Rates {
    /// Reads what was learned; a file that is not there or cannot be read is no experience.
    pub fn read(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Keeps what was learned.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let beside = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(beside.as_file(), self)?;
        beside.persist(path)?;
        Ok(())
    }

    /// Whether tasks of the recipe have run here.
    pub fn knows(&self, recipe: &str) -> bool {
        self.0.contains_key(recipe)
    }

    /// What so much work of a recipe will cost.
    pub fn cost(&self, recipe: &str, work: &Work) -> Cost {
        let known = self.0.get(recipe).unwrap_or(&FIRST);
        let per = |total: f64, units: f64| total / units.max(1.0);
        let pixels = work.pixels as f64;
        Cost {
            cpu_seconds: per(known.map_seconds, known.samples) * work.samples as f64
                + per(known.finish_seconds, known.pixels) * pixels,
            output_bytes: (per(known.bytes, known.pixels) * pixels) as u64,
        }
    }

    /// Learns from a finished task.
    pub(crate) fn learn(&mut self, recipe: &str, work: &Work, spent: &Spent) {
        let known = self.0.entry(recipe.to_owned()).or_default();
        for (old, new) in [
            (&mut known.pixels, work.pixels as f64),
            (&mut known.samples, work.samples as f64),
            (&mut known.map_seconds, spent.map_seconds),
            (&mut known.finish_seconds, spent.finish_seconds),
            (&mut known.bytes, spent.bytes as f64),
        ] {
            *old = *old * FADE + new;
        }
    }
}

/// What a task has taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) map_seconds: f64,
    pub(crate) finish_seconds: f64,
    pub(crate) bytes: u64,
}

impl Spent {
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            cpu_seconds: self.map_seconds + self.finish_seconds,
            output_bytes: self.bytes,
        }
    }
}

/// Processor time that this process has used, in seconds; 0 where the system does not tell.
pub(crate) fn cpu_seconds() -> f64 {
    // Fields 14 and 15 of proc(5)'s stat, in ticks of a hundredth of a second, counted after the program's name, which
    // may itself hold spaces.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(pixels: u64, samples: u64) -> Work {
        Work {
            pixels,
            samples,
            ..Work::default()
        }
    }

    #[test]
    fn a_task_like_the_last_ones_costs_what_they_did() {
        let mut rates = Rates::default();
        assert!(!rates.knows("ndvi"));
        for _ in 0..5 {
            let spent = Spent {
                map_seconds: 8.0,
                finish_seconds: 2.0,
                bytes: 5000,
            };
            rates.learn("ndvi", &work(10_000, 1_000_000), &spent);
        }
        let cost = rates.cost("ndvi", &work(20_000, 2_000_000));
        assert!((cost.cpu_seconds - 20.0).abs() < 1e-6, "{cost:?}");
        assert_eq!(cost.output_bytes, 10_000);
        let more_scenes = rates.cost("ndvi", &work(20_000, 4_000_000));
        assert!((more_scenes.cpu_seconds - 36.0).abs() < 1e-6);
    }

    #[test]
    fn new_experience_outweighs_old_and_survives_the_file() {
        let mut rates = Rates::default();
        let one = |seconds| Spent {
            map_seconds: seconds,
            ..Spent::default()
        };
        rates.learn("a", &work(1, 100), &one(10.0));
        for _ in 0..20 {
            rates.learn("a", &work(1, 100), &one(1.0));
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deeper/rates.json");
        rates.write(&path).unwrap();
        let cost = Rates::read(&path).cost("a", &work(1, 100));
        assert!((1.0..1.2).contains(&cost.cpu_seconds), "{cost:?}");
        std::fs::write(&path, "not JSON").unwrap();
        assert!(!Rates::read(&path).knows("a"));
    }

    #[test]
    fn processor_time_is_counted() {
        let before = cpu_seconds();
        let mut sum = 0_u64;
        while cpu_seconds() - before < 0.03 {
            sum = (0..200_000_u64).fold(sum, |a, b| a.wrapping_mul(31).wrapping_add(b));
        }
        assert!(cpu_seconds() > before, "{sum}");
    }
}
