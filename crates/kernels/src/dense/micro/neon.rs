//! NEON: one panel (four vectors) by six rows, twenty-four accumulators of the thirty-two registers.
//!
//! Rows are multiplied from lanes: a load brings four elements of a row that stands alone, or one of
//! all rows of a panel of rows, and none goes through a broadcast, which would take a place in the
//! multiplying pipes. One or two rows are few chains for those pipes, so they take several panels at a
//! time.
//!
//! bf16 is widened in registers, rows by the shift that also spreads halves over lanes: in memory,
//! the elements of a row are in the order of the reduction.

use std::arch::aarch64::{
    float32x2_t, float32x4_t, uint32x4_t, vand_u32, vandq_u32, vdup_n_u32, vdupq_n_f32,
    vdupq_n_u32, vfmaq_lane_f32, vfmaq_laneq_f32, vld1_f32, vld1_u16, vld1_u32, vld1q_f32,
    vld1q_u32, vreinterpret_f32_u32, vreinterpret_u16_u32, vreinterpretq_f32_u32, vshl_n_u32,
    vshll_n_u16, vshlq_n_u32, vst1q_f32,
};
use std::array::from_fn;

use super::table::Kernel;
use super::tile::{Tile, run_rows};
use crate::span;

pub(crate) static F32: Kernel =
    Kernel { panels: 1, panels_at_once: 4, rows: ROWS, contiguous: false, run: run_f32 };
pub(crate) static BF16: Kernel =
    Kernel { panels: 1, panels_at_once: 4, rows: ROWS, contiguous: false, run: run_bf16 };

/// Rows of a register tile.
const ROWS: usize = 6;
/// The upper half of a word.
const HIGH_HALF: u32 = 0xffff_0000;

/// Accumulators of some rows and panels: `[panel][quarter of the panel][row]`.
type Sums<const P: usize, const R: usize> = [[[float32x4_t; R]; 4]; P];

