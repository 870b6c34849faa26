//! The machine with AVX2: 32 rows to an instruction.
#![expect(
    unsafe_code,
    reason = "vector loads and stores go through pointers, and AVX2 is known only at run time"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "the names are those of the instructions, with a prefix of their own"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::columns::{FAN, Thresholds};
use super::machine::{MOST_TABLES, Machine, Portable, ROWS, Rows, TreeLeaves};
use super::program::TABLE;
use super::{Bytes, CHUNK, Quantized, Room};
use crate::trees::table::Table;

/// Whether this machine is one.
pub(super) fn here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// [`Quantized::block`], compiled for AVX2.
///
/// # Panics
///
/// If this machine has no AVX2.
pub(super) fn block(quantized: &Quantized, table: &Table, rows: Range<usize>, room: &mut Room) {
    #[target_feature(enable = "avx2,popcnt")]
    fn inside(quantized: &Quantized, table: &Table, rows: Range<usize>, room: &mut Room) {
        quantized.block_on::<Avx2>(table, rows, room);
    }
    assert!(here(), "the evaluator for AVX2 runs on another machine");
    // SAFETY: the features have just been found.
    unsafe { inside(quantized, table, rows, room) }
}

/// Used by [`block`] alone, which makes sure that the machine is right.
struct Avx2;

impl Machine for Avx2 {
    type Vector = __m256i;

    #[inline(always)]
    fn load(bytes: &Rows) -> __m256i {
        // SAFETY: 32 bytes, and `block` has found AVX2.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(vector: __m256i, bytes: &mut Rows) {
        // SAFETY: 32 bytes, and `block` has found AVX2.
        unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
    }

    #[inline(always)]
    fn splat(byte: i8) -> __m256i {
        // SAFETY: `block` has found AVX2.
        unsafe { _mm256_set1_epi8(byte) }
    }

    #[inline(always)]
    fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `block` has found AVX2.
        unsafe { _mm256_add_epi8(a, b) }
    }

    #[inline(always)]
    fn below(bins: __m256i, below: __m256i) -> __m256i {
        // SAFETY: `block` has found AVX2.
        unsafe { _mm256_cmpgt_epi8(below, bins) }
    }

    #[inline(always)]
    fn select(choice: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        // SAFETY: `block` has found AVX2.
        unsafe { _mm256_blendv_epi8(no, yes, choice) }
    }

    #[inline(always)]
    fn search(thresholds: &Thresholds, values: &[f32; CHUNK], bins: &mut [i8; CHUNK]) {
        // SAFETY: `block` has found the features.
        unsafe { search(thresholds, values, bins) }
    }

    #[inline(always)]
    fn add_leaves(leaves: TreeLeaves, leaf: &[Bytes], sums: &mut [[f32; CHUNK]]) {
        let count = leaves.values.len().div_ceil(TABLE);
        // SAFETY: `block` has found the features.
        unsafe {
            match count {
                1 => add_leaves::<1>(leaves.tables, leaf, sums),
                2 => add_leaves::<2>(leaves.tables, leaf, sums),
                3 => add_leaves::<3>(leaves.tables, leaf, sums),
                MOST_TABLES => add_leaves::<MOST_TABLES>(leaves.tables, leaf, sums),
                _ => Portable::add_leaves(leaves, leaf, sums),
            }
        }
    }
}

