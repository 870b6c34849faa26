//! Forests of every shape, against the walk that defines what is right: equal to the last bit, on
//! this machine's instructions and without them.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, a failed unwrap is the failed test"
)]

use proptest::prelude::*;

use super::program::DEEPEST;
use super::*;
use crate::trees::blocked::Blocked;
use crate::trees::forest::{Node, Tree};
use crate::trees::{Objective, TreeEnsemble, reference};

const FEATURES: usize = 3;

/// Thresholds that are easily confused, and values on, beside and far from them.
const THRESHOLDS: [f32; 9] = [
    -1e30,
    -1.5,
    -f32::MIN_POSITIVE,
    -0.0,
    0.0,
    1e-45,
    0.1,
    0.100_000_01,
    f32::MAX,
];

fn value() -> impl Strategy<Value = f32> {
    let beside = prop::sample::select(THRESHOLDS.to_vec());
    prop_oneof![
        6 => (beside, 0..3).prop_map(|(at, step)| match step {
            0 => at,
            1 => at.next_up(),
            _ => at.next_down(),
        }),
        2 => Just(f32::NAN),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NEG_INFINITY),
        2 => -2.0_f32..2.0,
    ]
}

/// What a tree is made from.
#[derive(Debug, Clone)]
enum Plan {
    Leaf(f32),
    Split(u32, f32, bool, Box<Plan>, Box<Plan>),
}

impl Plan {
    /// A tree of `depth` levels with all its leaves.
    fn full(depth: usize, next: &mut impl FnMut() -> (u32, f32)) -> Self {
        let (feature, threshold) = next();
        if depth == 0 {
            return Self::Leaf(threshold);
        }
        let (left, right) = (Self::full(depth - 1, next), Self::full(depth - 1, next));
        let missing_left = threshold.to_bits().is_multiple_of(2);
        Self::Split(feature, threshold, missing_left, left.into(), right.into())
    }

    fn add(&self, nodes: &mut Vec<Node>) -> (u32, usize) {
        let at = nodes.len();
        match self {
            Self::Leaf(value) => {
                nodes.push(Node::Leaf(*value));
                (at as u32, 0)
            }
            Self::Split(feature, threshold, missing_left, left, right) => {
                nodes.push(Node::Leaf(0.0));
                let (left, left_depth) = left.add(nodes);
                let (right, right_depth) = right.add(nodes);
                nodes[at] = Node::Split {
                    feature: *feature,
                    threshold: *threshold,
                    left,
                    right,
                    missing_left: *missing_left,
                };
                (at as u32, 1 + left_depth.max(right_depth))
            }
        }
    }

    fn tree(&self, group: usize) -> Tree {
        let mut nodes = Vec::new();
        let (_, depth) = self.add(&mut nodes);
        Tree {
            nodes,
            group,
            depth,
        }
    }
}

/// Trees of up to `depth` levels, mostly of other shapes than full ones.
fn plan(depth: u32) -> impl Strategy<Value = Plan> {
    let leaf = (-3.0_f32..3.0).prop_map(Plan::Leaf).boxed();
    leaf.prop_recursive(depth, 150, 2, |below| {
        let feature = 0..FEATURES as u32;
        let threshold = prop::sample::select(THRESHOLDS.to_vec());
        (feature, threshold, any::<bool>(), below.clone(), below).prop_map(
            |(feature, threshold, missing_left, left, right)| {
                Plan::Split(feature, threshold, missing_left, left.into(), right.into())
            },
        )
    })
}

