//! The product: half a tile (8 outputs, one register) times up to 6 activation rows, or the whole
//! tile times one.
//!
//! Rows and sums in 16 and 32 bits have to fit 16 registers; the two halves of a tile take turns, and
//! the second finds the weights in the cache.

//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs in 16 bits, saturating. For 4-bit
//! codes a whole block stays below that limit (8 steps of 2 * 15 * 127 make 30480), so one widening
//! per block is enough; 5-bit codes are widened after 4 steps, 6-bit codes after 2. 8-bit codes use
//! magnitudes and move the sign to the activation: a pair is at most 2 * 128 * 127 = 32512, and is
//! widened at once. Either way the integer sums are exact.
//!
//! Registers are never passed through closures (`array::map`): the library function has no SIMD
//! features, so each call would go through memory.

use std::arch::asm;
use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps, _mm256_xor_si256,
};
use std::ops::Range;

use super::weights;
use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Geometry, Packed, STEPS, TILE};
use crate::quant::job::{AHEAD_BYTES, Job, walk_rows};
use crate::quant::matrix::Target;

/// Outputs in a register.
const LANES: usize = 8;
/// Registers of a tile.
const HALVES: usize = TILE / LANES;

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

/// Where the activations of some rows are, the first of them.
struct Pointers {
    codes: *const i8,
    scales: *const f32,
    corrections: *const i32,
    scaled_sums: *const f32,
    k: usize,
    blocks: usize,
}

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
    let (k, blocks) = (job.x.k, job.blocks);
    let subs = blocks * P::G.subs;
    let x = Pointers {
        codes: job.x.codes_tk[row * k..].as_ptr(),
        scales: job.x.scales_tb[row * blocks..].as_ptr(),
        corrections: job.x.corrections_tbs[row * subs..].as_ptr(),
        scaled_sums: job.x.scaled_sums_tbs[row * subs..].as_ptr(),
        k,
        blocks,
    };
    let mut acc = [[_mm256_setzero_ps(); HALVES]; NR];
    for block in 0..blocks {
        // SAFETY: all reads are inside the tile and rows that the job has measured.
        unsafe {
            add_sub_block::<P, 0, NR>(&mut acc, &x, w, block, ahead);
            if P::G.subs == 2 {
                add_sub_block::<P, 1, NR>(&mut acc, &x, w, block, ahead);
            }
        }
    }
    for (t, acc) in acc.iter().enumerate() {
        for (h, acc) in acc.iter().enumerate() {
            // SAFETY: the job covers these rows and the tile.
            unsafe { store(job, *acc, row + t, tile * TILE + h * LANES) };
        }
    }
}

/// One sub-block of the sums that `micro` computes.
///
/// # Safety
/// `w` must be the start of a tile of format `P`; tile and activations must have the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_sub_block<P: Packed, const SUB: usize, const NR: usize>(
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
        let sums = dot::<P, SUB, NR>(at, ahead, x.codes.add(block * BLOCK), x.k);
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

/// Whether codes are multiplied with their sign, so that nothing is to be corrected.
const fn is_signed(g: &Geometry) -> bool {
    g.zero == 128
}

/// Steps whose products may be added in 16 bits: each adds at most `2 * max_code * 127`.
const fn steps_in_16_bits(g: &Geometry) -> usize {
    let mut steps = STEPS / g.subs;
    while steps as i32 * 2 * g.max_code * 127 > i16::MAX as i32 {
        steps /= 2;
    }
    steps
}

/// Sums over one sub-block: `code * activation`, of signed codes `(code - 128) * activation`.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`; 32 bytes must be readable at `q`
/// and at each further row's distance `k`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dot<P: Packed, const SUB: usize, const NR: usize>(
    at: *const u8,
    ahead: usize,
    q: *const i8,
    k: usize,
) -> [[__m256i; HALVES]; NR] {
    let steps = STEPS / P::G.subs;
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    if P::G.low_bits == 8 {
        // No step differs from another: a loop leaves the optimizer more sense for registers.
        for step in 0..STEPS {
            // SAFETY: promised by the caller.
            unsafe { add_signed::<P, NR>(&mut sums, at, step, ahead, q.add(4 * step), k) };
        }
        return sums;
    }
    let mut pairs = [[_mm256_setzero_si256(); HALVES]; NR];
    // Written out, so that shifts are by constants whatever the optimizer decides.
    macro_rules! steps {
        ($($i:literal)*) => { $(if $i < steps {
            let step = SUB * steps + $i;
            // SAFETY: promised by the caller.
            unsafe {
                if is_signed(&P::G) {
                    add_signed::<P, NR>(&mut sums, at, step, ahead, q.add(4 * step), k);
                } else {
                    add_unsigned::<P, NR>(&mut pairs, at, step, ahead, q.add(4 * step), k);
                    if ($i + 1) % const { steps_in_16_bits(&P::G) } == 0 {
                        widen::<NR>(&mut sums, &mut pairs);
                    }
                }
            }
        })* };
    }
    steps!(0 1 2 3 4 5 6 7);
    sums
}

