//! Folds of square blocks of land, so that a model is tested away from where it learnt.

use std::collections::BTreeSet;

use super::grouped::{Words, deal};
use crate::TrainingError;

/// Sides of blocks that are tried when none is asked for, in km.
const SIDES_KM: [f64; 9] = [500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0];
/// Blocks per fold that a side must leave to be chosen: with fewer, the folds differ by chance.
const BLOCKS_PER_FOLD: usize = 10;

/// Samples dealt by blocks of land.
#[derive(Debug, Clone, PartialEq)]
pub struct Spatial {
    /// The fold of each sample.
    pub fold: Vec<usize>,
    /// The block of each sample; a unit of the cluster bootstrap too.
    pub block: Vec<u64>,
    /// How many blocks have samples.
    pub blocks: usize,
    /// The side of a block in kilometres.
    pub side_km: f64,
}

/// Deals samples into folds by square blocks of `side_km` kilometres, after Roberts et al.,
/// "Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
/// structure" (Ecography 40, 2017). `lon` and `lat` are degrees on WGS 84, one for each sample.
///
/// A block should be wider than the distance over which errors resemble one another. Without
/// `side_km` the widest of 500, 200, 100 ... 1 km is taken that leaves ten blocks per fold with
/// samples, because too wide a block is the safer mistake. Blocks are squares of EPSG:6933: their
/// areas are equal; away from 30 degrees of latitude they are not quite square on the ground.
///
/// # Errors
/// When a sample lies nowhere on Earth, or there are too few blocks for the folds.
pub fn spatial(
    labels: &[u32],
    lon: &[f64],
    lat: &[f64],
    side_km: Option<f64>,
    folds: usize,
    seed: u64,
) -> Result<Spatial, TrainingError> {
    for (what, found) in [("longitudes", lon.len()), ("latitudes", lat.len())] {
        if found != labels.len() {
            return Err(TrainingError::Lengths {
                what,
                found,
                samples: labels.len(),
            });
        }
    }
    let points = project(lon, lat)?;
    let side_km = match side_km {
        Some(side) if side > 0.0 && side.is_finite() => side,
        Some(side) => {
            return Err(TrainingError::Option {
                option: "block side in km",
                found: side.to_string(),
                expected: "a length above 0, like 50",
            });
        }
        None => SIDES_KM
            .into_iter()
            .find(|side| occupied(&blocks(&points, *side)) >= folds * BLOCKS_PER_FOLD)
            .unwrap_or(SIDES_KM[SIDES_KM.len() - 1]),
    };
    let block = blocks(&points, side_km);
    let words = Words {
        groups: format!("blocks of {side_km} km"),
        remedy: "use smaller blocks or fewer folds, or add samples from elsewhere",
    };
    Ok(Spatial {
        fold: deal(labels, &block, folds, seed, &words)?,
        blocks: occupied(&block),
        block,
        side_km,
    })
}

fn occupied(block: &[u64]) -> usize {
    block.iter().collect::<BTreeSet<_>>().len()
}

/// The block of each point: its column in the high half of the number, its row in the low half.
fn blocks(points: &[[f64; 2]], side_km: f64) -> Vec<u64> {
    let index = |metres: f64| -> u64 {
        let steps = (metres / (side_km * 1000.0)).floor() as i32;
        u64::from(steps.cast_unsigned())
    };
    points
        .iter()
        .map(|[x, y]| index(*x) << 32 | index(*y))
        .collect()
}

fn project(lon: &[f64], lat: &[f64]) -> Result<Vec<[f64; 2]>, TrainingError> {
    let mut points = Vec::with_capacity(lon.len());
    for (row, (lon, lat)) in lon.iter().zip(lat).enumerate() {
        if !(lon.abs() <= 180.0 && lat.abs() <= 90.0) {
            let hint = if lon.is_nan() || lat.is_nan() {
                "; remove samples without a place"
            } else if lat.abs() <= 180.0 && lon.abs() <= 90.0 {
                "; longitude and latitude may be swapped"
            } else {
                "; the coordinates may be in metres: reproject them to EPSG:4326"
            };
            return Err(TrainingError::Coordinates {
                row,
                lon: *lon,
                lat: *lat,
                hint,
            });
        }
        points.push(equal_area(*lon, *lat));
    }
    Ok(points)
}

