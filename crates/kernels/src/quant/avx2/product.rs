//! The product: one tile (16 outputs, two registers) times up to 4 activation rows.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs in 16 bits, saturating. For 4-bit
//! codes a whole block stays below that limit (8 steps of 2 * 15 * 127 make 30480), so one widening
//! per block is enough; 5-bit codes are widened after 4 steps, 6-bit codes after 2. 8-bit codes use
//! magnitudes and move the sign to the activation: a pair is at most 2 * 128 * 127 = 32512, and is
//! widened at once. Either way the integer sums are exact.
//!
//! Registers are never passed through closures (`array::map`): the library function has no SIMD
//! features, so each call would go through memory.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps, _mm256_xor_si256,
};
use std::ops::Range;

use super::weights::{self, HALVES};
use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Geometry, Packed, STEPS, TILE};
use crate::quant::job::{AHEAD_BYTES, Job, walk_rows};
use crate::quant::matrix::Target;

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`], and no other thread may write
/// the same rows of the same tiles.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations,
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
                micro::<P, 1, 1>(&job, w, rows.start, tile, AHEAD_BYTES);
            } else {
                one_tile::<P>(&job, w, rows.clone(), tile);
            }
        }
    }
}

walk_rows!("avx2,fma,f16c", one_tile, micro, 1, 4, 1, 2, 3);

/// One tile times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and the tile; `w` is the start of the tile.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn micro<P: Packed, const MR: usize, const NR: usize>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    const { assert!(MR == 1, "two registers of a tile are all that fit") };
    let (g, k, blocks) = (P::G, job.x.k, job.blocks);
    let codes = job.x.codes_tk[row * k..].as_ptr();
    let scales = job.x.scales_tb[row * blocks..].as_ptr();
    let corrections = job.x.corrections_tbs[row * blocks * g.subs..].as_ptr();
    let scaled_sums = job.x.scaled_sums_tbs[row * blocks * g.subs..].as_ptr();
    let mut acc = [[_mm256_setzero_ps(); HALVES]; NR];
    for block in 0..blocks {
        for sub in 0..g.subs {
            // SAFETY: all reads are inside the tile and rows that the job has measured.
            unsafe {
                let at = w.add(g.codes_at(block));
                let sums = dot::<P, NR>(at, sub, ahead, codes.add(block * BLOCK), k);
                let d = weights::scales::<P>(w, block, sub);
                for t in 0..NR {
                    let at = t * blocks + block;
                    let scale = _mm256_set1_ps(*scales.add(at));
                    for h in 0..HALVES {
                        let mut sum = sums[t][h];
                        if g.zero != 0 && !is_signed(&g) {
                            let correction = *corrections.add(at * g.subs + sub);
                            sum = _mm256_add_epi32(sum, _mm256_set1_epi32(correction));
                        }
                        let scale = _mm256_mul_ps(d[h], scale);
                        acc[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, acc[t][h]);
                    }
                }
                if g.has_min {
                    let m = weights::mins::<P>(w, block, sub);
                    for t in 0..NR {
                        let at = (t * blocks + block) * g.subs + sub;
                        let sum = _mm256_set1_ps(*scaled_sums.add(at));
                        for h in 0..HALVES {
                            acc[t][h] = _mm256_fmadd_ps(m[h], sum, acc[t][h]);
                        }
                    }
                }
            }
        }
    }
    for (t, acc) in acc.iter().enumerate() {
        // SAFETY: the job covers these rows and the tile.
        unsafe { store(job, *acc, row + t, tile) };
    }
}

/// Whether codes are multiplied with their sign, so that nothing is to be corrected.
const fn is_signed(g: &Geometry) -> bool {
    g.zero == 128
}

/// Steps whose products may be added in 16 bits: each adds at most `2 * max_code * 127`.
const fn steps_in_16_bits(g: &Geometry) -> usize {
    let mut steps = STEPS / g.subs;
    while !is_signed(g) && steps as i32 * 2 * g.max_code * 127 > i16::MAX as i32 {
        steps /= 2;
    }
    if is_signed(g) { 1 } else { steps }
}

/// Sums over one sub-block: `code * activation`, of signed codes `(code - 128) * activation`.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`; 32 bytes must be readable at `q`
/// and at each further row's distance `k`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dot<P: Packed, const NR: usize>(
    at: *const u8,
    sub: usize,
    ahead: usize,
    q: *const i8,
    k: usize,
) -> [[__m256i; HALVES]; NR] {
    let (steps, together) = (STEPS / P::G.subs, const { steps_in_16_bits(&P::G) });
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    for first in (0..steps).step_by(together) {
        let mut pairs = [[_mm256_setzero_si256(); HALVES]; NR];
        for step in sub * steps + first..sub * steps + first + together {
            // SAFETY: promised by the caller.
            unsafe {
                let codes = weights::codes::<P>(at, step, ahead);
                add_step::<P, NR>(&mut pairs, codes, q.add(4 * step), k);
            }
        }
        for t in 0..NR {
            for h in 0..HALVES {
                sums[t][h] = _mm256_add_epi32(sums[t][h], _mm256_madd_epi16(pairs[t][h], ones));
            }
        }
    }
    sums
}

/// `pairs[t] += codes . q[t]`, two products per lane of 16 bits; `q` has rows at distance `k`.
///
/// # Safety
/// Four bytes must be readable at `q` and at each further row's distance.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_step<P: Packed, const NR: usize>(
    pairs: &mut [[__m256i; HALVES]; NR],
    mut codes: [__m256i; HALVES],
    q: *const i8,
    k: usize,
) {
    let signed = is_signed(&P::G);
    let mut signs = codes;
    if signed {
        for h in 0..HALVES {
            signs[h] = _mm256_xor_si256(codes[h], _mm256_set1_epi8(-128));
            codes[h] = _mm256_abs_epi8(signs[h]);
        }
    }
    for t in 0..NR {
        // SAFETY: promised by the caller.
        let four = unsafe { broadcast(q.add(t * k)) };
        for h in 0..HALVES {
            let four = if signed { _mm256_sign_epi8(four, signs[h]) } else { four };
            let products = _mm256_maddubs_epi16(codes[h], four);
            pairs[t][h] = _mm256_add_epi16(pairs[t][h], products);
        }
    }
}

/// Four activation codes in every lane.
///
/// # Safety
/// Four bytes must be readable; they need not be aligned.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast(q: *const i8) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
}

/// Writes one row of a tile; only the outputs that exist.
///
/// # Safety
/// `job` must cover the row and the tile.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(job: &Job<'_, '_>, mut acc: [__m256; HALVES], row: usize, tile: usize) {
    let lanes = job.lanes(tile);
    // SAFETY: the row has `lanes` outputs from here on, as the job has checked.
    let out = unsafe { std::slice::from_raw_parts_mut(job.out(row, tile), lanes) };
    let mut values = [0.0f32; TILE];
    if job.target.accumulate {
        values[..lanes].copy_from_slice(out);
        for h in 0..HALVES {
            // SAFETY: `values` has two registers' worth.
            acc[h] = _mm256_add_ps(unsafe { _mm256_loadu_ps(values.as_ptr().add(8 * h)) }, acc[h]);
        }
    }
    for h in 0..HALVES {
        // SAFETY: `values` has two registers' worth.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr().add(8 * h), acc[h]) };
    }
    out.copy_from_slice(&values[..lanes]);
}
