//! Does a scene's offset make sense? Reflectance over green plants is small but not negative.
//!
//! Catalogs are often wrong about whether the offset of Sentinel-2's processing baseline 04.00 was
//! already taken away from the stored values. If it is taken away twice, red and blue over
//! vegetation fall below zero, so the share of such pixels is kept for each scene.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stack::{MISSING, encode};

/// Share of negative values from which a scene's offset is doubted.
const SUSPICIOUS: f64 = 0.05;
/// Fewer green pixels than this say nothing.
const ENOUGH: u64 = 100;

/// Counts of a scene, added up over all blocks.
#[derive(Debug, Default)]
pub(crate) struct Sanity {
    vegetation: AtomicU64,
    negative: AtomicU64,
    clear: AtomicU64,
}

impl Sanity {
    /// Looks at a block of a scene: codes, `[band][pixel]` in the order of `names`, missing in all bands or in none.
    pub(crate) fn look(&self, names: &[String], codes: &[u16], pixels: usize) {
        let plane = |band: usize| &codes[band * pixels..(band + 1) * pixels];
        let find = |name: &str| names.iter().position(|n| n == name).map(plane);
        let clear = plane(0).iter().filter(|code| **code != MISSING).count();
        self.clear.fetch_add(clear as u64, Ordering::Relaxed);
        let Some((red, nir)) = find("red").zip(find("nir")) else {
            return;
        };
        // A difference instead of an index: it does not change when all bands are shifted.
        let difference = encode(0.1) - encode(0.0);
        let zero = encode(0.0);
        let blue = find("blue").unwrap_or(red);
        let (mut vegetation, mut negative) = (0_u64, 0_u64);
        for ((nir, red), blue) in nir.iter().zip(red).zip(blue) {
            let green = *nir != MISSING && *nir > red.saturating_add(difference);
            vegetation += u64::from(green);
            negative += u64::from(green && (*red < zero || *blue < zero));
        }
        self.vegetation.fetch_add(vegetation, Ordering::Relaxed);
        self.negative.fetch_add(negative, Ordering::Relaxed);
    }

    /// Counts clear pixels of which the bands are not known.
    pub(crate) fn add_clear(&self, pixels: u64) {
        self.clear.fetch_add(pixels, Ordering::Relaxed);
    }

    /// Clear pixels of the area that the scene gave.
    pub(crate) fn clear(&self) -> u64 {
        self.clear.load(Ordering::Relaxed)
    }

    /// Share of green pixels with a negative red or blue, if enough were seen.
    pub(crate) fn negative_share(&self) -> Option<f64> {
        let vegetation = self.vegetation.load(Ordering::Relaxed);
        let negative = self.negative.load(Ordering::Relaxed);
        (vegetation >= ENOUGH).then(|| negative as f64 / vegetation as f64)
    }

    /// A sentence if the offset is to be doubted.
    pub(crate) fn doubt(&self, offset: f64) -> Option<String> {
        let share = self.negative_share().filter(|share| *share > SUSPICIOUS)?;
        Some(format!(
            "{:.0} % of the green pixels have a negative red or blue reflectance with the offset {offset}: the stored values may already be free of it",
            share * 100.0
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(shift: f32) -> Sanity {
        let names = ["blue", "red", "nir"].map(str::to_owned);
        let codes: Vec<u16> = [0.03, 0.04, 0.35]
            .iter()
            .flat_map(|v| [encode(v + shift); 200])
            .collect();
        let sanity = Sanity::default();
        sanity.look(&names, &codes, 200);
        sanity
    }

    #[test]
    fn an_offset_taken_away_twice_is_noticed() {
        let twice = scene(-0.1);
        assert_eq!(twice.negative_share(), Some(1.0));
        assert!(twice.doubt(-0.1).unwrap().contains("100 %"));
    }

    #[test]
    fn a_sound_scene_raises_no_doubt() {
        assert_eq!(scene(0.0).doubt(-0.1), None);
        assert_eq!(scene(0.0).clear(), 200);
    }

    #[test]
    fn too_few_green_pixels_say_nothing() {
        let names = ["red", "nir"].map(str::to_owned);
        let sanity = Sanity::default();
        let codes = [[encode(-0.1); 50], [encode(0.3); 50]].concat();
        sanity.look(&names, &codes, 50);
        assert_eq!(sanity.negative_share(), None);
    }
}
