//! The walk for the rows and models that [`super::quantized`] does not suit: trees flattened into
//! small nodes, and a block of rows taken through one tree before the next, so that the tree stays
//! in the first-level cache and the rows nearly so.
//!
//! Both children of a split lie side by side, so a step is `left + (goes right)` without a branch.
//! Leaves lead to themselves: eight rows walk down together for as many steps as the tree is deep,
//! and their memory accesses overlap.

use super::forest::{Forest, Node, Tree};

/// Rows taken through one tree before the next.
pub(super) const BLOCK: usize = 128;

/// Rows that walk down a tree together.
const LANES: usize = 8;

/// Marks in [`FlatNode::feature`] that a missing value goes right.
const MISSING_RIGHT: u32 = 1 << 31;

/// 12 bytes. A leaf has the threshold NaN, which no value is at or above, and itself as left child.
#[derive(Debug, Clone, Copy)]
struct FlatNode {
    threshold: f32,
    feature: u32,
    left: u32,
}

impl FlatNode {
    fn next(self, row: &[f32]) -> u32 {
        let value = row[(self.feature & !MISSING_RIGHT) as usize];
        let missing_right = self.feature & MISSING_RIGHT != 0;
        // Not `!(value < threshold)`: that would send every missing value right.
        let right = (value >= self.threshold) | (value.is_nan() & missing_right);
        self.left + u32::from(right)
    }
}

#[derive(Debug, Clone)]
struct FlatTree {
    root: u32,
    depth: u32,
    group: usize,
}

/// A forest laid out for evaluation.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    features: usize,
    base: Vec<f32>,
    trees: Vec<FlatTree>,
    nodes: Vec<FlatNode>,
    /// The value of each node that is a leaf.
    leaves: Vec<f32>,
}

impl Blocked {
    pub(super) fn new(forest: &Forest) -> Self {
        let mut blocked = Self {
            features: forest.features,
            base: forest.base.clone(),
            trees: Vec::with_capacity(forest.trees.len()),
            nodes: Vec::new(),
            leaves: Vec::new(),
        };
        for tree in &forest.trees {
            blocked.add(tree);
        }
        blocked
    }

    /// Lays a tree out level by level, which leaves pruned nodes behind.
    fn add(&mut self, tree: &Tree) {
        let root = self.nodes.len();
        self.trees.push(FlatTree {
            root: root as u32,
            depth: tree.depth as u32,
            group: tree.group,
        });
        let mut order = vec![0_u32];
        let mut at = 0;
        while at < order.len() {
            let place = (root + at) as u32;
            let (node, leaf) = match tree.nodes[order[at] as usize] {
                Node::Leaf(value) => (
                    FlatNode {
                        threshold: f32::NAN,
                        feature: 0,
                        left: place,
                    },
                    value,
                ),
                Node::Split {
                    feature,
                    threshold,
                    left,
                    right,
                    missing_left,
                } => {
                    let children = (root + order.len()) as u32;
                    order.extend([left, right]);
                    let feature = if missing_left {
                        feature
                    } else {
                        feature | MISSING_RIGHT
                    };
                    (
                        FlatNode {
                            threshold,
                            feature,
                            left: children,
                        },
                        0.0,
                    )
                }
            };
            self.nodes.push(node);
            self.leaves.push(leaf);
            at += 1;
        }
    }

    /// The margins of a block of rows. `rows` is row-major `[n, features]` and `out` row-major
    /// `[n, margins]`, with any n.
    pub(super) fn margins(&self, rows: &[f32], out: &mut [f32]) {
        let width = self.base.len();
        for margins in out.chunks_exact_mut(width) {
            margins.copy_from_slice(&self.base);
        }
        for tree in &self.trees {
            let lanes = rows
                .chunks(LANES * self.features)
                .zip(out.chunks_mut(LANES * width));
            for (rows, out) in lanes {
                let mut at = [tree.root; LANES];
                for _ in 0..tree.depth {
                    for (at, row) in at.iter_mut().zip(rows.chunks_exact(self.features)) {
                        *at = self.nodes[*at as usize].next(row);
                    }
                }
                for (at, margins) in at.iter().zip(out.chunks_exact_mut(width)) {
                    margins[tree.group] += self.leaves[*at as usize];
                }
            }
        }
    }
}
