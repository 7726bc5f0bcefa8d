//! The product: one tile (16 outputs, two registers) times up to 4 activation rows.
//!
//! Registers are never passed through closures (`array::map`): the library function has no SIMD
//! features, so each call would go through memory.

use std::arch::x86_64::{
    __m256, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
};
use std::ops::Range;

use super::dot::{HALVES, LANES, dot, is_signed};
use super::weights;
use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, TILE};
use crate::quant::job::{AHEAD_BYTES, Job, Pointers, walk_rows};
use crate::quant::matrix::Target;

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`], and no other thread may write
/// the same rows of the same tiles.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations<'_>,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let job = Job::new::<P>(weights, x, &rows, &tiles, target);
    for tile in tiles {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: `Job::new` has verified all sizes for these rows and tiles.
        unsafe {
            if rows.len() == 1 {
                micro::<P, 1, 1, true>(&job, w, rows.start, tile, AHEAD_BYTES);
            } else {
                one_tile::<P>(&job, w, rows.clone(), tile);
            }
        }
    }
}

walk_rows!(
    #[target_feature(enable = "avx2,fma,f16c")]
    one_tile,
    micro,
    Packed,
    1,
    4,
    1,
    2,
    3
);

/// One tile times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and the tile; `w` is the start of the tile.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn micro<P: Packed, const MR: usize, const NR: usize, const FETCH: bool>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    const { assert!(MR == 1, "two registers of a tile are all that fit") };
    let x = job.activations(row);
    let mut acc = [[_mm256_setzero_ps(); HALVES]; NR];
    for block in 0..job.blocks {
        // SAFETY: all reads are inside the tile and rows that the job has measured.
        unsafe {
            add_sub_block::<P, 0, NR, FETCH>(&mut acc, &x, w, block, ahead);
            if P::G.subs == 2 {
                add_sub_block::<P, 1, NR, FETCH>(&mut acc, &x, w, block, ahead);
            }
        }
    }
    for (t, acc) in acc.iter().enumerate() {
        for (h, acc) in acc.iter().enumerate() {
            // SAFETY: the job covers these rows and the tile.
            unsafe { job.store(*acc, row + t, tile * TILE + h * LANES) };
        }
    }
}

/// One sub-block of the sums that `micro` computes.
///
/// # Safety
/// `w` must be the start of a tile of format `P`; tile and activations must have the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_sub_block<P: Packed, const SUB: usize, const NR: usize, const FETCH: bool>(
    acc: &mut [[__m256; HALVES]; NR],
    x: &Pointers,
    w: *const u8,
    block: usize,
    ahead: usize,
) {
    let g = P::G;
    // SAFETY: promised by the caller.
    unsafe {
        let at = w.add(g.codes_at(block));
        let sums = dot::<P, SUB, NR, FETCH>(at, ahead, x.codes.add(block * BLOCK), x.k);
        let d = [weights::scales::<P>(w, block, SUB, 0), weights::scales::<P>(w, block, SUB, 1)];
        for t in 0..NR {
            let at = t * x.blocks + block;
            let scale = _mm256_set1_ps(*x.scales.add(at));
            for h in 0..HALVES {
                let mut sum = sums[t][h];
                if g.zero != 0 && !is_signed(&g) {
                    let correction = *x.corrections.add(at * g.subs + SUB);
                    sum = _mm256_add_epi32(sum, _mm256_set1_epi32(correction));
                }
                let scale = _mm256_mul_ps(d[h], scale);
                acc[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, acc[t][h]);
            }
        }
        if g.has_min {
            let m = [weights::mins::<P>(w, block, SUB, 0), weights::mins::<P>(w, block, SUB, 1)];
            for t in 0..NR {
                let at = (t * x.blocks + block) * g.subs + SUB;
                let sum = _mm256_set1_ps(*x.scaled_sums.add(at));
                for h in 0..HALVES {
                    acc[t][h] = _mm256_fmadd_ps(m[h], sum, acc[t][h]);
                }
            }
        }
    }
}
