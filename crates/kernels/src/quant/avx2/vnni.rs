//! The product with AVX-VNNI: one instruction adds four unsigned codes times four activations in 32
//! bits, so neither pairs in 16 bits nor signs are in the way, and sums start at the corrections.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_set1_epi32, _mm256_setzero_ps, _mm256_setzero_si256,
};
use std::ops::Range;

use super::dot::{HALVES, broadcast};
use super::product::{Pointers, add_scaled, store_rows};
use super::weights;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS};
use crate::quant::job::{AHEAD_BYTES, Job, walk_rows};
use crate::x86::_mm256_dpbusd_avx_epi32;

walk_rows! {
    #[cfg_attr(
        not(feature = "emulate-avx512"),
        target_feature(enable = "avx2,fma,f16c,avxvnni")
    )]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    one_tile, micro, Packed, 1, 4, 1, 2, 3
}

/// One tile times the activation rows.
///
/// # Safety
/// As [`micro`], for all `rows`.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx2,fma,f16c,avxvnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn by_tile<P: Packed>(
    job: &Job<'_, '_>,
    w: *const u8,
    rows: Range<usize>,
    tile: usize,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        if rows.len() == 1 {
            micro::<P, 1, 1, true>(job, w, rows.start, tile, AHEAD_BYTES);
        } else {
            one_tile::<P>(job, w, rows, tile);
        }
    }
}

/// One tile times `NR` activation rows from `row` on.
///
/// # Safety
/// The processor must have AVX-VNNI; `job` must cover these rows and the tile; `w` is the start of the
/// tile.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx2,fma,f16c,avxvnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn micro<P: Packed, const MR: usize, const NR: usize, const FETCH: bool>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    const { assert!(MR == 1, "two registers of a tile are all that fit") };
    let x = Pointers::of::<P>(job, row);
    let mut acc = [[_mm256_setzero_ps(); HALVES]; NR];
    for block in 0..x.blocks {
        // SAFETY: all reads are inside the tile and rows that the job has measured.
        unsafe {
            add_sub_block::<P, 0, NR, FETCH>(&mut acc, &x, w, block, ahead);
            if P::G.subs == 2 {
                add_sub_block::<P, 1, NR, FETCH>(&mut acc, &x, w, block, ahead);
            }
        }
    }
    // SAFETY: passed on to the caller.
    unsafe { store_rows(job, &acc, row, tile) };
}

/// One sub-block of the sums that `micro` computes.
///
/// # Safety
/// The processor must have AVX-VNNI; `w` must be the start of a tile of format `P`; tile and activations
/// must have the block.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx2,fma,f16c,avxvnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_sub_block<P: Packed, const SUB: usize, const NR: usize, const FETCH: bool>(
    acc: &mut [[__m256; HALVES]; NR],
    x: &Pointers,
    w: *const u8,
    block: usize,
    ahead: usize,
) {
    let (g, steps) = (P::G, STEPS / P::G.subs);
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    // SAFETY: promised by the caller.
    unsafe {
        if g.zero != 0 {
            for t in 0..NR {
                let at = (t * x.blocks + block) * g.subs + SUB;
                sums[t] = [_mm256_set1_epi32(*x.corrections.add(at)); HALVES];
            }
        }
        let (at, q) = (w.add(g.codes_at(block)), x.codes.add(block * BLOCK));
        // Written out, so that shifts are by constants whatever the optimizer decides.
        macro_rules! steps {
            ($($i:literal)*) => { $(if $i < steps {
                let step = SUB * steps + $i;
                let codes: [__m256i; HALVES] = [
                    weights::codes::<P, FETCH>(at, step, ahead),
                    weights::codes::<P, false>(at.add(32), step, 0),
                ];
                for t in 0..NR {
                    let four = broadcast(q.add(4 * step + t * x.k));
                    for h in 0..HALVES {
                        sums[t][h] = _mm256_dpbusd_avx_epi32(sums[t][h], codes[h], four);
                    }
                }
            })* };
        }
        steps!(0 1 2 3 4 5 6 7);
        add_scaled::<P, SUB, NR>(acc, &sums, x, w, block);
    }
}