run_rows!(#[target_feature(enable = "neon")] rows_f32, tile_f32, 1, 6: 1 2 3 4 5);
run_rows!(#[target_feature(enable = "neon")] panels_bf16, tile_bf16, 1, 6: 1 2 3 4 5);

/// Rows that stand alone are taken in groups as equal as can be: the sums of six leave too few registers
/// to widen columns in. Many rows do not come here, they are widened before.
///
/// # Safety
/// As [`Kernel::run`].
#[target_feature(enable = "neon")]
unsafe fn rows_bf16(tile: &Tile, num_rows: usize) {
    // SAFETY: the caller's operands cover these rows.
    unsafe {
        if tile.step_stride == ROWS {
            return panels_bf16(tile, num_rows);
        }
        let groups = num_rows.div_ceil(5);
        for group in 0..groups {
            let rows = span(num_rows, group, groups);
            let words = tile.rows.add(rows.start * tile.row_stride);
            match rows.len() {
                1 => tile_bf16::<1, 1>(tile, rows.start, words),
                2 => tile_bf16::<1, 2>(tile, rows.start, words),
                3 => tile_bf16::<1, 3>(tile, rows.start, words),
                4 => tile_bf16::<1, 4>(tile, rows.start, words),
                _ => tile_bf16::<1, 5>(tile, rows.start, words),
            }
        }
    }
}

/// Defines `$run`: few rows by several panels in registers, more rows by one panel after the other.
macro_rules! run_panels {
    ($run:ident, $rows:ident, $tile:ident) => {
        /// # Safety
        /// As [`Kernel::run`].
        unsafe fn $run(tile: &Tile, num_panels: usize, num_rows: usize) {
            let together = match num_rows {
                1 => 4,
                2 => 2,
                _ => 1,
            };
            for first in (0..num_panels).step_by(together) {
                // SAFETY: the caller promises the level, and operands and output of these panels.
                unsafe {
                    let cols = tile.cols.add(first * tile.panel_stride);
                    let part = Tile { cols, out: tile.out.add(first * 16), ..*tile };
                    match (num_rows, (num_panels - first).min(together)) {
                        (1, 4) => $tile::<4, 1>(&part, 0, tile.rows),
                        (1, 3) => $tile::<3, 1>(&part, 0, tile.rows),
                        (1, 2) => $tile::<2, 1>(&part, 0, tile.rows),
                        (2, 2) => $tile::<2, 2>(&part, 0, tile.rows),
                        _ => $rows(&part, num_rows),
                    }
                }
            }
        }
    };
}
run_panels!(run_f32, rows_f32, tile_f32);
run_panels!(run_bf16, rows_bf16, tile_bf16);

/// The accumulators of `R` rows from `row` on, from zero or from the output.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn start<const P: usize, const R: usize>(tile: &Tile, row: usize) -> Sums<P, R> {
    if !tile.accumulate {
        return [[[vdupq_n_f32(0.0); R]; 4]; P];
    }
    // SAFETY: the output covers these rows and panels.
    unsafe {
        from_fn(|p| {
            from_fn(|v| from_fn(|i| vld1q_f32(tile.out.add((row + i) * tile.ldo + p * 16 + v * 4))))
        })
    }
}

/// Writes the accumulators of `R` rows from `row` on to the output.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn finish<const P: usize, const R: usize>(tile: &Tile, row: usize, sums: &Sums<P, R>) {
    for (p, sums) in sums.iter().enumerate() {
        for (v, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                // SAFETY: the output covers these rows and panels.
                unsafe { vst1q_f32(tile.out.add((row + i) * tile.ldo + p * 16 + v * 4), *sum) };
            }
        }
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_f32<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows, panels and steps.
    unsafe {
        let mut sums = start::<P, R>(tile, row);
        let mut cols = tile.cols.cast::<f32>();
        let mut x = x.cast::<f32>();
        let stride = tile.panel_stride;
        if tile.step_stride == ROWS {
            for _ in 0..tile.steps {
                let (quad, pair) = (vld1q_f32(x), vld1_f32(x.add(4)));
                multiply_panel(&mut sums, quad, pair, |p, v| vld1q_f32(cols.add(p * stride + v)));
                cols = cols.wrapping_add(16);
                x = x.wrapping_add(ROWS);
            }
        } else {
            for _ in 0..tile.steps / 4 {
                let values = from_fn(|i| vld1q_f32(x.add(i * tile.row_stride)));
                let col = |step: usize, p: usize, v: usize| {
                    vld1q_f32(cols.add(p * stride + step * 16 + v))
                };
                multiply::<0, P, R>(&mut sums, &values, |p, v| col(0, p, v));
                multiply::<1, P, R>(&mut sums, &values, |p, v| col(1, p, v));
                multiply::<2, P, R>(&mut sums, &values, |p, v| col(2, p, v));
                multiply::<3, P, R>(&mut sums, &values, |p, v| col(3, p, v));
                cols = cols.wrapping_add(4 * 16);
                x = x.wrapping_add(4);
            }
            for _ in 0..tile.steps % 4 {
                let values = from_fn(|i| vdupq_n_f32(*x.add(i * tile.row_stride)));
                multiply::<0, P, R>(&mut sums, &values, |p, v| vld1q_f32(cols.add(p * stride + v)));
                cols = cols.wrapping_add(16);
                x = x.wrapping_add(1);
            }
        }
        finish(tile, row, &sums);
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn tile_bf16<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows, panels and steps.
    unsafe {
        let mut sums = start::<P, R>(tile, row);
        let (mut cols, mut x) = (tile.cols, x);
        let stride = tile.panel_stride;
        let words = |cols: *const u32, p: usize, v: usize| vld1q_u32(cols.add(p * stride + v));
        if tile.step_stride == ROWS {
            for _ in 0..tile.steps {
                let (quad, pair) = (vld1q_u32(x), vld1_u32(x.add(4)));
                let low_pair = vreinterpret_f32_u32(vshl_n_u32::<16>(pair));
                let high_pair = vreinterpret_f32_u32(vand_u32(pair, vdup_n_u32(HIGH_HALF)));
                multiply_panel(&mut sums, low(quad), low_pair, |p, v| low(words(cols, p, v)));
                multiply_panel(&mut sums, high(quad), high_pair, |p, v| high(words(cols, p, v)));
                cols = cols.wrapping_add(16);
                x = x.wrapping_add(ROWS);
            }
        } else {
            for _ in 0..tile.steps / 2 {
                let values = from_fn(|i| {
                    let halves = vld1_u16(x.add(i * tile.row_stride).cast());
                    vreinterpretq_f32_u32(vshll_n_u16::<16>(halves))
                });
                let next = cols.wrapping_add(16);
                multiply_pairs::<0, 1, P, R>(&mut sums, &values, |p, v| words(cols, p, v));
                multiply_pairs::<2, 3, P, R>(&mut sums, &values, |p, v| words(next, p, v));
                cols = cols.wrapping_add(2 * 16);
                x = x.wrapping_add(2);
            }
            if !tile.steps.is_multiple_of(2) {
                let values = from_fn(|i| {
                    let halves = vreinterpret_u16_u32(vdup_n_u32(*x.add(i * tile.row_stride)));
                    vreinterpretq_f32_u32(vshll_n_u16::<16>(halves))
                });
                multiply_pairs::<0, 1, P, R>(&mut sums, &values, |p, v| words(cols, p, v));
            }
        }
        finish(tile, row, &sums);
    }
}

/// The first elements of pairs.
#[inline]
#[target_feature(enable = "neon")]
fn low(words: uint32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vshlq_n_u32::<16>(words))
}

