//! Trees of at most three levels, as types: for each of the 26 shapes the compiler writes one loop
//! without branches, which compares bytes and selects between bytes, [`ROWS`](super::machine::ROWS)
//! rows at a time.
//!
//! A larger tree is cut into such pieces; see [`super::program`].

use std::marker::PhantomData;

use super::machine::{Machine, Rows};

/// The most levels, splits and ways out of one piece.
pub(super) const LEVELS: usize = 3;
pub(super) const MOST_SPLITS: usize = (1 << LEVELS) - 1;
pub(super) const MOST_EXITS: usize = 1 << LEVELS;

/// How many shapes there are of at most 0, 1, 2 and 3 levels: one leaf, or any two of one level
/// less.
const SHAPES: [u8; LEVELS + 1] = [1, 2, 5, 26];

/// The number of a shape of at most `levels` levels from those of its two sides.
pub(super) fn number(levels: usize, left: u8, right: u8) -> u8 {
    1 + left * SHAPES[levels - 1] + right
}

/// What stands at the ways out of a piece, from left to right.
pub(super) trait Exits<M: Machine>: Copy {
    fn value(self, exit: usize) -> M::Vector;

    /// The value at `exit` where `left` is set, and the one after it elsewhere.
    fn either(self, exit: usize, left: M::Vector) -> M::Vector;
}

/// Leaves, numbered from this one on.
#[derive(Clone, Copy)]
pub(super) struct Leaves(pub(super) i8);

impl<M: Machine> Exits<M> for Leaves {
    #[inline(always)]
    fn value(self, exit: usize) -> M::Vector {
        M::splat(self.0.wrapping_add(exit as i8))
    }

    /// A sum is cheaper than a choice: where `left` is set, it is -1.
    #[inline(always)]
    fn either(self, exit: usize, left: M::Vector) -> M::Vector {
        M::add(M::splat(self.0.wrapping_add(exit as i8 + 1)), left)
    }
}

/// What other pieces have found for the same rows.
impl<M: Machine> Exits<M> for &[&Rows; MOST_EXITS] {
    #[inline(always)]
    fn value(self, exit: usize) -> M::Vector {
        M::load(self[exit])
    }

    #[inline(always)]
    fn either(self, exit: usize, left: M::Vector) -> M::Vector {
        M::select(left, M::load(self[exit]), M::load(self[exit + 1]))
    }
}

/// The shape of a piece. Splits are numbered root first, then the left side, then the right.
pub(super) trait Shape {
    const SPLITS: usize;
    const EXITS: usize;

    /// What each row finds. A row takes the left side of a split if its bin is below the split's.
    /// `split` and `exit` are the numbers of the first ones in this part of the piece.
    fn find<M: Machine, E: Exits<M>>(
        bins: &[&Rows; MOST_SPLITS],
        below: &[M::Vector; MOST_SPLITS],
        exits: E,
        split: usize,
        exit: usize,
    ) -> M::Vector;
}

pub(super) struct Leaf;

impl Shape for Leaf {
    const SPLITS: usize = 0;
    const EXITS: usize = 1;

    #[inline(always)]
    fn find<M: Machine, E: Exits<M>>(
        _bins: &[&Rows; MOST_SPLITS],
        _below: &[M::Vector; MOST_SPLITS],
        exits: E,
        _split: usize,
        exit: usize,
    ) -> M::Vector {
        exits.value(exit)
    }
}

pub(super) struct Split<L, R>(PhantomData<(L, R)>);

impl<L: Shape, R: Shape> Shape for Split<L, R> {
    const SPLITS: usize = 1 + L::SPLITS + R::SPLITS;
    const EXITS: usize = L::EXITS + R::EXITS;

    #[inline(always)]
    fn find<M: Machine, E: Exits<M>>(
        bins: &[&Rows; MOST_SPLITS],
        below: &[M::Vector; MOST_SPLITS],
        exits: E,
        split: usize,
        exit: usize,
    ) -> M::Vector {
        let goes_left = M::below(M::load(bins[split]), below[split]);
        if Self::SPLITS == 1 {
            return exits.either(exit, goes_left);
        }
        // Both sides are found whatever the rows do: that is what leaves no branch.
        let left = L::find::<M, E>(bins, below, exits, split + 1, exit);
        let (split, exit) = (split + 1 + L::SPLITS, exit + L::EXITS);
        let right = R::find::<M, E>(bins, below, exits, split, exit);
        M::select(goes_left, left, right)
    }
}

/// Calls the generic function for the shape of a number, as [`number`] counts them.
macro_rules! with_shape {
    ($shape:expr, $machine:ident, $function:ident ( $($argument:expr),* )) => {{
        use $crate::trees::quantized::shape::{Leaf, Split};
        type One = Split<Leaf, Leaf>;
        type Low = Split<Leaf, One>;
        type High = Split<One, Leaf>;
        type Two = Split<One, One>;
        match $shape {
            0 => $function::<$machine, Leaf>($($argument),*),
            1 => $function::<$machine, One>($($argument),*),
            2 => $function::<$machine, Split<Leaf, One>>($($argument),*),
            3 => $function::<$machine, Split<Leaf, Low>>($($argument),*),
            4 => $function::<$machine, Split<Leaf, High>>($($argument),*),
            5 => $function::<$machine, Split<Leaf, Two>>($($argument),*),
            6 => $function::<$machine, Split<One, Leaf>>($($argument),*),
            7 => $function::<$machine, Split<One, One>>($($argument),*),
            8 => $function::<$machine, Split<One, Low>>($($argument),*),
            9 => $function::<$machine, Split<One, High>>($($argument),*),
            10 => $function::<$machine, Split<One, Two>>($($argument),*),
            11 => $function::<$machine, Split<Low, Leaf>>($($argument),*),
            12 => $function::<$machine, Split<Low, One>>($($argument),*),
            13 => $function::<$machine, Split<Low, Low>>($($argument),*),
            14 => $function::<$machine, Split<Low, High>>($($argument),*),
            15 => $function::<$machine, Split<Low, Two>>($($argument),*),
            16 => $function::<$machine, Split<High, Leaf>>($($argument),*),
            17 => $function::<$machine, Split<High, One>>($($argument),*),
            18 => $function::<$machine, Split<High, Low>>($($argument),*),
            19 => $function::<$machine, Split<High, High>>($($argument),*),
            20 => $function::<$machine, Split<High, Two>>($($argument),*),
            21 => $function::<$machine, Split<Two, Leaf>>($($argument),*),
            22 => $function::<$machine, Split<Two, One>>($($argument),*),
            23 => $function::<$machine, Split<Two, Low>>($($argument),*),
            24 => $function::<$machine, Split<Two, High>>($($argument),*),
            _ => $function::<$machine, Split<Two, Two>>($($argument),*),
        }
    }};
}
pub(super) use with_shape;