/// EPSG:6933 in metres: the cylindrical equal-area projection of the WGS 84 ellipsoid with standard
/// parallel 30 degrees; J. P. Snyder, Map Projections: A Working Manual (USGS 1987), equations 3-12
/// and 10-13 to 10-15.
fn equal_area(lon: f64, lat: f64) -> [f64; 2] {
    const AXIS: f64 = 6_378_137.0;
    const FLATTENING: f64 = 1.0 / 298.257_223_563;
    const PARALLEL: f64 = 30.0;
    let squared = FLATTENING * (2.0 - FLATTENING);
    let e = squared.sqrt();
    let parallel = PARALLEL.to_radians();
    let k = parallel.cos() / (1.0 - squared * parallel.sin().powi(2)).sqrt();
    let sine = lat.to_radians().sin();
    let q = (1.0 - squared)
        * (sine / (1.0 - squared * sine * sine)
            - ((1.0 - e * sine) / (1.0 + e * sine)).ln() / (2.0 * e));
    [AXIS * k * lon.to_radians(), AXIS * q / (2.0 * k)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use geocrop_model::random::SplitMix64;

    /// Clusters of five samples, a kilometre wide, over three by three degrees of Zimbabwe.
    fn clusters(count: usize) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
        let mut random = SplitMix64::new(4);
        let mut unit = || random.below(1_000_000) as f64 / 1e6;
        let (mut labels, mut lon, mut lat) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let [x, y] = [29.0 + 3.0 * unit(), -20.0 + 3.0 * unit()];
            for label in [0, 1, 0, 1, 1] {
                labels.push(label);
                lon.push(x + 0.01 * unit());
                lat.push(y + 0.01 * unit());
            }
        }
        (labels, lon, lat)
    }

    #[test]
    fn the_projection_has_the_published_corners() {
        // The extent of EASE-Grid 2.0 global, as its authors and EPSG give it.
        let [x, _] = equal_area(180.0, 0.0);
        let [_, y] = equal_area(0.0, 85.044_566_4);
        assert!((x - 17_367_530.445).abs() < 0.01, "{x}");
        assert!((y - 7_314_540.83).abs() < 0.05, "{y}");
    }

    #[test]
    fn samples_of_one_block_are_in_one_fold() {
        let (labels, lon, lat) = clusters(200);
        let dealt = spatial(&labels, &lon, &lat, Some(30.0), 5, 1).unwrap();
        let mut home = std::collections::BTreeMap::new();
        for (block, fold) in dealt.block.iter().zip(&dealt.fold) {
            assert_eq!(home.entry(block).or_insert(fold), &fold);
        }
        assert_eq!(home.len(), dealt.blocks);
        // 30 km are about 0.3 degrees: about a hundred blocks.
        assert!((80..=140).contains(&dealt.blocks), "{}", dealt.blocks);
    }

    #[test]
    fn blocks_west_and_south_of_the_origin_are_told_from_those_east_and_north() {
        let points = [[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]];
        assert_eq!(occupied(&blocks(&points, 1.0)), 4);
    }

    #[test]
    fn without_a_side_the_widest_blocks_are_taken_that_leave_enough() {
        let (labels, lon, lat) = clusters(400);
        let dealt = spatial(&labels, &lon, &lat, None, 5, 1).unwrap();
        assert!((dealt.side_km - 20.0).abs() < 1e-9 || (dealt.side_km - 50.0).abs() < 1e-9);
        assert!(dealt.blocks >= 50);
    }

    #[test]
    fn too_few_blocks_are_refused_and_swapped_coordinates_are_recognised() {
        let (labels, lon, lat) = clusters(20);
        let error = spatial(&labels, &lon, &lat, Some(5000.0), 5, 1).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("blocks of 5000 km") && error.contains("smaller blocks"),
            "{error}"
        );

        let error = spatial(&[0], &[-19.0], &[151.0], None, 2, 1).unwrap_err();
        assert!(error.to_string().contains("may be swapped"), "{error}");
        let error = spatial(&[0], &[2_900_000.0], &[-2_300_000.0], None, 2, 1).unwrap_err();
        assert!(error.to_string().contains("in metres"), "{error}");
        let error = spatial(&[0], &[f64::NAN], &[0.0], None, 2, 1).unwrap_err();
        assert!(error.to_string().contains("without a place"), "{error}");
    }
}