fn forest(plans: &[Plan], margins: usize) -> Forest {
    let trees = plans.iter().enumerate();
    Forest {
        features: FEATURES,
        base: (0..margins).map(|margin| margin as f32 * 0.3).collect(),
        trees: trees.map(|(i, plan)| plan.tree(i % margins)).collect(),
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Row-major margins by the reference.
fn expected(forest: &Forest, rows: &[f32]) -> Vec<u32> {
    let mut margins = vec![0.0; forest.base.len()];
    let mut all = Vec::new();
    for row in rows.chunks_exact(forest.features) {
        reference::margins(forest, row, &mut margins);
        all.extend(bits(&margins));
    }
    all
}

fn found(quantized: &Quantized, table: &Table, rows: usize) -> Vec<u32> {
    let mut room = Room::new(quantized);
    let mut margins = vec![0.0; quantized.base.len()];
    let mut all = Vec::new();
    for start in (0..rows).step_by(BLOCK) {
        let block = start..rows.min(start + BLOCK);
        quantized.block(table, block.clone(), &mut room);
        for row in 0..block.len() {
            room.margins(row, &mut margins);
            all.extend(bits(&margins));
        }
    }
    all
}

fn planes(rows: &[f32]) -> Vec<Vec<f32>> {
    let plane = |feature| rows.iter().skip(feature).step_by(FEATURES).copied();
    (0..FEATURES)
        .map(|feature| plane(feature).collect())
        .collect()
}

/// Panics unless every way to evaluate the forest agrees with the reference.
fn check(forest: &Forest, rows: &[f32]) {
    let count = rows.len() / FEATURES;
    let expected = expected(forest, rows);
    let planes = planes(rows);
    let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    let by_row = Table::Rows {
        values: rows,
        features: FEATURES,
    };
    let here = Quantized::new(forest).expect("a usual forest");
    let portable = Quantized {
        avx2: false,
        ..here.clone()
    };
    for quantized in [&here, &portable] {
        assert_eq!(found(quantized, &by_row, count), expected);
        assert_eq!(found(quantized, &Table::Planes(&planes), count), expected);
    }
}

/// Rows with the thresholds of a forest, the numbers beside them, and what is missing or infinite.
fn rows_around(forest: &Forest, count: usize) -> Vec<f32> {
    let mut values = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
        if let Node::Split { threshold, .. } = node {
            values.extend([*threshold, threshold.next_up(), threshold.next_down()]);
        }
    }
    // Steps without a common divisor bring all values together in the features of a row.
    let at = |row: usize, feature: usize| values[row * (2 * feature + 1) % values.len()];
    let row = |row| (0..FEATURES).map(move |feature| (row, feature));
    let rows = (0..count).flat_map(row);
    rows.map(|(row, feature)| at(row, feature)).collect()
}

fn ensemble(forest: Forest) -> TreeEnsemble {
    TreeEnsemble {
        feature_names: Vec::new(),
        objective: Objective::SquaredError,
        blocked: Blocked::new(&forest),
        quantized: Quantized::new(&forest),
        forest,
    }
}

/// Features and numbers in no order.
fn scattered() -> impl FnMut() -> (u32, f32) {
    let mut state = 1_u32;
    move || {
        // The generator of Numerical Recipes.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let feature = (state >> 16) % FEATURES as u32;
        (feature, (state >> 8) as f32 / 1e6 - 8.0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_forest_gives_bit_for_bit_what_the_reference_walk_gives(
        plans in prop::collection::vec(plan(DEEPEST as u32), 1..8),
        margins in 1_usize..4,
        rows in prop::collection::vec(prop::array::uniform::<_, FEATURES>(value()), 0..300),
    ) {
        check(&forest(&plans, margins), rows.as_flattened());
    }
}

/// All trees of at most `levels` levels.
fn all_shapes(levels: usize, next: &mut impl FnMut() -> (u32, f32)) -> Vec<Plan> {
    let mut shapes = vec![Plan::Leaf(next().1)];
    if levels > 0 {
        let sides = all_shapes(levels - 1, next);
        for left in &sides {
            for right in &sides {
                let (feature, threshold) = next();
                let (left, right) = (left.clone().into(), right.clone().into());
                shapes.push(Plan::Split(feature, threshold, false, left, right));
            }
        }
    }
    shapes
}

/// With a full tree of three levels in place of every leaf.
fn deepen(plan: &Plan, next: &mut impl FnMut() -> (u32, f32)) -> Plan {
    match plan {
        Plan::Leaf(_) => Plan::full(3, next),
        Plan::Split(feature, threshold, missing_left, left, right) => Plan::Split(
            *feature,
            *threshold,
            *missing_left,
            deepen(left, next).into(),
            deepen(right, next).into(),
        ),
    }
}

#[test]
fn every_shape_of_a_piece_is_evaluated_at_the_bottom_and_above() {
    let next = &mut scattered();
    let pieces = all_shapes(3, next);
    assert_eq!(pieces.len(), 26);
    let at_the_bottom = forest(&pieces, 1);
    check(&at_the_bottom, &rows_around(&at_the_bottom, 300));

    let deeper: Vec<Plan> = pieces.iter().map(|plan| deepen(plan, next)).collect();
    let above = forest(&deeper, 1);
    check(&above, &rows_around(&above, 300));
}

#[test]
fn full_trees_of_every_depth_and_number_of_leaf_tables_are_evaluated() {
    for depth in 0..=DEEPEST {
        let next = &mut scattered();
        let trees: Vec<Plan> = (0..4).map(|_| Plan::full(depth, next)).collect();
        let forest = forest(&trees, 2);
        check(&forest, &rows_around(&forest, 1300));
    }
}

/// One split for each threshold, all on the first feature.
fn stumps(thresholds: usize) -> Forest {
    let stump = |index: usize| {
        let leaf = |value| Box::new(Plan::Leaf(value));
        let value = 1.0 / (1.0 + index as f32);
        // Not in order, each once: 7 has no common divisor with the counts that are tried.
        let threshold = (index * 7 % thresholds) as f32 - 100.0;
        Plan::Split(
            0,
            threshold,
            index.is_multiple_of(3),
            leaf(-value),
            leaf(value),
        )
    };
    forest(&(0..thresholds).map(stump).collect::<Vec<_>>(), 1)
}

#[test]
fn a_feature_may_have_more_thresholds_than_a_byte_counts() {
    for thresholds in [1, 15, 16, 17, 240, 254, 255, 256, 257, 510, 511, 1021] {
        let forest = stumps(thresholds);
        let distinct = expected(&forest, &rows_around(&forest, 4 * thresholds));
        assert!(distinct.windows(2).any(|pair| pair[0] != pair[1]));
        check(&forest, &rows_around(&forest, 4 * thresholds));
    }
}

#[test]
fn trees_that_bytes_do_not_suit_are_left_to_the_walk_and_evaluated_alike() {
    let next = &mut scattered();
    let too_deep = forest(&[Plan::full(DEEPEST + 1, next)], 1);
    let long = (0..100).fold(Plan::Leaf(0.5), |below, _| {
        let ((feature, threshold), leaf) = (next(), Plan::Leaf(next().1));
        Plan::Split(feature, threshold, true, leaf.into(), below.into())
    });
    let too_long = forest(&[long], 1);
    let too_many_thresholds = stumps(255 * 1025);
    for forest in [too_deep, too_long, too_many_thresholds] {
        assert!(Quantized::new(&forest).is_none());
        let rows = rows_around(&forest, 100);
        let expected = expected(&forest, &rows);
        let mut out = vec![0.0; 100];
        ensemble(forest).predict_rows(&rows, &mut out).unwrap();
        assert_eq!(bits(&out), expected);
    }
}

#[test]
fn any_number_of_rows_is_predicted_by_rows_and_planes_on_one_thread_and_all() {
    let next = &mut scattered();
    let forest = forest(&[Plan::full(4, next), Plan::full(6, next)], 1);
    let all_rows = rows_around(&forest, 9000);
    let all_expected = expected(&forest, &all_rows);
    let ensemble = ensemble(forest);
    for count in (0..140).chain([600, 1023, 1024, 1025, 1100, 4095, 4096, 4097, 9000]) {
        let (rows, expected) = (&all_rows[..count * FEATURES], &all_expected[..count]);
        let planes = planes(rows);
        let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
        let check = |way: &str, predict: &dyn Fn(&mut [f32])| {
            let mut out = vec![f32::NAN; count];
            predict(&mut out);
            assert!(bits(&out) == expected, "{count} rows, {way}");
        };
        check("rows", &|out| ensemble.predict_rows(rows, out).unwrap());
        check("rows, all threads", &|out| {
            ensemble.predict_rows_parallel(rows, out).unwrap();
        });
        check("planes", &|out| {
            ensemble.predict_planes(&planes, out).unwrap();
        });
        check("planes, all threads", &|out| {
            ensemble.predict_planes_parallel(&planes, out).unwrap();
        });
    }
}
