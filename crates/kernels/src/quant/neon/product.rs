//! The product: a quarter of a tile (4 outputs, one register) after the other times activation rows.
//!
//! A quarter's codes of a block are unpacked into eight registers, and each row's 32 activations
//! are two more, of which `sdot` takes four at a time; so a sum of 32 products is eight
//! instructions in one register. Up to 3 rows take all quarters of a block before the next block,
//! as the weights come from memory then. From 12 rows on a quarter goes through all blocks with
//! 12 rows, which share the unpacking; `matrices` has a better way where the processor has i8mm.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s8, vdupq_n_s32,
    vfmaq_f32, vfmaq_n_f32, vld1q_s8, vmulq_n_f32,
};
use std::ops::Range;

use super::matrices;
use super::weights::{self, LANES, QUARTER_BYTES, QUARTERS, is_centred};
use crate::level::neon_has_i8mm;
use crate::neon::dot_lane;
use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Geometry, Packed, STEPS, TILE};
use crate::quant::job::{Job, Pointers};
use crate::quant::matrix::Target;

/// Rows that a quarter is multiplied with at once, if there are so many.
const STRIP_ROWS: usize = 12;

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Neon`], and no other thread may write
/// the same rows of the same tiles.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations<'_>,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let job = Job::new::<P>(weights, x, &rows, &tiles, target);
    let by_matrices = rows.len() >= matrices::FROM_ROWS && neon_has_i8mm();
    for tile in tiles {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: `Job::new` has verified all sizes for these rows and tiles; i8mm was asked for.
        unsafe {
            if by_matrices {
                matrices::one_tile::<P>(&job, w, rows.clone(), tile);
            } else {
                one_tile::<P>(&job, w, rows.clone(), tile);
            }
        }
    }
}

/// # Safety
/// As for [`micro`], for all `rows`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn one_tile<P: Packed>(job: &Job<'_, '_>, w: *const u8, rows: Range<usize>, tile: usize) {
    let mut row = rows.start;
    // SAFETY: passed on to the caller.
    unsafe {
        while row + STRIP_ROWS <= rows.end {
            for quarter in 0..QUARTERS {
                micro::<P, 1, STRIP_ROWS>(job, w, row, tile, quarter);
            }
            row += STRIP_ROWS;
        }
        while row + 3 <= rows.end {
            micro::<P, QUARTERS, 3>(job, w, row, tile, 0);
            row += 3;
        }
        match rows.end - row {
            0 => {}
            1 => micro::<P, QUARTERS, 1>(job, w, row, tile, 0),
            2 => micro::<P, QUARTERS, 2>(job, w, row, tile, 0),
            rest => unreachable!("{rest} rows left of steps of 3"),
        }
    }
}

/// `NQ` quarters of a tile from `first` on times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and the tile; `w` is the start of the tile.
#[target_feature(enable = "neon,dotprod")]
unsafe fn micro<P: Packed, const NQ: usize, const NR: usize>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    first: usize,
) {
    let x = job.activations(row);
    let mut acc = [[vdupq_n_f32(0.0); NR]; NQ];
    for block in 0..job.blocks {
        // A loop that stays one, if the compiler likes: the sums of all quarters in registers would
        // leave too few for the rest, and once in a block they may wait in memory.
        for (i, acc) in acc.iter_mut().enumerate() {
            // SAFETY: all reads are inside the tile and rows that the job has measured.
            unsafe {
                add_sub_block::<P, 0, NR>(acc, &x, w, block, first + i);
                if P::G.subs == 2 {
                    add_sub_block::<P, 1, NR>(acc, &x, w, block, first + i);
                }
            }
        }
    }
    for (i, acc) in acc.iter().enumerate() {
        for (t, acc) in acc.iter().enumerate() {
            // SAFETY: the job covers these rows and the tile.
            unsafe { job.store(*acc, row + t, tile * TILE + (first + i) * LANES) };
        }
    }
}

/// One sub-block of the sums of one quarter that `micro` computes.
///
/// # Safety
/// `w` must be the start of a tile of format `P`; tile and activations must have the block.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add_sub_block<P: Packed, const SUB: usize, const NR: usize>(
    acc: &mut [float32x4_t; NR],
    x: &Pointers,
    w: *const u8,
    block: usize,
    quarter: usize,
) {
    let (g, steps) = (P::G, STEPS / P::G.subs);
    let mut codes = [vdupq_n_s8(0); STEPS];
    // SAFETY: promised by the caller.
    unsafe {
        let at = w.add(g.codes_at(block) + QUARTER_BYTES * quarter);
        // Written out, so that shifts are by constants whatever the optimizer decides.
        macro_rules! steps {
            ($($i:literal)*) => { $(if $i < steps {
                let step = SUB * steps + $i;
                codes[$i] = if corrects(&g, NR) {
                    weights::codes::<P>(at, step)
                } else {
                    weights::values::<P>(at, step)
                };
            })* };
        }
        steps!(0 1 2 3 4 5 6 7);
        let d = weights::scales::<P>(w, block, SUB, quarter);
        let m =
            if g.has_min { weights::mins::<P>(w, block, SUB, quarter) } else { vdupq_n_f32(0.0) };
        // Written out as well: the sums of 12 rows are to be in registers.
        macro_rules! rows {
            ($($t:literal)*) => { $(if $t < NR {
                acc[$t] = add_row::<P, SUB, NR>(acc[$t], &codes, [d, m], x, $t, block);
            })* };
        }
        rows!(0 1 2 3 4 5 6 7 8 9 10 11);
    }
}

/// Whether row sums are corrected for the zero point. With many rows it is cheaper to take it off
/// the codes, which they share.
const fn corrects(g: &Geometry, rows: usize) -> bool {
    rows < STRIP_ROWS && g.zero != 0 && !is_centred(g)
}

/// What `add_sub_block` does for row `t`, of the scales and minima `[d, m]`.
///
/// # Safety
/// The row must have the block.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn add_row<P: Packed, const SUB: usize, const NR: usize>(
    acc: float32x4_t,
    codes: &[int8x16_t; STEPS],
    [d, m]: [float32x4_t; 2],
    x: &Pointers,
    t: usize,
    block: usize,
) -> float32x4_t {
    let g = P::G;
    let at = t * x.blocks + block;
    // SAFETY: promised by the caller.
    unsafe {
        let start = if corrects(&g, NR) { *x.corrections.add(at * g.subs + SUB) } else { 0 };
        let q = x.codes.add(t * x.k + block * BLOCK + SUB * (BLOCK / g.subs));
        let sum = dot::<P>(vdupq_n_s32(start), codes, q);
        let scale = vmulq_n_f32(d, *x.scales.add(at));
        let acc = vfmaq_f32(acc, vcvtq_f32_s32(sum), scale);
        if g.has_min { vfmaq_n_f32(acc, m, *x.scaled_sums.add(at * g.subs + SUB)) } else { acc }
    }
}

/// `sum += codes . q` over the steps of a sub-block, four products per lane and step.
///
/// # Safety
/// As many activations as a sub-block has must be readable at `q`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn dot<P: Packed>(
    mut sum: int32x4_t,
    codes: &[int8x16_t; STEPS],
    q: *const i8,
) -> int32x4_t {
    // SAFETY: promised by the caller.
    let sixteen = unsafe { vld1q_s8(q) };
    sum = dot_lane::<0>(sum, codes[0], sixteen);
    sum = dot_lane::<1>(sum, codes[1], sixteen);
    sum = dot_lane::<2>(sum, codes[2], sixteen);
    sum = dot_lane::<3>(sum, codes[3], sixteen);
    if P::G.subs == 1 {
        // SAFETY: promised by the caller.
        let sixteen = unsafe { vld1q_s8(q.add(16)) };
        sum = dot_lane::<0>(sum, codes[4], sixteen);
        sum = dot_lane::<1>(sum, codes[5], sixteen);
        sum = dot_lane::<2>(sum, codes[6], sixteen);
        sum = dot_lane::<3>(sum, codes[7], sixteen);
    }
    sum
}
