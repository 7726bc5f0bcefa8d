//! The product: one tile (16 outputs, two registers) times up to 4 activation rows. `vnni` has a better
//! way where the processor has AVX-VNNI.
//!
//! Registers are never passed through closures (`array::map`): the library function has no SIMD
//! features, so each call would go through memory.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps,
};
use std::ops::Range;

use super::dot::{HALVES, LANES, dot, is_signed};
use super::{vnni, weights};
use crate::level::avx2_has_vnni;
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
    let has_vnni = avx2_has_vnni();
    for tile in tiles {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: `Job::new` has verified all sizes for these rows and tiles; AVX-VNNI was asked for.
        unsafe {
            if has_vnni {
                vnni::by_tile::<P>(&job, w, rows.clone(), tile);
            } else {
                by_tile::<P>(&job, w, rows.clone(), tile);
            }
        }
    }
}

/// Defines `by_tile`, the product of one tile, over the `add_sub_block` in scope.
macro_rules! product_by_tile {
    ($(#[$meta:meta])*) => {
        walk_rows! { $(#[$meta])* one_tile, micro, Packed, 1, 4, 1, 2, 3 }

        /// One tile times the activation rows.
        ///
        /// # Safety
        /// As `micro`'s, for all `rows`.
        $(#[$meta])*
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
        /// The processor must have the features; `job` must cover these rows and the tile; `w` is the
        /// start of the tile.
        #[inline]
        $(#[$meta])*
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
            // SAFETY: passed on to the caller.
            unsafe { store_rows(job, &acc, row, tile) };
        }
    };
}
pub(super) use product_by_tile;

product_by_tile! { #[target_feature(enable = "avx2,fma,f16c")] }

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
        let mut sums = dot::<P, SUB, NR, FETCH>(at, ahead, x.codes.add(block * BLOCK), x.k);
        if g.zero != 0 && !is_signed(&g) {
            for t in 0..NR {
                let at = (t * x.blocks + block) * g.subs + SUB;
                let correction = _mm256_set1_epi32(*x.corrections.add(at));
                for h in 0..HALVES {
                    sums[t][h] = _mm256_add_epi32(sums[t][h], correction);
                }
            }
        }
        add_scaled::<P, SUB, NR>(acc, &sums, x, w, block);
    }
}

/// Adds the integer sums of a sub-block times its scales, and what its minima give.
///
/// # Safety
/// As [`add_sub_block`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn add_scaled<P: Packed, const SUB: usize, const NR: usize>(
    acc: &mut [[__m256; HALVES]; NR],
    sums: &[[__m256i; HALVES]; NR],
    x: &Pointers,
    w: *const u8,
    block: usize,
) {
    let g = P::G;
    // SAFETY: promised by the caller.
    unsafe {
        let d = [weights::scales::<P>(w, block, SUB, 0), weights::scales::<P>(w, block, SUB, 1)];
        for t in 0..NR {
            let scale = _mm256_set1_ps(*x.scales.add(t * x.blocks + block));
            for h in 0..HALVES {
                let scale = _mm256_mul_ps(d[h], scale);
                acc[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[t][h]), scale, acc[t][h]);
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

/// Writes the outputs of a tile in `NR` rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and the tile.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn store_rows<const NR: usize>(
    job: &Job<'_, '_>,
    acc: &[[__m256; HALVES]; NR],
    row: usize,
    tile: usize,
) {
    for (t, acc) in acc.iter().enumerate() {
        for (h, acc) in acc.iter().enumerate() {
            // SAFETY: the job covers these rows and the tile.
            unsafe { job.store(*acc, row + t, tile * TILE + h * LANES) };
        }
    }
}