/// `pairs[t] += codes . q[t]`, two products per lane of 16 bits; `q` has rows at distance `k`.
///
/// # Safety
/// As for [`dot`], `q` being where the step's activations start.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_unsigned<P: Packed, const NR: usize>(
    pairs: &mut [[__m256i; HALVES]; NR],
    at: *const u8,
    step: usize,
    ahead: usize,
    q: *const i8,
    k: usize,
) {
    // SAFETY: promised by the caller.
    let codes =
        unsafe { [weights::codes::<P>(at, step, ahead), weights::codes::<P>(at.add(32), step, 0)] };
    for t in 0..NR {
        // SAFETY: promised by the caller.
        let four = unsafe { broadcast(q.add(t * k)) };
        for h in 0..HALVES {
            let products = _mm256_maddubs_epi16(codes[h], four);
            pairs[t][h] = keep::<NR>(_mm256_add_epi16(pairs[t][h], products));
        }
    }
}

/// `sums[t] += (codes - 128) . q[t]`, four products per lane: magnitudes times activations with the
/// codes' signs.
///
/// # Safety
/// As for [`add_unsigned`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_signed<P: Packed, const NR: usize>(
    sums: &mut [[__m256i; HALVES]; NR],
    at: *const u8,
    step: usize,
    ahead: usize,
    q: *const i8,
    k: usize,
) {
    let (ones, zero_point) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
    // SAFETY: promised by the caller.
    let codes =
        unsafe { [weights::codes::<P>(at, step, ahead), weights::codes::<P>(at.add(32), step, 0)] };
    let signed = [_mm256_xor_si256(codes[0], zero_point), _mm256_xor_si256(codes[1], zero_point)];
    let magnitudes = [_mm256_abs_epi8(signed[0]), _mm256_abs_epi8(signed[1])];
    for t in 0..NR {
        // SAFETY: promised by the caller.
        let four = unsafe { broadcast(q.add(t * k)) };
        for h in 0..HALVES {
            let four = _mm256_sign_epi8(four, signed[h]);
            let pairs = _mm256_maddubs_epi16(magnitudes[h], four);
            sums[t][h] = _mm256_add_epi32(sums[t][h], _mm256_madd_epi16(pairs, ones));
        }
    }
}

/// Moves what is in 16 bits to the sums in 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn widen<const NR: usize>(sums: &mut [[__m256i; HALVES]; NR], pairs: &mut [[__m256i; HALVES]; NR]) {
    for t in 0..NR {
        for h in 0..HALVES {
            let widened = _mm256_madd_epi16(pairs[t][h], _mm256_set1_epi16(1));
            sums[t][h] = _mm256_add_epi32(sums[t][h], widened);
            pairs[t][h] = _mm256_setzero_si256();
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

/// The same value. With several rows, the optimizer may not look through it: it would add products
/// as a tree, and keep more of them than there are registers.
#[inline]
#[target_feature(enable = "avx2")]
fn keep<const NR: usize>(mut v: __m256i) -> __m256i {
    if NR > 1 {
        // SAFETY: there is no instruction.
        unsafe {
            asm!("/* {0} */", inout(ymm_reg) v, options(pure, nomem, nostack, preserves_flags));
        }
    }
    v
}

/// Writes 8 outputs of a row from column `first` on; only those that exist.
///
/// # Safety
/// `job` must cover the row and the tile.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(job: &Job<'_, '_>, mut acc: __m256, row: usize, first: usize) {
    let lanes = job.target.n.saturating_sub(first).min(LANES);
    if lanes == 0 {
        return;
    }
    // SAFETY: this call alone writes these rows of this tile (see `Target`).
    let out = unsafe { job.target.lanes(row, first, lanes) };
    let mut values = [0.0f32; LANES];
    if job.target.accumulate {
        values[..lanes].copy_from_slice(out);
        // SAFETY: `values` is a register's worth.
        acc = _mm256_add_ps(unsafe { _mm256_loadu_ps(values.as_ptr()) }, acc);
    }
    // SAFETY: as above.
    unsafe { _mm256_storeu_ps(values.as_mut_ptr(), acc) };
    out.copy_from_slice(&values[..lanes]);
}
