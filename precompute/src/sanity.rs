//! Does a scene's offset make sense? Reflectance over green plants is small but not negative.
//!
//! Catalogs are often wrong about whether the offset of Sentinel-2's processing baseline 04.00 was
//! already taken away from the stored values. If it is taken away twice, red and blue over
//! vegetation fall below zero, so the share of such pixels is kept for each scene.

use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Looks at a block of a scene: `bands` in the order of `names`, reflectance, NaN for none.
    pub(crate) fn look(&self, names: &[String], bands: &[Vec<f32>], usable: &[bool]) {
        let find = |name: &str| names.iter().position(|n| n == name).map(|k| &bands[k]);
        let clear = |pixel: usize| usable[pixel] && bands.iter().all(|b| !b[pixel].is_nan());
        let pixels = usable.len();
        self.clear.fetch_add(
            (0..pixels).filter(|p| clear(*p)).count() as u64,
            Ordering::Relaxed,
        );
        let Some((red, nir)) = find("red").zip(find("nir")) else {
            return;
        };
        let blue = find("blue");
        let (mut vegetation, mut negative) = (0, 0);
        for pixel in (0..pixels).filter(|p| clear(*p)) {
            // A difference instead of an index: it does not change when all bands are shifted.
            if nir[pixel] - red[pixel] > 0.1 {
                vegetation += 1;
                let below = red[pixel] < 0.0 || blue.is_some_and(|b| b[pixel] < 0.0);
                negative += u64::from(below);
            }
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
        let bands = [0.03, 0.04, 0.35].map(|v| vec![v + shift; 200]);
        let sanity = Sanity::default();
        sanity.look(&names, &bands, &[true; 200]);
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
        sanity.look(&names, &[vec![-0.1; 50], vec![0.3; 50]], &[true; 50]);
        assert_eq!(sanity.negative_share(), None);
    }
}
