//! A map's classes as strata.

use crate::MapClass;

/// Which stratum the pixels of each class are in: one of their own, as far as the class is there.
///
/// A class of fewer than two pixels can be no stratum, because one point has no standard error. Its pixel lies
/// with those of the largest class; the strata differ from the classes then, which [`crate::stehman`] allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassStrata {
    /// Name and pixels of each stratum, in the order of the classes.
    pub strata: Vec<MapClass>,
    /// The number of the stratum of each class.
    pub of_class: Vec<usize>,
}

impl ClassStrata {
    /// The strata of a map with these classes; `None` where no class has two pixels.
    pub fn new(classes: &[MapClass]) -> Option<Self> {
        let largest = (0..classes.len()).max_by_key(|class| classes[*class].pixels)?;
        let mut strata: Vec<MapClass> = Vec::new();
        let mut own = vec![None; classes.len()];
        for (class, own) in classes.iter().zip(&mut own) {
            if class.pixels >= 2 {
                *own = Some(strata.len());
                strata.push(class.clone());
            }
        }
        let of_largest = own[largest]?;
        for (class, own) in classes.iter().zip(&own) {
            if own.is_none() {
                strata[of_largest].pixels += class.pixels;
            }
        }
        Some(Self {
            strata,
            of_class: own
                .into_iter()
                .map(|own| own.unwrap_or(of_largest))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(pixels: &[u64]) -> Vec<MapClass> {
        let class = |(pixels, name): (&u64, char)| MapClass {
            name: name.to_string(),
            pixels: *pixels,
        };
        pixels.iter().zip('a'..).map(class).collect()
    }

    #[test]
    fn every_class_that_is_there_is_a_stratum() {
        let all = classes(&[700, 200, 2]);
        let strata = ClassStrata::new(&all).unwrap();
        assert_eq!(strata.strata, all);
        assert_eq!(strata.of_class, [0, 1, 2]);
    }

    #[test]
    fn a_stray_pixel_is_drawn_with_the_largest_class_and_no_pixel_is_lost() {
        let strata = ClassStrata::new(&classes(&[1, 200, 700, 0])).unwrap();
        assert_eq!(strata.of_class, [1, 0, 1, 1]);
        assert_eq!(strata.strata[1].name, "c");
        let pixels: Vec<u64> = strata.strata.iter().map(|s| s.pixels).collect();
        assert_eq!(pixels, [200, 701]);
        assert_eq!(ClassStrata::new(&classes(&[1, 0])), None);
        assert_eq!(ClassStrata::new(&[]), None);
    }
}
