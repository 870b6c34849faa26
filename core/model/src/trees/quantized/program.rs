//! A tree as a list of small steps over bytes.
//!
//! The tree is cut into pieces of at most three levels, one of the shapes of [`super::shape`]. A
//! piece at the bottom finds the number of a leaf. A piece above it chooses between what the pieces
//! at its ways out have found, so all of them are worked out before it, for all rows: no row
//! decides what is computed, and nothing has to be predicted but the order of the steps, which is
//! the same for every block.

use super::columns::{Columns, Place};
use super::shape::{LEVELS, MOST_EXITS, number};
use crate::trees::forest::{Forest, Node, Tree};

/// A leaf's number is a byte, so trees have at most 256 leaves; beyond eight levels, working out
/// every split of a tree costs more than walking down.
pub(super) const DEEPEST: usize = 8;
const MOST_LEAVES: usize = 256;

/// Leaves in one table of the processor's byte shuffle.
pub(super) const TABLE: usize = 16;

/// Places for what pieces have found. Pieces choose between others at most twice in eight levels:
/// one place for the root, and for each choice as many as a piece has ways out.
pub(super) const SLOTS: usize = 1 + 2 * MOST_EXITS;

/// Goes left if the bin in the column is below this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) column: u16,
    pub(super) below: i8,
}

/// One piece of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) shape: u8,
    /// Whether the ways out lead to leaves, numbered from `first`; if not, to the slots after `out`.
    pub(super) leaves: bool,
    pub(super) first: u8,
    /// The slot for what is found.
    pub(super) out: u8,
}

/// A tree; its parts lie one after the other in [`Program`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) steps: usize,
    pub(super) leaves: usize,
    pub(super) tables: usize,
    pub(super) group: usize,
}

/// All trees, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    pub(super) parts: Vec<Part>,
    pub(super) steps: Vec<Step>,
    pub(super) splits: Vec<Split>,
    pub(super) leaves: Vec<f32>,
    /// The leaves' bytes for lookup by shuffles: for each tree of at most four tables, first the
    /// lowest bytes of all leaves, then the next ones.
    pub(super) tables: Vec<[u8; TABLE]>,
}

impl Program {
    /// `None` if a tree has too many levels or leaves for bytes.
    pub(super) fn new(forest: &Forest, columns: &Columns) -> Option<Self> {
        let mut program = Self::default();
        for tree in &forest.trees {
            program.add(tree, columns)?;
        }
        Some(program)
    }

    fn add(&mut self, tree: &Tree, columns: &Columns) -> Option<()> {
        if tree.depth > DEEPEST {
            return None;
        }
        let (steps, leaves) = (self.steps.len(), self.leaves.len());
        self.piece(tree, columns, 0, 0, leaves);
        let count = self.leaves.len() - leaves;
        if count > MOST_LEAVES {
            return None;
        }
        let tables = self.tables.len();
        if count <= super::machine::MOST_TABLES * TABLE {
            self.add_tables(leaves);
        }
        self.parts.push(Part {
            steps: self.steps.len() - steps,
            leaves: count,
            tables: self.tables.len() - tables,
            group: tree.group,
        });
        Some(())
    }

    fn add_tables(&mut self, leaves: usize) {
        for byte in 0..size_of::<f32>() {
            for leaves in self.leaves[leaves..].chunks(TABLE) {
                let mut table = [0; TABLE];
                for (to, leaf) in table.iter_mut().zip(leaves) {
                    *to = leaf.to_le_bytes()[byte];
                }
                self.tables.push(table);
            }
        }
    }

    /// Adds the steps for the tree below a node, which leave in slot `out` the numbers of the
    /// leaves that rows reach. `first` is where this tree's leaves start.
    fn piece(&mut self, tree: &Tree, columns: &Columns, node: u32, out: u8, first: usize) {
        let height = height(tree, node);
        let levels = if height <= LEVELS {
            height
        } else {
            LEVELS.min(height - LEVELS)
        };
        let mut exits = Vec::new();
        cut(tree, node, levels, &mut exits);
        let leaves = height <= LEVELS;
        let number = if leaves {
            let start = self.leaves.len() - first;
            for exit in &exits {
                if let Node::Leaf(value) = tree.nodes[*exit as usize] {
                    self.leaves.push(value);
                }
            }
            // A tree with more leaves than a byte counts is given up by the caller.
            start as u8
        } else {
            for (exit, slot) in exits.iter().zip(out + 1..) {
                self.piece(tree, columns, *exit, slot, first);
            }
            0
        };
        let shape = self.splits(tree, columns, node, levels, LEVELS);
        self.steps.push(Step {
            shape,
            leaves,
            first: number,
            out,
        });
    }

    /// Adds the splits of a piece of `levels` levels, root first, and returns its shape's number
    /// among those of at most `most` levels.
    fn splits(
        &mut self,
        tree: &Tree,
        columns: &Columns,
        node: u32,
        levels: usize,
        most: usize,
    ) -> u8 {
        let split = match tree.nodes[node as usize] {
            Node::Split {
                feature,
                threshold,
                left,
                right,
                missing_left,
            } if levels > 0 => (columns.place(feature, threshold, missing_left), left, right),
            _ => return 0,
        };
        let (Place { column, below }, left, right) = split;
        self.splits.push(Split { column, below });
        let left = self.splits(tree, columns, left, levels - 1, most - 1);
        let right = self.splits(tree, columns, right, levels - 1, most - 1);
        number(most, left, right)
    }
}

/// The longest path from a node to a leaf, in steps. Trees that come here are not deep.
fn height(tree: &Tree, node: u32) -> usize {
    match tree.nodes[node as usize] {
        Node::Leaf(_) => 0,
        Node::Split { left, right, .. } => 1 + height(tree, left).max(height(tree, right)),
    }
}

/// The nodes at which a piece of `levels` levels ends, from left to right.
fn cut(tree: &Tree, node: u32, levels: usize, exits: &mut Vec<u32>) {
    match tree.nodes[node as usize] {
        Node::Split { left, right, .. } if levels > 0 => {
            cut(tree, left, levels - 1, exits);
            cut(tree, right, levels - 1, exits);
        }
        _ => exits.push(node),
    }
}