/// A value is compared with eight thresholds to an instruction. The 16 answers become 32 bits, two
/// for each threshold at or below the value.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn search(thresholds: &Thresholds, values: &[f32; CHUNK], bins: &mut [i8; CHUNK]) {
    let pivots = sixteen(&thresholds.pivots);
    for (bin, value) in bins.iter_mut().zip(values) {
        let value = _mm256_set1_ps(*value);
        let row = twice_at_or_below(pivots, value) / 2;
        let rest = twice_at_or_below(sixteen(&thresholds.rows[row & (FAN - 1)]), value) / 2;
        *bin = (row * FAN + rest) as u8 as i8 ^ i8::MIN;
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn sixteen(values: &[f32; FAN]) -> [__m256; 2] {
    // SAFETY: eight values from 0 and eight from 8 are 16.
    unsafe {
        [
            _mm256_loadu_ps(values.as_ptr()),
            _mm256_loadu_ps(values.as_ptr().add(8)),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn twice_at_or_below([low, high]: [__m256; 2], value: __m256) -> usize {
    let low = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LE_OQ>(low, value));
    let high = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LE_OQ>(high, value));
    let mask = _mm256_movemask_epi8(_mm256_packs_epi32(low, high));
    mask.count_ones() as usize
}

/// A shuffle looks up 32 bytes in a table of 16. `TABLES` of them make up for leaves numbered
/// beyond: the bits 4 and 5 of the number choose between what was found in each.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn add_leaves<const TABLES: usize>(
    tables: &[[u8; TABLE]],
    leaf: &[Bytes],
    sums: &mut [[f32; CHUNK]],
) {
    let tables = tables.as_chunks::<TABLES>().0;
    let tables: &[[[u8; TABLE]; TABLES]; 4] = tables
        .as_array()
        .expect("a float has four bytes, and there are tables for each");
    for (leaf, sums) in leaf.iter().zip(sums) {
        let sums = sums.as_chunks_mut::<ROWS>().0;
        let mut bytes = [[_mm256_setzero_si256(); 4]; CHUNK / ROWS];
        for (byte, tables) in tables.iter().enumerate() {
            let mut wide = [_mm256_setzero_si256(); TABLES];
            for (wide, table) in wide.iter_mut().zip(tables) {
                // SAFETY: 16 bytes from a table.
                let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
                *wide = _mm256_broadcastsi128_si256(table);
            }
            for (bytes, leaf) in bytes.iter_mut().zip(&leaf.0) {
                bytes[byte] = look_up(wide, Avx2::load(leaf));
            }
        }
        for (bytes, sums) in bytes.into_iter().zip(sums) {
            for (value, sums) in floats(bytes).into_iter().zip(sums.as_chunks_mut::<8>().0) {
                // SAFETY: eight sums.
                unsafe {
                    let sum = _mm256_add_ps(_mm256_loadu_ps(sums.as_ptr()), value);
                    _mm256_storeu_ps(sums.as_mut_ptr(), sum);
                }
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn look_up<const TABLES: usize>(tables: [__m256i; TABLES], leaf: __m256i) -> __m256i {
    let found = |table: usize| _mm256_shuffle_epi8(tables[table], leaf);
    // What chooses is the highest bit of each byte. Other bits move between bytes, but not that far.
    let bit_4 = _mm256_slli_epi16::<3>(leaf);
    let bit_5 = _mm256_slli_epi16::<2>(leaf);
    match TABLES {
        1 => found(0),
        2 => _mm256_blendv_epi8(found(0), found(1), bit_4),
        3 => {
            let low = _mm256_blendv_epi8(found(0), found(1), bit_4);
            _mm256_blendv_epi8(low, found(2), bit_5)
        }
        _ => {
            let low = _mm256_blendv_epi8(found(0), found(1), bit_4);
            let high = _mm256_blendv_epi8(found(2), found(3), bit_4);
            _mm256_blendv_epi8(low, high, bit_5)
        }
    }
}

/// 32 floats from vectors of their lowest to highest bytes.
#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn floats([a, b, c, d]: [__m256i; 4]) -> [__m256; 4] {
    let (ab, ab_high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
    let (cd, cd_high) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_castsi256_ps(_mm256_unpacklo_epi16(ab, cd)),
        _mm256_castsi256_ps(_mm256_unpackhi_epi16(ab, cd)),
        _mm256_castsi256_ps(_mm256_unpacklo_epi16(ab_high, cd_high)),
        _mm256_castsi256_ps(_mm256_unpackhi_epi16(ab_high, cd_high)),
    ]
}