/// The second elements of pairs.
#[inline]
#[target_feature(enable = "neon")]
fn high(words: uint32x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vandq_u32(words, vdupq_n_u32(HIGH_HALF)))
}

/// Adds the products of one element of the reduction, in lane `LANE` of each row's values; `col` gives
/// four columns from the `v`th of panel `p` on.
#[inline]
#[target_feature(enable = "neon")]
fn multiply<const LANE: i32, const P: usize, const R: usize>(
    sums: &mut Sums<P, R>,
    values: &[float32x4_t; R],
    col: impl Fn(usize, usize) -> float32x4_t,
) {
    for (p, sums) in sums.iter_mut().enumerate() {
        for (v, sums) in sums.iter_mut().enumerate() {
            let col = col(p, 4 * v);
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = vfmaq_laneq_f32::<LANE>(*sum, col, *values);
            }
        }
    }
}

/// As [`multiply`], of pairs of bf16: the first elements by lane `LOW`, the second ones by lane `HIGH`.
/// Both are taken before the next columns, so that few words live at a time.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_pairs<const LOW: i32, const HIGH: i32, const P: usize, const R: usize>(
    sums: &mut Sums<P, R>,
    values: &[float32x4_t; R],
    words: impl Fn(usize, usize) -> uint32x4_t,
) {
    for (p, sums) in sums.iter_mut().enumerate() {
        for (v, sums) in sums.iter_mut().enumerate() {
            let words = words(p, 4 * v);
            let (low, high) = (low(words), high(words));
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = vfmaq_laneq_f32::<LOW>(*sum, low, *values);
            }
            for (sum, values) in sums.iter_mut().zip(values) {
                *sum = vfmaq_laneq_f32::<HIGH>(*sum, high, *values);
            }
        }
    }
}

/// As [`multiply`], of a panel of rows: the first four in `quad`, two more in `pair`.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_panel<const P: usize, const R: usize>(
    sums: &mut Sums<P, R>,
    quad: float32x4_t,
    pair: float32x2_t,
    col: impl Fn(usize, usize) -> float32x4_t,
) {
    for (p, sums) in sums.iter_mut().enumerate() {
        for (v, sums) in sums.iter_mut().enumerate() {
            let col = col(p, 4 * v);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = match i {
                    0 => vfmaq_laneq_f32::<0>(*sum, col, quad),
                    1 => vfmaq_laneq_f32::<1>(*sum, col, quad),
                    2 => vfmaq_laneq_f32::<2>(*sum, col, quad),
                    3 => vfmaq_laneq_f32::<3>(*sum, col, quad),
                    4 => vfmaq_lane_f32::<0>(*sum, col, pair),
                    _ => vfmaq_lane_f32::<1>(*sum, col, pair),
                };
            }
        }
    }
}
